"""Compiled training against the reference: random networks, wiring, layers, losses, optimizers, settings."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.core.activations import ACTIVATIONS
from chainrule.core.losses import LOSSES, ElementwiseLoss
from chainrule.core.unitwise import unitwise
from chainrule.engine.runtime.chunks import shards
from chainrule.optimizers import OPTIMIZERS

TOLERANCE = {"float64": 1e-10, "float32": 2e-4}
"""How far parameters may be apart after training, beside the largest of them."""

HIDDEN = [name for name in ACTIVATIONS if name != "exponential"]  # whose values outgrow any rate


def data(rng, net, rows):
    """Inputs, and targets the loss is meant for."""
    x = rng.normal(size=(rows, net.inputs))
    low, high = net.loss_function.target_range
    if (low, high) == (0.0, 1.0):
        return x, rng.dirichlet(np.ones(net.outputs), size=rows)
    return x, rng.poisson(2.0, size=(rows, net.outputs)).astype(float) if low == 0 else rng.normal(
        size=(rows, net.outputs)
    )


def both(net, x, t, threads=1, **how):
    """The same run by both engines: (network, history) of each."""
    mine, theirs = net.copy(), net.copy()
    compiled = mine.fit(x, t, engine="compiled", threads=threads, **how)
    reference = theirs.fit(x, t, engine="reference", **how)
    return (mine, compiled), (theirs, reference)


def assert_alike(net, x, t, **how):
    """Parameters, running statistics and history agree."""
    (mine, compiled), (theirs, reference) = both(net, x, t, **how)
    near = TOLERANCE[net.model.chain.dtype.name]
    for name, wanted in theirs.parameters.items():
        np.testing.assert_allclose(
            mine.parameters[name], wanted, rtol=0, atol=near * (1 + np.abs(wanted).max()), err_msg=name
        )
    for mine_state, state in zip(mine.model.state, theirs.model.state, strict=True):
        for key, wanted in state.items():
            np.testing.assert_allclose(mine_state[key], wanted, rtol=near, atol=near, err_msg=key)
    for of in ("loss", "validation_loss", "learning_rate", "gradient_norm"):
        wanted = getattr(reference, of)
        np.testing.assert_allclose(getattr(compiled, of), wanted, rtol=10 * near, atol=10 * near, err_msg=of)
    assert (compiled.best_epoch, compiled.stopped, compiled.restored) == (
        reference.best_epoch, reference.stopped, reference.restored
    )  # fmt: skip


# -------------------------------------------------------------------------------- every row of the tables
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_trains_as_the_reference_does(name, dtype):
    rng = np.random.default_rng(1)
    net = cr.Network(3, [cr.Dense(19, name), cr.Dense(2, "tanh")], loss="half_squared_error", seed=0, dtype=dtype)
    assert_alike(net, *data(rng, net, 23), epochs=20, batch_size=8, optimizer=cr.SGD(0.01), seed=5)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_trains_as_the_reference_does(name, dtype):
    rng = np.random.default_rng(2)
    loss = cr.loss(name)
    output = LOSSES[f"{name}_from_logits"].link if f"{name}_from_logits" in LOSSES else "identity"
    net = cr.Network(4, [cr.Dense(5, "tanh"), cr.Dense(3, output)], loss=loss, seed=0, dtype=dtype)
    x, t = data(rng, net, 21)
    gone = rng.random(t.shape) < 0.2 if isinstance(loss, ElementwiseLoss) else rng.random(21) < 0.2
    t[gone] = np.nan
    assert_alike(net, x, t, weights=rng.uniform(0.1, 3, 21), epochs=20, batch_size=8, optimizer=cr.SGD(0.01), seed=5)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", [*OPTIMIZERS, "momentum", "nesterov"])
def test_every_optimizer_trains_as_the_reference_does(name, dtype):
    rng = np.random.default_rng(3)
    kinds = {"momentum": cr.SGD(0.01, momentum=0.9), "nesterov": cr.SGD(0.01, momentum=0.9, nesterov=True)}
    optimizer = kinds.get(name) or cr.optimizer(name)
    net = cr.Network(4, [cr.Dense(6, "tanh"), cr.Dense(2)], loss="squared_error", seed=0, dtype=dtype)
    assert_alike(net, *data(rng, net, 30), epochs=25, batch_size=10, optimizer=optimizer, seed=5)


# -------------------------------------------------------------------------------- random networks and settings
OPTIMIZERS_AT_RANDOM = [
    cr.SGD(0.02),
    cr.SGD(0.02, momentum=0.8),
    # a gradient that is 0 but for rounding (a bias before a normalisation) must not become a step by an epsilon of 1e-8
    cr.Adam(0.01, epsilon=1e-3),
    cr.AdamW(cr.schedules.Cosine(0.01), epsilon=1e-3),
]


@st.composite
def networks(draw, widest=70, outputs=20):
    """Layers of 1 to ``widest`` units with masks, shared or absent biases, dropout and normalisation between."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    below = inputs = draw(st.integers(1, widest))
    layers = []
    for _ in range(draw(st.integers(0, 2))):
        units = draw(st.integers(1, widest))
        mask = (rng.random((below, units)) < 0.7).astype(int) if draw(st.booleans()) else None
        activation = draw(st.sampled_from(["tanh", "relu", "sigmoid", "softmax"]))
        if draw(st.integers(0, 5)) == 0:
            activation = unitwise([ACTIVATIONS[["tanh", "relu"][j % 2]] for j in range(units)])
        bias = draw(st.sampled_from(["per-unit", "shared", None]))
        layers.append(cr.Dense(units, activation, bias=bias, mask=mask, trainable=draw(st.integers(0, 4)) > 0))
        below = units
        kind = draw(st.integers(0, 6))
        if kind < 3:
            layers.append([cr.Dropout(0.3), cr.LayerNorm("tanh", epsilon=0.1), cr.BatchNorm("relu", epsilon=0.1)][kind])
    layers.append(cr.Dense(draw(st.integers(1, outputs)), draw(st.sampled_from(["identity", "tanh"]))))
    if draw(st.integers(0, 5)) == 0:
        layers.insert(0, draw(st.sampled_from([cr.Dropout(0.2), cr.LayerNorm(epsilon=0.1), cr.BatchNorm(epsilon=0.1)])))
    loss = draw(
        st.sampled_from(["mean_squared_error", "squared_error", "huber", "categorical_cross_entropy_from_logits"])
    )
    return cr.Network(inputs, layers, loss=loss, seed=int(rng.integers(1000)), dtype="float64")


