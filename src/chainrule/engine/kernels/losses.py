"""Losses: each row's loss ``e``, weighted as it counts, and ``dE/dy``, where backpropagation begins.

A target that is missing (NaN) adds nothing and sends nothing down. ``E = sum_n share_n e_n``; the shares are 1/N
where all rows count alike.
"""

from collections.abc import Callable
from enum import IntEnum
from typing import Any

import numpy as np
from numba import njit

from chainrule.engine.compiler.target import Space
from chainrule.engine.kernels.work_split import share
from chainrule.engine.lanes.functions import exp_of_negative, log1p, maximum
from chainrule.engine.lanes.losses import COMPILED_LOSSES
from chainrule.engine.lanes.memory import (
    NUMBA_TYPES,
    lane_numbers,
    load,
    load_first,
    number,
    pointer_to,
    put,
    spread,
    store,
)
from chainrule.engine.lanes.reductions import lane_max, lane_sum
from chainrule.engine.lanes.simd import select
from chainrule.engine.lanes.sync import reals, words
from chainrule.engine.memory import Context, Scalar


class Word(IntEnum):
    """Words of a loss; SLOPE may be 0: the last layer has none."""

    Y = 1
    DY = 2
    T = 3
    ROW_LOSS = 4
    UNITS = 5
    WIDTH = 6
    PARAMETERS = 7
    MEAN = 8
    SLOPE = 9


@njit(error_model="numpy", forceinline=True)
def _part(shares, n, context):
    """How much of E one row makes up."""
    return (
        np.float64(number(shares, context[Context.OFFSET] + n))
        if context[Context.SHARES] != 0
        else 1.0 / context[Context.BATCH]
    )


@njit(error_model="numpy", forceinline=True)
def _present(t, target, units):
    """How many of a row's targets are there, at least 1."""
    there = 0.0
    for k in range(units):
        wanted = number(t, target + k)
        if wanted == wanted:  # noqa: PLR0124 - false where it is missing
            there += 1.0
    return max(there, 1.0)


def elementwise(term: Callable[..., Any]) -> Callable[[Space], Any]:
    """The kernel of a loss that adds up a term for each output, or averages them over the outputs that are there."""

    def factory(space: Space) -> Any:
        at, lanes = pointer_to(NUMBA_TYPES[np.dtype(space.dtype)], space.lanes), space.lanes

        def kernel(instruction, context):
            y, dy, t, row_loss = (
                at(instruction[Word.Y]),
                at(instruction[Word.DY]),
                at(instruction[Word.T]),
                at(instruction[Word.ROW_LOSS]),
            )
            units, width, p = (
                instruction[Word.UNITS],
                instruction[Word.WIDTH],
                (reals(instruction[Word.PARAMETERS])[0], reals(instruction[Word.PARAMETERS])[1]),
            )
            index, shares, slope = (
                words(context[Context.INDEX]),
                at(context[Context.SHARES]),
                at(instruction[Word.SLOPE]),
            )
            standing = reals(context[Context.SCALARS])[Scalar.BATCH_WEIGHT]
            begin, end = share(context[Context.ROWS], 1, context)
            for n in range(begin, end):
                row, target = n * width, index[n] * units
                part = _part(shares, n, context)
                if instruction[Word.MEAN] != 0:
                    part /= _present(t, target, units)
                total = spread(y, 0.0)
                for k in range(0, width, lanes):
                    wanted = load_first(t, target + k, units - k, np.nan)
                    present = wanted == wanted  # noqa: PLR0124 - as above
                    e, prime = term(load(y, row + k), select(present, wanted, 0.0), p)
                    total = total + select(present, e, 0.0)
                    delta = select(present, prime, 0.0) * (part * standing)
                    if instruction[Word.SLOPE] != 0:
                        delta = delta * load(slope, row + k)
                    store(dy, row + k, delta)
                put(row_loss, context[Context.OFFSET] + n, lane_sum(total) * part)

        return kernel

    return factory


def softmax_cross_entropy(space: Space) -> Any:
    """``sum_k t_k (top - y_k) + sum(t) log(1 + sum of the others' exp(y_j - top))``, and ``sum(t) softmax(y) - t``.

    At the likeliest class, where the softmax is near 1, the derivative is taken from the others: nothing cancels.
    """
    at, lanes = pointer_to(NUMBA_TYPES[np.dtype(space.dtype)], space.lanes), space.lanes
    one = pointer_to(NUMBA_TYPES[np.dtype(space.dtype)], 1)

    def kernel(instruction, context):
        y, dy, t, row_loss, slope = (
            at(instruction[Word.Y]),
            at(instruction[Word.DY]),
            at(instruction[Word.T]),
            at(instruction[Word.ROW_LOSS]),
            at(instruction[Word.SLOPE]),
        )
        units, width = instruction[Word.UNITS], instruction[Word.WIDTH]
        index, shares, single = words(context[Context.INDEX]), at(context[Context.SHARES]), one(instruction[Word.DY])
        standing, which = reals(context[Context.SCALARS])[Scalar.BATCH_WEIGHT], lane_numbers(y)
        begin, end = share(context[Context.ROWS], 1, context)
        for n in range(begin, end):
            row, target = n * width, index[n] * units
            missing = number(t, target)
            if missing != missing:  # noqa: PLR0124 - the whole row is
                for k in range(0, width, lanes):
                    store(dy, row + k, 0.0)
                put(row_loss, context[Context.OFFSET] + n, 0.0)
                continue
            highest = load_first(y, row, units, -np.inf)
            for k in range(lanes, width, lanes):
                further = load_first(y, row + k, units - k, -np.inf)
                highest = select(further > highest, further, highest)
            top = lane_max(highest)
            place = spread(y, -1.0 * units)  # minus the first class that reaches the top, as the largest of all minus
            for k in range(0, width, lanes):
                here = load_first(y, row + k, units - k, -np.inf)
                place = select(here == top, maximum(place, -(which + k)), place)
            best = min(np.int64(-lane_max(place)), units - 1)
            gaps, others, others_t = spread(y, 0.0), spread(y, 0.0), spread(y, 0.0)
            for k in range(0, width, lanes):
                wanted = load_first(t, target + k, units - k, 0.0)
                e = exp_of_negative(load_first(y, row + k, units - k, -np.inf) - top)
                e = select(which == 1.0 * (best - k), 0.0, e)
                store(dy, row + k, e)
                others = others + e
                others_t = others_t + select(which == 1.0 * (best - k), 0.0, wanted)
                gaps = gaps + wanted * (top - load_first(y, row + k, units - k, top))
            rest, rest_t, best_t = lane_sum(others), lane_sum(others_t), number(t, target + best)
            part, sum_t = _part(shares, n, context), rest_t + best_t
            log_of = lane_sum(log1p(spread(single, rest)))
            put(row_loss, context[Context.OFFSET] + n, (lane_sum(gaps) + sum_t * log_of) * part)
            share_of_each, scale = sum_t / (1 + rest), part * standing
            at_best = (rest_t - share_of_each * rest) * scale
            for k in range(0, width, lanes):
                wanted = load_first(t, target + k, units - k, 0.0)
                down = (load(dy, row + k) * share_of_each - wanted) * scale
                store(dy, row + k, select(which == 1.0 * (best - k), at_best, down))
            if instruction[Word.SLOPE] != 0:
                for k in range(0, width, lanes):
                    store(dy, row + k, load(dy, row + k) * load(slope, row + k))

    return kernel


KERNELS = {name: elementwise(term) for name, term in COMPILED_LOSSES.items()} | {
    "categorical_cross_entropy_from_logits": softmax_cross_entropy
}
