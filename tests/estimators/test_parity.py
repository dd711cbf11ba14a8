"""The drop-in beside what it drops in for: same seed, same start, same losses."""

import warnings

import numpy as np
import pytest
import scipy.sparse
from sklearn import neural_network as theirs
from sklearn.datasets import make_multilabel_classification
from sklearn.exceptions import ConvergenceWarning

from chainrule import estimators as ours

RNG = np.random.RandomState(0)
X = RNG.normal(size=(230, 6))
TARGET = np.abs(X[:, 0] + X[:, 1] * X[:, 2])
WEIGHTS = RNG.uniform(0.1, 2, len(X))

CLASSES = np.digitize(TARGET, [0.3, 0.8, 1.5])
X_LABELS, LABELS = make_multilabel_classification(150, 6, random_state=0)[:2]

TASKS = {
    "multiclass": ("MLPClassifier", X, np.array(["a", "b", "c", "d"])[CLASSES], {}),
    "binary": ("MLPClassifier", X, CLASSES > 1, {}),
    "multilabel": ("MLPClassifier", X_LABELS, LABELS, {}),
    "regression": ("MLPRegressor", X, TARGET, {}),
    "several outputs": ("MLPRegressor", X, np.column_stack([TARGET, -(TARGET**2)]), {}),
    "poisson": ("MLPRegressor", X, np.round(TARGET), {"loss": "poisson"}),
}

SETTINGS = {
    "adam": {"solver": "adam"},
    "large epsilon": {"solver": "adam", "epsilon": 0.1, "beta_1": 0.8, "beta_2": 0.9},
    "penalty": {"solver": "adam", "alpha": 2.0, "shuffle": False},
    "batches": {"solver": "adam", "batch_size": 32, "hidden_layer_sizes": (7, 5), "activation": "tanh"},
    "logistic": {"solver": "sgd", "activation": "logistic"},
    "sgd": {"solver": "sgd", "batch_size": 64},
    "plain sgd": {"solver": "sgd", "momentum": 0.0, "activation": "identity", "learning_rate_init": 0.01},
    "momentum": {"solver": "sgd", "nesterovs_momentum": False, "batch_size": 50},
    "inverse scaling": {"solver": "sgd", "learning_rate": "invscaling", "learning_rate_init": 0.1, "batch_size": 50},
    "adaptive": {"solver": "sgd", "learning_rate": "adaptive", "tol": 1.0, "n_iter_no_change": 2, "batch_size": 50},
    "early stopping": {"solver": "adam", "early_stopping": True, "batch_size": 50},
}


