"""Checks of single arguments."""

import numpy as np
import pytest

from chainrule.core.layers.checks import at, check_count, check_number, check_units
from chainrule.errors import InputError


@pytest.mark.parametrize("value", [1, np.int64(3), np.uint8(7), np.array(2)], ids=str)
def test_a_count_is_a_whole_number_of_at_least_1(value):
    assert check_count("rows", value) == int(value)
    assert type(check_units(value)) is int


@pytest.mark.parametrize(
    ("value", "told"),
    [
        (0, "rows must be at least 1, got 0"),
        (-3, "rows must be at least 1, got -3"),
        (True, "rows must be at least 1, got True"),
        (1.0, "rows must be a whole number, got 1.0"),
        ("1", "rows must be a whole number, got '1'"),
        (None, "rows must be a whole number, got None"),
    ],
    ids=str,
)
def test_another_count_is_refused(value, told):
    with pytest.raises(InputError, match=told):
        check_count("rows", value)


def test_a_number_lies_between_its_bounds():
    assert check_number("rate", 0, 0.0, 1.0) == 0.0
    assert check_number("rate", np.float32(0.5), 0.0, 1.0) == 0.5
    assert type(check_number("rate", np.float32(0.5), 0.0, 1.0)) is float
    with pytest.raises(InputError, match="rate must be above 0 and below 1, got 0"):
        check_number("rate", 0, 0.0, 1.0, low_open=True)
    with pytest.raises(InputError, match="rate must be at least 0 and below 1, got 1"):
        check_number("rate", 1, 0.0, 1.0)


def test_one_number_of_an_array_is_named_by_its_place():
    assert at("W1", (0, 1)) == "W1[0, 1]"
    assert at("b1", ()) == "b1"
