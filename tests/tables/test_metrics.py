"""Metrics, beside scikit-learn's."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import InputError
from chainrule.tables import (
    baseline_classification_metrics,
    baseline_regression_metrics,
    classification_metrics,
    regression_metrics,
)

NUMBERS = st.lists(st.tuples(st.floats(-1e3, 1e3), st.floats(-1e3, 1e3)), min_size=2, max_size=20)


@pytest.fixture(scope="module")
def metrics():
    """Scikit-learn's metrics, imported before hypothesis looks at the clock."""
    return pytest.importorskip("sklearn.metrics")


@given(pairs=NUMBERS)
def test_regression_metrics_are_those_of_scikit_learn(metrics, pairs):
    t, prediction = np.array(pairs).T
    ours = regression_metrics(t, prediction)
    np.testing.assert_allclose(ours["MAE"], metrics.mean_absolute_error(t, prediction))
    np.testing.assert_allclose(ours["RMSE"], metrics.root_mean_squared_error(t, prediction))
    if np.ptp(t) > 1e-3:
        np.testing.assert_allclose(ours["R2"], metrics.r2_score(t, prediction), rtol=1e-9)


def test_perfect_predictions_have_no_error():
    assert regression_metrics([1.0, 2.0], [1.0, 2.0]) == {"R2": 1.0, "MAE": 0.0, "RMSE": 0.0}


def test_r2_compares_with_the_baseline_that_is_given():
    assert regression_metrics([1.0, 3.0], [2.0, 2.0])["R2"] == 0.0
    assert regression_metrics([1.0, 3.0], [2.0, 2.0], baseline=0.0)["R2"] == pytest.approx(0.8)


def test_r2_is_undefined_where_the_truth_never_differs_from_the_baseline():
    assert math.isnan(regression_metrics([0.1, 0.1, 0.1], [0.1, 0.2, 0.1])["R2"])
    assert math.isnan(regression_metrics([5.0], [4.0])["R2"])


def test_the_regression_baseline_is_the_mean_of_the_training_rows():
    assert baseline_regression_metrics([1.0, 3.0], [2.0, 4.0]) == regression_metrics([2.0, 4.0], [2.0, 2.0])


@pytest.mark.parametrize(("t", "prediction"), [([], []), ([1.0], [1.0, 2.0]), ([[1.0]], [[1.0]])])
def test_numbers_of_the_wrong_shape_are_refused(t, prediction):
    with pytest.raises(InputError, match="at least one row"):
        regression_metrics(t, prediction)


@st.composite
def predicted_classes(draw, classes):
    n = draw(st.integers(1, 20))
    labels = draw(st.lists(st.sampled_from(classes), min_size=n, max_size=n))
    weights = st.lists(st.integers(1, 9), min_size=len(classes), max_size=len(classes))
    p = np.array(draw(st.lists(weights, min_size=n, max_size=n)), dtype=float)
    return labels, p / p.sum(axis=1, keepdims=True)


@given(predicted=predicted_classes(["a", "b", "c"]))
def test_metrics_of_several_classes_are_those_of_scikit_learn(metrics, predicted):
    labels, p = predicted
    ours = classification_metrics(labels, p, ["a", "b", "c"])
    prediction = np.array(["a", "b", "c"])[p.argmax(axis=1)]
    recalls = metrics.recall_score(labels, prediction, labels=sorted(set(labels)), average=None, zero_division=0)
    assert ours == pytest.approx(
        {
            "accuracy": metrics.accuracy_score(labels, prediction),
            "balanced accuracy": recalls.mean(),
            "log loss": metrics.log_loss(labels, p, labels=["a", "b", "c"]),
        }
    )


@given(predicted=predicted_classes(["a", "b"]))
def test_the_area_under_the_curve_is_that_of_scikit_learn(metrics, predicted):
    labels, p = predicted
    area = classification_metrics(labels, p, ["a", "b"])["ROC AUC"]
    if len(set(labels)) < 2:
        assert math.isnan(area)
    else:
        assert area == pytest.approx(metrics.roc_auc_score(np.array(labels) == "b", p[:, 1]))


def test_a_class_thought_impossible_costs_much_but_not_everything():
    assert classification_metrics(["b"], [[1.0, 0.0]], ["a", "b"])["log loss"] == pytest.approx(36.04, abs=0.01)


def test_the_classification_baseline_gives_the_shares_of_the_training_rows():
    metrics = baseline_classification_metrics(["a", "a", "a", "b"], ["a", "b"], ["a", "b"])
    assert metrics == pytest.approx(
        {
            "accuracy": 0.5,
            "balanced accuracy": 0.5,
            "log loss": -(math.log(0.75) + math.log(0.25)) / 2,
            "ROC AUC": 0.5,
        }
    )


@pytest.mark.parametrize("p", [[[0.5, 0.5]], [[1.0], [1.0]], [0.5, 0.5]])
def test_probabilities_of_the_wrong_shape_are_refused(p):
    with pytest.raises(InputError, match=r"shape \(N, K\) = \(2, 2\)"):
        classification_metrics(["a", "b"], p, ["a", "b"])


def test_no_rows_are_refused():
    with pytest.raises(InputError, match="at least one row"):
        classification_metrics([], np.zeros((0, 2)), ["a", "b"])
    with pytest.raises(InputError, match="at least one training row"):
        baseline_classification_metrics([], ["a"], ["a", "b"])


def test_a_label_that_is_no_class_is_refused():
    with pytest.raises(InputError, match="one of the classes a, b, got 'c'"):
        classification_metrics(["c"], [[0.5, 0.5]], ["a", "b"])
