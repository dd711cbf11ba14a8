"""Derivations as LaTeX: balanced, escaped, in one formula that amsmath and KaTeX both take."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.explain.expression import (
    Call,
    Dots,
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
    from_formula,
)
from chainrule.explain.render.latex import escaped, latex, latex_number
from tests.explain.derived import dead, derivations, masked, two_two_one, wide, with_proof

W = Symbol("W", 1, (0, 1), -2.0)


def is_balanced(told):
    bare = re.sub(r"\\[\\{}]", "", told)
    depth = 0
    for sign in bare:
        depth += {"{": 1, "}": -1}.get(sign, 0)
        assert depth >= 0
    names = re.findall(r"\\(begin|end)\{(\w+)\}", told)
    stack = []
    for what, name in names:
        if what == "begin":
            stack.append(name)
        else:
            assert stack.pop() == name
    return depth == 0 and not stack and told.count(r"\left") == told.count(r"\right")


@pytest.mark.parametrize(
    ("expression", "told"),
    [
        (W, "W_{1}[0, 1]"),
        (Symbol("delta", 2, (0,)), r"\delta_{2}[0]"),
        (Symbol("xhat", 2, (0,)), r"\hat{x}_{2}[0]"),
        (Symbol("mean", 2), r"\mathrm{mean}_{2}"),
        (Partial(Symbol("E"), W), r"\frac{\partial E}{\partial W_{1}[0, 1]}"),
        (Slope("leaky_relu", Symbol("z", 1, (0,))), r"\mathrm{leaky\_relu}'\left(z_{1}[0]\right)"),
        (Power(Sum((W, W)), Number(2.0)), r"\left(W_{1}[0, 1] + W_{1}[0, 1]\right)^{2}"),
        (Quotient(Product((Number(-1.0), W)), W), r"-\frac{W_{1}[0, 1]}{W_{1}[0, 1]}"),
        (Call("exp", (W,)), "e^{W_{1}[0, 1]}"),
        (Call("Abs", (W,)), r"\left|W_{1}[0, 1]\right|"),
        (Call("sqrt", (W,)), r"\sqrt{W_{1}[0, 1]}"),
        (Call("log", (W,)), r"\ln\left(W_{1}[0, 1]\right)"),
        (Sum((W, Dots())), r"W_{1}[0, 1] + \cdots"),
        (Hadamard((W, W)), r"W_{1}[0, 1] \odot W_{1}[0, 1]"),
        (Transposed(Symbol("W", 2)), r"W_{2}^{\top}"),
        (Over("sum", "rows", W), r"\mathrm{sum}_{\text{rows}}\left(W_{1}[0, 1]\right)"),
        (
            from_formula("Piecewise((1, z >= 0), (0, True))", {}),
            r"\begin{cases} 1 & \text{if } z \ge 0 \\ 0 & \text{otherwise} \end{cases}",
        ),
    ],
)  # fmt: skip
def test_each_kind_has_its_notation(expression, told):
    assert latex(expression) == told


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0.5, "0.5"),
        (-1.5e-9, r"-1.5 \times 10^{-9}"),
        (2e20, r"2 \times 10^{20}"),
        (float("inf"), r"\infty"),
        (-0.0, "0"),
    ],
)
def test_numbers_are_written_as_mathematics_writes_them(value, told):
    assert latex_number(value) == told


def test_a_number_to_a_power_of_ten_is_bracketed_where_a_power_acts_on_it():
    tiny = Symbol("x", None, (), 1e-9)
    assert latex(Power(tiny, Number(2.0)), numeric=True) == r"\left(1 \times 10^{-9}\right)^{2}"


@settings(max_examples=30)
@given(derivations())
def test_every_derivation_is_balanced_and_tells_each_listed_path(why):
    told = why.latex()
    assert is_balanced(told)
    for path in why.paths.listed:
        assert path.value == 0 or latex_number(path.value) in told


@given(st.text(max_size=20))
def test_any_column_name_is_escaped(name):
    told = latex(Symbol("x", None, (3,)), {"x[3]": name})
    assert is_balanced(told)
    assert not re.search(r"(?<!\\)[&%$#_~^]", told)


def test_column_names_stand_in_place_of_inputs():
    net, x, t = two_two_one()
    why = with_proof(net.explain("W1[0, 1]", x[0], t[0]))
    told = why.latex(names={"x[0]": "bill_length_mm"})
    assert r"\text{bill\_length\_mm}\ \delta_{1}[1]" in told
    assert escaped("a\nb") == "a b"


def test_paths_add_up_under_braces():
    told = wide().latex()
    assert told.count(r"\underbrace") >= 9
    assert r"\text{729 paths to the loss:}" in told


def test_zero_paths_no_path_rows_and_the_proof_are_told():
    assert r"\text{all 2 paths are 0}\text{, as } \mathrm{relu}'\left(z_{1}[0]\right) = 0" in dead().latex()
    assert r"\text{no path to the loss}" in masked().latex()
    net, x, t = two_two_one()
    why = net.explain("b2[0]", [*x] * 6, [*t] * 6)
    told = with_proof(why, symbolic=why.value).latex()
    assert r"\text{6 other rows}" in told
    assert r"\text{by computer algebra: }" in told
