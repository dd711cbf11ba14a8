"""The three matrix products of a dense layer: up, weights and down.

All have one inner loop: a tile of a few rows by a few vectors is kept in registers while a third axis is walked, and
each step adds the outer product of a few numbers with a few vectors (``outer``). A tile of 6 x 4 vectors needs 10
fetches for 24 multiply-adds, so that memory does not hold the arithmetic up. Rows that are left over after the
sixes take tiles of 4, 2 and 1 rows; every element is added up in the same order in all of them.

References: Goto & van de Geijn 2008, Anatomy of high-performance matrix multiplication, ACM TOMS 34(3), for tiles in
registers and panels in the cache.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types

from chainrule.engine.compiler.target import Space
from chainrule.engine.kernels.work_split import share
from chainrule.engine.lanes.memory import NUMBA_TYPES, load, moved, number, pointer_to, put, store
from chainrule.engine.lanes.simd import address_ir, fma, intrinsic
from chainrule.engine.lanes.sync import reals, words
from chainrule.engine.lanes.tiles import (
    load_tile,
    numbers_along,
    numbers_down,
    outer,
    store_tile,
    tile_scaled_from,
    tile_times,
    turn,
    zero_tile,
)
from chainrule.engine.memory import Context, Scalar

DEEP = 1024
"""How far the third axis is walked in one go, so that a panel of weights stays in the L2 cache."""

HEIGHTS = (6, 4, 2, 1)
"""Rows of the tiles."""


@intrinsic(prefer_literal=True)
def _offsets(typing_context: Any, index: Any, first: Any, count: Any, step: Any) -> Any:
    """``index[first + r] * step`` for r below ``count``, as a tuple: where rows begin that lie anywhere."""
    del typing_context
    many = types.UniTuple(types.int64, count.literal_value)

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del signature
        places = [
            builder.load(address_ir(builder, args[0], builder.add(args[1], ir.Constant(args[1].type, r))))
            for r in range(many.count)
        ]
        return context.make_tuple(builder, many, [builder.mul(place, args[3]) for place in places])

    return many(index, first, count, step), emit


def _inlined(function: Any) -> Any:
    """Written into its caller before anything is compiled: a tile compiled by itself, too, would be compiled twice."""
    return njit(error_model="numpy", inline="always")(function)


@njit(error_model="numpy", forceinline=True)
def _part(width, panel, lines, context):
    """This thread's part: which panels, and which of their lines.

    Where the panels can be dealt out evenly, each thread keeps its own columns of weights in its own cache.
    """
    panels = (width + panel - 1) // panel
    thread, threads = context[Context.THREAD], context[Context.THREADS]
    if panels % threads == 0:
        return panels * thread // threads, panels * (thread + 1) // threads, 0, lines
    begin, end = share(lines, 6, context)
    return 0, panels, begin, end


def _tiled(tile: Callable[[int, int], Any], space: Space) -> list[Any]:
    """``run(first, last, rest)`` for panels of 1 to 4 vectors: lines ``first`` to ``last``, tile after tile.

    ``tile(height, wide)`` makes the function that does ``height`` lines of a panel of ``wide`` vectors.
    """

    def lines_of(wide: int) -> Any:
        six, four, two, one = (tile(height, wide) for height in HEIGHTS)

        @njit(error_model="numpy")
        def lines(first, last, rest):
            while first + 6 <= last:
                six(first, rest)
                first += 6
            if first + 4 <= last:
                four(first, rest)
                first += 4
            if first + 2 <= last:
                two(first, rest)
                first += 2
            if first < last:
                one(first, rest)

        return lines

    return ([lines_of(wide) for wide in range(1, space.columns + 1)] * 2)[
        :4
    ]  # where two are the most, the rest is idle


# -------------------------------------------------------------------------------- up: z = a W + b; down: da = delta W'


class Up(IntEnum):
    """Words of ``up``."""

    A = 1
    LDA = 2
    INDEX = 3
    W = 4
    BIAS = 5
    Z = 6
    DEPTH = 7
    WIDTH = 8
    SLOPE = 9


def _up_tile(height: int, wide: int) -> Any:
    """``height`` rows of one panel of ``wide`` vectors: ``z = start + sum_k a[n, k] W[k, :]``, times a slope if any."""

    @_inlined
    def tile(n, rest):
        a, index, lda, W, step, z, ldz, start, start_step, begin, end, slope, sloped = rest
        sums = load_tile(start, n * start_step, height, start_step, wide)
        rows = _offsets(index, n, height, lda)
        for k in range(begin, end):
            sums = outer(sums, numbers_down(a, rows, k), load_tile(W, k * step, 1, 0, wide))
        if sloped:
            sums = tile_times(sums, load_tile(slope, n * ldz, height, ldz, wide))
        store_tile(z, n * ldz, ldz, wide, sums)

    return tile


def up(space: Space) -> Any:
    """``z[n, m] = b[m] + sum_k a[n, k] W[k, m]`` for the chunk's rows, W in panels; by a slope if one is given.

    With the transposed weights and no bias it is the way down: ``da[n, i] = sum_j delta[n, j] W[i, j]``.
    """
    at, lanes, panel = pointer_to(NUMBA_TYPES[np.dtype(space.dtype)], space.lanes), space.lanes, space.panel
    one, two, three, four = _tiled(_up_tile, space)

    def kernel(instruction, context):
        a, lda, W0 = at(instruction[Up.A]), instruction[Up.LDA], at(instruction[Up.W])
        z0, bias0, slope0 = at(instruction[Up.Z]), at(instruction[Up.BIAS]), at(instruction[Up.SLOPE])
        index = words(instruction[Up.INDEX] if instruction[Up.INDEX] != 0 else context[Context.INDEX])
        depth, width = instruction[Up.DEPTH], instruction[Up.WIDTH]
        first, last, n, end_row = _part(width, panel, context[Context.ROWS], context)
        for p in range(first, last):
            left, wide = p * panel, min(width - p * panel, panel)
            W, z, bias, slope = moved(W0, left * depth), moved(z0, left), moved(bias0, left), moved(slope0, left)
            for begin in range(0, depth, DEEP):
                end = min(begin + DEEP, depth)
                start, step = (bias, 0) if begin == 0 else (z, width)
                sloped = instruction[Up.SLOPE] != 0 and end == depth
                rest = (a, index, lda, W, wide, z, width, start, step, begin, end, slope, sloped)
                if wide == lanes:
                    one(n, end_row, rest)
                elif wide == 2 * lanes:
                    two(n, end_row, rest)
                elif wide == 3 * lanes:
                    three(n, end_row, rest)
                else:
                    four(n, end_row, rest)

    return kernel


# -------------------------------------------------------------------------------- weights: dW = a' delta


class Weights(IntEnum):
    """Words of ``weights``."""

    A = 1
    LDA = 2
    INDEX = 3
    DELTA = 4
    G = 5
    W = 6
    DEPTH = 7
    WIDTH = 8


def _weights_tile(height: int, wide: int) -> Any:
    """``height`` rows of dW in one panel: ``sum_n a[n, i] delta[n, :]``, kept, added up, or stepped along."""

    @_inlined
    def tile(i, rest):
        a, index, lda, delta, ldd, rows, G, W, step, adding, stepping, eta = rest
        sums = load_tile(G, i * step, height, step, wide) if adding else zero_tile(G, height, wide)
        for n in range(rows):
            sums = outer(sums, numbers_along(a, index[n] * lda + i, height), load_tile(delta, n * ldd, 1, 0, wide))
        if stepping:
            here = load_tile(W, i * step, height, step, wide)
            store_tile(W, i * step, step, wide, tile_scaled_from(sums, eta, here))
        else:
            store_tile(G, i * step, step, wide, sums)

    return tile


def weights(space: Space) -> Any:
    """``dW[i, j] = sum_n a[n, i] delta[n, j]`` in panels; or at once ``W -= eta dW``, which needs no array for dW."""
    at, lanes, panel = pointer_to(NUMBA_TYPES[np.dtype(space.dtype)], space.lanes), space.lanes, space.panel
    one, two, three, four = _tiled(_weights_tile, space)

    def kernel(instruction, context):
        a, lda, delta0, width = (
            at(instruction[Weights.A]),
            instruction[Weights.LDA],
            at(instruction[Weights.DELTA]),
            instruction[Weights.WIDTH],
        )
        G0, W0, depth = at(instruction[Weights.G]), at(instruction[Weights.W]), instruction[Weights.DEPTH]
        index = words(instruction[Weights.INDEX] if instruction[Weights.INDEX] != 0 else context[Context.INDEX])
        rows, adding, stepping, eta = (
            context[Context.ROWS],
            context[Context.ADDING] != 0,
            context[Context.STEPPING] != 0,
            reals(context[Context.SCALARS])[Scalar.LEARNING_RATE],
        )
        first, last, i, end = _part(width, panel, depth, context)
        for p in range(first, last):
            left, wide = p * panel, min(width - p * panel, panel)
            G, W, delta = moved(G0, left * depth), moved(W0, left * depth), moved(delta0, left)
            rest = (a, index, lda, delta, width, rows, G, W, wide, adding, stepping, eta)
            if wide == lanes:
                one(i, end, rest)
            elif wide == 2 * lanes:
                two(i, end, rest)
            elif wide == 3 * lanes:
                three(i, end, rest)
            else:
                four(i, end, rest)

    return kernel


# -------------------------------------------------------------------------------- biases: db = sum over rows of delta


class Biases(IntEnum):
    """Words of ``biases``."""

    DELTA = 1
    G = 2
    B = 3
    WIDTH = 4


def biases(space: Space) -> Any:
    """``db[j] = sum_n delta[n, j]``, or at once ``b -= eta db``."""
    at, lanes = pointer_to(NUMBA_TYPES[np.dtype(space.dtype)], space.lanes), space.lanes

    def kernel(instruction, context):
        delta, G, b, width = (
            at(instruction[Biases.DELTA]),
            at(instruction[Biases.G]),
            at(instruction[Biases.B]),
            instruction[Biases.WIDTH],
        )
        eta = reals(context[Context.SCALARS])[Scalar.LEARNING_RATE]
        begin, end = share(width, lanes, context)
        for j in range(begin, end, lanes):
            first = 0
            total = load(G, j)
            if context[Context.ADDING] == 0:
                total, first = load(delta, j), 1
            for n in range(first, context[Context.ROWS]):
                total = total + load(delta, n * width + j)
            if context[Context.STEPPING] != 0:
                store(b, j, fma(total, -eta, load(b, j)))
            else:
                store(G, j, total)

    return kernel


# -------------------------------------------------------------------------------- transposing


class Transpose(IntEnum):
    """Words of ``transpose``."""

    W = 1
    T = 2
    DEPTH = 3
    UNITS = 4
    WIDTH = 5
    TWIDTH = 6


def transpose(space: Space) -> Any:
    """The panels of W' (units, units below) from those of W (units below, units), square by square."""
    size, panel = min(space.lanes, 8), space.panel  # a square lies within one panel of both
    at = pointer_to(NUMBA_TYPES[np.dtype(space.dtype)], size)

    def kernel(instruction, context):
        W, T, depth, units = (
            at(instruction[Transpose.W]),
            at(instruction[Transpose.T]),
            instruction[Transpose.DEPTH],
            instruction[Transpose.UNITS],
        )
        width, turned = instruction[Transpose.WIDTH], instruction[Transpose.TWIDTH]
        begin, end = share(depth, size, context)
        for i in range(begin, end, size):
            across = i // panel * panel
            wide, rows = min(turned - across, panel), min(size, end - i)
            for j in range(0, units, size):
                p = j // panel * panel
                step, columns = min(width - p, panel), min(size, units - j)
                of, to = p * depth + i * step + (j - p), across * units + j * wide + (i - across)
                if rows == size and columns == size:
                    turn(W, of, step, T, to, wide)
                else:
                    for c in range(columns):
                        for r in range(rows):
                            put(T, to + c * wide + r, number(W, of + r * step + c))

    return kernel


