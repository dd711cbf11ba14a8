"""From gradients to parameters: shards added up, penalties, masks, clipping, the optimizer's rule.

All of them walk the flat vectors of parameters, gradients and moments, whose padding stays 0.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Any

import numpy as np
from numba import njit

from chainrule.engine.compiler.target import Space
from chainrule.engine.kernels.work_split import share
from chainrule.engine.lanes.memory import NUMBA_TYPES, load, number, pointer_to, spread, store
from chainrule.engine.lanes.optimizers import COMPILED_OPTIMIZERS
from chainrule.engine.lanes.reductions import lane_sum
from chainrule.engine.lanes.simd import fma, select
from chainrule.engine.lanes.sync import reals
from chainrule.engine.memory import BLOCK, Context, Scalar


class Word(IntEnum):
    """Words of an instruction.

    NUMBERS is the address of float64 settings (``Number``), DECAYED and FREE may be 0: none. Threads share LENGTH in
    whole UNITs.
    """

    G = 1
    W = 2
    LENGTH = 3
    DECAYED = 4
    FREE = 5
    NUMBERS = 6
    M = 7
    V = 8
    UPDATE = 9
    UNIT = 10


class Number(IntEnum):
    """Places in NUMBERS; the eight settings of the optimizer begin at SETTINGS."""

    L1 = 0
    L2 = 1
    CLIP_VALUE = 2
    CLIP_NORM = 3
    DECAY = 4
    SETTINGS = 8


class Shards(IntEnum):
    """Words of ``add_shards``: the first shard, where the sum goes, its length, and from one shard to the next."""

    FIRST = 1
    SUM = 2
    LENGTH = 3
    STRIDE = 4


def _kit(space: Space) -> tuple[Any, int]:
    return pointer_to(NUMBA_TYPES[np.dtype(space.dtype)], space.lanes), space.lanes


@njit(forceinline=True, error_model="numpy")
def _eight(numbers, first):
    """Eight numbers one after the other."""
    k = first + 0  # a number, for a place that an enumeration names
    return (
        numbers[k], numbers[k + 1], numbers[k + 2], numbers[k + 3],
        numbers[k + 4], numbers[k + 5], numbers[k + 6], numbers[k + 7],
    )  # fmt: skip


def add_shards(space: Space) -> Any:
    """The gradients of all shards of a batch, added in their order."""
    at, lanes = _kit(space)

    def kernel(instruction, context):
        shards, total = at(instruction[Shards.FIRST]), at(instruction[Shards.SUM])
        begin, end = share(instruction[Shards.LENGTH], lanes, context)
        for k in range(begin, end, lanes):
            together = load(shards, k)
            for s in range(1, context[Context.SHARDS]):
                together = together + load(shards, s * instruction[Shards.STRIDE] + k)
            store(total, k, together)

    return kernel


def penalise(space: Space) -> Any:
    """``g + l1 sign(W) + l2 W`` for weights; 0 where nothing is free; each entry clipped."""
    at, lanes = _kit(space)

    def kernel(instruction, context):
        g, w, decayed, free, numbers = (
            at(instruction[Word.G]),
            at(instruction[Word.W]),
            at(instruction[Word.DECAYED]),
            at(instruction[Word.FREE]),
            reals(instruction[Word.NUMBERS]),
        )
        l1, l2, limit = numbers[Number.L1], numbers[Number.L2], numbers[Number.CLIP_VALUE]
        begin, end = share(instruction[Word.LENGTH], lanes, context)
        for k in range(begin, end, lanes):
            gradient = load(g, k)
            if l1 != 0 or l2 != 0:
                here = load(w, k)
                sign = select(here > 0.0, 1.0 + 0.0 * here, select(here < 0.0, -1.0 + 0.0 * here, 0.0 * here))
                gradient = fma(load(decayed, k), fma(here, l2, sign * l1), gradient)
            if instruction[Word.FREE] != 0:
                gradient = select(load(free, k) > 0.0, gradient, 0.0)
            if limit > 0:
                gradient = select(gradient > limit, limit, select(gradient < -limit, -limit, gradient))
            store(g, k, gradient)

    return kernel


def norm(space: Space) -> Any:
    """The gradient's Euclidean length, and what clip_norm would multiply it by."""
    at, lanes = _kit(space)
    one = pointer_to(NUMBA_TYPES[np.dtype(space.dtype)], 1)

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

    def kernel(instruction, context):
        if context[Context.THREAD] != 0:
            return
        g, length, scalars = at(instruction[Word.G]), instruction[Word.LENGTH], reals(context[Context.SCALARS])
        total = 0.0
        for first in range(0, length, BLOCK):
            squares = spread(g, 0.0)
            for k in range(first, min(first + BLOCK, length), lanes):
                here = load(g, k)
                squares = fma(here, here, squares)
            total += lane_sum(squares)
        long = np.sqrt(total) if 1e-24 < total < 1e24 else carefully(one(instruction[Word.G]), length)
        limit = reals(instruction[Word.NUMBERS])[Number.CLIP_NORM]
        clipped = limit > 0 and long > limit
        scalars[Scalar.SCALE] = limit / long if clipped else 1.0
        scalars[Scalar.NORM] = limit if clipped else long

    return kernel


