"""Proofs: what they say, print and hand on; and the comparisons they are made of."""

import json

import numpy as np
import pytest

from chainrule.errors import InputError
from chainrule.verify.formulas import equal_formulas, evaluate, is_real, read
from chainrule.verify.jumps import jumps, only_declared
from chainrule.verify.precision import best_difference, equals_formula, stays_finite
from chainrule.verify.proof import Finding, first_failure, prove, same, worst

PROOF = prove(
    "activation mine",
    {
        "good": lambda: Finding(True, "z = 1", "2", "2"),
        "bad": lambda: Finding(False, "z = -3", "0.5", "0.25"),
        "broken": lambda: 1 / 0,
    },
)


def test_a_proof_is_true_if_every_claim_holds():
    assert not PROOF
    assert [claim.name for claim in PROOF.failed] == ["bad", "broken"]
    assert prove("x", {"good": lambda: Finding(True)})


def test_a_test_that_raises_refutes_its_claim():
    assert PROOF["broken"].detail == "found ZeroDivisionError: division by zero, wanted no error"


def test_a_claim_tells_its_worst_point():
    assert PROOF["bad"].detail == "at z = -3: found 0.5, wanted 0.25"
    assert prove("x", {"good": lambda: Finding(True, "", "everywhere")})["good"].detail == "everywhere"


def test_an_unknown_claim_is_refused_with_those_there_are():
    with pytest.raises(KeyError, match="good, bad, broken"):
        PROOF["goood"]


def test_a_proof_prints_as_a_table_and_shows_as_one():
    assert str(PROOF) == repr(PROOF)
    assert str(PROOF).splitlines()[0] == "activation mine: 3 claims, 2 refuted"
    assert [line.split()[:2] for line in str(PROOF).splitlines()[3:]] == [
        ["good", "holds"],
        ["bad", "FAILS"],
        ["broken", "FAILS"],
    ]
    assert "<table" in PROOF._repr_html_()


def test_a_proof_is_plain_data():
    told = json.loads(json.dumps(PROOF.to_dict(), allow_nan=False))
    assert told["schema"] == "chainrule/proof"
    assert told["passed"] is False
    bad = {"name": "bad", "passed": False, "where": "z = -3", "found": "0.5", "wanted": "0.25"}
    assert told["claims"][1] == bad


# -------------------------------------------------------------------------------- comparisons
def test_the_furthest_entry_in_units_of_what_is_allowed_is_the_worst():
    found, wanted = np.array([1.0, 2.0, 3.0]), np.array([1.1, 2.2, 3.0])
    assert worst(found, wanted, np.array([0.1, 1.0, 0.0]) * 1.01, str).where == "0"
    assert not worst(found, wanted, np.array([1.0, 0.1, 0.0]), str).passed


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_furthest_of_all_unless_wanted(value):
    assert not worst(np.array([0.0, value]), np.array([9.0, 0.0]), 1e300, str).passed
    if np.isinf(value):
        assert worst(np.array([value]), np.array([value]), 0.0, str).passed


def test_shapes_must_agree_and_hold_something():
    assert worst(np.zeros(2), np.zeros(3), 1.0, str) == Finding(False, "the shape", "(2,)", "(3,)")
    assert not worst(np.zeros(0), np.zeros(0), 1.0, str).passed


def test_the_first_failure_is_told_with_its_name():
    assert first_failure({"a": same("x", 1, 1), "b": same("y", 1, 2)}, "").where == "b, y"
    assert first_failure({"b": same("", 1, 2)}, "").where == "b"
    assert first_failure({}, "fine") == Finding(True, "", "fine")


def test_a_function_may_saturate_where_its_formula_overflows_but_not_vanish_or_turn():
    wanted, none = np.array([np.inf, -1.7e308, 1e308]), np.zeros(3)
    assert equals_formula(np.array([1.7e308, -1e300, 1e308]), wanted, none, str).passed
    assert not equals_formula(np.array([0.0, -1e300, 1e308]), wanted, none, str).passed
    assert not equals_formula(np.array([1e308, 1e300, 1e308]), wanted, none, str).passed
    assert not equals_formula(np.array([np.inf, -1e300, 1e308]), wanted, none, str).passed


def test_nothing_is_asked_of_a_function_where_its_formula_has_no_value():
    assert equals_formula(np.array([3.0]), np.array([np.nan]), np.zeros(1), str).passed


