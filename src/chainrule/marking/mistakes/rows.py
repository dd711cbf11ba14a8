"""Mistakes at the place ``rows``, in adding up a batch: which rows count, and how often."""

import numpy as np

from chainrule.core.arrays import Array
from chainrule.marking.forward_context import ForwardContext
from chainrule.marking.mistake import Mistake, Variant


def _counted(times: Array, dy: Array) -> Array:
    return times[:, None] * dy


def _last(forward: ForwardContext, dy: Array) -> Array:
    return _counted(np.arange(forward.rows) == forward.rows - 1, dy)


def _first(forward: ForwardContext, dy: Array) -> Array:
    return _counted(np.arange(forward.rows) == 0, dy)


def _running(forward: ForwardContext, dy: Array) -> Array:
    """Row n is still in the sum when rows n + 1, ..., N - 1 add it again: it counts N - n times."""
    return _counted(np.arange(forward.rows, 0, -1), dy)


LAST_ROW = Mistake(
    "last-row-only",
    "rows",
    explanation=(
        "The gradient of the batch is that of its last row alone: the loop over the rows has = where += is meant, so "
        "each row overwrites the ones before it."
    ),
    right="dW = sum over n of dW[n]",
    wrong="dW = dW[N - 1]",
    right_latex=r"\partial E/\partial W = \sum_n \partial E_n/\partial W",
    wrong_latex=r"\partial E/\partial W = \partial E_{N-1}/\partial W",
    variants=lambda forward: [Variant("", _last)] if forward.rows > 1 else [],
)

FIRST_ROW = Mistake(
    "first-row-only",
    "rows",
    explanation=(
        "The gradient of the batch is that of its first row alone: the loop over the rows ends, or returns, after its "
        "first iteration."
    ),
    right="dW = sum over n of dW[n]",
    wrong="dW = dW[0]",
    right_latex=r"\partial E/\partial W = \sum_n \partial E_n/\partial W",
    wrong_latex=r"\partial E/\partial W = \partial E_0/\partial W",
    variants=lambda forward: [Variant("", _first)] if forward.rows > 1 else [],
)

NOT_RESET = Mistake(
    "not-reset",
    "rows",
    explanation=(
        "Gradients of earlier rows or steps are still in the sum when the next ones are added: they count again each "
        "time. Set the gradients to zero before every row or step."
    ),
    right="dW = sum over n of dW[n], from zero",
    wrong="dW = sum over n of (dW[0] + ... + dW[n])",
    right_latex=r"\partial E/\partial W = \sum_n \partial E_n/\partial W",
    wrong_latex=r"\partial E/\partial W = \sum_n \sum_{m \le n} \partial E_m/\partial W",
    variants=lambda forward: [Variant("", _running)] if forward.rows > 1 else [],
)

ROWS = (LAST_ROW, FIRST_ROW, NOT_RESET)
