"""The general equations of an architecture: carried out in NumPy, they give the library's own gradients."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings

import chainrule as cr
from chainrule.core.activations import ACTIVATIONS, IDENTITY, ElementwiseActivation, RowActivation
from chainrule.explain.backpropagation import backpropagation, hadamard
from chainrule.explain.expression import (
    Call,
    Cases,
    Compare,
    Hadamard,
    Number,
    Over,
    Partial,
    Power,
    Product,
    Quotient,
    Slope,
    Sum,
    Symbol,
    Transposed,
)
from chainrule.explain.render.text import plain
from tests.explain.test_html import checked
from tests.explain.test_latex import is_balanced
from tests.strategies import cases

CALLS = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "tanh": np.tanh,
    "cosh": np.cosh,
    "Abs": np.abs,
    "sign": np.sign,
    "Max": np.maximum,
    "Min": np.minimum,
}
AXES = {"rows": 0, "units": 1, "outputs": 1, "rows and units": None}


def carried_out(part, values):  # noqa: C901, PLR0911, PLR0912 - one case a kind
    """An expression of arrays, computed."""
    again = lambda inner: carried_out(inner, values)  # noqa: E731
    match part:
        case Number(value):
            return np.float64(value)
        case Symbol() | Partial() | Slope():
            return values[plain(part)]
        case Transposed(of):
            return values[plain(of)].T
        case Sum(terms):
            return sum(again(term) for term in terms)
        case Product(factors):
            whole = again(factors[0])
            for factor in factors[1:]:
                right = again(factor)
                whole = whole @ right if np.ndim(whole) == np.ndim(right) == 2 else whole * right
            return whole
        case Hadamard(factors):
            whole = again(factors[0])
            for factor in factors[1:]:
                whole = whole * again(factor)
            return whole
        case Quotient(top, bottom):
            return again(top) / again(bottom)
        case Power(base, exponent):
            return again(base) ** again(exponent)
        case Over(kind, axis, of):
            keep = {"keepdims": True} if axis == "units" else {}
            return getattr(np, kind)(again(of), axis=AXES[axis], **keep)
        case Cases(pieces):
            whole = None
            for value, conditions in reversed(pieces):
                holds = np.all([again(c) for c in conditions], axis=0) if conditions else None
                whole = again(value) if holds is None else np.where(holds, again(value), whole)
            return whole
        case Compare(left, sign, right):
            return {">": np.greater, "<": np.less, ">=": np.greater_equal, "<=": np.less_equal}[sign](
                again(left), again(right)
            )
        case Call(name, (argument,)) if name in ACTIVATIONS and name not in CALLS:
            return ACTIVATIONS[name].value(again(argument))
        case Call(name, arguments):
            return CALLS[name](*map(again, arguments))
    raise AssertionError(part)


def gradients_by_the_equations(net, x, t):
    """Every line of the sheet carried out in order, until all gradients are there."""
    values = {"x": x, "t": t, "N": np.float64(len(x)), **net.parameters}
    for l, layer in enumerate(net.layers, start=1):
        if isinstance(layer, cr.Dense) and layer.mask is not None:
            values[f"mask{l}"] = layer.mask
        if isinstance(layer, cr.Dropout):
            values[f"mask{l}"] = np.ones((1, net.model.chain.units[l]))
        for key, value in net.model.state[l - 1].items():
            values[f"{key}{l}"] = value[None, :]
    waiting = [line for section in backpropagation(net.model).sections[:-1] for line in section.equations if line.left]
    while waiting:  # a slope is written out after the delta that names it
        left = []
        for line in waiting:
            name = plain(line.left)
            try:
                values.setdefault(name, carried_out(line.right, values))
            except KeyError:
                left.append(line)
        assert len(left) < len(waiting), left
        waiting = left
        if "y" in values and "dE/dy" in values:
            values.setdefault(f"dE/da{len(net.layers)}", values["dE/dy"])
    return {name: values[f"dE/d{name}"] for name in net.parameters}


@settings(max_examples=60)
@given(cases())
def test_the_equations_carried_out_give_the_gradients(case):
    t = np.where(np.isnan(case.t), 0.25, case.t)
    if case.net.loss_function.name.startswith("categorical"):
        t = np.eye(t.shape[1])[np.arange(len(t)) % t.shape[1]]
    if any(isinstance(layer, cr.BatchNorm) for layer in case.net.layers):
        return  # the sheet tells its training form, below
    wanted = case.net.gradients(case.x, t)
    for name, found in gradients_by_the_equations(case.net, case.x, t).items():
        assert np.shape(found) == wanted[name].shape
        assert found == pytest.approx(wanted[name], rel=1e-8, abs=1e-10)


def test_batch_normalisation_is_told_as_it_trains():
    layers = [cr.Dense(3, "tanh"), cr.BatchNorm("sigmoid"), cr.Dense(2)]
    net = cr.Network(2, layers, loss="half_squared_error", seed=1)
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(5, 2)), rng.normal(size=(5, 2))
    net.model.state = tuple({} for _ in layers)
    values = gradients_by_the_equations(net, x, t)
    fresh = cr.Network(2, layers, loss="half_squared_error", seed=1)
    for name, wanted in fresh.gradients(x, t, training=True).items():
        assert values[name] == pytest.approx(wanted, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(
    ("activation", "loss"),
    [
        ("sigmoid", "binary_cross_entropy"),
        ("softmax", "categorical_cross_entropy"),
        ("exponential", "poisson"),
        ("identity", "binary_cross_entropy_from_logits"),
        ("identity", "categorical_cross_entropy_from_logits"),
        ("identity", "poisson_from_logits"),
    ],
)
def test_each_step_from_the_last_delta_to_y_minus_t_is_the_same_number(activation, loss):
    net = cr.Network(2, [cr.Dense(3, activation)], loss=loss, seed=1)
    x, t = np.array([[0.5, -1.0], [0.2, 0.4]]), np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
    section = backpropagation(net.model).sections[3]
    trace = net.trace(x, t)
    values = {"y": trace["y"], "t": t, "N": np.float64(2), "dE/dy": trace["da1"]}
    assert len(section.equations) >= 2
    for line in section.equations:
        assert carried_out(line.right, values) == pytest.approx(trace["delta1"], rel=1e-12)


def test_a_pair_that_does_not_simplify_has_no_such_section():
    net = cr.Network(2, [cr.Dense(1, "tanh")], loss="squared_error", seed=0)
    assert [section.title.split(",")[0] for section in net.derivation().sections] == [
        "forward", "loss", "deltas", "gradients", "update",
    ]  # fmt: skip


def test_the_sheet_reads_as_a_lecture():
    net = cr.Network(2, [cr.Dense(2, "relu", mask=[[1, 0], [1, 1]]), cr.Dense(1, bias="shared")], loss="huber", seed=0)
    told = re.sub(" +", " ", str(net.derivation()))
    for line in (
        "z1 = x (W1 * mask1) + b1 (N x 2; mask1 is 0 where a weight does not exist)",
        "delta1 = (delta2 W2^T) * relu'(z1)",
        "relu'(z1) = {1 if z1 > 0; 0 otherwise} (N x 2; at its kink it is taken as 0)",
        "dE/dW1 = (x^T delta1) * mask1",
        "dE/db2 = sum_rows_units(delta2)",
        "new(W1) = W1 - eta dE/dW1",
    ):
        assert line in told


def test_a_layer_that_is_not_trained_stays_as_it_is():
    told = str(cr.Network(1, [cr.Dense(1, trainable=False)], seed=0).derivation())
    assert "new(W1)  = W1   (this layer is not trained: it stays as it is)" in told


def test_activations_that_mix_or_differ_by_unit_are_told():
    mixing = RowActivation(
        "mine", "z[k]", "own", phi=lambda z: z, jacobian_product=lambda z, a, v: v,
        transposed_jacobian_product=lambda z, a, g: g, transposed_jacobian_product_dot=lambda z, a, g, d: 0 * g,
    )  # fmt: skip
    assert "row's Jacobian matrix" in str(cr.Network(1, [cr.Dense(2, mixing)], seed=0).derivation())
    units = [cr.Neuron([1.0], bias=0.0, activation=name) for name in ("tanh", "relu")]
    assert "by unit: tanh, relu" in str(cr.Network.from_neurons([units]).derivation())


@settings(max_examples=20)
@given(cases())
def test_every_rendering_of_the_equations_is_sound(case):
    sheet = case.net.derivation()
    assert is_balanced(sheet.latex())
    checked(sheet.html())
    assert json.loads(json.dumps(sheet.to_dict()))["schema"] == "chainrule/backpropagation"


def test_scalars_stay_outside_of_the_product_entry_by_entry():
    a, z = Symbol("a", 1), Symbol("z", 1)
    assert hadamard(Product((Number(2.0), a, z))) == Product((Number(2.0), Hadamard((a, z))))
    assert hadamard(Product((Number(2.0), a))) == Product((Number(2.0), a))
    assert isinstance(IDENTITY, ElementwiseActivation)
