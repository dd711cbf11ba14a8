"""Programs written out unit by unit, against the reference: one network, rows in lanes, copies in lanes."""

import dataclasses
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.layers import Dense
from chainrule.engine.session import Rows, Stop, UpdateSpec
from chainrule.engine.unrolled import base as engine
from chainrule.engine.unrolled import program as written
from chainrule.engine.unrolled.copies import CopiesSession, suitable_lanes
from chainrule.engine.unrolled.program import Form, Unrolled
from chainrule.engine.unrolled.programs import program
from chainrule.engine.unrolled.session import UnrolledSession
from chainrule.engine.unrolled.writer import write
from chainrule.optimizers.schedules import Clock, Cosine, Memory, OnPlateau
from chainrule.training import Call, Data, Settings, fit, training
from chainrule.training.batches import counted

TOLERANCE = {"float64": 1e-10, "float32": 1e-5}
COPIES, EPOCHS, SEED = 5, 35, 3

rng = np.random.default_rng(1)
X, T = rng.normal(size=(11, 3)), rng.normal(size=(11, 2))
GAPS = T.copy()
GAPS[2, 0] = GAPS[5] = np.nan
WEIGHTS = rng.random(11)
CLASSES = np.eye(2)[rng.integers(0, 2, 11)]
WITHOUT_3 = np.where(np.arange(11)[:, None] == 3, np.nan, CLASSES)
WIDE = rng.normal(size=(11, 10))
HELD = Data(rng.normal(size=(7, 3)), rng.normal(size=(7, 2)))
HELD_GAPS = Data(X, GAPS, WEIGHTS)
FROZEN = Dense(3, "relu", trainable=False)
MASK = np.array([[1, 0, 1], [1, 1, 0], [0, 0, 1]])


def net(layers=None, loss="squared_error", inputs=3, seed=0, dtype="float64"):
    return cr.Network(inputs, layers or [Dense(2, "tanh"), Dense(2)], loss=loss, seed=seed, dtype=dtype)


def rows(data):
    counts = counted(data.t, data.weights)
    return Rows(data.x, data.t, None if (counts == 1).all() else counts)


def recipe(settings, count):
    size = min(settings.batch_size or count, count)
    return UpdateSpec(
        settings.optimizer, size, settings.shuffle, settings.seed, settings.l1, settings.l2, settings.clip_norm,
        settings.clip_value,
    )  # fmt: skip


def typed(data, dtype):
    return None if data is None else Data(*(None if part is None else part.astype(dtype) for part in data))


def rates(settings, per_epoch):
    clocks = (Clock.at(u, per_epoch, settings.epochs) for u in range(settings.epochs * per_epoch))
    return np.array([settings.optimizer.schedule.rate(clock, Memory()) for clock in clocks])


def near(found, wanted, dtype):
    np.testing.assert_allclose(found, wanted, rtol=0, atol=TOLERANCE[dtype] * (1 + np.abs(wanted).max(initial=0)))


# -------------------------------------------------------------------------------- against the reference
def one_agrees(across, start, data, held, settings):
    """One network's session, called twice and cut within an epoch, ends as the reference does."""
    mine, theirs, dtype = start.copy(), start.copy(), start.model.chain.dtype.name
    history = fit(Call(theirs.model, data, held, settings))
    session = UnrolledSession(
        mine.model, rows(data), None if held is None else rows(held), recipe(settings, len(data.x)), across=across,
        patience=settings.patience or 0, min_delta=settings.min_delta,
    )  # fmt: skip
    etas = rates(settings, session.per_epoch)
    cut = len(etas) // 3 + 1
    ran = [session.run(etas[:cut])]
    if ran[0].stop == Stop.RUNNING:
        ran.append(session.run(etas[cut:]))
    near(np.concatenate([r.losses for r in ran]), history.loss, dtype)
    near(np.concatenate([r.norms for r in ran]), history.gradient_norm, dtype)
    near(np.concatenate([r.validation_losses for r in ran]), history.validation_loss, dtype)
    assert (ran[-1].stop == Stop.PATIENCE) == (history.stopped == "patience")
    best = session.best()
    assert best.epoch == history.best_epoch
    assert session.ends_finite()
    if history.restored:
        mine.parameters.vector[...] = best.vector
    near(mine.parameters.vector, theirs.parameters.vector, dtype)


