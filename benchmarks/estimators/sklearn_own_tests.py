"""scikit-learn's own tests of its networks, run against ours: the classes are replaced before the tests import them.

    python benchmarks/estimators/sklearn_own_tests.py

Tests that reach into private attributes are named in ``PRIVATE`` with the reason; all others must pass. The exit status
says whether they did.
"""

import sys
from pathlib import Path

import pytest
import sklearn.neural_network
import sklearn.neural_network._multilayer_perceptron as theirs

from chainrule.estimators import MLPClassifier, MLPRegressor

PRIVATE = {
    "test_gradient": "differentiates _loss_grad_lbfgs, which takes packed parameters and scratch lists",
}
"""Tests that are about private attributes, and which."""


class Report:
    """Counts what happened to each test."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the worst of a test's phases."""
        name = report.nodeid.split("::", 1)[1]
        if report.when == "call" or report.outcome != "passed":
            self.outcomes[name] = report.outcome


def main() -> int:
    """Run them, print the count and what failed."""
    folder = Path(sklearn.neural_network.__file__).parent / "tests"
    for module in (sklearn.neural_network, theirs):
        module.MLPClassifier, module.MLPRegressor = MLPClassifier, MLPRegressor
    report = Report()
    files = [str(folder / name) for name in ("test_mlp.py", "test_base.py")]
    plain = ["-q", "--no-header", "--tb=short", "-p", "no:cacheprovider", "-c", "/dev/null", "--rootdir", str(folder)]
    pytest.main([*plain, *files, *sys.argv[1:]], plugins=[report])
    private = {name for name in report.outcomes if name.split("[")[0] in PRIVATE}
    failed = sorted(name for name, outcome in report.outcomes.items() if outcome == "failed" and name not in private)
    passed = sum(outcome == "passed" for outcome in report.outcomes.values())
    print(f"{len(report.outcomes)} tests of scikit-learn {sklearn.__version__}: {passed} passed, {len(failed)} failed")
    for name in sorted(private):
        print(f"  private: {name} ({report.outcomes[name]}): {PRIVATE[name.split('[')[0]]}")
    for name in failed:
        print(f"  failed: {name}")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
