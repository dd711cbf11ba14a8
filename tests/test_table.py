"""Every row of every table through the same checks: a new row is tested by standing in its table."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.core.activations import ACTIVATIONS, ElementwiseActivation
from chainrule.core.initializers import INITIALIZERS
from chainrule.core.layers import LAYERS
from chainrule.core.losses import LOSSES, ElementwiseLoss
from chainrule.core.unitwise import unitwise
from chainrule.extend import check_activation, check_initializer, check_layer, check_loss, check_optimizer
from chainrule.optimizers import OPTIMIZERS
from chainrule.verify.precision import best_difference

MASK = np.array([[1, 0, 1], [0, 1, 1], [1, 1, 0]])

# what makes a layer of each kind; more than one where an argument changes the mathematics
LAYER_EXAMPLES = {
    "Dense": [
        cr.Dense(3, "tanh"),
        cr.Dense(2, "relu", bias="shared"),
        cr.Dense(4, "softmax", bias=None),
        cr.Dense(3, "silu", mask=MASK),
        cr.Dense(3, "mish", bias="shared", mask=MASK.T, trainable=False),
        cr.Dense(3, unitwise([ACTIVATIONS["tanh"], ACTIVATIONS["relu"], ACTIVATIONS["exponential"]])),
    ],
    "Dropout": [cr.Dropout(0.0), cr.Dropout(0.4)],
    "LayerNorm": [cr.LayerNorm(), cr.LayerNorm("tanh", epsilon=0.1), cr.LayerNorm("softmax")],
    "BatchNorm": [cr.BatchNorm(), cr.BatchNorm("sigmoid", momentum=0.5, epsilon=0.1), cr.BatchNorm("leaky_relu")],
    "Scale": [cr.Scale(), cr.Scale(0.5, trainable=False)],
}


def every(table):
    return pytest.mark.parametrize("name", list(table))


def other_parameters(row):
    """The row with other constants, if it has any."""
    return [row.with_parameters(**{key: 1.5 * value for key, value in row.parameters.items()})] * bool(row.parameters)


def other_settings(optimizer):
    """Numbers moved, switches turned."""
    moved = {}
    for field in fields(optimizer):
        value = getattr(optimizer, field.name)
        moved[field.name] = not value if isinstance(value, bool) else 0.7 * value or 0.5
    return replace(optimizer, **moved)


# -------------------------------------------------------------------------------- rows against their formulas
@every(ACTIVATIONS)
def test_an_activation_is_what_its_formulas_say(name):
    for row in (ACTIVATIONS[name], *other_parameters(ACTIVATIONS[name])):
        proof = check_activation(row)
        assert proof, proof


@every(LOSSES)
def test_a_loss_is_what_its_formulas_say(name):
    for row in (LOSSES[name], *other_parameters(LOSSES[name])):
        proof = check_loss(row)
        assert proof, proof


@every(INITIALIZERS)
def test_draws_of_an_initialiser_have_the_moments_it_states(name):
    for row in (INITIALIZERS[name], *other_parameters(INITIALIZERS[name])):
        proof = check_initializer(row)
        assert proof, proof


@pytest.mark.parametrize("shape", [(5, 3), (3, 5), (4, 4)])
def test_columns_or_rows_of_an_orthogonal_draw_are_orthogonal(shape):
    q = cr.initializer("orthogonal", gain=1.5)(np.random.default_rng(0), shape, np.dtype("float64"))
    short = q.T @ q if shape[0] >= shape[1] else q @ q.T
    np.testing.assert_allclose(short, 1.5**2 * np.eye(min(shape)), atol=1e-13)


@every(OPTIMIZERS)
def test_an_optimizer_does_what_its_equations_say(name):
    for optimizer in (OPTIMIZERS[name](), other_settings(OPTIMIZERS[name]())):
        proof = check_optimizer(optimizer)
        assert proof, proof


def test_every_kind_of_layer_has_examples():
    assert set(LAYER_EXAMPLES) == set(LAYERS)


@pytest.mark.parametrize("layer", [layer for layers in LAYER_EXAMPLES.values() for layer in layers], ids=repr)
def test_a_layer_passes_its_derivatives_on(layer):
    proof = check_layer(layer)
    assert proof, proof


# -------------------------------------------------------------------------------- rows in whole networks
@st.composite
def networks(draw, hidden, output, loss, between=None):
    """A network with these activations and loss, and what it is run on: shapes, wiring and numbers by hypothesis."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    rows, inputs, outputs = draw(st.integers(2, 5)), draw(st.integers(1, 3)), draw(st.integers(1, 3))
    layers, below = [], inputs
    hidden = draw(st.sampled_from([[], [hidden], [hidden, "tanh"], ["tanh", hidden]]))
    for units, activation in [*((draw(st.integers(1, 4)), row) for row in hidden), (outputs, output)]:
        bias = draw(st.sampled_from(["per-unit", "shared", None]))
        mask = rng.integers(2, size=(below, units)) if draw(st.booleans()) else None
        layers += [between] if between is not None else []
        layers.append(cr.Dense(units, activation, bias=bias, mask=mask))
        below = units
    net = cr.Network(inputs, layers, loss=loss, seed=0)
    net.parameters.vector[...] = rng.normal(scale=0.7, size=net.parameters.vector.size)
    x, t = rng.normal(size=(rows, inputs)), targets(rng, net.loss_function, (rows, outputs))
    if draw(st.booleans()):
        gone = rng.random(t.shape) < 0.3 if isinstance(net.loss_function, ElementwiseLoss) else rng.random(rows) < 0.3
        t[gone] = np.nan
    weights = rng.uniform(0.1, 3, rows) if draw(st.booleans()) else None
    return net, x, t, weights


