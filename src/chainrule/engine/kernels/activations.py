"""Activations on the way up, ``a = phi(z)`` and the slope ``phi'(z)`` beside it; on the way down ``delta = da slope``.

The slope is computed where ``phi`` is, as both share most of their work; the way down is then one multiplication for
all elementwise activations.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from chainrule.engine.compiler.target import Space
from chainrule.engine.kernels.work_split import share
from chainrule.engine.lanes.activations import ACTIVATION_TWINS
from chainrule.engine.lanes.functions import exp_of_negative
from chainrule.engine.lanes.simd import lane_max, lane_sum, load, load_first, np_lanes, pointer_to, store
from chainrule.engine.lanes.sync import reals
from chainrule.engine.runtime.memory import ROWS

UP_A, UP_SLOPE, UP_WIDTH, UP_PARAMETERS, UP_FIRST, UP_LAST = range(1, 7)


def elementwise(phi: Callable[..., Any]) -> Callable[[Space], Any]:
    """The kernel of an activation: ``a`` in the place of ``z``; all columns, or those from ``first`` to ``last``."""

    def factory(space: Space) -> Any:
        kind = np_lanes[np.dtype(space.dtype)]
        at, one, lanes = pointer_to(kind, space.lanes), pointer_to(kind, 1), space.lanes

        @njit(error_model="numpy")
        def run(a, slope, begin, end, step, p, sloped):
            for k in range(begin, end, step):
                value, prime = phi(load(a, k), p)
                store(a, k, value)
                if sloped:
                    store(slope, k, prime)

        def kernel(op, now):
            width, p = op[UP_WIDTH], (reals(op[UP_PARAMETERS])[0], reals(op[UP_PARAMETERS])[1])
            begin, end = share(now[ROWS], 1, now)
            sloped = op[UP_SLOPE] != 0
            if op[UP_FIRST] == 0 and op[UP_LAST] == width:
                run(at(op[UP_A]), at(op[UP_SLOPE]), begin * width, end * width, lanes, p, sloped)
            else:
                for n in range(begin, end):
                    row = n * width
                    run(one(op[UP_A]), one(op[UP_SLOPE]), row + op[UP_FIRST], row + op[UP_LAST], 1, p, sloped)

        return kernel

    return factory


# -------------------------------------------------------------------------------- the way down
DOWN_DELTA, DOWN_SLOPE, DOWN_WIDTH = range(1, 4)


def down(space: Space) -> Any:
    """``delta = da slope``, in the place of ``da``."""
    at, lanes = pointer_to(np_lanes[np.dtype(space.dtype)], space.lanes), space.lanes

    def kernel(op, now):
        delta, slope, width = at(op[DOWN_DELTA]), at(op[DOWN_SLOPE]), op[DOWN_WIDTH]
        begin, end = share(now[ROWS], 1, now)
        for k in range(begin * width, end * width, lanes):
            store(delta, k, load(delta, k) * load(slope, k))

    return kernel


# -------------------------------------------------------------------------------- softmax
SOFTMAX_A, SOFTMAX_DELTA, SOFTMAX_UNITS, SOFTMAX_WIDTH = range(1, 5)


def softmax_up(space: Space) -> Any:
    """``a[k] = exp(z[k] - top)/sum_j exp(z[j] - top)`` by row, in the place of z; the padding becomes 0."""
    at, lanes = pointer_to(np_lanes[np.dtype(space.dtype)], space.lanes), space.lanes

    def kernel(op, now):
        a, units, width = at(op[SOFTMAX_A]), op[SOFTMAX_UNITS], op[SOFTMAX_WIDTH]
        begin, end = share(now[ROWS], 1, now)
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
    at, lanes = pointer_to(np_lanes[np.dtype(space.dtype)], space.lanes), space.lanes

    def kernel(op, now):
        a, delta, width = at(op[SOFTMAX_A]), at(op[SOFTMAX_DELTA]), op[SOFTMAX_WIDTH]
        begin, end = share(now[ROWS], 1, now)
        for n in range(begin, end):
            row = n * width
            total = load(a, row) * load(delta, row)
            for k in range(lanes, width, lanes):
                total = total + load(a, row + k) * load(delta, row + k)
            mean = lane_sum(total)
            for k in range(0, width, lanes):
                store(delta, row + k, load(a, row + k) * (load(delta, row + k) - mean))

    return kernel


KERNELS = {name: elementwise(phi) for name, phi in ACTIVATION_TWINS.items()} | {
    "down": down,
    "softmax_up": softmax_up,
    "softmax_down": softmax_down,
}