def fitted(module, task, weights=None, **settings):
    kind, x, y, more = TASKS[task]
    estimator = getattr(module, kind)(
        **{"hidden_layer_sizes": (9,), "max_iter": 12, "random_state": 5} | more | settings
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(x, y, sample_weight=weights)


def alike(a, b):
    np.testing.assert_allclose(b.loss_curve_, a.loss_curve_, rtol=0, atol=1e-9)
    for mine, his in zip(b.coefs_ + b.intercepts_, a.coefs_ + a.intercepts_, strict=True):
        np.testing.assert_allclose(mine, his, rtol=0, atol=1e-8)
    for name in ("n_iter_", "t_", "n_layers_", "n_outputs_", "out_activation_", "n_features_in_"):
        assert getattr(a, name) == getattr(b, name), name
    for name in ("best_loss_", "best_validation_score_", "validation_scores_"):
        if getattr(a, name) is None:
            assert getattr(b, name) is None
        else:
            np.testing.assert_allclose(getattr(b, name), getattr(a, name), rtol=0, atol=1e-9)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize("settings", SETTINGS.values(), ids=SETTINGS)
@pytest.mark.parametrize("task", TASKS)
def test_the_same_seed_gives_the_same_losses_and_weights(task, settings, engine):
    threads = 2 if task in ("binary", "several outputs") else 1
    alike(fitted(theirs, task, **settings), fitted(ours, task, engine=engine, threads=threads, **settings))


@pytest.mark.parametrize(("hidden", "size"), [((40,), 200), ((150, 40), 30)], ids=["rows shared", "weights shared"])
def test_the_number_of_threads_changes_no_bit(hidden, size):
    told = {"hidden_layer_sizes": hidden, "batch_size": size, "alpha": 0.5, "engine": "compiled"}
    one, *more = (fitted(ours, "multiclass", WEIGHTS, threads=threads, **told) for threads in (1, 2, 3))
    for other in more:
        assert other.loss_curve_ == one.loss_curve_
        assert other.network_.parameters.vector.tobytes() == one.network_.parameters.vector.tobytes()


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize("settings", ["adam", "sgd", "early stopping", "penalty"])
@pytest.mark.parametrize("task", ["multiclass", "several outputs", "poisson"])
def test_rows_weigh_as_they_do_there(task, settings, engine):
    settings = SETTINGS[settings] | {"batch_size": 50}
    alike(fitted(theirs, task, WEIGHTS, **settings), fitted(ours, task, WEIGHTS, engine=engine, **settings))


@pytest.mark.parametrize("engine", ["reference", "compiled"])
@pytest.mark.parametrize("weights", [None, WEIGHTS], ids=["alike", "weighted"])
@pytest.mark.parametrize("task", ["multiclass", "binary", "several outputs", "poisson"])
def test_lbfgs_goes_the_same_way(task, weights, engine):
    runs = [fitted(theirs, task, weights, solver="lbfgs", max_iter=k) for k in range(1, 11)]
    his, curve = runs[-1], [run.loss_ for run in runs]
    mine = fitted(ours, task, weights, solver="lbfgs", max_iter=10, engine=engine)
    np.testing.assert_allclose(mine.loss_curve_, curve, rtol=0, atol=1e-9)
    assert (mine.n_iter_, mine.t_) == (his.n_iter_, his.t_)
    assert mine.loss_ == mine.loss_curve_[-1]


@pytest.mark.parametrize("task", ["multiclass", "binary", "multilabel", "regression", "several outputs", "poisson"])
def test_predictions_and_scores_are_theirs(task):
    his, mine = fitted(theirs, task), fitted(ours, task)
    _, x, y, _ = TASKS[task]
    if hasattr(his, "predict_proba"):
        np.testing.assert_array_equal(mine.predict(x), his.predict(x))
        np.testing.assert_allclose(mine.predict_proba(x), his.predict_proba(x), atol=1e-10)
        np.testing.assert_allclose(mine.predict_log_proba(x), his.predict_log_proba(x), atol=1e-8)
    else:
        np.testing.assert_allclose(mine.predict(x), his.predict(x), atol=1e-9)
    assert mine.score(x, y) == pytest.approx(his.score(x, y), abs=1e-9)


@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_partial_fit_goes_on_as_theirs_does(engine):
    for solver in ("adam", "sgd"):
        settings = {"solver": solver, "random_state": 3, "hidden_layer_sizes": (6,), "batch_size": 40}
        his = theirs.MLPClassifier(**settings)
        mine = ours.MLPClassifier(engine=engine, **settings)
        for begin in (0, 100, 0, 30):
            rows = slice(begin, begin + 100)
            for one in (his, mine):
                one.partial_fit(X[rows], CLASSES[rows], classes=np.arange(4))
        alike(his, mine)


def warm(module, **settings):
    estimator = module.MLPClassifier(warm_start=True, random_state=3, max_iter=4, **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return estimator.fit(X, CLASSES).fit(X, CLASSES)


def test_a_warm_start_goes_on_as_theirs_does():
    alike(warm(theirs), warm(ours))


def test_a_warm_start_keeps_the_best_weights_of_earlier_fits():
    his, mine = warm(theirs, early_stopping=True), warm(ours, early_stopping=True)
    np.testing.assert_allclose(mine.loss_curve_, his.loss_curve_, atol=1e-9)
    scores = mine.validation_scores_
    assert scores is not None
    np.testing.assert_allclose(scores, np.asarray(his.validation_scores_), atol=1e-9)
    # theirs trains its best weights on in place, and hands out those of the last epoch for the best
    first = ours.MLPClassifier(random_state=3, max_iter=4, early_stopping=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        first.fit(X, CLASSES)
    best = first.best_validation_score_
    assert best is not None
    if max(scores[4:]) <= best:
        np.testing.assert_array_equal(mine.coefs_[0], first.coefs_[0])


@pytest.mark.parametrize("container", [scipy.sparse.csr_matrix, scipy.sparse.csc_array])
def test_sparse_inputs_train_alike_whether_they_are_made_dense_or_not(container, monkeypatch):
    sparse = container(np.where(np.abs(X) > 1, X, 0))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        settings = {"random_state": 0, "max_iter": 8, "batch_size": 50}
        his = theirs.MLPClassifier(**settings).fit(sparse, CLASSES)
        mine = ours.MLPClassifier(**settings).fit(sparse, CLASSES)
        monkeypatch.setattr("chainrule.estimators.inputs.DENSE_BYTES", 0)
        lean = ours.MLPClassifier(**settings).fit(sparse, CLASSES)
    alike(his, mine)
    alike(his, lean)
    np.testing.assert_array_equal(lean.predict(sparse), his.predict(sparse))


def test_float32_stays_float32():
    x = X.astype(np.float32)
    his, mine = (
        m.MLPRegressor(random_state=0, max_iter=400, tol=1e-3).fit(x, TARGET.astype(np.float32)) for m in (theirs, ours)
    )
    assert mine.coefs_[0].dtype == mine.predict(x).dtype == np.float32
    np.testing.assert_allclose(mine.loss_curve_[:10], his.loss_curve_[:10], rtol=1e-5)


def test_the_random_state_is_used_up_as_theirs_is():
    drawn = []
    for module in (theirs, ours):
        rng = np.random.RandomState(1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            module.MLPClassifier(random_state=rng, max_iter=3, early_stopping=True).fit(X, CLASSES)
        drawn.append(rng.uniform())
    assert drawn[0] == drawn[1]
