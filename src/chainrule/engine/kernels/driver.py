"""The driver: update after update, epoch after epoch, without the interpreter.

It reads a *job*, an array of words that ``chainrule.engine.session`` writes: which plan, which data, how many updates.
Every thread runs it with a job of its own that differs in the thread's number; they meet at barriers. An epoch's
bookkeeping (mean loss, validation, the best parameters, patience) is that of ``chainrule.training.fit``.
"""

from typing import Any

import numpy as np
from numba import njit

from chainrule.engine.compiler.target import Space
from chainrule.engine.lanes.memory import NUMBA_TYPES, number, pointer_to, put
from chainrule.engine.lanes.sync import address_of, barrier, call_kernel, draw_word, reals, words
from chainrule.engine.memory import (
    CONTEXT_WORDS,
    INSTRUCTION_WORDS,
    Context,
    Job,
    PredictionJob,
    Progress,
    Scalar,
    State,
)
from chainrule.engine.session import Stop


@njit(error_model="numpy")
def _run_plan(plan, count, context):
    for k in range(count):
        instruction = words(address_of(plan, k * INSTRUCTION_WORDS))
        call_kernel(instruction[0], instruction, context)


@njit(error_model="numpy")
def _run_plan_together(plan, count, context, counter, passed, threads):
    for k in range(count):
        instruction = words(address_of(plan, k * INSTRUCTION_WORDS))
        call_kernel(instruction[0], instruction, context)
        passed = barrier(counter, passed, threads)
    return passed


@njit(error_model="numpy")
def shuffle(order, count, function, state) -> None:
    """NumPy's own shuffle of 0 .. count - 1, from its own stream: Fisher & Yates, numbers below k by rejection."""
    for k in range(count):
        order[k] = k
    mask = np.int64(1)
    while mask < count:
        mask = 2 * mask
    for k in range(count - 1, 0, -1):
        while mask // 2 > k:
            mask //= 2
        j = np.int64(draw_word(function, state)) & (mask - 1)
        while j > k:
            j = np.int64(draw_word(function, state)) & (mask - 1)
        order[k], order[j] = order[j], order[k]


def _helpers(space: Space) -> Any:
    """Copying and adding up in the space's dtype."""
    one = pointer_to(NUMBA_TYPES[np.dtype(space.dtype)], 1)

    @njit(error_model="numpy")
    def copy(of, to, length):
        source, target = one(of), one(to)
        for k in range(length):
            put(target, k, number(source, k))

    @njit(error_model="numpy")
    def total(at, length):
        values, together = one(at), 0.0
        for k in range(length):
            together += number(values, k)
        return together

    @njit(error_model="numpy")
    def finite(at, length):
        values, together = one(at), 0.0
        for k in range(length):
            together += number(values, k) * 0.0
        return together == 0.0

    @njit(error_model="numpy")
    def weigh(counts, index, rows, shares, whole, all_rows):
        """Each row's share of the batch, the batch's weight, and how its rows count beside all."""
        of, to, together = one(counts), one(shares), 0.0
        for n in range(rows):
            together += number(of, index[n])
        for n in range(rows):
            put(to, n, number(of, index[n]) / together if together > 0 else 0.0)
        return together, (1.0 if rows == all_rows else (together / rows) / (whole / all_rows))

    return copy, total, finite, weigh