def targets(rng, loss, shape):
    """Targets the loss is meant for: shares that sum to 1, counts, or any numbers."""
    low, high = loss.target_range
    if (low, high) == (0.0, 1.0):
        return rng.dirichlet(np.ones(shape[1]), size=shape[0])
    return rng.poisson(2.0, size=shape).astype(float) if low == 0 else rng.normal(size=shape)


def fitting_output(loss):
    """The activation whose values the loss is for: the link of its fused form."""
    return LOSSES[f"{loss}_from_logits"].link if f"{loss}_from_logits" in LOSSES else "identity"


def check_derivatives(net, x, t, weights, training=False):
    """Gradients against differences of the loss; a Hessian-vector product against differences of the gradients."""
    how = {"weights": weights, "training": training, "seed": 3 if training else None}
    report = net.check_gradients(x, t, **how)
    assert report, f"{net}\n{report}"

    v = np.random.default_rng(0).normal(size=net.parameters.vector.size)
    here = net.parameters.vector.copy()

    def gradient(step):
        net.parameters.vector[...] = here + step * v
        return np.concatenate([np.ravel(g) for g in net.gradients(x, t, **how).values()])

    wanted, size = best_difference(gradient), np.abs(gradient(0.0)).max()
    found = net.hessian_vector_product(x, t, v, **how)
    np.testing.assert_allclose(found, wanted, rtol=0, atol=1e-6 * np.abs(wanted).max() + 1e-9 * (1 + size))


@every(ACTIVATIONS)
@settings(max_examples=10)
@given(st.data())
def test_networks_of_an_activation_differentiate(name, data):
    output = data.draw(st.sampled_from([name, "tanh"]))
    check_derivatives(*data.draw(networks("tanh" if output == name else name, output, "half_squared_error")))


@every(LOSSES)
@settings(max_examples=10)
@given(st.data())
def test_networks_differentiate_a_loss(name, data):
    check_derivatives(*data.draw(networks("tanh", fitting_output(name), name)))


@pytest.mark.parametrize("training", [False, True], ids=["prediction", "training"])
@every(LAYER_EXAMPLES)
@settings(max_examples=10)
@given(st.data())
def test_networks_with_a_layer_differentiate(name, training, data):
    # with an epsilon of 1e-5 two rows that are nearly alike are standardised too steeply for differences
    gentle = [layer for layer in LAYER_EXAMPLES[name] if getattr(layer, "epsilon", 1) >= 0.1]
    between = None if name == "Dense" else data.draw(st.sampled_from(gentle))
    case = data.draw(networks("softplus", "sigmoid", "squared_error", between))
    check_derivatives(*case, training=training)


# -------------------------------------------------------------------------------- both sides of kinks
KINKED = [
    (row.name, kink) for row in ACTIVATIONS.values() if isinstance(row, ElementwiseActivation) for kink in row.kinks
]
KINKED_LOSSES = [
    (row.name, kink)
    for row in LOSSES.values()
    if isinstance(row, ElementwiseLoss)
    for kink in row.kinks(**row.parameters)
]


def verdict(activation, loss, w, t):
    net = cr.Network(1, [cr.Dense(1, activation, bias=None)], loss=loss, seed=0)
    net.set_parameters({"W1": [[w]]})
    report = net.check_gradients([[1.0]], [[t]])
    return report.entries[0].verdict


@pytest.mark.parametrize(("name", "kink"), KINKED)
def test_the_gradient_is_right_on_both_sides_of_an_activations_kink_and_one_of_them_on_it(name, kink):
    assert [verdict(name, "half_squared_error", kink + h, 7.0) for h in (-1e-3, 1e-3)] == ["right", "right"]
    assert verdict(name, "half_squared_error", kink, 7.0) in ("kink", "right")


@pytest.mark.parametrize(("name", "kink"), KINKED_LOSSES)
def test_the_gradient_is_right_on_both_sides_of_a_losss_kink_and_between_them_on_it(name, kink):
    assert [verdict("identity", name, 0.5 + kink + h, 0.5) for h in (-1e-3, 1e-3)] == ["right", "right"]
    assert verdict("identity", name, 0.5 + kink, 0.5) == "kink"
