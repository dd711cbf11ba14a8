"""From gradients to parameters: shards added up, penalties, masks, clipping, the optimizer's rule.

All of them walk the flat vectors of parameters, gradients and moments, whose padding stays 0.
"""

from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit

from chainrule.engine.compiler.target import Space
from chainrule.engine.kernels.work_split import share
from chainrule.engine.lanes.optimizers import OPTIMIZER_TWINS
from chainrule.engine.lanes.simd import (
    fma,
    lane_sum,
    load,
    np_lanes,
    number,
    pointer_to,
    select,
    spread,
    store,
)
from chainrule.engine.lanes.sync import reals
from chainrule.engine.runtime.memory import (
    BLOCK,
    COUNT,
    ETA,
    KEPT,
    NORM,
    OPTIMIZER,
    PARTS,
    SCALARS,
    SCALE,
    THREAD,
)

G, W, LENGTH, DECAYED, FREE, NUMBERS, M, V, UPDATE, UNIT = range(1, 11)
"""Words of an op; NUMBERS is the address of float64 settings, DECAYED and FREE may be 0: none. Threads share LENGTH in
whole UNITs."""

L1, L2, CLIP_VALUE, CLIP_NORM, DECAY, SETTINGS = 0, 1, 2, 3, 4, 8
"""Places in NUMBERS; the optimizer's own eight settings begin at SETTINGS."""

STRIDE = 4
"""A word of ``add_shards``, beside G (the first shard), W (where the sum goes) and LENGTH."""


def _kit(space: Space) -> tuple[Any, int]:
    return pointer_to(np_lanes[np.dtype(space.dtype)], space.lanes), space.lanes


def add_shards(space: Space) -> Any:
    """The gradients of all shards of a batch, added in their order."""
    at, lanes = _kit(space)

    def kernel(op, now):
        shards, total = at(op[G]), at(op[W])
        begin, end = share(op[LENGTH], lanes, now)
        for k in range(begin, end, lanes):
            together = load(shards, k)
            for s in range(1, now[PARTS]):
                together = together + load(shards, s * op[STRIDE] + k)
            store(total, k, together)

    return kernel


def penalise(space: Space) -> Any:
    """``g + l1 sign(W) + l2 W`` for weights; 0 where nothing is free; each entry clipped."""
    at, lanes = _kit(space)

    def kernel(op, now):
        g, w, decayed, free, numbers = at(op[G]), at(op[W]), at(op[DECAYED]), at(op[FREE]), reals(op[NUMBERS])
        l1, l2, limit = numbers[L1], numbers[L2], numbers[CLIP_VALUE]
        begin, end = share(op[LENGTH], lanes, now)
        for k in range(begin, end, lanes):
            gradient = load(g, k)
            if l1 != 0 or l2 != 0:
                here = load(w, k)
                sign = select(here > 0.0, 1.0 + 0.0 * here, select(here < 0.0, -1.0 + 0.0 * here, 0.0 * here))
                gradient = fma(load(decayed, k), fma(here, l2, sign * l1), gradient)
            if op[FREE] != 0:
                gradient = select(load(free, k) > 0.0, gradient, 0.0)
            if limit > 0:
                gradient = select(gradient > limit, limit, select(gradient < -limit, -limit, gradient))
            store(g, k, gradient)

    return kernel


def norm(space: Space) -> Any:
    """The gradient's Euclidean length, and what clip_norm would multiply it by."""
    at, lanes = _kit(space)
    one = pointer_to(np_lanes[np.dtype(space.dtype)], 1)

    @njit(error_model="numpy")
    def carefully(g, length):
        """By shares of the largest number, whose square might overflow or vanish."""
        top = 0.0
        for k in range(length):
            size = abs(np.float64(number(g, k)))
            top = size if size > top or size != size else top  # noqa: PLR0124 - NaN stays
        if top == 0 or top != top or np.isinf(top):  # noqa: PLR0124 - NaN
            return top
        total = 0.0
        for k in range(length):
            total += (np.float64(number(g, k)) / top) ** 2
        return top * np.sqrt(total)

    def kernel(op, now):
        if now[THREAD] != 0:
            return
        g, length, scalars = at(op[G]), op[LENGTH], reals(now[SCALARS])
        total = 0.0
        for first in range(0, length, BLOCK):
            squares = spread(g, 0.0)
            for k in range(first, min(first + BLOCK, length), lanes):
                here = load(g, k)
                squares = fma(here, here, squares)
            total += lane_sum(squares)
        long = np.sqrt(total) if 1e-24 < total < 1e24 else carefully(one(op[G]), length)
        limit = reals(op[NUMBERS])[CLIP_NORM]
        clipped = limit > 0 and long > limit
        scalars[SCALE] = limit / long if clipped else 1.0
        scalars[NORM] = limit if clipped else long

    return kernel