def test_trouble_that_only_many_rows_make_is_found_too():
    def crowded(z):
        return z / 0.0 if len(z) > 1 else z

    finding = stays_finite({"value": crowded}, (np.ones((3, 1)),), str)
    assert not finding.passed
    assert finding.found == "trouble among many rows"


def test_differences_are_of_fourth_order_and_pick_the_step_that_crosses_no_kink():
    assert best_difference(lambda s: np.array([np.exp(s)]))[0] == pytest.approx(1.0, abs=1e-9)
    kinked = best_difference(lambda s: np.array([np.maximum(s + 2e-4, 0.0)]))
    assert kinked[0] == pytest.approx(1.0, abs=1e-9)


# -------------------------------------------------------------------------------- formulas
def symbol():
    import sympy

    return sympy.Symbol("z", real=True)


def test_formulas_are_evaluated_without_cancellation():
    z = symbol()
    values = evaluate(read("log(1 + exp(z))", {"z": z}), [z], np.array([-700.0, 0.0, 700.0]))
    np.testing.assert_allclose(values, [np.exp(-700), np.log(2), 700.0], rtol=1e-15)


def test_a_number_stands_for_exactly_that_double_and_decimals_are_exact():
    z = symbol()
    assert (
        evaluate(read("alpha - 0.1", {"z": z, "alpha": 0.1}), [z], np.array([0.0]))[0] == 0.1 - 1 / 10 + 2**-55 / 10 * 2
    )


def test_poles_overflow_and_what_is_not_real_are_told_apart():
    z = symbol()
    np.testing.assert_array_equal(evaluate(read("1/z", {"z": z}), [z], np.array([0.0, 2.0])), [np.nan, 0.5])
    np.testing.assert_array_equal(evaluate(read("-exp(z)", {"z": z}), [z], np.array([1e4])), [-np.inf])
    log = read("log(z)", {"z": z})
    np.testing.assert_array_equal(evaluate(log, [z], np.array([-1.0, 0.0])), [np.nan, np.nan])
    assert is_real(log, [z], np.array([-1.0, 0.0, 1.0])).tolist() == [False, True, True]


def test_steps_and_impulses_of_derived_formulas_have_values():
    z = symbol()
    formula = read("Max(0, z) + Abs(z)", {"z": z})
    np.testing.assert_array_equal(evaluate(formula.diff(z), [z], np.array([-1.0, 0.0, 1.0])), [-1.0, 0.5, 2.0])
    np.testing.assert_array_equal(evaluate(formula.diff(z, 2), [z], np.array([-1.0, 1.0])), [0.0, 0.0])


def test_equal_formulas_are_equal_by_algebra_where_that_is_cheap():
    z = symbol()
    one, other = read("tanh(z)", {"z": z}), read("sinh(z)/cosh(z)", {"z": z})
    points = np.array([-2.0, 0.5])
    assert equal_formulas(one, other, [z], [points], str).found == "equal at 2 points and by algebra"
    assert equal_formulas(read("Abs(z)", {"z": z}), read("Max(z, -z)", {"z": z}), [z], [points], str).passed
    finding = equal_formulas(one, read("z", {"z": z}), [z], [points], lambda i: f"z = {points[i]}")
    assert finding.where == "z = -2.0"
    assert finding.wanted == "-2"


def test_formulas_without_a_value_anywhere_are_not_called_equal():
    z = symbol()
    log = read("log(z)", {"z": z})
    assert not equal_formulas(log, log, [z], [np.array([-1.0, -2.0])], str).passed


def test_an_unknown_name_is_refused():
    with pytest.raises(InputError, match="uses x, but it can only use z, alpha"):
        read("x + z", {"z": symbol(), "alpha": 1.0})


# -------------------------------------------------------------------------------- jumps
def test_jumps_are_found_where_they_are():
    found = jumps(lambda z: np.where(z > 1.25, 1.0, 0.0) + np.where(z > -777.0, 0.0, 3.0))
    np.testing.assert_allclose(found, [-777.0, 1.25], atol=1e-12)


@pytest.mark.parametrize(
    "function",
    [np.tanh, np.abs, lambda z: np.tanh(1e6 * z), lambda z: 1e-8 * z],
    ids=["smooth", "bent", "steep", "flat"],
)
def test_what_is_only_steep_or_bent_does_not_jump(function):
    assert not len(jumps(function))


def test_an_undeclared_jump_is_told():
    assert only_declared(np.array([0.0, 3.0]), (0.0,), "z").where == "z = 3"
    assert only_declared(np.array([1e-9]), (0.0,), "z").passed