@st.composite
def ways_to_train(draw, rows):
    """Settings of ``fit``; batches leave a remainder of at least two rows or none, as BatchNorm needs it."""
    size = draw(st.sampled_from([n for n in (2, 3, 7, 16, rows) if n <= rows and rows % n != 1]))
    some = st.sampled_from
    return {
        "batch_size": size,
        "epochs": draw(st.integers(1, 8)),
        "optimizer": draw(some(OPTIMIZERS_AT_RANDOM)),
        "shuffle": draw(st.booleans()),
        "seed": draw(st.integers(0, 99)),
        "l1": draw(some([0.0, 0.01])),
        "l2": draw(some([0.0, 0.01])),
        "clip_norm": draw(some([None, 0.5])),
        "clip_value": draw(some([None, 0.05])),
        "patience": draw(some([None, 2])),
        "validation": draw(some([None, 0.25])),
    }


@settings(max_examples=25)
@given(st.data())
def test_random_networks_train_as_the_reference_does(drawn):
    net = drawn.draw(networks())
    assume(net.parameters.vector.size > 100)  # smaller ones are compiled one by one, which takes long: see below
    train_as_drawn(net, drawn)


@pytest.mark.slow
@settings(max_examples=6, derandomize=True)  # the same ones each time, so that their code is found on disk
@given(st.data())
def test_random_small_networks_train_as_the_reference_does(drawn):
    train_as_drawn(drawn.draw(networks(widest=4, outputs=4)), drawn)


