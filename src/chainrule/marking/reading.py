"""Reading the learner's arrays: by parameter name, in float64, in the network's shapes where only one reading fits."""

import reprlib
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np

from chainrule.core.arrays import Array, shape_text
from chainrule.core.parameters import Slot
from chainrule.errors import InputError
from chainrule.marking.forward_context import ForwardContext

Layout = Literal["in, out", "out, in"]
"""How the learner stores weights: (inputs, units), as this library does, or (units, inputs)."""


def read_arrays(
    forward: ForwardContext, given: Any, *, layout: str = "in, out", what: str = "gradients"
) -> dict[str, Array]:
    """Arrays by parameter name, in float64.

    A bias may be a row or a column, and one number if all units share it. Weights of the transposed shape stay so: a
    transposed gradient is a mistake to be named.

    Args:
        forward: the forward pass of the network whose parameters they are.
        given: what the learner gave.
        layout: how the learner stores weights.
        what: what the arrays are, for error messages.

    Raises:
        InputError: not a dict of arrays, an unknown name, or a shape that cannot be the parameter's.
    """
    if not isinstance(given, Mapping) or not given:
        found = reprlib.repr(given)
        raise InputError(f"{what} must be a dict of arrays by parameter name, such as {{'W1': ...}}, got {found}.")
    slots = {slot.name: slot for slot in forward.chain.slots}
    unknown = [name for name in given if name not in slots]
    if unknown:
        raise InputError(f"{what} names {unknown[0]!r}, but this network has {', '.join(slots)}.")
    return {name: _in_shape(slots[name], _numbers(what, name, given[name]), layout, what) for name in given}


def _numbers(what: str, name: str, value: Any) -> Array:
    """A copy in float64; text and complex numbers are refused, though NumPy would convert them."""
    found = type(value).__name__
    try:
        array = np.asarray(value)
        found = f"{array.dtype}" if isinstance(value, np.ndarray) else found
        if array.dtype.kind in "biuf":
            return np.array(array, dtype=np.float64)
        if array.dtype.kind == "O":
            return np.array([float(one) for one in array.ravel()]).reshape(array.shape)
    except (TypeError, ValueError, OverflowError):
        pass
    raise InputError(f"{what}[{name!r}] must be an array of real numbers, got {found}.")


def _in_shape(slot: Slot, value: Array, layout: str, what: str) -> Array:
    if slot.key == "W":
        if layout == "out, in" and value.ndim == 2:
            value = value.T
        if value.shape in (slot.shape, slot.shape[::-1]):
            return value
        if value.ndim == 1 and value.size == max(slot.shape) and min(slot.shape) == 1:
            return value.reshape(slot.shape)
    elif value.size == int(np.prod(slot.shape)):
        return value.reshape(slot.shape)
    elif value.size == 1:
        return value.reshape(())
    raise InputError(f"{what}[{slot.name!r}] must have shape {shape_text(slot.shape)}, got {shape_text(value.shape)}.")


def is_single_precision(given: Any) -> bool:
    """Whether all numbers are float32, by dtype or because float32 holds each of them exactly."""
    arrays = [np.asarray(value) for value in given.values()]
    if any(array.dtype == np.float32 for array in arrays):
        return True
    arrays = [array.astype(np.float64) for array in arrays]
    with np.errstate(over="ignore"):
        return all(np.array_equal(array, array.astype(np.float32), equal_nan=True) for array in arrays)
