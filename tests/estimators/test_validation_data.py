"""Rows to validate on: what they may lack, what they may not have, and that a refusal changes nothing."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.errors import InputError
from chainrule.estimators import MLPClassifier, MLPRegressor

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 3))
CODES = np.arange(90) % 3
WORDS = np.array(["ash", "elm", "oak"])
BOTH = np.column_stack([X[:, 0] > 0, X[:, 1] > 0]).astype(int)
QUICK = {"hidden_layer_sizes": (4,), "max_iter": 2, "random_state": 0}

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def test_a_first_fit_with_warm_start_takes_validation_rows_that_lack_a_class():
    some = CODES < 2
    fitted = MLPClassifier(warm_start=True, **QUICK).fit(X, CODES, validation_data=(X[some], CODES[some]))
    assert len(fitted.validation_scores_) == 2
    assert fitted.classes_.tolist() == [0, 1, 2]


@settings(max_examples=30)
@given(
    labels=st.sampled_from([CODES, WORDS[CODES], CODES - 1.0, CODES == 1]),
    kept=st.sets(st.integers(0, 89), min_size=1, max_size=4),
    extra=st.sampled_from([{}, {"early_stopping": True}, {"calibration": "temperature"}, {"class_weight": "balanced"},
                           {"monitor": "loss"}, {"restarts": 2}, {"solver": "lbfgs"}, {"dtype": "float32"}]),
    warm=st.booleans(),
)  # fmt: skip
def test_validation_rows_may_lack_any_class(labels, kept, extra, warm):
    held = sorted(kept)
    model = MLPClassifier(warm_start=warm, **QUICK | extra)
    for _ in range(2):  # the second fit goes on from the first where that is asked for
        model.fit(X, labels, validation_data=(X[held], labels[held]))
        assert model.classes_.tolist() == np.unique(labels).tolist()


@pytest.mark.parametrize("labels", [CODES, WORDS[CODES]], ids=["numbers", "words"])
def test_a_batch_may_lack_a_class_with_and_without_warm_start(labels):
    for warm in (False, True):
        model = MLPClassifier(warm_start=warm, **QUICK).partial_fit(X, labels, classes=np.unique(labels))
        model.partial_fit(X[CODES < 2], labels[CODES < 2])
        assert model.t_ == 90 + 60


def test_several_labels_may_be_absent_from_the_validation_rows():
    none = np.zeros_like(BOTH)
    fitted = MLPClassifier(warm_start=True, **QUICK).fit(X, BOTH, validation_data=(X, none))
    assert len(fitted.validation_scores_) == 2


@pytest.mark.parametrize(
    ("model", "y", "held", "told"),
    [
        (MLPClassifier, CODES, CODES + 1, r"validation_data has classes not in .*\[3\] are unknown"),
        (MLPClassifier, CODES, WORDS[CODES], r"\['ash', 'elm', 'oak'\] are unknown"),
        (MLPClassifier, CODES, CODES.astype(str), "are unknown"),
        (MLPClassifier, WORDS[CODES], np.where(CODES, "ash", "fir"), r"\['fir'\] are unknown"),
        (MLPClassifier, CODES, BOTH, "validation_data must have one label a row"),
        (MLPClassifier, BOTH, CODES, "validation_data must have a column of 0 and 1 for each label"),
        (MLPClassifier, BOTH, np.column_stack([BOTH, BOTH]), r"\[2, 3\] are unknown"),
        (MLPRegressor, X[:, 0], X[:, :2], "validation_data must have 1 columns, as that of the training rows, got 2"),
        (MLPRegressor, X[:, :2], X[:, 0], "validation_data must have 2 columns, as that of the training rows, got 1"),
    ],
)
@pytest.mark.parametrize("warm", [False, True])
def test_validation_rows_that_do_not_fit_are_refused_and_nothing_is_learned(model, y, held, told, warm):
    fresh = model(warm_start=warm, **QUICK)
    before = dict(vars(fresh))
    with pytest.raises(ValueError, match=told):
        fresh.fit(X, y, validation_data=(X, held))
    assert vars(fresh) == before
    fresh.fit(X, y, validation_data=(X, y))
    prediction, weights = fresh.predict(X), fresh.coefs_[0].copy()
    with pytest.raises(ValueError, match=told):
        fresh.fit(X, y, validation_data=(X, held))
    np.testing.assert_array_equal(fresh.predict(X), prediction)
    np.testing.assert_array_equal(fresh.coefs_[0], weights)


def test_a_refused_first_batch_leaves_no_classes_behind():
    model = MLPClassifier(**QUICK)
    with pytest.raises(InputError, match="are unknown"):
        model.partial_fit(X, CODES, classes=[0, 1])
    assert not hasattr(model, "classes_")
    assert model.partial_fit(X, CODES, classes=[0, 1, 2]).t_ == 90


def test_calibration_without_rows_to_do_it_by_is_refused_before_training():
    model = MLPClassifier(calibration="temperature", **QUICK)
    with pytest.raises(InputError, match="calibration needs rows set aside"):
        model.fit(X, CODES)
    assert not hasattr(model, "network_")


def test_a_fit_that_goes_on_still_needs_all_classes():
    model = MLPClassifier(warm_start=True, **QUICK).fit(X, CODES)
    with pytest.raises(InputError, match=r"has the same classes as in the previous call .* `y` has \[0 1\]"):
        model.fit(X[CODES < 2], CODES[CODES < 2])