def copies_agree(start, data, held, settings):
    """Copies with parameters, seeds and rates of their own, trained in two calls, end as each does alone."""
    chain, dtype = start.model.chain, start.model.chain.dtype.name
    nets = [
        cr.Network(start.inputs, start.layers, loss=start.loss_function, seed=k, dtype=dtype) for k in range(COPIES)
    ]
    given = settings.optimizer
    constant = isinstance(given.learning_rate, float)
    optimizers = [
        dataclasses.replace(given, learning_rate=given.learning_rate * (1 + 0.2 * k)) if constant else given
        for k in range(COPIES)
    ]
    seeds = [settings.seed + k for k in range(COPIES)]
    judges = held is not None or settings.patience is not None
    session = CopiesSession(
        chain, np.array([one.parameters.vector for one in nets]), rows(data), None if held is None else rows(held),
        recipe(settings, len(data.x)), optimizers, seeds, settings.epochs, 2, patience=settings.patience or 0,
        judges=judges, norms=True, lanes=4,
    )  # fmt: skip
    ran = [session.run(settings.epochs // 3), session.run(settings.epochs - settings.epochs // 3)]
    losses, norms = (np.concatenate([getattr(r, of) for r in ran], axis=1) for of in ("losses", "norms"))
    vectors = session.best_vectors if judges else session.vectors
    for k, (one, optimizer, seed) in enumerate(zip(nets, optimizers, seeds, strict=True)):
        history = fit(Call(one.model, data, held, dataclasses.replace(settings, optimizer=optimizer, seed=seed)))
        near(losses[k, : history.epochs], history.loss, dtype)
        near(norms[k, : history.epochs], history.gradient_norm, dtype)
        near(vectors[k], one.parameters.vector, dtype)
        if held is not None:
            found = np.concatenate([np.asarray(r.validation_losses) for r in ran], axis=1)[k, : history.epochs]
            near(found, history.validation_loss, dtype)
        if judges:
            assert session.best_epochs[k] == history.best_epoch
            assert (session.stopped[k] == Stop.PATIENCE) == (history.stopped == "patience")


def agrees(across, start, x=X, t=T, weights=None, held=None, **settings):
    """A session of that kind does what the reference does."""
    how = Settings(**{
        "epochs": EPOCHS, "batch_size": 4, "optimizer": cr.SGD(0.1), "shuffle": False, "seed": SEED,
        "engine": "reference", "progress": False, **settings,
    })  # fmt: skip
    dtype = start.model.chain.dtype
    data, held = typed(Data(x, t, weights), dtype), typed(held, dtype)
    if across == "copies":
        copies_agree(start, data, held, how)
    else:
        one_agrees(across, start, data, held, how)


ALL, ROW_BY_ROW, ONE = ("one", "rows", "copies"), ("one", "copies"), ("one",)
MEAN, FUSED = "mean_squared_error", "categorical_cross_entropy_from_logits"

CASES = {
    "single rows, shuffled": (ROW_BY_ROW, {}, {"batch_size": 1, "shuffle": True}),
    "single rows, weights, a mean": (("copies",), {"loss": MEAN}, {"batch_size": 1, "weights": WEIGHTS}),
    "batches, shuffled": (ALL, {}, {"shuffle": True}),
    "all rows, gaps in a mean": (ALL, {"loss": MEAN}, {"t": GAPS, "batch_size": None, "shuffle": True}),
    "gaps, weights, shuffled": (ALL, {}, {"t": GAPS, "weights": WEIGHTS, "shuffle": True}),
    "weights, a mean": (ONE, {"loss": MEAN}, {"weights": WEIGHTS}),
    "validation, its weights and gaps": (ALL, {"loss": MEAN}, {"held": HELD_GAPS}),
    "validation, patience": (ROW_BY_ROW, {}, {"held": HELD, "patience": 2, "optimizer": cr.SGD(0.2), "shuffle": True}),
    "patience": (("copies",), {}, {"patience": 2, "optimizer": cr.SGD(0.3), "shuffle": True}),
    "a mask, a shared bias, a frozen layer, no bias": (
        ROW_BY_ROW,
        {"layers": [Dense(3, "sigmoid", mask=MASK, bias="shared"), FROZEN, Dense(2, bias=None)]},
        {},
    ),
    "the lowest layer frozen": (ONE, {"layers": [Dense(3, "sigmoid", trainable=False), Dense(2, bias="shared")]}, {}),
    "softmax": (
        ("copies",),
        {"layers": [Dense(3, "tanh"), Dense(2, "softmax")], "loss": "categorical_cross_entropy"},
        {"t": CLASSES},
    ),
    "softmax in the middle": (ONE, {"layers": [Dense(3, "softmax"), Dense(2, "tanh")]}, {}),
    "softmax fused, a row without target": (ALL, {"loss": FUSED}, {"t": WITHOUT_3, "shuffle": True}),
    "penalties and clipping": (ROW_BY_ROW, {}, {"l1": 0.01, "l2": 0.1, "clip_value": 0.3, "clip_norm": 0.4}),
    "a schedule, decay": (ROW_BY_ROW, {}, {"optimizer": cr.SGD(Cosine(0.2), weight_decay=0.1)}),
    "float32": (("rows", "copies"), {"dtype": "float32"}, {"shuffle": True}),
    "many inputs": (ONE, {"layers": [Dense(5, "tanh"), Dense(2)], "inputs": 10}, {"x": WIDE}),
}


@pytest.mark.parametrize(
    ("case", "across"), [(case, across) for case, (kinds, _, _) in CASES.items() for across in kinds]
)
def test_a_program_trains_as_the_reference_does(case, across):
    _, of_net, settings = CASES[case]
    agrees(across, net(**of_net), **settings)


@pytest.mark.parametrize(
    "optimizer",
    [
        cr.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=0.1), cr.RMSprop(0.01), cr.Adagrad(0.1), cr.Adadelta(),
        cr.Adam(0.02, weight_decay=0.1), cr.NAdam(0.02), cr.Rprop(0.01), cr.Lion(0.01),
    ],
    ids=lambda optimizer: type(optimizer).__name__,
)  # fmt: skip
def test_every_rule_that_optimizers_share_trains_as_the_reference_does(optimizer):
    agrees("copies", net(), optimizer=optimizer)


def test_units_may_have_activations_of_their_own_and_constants():
    draw = np.random.default_rng(0)
    rows = ["sigmoid", "relu", cr.activation("leaky_relu", alpha=0.3), "selu", "identity"]
    hidden = [cr.Neuron(draw.normal(size=3) / 2, bias=0.1, activation=row) for row in rows]
    outputs = [cr.Neuron(draw.normal(size=len(rows)) / 3, bias=0.1, activation="identity") for _ in range(2)]
    agrees("one", cr.Network.from_neurons([hidden, outputs], loss="squared_error"), optimizer=cr.NAdam(0.01))


@pytest.mark.parametrize(
    "loss", [cr.loss("huber", delta=0.3), cr.loss("binary_cross_entropy_from_logits")], ids=lambda loss: loss.name
)
def test_losses_may_have_constants_and_be_fused(loss):
    agrees("one", net(loss=loss), t=CLASSES, optimizer=cr.SGD(0.05))


# -------------------------------------------------------------------------------- one network's session
def started(start, **how):
    """A session of single rows, in order."""
    settings = {"optimizer": cr.SGD(0.1), "batch_size": 1, "shuffle": False, "seed": 0, **how.pop("recipe", {})}
    return UnrolledSession(start.model, Rows(X, T, None), None, UpdateSpec(**settings), **how)


def test_calls_add_up_to_the_very_bits_of_one():
    at_once, in_pieces = net(), net()
    started(at_once).run(np.full(40, 0.1))
    session = started(in_pieces)
    for count in (1, 0, 15, 24):
        session.run(np.full(count, 0.1))
    assert session.updates_done == 40
    assert at_once.parameters.vector.tobytes() == in_pieces.parameters.vector.tobytes()


def test_gradient_and_update_can_be_kept_to_be_looked_at():
    mine, theirs = net(), net()
    how = {"optimizer": cr.Adam(0.02), "batch_size": 4, "shuffle": True, "seed": 2}
    session = started(mine, recipe=how, keep_updates=True, across="one")
    data = Data(X, T)
    for update in training(Call(theirs.model, data, None, Settings(epochs=2, engine="reference", **how))):
        session.run(np.array([0.02]))
        batch, gradient, taken = session.last_update()
        near(gradient, update.gradients.vector, "float64")
        near(taken, update.updates.vector, "float64")
        assert session.batch_loss == pytest.approx(update.loss, abs=1e-12)
        assert batch.tolist() == update.rows.tolist()


def test_a_gradient_can_be_had_without_an_update():
    start = net()
    before = start.parameters.vector.copy()
    session = started(start, recipe={"batch_size": 11}, keep_updates=True)
    loss, gradient = session.loss_and_gradient()
    wanted = np.concatenate([part.ravel() for part in start.gradients(X, T).values()])
    near(gradient, wanted, "float64")
    assert loss == pytest.approx(start.loss(X, T), abs=1e-12)
    assert session.updates_done == 0
    assert start.parameters.vector.tolist() == before.tolist()


@pytest.mark.parametrize("across", ["one", "rows"])
def test_a_loss_that_is_not_finite_stops_before_its_update(across):
    start = net([Dense(2)])
    start.parameters["W1"] = np.full((3, 2), 1e200)
    before = start.parameters.vector.copy()
    session = started(start, recipe={"batch_size": 4}, across=across)
    ran = session.run(np.full(6, 0.1))
    assert (ran.stop, ran.updates, session.updates_done, len(ran.losses)) == (Stop.NOT_FINITE, 0, 0, 0)
    assert start.parameters.vector.tolist() == before.tolist()


def test_parameters_that_are_not_finite_stop_it_within_their_epoch():
    start = net([Dense(2)])
    start.parameters["b1"] = [100.0, 100.0]
    session = started(start, recipe={"batch_size": 11})
    ran = session.run(np.array([0.1, 1e308, 0.1]))
    assert (ran.stop, session.updates_done, len(ran.losses)) == (Stop.NOT_FINITE, 1, 1)


def test_a_run_whose_last_update_went_too_far_does_not_end_finite():
    start = net([Dense(2)])
    session = started(start, recipe={"batch_size": 11})
    session.run(np.array([1e200]))
    after = start.parameters.vector.copy()
    assert not session.ends_finite()
    assert start.parameters.vector.tolist() == after.tolist()
    assert session.updates_done == 1


@pytest.mark.parametrize(("batch", "across"), [(1, "one"), (3, "one"), (4, "rows"), (11, "rows")])
def test_batches_have_their_rows_in_lanes(batch, across):
    assert started(net(), recipe={"batch_size": batch}).form.across == across


# -------------------------------------------------------------------------------- many copies' session
def copies_of(start, vectors, *, threads=1, optimizers=None, epochs=20, **how):
    count = len(vectors)
    given = UpdateSpec(cr.SGD(0.1), 1, shuffle=True, seed=0)
    optimizers = optimizers or [cr.SGD(0.1)] * count
    return CopiesSession(
        start.model.chain, vectors, Rows(X, T, None), None, given, optimizers, range(count), epochs, threads, **how
    )


def vectors(count):
    return np.array([net(seed=k).parameters.vector for k in range(count)])


def test_threads_and_calls_do_not_change_a_bit():
    found = []
    for threads, pieces in ((1, (20,)), (3, (20,)), (2, (1, 12, 7))):
        session = copies_of(net(), vectors(11), threads=threads, lanes=4)
        losses = np.concatenate([session.run(epochs).losses for epochs in pieces], axis=1)
        found.append((losses.tobytes(), session.vectors.tobytes()))
    assert found[0] == found[1] == found[2]


def test_a_copy_that_diverges_is_given_up_and_disturbs_no_other():
    tame, wild = [cr.SGD(0.1)] * 4, [cr.SGD(0.1), cr.SGD(1e3), cr.SGD(0.1), cr.SGD(1e150)]
    calm, session = (copies_of(net(), vectors(4), optimizers=which, lanes=4) for which in (tame, wild))
    wanted, found = calm.run(20).losses, session.run(20).losses
    assert session.stopped.tolist() == [Stop.RUNNING, Stop.NOT_FINITE, Stop.RUNNING, Stop.NOT_FINITE]
    for k in (0, 2):
        assert found[k].tobytes() == wanted[k].tobytes()
        assert session.vectors[k].tobytes() == calm.vectors[k].tobytes()
    for k in (1, 3):
        last = np.isfinite(found[k]).sum()
        assert last < 20
        assert np.isnan(found[k, last:]).all()
        assert np.isfinite(session.vectors[k]).all()


def test_copies_that_diverged_stay_so_when_training_goes_on():
    session = copies_of(net(), vectors(2), optimizers=[cr.SGD(1e150)] * 2, lanes=4)
    first = session.run(10)
    kept = session.vectors.copy()
    again = session.run(10)
    assert np.isnan(first.losses[:, -1]).all()
    assert np.isnan(again.losses).all()
    assert session.vectors.tolist() == kept.tolist()


def test_schedules_may_differ_by_copy():
    optimizers = [cr.SGD(Cosine(0.1)), cr.SGD(0.05), cr.SGD(Cosine(0.2))]
    session = copies_of(net(), vectors(3), optimizers=optimizers, lanes=4)
    session.run(7)
    session.run(13)
    for k, optimizer in enumerate(optimizers):
        alone = net(seed=k)
        alone.fit(X, T, epochs=20, batch_size=1, optimizer=optimizer, seed=k, engine="reference")
        near(session.vectors[k], alone.parameters.vector, "float64")


def test_wide_networks_go_in_single_vectors_of_copies():
    chain, wide = net().model.chain, net([Dense(12, "tanh"), Dense(2)]).model.chain
    single = suitable_lanes(chain, cr.SGD(), 3)
    assert suitable_lanes(chain, cr.SGD(), 1000) == 2 * single
    assert suitable_lanes(chain, cr.Adam(), 1000) == 2 * single
    assert suitable_lanes(wide, cr.SGD(), 1000) == single


# -------------------------------------------------------------------------------- the text
def text(start=None, **form):
    return write(Unrolled((start or net()).model.chain, Form(**{"lanes": 1, "across": "one", "rule": "sgd", **form})))


def test_a_unit_is_a_line_in_the_alphabets_names():
    lines = [line.strip() for line in text(net([Dense(2, "sigmoid"), Dense(1)], inputs=2), single=True).splitlines()]
    for line in (
        "z1_0 = fma(x_1, W1_1_0, fma(x_0, W1_0_0, b1_0))",
        "a1_0, s1_0 = sigmoid(z1_0, (0.0, 0.0))",
        "e_0, de_0 = squared_error(a2_0, t_0, (0.0, 0.0))",
        "delta2_0 = de_0",
        "da1_1 = delta2_0*W2_1_0",
        "delta1_1 = da1_1*s1_1",
        "dW1_0_1 = x_0*delta1_1",
        "W1_0_1 = fma(-eta, dW1_0_1, W1_0_1)",
    ):
        assert line in lines


@pytest.mark.parametrize("form", [
    {}, {"lanes": 8, "across": "copies", "differs": True, "scheduled": False, "validates": True},
    {"lanes": 8, "across": "rows", "counts": True, "missing": True, "validates": True, "rule": "nadam", "shows": True},
])  # fmt: skip
def test_texts_are_python_of_readable_width(form):
    source = text(net([Dense(9, "tanh"), Dense(5)]), **form)
    compile(source, "text", "exec")
    assert max(map(len, source.splitlines())) <= 120


def test_weights_that_a_mask_takes_away_and_frozen_ones_have_no_gradient():
    source = text(net([Dense(3, mask=MASK), Dense(2, trainable=False)]))
    assert "dW1_0_0 = " in source
    assert "dW1_0_1" not in source
    assert "dW2" not in source
    assert "x_0, W1_0_1" not in source


def test_the_same_network_is_compiled_once():
    form = Form(1, "one", "sgd", single=True)
    assert program(net().model.chain, form).run is program(net(seed=5).model.chain, form).run


@pytest.mark.parametrize(("layers", "optimizer", "words"), [
    ([Dense(2), cr.LayerNorm()], None, "layer 2 is a LayerNorm"),
    ([Dense(40)], None, "160 parameters, more than 100"),
    ([Dense(2, trainable=False)], None, "nothing in it is trained"),
    ([Dense(2, dataclasses.replace(cr.activation("tanh"), name="mine", phi=np.sin))], None, "a user's own"),
])  # fmt: skip
def test_what_cannot_be_written_out_is_said(layers, optimizer, words):
    assert words in written.unsupported_reason(net(layers).model.chain, optimizer)
    assert written.unsupported_reason(net().model.chain, cr.Adam()) is None


def test_a_loss_of_ones_own_is_not_written_out():
    mine = dataclasses.replace(cr.loss("huber"), name="mine", term=lambda y, t, delta: abs(y - t) * delta)
    assert "the loss mine" in (written.unsupported_reason(net(loss=mine).model.chain) or "")


def test_schedules_that_watch_losses_have_no_rates_beforehand():
    assert engine.first_rate(OnPlateau(0.2)) == 0.2


def test_once_compiled_it_runs_without_numba(tmp_path):
    code = (
        "import sys, numpy as np, chainrule as cr\n"
        "from chainrule.engine.unrolled.session import UnrolledSession\n"
        "from chainrule.engine.session import Rows, UpdateSpec\n"
        "net = cr.Network(1, [cr.Dense(1)], seed=0)\n"
        "rows = Rows(np.ones((3, 1)), np.ones((3, 1)), None)\n"
        "session = UnrolledSession(net.model, rows, None, UpdateSpec(cr.SGD(0.1), 1, False, 0))\n"
        "print(session.run(np.full(3, 0.1)).updates, 'numba' in sys.modules)\n"
    )
    environment = {**os.environ, "CHAINRULE_CACHE": str(tmp_path)}

    def run():
        return subprocess.run(
            [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, check=True, timeout=120, env=environment,
            cwd=Path(cr.__file__).parents[1],
        ).stdout.split()  # fmt: skip

    assert [run(), run()] == [["3", "True"], ["3", "False"]]
