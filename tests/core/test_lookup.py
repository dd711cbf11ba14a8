"""Finding a component by name, and its constants."""

from fractions import Fraction

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.lookup import check_parameters, is_number, look_up
from chainrule.errors import ChainruleError, InputError, UnknownComponentError

TABLE = {"one": 1, "two": 2}


def test_a_name_finds_its_row_and_a_row_is_handed_back():
    assert look_up("number", "two", TABLE, int) == 2
    assert look_up("number", 7, TABLE, int) == 7


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("tow", "unknown number 'tow': the numbers are one, two. Did you mean 'two'?"),
        ("xyz", "unknown number 'xyz': the numbers are one, two."),
        (None, "unknown number None: the numbers are one, two."),
        (["one"], "unknown number ['one']: the numbers are one, two."),
        ({}, "unknown number {}: the numbers are one, two."),
    ],
    ids=str,
)
def test_an_unknown_name_is_answered_with_those_there_are(name, told):
    with pytest.raises(UnknownComponentError) as caught:
        look_up("number", name, TABLE, int)
    assert str(caught.value) == told


@pytest.mark.parametrize("find", [cr.activation, cr.loss, cr.initializer, cr.optimizer])
def test_each_table_refuses_what_it_does_not_have(find):
    with pytest.raises(ChainruleError, match="unknown"):
        find("nothing like it")
    with pytest.raises(UnknownComponentError):
        find(3.5)


def test_constants_given_take_the_place_of_the_known_and_become_floats():
    got = check_parameters("loss", "huber", {"delta": 1.0, "other": 2.0}, {"delta": 3})
    assert got == {"delta": 3.0, "other": 2.0}
    assert type(got["delta"]) is float
    assert cr.loss("huber", delta=np.float32(0.5)).parameters == {"delta": 0.5}


@pytest.mark.parametrize(
    ("known", "given", "told"),
    [
        ({"delta": 1.0}, {"d": 1}, "loss 'huber' has no parameter 'd': it has delta"),
        ({}, {"d": 1}, "loss 'huber' has no parameter 'd': it has none"),
        ({"delta": 1.0}, {"delta": np.nan}, "delta of loss 'huber' must be a finite number, got nan"),
        ({"delta": 1.0}, {"delta": "1"}, "must be a finite number, got '1'"),
        ({"delta": 1.0}, {"delta": True}, "must be a finite number, got True"),
    ],
    ids=str,
)
def test_constants_that_cannot_be_used_are_refused(known, given, told):
    with pytest.raises(InputError, match=told):
        check_parameters("loss", "huber", known, given)


def test_numbers_are_pythons_and_numpys_but_not_truth_values():
    assert all(is_number(v) for v in (1, 1.5, np.int8(1), np.float32(1), np.float64(1), Fraction(1, 2)))
    assert not any(is_number(v) for v in (True, np.True_, "1", None, 1j, np.array([1.0])))
