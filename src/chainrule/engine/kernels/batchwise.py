"""Batches that stand for themselves, as scikit-learn's do: ``E_b = (sum_n w_n e_n + alpha/2 sum W^2)/sum_n w_n``.

The penalty is divided by the batch's rows (or their weights), counts in the loss, and each batch's gradient is that of
its own loss, whatever it weighs beside the others. ``chainrule.estimators`` puts these ops into a session's tables.
"""

from enum import IntEnum
from typing import Any

import numpy as np

from chainrule.engine.compiler.target import Space
from chainrule.engine.kernels.work_split import share
from chainrule.engine.lanes.memory import NUMBA_TYPES, load, number, pointer_to, spread, store
from chainrule.engine.lanes.reductions import lane_sum
from chainrule.engine.lanes.simd import fma
from chainrule.engine.lanes.sync import reals, words
from chainrule.engine.memory import BLOCK, Context, Scalar


class Word(IntEnum):
    """Words of an instruction.

    NUMBERS, RECORD and SQUARES are addresses of float64 numbers; COUNTS may be 0: all rows count alike. Threads share
    LENGTH in whole UNITs.
    """

    G = 1
    W = 2
    LENGTH = 3
    DECAYED = 4
    NUMBERS = 5
    ROW_LOSS = 6
    COUNTS = 7
    RECORD = 8
    SQUARES = 9
    UNIT = 10


class Number(IntEnum):
    """Places in NUMBERS: the penalty, the factor of the reported loss, updates made before, Adam's settings."""

    ALPHA = 0
    SCALE = 1
    BEFORE = 2
    BETA1 = 3
    BETA2 = 4
    EPSILON = 5


class Record(IntEnum):
    """Places in RECORD.

    The sum of ``rows E_b``, the last ``E_b``, ``alpha/sum w``, and what the gradient is multiplied by so that the batch
    stands for itself.
    """

    LOSSES = 0
    LAST = 1
    PENALTY = 2
    OWN = 3


def squares(space: Space) -> Any:
    """``sum W^2`` of each block of weights that are penalised."""
    at, lanes = pointer_to(NUMBA_TYPES[np.dtype(space.dtype)], space.lanes), space.lanes

    def kernel(instruction, context):
        w, decayed, found, length = (
            at(instruction[Word.W]),
            at(instruction[Word.DECAYED]),
            reals(instruction[Word.SQUARES]),
            instruction[Word.LENGTH],
        )
        begin, end = share(length, instruction[Word.UNIT], context)
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
    one = pointer_to(NUMBA_TYPES[np.dtype(space.dtype)], 1)

    def kernel(instruction, context):
        if context[Context.THREAD] != 0:
            return
        numbers, record, scalars = (
            reals(instruction[Word.NUMBERS]),
            reals(instruction[Word.RECORD]),
            reals(context[Context.SCALARS]),
        )
        rows, row_loss, alpha = context[Context.BATCH], one(instruction[Word.ROW_LOSS]), numbers[Number.ALPHA]
        loss, weight = 0.0, np.float64(rows)
        for n in range(rows):
            loss += number(row_loss, n)
        if instruction[Word.COUNTS] != 0:
            counts, index, weight = one(instruction[Word.COUNTS]), words(context[Context.BATCH_INDEX]), 0.0
            for n in range(rows):
                weight += number(counts, index[n])
        penalty, found = 0.0, reals(instruction[Word.SQUARES])
        for block in range(instruction[Word.LENGTH]):
            penalty += found[block]
        record[Record.PENALTY] = alpha / weight if weight > 0 else 0.0
        record[Record.OWN] = 1.0 / scalars[Scalar.BATCH_WEIGHT] if scalars[Scalar.BATCH_WEIGHT] > 0 else 0.0
        record[Record.LAST] = loss * numbers[Number.SCALE] + 0.5 * record[Record.PENALTY] * penalty
        record[Record.LOSSES] += record[Record.LAST] * rows

    return kernel


def penalise(space: Space) -> Any:
    """``g/standing + alpha/sum w W``, the second for weights only."""
    at, lanes = pointer_to(NUMBA_TYPES[np.dtype(space.dtype)], space.lanes), space.lanes

    def kernel(instruction, context):
        g, w, decayed, record = (
            at(instruction[Word.G]),
            at(instruction[Word.W]),
            at(instruction[Word.DECAYED]),
            reals(instruction[Word.RECORD]),
        )
        own, penalty = record[Record.OWN], record[Record.PENALTY]
        begin, end = share(instruction[Word.LENGTH], instruction[Word.UNIT], context)
        for k in range(begin, end, lanes):
            store(g, k, fma(load(decayed, k) * load(w, k), penalty, load(g, k) * own))

    return kernel


def prepare_adam(space: Space) -> Any:
    """Adam with epsilon added to the root before it is freed of its start (Kingma & Ba 2015, end of section 2).

    The update is ``eta sqrt(1 - beta2^t)/(1 - beta1^t) m/(sqrt(v) + epsilon)``.
    """
    del space

    def kernel(instruction, context):
        if context[Context.THREAD] != 0:
            return
        numbers, scalars = reals(instruction[Word.NUMBERS]), reals(context[Context.SCALARS])
        first, second, t = (
            numbers[Number.BETA1],
            numbers[Number.BETA2],
            scalars[Scalar.UPDATE_COUNT] + numbers[Number.BEFORE],
        )
        scalars[Scalar.OPTIMIZER] = scalars[Scalar.LEARNING_RATE] * np.sqrt(1.0 - second**t) / (1.0 - first**t)
        scalars[Scalar.OPTIMIZER + 1] = 1.0
        scalars[Scalar.OPTIMIZER + 2] = numbers[Number.EPSILON]
        scalars[Scalar.OPTIMIZER + 3], scalars[Scalar.OPTIMIZER + 4] = first, 1.0 - first
        scalars[Scalar.OPTIMIZER + 5], scalars[Scalar.OPTIMIZER + 6] = second, 1.0 - second

    return kernel


KERNELS = {"squares": squares, "account": account, "penalise": penalise, "prepare_adam": prepare_adam}
