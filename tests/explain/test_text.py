"""Derivations as text: columns that stand in line, formulas that do not run over, nothing said that is not so."""

import re

import pytest
from hypothesis import given, settings

import chainrule as cr
from chainrule.core.format import number
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
    Rest,
    Slope,
    Sum,
    Symbol,
    Transposed,
    from_formula,
)
from chainrule.explain.render import text
from chainrule.explain.render.text import coloured, plain
from chainrule.explain.summary import percent, shown_paths
from tests.explain.derived import dead, derivations, masked, two_two_one, wide, with_proof

Y, T, W = Symbol("y", None, (1,), 0.5), Symbol("t", None, (1,), -1.0), Symbol("W", 2, (0, 1), -3.0)
MINUS = Number(-1.0)


@pytest.mark.parametrize(
    ("expression", "symbols", "numbers"),
    [
        (Product((Y, W)), "y[1] W2[0, 1]", "0.5 * (-3)"),
        (Product((W, Y)), "W2[0, 1] y[1]", "-3 * 0.5"),
        (Quotient(Product((MINUS, T)), Y), "-t[1]/y[1]", "-(-1)/0.5"),
        (Sum((Y, Product((MINUS, T)))), "y[1] - t[1]", "0.5 - (-1)"),
        (Sum((Y, Product((W, Y)))), "y[1] + W2[0, 1] y[1]", "0.5 + (-3) * 0.5"),
        (Sum((Product((W, Y)), Y)), "W2[0, 1] y[1] + y[1]", "-3 * 0.5 + 0.5"),
        (Product((Number(2.0), Sum((Y, T)))), "2 (y[1] + t[1])", "2 * (0.5 + (-1))"),
        (Power(W, Number(2.0)), "W2[0, 1]^2", "(-3)^2"),
        (Quotient(Y, Product((W, T))), "y[1]/(W2[0, 1] t[1])", "0.5/(-3 * (-1))"),
        (Quotient(Quotient(Y, T), W), "(y[1]/t[1])/W2[0, 1]", "(0.5/(-1))/(-3)"),
        (Product((Quotient(Y, T), W)), "(y[1]/t[1]) W2[0, 1]", "(0.5/(-1)) * (-3)"),
        (Product((Y, Number(3.0))), "y[1] * 3", "0.5 * 3"),
        (Product((MINUS, Sum((Y, T)), W)), "-(y[1] + t[1]) W2[0, 1]", "-(0.5 + (-1)) * (-3)"),
        (Sum((Number(-2.0), Y)), "-2 + y[1]", "-2 + 0.5"),
        (Sum((Y, Quotient(Product((MINUS, T)), W))), "y[1] - t[1]/W2[0, 1]", "0.5 - (-1)/(-3)"),
        (Sum((Y, Rest(4, -0.25))), "y[1] + (4 smaller terms)", "0.5 - 0.25"),
        (Sum((Y, Dots(), Rest(1, 2.0))), "y[1] + ... + (a smaller term)", "0.5 + ... + 2"),
        (Slope("tanh", Symbol("z", 1, (0,)), 0.1), "tanh'(z1[0])", "0.1"),
        (Call("Max", (Number(0.0), Call("Abs", (Y,)))), "max(0, |y[1]|)", "max(0, |0.5|)"),
        (Hadamard((Product((Y, Transposed(Symbol("W", 1)))), T)), "(y[1] W1^T) * t[1]", "(0.5 * W1^T) * (-1)"),
        (Over("sum", "rows and units", Symbol("delta", 1)), "sum_rows_units(delta1)", "sum_rows_units(delta1)"),
    ],
)
def test_signs_and_brackets_stand_where_they_are_needed_and_nowhere_else(expression, symbols, numbers):
    assert plain(expression) == symbols
    assert plain(expression, numeric=True) == numbers


def test_what_is_no_expression_has_no_notation():
    with pytest.raises(TypeError, match="no notation"):
        plain("a + b")


def test_a_given_name_stands_in_place_of_the_quantity_everywhere():
    names = {"x[3]": "bill_length_mm", "x[4]": "bill depth"}
    long, spaced = Symbol("x", None, (3,)), Symbol("x", None, (4,))
    assert plain(Product((long, spaced)), names) == 'bill_length_mm "bill depth"'
    assert plain(Partial(Symbol("E"), long), names) == "dE/d(bill_length_mm)"
    net, x, t = two_two_one()
    told = with_proof(net.explain("x[1]", x[0], t[0])).text(names={"x[1]": "height"})
    assert told.startswith("dE/d(height) = ")
    assert "x[1]" not in told


