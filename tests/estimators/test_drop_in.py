"""What people do with scikit-learn's estimators besides fitting them."""

import copy
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

import chainrule as cr
from chainrule.errors import InputError
from chainrule.estimators import FitError, MLPClassifier, MLPRegressor

RNG = np.random.RandomState(0)
X = RNG.normal(size=(120, 4))
Y = np.where(X[:, 0] + X[:, 1] > 0, "yes", "no")
TARGET = X[:, 0] - 2 * X[:, 1]

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def classifier(**settings):
    return MLPClassifier(**{"hidden_layer_sizes": (6,), "max_iter": 15, "random_state": 0} | settings)


def regressor(**settings):
    return MLPRegressor(**{"hidden_layer_sizes": (6,), "max_iter": 15, "random_state": 0} | settings)


# -------------------------------------------------------------------------------- the network
def test_the_network_is_the_library_s_and_predicts_alike():
    fitted = classifier().fit(X, Y)
    assert isinstance(fitted.network_, cr.Network)
    np.testing.assert_allclose(fitted.network_.predict(X)[:, 0], fitted.predict_proba(X)[:, 1])
    assert fitted.network_.check_gradients(X[:3], [1.0, 0.0, 1.0])
    assert "dE/dW1" in str(fitted.network_.explain("W1[0, 0]", X[:3], [1.0, 0.0, 1.0]))


def test_coefs_are_the_network_s_own_numbers():
    fitted = regressor().fit(X, TARGET)
    fitted.coefs_[0][...] = 0.0
    assert not fitted.network_.parameters["W1"].any()
    assert np.ptp(fitted.predict(X)) == 0


def test_weights_put_in_the_place_of_others_are_used():
    fitted = regressor().fit(X, TARGET)
    other = regressor(random_state=1).fit(X, TARGET)
    fitted.coefs_ = [values.copy() for values in other.coefs_]
    fitted.intercepts_[0] = other.intercepts_[0].copy()
    fitted.intercepts_[1] = other.intercepts_[1].copy()
    np.testing.assert_array_equal(fitted.predict(X), other.predict(X))
    np.testing.assert_array_equal(fitted.network_.parameters["W1"], other.coefs_[0])


def test_weights_of_another_shape_are_refused():
    fitted = regressor().fit(X, TARGET)
    fitted.coefs_[0] = np.zeros((3, 3))
    with pytest.raises(InputError, match=r"coefs_\[0\] must have shape \(4, 6\)"):
        fitted.predict(X)


# -------------------------------------------------------------------------------- copies
@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_a_pickled_estimator_predicts_and_goes_on(engine):
    fitted = classifier(engine=engine).partial_fit(X, Y, classes=["no", "yes"])
    again = pickle.loads(pickle.dumps(fitted))
    np.testing.assert_array_equal(again.predict_proba(X), fitted.predict_proba(X))
    assert np.shares_memory(again.coefs_[0], again.network_.parameters["W1"])
    fitted.partial_fit(X, Y)
    again.partial_fit(X, Y)
    np.testing.assert_array_equal(again.coefs_[0], fitted.coefs_[0])
    assert again.loss_curve_ == fitted.loss_curve_


def test_copies_do_not_share_numbers(tmp_path):
    fitted = regressor().fit(X, TARGET)
    joblib.dump(fitted, tmp_path / "kept")
    for twin in (copy.deepcopy(fitted), joblib.load(tmp_path / "kept")):
        before = twin.predict(X)
        fitted.coefs_[0][...] += 1.0
        np.testing.assert_array_equal(twin.predict(X), before)
        fitted.coefs_[0][...] -= 1.0


def test_a_clone_has_the_parameters_and_nothing_else():
    told = classifier(alpha=0.5, hidden_layers=[cr.Dense(3, "mish")], optimizer=cr.AdamW(0.01), loss="log_loss")
    twin = clone(told)
    assert isinstance(twin, MLPClassifier)
    assert twin.get_params()["alpha"] == 0.5
    assert repr(twin.hidden_layers) == repr(told.hidden_layers)
    with pytest.raises(NotFittedError):
        twin.predict(X)
    assert twin.fit(X, Y).score(X, Y) > 0.5


# -------------------------------------------------------------------------------- with scikit-learn's own
def test_pipelines_searches_and_cross_validation():
    pipeline = make_pipeline(StandardScaler(), classifier(max_iter=60, learning_rate_init=0.01))
    assert cross_val_score(pipeline, X, Y, cv=3).mean() > 0.8
    search = GridSearchCV(pipeline, {"mlpclassifier__activation": ["tanh", "mish"]}, cv=2).fit(X, Y)
    assert search.best_score_ > 0.8


def test_feature_names_are_kept_and_asked_for():
    frame = pd.DataFrame(X, columns=list("abcd"))
    fitted = classifier().fit(frame, Y)
    assert list(fitted.feature_names_in_) == list("abcd")
    assert fitted.n_features_in_ == 4
    with pytest.raises(ValueError, match="feature names"):
        fitted.predict(frame[list("dcba")])


