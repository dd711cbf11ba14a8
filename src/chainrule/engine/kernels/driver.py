"""The driver: update after update, epoch after epoch, without the interpreter.

It reads a *job*, an array of words that ``chainrule.engine.session`` writes: which plan, which data, how many updates.
Every thread runs it with a job of its own that differs in the thread's number; they meet at barriers. An epoch's
bookkeeping (mean loss, validation, the best parameters, patience) is that of ``chainrule.training.fit``.
"""

from typing import Any

import numpy as np
from numba import njit

from chainrule.engine.simd import np_lanes, number, pointer_to, put
from chainrule.engine.space import Space
from chainrule.engine.sync import address_of, barrier, call_kernel, draw_word, reals, words
from chainrule.engine.words import *


@njit(error_model="numpy")
def _run_ops(ops, count, now):
    for k in range(count):
        op = words(address_of(ops, k * OP_WORDS))
        call_kernel(op[0], op, now)


@njit(error_model="numpy")
def _run_ops_together(ops, count, now, counter, passed, threads):
    for k in range(count):
        op = words(address_of(ops, k * OP_WORDS))
        call_kernel(op[0], op, now)
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
    one = pointer_to(np_lanes[np.dtype(space.dtype)], 1)

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
    def validate(job, now, counter, passed, threads):
        """The loss of the rows set aside, in chunks, by all threads."""
        ops, refresh = words(job[J_HELD_OPS]), job[J_HELD_REFRESH_COUNT]
        passed = _run_ops_together(ops, refresh, now, counter, passed, threads)
        now[SHARES], now[BATCH] = job[J_HELD_SHARES], job[J_HELD_ROWS]
        for first in range(0, job[J_HELD_ROWS], job[J_HELD_CHUNK]):
            now[ROWS], now[OFFSET] = min(job[J_HELD_CHUNK], job[J_HELD_ROWS] - first), first
            now[INDEX] = address_of(words(job[J_HELD_INDEX]), first)
            rest = words(address_of(ops, refresh * OP_WORDS))
            passed = _run_ops_together(rest, job[J_HELD_COUNT] - refresh, now, counter, passed, threads)
        return passed

    @njit(error_model="numpy")
    def one_batch(job, now, counter, passed, threads, stepping):
        """Gradients of one batch: chunk after chunk by all threads, or each shard by one of them."""
        ops, count, rows = words(job[J_CHUNK_OPS]), job[J_CHUNK_COUNT], now[BATCH]
        passed = _run_ops_together(words(job[J_BATCH_OPS]), job[J_BATCH_COUNT], now, counter, passed, threads)
        shards = min(job[J_SHARDS], rows)
        now[PARTS] = shards
        if shards == 1:
            for first in range(0, rows, job[J_CHUNK]):
                now[ROWS], now[OFFSET], now[ADDING] = min(job[J_CHUNK], rows - first), first, first > 0
                now[INDEX], now[STEPPING] = address_of(words(now[BATCH_INDEX]), first), stepping
                passed = _run_ops_together(ops, count, now, counter, passed, threads)
            return passed
        thread = now[THREAD]
        for s in range(thread, shards, threads):
            now[THREAD], now[THREADS], now[STEPPING] = 0, 1, 0
            begin, end = rows * s // shards, rows * (s + 1) // shards
            its = words(address_of(ops, s * job[J_CHUNK_STRIDE]))
            for first in range(begin, end, job[J_CHUNK]):
                now[ROWS], now[OFFSET], now[ADDING] = min(job[J_CHUNK], end - first), first, first > begin
                now[INDEX] = address_of(words(now[BATCH_INDEX]), first)
                _run_ops(its, count, now)
        now[THREAD], now[THREADS] = thread, threads
        return barrier(counter, passed, threads)

    @njit(error_model="numpy")
    def judge(job, state, reals_, epoch, done):
        """Write an epoch down; keep the best parameters; see whether patience is over."""
        loss, length = reals_[R_LOSS], job[J_LENGTH]
        reals_[R_LOSS], reals_[R_WEIGHT] = 0.0, 0.0
        reals(job[J_LOSSES])[done] = loss
        reals(job[J_NORMS])[done] = reals(job[J_SCALARS])[NORM]
        judged, now_best = loss, job[J_ENTERED]
        if job[J_HELD_ROWS] > 0:
            judged = total(job[J_HELD_ROW_LOSS], job[J_HELD_ROWS])
            reals(job[J_VALIDATION_LOSSES])[done] = judged
            now_best = job[J_W]
        if judged < reals_[R_TO_BEAT] - reals_[R_MIN_DELTA]:
            reals_[R_TO_BEAT] = judged
            state[S_BETTERED] = epoch
        if judged < reals_[R_BEST]:
            reals_[R_BEST] = judged
            state[S_BEST_EPOCH] = epoch
            copy(now_best, job[J_BEST], length)
        if state[S_PATIENCE] > 0 and epoch - state[S_BETTERED] >= state[S_PATIENCE]:
            state[S_STOP] = PATIENCE_OUT

    def kernel(job):
        thread, threads, counter = job[J_THREAD], job[J_THREADS], words(job[J_COUNTER])
        passed, now = 0, words(job[J_NOW])
        state, reals_, scalars = words(job[J_STATE]), reals(job[J_REAL_STATE]), reals(job[J_SCALARS])
        for k in range(NOW_WORDS):
            now[k] = 0
        now[THREAD], now[THREADS], now[SCALARS] = thread, threads, job[J_SCALARS]
        rows, size, order = job[J_ROWS], job[J_BATCH], words(job[J_ORDER])
        per_epoch = (rows + size - 1) // size
        first_update = state[S_UPDATE]
        for u in range(first_update, first_update + job[J_UPDATES]):
            epoch, b = u // per_epoch, u % per_epoch
            if thread == 0:
                if b == 0:
                    copy(job[J_W], job[J_ENTERED], job[J_LENGTH])
                    if job[J_SHUFFLES] != 0:
                        shuffle(order, rows, job[J_RNG_FUNCTION], job[J_RNG_STATE])
                scalars[ETA] = reals(job[J_ETAS])[u - first_update]
                scalars[COUNT] = u + 1.0
            passed = barrier(counter, passed, threads)
            begin = b * size
            count = min(size, rows - begin)
            now[BATCH], now[SHARES] = count, 0
            now[BATCH_INDEX] = address_of(order, begin)
            if job[J_COUNTS] != 0:
                now[SHARES] = job[J_SHARE_BUFFER]
            if thread == 0:
                weight, scalars[STANDING] = np.float64(count), 1.0
                if job[J_COUNTS] != 0:
                    weight, scalars[STANDING] = weigh(
                        job[J_COUNTS], words(now[BATCH_INDEX]), count, job[J_SHARE_BUFFER], reals_[R_WHOLE], rows
                    )
            else:
                weight = 0.0
            passed = barrier(counter, passed, threads)
            last = b == per_epoch - 1
            stepping = 1 if job[J_MAY_STEP] != 0 and not last else 0
            passed = one_batch(job, now, counter, passed, threads, stepping)
            if thread == 0:
                batch_loss = total(job[J_ROW_LOSS], count)
                reals_[R_BATCH_LOSS] = batch_loss
                if np.isfinite(batch_loss):
                    together = reals_[R_WEIGHT] + weight
                    reals_[R_WEIGHT] = together
                    reals_[R_LOSS] += (batch_loss - reals_[R_LOSS]) * (weight / (together if together != 0 else 1.0))
                    state[S_UPDATE] = u + 1
                else:
                    state[S_STOP] = NOT_FINITE
            passed = barrier(counter, passed, threads)
            if state[S_STOP] != RUNNING:
                break
            if stepping == 0:
                passed = _run_ops_together(words(job[J_SUM_OPS]), job[J_SUM_COUNT], now, counter, passed, threads)
                if last or job[J_CLIPS] != 0:
                    passed = _run_ops_together(words(job[J_NORM_OPS]), job[J_NORM_COUNT], now, counter, passed, threads)
                if job[J_APPLY] != 0:
                    passed = _run_ops_together(words(job[J_STEP_OPS]), job[J_STEP_COUNT], now, counter, passed, threads)
            if last and job[J_APPLY] != 0:
                if job[J_HELD_ROWS] > 0:
                    passed = validate(job, now, counter, passed, threads)
                if thread == 0:
                    if finite(job[J_W], job[J_LENGTH]):
                        judge(job, state, reals_, epoch, epoch - state[S_FIRST_EPOCH])
                        state[S_EPOCHS_DONE] = epoch - state[S_FIRST_EPOCH] + 1
                    else:
                        state[S_STOP] = NOT_FINITE
                passed = barrier(counter, passed, threads)
                if state[S_STOP] != RUNNING:
                    break

    return kernel