@settings(max_examples=30)
@given(derivations())
def test_every_line_is_balanced_and_every_listed_path_is_there(why):
    told = str(why)
    for opening, closing in ("()", "[]", "{}"):
        assert told.count(opening) == told.count(closing)
    for path in why.paths.listed:
        assert path.value == 0 or f"= {number(path.value)}" in told
    assert "-0.0 %" not in told
    assert "nan" not in told
    assert max(map(len, told.splitlines())) <= text.terminal_width()
    assert all(line == line.rstrip() for line in told.splitlines())


def test_the_columns_of_a_small_derivation_stand_in_line():
    net, x, t = two_two_one()
    why = with_proof(net.explain("W1[0, 1]", x[0], t[0]))
    tree = str(why).split("\n\n")[1].splitlines()
    places = [[match.start() for match in re.finditer(r" = ", line)] for line in tree]
    assert len(tree) == 6
    assert all(place == places[0] for place in places)


def test_a_long_formula_is_wrapped_and_its_numbers_stand_below_it(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")
    told = str(wide())
    assert max(map(len, told.splitlines())) <= 80
    assert "smaller terms" in told


def test_a_narrow_terminal_still_gets_eighty_columns(monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    assert text.terminal_width() == 80


def test_a_piped_text_has_a_hundred_and_twenty_columns(monkeypatch):
    monkeypatch.delenv("COLUMNS", raising=False)
    monkeypatch.setattr("shutil.get_terminal_size", lambda fallback: __import__("os").terminal_size(fallback))
    assert text.terminal_width() == 120


def test_paths_that_are_zero_are_counted_and_their_common_factor_named():
    told = str(dead())
    assert "2 paths to the loss\nall 2 paths are 0, as relu'(z1[0]) = 0" in told


def test_paths_that_are_zero_for_different_reasons_name_them():
    net = cr.Network(1, [cr.Dense(1), cr.Dense(3, "relu"), cr.Dense(1)], loss="squared_error", seed=0)
    net.set_parameters({"W1": [[1.0]], "W2": [[1.0, -1.0, -2.0]], "W3": [[1.0], [1.0], [1.0]]})
    told = str(with_proof(net.explain("W1[0, 0]", [2.0], [0.0])))
    assert "2 paths are 0, as relu'(z2[1]) = 0 or relu'(z2[2]) = 0" in told
    assert "100.0 %" in told


def test_the_smaller_paths_are_summed_and_it_says_so():
    why = wide()
    told = shown_paths(why.paths)
    assert why.paths.count == 729
    assert told.smaller is not None or told.zero
    assert re.search(r"(\d+ smaller paths together|\d+ paths are 0)", str(why))


def test_a_weight_that_does_not_exist_has_no_path():
    told = str(masked())
    assert "no path to the loss" in told
    assert "this weight does not exist: the mask is 0 here" in told


def test_a_kink_is_named():
    net = cr.Network(1, [cr.Dense(1, "relu")], loss="squared_error", seed=0)
    net.set_parameters({"W1": [[1.0]], "b1": [0.0]})
    assert "relu has a kink at 0" in str(with_proof(net.explain("W1[0, 0]", [0.0], [1.0])))


def test_a_batch_tells_each_rows_part_and_sums_those_that_are_too_many():
    net, x, t = two_two_one()
    told = str(with_proof(net.explain("b2[0]", [*x] * 6, [*t] * 6)))
    assert "each row's part in dE/db2[0]" in told
    assert "6 other rows" in told
    assert told.count("\nrow ") == 13


def test_a_share_that_rounds_to_nothing_has_no_minus_sign():
    assert percent(-0.0001) == "0.0 %"
    assert percent(-0.12) == "-12.0 %"
    assert percent(None) == ""


def test_colours_follow_the_layers_and_change_no_character():
    net, x, t = two_two_one()
    why = with_proof(net.explain("W1[0, 1]", x[0], t[0]))
    bright = why.text(colour=True)
    assert re.sub(r"\x1b\[[\d;]*m", "", bright) == str(why)
    assert "\x1b[36mdE/dW1[0, 1]\x1b[0m" in bright
    assert "\x1b[33mdelta2[0]\x1b[0m" in bright
    assert coloured("no layer") == "no layer"


def test_a_mean_over_outputs_reads_as_a_fraction():
    formula = from_formula("2*(y - t)", {"y": Y, "t": T})
    assert plain(Quotient(formula, Number(2.0))) == "2 (y[1] - t[1])/2"


def test_explaining_a_weight_of_the_smallest_network_is_quick():
    import time

    net, x, t = two_two_one()
    why = with_proof(net.explain("W1[0, 1]", x[0], t[0]))
    str(why)
    best = 1.0
    for _ in range(20):
        start = time.thread_time()
        str(with_proof(net.explain("W1[0, 1]", x[0], t[0])))
        best = min(best, time.thread_time() - start)
    assert best < 0.02  # some 0.0015 on an idle machine
