"""The tabular estimators beside others, by test accuracy and seconds to fit, each with its defaults.

    python benchmarks/estimators/tabular.py FOLDER_OF_NPZ [--diamonds diamonds.csv] [--rows 500000] [--realmlp]

The folder holds sets as KEEL's: ``fold0_x_train``, ``fold0_y_train``, ``fold0_x_test``, ``fold0_y_test``, and so on for
three folds. ``--realmlp`` adds pytabkit's RealMLP_TD_S_Classifier, which needs pytabkit and torch.
"""

import argparse
import contextlib
import os
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from chainrule.estimators import TabularClassifier, TabularRegressor

FOLDS = 3

Contestants = dict[str, Callable[[], Any]]


def contestants(*, realmlp: bool) -> Contestants:
    """Each by name."""
    made: Contestants = {
        "TabularClassifier": lambda: TabularClassifier(random_state=0),
        "scaled MLPClassifier": lambda: make_pipeline(StandardScaler(), MLPClassifier(random_state=0)),
        "HistGradientBoosting": lambda: HistGradientBoostingClassifier(random_state=0),
    }
    if realmlp:
        from pytabkit import RealMLP_TD_S_Classifier

        made["RealMLP_TD_S"] = lambda: RealMLP_TD_S_Classifier(random_state=0, device="cpu")
    return made


def classification(folder: Path, sets: list[str], made: Contestants) -> Iterator[str]:
    """Rows of a table: a set each, and the means."""
    yield "| set | " + " | ".join(made) + " |"
    yield "|---" * (len(made) + 1) + "|"
    means = []
    for name in sets:
        kept = np.load(folder / f"{name}.npz")
        told = []
        for make in made.values():
            scores, begin = [], time.perf_counter()
            for k in range(FOLDS):
                x, y, x_test, y_test = (kept[f"fold{k}_{part}"] for part in ("x_train", "y_train", "x_test", "y_test"))
                scores.append(make().fit(x, y).score(x_test, y_test))
            told.append((100 * np.mean(scores), (time.perf_counter() - begin) / FOLDS))
        means.append(told)
        yield _row(name, told)
    yield _row("mean", np.mean(means, axis=0))


def _row(name: str, told: Any) -> str:
    return f"| {name} | " + " | ".join(f"{score:.2f} %, {seconds:.1f} s" for score, seconds in told) + " |"


def diamonds(path: Path) -> str:
    """The price of diamonds: R2 on a fifth of the rows."""
    import pandas as pd
    from sklearn.model_selection import train_test_split

    table = pd.read_csv(path)
    price = table.pop("price")
    x, x_test, y, y_test = train_test_split(table, price, test_size=0.2, random_state=0)
    begin = time.perf_counter()
    fitted = TabularRegressor(random_state=0).fit(x, y)
    seconds = time.perf_counter() - begin
    return f"diamonds, `TabularRegressor()`: test R2 {fitted.score(x_test, y_test):.4f}, fitted in {seconds:.1f} s"


def many_rows(rows: int) -> str:
    """So many drawn rows of 20 numbers, two classes by a curved border: seconds to fit, and accuracy on as many."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2 * rows, 20)).astype(np.float32)
    border = np.sin(2 * x[:, 0]) + x[:, 1] * x[:, 2]
    y = np.where(border + 0.3 * rng.normal(size=len(x)) > 0, "a", "b")
    begin = time.perf_counter()
    fitted = TabularClassifier(random_state=0).fit(x[:rows], y[:rows])
    seconds = time.perf_counter() - begin
    return (
        f"{rows:,} rows of 20 numbers, `TabularClassifier()`: accuracy {100 * fitted.score(x[rows:], y[rows:]):.2f} %, "
        f"of the true border {100 * np.mean((border > 0) == (y == 'a')):.2f} %, fitted in {seconds:.1f} s"
    )


def compile_kernels() -> None:
    """Two classes, three, and numbers: machine code is made once for a machine, so it is no part of a fit's seconds."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(2_000, 4))
    for classes in (2, 3):
        TabularClassifier(epochs=2, members=1, engine="compiled").fit(x, rng.integers(classes, size=len(x)))
    TabularRegressor(epochs=2, members=1, engine="compiled").fit(x, x[:, 0])


def versions() -> str:
    """Python's and the packages'."""
    told = [f"Python {sys.version.split()[0]}"]
    for package in ("numpy", "scikit-learn", "numba", "torch", "pytabkit"):
        with contextlib.suppress(metadata.PackageNotFoundError):
            told.append(f"{package} {metadata.version(package)}")
    return ", ".join(told)


def main() -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", help="names with commas between; all unless given; '' for none")
    parser.add_argument("--diamonds", type=Path)
    parser.add_argument("--rows", type=int, help="also so many drawn rows")
    parser.add_argument("--realmlp", action="store_true")
    told = parser.parse_args()
    warnings.simplefilter("ignore")
    print(f"With {versions()}, {os.cpu_count()} processors.\n", flush=True)
    compile_kernels()
    sets = sorted(path.stem for path in told.folder.glob("*.npz")) if told.sets is None else told.sets.split(",")
    if any(sets):
        for line in classification(told.folder, sets, contestants(realmlp=told.realmlp)):
            print(line, flush=True)
    if told.diamonds:
        print(f"\n{diamonds(told.diamonds)}", flush=True)
    if told.rows:
        print(f"\n{many_rows(told.rows)}")


if __name__ == "__main__":
    main()