def train(space: Space) -> Any:
    """Run a job's updates."""
    copy, total, finite, weigh = _helpers(space)

    @njit(error_model="numpy")
    def validate(job, context, counter, passed, threads):
        """The loss of the rows set aside, in chunks, by all threads."""
        plan, refresh = words(job[Job.VALIDATION_PLAN]), job[Job.VALIDATION_REFRESH_COUNT]
        passed = _run_plan_together(plan, refresh, context, counter, passed, threads)
        context[Context.SHARES], context[Context.BATCH] = job[Job.VALIDATION_SHARES], job[Job.VALIDATION_ROWS]
        for first in range(0, job[Job.VALIDATION_ROWS], job[Job.VALIDATION_CHUNK]):
            context[Context.ROWS], context[Context.OFFSET] = (
                min(job[Job.VALIDATION_CHUNK], job[Job.VALIDATION_ROWS] - first),
                first,
            )
            context[Context.INDEX] = address_of(words(job[Job.VALIDATION_INDEX]), first)
            rest = words(address_of(plan, refresh * INSTRUCTION_WORDS))
            passed = _run_plan_together(rest, job[Job.VALIDATION_COUNT] - refresh, context, counter, passed, threads)
        return passed

    @njit(error_model="numpy")
    def one_batch(job, context, counter, passed, threads, stepping):
        """Gradients of one batch: chunk after chunk by all threads, or each shard by one of them."""
        plan, count, rows = words(job[Job.CHUNK_PLAN]), job[Job.CHUNK_COUNT], context[Context.BATCH]
        passed = _run_plan_together(words(job[Job.BATCH_PLAN]), job[Job.BATCH_COUNT], context, counter, passed, threads)
        shards = min(job[Job.SHARDS], rows)
        context[Context.SHARDS] = shards
        if shards == 1:
            for first in range(0, rows, job[Job.CHUNK]):
                context[Context.ROWS], context[Context.OFFSET], context[Context.ADDING] = (
                    min(job[Job.CHUNK], rows - first),
                    first,
                    first > 0,
                )
                context[Context.INDEX], context[Context.STEPPING] = (
                    address_of(words(context[Context.BATCH_INDEX]), first),
                    stepping,
                )
                passed = _run_plan_together(plan, count, context, counter, passed, threads)
            return passed
        thread = context[Context.THREAD]
        for s in range(thread, shards, threads):
            context[Context.THREAD], context[Context.THREADS], context[Context.STEPPING] = 0, 1, 0
            begin, end = rows * s // shards, rows * (s + 1) // shards
            its = words(address_of(plan, s * job[Job.CHUNK_STRIDE]))
            for first in range(begin, end, job[Job.CHUNK]):
                context[Context.ROWS], context[Context.OFFSET], context[Context.ADDING] = (
                    min(job[Job.CHUNK], end - first),
                    first,
                    first > begin,
                )
                context[Context.INDEX] = address_of(words(context[Context.BATCH_INDEX]), first)
                _run_plan(its, count, context)
        context[Context.THREAD], context[Context.THREADS] = thread, threads
        return barrier(counter, passed, threads)

    @njit(error_model="numpy")
    def judge(job, state, reals_, epoch, done):
        """Write an epoch down; keep the best parameters; see whether patience is over."""
        loss, length = reals_[Progress.LOSS], job[Job.LENGTH]
        reals_[Progress.LOSS], reals_[Progress.WEIGHT] = 0.0, 0.0
        reals(job[Job.LOSSES])[done] = loss
        reals(job[Job.NORMS])[done] = reals(job[Job.SCALARS])[Scalar.NORM]
        judged, now_best = loss, job[Job.EPOCH_START]
        if job[Job.VALIDATION_ROWS] > 0:
            judged = total(job[Job.VALIDATION_ROW_LOSS], job[Job.VALIDATION_ROWS])
            reals(job[Job.VALIDATION_LOSSES])[done] = judged
            now_best = job[Job.PARAMETERS]
        if judged < reals_[Progress.PATIENCE_REFERENCE] - reals_[Progress.MIN_DELTA]:
            reals_[Progress.PATIENCE_REFERENCE] = judged
            state[State.LAST_IMPROVED] = epoch
        if judged < reals_[Progress.BEST]:
            reals_[Progress.BEST] = judged
            state[State.BEST_EPOCH] = epoch
            copy(now_best, job[Job.BEST], length)
        if state[State.PATIENCE] > 0 and epoch - state[State.LAST_IMPROVED] >= state[State.PATIENCE]:
            state[State.STOP] = Stop.PATIENCE

    def kernel(job):
        thread, threads, counter = job[Job.THREAD], job[Job.THREADS], words(job[Job.COUNTER])
        passed, context = 0, words(job[Job.CONTEXT])
        state, reals_, scalars = words(job[Job.STATE]), reals(job[Job.PROGRESS]), reals(job[Job.SCALARS])
        for k in range(CONTEXT_WORDS):
            context[k] = 0
        context[Context.THREAD], context[Context.THREADS], context[Context.SCALARS] = thread, threads, job[Job.SCALARS]
        rows, size, order = job[Job.ROWS], job[Job.BATCH], words(job[Job.ORDER])
        per_epoch = (rows + size - 1) // size
        first_update = state[State.UPDATE]
        for u in range(first_update, first_update + job[Job.UPDATES]):
            epoch, b = u // per_epoch, u % per_epoch
            if thread == 0:
                if b == 0:
                    copy(job[Job.PARAMETERS], job[Job.EPOCH_START], job[Job.LENGTH])
                    if job[Job.SHUFFLES] != 0:
                        shuffle(order, rows, job[Job.RANDOM_FUNCTION], job[Job.RANDOM_STATE])
                scalars[Scalar.LEARNING_RATE] = reals(job[Job.LEARNING_RATES])[u - first_update]
                scalars[Scalar.UPDATE_COUNT] = u + 1.0
            passed = barrier(counter, passed, threads)
            begin = b * size
            count = min(size, rows - begin)
            context[Context.BATCH], context[Context.SHARES] = count, 0
            context[Context.BATCH_INDEX] = address_of(order, begin)
            if job[Job.COUNTS] != 0:
                context[Context.SHARES] = job[Job.SHARE_BUFFER]
            if thread == 0:
                weight, scalars[Scalar.BATCH_WEIGHT] = np.float64(count), 1.0
                if job[Job.COUNTS] != 0:
                    weight, scalars[Scalar.BATCH_WEIGHT] = weigh(
                        job[Job.COUNTS],
                        words(context[Context.BATCH_INDEX]),
                        count,
                        job[Job.SHARE_BUFFER],
                        reals_[Progress.WHOLE],
                        rows,
                    )
            else:
                weight = 0.0
            passed = barrier(counter, passed, threads)
            last = b == per_epoch - 1
            stepping = 1 if job[Job.MAY_STEP] != 0 and not last else 0
            passed = one_batch(job, context, counter, passed, threads, stepping)
            if thread == 0:
                batch_loss = total(job[Job.ROW_LOSS], count)
                reals_[Progress.BATCH_LOSS] = batch_loss
                if np.isfinite(batch_loss):
                    together = reals_[Progress.WEIGHT] + weight
                    reals_[Progress.WEIGHT] = together
                    reals_[Progress.LOSS] += (batch_loss - reals_[Progress.LOSS]) * (
                        weight / (together if together != 0 else 1.0)
                    )
                    state[State.UPDATE] = u + 1
                else:
                    state[State.STOP] = Stop.NOT_FINITE
            passed = barrier(counter, passed, threads)
            if state[State.STOP] != Stop.RUNNING:
                break
            if stepping == 0:
                passed = _run_plan_together(
                    words(job[Job.SUM_PLAN]), job[Job.SUM_COUNT], context, counter, passed, threads
                )
                if last or job[Job.CLIPS] != 0:
                    passed = _run_plan_together(
                        words(job[Job.NORM_PLAN]), job[Job.NORM_COUNT], context, counter, passed, threads
                    )
                if job[Job.APPLY] != 0:
                    passed = _run_plan_together(
                        words(job[Job.STEP_PLAN]), job[Job.STEP_COUNT], context, counter, passed, threads
                    )
            if last and job[Job.APPLY] != 0:
                if job[Job.VALIDATION_ROWS] > 0:
                    passed = validate(job, context, counter, passed, threads)
                if thread == 0:
                    if finite(job[Job.PARAMETERS], job[Job.LENGTH]):
                        judge(job, state, reals_, epoch, epoch - state[State.FIRST_EPOCH])
                        state[State.EPOCHS_DONE] = epoch - state[State.FIRST_EPOCH] + 1
                    else:
                        state[State.STOP] = Stop.NOT_FINITE
                passed = barrier(counter, passed, threads)
                if state[State.STOP] != Stop.RUNNING:
                    break

    return kernel


