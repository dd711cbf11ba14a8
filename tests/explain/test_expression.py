"""A row's formula as a tree: every kind of node, and the tree as plain data."""

import json

import pytest

from chainrule.core.activations import ACTIVATIONS
from chainrule.core.losses import LOSSES
from chainrule.explain.expression import (
    Call,
    Cases,
    Compare,
    Number,
    Over,
    Power,
    Product,
    Quotient,
    Sum,
    Symbol,
    from_formula,
    product,
    to_data,
    total,
)
from chainrule.explain.render.text import plain

A, Z = Symbol("a", 1, (0,)), Symbol("z", 1, (0,))


@pytest.mark.parametrize(
    ("formula", "tree"),
    [
        ("1 - a", Sum((Number(1.0), Product((Number(-1.0), A))))),
        ("a + a + a", Sum((A, A, A))),
        ("2*a*a", Product((Number(2.0), A, A))),
        ("a**2/z", Quotient(Power(A, Number(2.0)), Z)),
        ("Rational(1, 6)", Quotient(Number(1.0), Number(6.0))),
        ("exp(-z)", Call("exp", (Product((Number(-1.0), Z)),))),
        ("alpha", Symbol("alpha")),
        ("Piecewise((1, z > 0), (a, True))", Cases(((Number(1.0), (Compare(Z, ">", Number(0.0)),)), (A, ())))),
    ],
)
def test_a_formula_is_read_as_it_is_written(formula, tree):
    assert from_formula(formula, {"a": A, "z": Z}) == tree


def test_conditions_that_hold_together_are_all_kept():
    cases = from_formula("Piecewise((1, (z > -1) & (z < 1)), (0, True))", {"z": Z})
    assert plain(cases) == "{1 if z1[0] > -1 and z1[0] < 1; 0 otherwise}"


def test_a_sum_over_entries_is_written_out():
    entries = tuple(Symbol("z", 2, (i,)) for i in range(3))
    names = {"z": entries, "k": Number(1.0), "K": Number(3.0)}
    written = from_formula("exp(z[k])/Sum(exp(z[j]), (j, 0, K - 1))", names)
    assert plain(written) == "exp(z2[1])/(exp(z2[0]) + exp(z2[1]) + exp(z2[2]))"


def test_a_sum_over_a_whole_array_stays_a_sum():
    assert from_formula("Sum(t[j]*y[j], (j, 0, K - 1))", {}) == Over(
        "sum", "outputs", Product((Symbol("t"), Symbol("y")))
    )


def test_products_lose_ones_and_sums_of_one_term_their_sum():
    assert product(Number(1.0), A) == A
    assert product() == Number(1.0)
    assert product(Product((A, Z)), A) == Product((A, Z, A))
    assert total(A) == A
    assert total() == Number(0.0)


@pytest.mark.parametrize("row", [*ACTIVATIONS.values(), *LOSSES.values()], ids=lambda row: row.name)
def test_every_formula_of_the_tables_can_be_read_and_kept_as_data(row):
    formulas = [row.formula, getattr(row, "derivative_formula", "0"), getattr(row, "second_derivative_formula", "0")]
    for formula in formulas:
        names = {"k": Number(0.0), "K": Number(2.0), **{base: (Symbol(base), Symbol(base)) for base in "zyt"}}
        if "[" not in formula:
            names = {}
        data = to_data(from_formula(formula, names))
        assert json.loads(json.dumps(data)) == data


@pytest.mark.parametrize("formula", ["[1, 2]", "Piecewise((1, z), (0, True))"])
def test_what_no_formula_is_made_of_is_refused(formula):
    with pytest.raises(ValueError, match="no reading"):
        from_formula(formula, {})
