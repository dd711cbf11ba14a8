"""The network as formulas: what each unit says is what the network computes."""

import json
import re
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from hypothesis import given, settings

import chainrule as cr
from chainrule.core.layers.base import Back, BackDot, Layer
from chainrule.errors import InputError
from chainrule.explain.expression import Dots, Sum
from chainrule.explain.formula import formula
from chainrule.explain.render.text import plain
from tests.explain.test_html import checked
from tests.explain.test_latex import is_balanced
from tests.strategies import cases


def two_two_one(mask=None):
    layers = [cr.Dense(2, "sigmoid", mask=mask), cr.Dense(1, "sigmoid")]
    return cr.Network(2, layers, loss="squared_error", seed=0)


def test_each_unit_has_its_formula_and_the_network_is_one():
    told = str(two_two_one().formula())
    for line in (
        "z1[0]  = W1[0, 0] x[0] + W1[1, 0] x[1] + b1[0]",
        "a1[0]  = sigmoid(z1[0])",
        "e  = (t[0] - y[0])^2",
        "sigmoid(z)  = 1/(1 + exp(-z))",
        "y[0]  = sigmoid(W2[0, 0] sigmoid(W1[0, 0] x[0]",
    ):
        assert line in told


def test_a_masked_weight_is_absent():
    told = str(two_two_one(mask=[[1, 0], [1, 1]]).formula())
    assert "W1[0, 1]" not in told
    assert "z1[1]  = W1[1, 1] x[1] + b1[1]" in told


FUNCTIONS = {
    "sigmoid": lambda z: 1 / (1 + np.exp(-z)),
    "tanh": np.tanh,
    "exp": np.exp,
    "sqrt": np.sqrt,
    "softplus": lambda z: np.log1p(np.exp(z)),
    "softsign": lambda z: z / (1 + abs(z)),
    "silu": lambda z: z / (1 + np.exp(-z)),
    "relu": lambda z: max(0.0, z),
    "leaky_relu": lambda z: z if z > 0 else 0.01 * z,
    "elu": lambda z: z if z > 0 else np.exp(z) - 1,
}


@settings(max_examples=40)
@given(cases())
def test_the_numbers_of_every_formula_come_to_its_value(case):
    sheet = formula(case.net.model, case.x[:1], None)
    told = 0
    for section in sheet.sections:
        for line in section.equations:
            if line.value is not None:
                text = plain(line.right, digits=17, numeric=True).replace("^", "**")
                assert eval(text, {**FUNCTIONS}) == pytest.approx(line.value, rel=1e-9, abs=1e-12)
                told += 1
    assert told >= 2 * case.net.outputs


@settings(max_examples=20)
@given(cases())
def test_every_rendering_of_a_formula_is_sound(case):
    sheet = case.net.formula(case.x[0])
    assert is_balanced(sheet.latex())
    checked(sheet.html())
    for math in re.findall(r"<math>.*?</math>", sheet.html()):
        ET.fromstring(math)
    assert json.loads(json.dumps(sheet.to_dict()))["schema"] == "chainrule/formula"


def test_a_large_network_shows_the_first_and_last_units_with_dots_between():
    net = cr.Network(64, [cr.Dense(64, "relu"), cr.Dense(10, "softmax")], loss="categorical_cross_entropy", seed=0)
    sheet = net.formula()
    told = str(sheet)
    assert "...     = ..." in told
    assert "+ ... + W1[63, 63] x[63]" in " ".join(told.split())
    assert "too many to be read as one formula" in told
    assert len(told.splitlines()) < 60
    whole = net.formula(most=None)
    sums = [line.right for line in whole.sections[0].equations if isinstance(line.right, Sum)]
    assert len(sums) == 64
    assert all(len(one.terms) == 65 and Dots() not in one.terms for one in sums)


def test_layers_with_statistics_say_what_they_are():
    layers = [cr.LayerNorm("tanh"), cr.BatchNorm(), cr.Dropout(0.5), cr.Dense(1, bias="shared")]
    told = str(cr.Network(2, layers, seed=0).formula())
    for line in (
        "mean1      = (x[0] + x[1])/2",
        "xhat2[0]  = (a1[0] - mean2[0])/sqrt(variance2[0] + 1e-05)",
        "a3[1]  = a2[1]",
        "z4[0]  = W4[0, 0] a3[0] + W4[1, 0] a3[1] + b4",
        "too long to be read as one formula",
    ):
        assert line in told


