"""Expressions as MathML: well formed whatever they are made of, each layer in its class."""

from xml.etree import ElementTree as ET

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.core.activations import ACTIVATIONS
from chainrule.explain.expression import (
    Call,
    Dots,
    Hadamard,
    Number,
    Over,
    Partial,
    Power,
    Product,
    Sum,
    Symbol,
    Transposed,
    from_formula,
)
from chainrule.explain.notation import LAYER_COLOURS
from chainrule.explain.render.mathml import mathml
from chainrule.explain.summary import lines, path_product
from tests.explain.derived import derivations

W = Symbol("W", 1, (0, 1), -2.5e-7)


def words(told):
    return "".join(ET.fromstring(told).itertext())


@settings(max_examples=25)
@given(derivations())
def test_every_formula_of_a_derivation_is_well_formed(why):
    for _, line in lines(why.tree):
        for expression in (line.quantity, line.formula):
            ET.fromstring(mathml(expression))
            ET.fromstring(mathml(expression, numeric=True))
    for path in why.paths.listed:
        ET.fromstring(mathml(path_product(path), numeric=True))


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        (W, "W1[0,1]"),
        (Partial(Symbol("E"), W), "∂E∂W1[0,1]"),
        (Symbol("delta", 2, (0,)), "δ2[0]"),
        (Symbol("xhat", 2), "x^2"),
        (Sum((W, Dots(), Product((Number(-1.0), W)))), "W1[0,1]+⋯−W1[0,1]"),
        (Product((Number(2.0), Sum((W, Number(1.0))))), "2(W1[0,1]+1)"),
        (Hadamard((W, Transposed(Symbol("W", 2)))), "W1[0,1]⊙W2⊤"),
        (Over("mean", "rows", W), "meanrows(W1[0,1])"),
        (Call("Abs", (Call("Max", (W, Number(0.0))),)), "|max(W1[0,1],0)|"),
        (Call("exp", (Call("sqrt", (W,)),)), "eW1[0,1]"),
        (Power(W, Number(-3.0)), "W1[0,1]−3"),
        (Number(2e20), "2×1020"),
    ],
)
def test_each_kind_reads_as_its_signs(expression, told):
    assert words(mathml(expression)) == told


def test_numbers_stand_in_the_place_of_quantities():
    assert words(mathml(Product((W, Number(3.0))), numeric=True)) == "−2.5×10−7·3"


@pytest.mark.parametrize("row", ACTIVATIONS.values(), ids=lambda row: row.name)
def test_every_activations_formula_is_well_formed(row):
    names = {"z": (Symbol("z", 1, (0,)),) * 2, "k": Number(0.0), "K": Number(2.0)} if "[" in row.formula else {}
    ET.fromstring(mathml(from_formula(row.formula, names)))


def test_cases_say_when():
    told = words(mathml(from_formula("Piecewise((1, (z > -3) & (z < 3)), (0, True))", {})))
    assert told == "{1if\u00a0z>−3\u00a0and\u00a0z<30otherwise"


def test_layers_have_classes_that_come_again_after_the_last_colour():
    assert 'class="l1"' in mathml(Symbol("a", 1))
    assert 'class="l1"' in mathml(Symbol("a", 1 + LAYER_COLOURS))
    assert 'class="l0"' in mathml(Symbol("x", None, (0,)))


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"]), max_size=20))
def test_any_column_name_is_escaped(name):
    told = mathml(Symbol("x", None, (3,)), {"x[3]": name})
    assert [child.tag for child in ET.fromstring(told).iter()] == ["math", "mtext"]