def scale(space: Space) -> Any:
    """The gradient times what ``norm`` found."""
    at, lanes = _kit(space)

    def kernel(op, now):
        g, factor = at(op[G]), reals(now[SCALARS])[SCALE]
        begin, end = share(op[LENGTH], lanes, now)
        if factor != 1:
            for k in range(begin, end, lanes):
                store(g, k, load(g, k) * factor)

    return kernel


def prepare(twin: Any) -> Callable[[Space], Any]:
    """What all parameters share in this update, computed once, by one thread."""
    scalars_of = twin.scalars

    def factory(space: Space) -> Any:
        del space

        def kernel(op, now):
            if now[THREAD] != 0:
                return
            numbers, scalars = reals(op[NUMBERS]), reals(now[SCALARS])
            s = (
                numbers[SETTINGS], numbers[SETTINGS + 1], numbers[SETTINGS + 2], numbers[SETTINGS + 3],
                numbers[SETTINGS + 4], numbers[SETTINGS + 5], numbers[SETTINGS + 6], numbers[SETTINGS + 7],
            )  # fmt: skip
            made = scalars_of(s, scalars[ETA], scalars[COUNT], scalars[KEPT])
            for k in range(8):
                scalars[OPTIMIZER + k] = made[k]
            scalars[KEPT] = made[8]

        return kernel

    return factory


def step(twin: Any) -> Callable[[Space], Any]:
    """The optimizer's rule, decoupled decay, and the parameters less the update."""
    rule = twin.update

    def factory(space: Space) -> Any:
        at, lanes = _kit(space)

        def kernel(op, now):
            g, w, m, v, updates = at(op[G]), at(op[W]), at(op[M]), at(op[V]), at(op[UPDATE])
            decayed, free, scalars = at(op[DECAYED]), at(op[FREE]), reals(now[SCALARS])
            decay = reals(op[NUMBERS])[DECAY] * scalars[ETA]
            q = (
                scalars[OPTIMIZER], scalars[OPTIMIZER + 1], scalars[OPTIMIZER + 2], scalars[OPTIMIZER + 3],
                scalars[OPTIMIZER + 4], scalars[OPTIMIZER + 5], scalars[OPTIMIZER + 6], scalars[OPTIMIZER + 7],
            )  # fmt: skip
            begin, end = share(op[LENGTH], op[UNIT], now)
            for k in range(begin, end, lanes):
                here = load(w, k)
                first = load(m, k) if op[M] != 0 else spread(g, 0.0)
                second = load(v, k) if op[V] != 0 else spread(g, 0.0)
                update, first, second = rule(load(g, k), first, second, q)
                if op[M] != 0:
                    store(m, k, first)
                if op[V] != 0:
                    store(v, k, second)
                if decay != 0:
                    update = update + load(decayed, k) * here * decay
                if op[FREE] != 0:
                    update = select(load(free, k) > 0.0, update, 0.0)
                if op[UPDATE] != 0:
                    store(updates, k, update)
                store(w, k, here - update)

        return kernel

    return factory


KERNELS = (
    {"add_shards": add_shards, "penalise": penalise, "norm": norm, "scale": scale}
    | {f"prepare_{name}": prepare(twin) for name, twin in OPTIMIZER_TWINS.items()}
    | {f"step_{name}": step(twin) for name, twin in OPTIMIZER_TWINS.items()}
)
