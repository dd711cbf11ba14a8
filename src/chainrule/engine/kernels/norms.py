"""Dropout, layer and batch normalisation; the equations are those of ``chainrule.core.layers.normalization``.

With ``m(.)`` the mean along the axis, ``xhat = (a - m(a))/s``, ``z = gamma xhat + beta``, and on the way down
``da = (g - m(g) - xhat m(xhat g))/s`` with ``g = delta gamma``.
"""

from enum import IntEnum
from typing import Any

import numpy as np

from chainrule.engine.compiler.target import Space
from chainrule.engine.kernels.work_split import share
from chainrule.engine.lanes.memory import NUMBA_TYPES, load, load_first, number, pointer_to, put, spread, store
from chainrule.engine.lanes.reductions import lane_sum
from chainrule.engine.lanes.simd import sqrt
from chainrule.engine.lanes.sync import draw_word, reals, words
from chainrule.engine.memory import Context


class Word(IntEnum):
    """Words of the way up, and from DELTA on of the way down; NUMBERS is the address of epsilon and momentum."""

    A = 1
    Z = 2
    XHAT = 3
    S = 4
    GAMMA = 5
    BETA = 6
    MEAN = 7
    VARIANCE = 8
    UNITS = 9
    WIDTH = 10
    NUMBERS = 11
    DELTA = 12
    DA = 13
    G_GAMMA = 14
    G_BETA = 15


class Dropout(IntEnum):
    """Words of dropout."""

    A = 1
    Z = 2
    MASK = 3
    RATE = 4
    FUNCTION = 5
    STATE = 6
    UNITS = 9
    WIDTH = 10


def _kit(space: Space) -> tuple[Any, int]:
    return pointer_to(NUMBA_TYPES[np.dtype(space.dtype)], space.lanes), space.lanes


# -------------------------------------------------------------------------------- dropout
def dropout_draw(space: Space) -> Any:
    """The masks of a whole batch, row by row, in the order in which NumPy would draw them; by one thread alone."""
    at, _ = _kit(space)

    def kernel(instruction, context):
        if context[Context.THREAD] != 0:
            return
        mask, units, width, rate = (
            at(instruction[Dropout.MASK]),
            instruction[Dropout.UNITS],
            instruction[Dropout.WIDTH],
            reals(instruction[Dropout.RATE])[0],
        )
        function, state, scale, least = (
            instruction[Dropout.FUNCTION],
            instruction[Dropout.STATE],
            1 / (1 - rate),
            rate * 2**16 - 0.5,
        )
        bits, halves = np.int64(0), 0  # a drawn word is two numbers, the lower half first
        for n in range(context[Context.BATCH]):
            for k in range(units):
                if halves == 0:
                    bits, halves = np.int64(draw_word(function, state)), 2
                put(mask, n * width + k, scale * np.float64((bits & 0xFFFF) >= least))
                bits, halves = bits >> 16, halves - 1

    return kernel


def dropout(space: Space) -> Any:
    """``z = a mask``: up with the activations, down with their derivatives."""
    at, lanes = _kit(space)

    def kernel(instruction, context):
        a, z, mask, width = (
            at(instruction[Dropout.A]),
            at(instruction[Dropout.Z]),
            at(instruction[Dropout.MASK]),
            instruction[Dropout.WIDTH],
        )
        begin, end = share(context[Context.ROWS], 1, context)
        ahead = context[Context.OFFSET] * width
        for k in range(begin * width, end * width, lanes):
            store(z, k, load(a, k) * load(mask, ahead + k))

    return kernel


def gather(space: Space) -> Any:
    """The chunk's rows of the data, padded: for a first layer that is no dense one."""
    at, lanes = _kit(space)

    def kernel(instruction, context):
        a, z, units, width, index = (
            at(instruction[Word.A]),
            at(instruction[Word.Z]),
            instruction[Word.UNITS],
            instruction[Word.WIDTH],
            words(context[Context.INDEX]),
        )
        begin, end = share(context[Context.ROWS], 1, context)
        for n in range(begin, end):
            for k in range(0, width, lanes):
                store(z, n * width + k, load_first(a, index[n] * units + k, units - k, 0.0))

    return kernel


