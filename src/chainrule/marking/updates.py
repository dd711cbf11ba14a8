"""Cases from updates: the learner's gradient is ``(before - after)/eta``, up to the rounding of that subtraction."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.errors import InputError
from chainrule.marking.evidence import Case
from chainrule.marking.forward_context import ForwardContext
from chainrule.marking.reading import read_arrays
from chainrule.marking.request import Request
from chainrule.marking.tolerance import measure_response


def case_of_update(
    forward: ForwardContext, after: Mapping[str, Array], *, digits: int | None = None, half_digit: float = 0.0
) -> Case:
    """The gradients of one plain gradient descent step.

    Args:
        forward: the forward pass before the update, with the learning rate.
        after: updated parameters by name.
        digits: decimals to which the parameters before the update are known; None for all.
        half_digit: by how much printed parameters may be off.

    Raises:
        InputError: one number was given for biases that were not all equal before the update.
    """
    eta = _learning_rate(forward)
    given: dict[str, Array] = {}
    subtracted: dict[str, Array | float] = {}
    for name, value in after.items():
        old = _matching(forward.parameters[name], value)
        given[name] = (old - value) / eta
        subtracted[name] = (np.abs(old) + np.abs(value)) / eta
    response = measure_response(forward, digits, noise=half_digit / eta, subtracted=subtracted)
    return Case(forward, given, response)


def cases_of_updates(request: Request, after: Sequence[Any]) -> tuple[Case, ...]:
    """One case for each row, at the parameters that the learner's earlier updates left.

    Args:
        request: the network and all rows.
        after: the learner's parameters by name, after each row.

    Raises:
        InputError: not as many as rows, or not the same parameters after each.
    """
    forward = request.forward
    if len(after) != forward.rows:
        raise InputError(f"after must hold the parameters after each of the {forward.rows} rows, got {len(after)}.")
    cases: list[Case] = []
    parameters = forward.model.copy().parameters
    for n, updated in enumerate(after):
        here = forward.rerun(parameters.vector.copy(), forward.x[n : n + 1], forward.t[n : n + 1])
        given = read_arrays(here, updated, layout=request.layout, what=f"after[{n}]")
        if n and set(given) != set(cases[0].given):
            raise InputError(f"after[{n}] must name the same parameters as after[0].")
        cases.append(case_of_update(here, given, digits=request.digits, half_digit=request.half_digit))
        for name, value in given.items():
            parameters[name][...] = value if value.shape == parameters[name].shape or not value.ndim else value.T
    return tuple(cases)


def case_of_sequence(request: Request, after: Mapping[str, Array]) -> Case:
    """The whole change that one update after each row made, divided by the learning rate."""
    forward = request.forward
    eta = _learning_rate(forward)
    before = forward.parameters
    given = {name: (_like(before[name], value) - value) / eta for name, value in after.items()}
    subtracted = {name: forward.rows * (np.abs(value).max() + 1) / eta for name, value in after.items()}
    response = measure_response(forward, request.digits, noise=request.half_digit / eta, subtracted=subtracted)
    return Case(forward, given, response)


def _learning_rate(forward: ForwardContext) -> float:
    assert forward.learning_rate is not None
    return forward.learning_rate


def _matching(old: Array, new: Array) -> Array:
    """The old values in the shape of the new ones: as they are, transposed, or the one bias that all units share."""
    if new.ndim == 0 and np.ptp(old) > 0:
        raise InputError(
            "after holds one bias for units whose biases differ before the update: give the units of your network "
            "the same bias, or declare the layer with bias='shared'."
        )
    return _like(old, new)


def _like(old: Array, new: Array) -> Array:
    if new.shape == old.shape:
        return old
    return old.ravel()[0] if new.ndim == 0 else old.T
