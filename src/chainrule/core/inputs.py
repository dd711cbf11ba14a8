"""Checks of arguments: inputs, targets and weights become arrays of the right shape, or an error says what is wrong.

The caller's arrays are never changed; they are copied only where their dtype or layout requires it.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from chainrule.core.arrays import Array, shape_text
from chainrule.core.chain import Chain
from chainrule.core.layers.checks import all_finite, as_numbers
from chainrule.core.lookup import is_number
from chainrule.errors import InputError

_SMALL = 2.0**-60
"""Weights all below this are made larger: as float32 their squares and shares would vanish."""


def as_inputs(chain: Chain, x: Any) -> Array:
    """``x`` as (N, inputs); a single row may be given as (inputs,).

    Raises:
        InputError: the shape does not fit, or a number is missing (NaN) or infinite.
    """
    array = as_numbers("x", x, chain.dtype)
    if array.ndim == 1 and array.shape == (chain.inputs,):
        array = array[None, :]
    if array.ndim != 2 or array.shape[1] != chain.inputs:
        hint = ""
        if array.ndim == 1:
            hint = f": a single row has {chain.inputs} numbers; for a column of rows pass x[:, None]"
        elif array.ndim == 2 and array.shape[0] == chain.inputs:
            hint = ": did you pass the transpose?"
        raise InputError(f"x must have shape (N, {chain.inputs}), got {shape_text(array.shape)}{hint}.")
    if not all_finite(array):  # missing ones: infinite ones were refused before
        n, i = (int(k) for k in np.argwhere(np.isnan(array))[0])
        raise InputError(f"x must be finite, but x[{n}, {i}] is NaN: fill missing inputs, or leave the row out.")
    return array


def as_targets(chain: Chain, t: Any, rows: int) -> Array:
    """``t`` as (N, outputs); with one output (N,) will do, with one row (outputs,). NaN marks a missing target.

    Raises:
        InputError: no rows, the shape does not fit, a target is infinite, or the loss is not defined for it.
    """
    if not rows:
        raise InputError("x has no rows: a loss needs at least one.")
    array = as_numbers("t", t, chain.dtype)
    wanted = (rows, chain.outputs)
    short = {(rows,)} if chain.outputs == 1 else set()
    if rows == 1:
        short |= {(chain.outputs,)} | ({()} if chain.outputs == 1 else set())
    if array.shape != wanted and array.shape in short:
        array = array.reshape(wanted)
    if array.shape != wanted:
        hint = ": did you pass the transpose?" if array.shape == wanted[::-1] else "."
        raise InputError(
            f"t must have shape {shape_text(wanted)}, one row for each row of x, got {shape_text(array.shape)}{hint}"
        )
    chain.loss.check_targets(array)
    return array


def as_weights(chain: Chain, weights: Any, class_weight: Any, t: Array) -> Array | None:
    """The rows' weights (N,), those of their classes multiplied in; None if all rows count alike.

    Raises:
        InputError: the shape does not fit, a weight is negative or missing, their sum is 0 or not finite, or a class
            is unknown.
    """
    by_row = None if weights is None else as_numbers("weights", weights, np.dtype(np.float64))
    if by_row is not None:
        if by_row.shape != (len(t),):
            raise InputError(f"weights must have shape ({len(t)},), one a row, got {shape_text(by_row.shape)}.")
        if not (by_row >= 0).all():
            n = int(np.flatnonzero(~(by_row >= 0))[0])
            raise InputError(f"weights must not be negative or NaN, but weights[{n}] is {by_row[n]}.")
    if class_weight is not None:
        with np.errstate(over="ignore", invalid="ignore"):  # overflow is looked for in the sum
            by_row = _class_weights(class_weight, t) * (1 if by_row is None else by_row)
    return None if by_row is None else _held(by_row, chain.dtype)


def _held(weights: Array, dtype: np.dtype[Any]) -> Array:
    """The rows' weights in that dtype; very small ones are multiplied by a power of 2, as only their ratios count.

    Raises:
        InputError: their sum is 0 or not finite.
    """
    largest = weights.max()
    if largest == 0:
        raise InputError("weights are all 0: no row would count.")
    if largest < _SMALL:
        weights = np.ldexp(weights, 1 - int(np.frexp(largest)[1]))
    with np.errstate(over="ignore", under="ignore", invalid="ignore"):
        converted = weights.astype(dtype)
        total = converted.sum()
    if not np.isfinite(total):
        raise InputError(f"weights add up to more than {dtype.name} can hold: divide them all by the largest.")
    return converted


def _class_weights(class_weight: Any, t: Array) -> Array:
    """A weight for each row by its class: ``"balanced"`` is rows/(classes times rows of that class)."""
    shares = np.nan_to_num(np.column_stack([1 - t[:, 0], t[:, 0]]) if t.shape[1] == 1 else t)
    one_each = (shares.sum(axis=1) == 1) | np.isnan(t).all(axis=1)
    if not (((t == 0) | (t == 1) | np.isnan(t)).all() and one_each.all()):
        raise InputError("class_weight needs targets that are classes: one column of 0 and 1, or one-hot rows.")
    if isinstance(class_weight, str) and class_weight == "balanced":
        counts = shares.sum(axis=0)
        return shares @ (counts.sum() / (max(np.count_nonzero(counts), 1) * np.maximum(counts, 1)))
    if not isinstance(class_weight, Mapping):
        raise InputError(
            f"class_weight must be 'balanced' or a dict from class number to weight, got {class_weight!r}."
        )
    weights = np.ones(shares.shape[1])
    for number, weight in class_weight.items():
        if number not in range(len(weights)):
            raise InputError(f"class_weight names class {number!r}, but the classes are 0 to {len(weights) - 1}.")
        if not is_number(weight) or not 0 <= weight < np.inf:
            raise InputError(f"class_weight of class {number} must be a finite number from 0, got {weight!r}.")
        weights[int(number)] = weight
    return shares @ weights