# -------------------------------------------------------------------------------- a bias that a layer shares


class Shared(IntEnum):
    """Words of a shared bias, up and down."""

    NUMBER = 1
    UNITS = 2
    BY_UNIT = 3
    G = 4


def shared_up(space: Space) -> Any:
    """The layer's one bias, put beside each unit."""
    one = pointer_to(NUMBA_TYPES[np.dtype(space.dtype)], 1)

    def kernel(instruction, context):
        if context[Context.THREAD] == 0:
            for j in range(instruction[Shared.UNITS]):
                put(one(instruction[Shared.BY_UNIT]), j, number(one(instruction[Shared.NUMBER]), 0))

    return kernel


def shared_down(space: Space) -> Any:
    """``db = sum_j sum_n delta[n, j]``, from the sums by unit."""
    one = pointer_to(NUMBA_TYPES[np.dtype(space.dtype)], 1)

    def kernel(instruction, context):
        if context[Context.THREAD] == 0:
            total = 0.0
            for j in range(instruction[Shared.UNITS]):
                total += number(one(instruction[Shared.BY_UNIT]), j)
            put(one(instruction[Shared.G]), 0, total)

    return kernel


KERNELS = {
    "up": up,
    "weights": weights,
    "biases": biases,
    "transpose": transpose,
    "shared_up": shared_up,
    "shared_down": shared_down,
}
