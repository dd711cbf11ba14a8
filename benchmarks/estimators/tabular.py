"""The tabular estimators beside others, by test accuracy and seconds to fit, each with its defaults.

    python benchmarks/estimators/tabular.py FOLDER_OF_NPZ [--diamonds diamonds.csv] [--sets banana,pima] [--realmlp]

The folder holds sets as KEEL's: ``fold0_x_train``, ``fold0_y_train``, ``fold0_x_test``, ``fold0_y_test``, and so on for
three folds. ``--realmlp`` adds pytabkit's RealMLP_TD_S_Classifier, which needs pytabkit and torch.
"""

import argparse
import time
import warnings
from collections.abc import Callable
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


def classification(folder: Path, sets: list[str], made: Contestants) -> None:
    """A line a set, and the means."""
    print(f"{'set':<15}" + "".join(f"{name:>24}" for name in made))
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
        print(f"{name:<15}" + "".join(f"{score:15.2f} {seconds:6.1f} s" for score, seconds in told), flush=True)
    print(f"{'mean':<15}" + "".join(f"{score:15.2f} {seconds:6.1f} s" for score, seconds in np.mean(means, axis=0)))


def diamonds(path: Path) -> None:
    """The price of diamonds: R2 on a fifth of the rows."""
    import pandas as pd
    from sklearn.model_selection import train_test_split

    table = pd.read_csv(path)
    price = table.pop("price")
    x, x_test, y, y_test = train_test_split(table, price, test_size=0.2, random_state=0)
    begin = time.perf_counter()
    fitted = TabularRegressor(random_state=0).fit(x, y)
    print(f"diamonds: test R2 {fitted.score(x_test, y_test):.4f}, fitted in {time.perf_counter() - begin:.1f} s")


def main() -> None:
    """What the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--sets", help="names with commas between; all unless given")
    parser.add_argument("--diamonds", type=Path)
    parser.add_argument("--realmlp", action="store_true")
    told = parser.parse_args()
    warnings.simplefilter("ignore")
    sets = told.sets.split(",") if told.sets else sorted(path.stem for path in told.folder.glob("*.npz"))
    if sets:
        classification(told.folder, sets, contestants(realmlp=told.realmlp))
    if told.diamonds:
        diamonds(told.diamonds)


if __name__ == "__main__":
    main()