# -------------------------------------------------------------------------------- prediction
def predict(space: Space) -> Any:
    """The outputs of all rows: each thread takes every so-many-th chunk, in buffers of its own."""
    one = pointer_to(NUMBA_TYPES[np.dtype(space.dtype)], 1)

    def kernel(job):
        thread = job[PredictionJob.THREAD]
        threads = job[PredictionJob.THREADS]
        context = words(job[PredictionJob.CONTEXT])
        for k in range(CONTEXT_WORDS):
            context[k] = 0
        context[Context.THREADS], context[Context.SCALARS] = 1, job[PredictionJob.SCALARS]
        plan = words(address_of(words(job[PredictionJob.PLAN]), thread * job[PredictionJob.STRIDE]))
        y, out, outputs, width = (
            one(job[PredictionJob.Y]),
            one(job[PredictionJob.OUT]),
            job[PredictionJob.OUTPUTS],
            job[PredictionJob.Y_STEP],
        )
        chunk, rows, index = job[PredictionJob.CHUNK], job[PredictionJob.ROWS], words(job[PredictionJob.INDEX])
        for first in range(thread * chunk, rows, threads * chunk):
            count = min(chunk, rows - first)
            for n in range(count):
                index[n] = first + n
            context[Context.ROWS], context[Context.INDEX] = count, job[PredictionJob.INDEX]
            _run_plan(plan, job[PredictionJob.COUNT], context)
            for n in range(count):
                for k in range(outputs):
                    put(out, (first + n) * outputs + k, number(y, n * width + k))

    return kernel


KERNELS = {"train": train, "predict": predict}
