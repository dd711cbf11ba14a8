"""Activations on the way up, ``a = phi(z)`` and the slope ``phi'(z)`` beside it; on the way down ``delta = da slope``.

The slope is computed where ``phi`` is, as both share most of their work; the way down is then one multiplication for
all elementwise activations.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Any

import numpy as np
from numba import njit

from chainrule.engine.compiler.target import Space
from chainrule.engine.kernels.work_split import share
from chainrule.engine.lanes.activations import COMPILED_ACTIVATIONS
from chainrule.engine.lanes.functions import exp_of_negative
from chainrule.engine.lanes.memory import NUMBA_TYPES, load, load_first, pointer_to, store
from chainrule.engine.lanes.reductions import lane_max, lane_sum
from chainrule.engine.lanes.sync import reals
from chainrule.engine.memory import Context


class Up(IntEnum):
    """Words of an elementwise activation."""

    A = 1
    SLOPE = 2
    WIDTH = 3
    PARAMETERS = 4
    FIRST = 5
    LAST = 6


def elementwise(phi: Callable[..., Any]) -> Callable[[Space], Any]:
    """The kernel of an activation: ``a`` in the place of ``z``; all columns, or those from ``first`` to ``last``."""

    def factory(space: Space) -> Any:
        kind = NUMBA_TYPES[np.dtype(space.dtype)]
        at, one, lanes = pointer_to(kind, space.lanes), pointer_to(kind, 1), space.lanes

        @njit(error_model="numpy")
        def run(a, slope, begin, end, step, p, sloped):
            for k in range(begin, end, step):
                value, prime = phi(load(a, k), p)
                store(a, k, value)
                if sloped:
                    store(slope, k, prime)

        def kernel(instruction, context):
            width, p = (
                instruction[Up.WIDTH],
                (reals(instruction[Up.PARAMETERS])[0], reals(instruction[Up.PARAMETERS])[1]),
            )
            begin, end = share(context[Context.ROWS], 1, context)
            sloped = instruction[Up.SLOPE] != 0
            if instruction[Up.FIRST] == 0 and instruction[Up.LAST] == width:
                run(at(instruction[Up.A]), at(instruction[Up.SLOPE]), begin * width, end * width, lanes, p, sloped)
            else:
                for n in range(begin, end):
                    row = n * width
                    run(
                        one(instruction[Up.A]),
                        one(instruction[Up.SLOPE]),
                        row + instruction[Up.FIRST],
                        row + instruction[Up.LAST],
                        1,
                        p,
                        sloped,
                    )

        return kernel

    return factory


# -------------------------------------------------------------------------------- the way down


class Down(IntEnum):
    """Words of ``down``."""

    DELTA = 1
    SLOPE = 2
    WIDTH = 3


def down(space: Space) -> Any:
    """``delta = da slope``, in the place of ``da``."""
    at, lanes = pointer_to(NUMBA_TYPES[np.dtype(space.dtype)], space.lanes), space.lanes

    def kernel(instruction, context):
        delta, slope, width = at(instruction[Down.DELTA]), at(instruction[Down.SLOPE]), instruction[Down.WIDTH]
        begin, end = share(context[Context.ROWS], 1, context)
        for k in range(begin * width, end * width, lanes):
            store(delta, k, load(delta, k) * load(slope, k))

    return kernel


# -------------------------------------------------------------------------------- softmax


class Softmax(IntEnum):
    """Words of softmax, up and down."""

    A = 1
    DELTA = 2
    UNITS = 3
    WIDTH = 4


def softmax_up(space: Space) -> Any:
    """``a[k] = exp(z[k] - top)/sum_j exp(z[j] - top)`` by row, in the place of z; the padding becomes 0."""
    at, lanes = pointer_to(NUMBA_TYPES[np.dtype(space.dtype)], space.lanes), space.lanes

    def kernel(instruction, context):
        a, units, width = at(instruction[Softmax.A]), instruction[Softmax.UNITS], instruction[Softmax.WIDTH]
        begin, end = share(context[Context.ROWS], 1, context)
        for n in range(begin, end):
            row = n * width
            top = lane_max(load_first(a, row, units, -np.inf))
            for k in range(lanes, width, lanes):
                top = max(top, lane_max(load_first(a, row + k, units - k, -np.inf)))
            total = exp_of_negative(load_first(a, row, units, -np.inf) - top)
            store(a, row, total)
            for k in range(lanes, width, lanes):
                e = exp_of_negative(load_first(a, row + k, units - k, -np.inf) - top)
                store(a, row + k, e)
                total = total + e
            inverse = 1 / lane_sum(total)
            for k in range(0, width, lanes):
                store(a, row + k, load(a, row + k) * inverse)

    return kernel


def softmax_down(space: Space) -> Any:
    """``delta = a (da - a.da)`` by row, in the place of ``da``: the Jacobian diag(a) - a a' is its own transpose."""
    at, lanes = pointer_to(NUMBA_TYPES[np.dtype(space.dtype)], space.lanes), space.lanes

    def kernel(instruction, context):
        a, delta, width = at(instruction[Softmax.A]), at(instruction[Softmax.DELTA]), instruction[Softmax.WIDTH]
        begin, end = share(context[Context.ROWS], 1, context)
        for n in range(begin, end):
            row = n * width
            total = load(a, row) * load(delta, row)
            for k in range(lanes, width, lanes):
                total = total + load(a, row + k) * load(delta, row + k)
            mean = lane_sum(total)
            for k in range(0, width, lanes):
                store(delta, row + k, load(a, row + k) * (load(delta, row + k) - mean))

    return kernel


KERNELS = {name: elementwise(phi) for name, phi in COMPILED_ACTIVATIONS.items()} | {
    "down": down,
    "softmax_up": softmax_up,
    "softmax_down": softmax_down,
}