def scale(space: Space) -> Any:
    """The gradient times what ``norm`` found."""
    at, lanes = _kit(space)

    def kernel(instruction, context):
        g, factor = at(instruction[Word.G]), reals(context[Context.SCALARS])[Scalar.SCALE]
        begin, end = share(instruction[Word.LENGTH], lanes, context)
        if factor != 1:
            for k in range(begin, end, lanes):
                store(g, k, load(g, k) * factor)

    return kernel


def prepare(twin: Any) -> Callable[[Space], Any]:
    """What all parameters share in this update, computed once, by one thread."""
    scalars_of = twin.scalars

    def factory(space: Space) -> Any:
        del space

        def kernel(instruction, context):
            if context[Context.THREAD] != 0:
                return
            numbers, scalars = reals(instruction[Word.NUMBERS]), reals(context[Context.SCALARS])
            s = _eight(numbers, Number.SETTINGS)
            made = scalars_of(
                s, scalars[Scalar.LEARNING_RATE], scalars[Scalar.UPDATE_COUNT], scalars[Scalar.OPTIMIZER_MEMORY]
            )
            for k in range(8):
                scalars[Scalar.OPTIMIZER + k] = made[k]
            scalars[Scalar.OPTIMIZER_MEMORY] = made[8]

        return kernel

    return factory


def step(twin: Any) -> Callable[[Space], Any]:
    """The optimizer's rule, decoupled decay, and the parameters less the update."""
    rule = twin.update

    def factory(space: Space) -> Any:
        at, lanes = _kit(space)

        def kernel(instruction, context):
            g, w, m, v, updates = (
                at(instruction[Word.G]),
                at(instruction[Word.W]),
                at(instruction[Word.M]),
                at(instruction[Word.V]),
                at(instruction[Word.UPDATE]),
            )
            decayed, free, scalars = (
                at(instruction[Word.DECAYED]),
                at(instruction[Word.FREE]),
                reals(context[Context.SCALARS]),
            )
            decay = reals(instruction[Word.NUMBERS])[Number.DECAY] * scalars[Scalar.LEARNING_RATE]
            q = _eight(scalars, Scalar.OPTIMIZER)
            begin, end = share(instruction[Word.LENGTH], instruction[Word.UNIT], context)
            for k in range(begin, end, lanes):
                here = load(w, k)
                first = load(m, k) if instruction[Word.M] != 0 else spread(g, 0.0)
                second = load(v, k) if instruction[Word.V] != 0 else spread(g, 0.0)
                update, first, second = rule(load(g, k), first, second, q)
                if instruction[Word.M] != 0:
                    store(m, k, first)
                if instruction[Word.V] != 0:
                    store(v, k, second)
                if decay != 0:
                    update = update + load(decayed, k) * here * decay
                if instruction[Word.FREE] != 0:
                    update = select(load(free, k) > 0.0, update, 0.0)
                if instruction[Word.UPDATE] != 0:
                    store(updates, k, update)
                store(w, k, here - update)

        return kernel

    return factory


KERNELS = (
    {"add_shards": add_shards, "penalise": penalise, "norm": norm, "scale": scale}
    | {f"prepare_{name}": prepare(twin) for name, twin in COMPILED_OPTIMIZERS.items()}
    | {f"step_{name}": step(twin) for name, twin in COMPILED_OPTIMIZERS.items()}
)
