"""The door for rows: what becomes inputs, targets and weights, and what is refused."""

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import chainrule as cr
from chainrule.core.inputs import as_inputs, as_targets, as_weights
from chainrule.core.layers.checks import as_numbers
from chainrule.errors import InputError

F64, F32 = np.dtype("float64"), np.dtype("float32")


def chain(inputs=2, outputs=1, loss="squared_error", dtype="float64"):
    return cr.Network(inputs, [cr.Dense(outputs)], loss=loss, seed=0, dtype=dtype).model.chain


# -------------------------------------------------------------------------------- numbers
@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("3.0", "'3.0'"),
        (b"3", "b'3'"),
        (["1", "2"], "an array of <U1"),
        (np.array(["1", 2.0], dtype=object), "an array of object"),
        (np.array([b"1"], dtype=object), "an array of object"),
        ([1j], "an array of complex128"),
        ([[1.0], [1.0, 2.0]], "rows of different lengths"),
        (np.array(["2020-01-01"], dtype="M8[D]"), r"an array of datetime64\[D\]"),
        ({1: 2}, "an array of object"),
        pytest.param([object()], "an array of object", id="an object"),
        ([10**400], "an array of object"),
        (pd.DataFrame({"a": [1.0], "b": ["x"]}), "an array of object"),
        (scipy.sparse.csr_matrix([[1.0, 0.0]]), "an array of object"),
    ],
    ids=str,
)
def test_what_is_not_real_numbers_is_refused(value, found):
    with pytest.raises(InputError, match=f"^x must be an array of real numbers, got {found}"):
        as_numbers("x", value, F64)


@given(arrays(float, st.tuples(st.integers(0, 3), st.integers(0, 3)), elements=st.floats(-1e30, 1e30)))
def test_numbers_keep_their_values_in_any_layout(values):
    reversed_rows = values[::-1].copy()[::-1]
    for same in (values, np.asfortranarray(values), reversed_rows, values.astype(">f8"), values.astype("O")):
        got = as_numbers("x", same, F64)
        assert got.dtype == F64
        assert got.flags.c_contiguous
        assert (got == values).all()


def test_numbers_that_fit_already_are_not_copied_and_none_are_changed():
    values = np.ones((3, 2))
    assert as_numbers("x", values, F64) is values
    assert as_numbers("x", values, F32) is not values
    assert (values == 1).all()


@pytest.mark.parametrize(
    ("value", "dtype", "told"),
    [
        ([[1.0, np.inf]], F64, r"x\[0, 1\] is inf \(in float64\)"),
        ([1e39], F32, r"x\[0\] is 1e\+39 \(in float32\)"),
        (-1e39, F32, r"but x is -1e\+39 \(in float32\)"),
        ([np.longdouble("1e400")], F64, r"x\[0\] is 1e\+400 \(in float64\)"),
    ],
)
def test_numbers_that_the_dtype_cannot_hold_are_refused_with_place_and_value(value, dtype, told):
    if "400" in told and np.finfo(np.longdouble).max == np.finfo(F64).max:
        pytest.skip("long double is double here")
    with pytest.raises(InputError, match=told):
        as_numbers("x", value, dtype)


# -------------------------------------------------------------------------------- inputs
def test_a_single_row_becomes_a_row():
    assert as_inputs(chain(), [1.0, 2.0]).tolist() == [[1.0, 2.0]]
    assert as_inputs(chain(inputs=1), [3.0]).tolist() == [[3.0]]


@pytest.mark.parametrize(
    ("x", "told"),
    [
        ([1.0, 2.0, 3.0], r"\(N, 2\), got \(3,\): a single row has 2 numbers; for a column of rows pass x\[:, None\]"),
        ([[1.0], [2.0], [3.0]], r"\(N, 2\), got \(3, 1\)\.$"),
        ([[1.0] * 3] * 2, r"got \(2, 3\): did you pass the transpose\?"),
        (5.0, r"\(N, 2\), got a single number\."),
        ([[[1.0, 2.0]]], r"got \(1, 1, 2\)\."),
        ([], r"got \(0,\)"),
        ([[1.0, 2.0], [np.nan, 1.0]], r"x\[1, 0\] is NaN: fill missing inputs, or leave the row out"),
        ([[1.0, None]], r"x\[0, 1\] is NaN"),
    ],
)
def test_inputs_that_do_not_fit_are_refused_with_a_remedy(x, told):
    with pytest.raises(InputError, match=told):
        as_inputs(chain(), x)


# -------------------------------------------------------------------------------- targets
@pytest.mark.parametrize(
    ("t", "rows", "outputs"),
    [([1.0, 2.0], 2, 1), ([[1.0], [2.0]], 2, 1), ([1.0, 2.0], 1, 2), ([[1.0, 2.0]], 1, 2), (3.0, 1, 1), ([3.0], 1, 1)],
)
def test_targets_become_rows_by_outputs(t, rows, outputs):
    got = as_targets(chain(outputs=outputs), t, rows)
    assert got.shape == (rows, outputs)
    assert got.ravel().tolist() == np.ravel(t).tolist()


