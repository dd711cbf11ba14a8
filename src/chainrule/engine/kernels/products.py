"""The three matrix products of a dense layer: up, weights and down.

All have one inner loop: a tile of a few rows by a few vectors is kept in registers while a third axis is walked, and
each step adds the outer product of a few numbers with a few vectors (``outer``). A tile of 6 x 4 vectors needs 10
fetches for 24 multiply-adds, so that memory does not hold the arithmetic up. Rows that are left over after the
sixes take tiles of 4, 2 and 1 rows; every element is added up in the same order in all of them.

References: Goto & van de Geijn 2008, Anatomy of high-performance matrix multiplication, ACM TOMS 34(3), for tiles in
registers and panels in the cache.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types

from chainrule.engine.kernels.frame import share
from chainrule.engine.simd import (
    address_ir,
    fma,
    intrinsic,
    load,
    load_tile,
    moved,
    np_lanes,
    number,
    numbers_along,
    numbers_down,
    outer,
    pointer_to,
    put,
    store,
    store_tile,
    tile_scaled_from,
    tile_times,
    zero_tile,
)
from chainrule.engine.space import Space
from chainrule.engine.sync import reals, words
from chainrule.engine.words import ADDING, ETA, INDEX, ROWS, SCALARS, STEPPING, THREAD, THREADS

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
    return njit(error_model="numpy", forceinline=True)(function)


# -------------------------------------------------------------------------------- up: z = a W + b; down: da = delta W'
UP_A, UP_LDA, UP_INDEX, UP_W, UP_BIAS, UP_Z, UP_DEPTH, UP_WIDTH, UP_SLOPE = range(1, 10)


def _up_tile(height: int, wide: int) -> Any:
    """``height`` rows of one panel of ``wide`` vectors: ``z = start + sum_k a[n, k] W[k, :]``, times a slope if any."""

    @_inlined
    def tile(a, index, n, lda, W, step, z, ldz, start, start_step, begin, end, slope, sloped):
        sums = load_tile(start, n * start_step, height, start_step, wide)
        rows = _offsets(index, n, height, lda)
        for k in range(begin, end):
            sums = outer(sums, numbers_down(a, rows, k), load_tile(W, k * step, 1, 0, wide))
        if sloped:
            sums = tile_times(sums, load_tile(slope, n * ldz, height, ldz, wide))
        store_tile(z, n * ldz, ldz, wide, sums)

    return tile


def _up_panel(wide: int) -> Any:
    """All rows from ``n`` to ``last`` of one panel, tile after tile."""
    six, four, two, one = (_up_tile(height, wide) for height in HEIGHTS)

    @njit(error_model="numpy")
    def rows(a, index, n, last, lda, W, step, z, ldz, start, start_step, begin, end, slope, sloped):
        while n + 6 <= last:
            six(a, index, n, lda, W, step, z, ldz, start, start_step, begin, end, slope, sloped)
            n += 6
        if n + 4 <= last:
            four(a, index, n, lda, W, step, z, ldz, start, start_step, begin, end, slope, sloped)
            n += 4
        if n + 2 <= last:
            two(a, index, n, lda, W, step, z, ldz, start, start_step, begin, end, slope, sloped)
            n += 2
        if n < last:
            one(a, index, n, lda, W, step, z, ldz, start, start_step, begin, end, slope, sloped)

    return rows


def up(space: Space) -> Any:
    """``z[n, m] = b[m] + sum_k a[n, k] W[k, m]`` for the chunk's rows, W in panels; by a slope if one is given.

    With the transposed weights and no bias it is the way down: ``da[n, i] = sum_j delta[n, j] W[i, j]``.
    """
    at, lanes, panel = pointer_to(np_lanes[np.dtype(space.dtype)], space.lanes), space.lanes, space.panel
    by_width = [_up_panel(wide) for wide in range(1, space.columns + 1)]
    p1, p2, p3, p4 = (by_width * 2)[:4]

    def kernel(op, now):
        a, lda, W0 = at(op[UP_A]), op[UP_LDA], at(op[UP_W])
        z0, bias0, slope0 = at(op[UP_Z]), at(op[UP_BIAS]), at(op[UP_SLOPE])
        index = words(op[UP_INDEX] if op[UP_INDEX] != 0 else now[INDEX])
        rows, depth, width = now[ROWS], op[UP_DEPTH], op[UP_WIDTH]
        panels = (width + panel - 1) // panel
        first, last, begin_row, end_row = 0, panels, 0, rows
        if panels % now[THREADS] == 0:  # each thread keeps its own columns of W in its own cache
            first, last = panels * now[THREAD] // now[THREADS], panels * (now[THREAD] + 1) // now[THREADS]
        else:
            begin_row, end_row = share(rows, 6, now)
        for p in range(first, last):
            wide = min(width - p * panel, panel)
            W, z, bias, slope = (
                moved(W0, p * panel * depth),
                moved(z0, p * panel),
                moved(bias0, p * panel),
                moved(slope0, p * panel),
            )
            for begin in range(0, depth, DEEP):
                end = min(begin + DEEP, depth)
                sloped = op[UP_SLOPE] != 0 and end == depth
                start, start_step = (bias, 0) if begin == 0 else (z, width)
                if wide == lanes:
                    p1(
                        a,
                        index,
                        begin_row,
                        end_row,
                        lda,
                        W,
                        wide,
                        z,
                        width,
                        start,
                        start_step,
                        begin,
                        end,
                        slope,
                        sloped,
                    )
                elif wide == 2 * lanes:
                    p2(
                        a,
                        index,
                        begin_row,
                        end_row,
                        lda,
                        W,
                        wide,
                        z,
                        width,
                        start,
                        start_step,
                        begin,
                        end,
                        slope,
                        sloped,
                    )
                elif wide == 3 * lanes:
                    p3(
                        a,
                        index,
                        begin_row,
                        end_row,
                        lda,
                        W,
                        wide,
                        z,
                        width,
                        start,
                        start_step,
                        begin,
                        end,
                        slope,
                        sloped,
                    )
                else:
                    p4(
                        a,
                        index,
                        begin_row,
                        end_row,
                        lda,
                        W,
                        wide,
                        z,
                        width,
                        start,
                        start_step,
                        begin,
                        end,
                        slope,
                        sloped,
                    )

    return kernel


# -------------------------------------------------------------------------------- weights: dW = a' delta
WEIGHTS_A, WEIGHTS_LDA, WEIGHTS_INDEX, WEIGHTS_DELTA, WEIGHTS_G, WEIGHTS_W, WEIGHTS_DEPTH, WEIGHTS_WIDTH = range(1, 9)


def _weights_tile(height: int, wide: int) -> Any:
    """``height`` rows of dW in one panel: ``sum_n a[n, i] delta[n, :]``, kept, added up, or stepped along."""

    @_inlined
    def tile(a, index, i, lda, delta, ldd, rows, G, W, step, adding, stepping, eta):
        sums = load_tile(G, i * step, height, step, wide) if adding else zero_tile(G, height, wide)
        for n in range(rows):
            sums = outer(sums, numbers_along(a, index[n] * lda + i, height), load_tile(delta, n * ldd, 1, 0, wide))
        if stepping:
            here = load_tile(W, i * step, height, step, wide)
            store_tile(W, i * step, step, wide, tile_scaled_from(sums, eta, here))
        else:
            store_tile(G, i * step, step, wide, sums)

    return tile


def _weights_panel(wide: int) -> Any:
    six, four, two, one = (_weights_tile(height, wide) for height in HEIGHTS)

    @njit(error_model="numpy")
    def rows(a, index, i, last, lda, delta, ldd, count, G, W, step, adding, stepping, eta):
        while i + 6 <= last:
            six(a, index, i, lda, delta, ldd, count, G, W, step, adding, stepping, eta)
            i += 6
        if i + 4 <= last:
            four(a, index, i, lda, delta, ldd, count, G, W, step, adding, stepping, eta)
            i += 4
        if i + 2 <= last:
            two(a, index, i, lda, delta, ldd, count, G, W, step, adding, stepping, eta)
            i += 2
        if i < last:
            one(a, index, i, lda, delta, ldd, count, G, W, step, adding, stepping, eta)

    return rows


def weights(space: Space) -> Any:
    """``dW[i, j] = sum_n a[n, i] delta[n, j]`` in panels; or at once ``W -= eta dW``, which needs no array for dW."""
    at, lanes, panel = pointer_to(np_lanes[np.dtype(space.dtype)], space.lanes), space.lanes, space.panel
    by_width = [_weights_panel(wide) for wide in range(1, space.columns + 1)]
    p1, p2, p3, p4 = (by_width * 2)[:4]

    def kernel(op, now):
        a, lda, delta0, width = at(op[WEIGHTS_A]), op[WEIGHTS_LDA], at(op[WEIGHTS_DELTA]), op[WEIGHTS_WIDTH]
        G0, W0, depth = at(op[WEIGHTS_G]), at(op[WEIGHTS_W]), op[WEIGHTS_DEPTH]
        index = words(op[WEIGHTS_INDEX] if op[WEIGHTS_INDEX] != 0 else now[INDEX])
        rows, adding, stepping, eta = now[ROWS], now[ADDING] != 0, now[STEPPING] != 0, reals(now[SCALARS])[ETA]
        panels = (width + panel - 1) // panel
        first, last, i0, i1 = 0, panels, 0, depth
        if panels % now[THREADS] == 0:
            first, last = panels * now[THREAD] // now[THREADS], panels * (now[THREAD] + 1) // now[THREADS]
        else:
            i0, i1 = share(depth, 6, now)
        for p in range(first, last):
            wide = min(width - p * panel, panel)
            G, W, delta = moved(G0, p * panel * depth), moved(W0, p * panel * depth), moved(delta0, p * panel)
            if wide == lanes:
                p1(a, index, i0, i1, lda, delta, width, rows, G, W, wide, adding, stepping, eta)
            elif wide == 2 * lanes:
                p2(a, index, i0, i1, lda, delta, width, rows, G, W, wide, adding, stepping, eta)
            elif wide == 3 * lanes:
                p3(a, index, i0, i1, lda, delta, width, rows, G, W, wide, adding, stepping, eta)
            else:
                p4(a, index, i0, i1, lda, delta, width, rows, G, W, wide, adding, stepping, eta)

    return kernel


# -------------------------------------------------------------------------------- biases: db = sum over rows of delta
BIASES_DELTA, BIASES_G, BIASES_B, BIASES_WIDTH = range(1, 5)


def biases(space: Space) -> Any:
    """``db[j] = sum_n delta[n, j]``, or at once ``b -= eta db``."""
    at, lanes = pointer_to(np_lanes[np.dtype(space.dtype)], space.lanes), space.lanes

    def kernel(op, now):
        delta, G, b, width = at(op[BIASES_DELTA]), at(op[BIASES_G]), at(op[BIASES_B]), op[BIASES_WIDTH]
        eta = reals(now[SCALARS])[ETA]
        begin, end = share(width, lanes, now)
        for j in range(begin, end, lanes):
            first = 0
            total = load(G, j)
            if now[ADDING] == 0:
                total, first = load(delta, j), 1
            for n in range(first, now[ROWS]):
                total = total + load(delta, n * width + j)
            if now[STEPPING] != 0:
                store(b, j, fma(total, -eta, load(b, j)))
            else:
                store(G, j, total)

    return kernel


# -------------------------------------------------------------------------------- transposing
TRANSPOSE_W, TRANSPOSE_T, TRANSPOSE_DEPTH, TRANSPOSE_UNITS, TRANSPOSE_WIDTH, TRANSPOSE_TWIDTH = range(1, 7)


def transpose(space: Space) -> Any:
    """The panels of W' (units, units below) from those of W (units below, units)."""
    at, panel = pointer_to(np_lanes[np.dtype(space.dtype)], 1), space.panel
    block = min(panel, 16)  # that many neighbours lie in one panel of W'

    def kernel(op, now):
        W, T, depth, units = at(op[TRANSPOSE_W]), at(op[TRANSPOSE_T]), op[TRANSPOSE_DEPTH], op[TRANSPOSE_UNITS]
        width, turned = op[TRANSPOSE_WIDTH], op[TRANSPOSE_TWIDTH]
        begin, end = share(depth, block, now)
        for first in range(begin, end, block):
            across = first // panel * panel
            wide = min(turned - across, panel)
            count = min(end - first, block)
            for p in range(0, width, panel):
                step = min(width - p, panel)
                for j in range(p, min(p + step, units)):
                    to = across * units + j * wide + (first - across)
                    of = p * depth + first * step + (j - p)
                    for k in range(count):
                        store(T, to + k, load(W, of + k * step))

    return kernel


# -------------------------------------------------------------------------------- a bias that a layer shares
SHARED_NUMBER, SHARED_UNITS, SHARED_BY_UNIT, SHARED_G = range(1, 5)


def shared_up(space: Space) -> Any:
    """The layer's one bias, put beside each unit."""
    one = pointer_to(np_lanes[np.dtype(space.dtype)], 1)

    def kernel(op, now):
        if now[THREAD] == 0:
            for j in range(op[SHARED_UNITS]):
                put(one(op[SHARED_BY_UNIT]), j, number(one(op[SHARED_NUMBER]), 0))

    return kernel


def shared_down(space: Space) -> Any:
    """``db = sum_j sum_n delta[n, j]``, from the sums by unit."""
    one = pointer_to(np_lanes[np.dtype(space.dtype)], 1)

    def kernel(op, now):
        if now[THREAD] == 0:
            total = 0.0
            for j in range(op[SHARED_UNITS]):
                total += number(one(op[SHARED_BY_UNIT]), j)
            put(one(op[SHARED_G]), 0, total)

    return kernel


KERNELS = {
    "up": up,
    "weights": weights,
    "biases": biases,
    "transpose": transpose,
    "shared_up": shared_up,
    "shared_down": shared_down,
}