def test_sample_weights_and_validation_data_are_routed():
    with sklearn.config_context(enable_metadata_routing=True):
        inner = classifier().set_fit_request(sample_weight=True, validation_data=True)
        pipeline = make_pipeline(StandardScaler().set_fit_request(sample_weight=True), inner)
        pipeline.fit(X, Y, sample_weight=np.ones(len(X)), validation_data=(X, Y))
    last = pipeline[-1]
    assert isinstance(last, MLPClassifier)
    assert len(last.validation_scores_) == last.n_iter_


# -------------------------------------------------------------------------------- labels
def test_labels_of_any_kind_come_back():
    for labels in (Y, Y == "yes", np.where(Y == "yes", 7, -1), pd.Series(Y, dtype="category")):
        fitted = classifier(max_iter=100, learning_rate_init=0.01).fit(X, labels)
        assert set(fitted.predict(X)) <= set(np.asarray(labels))
        assert fitted.score(X, labels) > 0.8


def test_a_single_class_is_predicted_always():
    fitted = classifier().fit(X, np.full(len(X), "only"))
    assert set(fitted.predict(X)) == {"only"}


def test_partial_fit_must_know_the_classes_first():
    with pytest.raises(ValueError, match="classes must be passed on the first call"):
        classifier().partial_fit(X, Y)
    fitted = classifier().partial_fit(X, Y, classes=["no", "yes"])
    with pytest.raises(ValueError, match="not the same as on last call"):
        fitted.partial_fit(X, Y, classes=["no", "maybe"])
    with pytest.raises(ValueError, match="classes not in"):
        fitted.partial_fit(X, np.where(Y == "no", "no", "maybe"))


# -------------------------------------------------------------------------------- errors
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("alpha", -1), ("solver", "newton"), ("activation", "swash"), ("batch_size", 0), ("max_iter", 0),
        ("hidden_layer_sizes", (3, -1)), ("tol", float("nan")), ("momentum", 2.0), ("shuffle", "yes"),
        ("n_iter_no_change", 0.5), ("engine", "gpu"), ("dropout", 1.0), ("restarts", 0), ("optimizer", 3),
        ("hidden_layers", ["relu"]), ("monitor", "luck"), ("clip_norm", 0), ("class_weight", 2),
    ],
)  # fmt: skip
def test_a_parameter_out_of_range_is_refused_by_name(name, value):
    with pytest.raises(InputError, match=f"{name}.* must be"):
        classifier(**{name: value}).fit(X, Y)


@pytest.mark.parametrize("weights", [np.ones(3), -np.ones(len(X)), np.zeros(len(X)), np.full(len(X), np.nan)])
def test_weights_that_cannot_be_used_are_refused(weights):
    with pytest.raises(ValueError, match=r"(?i)sample.weight"):
        classifier().fit(X, Y, sample_weight=weights)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_divergence_is_told(engine):
    with pytest.raises(FitError, match="non-finite") as caught:
        regressor(solver="sgd", learning_rate_init=1e6, activation="identity", engine=engine, max_iter=200).fit(
            X, TARGET
        )
    history = caught.value.history
    assert isinstance(history, cr.History)
    assert history.stopped == "diverged"


def test_early_stopping_puts_the_last_finite_epoch_back():
    fitted = regressor(solver="sgd", learning_rate_init=5.0, activation="identity", early_stopping=True, max_iter=200)
    fitted.fit(X, TARGET)
    assert np.isfinite(fitted.predict(X)).all()
    scores = fitted.validation_scores_
    assert scores is not None
    assert np.isnan(scores[-1])


def test_an_unknown_network_shape_is_refused():
    with pytest.raises(InputError, match="network must have 4 inputs and 1 outputs, got 3 and 1"):
        classifier(network=cr.Network(3, [cr.Dense(1)], seed=0)).fit(X, Y)


def test_ctrl_c_keeps_what_was_trained(monkeypatch):
    def interrupt(estimator):
        if estimator.n_iter_ == 3:
            raise KeyboardInterrupt

    with pytest.warns(UserWarning, match="Training interrupted by user"):
        fitted = classifier(callbacks=interrupt).fit(X, Y)
    assert fitted.n_iter_ == 3
    assert fitted.predict(X).shape == (len(X),)


def test_warnings_are_scikit_learn_s():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ConvergenceWarning, match="Maximum iterations \\(2\\) reached"):
            classifier(max_iter=2).fit(X, Y)
        with pytest.raises(UserWarning, match="batch_size"):
            classifier(batch_size=1000).fit(X, Y)


def test_verbose_tells_each_epoch(capsys):
    classifier(verbose=True, max_iter=2, early_stopping=True).fit(X, Y)
    told = capsys.readouterr().out
    assert "Iteration 2, loss = " in told
    assert "Validation score" in told