# -------------------------------------------------------------------------------- along a row
def layer_up(space: Space) -> Any:
    """Each row standardised over its units."""
    at, lanes = _kit(space)

    def kernel(instruction, context):
        a, z, xhat, s = (
            at(instruction[Word.A]),
            at(instruction[Word.Z]),
            at(instruction[Word.XHAT]),
            at(instruction[Word.S]),
        )
        gamma, beta, units, width, epsilon = (
            at(instruction[Word.GAMMA]),
            at(instruction[Word.BETA]),
            instruction[Word.UNITS],
            instruction[Word.WIDTH],
            reals(instruction[Word.NUMBERS])[0],
        )
        begin, end = share(context[Context.ROWS], 1, context)
        for n in range(begin, end):
            row = n * width
            total = spread(a, 0.0)
            for k in range(0, width, lanes):
                total = total + load_first(a, row + k, units - k, 0.0)
            mean = lane_sum(total) / units
            squares = spread(a, 0.0)
            for k in range(0, width, lanes):
                gap = load_first(a, row + k, units - k, mean) - mean
                squares = squares + gap * gap
            root = np.sqrt(lane_sum(squares) / units + epsilon)
            put(s, n, root)
            for k in range(0, width, lanes):
                standard = (load_first(a, row + k, units - k, mean) - mean) / root
                store(xhat, row + k, standard)
                store(z, row + k, standard * load(gamma, k) + load(beta, k))

    return kernel


def layer_down(space: Space) -> Any:
    """``da`` from ``delta``, row by row; the gradients of gamma and beta are ``scale_gradients``."""
    at, lanes = _kit(space)

    def kernel(instruction, context):
        xhat, s, gamma, delta, da = (
            at(instruction[Word.XHAT]),
            at(instruction[Word.S]),
            at(instruction[Word.GAMMA]),
            at(instruction[Word.DELTA]),
            at(instruction[Word.DA]),
        )
        units, width = instruction[Word.UNITS], instruction[Word.WIDTH]
        begin, end = share(context[Context.ROWS], 1, context)
        for n in range(begin, end):
            row, root = n * width, number(s, n)
            plain, along = spread(delta, 0.0), spread(delta, 0.0)
            for k in range(0, width, lanes):
                g = load(delta, row + k) * load(gamma, k)
                plain, along = plain + g, along + g * load(xhat, row + k)
            mean, slant = lane_sum(plain) / units, lane_sum(along) / units
            for k in range(0, width, lanes):
                g = load(delta, row + k) * load(gamma, k)
                store(da, row + k, (g - mean - load(xhat, row + k) * slant) / root)
            for k in range(units, width):
                put(da, row + k, 0.0)

    return kernel


# -------------------------------------------------------------------------------- along the rows of a batch
def batch_up(space: Space) -> Any:
    """Each unit standardised over the batch's rows; the running statistics follow."""
    at, lanes = _kit(space)

    def kernel(instruction, context):
        a, z, xhat, s = (
            at(instruction[Word.A]),
            at(instruction[Word.Z]),
            at(instruction[Word.XHAT]),
            at(instruction[Word.S]),
        )
        gamma, beta, means, variances = (
            at(instruction[Word.GAMMA]),
            at(instruction[Word.BETA]),
            at(instruction[Word.MEAN]),
            at(instruction[Word.VARIANCE]),
        )
        rows, width, epsilon, momentum = (
            context[Context.ROWS],
            instruction[Word.WIDTH],
            reals(instruction[Word.NUMBERS])[0],
            reals(instruction[Word.NUMBERS])[1],
        )
        begin, end = share(width, lanes, context)
        for k in range(begin, end, lanes):
            total = spread(a, 0.0)
            for n in range(rows):
                total = total + load(a, n * width + k)
            mean = total / rows
            squares = spread(a, 0.0)
            for n in range(rows):
                gap = load(a, n * width + k) - mean
                squares = squares + gap * gap
            variance = squares / rows
            root = sqrt(variance + epsilon)
            store(s, k, root)
            for n in range(rows):
                standard = (load(a, n * width + k) - mean) / root
                store(xhat, n * width + k, standard)
                store(z, n * width + k, standard * load(gamma, k) + load(beta, k))
            store(means, k, load(means, k) * momentum + mean * (1 - momentum))
            store(variances, k, load(variances, k) * momentum + variance * (1 - momentum))

    return kernel


