"""Speed beside scikit-learn's networks: the same data, parameters, seed and epochs, and so the same losses.

    python benchmarks/estimators/speed.py [letter.npz]

Each line: seconds to fit and seconds to predict (the same number of rows), theirs and ours, best of several runs in
turn, the factor, and by how much the last losses differ. Without a file a set like the letters is drawn.
"""

import argparse
import time
import warnings
from typing import Any

import numpy as np
from sklearn import neural_network as theirs
from sklearn.datasets import load_digits, make_classification
from sklearn.exceptions import ConvergenceWarning
from sklearn.preprocessing import StandardScaler

from chainrule import estimators as ours

PAUSE = 0.3
"""Seconds before each: the threads of a linear-algebra library spin for a while after their last product, and would
take a processor from whoever comes next."""


def digits() -> tuple[Any, Any]:
    """1797 rows of 64 pixels, 10 classes."""
    x, y = load_digits(return_X_y=True)
    return x / 16, y


def letters(path: str | None) -> tuple[Any, Any]:
    """18,000 rows of 16 numbers, 26 classes: KEEL's letter set, or one like it."""
    if path is None:
        return make_classification(18_000, 16, n_informative=12, n_classes=26, n_clusters_per_class=1, random_state=0)
    kept = np.load(path)
    return StandardScaler().fit_transform(kept["fold0_x_train"]), kept["fold0_y_train"]


def wide() -> tuple[Any, Any]:
    """10,000 rows of 784 numbers, 10 classes."""
    return make_classification(10_000, 784, n_informative=60, n_classes=10, random_state=0)


def regression() -> tuple[Any, Any]:
    """20,000 rows of 20 numbers, a target."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(20_000, 20))
    return x, np.sin(x[:, 0]) + x[:, 1] * x[:, 2] + 0.1 * rng.normal(size=len(x))


def measured(kind: type, x: Any, y: Any, settings: dict[str, Any]) -> tuple[float, float, Any]:
    """Seconds to fit, seconds to predict, and the estimator."""
    time.sleep(PAUSE)
    begin = time.perf_counter()
    fitted = kind(**settings).fit(x, y)
    middle = time.perf_counter()
    fitted.predict(x)
    return middle - begin, time.perf_counter() - middle, fitted


def compare(name: str, x: Any, y: Any, kind: str, repeats: int, dtype: str, settings: dict[str, Any]) -> None:
    """Theirs and ours in turn."""
    seconds: dict[str, list[tuple[float, float]]] = {"theirs": [], "ours": []}
    losses = {}
    measured(
        getattr(ours, kind), x[:500], y[:500], settings | {"dtype": dtype, "engine": "compiled"}
    )  # kernels are there
    for _ in range(repeats):
        for whose, module in (("theirs", theirs), ("ours", ours)):
            told = settings if whose == "theirs" else settings | {"dtype": dtype}
            fit, predict, fitted = measured(getattr(module, kind), x, y, told)
            seconds[whose].append((fit, predict))
            losses[whose] = fitted.loss_
    (fit, predict), (our_fit, our_predict) = (np.min(seconds[whose], axis=0) for whose in ("theirs", "ours"))
    print(
        f"{name:<22} fit {fit:7.2f} {our_fit:7.2f} s  {fit / our_fit:5.1f} x   predict {1e3 * predict:7.1f} "
        f"{1e3 * our_predict:7.1f} ms  {predict / our_predict:5.1f} x   together "
        f"{(fit + predict) / (our_fit + our_predict):5.1f} x   losses differ by "
        f"{abs(losses['theirs'] - losses['ours']):.1e}",
        flush=True,
    )


def main() -> None:
    """The table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("letter", nargs="?", help="KEEL's letter.npz")
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--compute", default="auto", help="the dtype that ours computes in; theirs takes the data's")
    told = parser.parse_args()
    warnings.simplefilter("ignore", ConvergenceWarning)
    settings = {"max_iter": told.epochs, "random_state": 0, "tol": 0.0, "n_iter_no_change": told.epochs}
    for name, (x, y), kind in (
        ("digits 1797 x 64", digits(), "MLPClassifier"),
        ("letters 18000 x 16", letters(told.letter), "MLPClassifier"),
        ("wide 10000 x 784", wide(), "MLPClassifier"),
        ("regression 20000 x 20", regression(), "MLPRegressor"),
    ):
        compare(name, x, y, kind, told.repeats, told.compute, settings)


if __name__ == "__main__":
    main()