def train_as_drawn(net, drawn):
    """Draw data and settings, train by both engines and compare."""
    rng = np.random.default_rng(0)
    rows = drawn.draw(st.sampled_from([8, 40, 97]))
    x, t = data(rng, net, rows)
    how = drawn.draw(ways_to_train(rows))
    if how["validation"]:
        held = round(0.25 * rows)
        how["validation"] = (x[:held], t[:held])
        x, t = x[held:], t[held:]
        how["batch_size"] = None
    if drawn.draw(st.booleans()):
        how["weights"] = rng.uniform(0.1, 2, len(x))
    assert_alike(net, x, t, threads=drawn.draw(st.sampled_from([1, 2])), **how)


def test_a_network_without_parameters_is_trained_for_nothing():
    net = cr.Network(3, [cr.Dropout(0.5)], loss="squared_error", seed=0)
    assert_alike(net, *data(np.random.default_rng(7), net, 21), epochs=2, batch_size=5, optimizer=cr.Adam(0.01), seed=1)


# -------------------------------------------------------------------------------- large batches and threads
@pytest.mark.parametrize("batch_size", [None, 600, 300, 64])
def test_chunks_and_shards_of_large_batches_add_up(batch_size):
    rng = np.random.default_rng(4)
    net = cr.Network(
        5, [cr.Dense(40, "tanh"), cr.Dropout(0.2), cr.Dense(3, bias="shared")], loss="squared_error", seed=0
    )
    assert_alike(net, *data(rng, net, 1500), epochs=3, batch_size=batch_size, optimizer=cr.Adam(0.01), seed=1)


@pytest.mark.parametrize(
    ("inputs", "hidden", "batch", "parts"),
    [
        (4, 8, 63, 1),
        (4, 8, 127, 1),
        (4, 8, 128, 2),
        (4, 8, 511, 4),
        (4, 8, 10_000, 8),
        (64, 100, 200, 2),
        (784, 100, 200, 1),
    ],
)
def test_rows_are_dealt_into_parts_where_activations_are_many_beside_parameters(inputs, hidden, batch, parts):
    net = cr.Network(inputs, [cr.Dense(hidden), cr.Dense(10)], loss="squared_error", seed=0)
    assert shards(net.model.chain, batch) == parts


@pytest.mark.parametrize("left", [1, 3, 9])
def test_a_last_batch_of_fewer_rows_than_shards_counts_its_own_rows_alone(left):
    net = cr.Network(5, [cr.Dense(20, "tanh"), cr.LayerNorm(), cr.Dense(2)], loss="squared_error", seed=0)
    assert_alike(net, *data(np.random.default_rng(6), net, 600 + left), epochs=3, batch_size=600, threads=2, seed=1)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize(
    ("layers", "batch_size"),
    [
        ([cr.Dense(70, "relu"), cr.Dense(130, "tanh"), cr.Dense(10)], 64),
        ([cr.Dense(16, "tanh"), cr.Dense(3)], None),
        ([cr.Dense(40, "tanh"), cr.Dense(3)], 200),
        ([cr.Dense(33, "relu"), cr.BatchNorm(), cr.Dense(4)], 100),
        ([cr.Dense(33, "relu"), cr.LayerNorm(), cr.Dropout(0.5), cr.Dense(4, bias="shared")], 100),
    ],
)
def test_the_number_of_threads_does_not_change_a_bit(layers, batch_size, dtype):
    rng = np.random.default_rng(5)
    net = cr.Network(20, layers, loss="squared_error", seed=0, dtype=dtype)
    x, t = data(rng, net, 1300)
    results = set()
    for threads in (1, 2, 3):
        twin = net.copy()
        history = twin.fit(
            x, t, validation=(x[:99], t[:99]), epochs=3, batch_size=batch_size, optimizer=cr.Adam(0.01), seed=1,
            clip_norm=1.0, engine="compiled", threads=threads,
        )  # fmt: skip
        results.add((twin.parameters.vector.tobytes(), tuple(history.losses), tuple(history.validation_losses)))
    assert len(results) == 1


def test_a_row_of_a_batch_is_computed_alike_wherever_it_stands():
    rng = np.random.default_rng(6)
    net = cr.Network(9, [cr.Dense(21, "tanh"), cr.Dense(2)], loss="squared_error", seed=0)
    x = rng.normal(size=(13, 9))
    whole = net.predict(x, engine="compiled")
    for n in range(13):
        assert net.predict(x[n:], engine="compiled")[0].tobytes() == whole[n].tobytes()
