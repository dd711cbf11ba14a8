"""What scikit-learn's networks do not have."""

import numpy as np
import pytest
from sklearn.datasets import load_iris

import chainrule as cr
from chainrule.errors import InputError
from chainrule.estimators import MLPClassifier, MLPRegressor
from chainrule.estimators.distributions import GAUSSIAN, quantiles_loss
from chainrule.estimators.weighted_loss import weighted
from chainrule.optimizers.schedules import Cosine, OnPlateau

X, Y = load_iris(return_X_y=True)
NAMES = np.array(["setosa", "versicolor", "virginica"])[Y]
RNG = np.random.default_rng(0)
XR = RNG.normal(size=(300, 3))
TARGET = 50 + 10 * np.tanh(XR[:, 0] + XR[:, 1])

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def classifier(**settings):
    told = {"max_iter": 100, "random_state": 0, "learning_rate_init": 0.01, "scale_inputs": True}
    return MLPClassifier(**{"hidden_layer_sizes": (12,)} | told | settings)


def regressor(**settings):
    told = {"max_iter": 150, "random_state": 0, "learning_rate_init": 0.01, "scale_inputs": True, "scale_target": True}
    return MLPRegressor(hidden_layer_sizes=(12,), **told | settings)


@pytest.mark.parametrize(
    "settings",
    [
        {"hidden_layers": [cr.Dense(16, "mish"), cr.LayerNorm(), cr.Dropout(0.2)]},
        {"network": cr.Network(4, [cr.Dense(8, "tanh"), cr.Dense(3)], loss="categorical_cross_entropy_from_logits")},
        {"hidden_layer_sizes": (8, 8), "activation": ["tanh", "mish"]},
        {"dropout": 0.2},
        {"norm": "layer"},
        {"norm": "batch", "batch_size": 50},
        {"optimizer": cr.AdamW(Cosine(0.02))},
        {"optimizer": cr.Adam(OnPlateau(0.02, patience=3)), "early_stopping": True, "batch_size": 20},
        {"optimizer": "rmsprop", "clip_norm": 1.0, "clip_value": 0.5, "batch_size": 20},
        {"optimizer": cr.LBFGS()},
        {"class_weight": "balanced"},
        {"class_weight": {"setosa": 2.0}},
        {"loss": "squared_error"},
        {"restarts": 2},
        {"dtype": "float32"},
    ],
    ids=str,
)
def test_each_of_them_learns_the_irises(settings):
    fitted = classifier(**settings).fit(X, NAMES)
    assert fitted.score(X, NAMES) > 0.9
    probabilities = fitted.predict_proba(X)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-5)
    np.testing.assert_array_equal(fitted.classes_[probabilities.argmax(axis=1)], fitted.predict(X))


@pytest.mark.parametrize("settings", [{"norm": "batch", "batch_size": 50}, {"dropout": 0.3}, {"clip_norm": 0.1},
                                      {"optimizer": cr.Lion(Cosine(0.003))}], ids=str)  # fmt: skip
def test_both_engines_train_alike(settings):
    a, b = (classifier(engine=engine, max_iter=10, **settings).fit(X, Y) for engine in ("reference", "compiled"))
    np.testing.assert_allclose(a.loss_curve_, b.loss_curve_, atol=1e-9)
    np.testing.assert_allclose(a.predict_proba(X), b.predict_proba(X), atol=1e-8)


@pytest.mark.parametrize(
    "loss", ["huber", "absolute_error", "log_cosh", "quantile", "gaussian", cr.loss("huber", delta=0.3)]
)
def test_losses_learn(loss):
    assert regressor(loss=loss).fit(XR, TARGET).score(XR, TARGET) > 0.9


def test_poisson_predicts_counts():
    counts = RNG.poisson(np.exp(XR[:, 0]))
    fitted = regressor(loss="poisson", scale_target=False).fit(XR, counts)
    assert (fitted.predict(XR) > 0).all()
    assert fitted.out_activation_ == "exp"
    assert fitted.score(XR, counts) > 0.4


def test_levenberg_marquardt_is_a_solver():
    fitted = regressor(solver="levenberg-marquardt", activation="tanh", max_iter=20).fit(XR, TARGET)
    assert fitted.score(XR, TARGET) > 0.999
    assert len(fitted.loss_curve_) == fitted.n_iter_ <= 20


def test_a_variance_is_learned_beside_the_mean():
    noisy = XR[:, 0] + np.where(XR[:, 1] > 0, 1.0, 0.1) * RNG.normal(size=len(XR))
    mean, deviation = regressor(loss="gaussian", max_iter=200).fit(XR, noisy).predict(XR, return_std=True)
    assert mean.shape == deviation.shape == (len(XR),)
    assert deviation[XR[:, 1] > 0.5].mean() > 2 * deviation[XR[:, 1] < -0.5].mean()
    with pytest.raises(InputError, match="gaussian"):
        regressor(max_iter=2).fit(XR, TARGET).predict(XR, return_std=True)


def test_quantiles_cover_what_they_say_and_never_cross():
    noisy = TARGET + 5 * RNG.normal(size=len(XR))
    fitted = regressor(quantiles=[0.9, 0.5, 0.1]).fit(XR, noisy)
    high, middle, low = fitted.predict_quantiles(XR).T
    assert ((low <= middle) & (middle <= high)).all()
    assert 0.8 < (noisy <= high).mean() < 0.97
    assert 0.03 < (noisy <= low).mean() < 0.2
    assert fitted.score(XR, noisy) > 0.5
    both = regressor(quantiles=[0.2, 0.8], max_iter=5).fit(XR, np.column_stack([noisy, noisy]))
    assert both.predict_quantiles(XR).shape == (len(XR), 2, 2)


