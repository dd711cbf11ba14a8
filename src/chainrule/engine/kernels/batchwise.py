"""Batches that stand for themselves, as scikit-learn's do: ``E_b = (sum_n w_n e_n + alpha/2 sum W^2)/sum_n w_n``.

The penalty is divided by the batch's rows (or their weights), counts in the loss, and each batch's gradient is that of
its own loss, whatever it weighs beside the others. ``chainrule.estimators`` puts these ops into a session's tables.
"""

from typing import Any

import numpy as np

from chainrule.engine.compiler.target import Space
from chainrule.engine.kernels.work_split import share
from chainrule.engine.lanes.simd import fma, lane_sum, load, np_lanes, number, pointer_to, spread, store
from chainrule.engine.lanes.sync import reals, words
from chainrule.engine.runtime.memory import (
    BATCH,
    BATCH_INDEX,
    BLOCK,
    COUNT,
    ETA,
    OPTIMIZER,
    SCALARS,
    STANDING,
    THREAD,
)

G, W, LENGTH, DECAYED, NUMBERS, ROW_LOSS, COUNTS, RECORD, SQUARES, UNIT = range(1, 11)
"""Words of an op; NUMBERS, RECORD, SQUARES are addresses of float64 numbers; COUNTS may be 0: all rows count alike.
Threads share LENGTH in whole UNITs."""

ALPHA, SCALE, BEFORE, BETA1, BETA2, EPSILON = range(6)
"""Places in NUMBERS: the penalty, what the rows' loss is multiplied by when it is told, updates made before this
session, Adam's settings."""

LOSSES, LAST, PENALTY, OWN = range(4)
"""Places in RECORD: the sum of ``rows E_b``, the last ``E_b``, ``alpha/sum w``, and what the gradient is multiplied by
so that the batch stands for itself."""


def squares(space: Space) -> Any:
    """``sum W^2`` of each block of weights that are penalised."""
    at, lanes = pointer_to(np_lanes[np.dtype(space.dtype)], space.lanes), space.lanes

    def kernel(op, now):
        w, decayed, found, length = at(op[W]), at(op[DECAYED]), reals(op[SQUARES]), op[LENGTH]
        begin, end = share(length, op[UNIT], now)
        for block in range((begin + BLOCK - 1) // BLOCK, (end + BLOCK - 1) // BLOCK):
            total = spread(w, 0.0)
            for k in range(block * BLOCK, min((block + 1) * BLOCK, length), lanes):
                here = load(w, k)
                total = fma(here * load(decayed, k), here, total)
            found[block] = lane_sum(total)

    return kernel


def account(space: Space) -> Any:
    """The batch's loss with its penalty, written down; what ``penalise`` needs, computed once, by one thread.

    Its LENGTH is that of SQUARES.
    """
    one = pointer_to(np_lanes[np.dtype(space.dtype)], 1)

    def kernel(op, now):
        if now[THREAD] != 0:
            return
        numbers, record, scalars = reals(op[NUMBERS]), reals(op[RECORD]), reals(now[SCALARS])
        rows, row_loss, alpha = now[BATCH], one(op[ROW_LOSS]), numbers[ALPHA]
        loss, weight = 0.0, np.float64(rows)
        for n in range(rows):
            loss += number(row_loss, n)
        if op[COUNTS] != 0:
            counts, index, weight = one(op[COUNTS]), words(now[BATCH_INDEX]), 0.0
            for n in range(rows):
                weight += number(counts, index[n])
        penalty, found = 0.0, reals(op[SQUARES])
        for block in range(op[LENGTH]):
            penalty += found[block]
        record[PENALTY] = alpha / weight if weight > 0 else 0.0
        record[OWN] = 1.0 / scalars[STANDING] if scalars[STANDING] > 0 else 0.0
        record[LAST] = loss * numbers[SCALE] + 0.5 * record[PENALTY] * penalty
        record[LOSSES] += record[LAST] * rows

    return kernel


def penalise(space: Space) -> Any:
    """``g/standing + alpha/sum w W``, the second for weights only."""
    at, lanes = pointer_to(np_lanes[np.dtype(space.dtype)], space.lanes), space.lanes

    def kernel(op, now):
        g, w, decayed, record = at(op[G]), at(op[W]), at(op[DECAYED]), reals(op[RECORD])
        own, penalty = record[OWN], record[PENALTY]
        begin, end = share(op[LENGTH], op[UNIT], now)
        for k in range(begin, end, lanes):
            store(g, k, fma(load(decayed, k) * load(w, k), penalty, load(g, k) * own))

    return kernel


def prepare_adam(space: Space) -> Any:
    """Adam with epsilon added to the root before it is freed of its start (Kingma & Ba 2015, end of section 2).

    The update is ``eta sqrt(1 - beta2^t)/(1 - beta1^t) m/(sqrt(v) + epsilon)``.
    """
    del space

    def kernel(op, now):
        if now[THREAD] != 0:
            return
        numbers, scalars = reals(op[NUMBERS]), reals(now[SCALARS])
        first, second, t = numbers[BETA1], numbers[BETA2], scalars[COUNT] + numbers[BEFORE]
        scalars[OPTIMIZER] = scalars[ETA] * np.sqrt(1.0 - second**t) / (1.0 - first**t)
        scalars[OPTIMIZER + 1] = 1.0
        scalars[OPTIMIZER + 2] = numbers[EPSILON]
        scalars[OPTIMIZER + 3], scalars[OPTIMIZER + 4] = first, 1.0 - first
        scalars[OPTIMIZER + 5], scalars[OPTIMIZER + 6] = second, 1.0 - second

    return kernel


KERNELS = {"squares": squares, "account": account, "penalise": penalise, "prepare_adam": prepare_adam}