def batch_running(space: Space) -> Any:
    """Each unit standardised by the running statistics, as in prediction."""
    at, lanes = _kit(space)

    def kernel(instruction, context):
        a, z, gamma, beta = (
            at(instruction[Word.A]),
            at(instruction[Word.Z]),
            at(instruction[Word.GAMMA]),
            at(instruction[Word.BETA]),
        )
        means, variances, width, epsilon = (
            at(instruction[Word.MEAN]),
            at(instruction[Word.VARIANCE]),
            instruction[Word.WIDTH],
            reals(instruction[Word.NUMBERS])[0],
        )
        begin, end = share(context[Context.ROWS], 1, context)
        for n in range(begin, end):
            for k in range(0, width, lanes):
                root = sqrt(load(variances, k) + epsilon)
                standard = (load(a, n * width + k) - load(means, k)) / root
                store(z, n * width + k, standard * load(gamma, k) + load(beta, k))

    return kernel


def batch_down(space: Space) -> Any:
    """``da`` from ``delta``, unit by unit."""
    at, lanes = _kit(space)

    def kernel(instruction, context):
        xhat, s, gamma, delta, da = (
            at(instruction[Word.XHAT]),
            at(instruction[Word.S]),
            at(instruction[Word.GAMMA]),
            at(instruction[Word.DELTA]),
            at(instruction[Word.DA]),
        )
        rows, width = context[Context.ROWS], instruction[Word.WIDTH]
        begin, end = share(width, lanes, context)
        for k in range(begin, end, lanes):
            plain, along = spread(delta, 0.0), spread(delta, 0.0)
            for n in range(rows):
                g = load(delta, n * width + k) * load(gamma, k)
                plain, along = plain + g, along + g * load(xhat, n * width + k)
            mean, slant, root = plain / rows, along / rows, load(s, k)
            for n in range(rows):
                g = load(delta, n * width + k) * load(gamma, k)
                store(da, n * width + k, (g - mean - load(xhat, n * width + k) * slant) / root)

    return kernel


def scale_gradients(space: Space) -> Any:
    """``dgamma = sum_n delta xhat`` and ``dbeta = sum_n delta``."""
    at, lanes = _kit(space)

    def kernel(instruction, context):
        xhat, delta, gammas, betas = (
            at(instruction[Word.XHAT]),
            at(instruction[Word.DELTA]),
            at(instruction[Word.G_GAMMA]),
            at(instruction[Word.G_BETA]),
        )
        width = instruction[Word.WIDTH]
        begin, end = share(width, lanes, context)
        for k in range(begin, end, lanes):
            gamma, beta = spread(delta, 0.0), spread(delta, 0.0)
            if context[Context.ADDING] != 0:
                gamma, beta = load(gammas, k), load(betas, k)
            for n in range(context[Context.ROWS]):
                down = load(delta, n * width + k)
                gamma, beta = gamma + down * load(xhat, n * width + k), beta + down
            store(gammas, k, gamma)
            store(betas, k, beta)

    return kernel


KERNELS = {
    "dropout_draw": dropout_draw,
    "dropout": dropout,
    "gather": gather,
    "layer_up": layer_up,
    "layer_down": layer_down,
    "batch_up": batch_up,
    "batch_running": batch_running,
    "batch_down": batch_down,
    "scale_gradients": scale_gradients,
}
