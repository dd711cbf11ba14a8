"""What the learner gave, read and made comparable: arrays by name, their precision, one case or several."""

import reprlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array, shape_text
from chainrule.core.parameters import Slot
from chainrule.errors import InputError
from chainrule.marking.backward import run
from chainrule.marking.constants import constants, readings
from chainrule.marking.forward_context import Situation
from chainrule.marking.hypothesis import Hypothesis, agrees, comparable
from chainrule.marking.mistake import Mistake, changes_of
from chainrule.marking.tolerance import Response, Tolerance


@dataclass(frozen=True, eq=False)
class Case:
    """The gradients given for one forward pass.

    Attributes:
        s: the forward pass.
        given: by name.
        response: how gradients answer to rounding here.
    """

    s: Situation
    given: Mapping[str, Array]
    response: Response

    def fits(self, h: Hypothesis, eps: float, earlier: Mapping[str, Array] | None = None) -> bool:
        """Whether these mistakes give these numbers (with the gradients of earlier cases added, if there are any)."""
        tolerance: Tolerance = self.response.tolerance(eps)
        mutant = run(self.s, changes_of(h.all_slips)).gradients
        for name, given in self.given.items():
            value = mutant[name] if earlier is None else mutant[name] + earlier[name]
            if not comparable(given, value) or not agrees(given, value, 1.0, tolerance, name):
                return False
        return True


def read(s: Situation, given: Any, *, layout: str = "in, out", what: str = "gradients") -> dict[str, Array]:
    """Arrays by parameter name, in float64 and in our shapes where there is only one way to read them.

    A bias may be a row or a column, and one number if all units share it; weights that come transposed stay so.

    Raises:
        InputError: not a dict of arrays, an unknown name, or a shape that cannot be the parameter's.
    """
    if not isinstance(given, Mapping) or not given:
        found = reprlib.repr(given)
        raise InputError(f"{what} must be a dict of arrays by parameter name, such as {{'W1': ...}}, got {found}.")
    slots = {slot.name: slot for slot in s.chain.slots}
    unknown = [name for name in given if name not in slots]
    if unknown:
        raise InputError(f"{what} names {unknown[0]!r}, but this network has {', '.join(slots)}.")
    return {name: _in_shape(slots[name], _numbers(what, name, given[name]), layout, what) for name in given}


def _numbers(what: str, name: str, value: Any) -> Array:
    """A copy in float64; what NumPy would read numbers out of (text, the real part) is no array of them."""
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


def loss_constant(s: Situation, loss: Any) -> str:
    """By which constant the learner's loss is ours: ``"1"`` if it is the same.

    Raises:
        InputError: by none: the forward passes differ, and there is no point in marking the backward pass.
    """
    ours = maths.batch_loss(s.chain, s.y, s.t)
    try:
        ratio = float(loss) / ours if ours else 1.0
    except (TypeError, ValueError):
        raise InputError(f"loss must be the number that your code gives for x and t, got {loss!r}.") from None
    for value in constants(s).values():
        if abs(ratio - value) <= 1e-5 * value:
            return readings(s, value)[0]
    raise InputError(
        f"your loss for x and t is {float(loss):.10g}, this network's is {ours:.10g}: the forward passes or the losses "
        "differ, so mark the backward pass against a network with your activations, parameters and loss."
    )


def left_over(cases: Sequence[Case]) -> list[Mapping[str, Array] | None]:
    """For each case what would still be in the sum if gradients were never reset: what the case before it gave."""
    return [None, *(case.given for case in cases[:-1])]


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that the learner gave.

    Attributes:
        cases: gradients, each for a forward pass of its own.
        catalogue: the mistakes to look for.
        single_precision: whether the numbers are float32.
        loss: by which constant the learner's loss is ours, ``"1"`` if it is the same; None if it was not given.
        notes: what the marking should tell besides.
        failures: what a function did not do: the inputs for which it gave nothing usable, and why.
        asked_for_all: whether the learner was to give every gradient, as a function is.
    """

    cases: tuple[Case, ...]
    catalogue: Sequence[Mistake]
    single_precision: bool = False
    loss: str | None = None
    notes: tuple[str, ...] = ()
    failures: tuple[str, ...] = ()
    asked_for_all: bool = False