def test_missing_targets_teach_nothing():
    both = np.column_stack([TARGET, -TARGET])
    holes = both.copy()
    holes[::3, 0], holes[::7] = np.nan, np.nan
    fitted = regressor(missing_targets="ignore").fit(XR, holes)
    assert fitted.score(XR, both) > 0.9
    best = regressor(missing_targets="ignore", early_stopping=True).fit(XR, holes).best_validation_score_
    assert best is not None
    assert best > 0.8
    with pytest.raises(ValueError, match="NaN"):
        regressor().fit(XR, holes)


def test_an_output_that_counts_nothing_is_not_learned():
    both = np.column_stack([TARGET, XR[:, 2]])
    fitted = regressor(output_weights=[1.0, 0.0], alpha=0.0).fit(XR, both)
    prediction = fitted.predict(XR)
    assert np.corrcoef(prediction[:, 0], both[:, 0])[0, 1] > 0.95
    assert np.corrcoef(prediction[:, 1], both[:, 1])[0, 1] < 0.8
    with pytest.raises(InputError, match="output_weights must have one number"):
        regressor(output_weights=[1.0]).fit(XR, both)


@pytest.mark.parametrize("monitor", ["score", "loss"])
def test_own_validation_data_are_judged_by_and_the_best_weights_put_back(monitor):
    fitted = classifier(monitor=monitor, n_iter_no_change=5, learning_rate_init=0.1)
    fitted.fit(X[::2], NAMES[::2], validation_data=(X[1::2], NAMES[1::2]))
    scores = fitted.validation_scores_
    assert scores is not None
    assert fitted.best_validation_score_ == max(scores)
    if monitor == "score":
        assert fitted.score(X[1::2], NAMES[1::2]) == fitted.best_validation_score_
    assert fitted.history_.best_epoch == int(np.argmax(scores))


def test_time_callbacks_and_restarts():
    assert classifier(time_limit=1e-6).fit(X, Y).history_.stopped == "time limit"
    seen = []
    fitted = classifier(callbacks=[lambda e: seen.append(e.loss_), lambda e: e.n_iter_ == 3]).fit(X, Y)
    assert seen == fitted.loss_curve_
    assert fitted.n_iter_ == 3
    assert fitted.history_.stopped == "callback"
    several = classifier(restarts=3, max_iter=20)
    assert several.fit(X, Y).get_params()["restarts"] == 3
    assert several.loss_ <= classifier(random_state=1, max_iter=20).fit(X, Y).loss_ * 1.5


def test_a_temperature_makes_probabilities_honest():
    noisy = np.where(RNG.random(len(XR)) < 0.3, 1 - (XR[:, 0] > 0), XR[:, 0] > 0)
    held, noise = RNG.normal(size=(300, 3)), RNG.random(300)
    truth = np.where(noise < 0.3, 1 - (held[:, 0] > 0), held[:, 0] > 0)
    settings = {"hidden_layer_sizes": (60,), "max_iter": 300, "n_iter_no_change": 300, "monitor": "score"}
    plain = classifier(**settings).fit(XR, noisy)
    honest = classifier(calibration="temperature", **settings).fit(XR, noisy, validation_data=(held, truth))
    assert honest.temperature_ > 1.0
    assert np.abs(honest.predict_proba(held) - 0.5).mean() < np.abs(plain.predict_proba(held) - 0.5).mean()
    with pytest.raises(InputError, match="calibration needs rows set aside"):
        classifier(calibration="temperature", max_iter=2).fit(X, Y)


# -------------------------------------------------------------------------------- own losses
@pytest.mark.parametrize(
    "loss",
    [GAUSSIAN, quantiles_loss([0.1, 0.5, 0.8, 0.9]), weighted(cr.loss("huber"), (1.0, 0.5, 0.0, 2.0)),
     weighted(cr.loss("mean_squared_error"), (1.0, 0.5, 0.0, 2.0))],
    ids=lambda loss: loss.name,
)  # fmt: skip
def test_derivatives_are_those_of_the_loss(loss):
    y, t, v = (RNG.normal(size=(5, 4)) for _ in range(3))
    if loss is GAUSSIAN:
        t[:, 2:] = t[:, :2]
    h = 1e-6
    slopes = np.column_stack([
        (loss.value(y + h * unit, t) - loss.value(y - h * unit, t)) / (2 * h) for unit in np.eye(4)
    ])  # fmt: skip
    np.testing.assert_allclose(loss.derivative(y, t), slopes, atol=1e-6)
    curved = (loss.derivative(y + h * v, t) - loss.derivative(y - h * v, t)) / (2 * h)
    np.testing.assert_allclose(loss.second_derivative_product(y, t, v), curved, atol=1e-5)


def test_weights_by_output_leave_missing_targets_out():
    loss = weighted(cr.loss("squared_error"), (1.0, 3.0))
    assert loss.value(np.zeros((1, 2)), np.array([[np.nan, 2.0]]))[0] == 12.0
    assert loss.derivative(np.zeros((1, 2)), np.array([[np.nan, 2.0]])).tolist() == [[0.0, -12.0]]
    with pytest.raises(InputError, match="mixes them"):
        weighted(cr.loss("categorical_cross_entropy_from_logits"), (1.0,))
