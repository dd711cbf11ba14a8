"""What looks read-only answers the same from any number of threads, and a network trained by two at once says so."""

import os
import subprocess
import sys
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.exceptions import ConvergenceWarning

import chainrule as cr
from chainrule.engine.runtime.blas_threads import one_thread, pools
from chainrule.errors import InputError
from chainrule.estimators import MLPClassifier, MLPRegressor, TabularClassifier

WORKERS = 4
ROUNDS = 15
RNG = np.random.default_rng(0)
X = RNG.normal(size=(2000, 20))
LABELS = (X[:, 0] + X[:, 1] ** 2 > 0.5).astype(int)
SIZES = (1, 7, 100, 256, 1000)
NET = cr.Network(
    20, [cr.Dense(40, "relu", bias="shared"), cr.BatchNorm("tanh"), cr.Dense(3)],
    loss="categorical_cross_entropy_from_logits", seed=0,
)  # fmt: skip
SMALL = cr.Network(2, [cr.Dense(2, "sigmoid"), cr.Dense(1, "sigmoid")], loss="squared_error", seed=0)
ONE_HOT = np.eye(3)[RNG.integers(3, size=len(X))]
NET.fit(X, ONE_HOT, epochs=2, batch_size=200, engine="reference", seed=0)


def slices():
    """Some rows, as a caller may ask for them."""
    for k in range(ROUNDS):
        size = SIZES[k % len(SIZES)]
        first = 37 * k % (len(X) - size + 1)
        yield slice(first, first + size)


def fitted(estimator, y=LABELS):
    return estimator.set_params(max_iter=3, random_state=0).fit(X, y)


def predictors():
    """By name, a function of some rows that only reads."""
    classifier = fitted(MLPClassifier((100,), engine="compiled"))
    threaded = fitted(MLPClassifier((100,), engine="compiled", threads=2))
    regressor = fitted(MLPRegressor(hidden_layer_sizes=(30,), engine="reference"), X[:, 0])
    normal, of_two = NET.predictor(), NET.predictor(threads=2)
    yield "predict_proba", lambda s: classifier.predict_proba(X[s])
    yield "predict_proba, two threads a call", lambda s: threaded.predict_proba(X[s])
    yield "predict of a regressor", lambda s: regressor.predict(X[s])
    yield "score", lambda s: np.array([classifier.score(X[s], LABELS[s])])
    yield "predictor", lambda s: normal(X[s])
    yield "predictor of single rows", lambda s: normal(X[s][0])
    yield "predictor, two threads a call", lambda s: of_two(X[s])
    for engine in ("reference", "compiled"):
        yield f"forward, {engine}", lambda s, e=engine: NET.forward(X[s], engine=e)
        yield f"predict, {engine}", lambda s, e=engine: NET.predict(X[s], engine=e)
    yield "loss", lambda s: np.array([NET.loss(X[s], ONE_HOT[s])])
    yield "gradients", lambda s: np.concatenate([g.ravel() for g in NET.gradients(X[s], ONE_HOT[s]).values()])
    yield "compiled gradients", compiled_gradients
    yield "trace", lambda s: NET.trace(X[s], ONE_HOT[s])["dW1"]


def compiled_gradients(s):
    net = cr.Network(20, [cr.Dense(40, "relu"), cr.Dense(3)], loss="categorical_cross_entropy_from_logits", seed=0)
    return np.concatenate([g.ravel() for g in net.gradients(X[s], ONE_HOT[s], engine="compiled", threads=2).values()])


@pytest.fixture(scope="module")
def read_only():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return dict(predictors())


def by_threads(ask, what):
    """The answers of four threads that are let go at once, each asked everything in an order of its own."""
    begin = threading.Barrier(WORKERS)

    def work(worker):
        order = np.random.default_rng(worker).permutation(len(what))
        begin.wait()
        return {int(k): ask(what[k]) for k in order}

    with ThreadPoolExecutor(WORKERS) as pool:
        return list(pool.map(work, range(WORKERS)))


def test_an_answer_does_not_depend_on_other_threads(read_only, subtests):
    what = list(slices())
    for name, ask in read_only.items():
        with subtests.test(name):
            wanted = [ask(one) for one in what]
            for answers in by_threads(ask, what):
                wrong = [what[k] for k, answer in answers.items() if (answer != wanted[k]).any()]
                assert not wrong