def test_each_unit_of_a_layer_may_have_its_own_activation():
    units = [cr.Neuron([1.0], bias=None, activation=name) for name in ("tanh", "relu")]
    told = str(cr.Network.from_neurons([units]).formula())
    assert "a1[0]  = tanh(z1[0])" in told
    assert "a1[1]  = relu(z1[1])" in told
    assert "e  = ((t[0] - y[0])^2 + (t[1] - y[1])^2)/2" in told


class Doubling(Layer):
    """A layer of one's own."""

    def units_out(self, units_in):
        return units_in

    def parameter_shapes(self, units_in):
        return {}

    def initial_parameters(self, units_in, rng, dtype):
        return {}

    def forward(self, p, a_in, state, run):
        return {"a_in": a_in, "z": 2 * a_in, "a": 2 * a_in}

    def backward(self, p, record, da):
        return Back(da, {}, 2 * da)

    def forward_dot(self, p, p_dot, record, a_in_dot):
        return {"a_in": a_in_dot, "z": 2 * a_in_dot, "a": 2 * a_in_dot}

    def backward_dot(self, p, p_dot, record, dot, da, back, da_dot):
        return BackDot({}, 2 * da_dot)

    def formulas(self, l):
        return {"a": f"2 a{l - 1}"}

    def options(self):
        return {}


def test_a_layer_of_ones_own_is_named():
    net = cr.Network(1, [cr.Dense(1, "tanh"), Doubling(), cr.Dense(1)], loss="squared_error", seed=0)
    assert "a2  = Doubling(a1)   (a layer of your own)" in str(net.formula())
    general = str(net.derivation())
    assert "a2  = Doubling(a1)" in general
    assert "Doubling.backward(dE/da2)" in general


@pytest.mark.parametrize("keywords", [{"x": [[1.0, 2.0], [3.0, 4.0]]}, {"most": 2}])
def test_several_rows_or_too_few_units_are_refused(keywords):
    with pytest.raises(InputError, match=r"one row|at least 3"):
        two_two_one().formula(**keywords)


def test_a_row_puts_its_numbers_beside_the_symbols():
    net = cr.Network(1, [cr.Dense(1, "tanh"), cr.Dense(1)], loss="squared_error", seed=0)
    net.set_parameters({"W1": [[0.5]], "b1": [0.25], "W2": [[2.0]], "b2": [-1.0]})
    told = str(net.formula([2.0]))
    assert "z1[0]  = W1[0, 0] x[0] + b1[0]  = 0.5 * 2 + 0.25  = 1.25" in told
    assert "= 2 * 0.848284 + (-1)" in told
    assert "a2[0] = z2[0] = 0.696567" in " ".join(told.split())


def test_a_loss_that_mixes_the_outputs_is_written_out():
    net = cr.Network(1, [cr.Dense(2)], loss="categorical_cross_entropy_from_logits", seed=0)
    assert "e  = (t[0] + t[1]) log(exp(y[0]) + exp(y[1])) - (t[0] y[0] + t[1] y[1])" in str(net.formula())


def test_a_network_without_parameters_has_formulas_too():
    net = cr.Network(2, [cr.Dropout(0.5)], seed=0)
    assert "y[1]  = x[1]" in str(net.formula())
    assert "a1  = x * mask1" in str(net.derivation())


def test_names_stand_in_every_rendering():
    sheet = two_two_one().formula()
    names = {"x[0]": "bill_length"}
    assert "W1[0, 0] bill_length" in sheet.text(names=names)
    assert r"\text{bill\_length}" in sheet.latex(names=names)
    assert ">bill_length<" in sheet.html(names=names)
    assert sheet._repr_html_() == sheet.html()
    assert "<title>a network of 2 inputs" in sheet.html(whole_page=True)
    assert "\x1b[36m" in sheet.text(colour=True)
