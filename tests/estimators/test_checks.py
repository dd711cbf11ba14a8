"""scikit-learn's own checks of estimators: all that are run are passed, and no fewer are run than for its networks."""

import warnings
from collections import Counter

import pytest
import sklearn
from sklearn.utils.estimator_checks import check_estimator

from chainrule import estimators

QUICK = {"hidden_layer_sizes": (16,), "epochs": 20, "members": 1}

AT_LEAST = {
    "MLPClassifier": ({}, 67, 65),
    "MLPRegressor": ({}, 60, 59),
    "TabularClassifier": (QUICK, 61, 60),
    "TabularRegressor": (QUICK, 58, 57),
}
"""By class: parameters, how many checks scikit-learn 1.9 runs, and how many of them pass (the others are skipped).

For the first two these are the numbers of scikit-learn's own networks. Other versions have more or fewer checks. The
other two take missing cells, and neither sparse inputs nor several labels, so the checks of those are not made.
"""


@pytest.mark.parametrize("name", AT_LEAST)
def test_every_check_is_passed(name):
    settings, run, passed = AT_LEAST[name]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        results = check_estimator(getattr(estimators, name)(**settings), on_fail=None, on_skip=None)
    failed = {result["check_name"]: result["exception"] for result in results if result["status"] == "failed"}
    assert not failed
    counts = Counter(result["status"] for result in results)
    assert set(counts) <= {"passed", "skipped"}
    assert counts["passed"] > 40
    if sklearn.__version__.startswith("1.9."):
        assert len(results) >= run
        assert counts["passed"] >= passed