# -------------------------------------------------------------------------------- prediction
def predict(space: Space) -> Any:
    """The outputs of all rows: each thread takes every so-many-th chunk, in buffers of its own."""
    one = pointer_to(np_lanes[np.dtype(space.dtype)], 1)

    def kernel(job):
        thread, threads, now = job[P_THREAD], job[P_THREADS], words(job[P_NOW])
        for k in range(NOW_WORDS):
            now[k] = 0
        now[THREADS], now[SCALARS] = 1, job[P_SCALARS]
        ops = words(address_of(words(job[P_OPS]), thread * job[P_STRIDE]))
        y, out, outputs, width = one(job[P_Y]), one(job[P_OUT]), job[P_OUTPUTS], job[P_LDY]
        chunk, rows, index = job[P_CHUNK], job[P_ROWS], words(job[P_INDEX])
        for first in range(thread * chunk, rows, threads * chunk):
            count = min(chunk, rows - first)
            for n in range(count):
                index[n] = first + n
            now[ROWS], now[INDEX] = count, job[P_INDEX]
            _run_ops(ops, job[P_COUNT], now)
            for n in range(count):
                for k in range(outputs):
                    put(out, (first + n) * outputs + k, number(y, n * width + k))

    return kernel


KERNELS = {"train": train, "predict": predict}