def explained():
    yield "explain", lambda k: SMALL.explain(f"W1[{k % 2}, 1]", [-2.0, k], [1.0]).text()
    yield "explain_step", lambda k: SMALL.explain_step([-2.0, k], [1.0], optimizer=cr.Adam(0.1)).text()
    yield "check_gradients", lambda k: str(SMALL.check_gradients([-2.0, k], [1.0]))
    yield "check_backprop", lambda k: str(
        cr.check_backprop(SMALL, [-2.0, k], [1.0], gradients={n: (k % 3) * g for n, g in SMALL.gradients(
            [-2.0, k], [1.0]).items()})
    )  # fmt: skip
    yield "formula", lambda k: str(SMALL.formula([-2.0, k]))
    yield "curvature", lambda k: str(cr.curvature(SMALL, [-2.0, k], [1.0]))
    yield "sweep", lambda k: cr.sweep(SMALL, [[1.0, k]], [1.0], seeds=range(3), epochs=5).vectors.tobytes()
    yield "fit of a copy", lambda k: SMALL.copy().fit([[1.0, k], [2, 3]], [1, 0], epochs=9, seed=k).loss.tobytes()
    yield "to_python", lambda k: SMALL.to_python([[1.0, k]], [1.0], seed=0)


EXPLAINED = dict(explained())


@pytest.mark.parametrize("name", EXPLAINED)
def test_an_explanation_does_not_depend_on_other_threads(name):
    what = list(range(6))
    wanted = [EXPLAINED[name](k) for k in what]
    for answers in by_threads(EXPLAINED[name], what):
        assert [answers[k] for k in what] == wanted


def test_a_table_is_predicted_alike_by_all_threads():
    import pandas as pd

    table = pd.DataFrame({"a": X[:300, 0], "b": np.where(X[:300, 1] > 0, "up", "down"), "c": X[:300, 2]})
    model = TabularClassifier(hidden_layer_sizes=(16,), epochs=5, members=2, random_state=0).fit(table, LABELS[:300])
    what = [slice(k, k + 1 + 20 * (k % 4)) for k in range(0, 200, 40)]
    wanted = [model.predict_proba(table[one]) for one in what]
    for answers in by_threads(lambda one: model.predict_proba(table[one]), what):
        assert all((answers[k] == wanted[k]).all() for k in range(len(what)))


@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_model_whose_numbers_were_changed_answers_by_the_new_ones():
    model = fitted(MLPClassifier((100,), engine="compiled"))
    before = model.predict_proba(X)
    model.coefs_[0][...] *= 2
    after = model.predict_proba(X)
    assert not np.allclose(before, after)
    np.testing.assert_allclose(after, model.set_params(engine="reference").predict_proba(X), atol=1e-6)


def test_a_network_that_another_thread_trains_is_not_trained_too():
    net = SMALL.copy()
    started, go_on = threading.Event(), threading.Event()

    def wait(event):
        started.set()
        assert go_on.wait(30)

    call = {"x": [[1.0, 2.0]], "t": [1.0], "epochs": 1, "seed": 0}
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(lambda: net.fit(**call, callbacks={"epoch": wait}))
        assert started.wait(30)
        with pytest.raises(InputError, match="is being trained"):
            net.fit(**call)
        with pytest.raises(InputError, match="is being trained"):
            net.fit(**call, restarts=2)
        go_on.set()
        assert first.result().stopped == "all epochs"
    assert net.fit(**call).stopped == "all epochs"


def test_products_are_limited_to_one_thread_until_the_last_has_finished():
    def threads():
        return {pool["num_threads"] for pool in pools().info() if pool["user_api"] == "blas"}

    before, begin = threads(), threading.Barrier(WORKERS)

    def work(k):
        for _ in range(20):
            begin.wait()
            with one_thread():
                assert threads() <= {1}
        return k

    with ThreadPoolExecutor(WORKERS) as pool:
        list(pool.map(work, range(WORKERS)))
    assert threads() == before


FORKED = """
import os, sys, threading
import numpy as np
import chainrule as cr
from chainrule.engine.runtime.predictor import Predictor

net = cr.Network(20, [cr.Dense(40, "relu"), cr.Dense(3)], seed=0)
x = np.random.default_rng(0).normal(size=(2000, 20))
predictor = net.predictor(threads=2)
wanted = predictor(x)
stop = threading.Event()
busy = [threading.Thread(target=lambda: [predictor(x) for _ in iter(stop.is_set, True)]) for _ in range(3)]
for one in busy:
    one.start()
answers = []
for _ in range(10):
    child = os.fork()
    if not child:
        same = (predictor(x) == wanted).all() and (net.forward(x, engine="compiled", threads=2) == wanted).all()
        os._exit(0 if same else 3)
    answers.append(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
stop.set()
print(answers)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_answers_as_its_parent():
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", FORKED], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.stdout.strip() == str([0] * 10), done.stderr