@pytest.mark.parametrize(
    ("t", "rows", "outputs", "told"),
    [
        ([1.0, 2.0], 2, 2, r"t must have shape \(2, 2\), one row for each row of x, got \(2,\)"),
        ([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0]], 3, 2, "did you pass the transpose"),
        ([1.0, 2.0], 3, 1, r"\(3, 1\), one row for each row of x, got \(2,\)\.$"),
        (1.0, 2, 1, "got a single number"),
        ([np.inf], 1, 1, r"t\[0\] is inf"),
        (np.inf, 1, 1, "but t is inf"),
        ([], 0, 1, "x has no rows: a loss needs at least one"),
    ],
)
def test_targets_that_do_not_fit_are_refused(t, rows, outputs, told):
    with pytest.raises(InputError, match=told):
        as_targets(chain(outputs=outputs), t, rows)


def test_targets_may_be_missing_but_must_suit_the_loss():
    assert np.isnan(as_targets(chain(), [1.0, np.nan], 2)[1, 0])
    with pytest.raises(InputError, match=r"binary_cross_entropy needs targets from 0 to 1, got t\[1, 0\] = 2"):
        as_targets(chain(loss="binary_cross_entropy"), [0.0, 2.0], 2)
    with pytest.raises(InputError, match=r"t\[0\] is missing in part"):
        as_targets(chain(outputs=2, loss="categorical_cross_entropy_from_logits"), [[1.0, np.nan]], 1)


# -------------------------------------------------------------------------------- weights
T = np.array([[0.0], [1.0], [1.0]])


def test_no_weights_are_none_and_given_ones_are_an_array():
    assert as_weights(chain(), None, None, T) is None
    assert as_weights(chain(), [1, 2, 0], None, T).tolist() == [1.0, 2.0, 0.0]


@pytest.mark.parametrize(
    ("weights", "told"),
    [
        ([1, 2], r"weights must have shape \(3,\), one a row, got \(2,\)"),
        ([[1], [2], [3]], r"got \(3, 1\)"),
        (1.0, "got a single number"),
        ([1, -2, -3], r"must not be negative or NaN, but weights\[1\] is -2.0"),
        ([1, 2, np.nan], r"must not be negative or NaN, but weights\[2\] is nan"),
        ([1, 2, np.inf], r"weights\[2\] is inf"),
        ([0, 0, 0], "weights are all 0: no row would count"),
        ([1e308, 1e308, 0], "add up to more than float64 can hold: divide them all by the largest"),
        (["a", "b", "c"], "weights must be an array of real numbers"),
    ],
)
def test_weights_that_cannot_be_used_are_refused(weights, told):
    with pytest.raises(InputError, match=told):
        as_weights(chain(), weights, None, T)


@pytest.mark.parametrize(
    ("class_weight", "weights", "expected"),
    [
        ({0: 2}, None, [2, 1, 1]),
        ({0: 2, 1: 0}, None, [2, 0, 0]),
        ({True: 3}, [1, 2, 3], [1, 6, 9]),
        ("balanced", None, [1.5, 0.75, 0.75]),
        ("balanced", [2, 2, 0], [3, 1.5, 0]),
        ({}, None, [1, 1, 1]),
    ],
    ids=str,
)
def test_class_weights_multiply_the_rows(class_weight, weights, expected):
    assert as_weights(chain(), weights, class_weight, T).tolist() == expected


def test_a_single_class_is_balanced_as_it_is():
    assert as_weights(chain(), None, "balanced", np.ones((2, 1))).tolist() == [1.0, 1.0]


def test_rows_without_a_class_weigh_nothing_and_are_not_counted_for_balance():
    t = np.array([[0.0], [np.nan], [1.0], [1.0]])
    assert as_weights(chain(), None, "balanced", t).tolist() == [1.5, 0.0, 0.75, 0.75]
    one_hot = np.array([[1.0, 0, 0], [np.nan] * 3, [0, 0, 1], [0, 0, 1]])
    assert as_weights(chain(outputs=3), None, "balanced", one_hot).tolist() == [1.5, 0.0, 0.75, 0.75]


@pytest.mark.parametrize(
    ("class_weight", "t", "told"),
    [
        ({0: -1}, T, "class_weight of class 0 must be a finite number from 0, got -1"),
        ({0: np.nan}, T, "must be a finite number from 0, got nan"),
        ({0: "a"}, T, "must be a finite number from 0, got 'a'"),
        ({2: 1}, T, "class_weight names class 2, but the classes are 0 to 1"),
        ({"yes": 1}, T, "names class 'yes'"),
        ("balance", T, "must be 'balanced' or a dict from class number to weight, got 'balance'"),
        ([1, 2], T, r"must be 'balanced' or a dict from class number to weight, got \[1, 2\]"),
        ("balanced", T + 0.5, "needs targets that are classes"),
        ("balanced", np.ones((3, 2)), "needs targets that are classes: one column of 0 and 1, or one-hot rows"),
        ("balanced", np.zeros((3, 2)), "needs targets that are classes"),
        ("balanced", np.full((3, 1), np.nan), "weights are all 0"),
        ({0: 0, 1: 0}, T, "weights are all 0"),
        ({0: 1e308, 1: 1e308}, T, "add up to more than float64"),
    ],
    ids=str,
)
def test_class_weights_that_cannot_be_used_are_refused(class_weight, t, told):
    with pytest.raises(InputError, match=told):
        as_weights(chain(outputs=t.shape[1]), None, class_weight, t)


def test_weights_take_the_networks_dtype():
    single = chain(dtype="float32")
    assert as_weights(single, [1, 2, 3], {0: 2}, T.astype("float32")).dtype == F32
    with pytest.raises(InputError, match="more than float32 can hold"):
        as_weights(single, None, {0: 1e300}, T.astype("float32"))
