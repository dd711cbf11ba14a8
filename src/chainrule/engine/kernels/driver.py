"""The driver: update after update, epoch after epoch, without the interpreter.

It reads a *job*, an array of words that ``chainrule.engine.session`` writes: which plan, which data, how many updates.
Every thread runs it with a job of its own that differs in the thread's number; they meet at barriers. An epoch's
bookkeeping (mean loss, validation, the best parameters, patience) is that of ``chainrule.training.fit``.
"""

from typing import Any

import numpy as np
from numba import njit

from chainrule.engine.compiler.target import Space
from chainrule.engine.lanes.simd import np_lanes, number, pointer_to, put
from chainrule.engine.lanes.sync import address_of, barrier, call_kernel, draw_word, reals, words
from chainrule.engine.runtime import memory as w


@njit(error_model="numpy")
def _run_ops(ops, count, now):
    for k in range(count):
        op = words(address_of(ops, k * w.OP_WORDS))
        call_kernel(op[0], op, now)


@njit(error_model="numpy")
def _run_ops_together(ops, count, now, counter, passed, threads):
    for k in range(count):
        op = words(address_of(ops, k * w.OP_WORDS))
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
        ops, refresh = words(job[w.J_HELD_OPS]), job[w.J_HELD_REFRESH_COUNT]
        passed = _run_ops_together(ops, refresh, now, counter, passed, threads)
        now[w.SHARES], now[w.BATCH] = job[w.J_HELD_SHARES], job[w.J_HELD_ROWS]
        for first in range(0, job[w.J_HELD_ROWS], job[w.J_HELD_CHUNK]):
            now[w.ROWS], now[w.OFFSET] = min(job[w.J_HELD_CHUNK], job[w.J_HELD_ROWS] - first), first
            now[w.INDEX] = address_of(words(job[w.J_HELD_INDEX]), first)
            rest = words(address_of(ops, refresh * w.OP_WORDS))
            passed = _run_ops_together(rest, job[w.J_HELD_COUNT] - refresh, now, counter, passed, threads)
        return passed

    @njit(error_model="numpy")
    def one_batch(job, now, counter, passed, threads, stepping):
        """Gradients of one batch: chunk after chunk by all threads, or each shard by one of them."""
        ops, count, rows = words(job[w.J_CHUNK_OPS]), job[w.J_CHUNK_COUNT], now[w.BATCH]
        passed = _run_ops_together(words(job[w.J_BATCH_OPS]), job[w.J_BATCH_COUNT], now, counter, passed, threads)
        shards = min(job[w.J_SHARDS], rows)
        now[w.PARTS] = shards
        if shards == 1:
            for first in range(0, rows, job[w.J_CHUNK]):
                now[w.ROWS], now[w.OFFSET], now[w.ADDING] = min(job[w.J_CHUNK], rows - first), first, first > 0
                now[w.INDEX], now[w.STEPPING] = address_of(words(now[w.BATCH_INDEX]), first), stepping
                passed = _run_ops_together(ops, count, now, counter, passed, threads)
            return passed
        thread = now[w.THREAD]
        for s in range(thread, shards, threads):
            now[w.THREAD], now[w.THREADS], now[w.STEPPING] = 0, 1, 0
            begin, end = rows * s // shards, rows * (s + 1) // shards
            its = words(address_of(ops, s * job[w.J_CHUNK_STRIDE]))
            for first in range(begin, end, job[w.J_CHUNK]):
                now[w.ROWS], now[w.OFFSET], now[w.ADDING] = min(job[w.J_CHUNK], end - first), first, first > begin
                now[w.INDEX] = address_of(words(now[w.BATCH_INDEX]), first)
                _run_ops(its, count, now)
        now[w.THREAD], now[w.THREADS] = thread, threads
        return barrier(counter, passed, threads)

    @njit(error_model="numpy")
    def judge(job, state, reals_, epoch, done):
        """Write an epoch down; keep the best parameters; see whether patience is over."""
        loss, length = reals_[w.R_LOSS], job[w.J_LENGTH]
        reals_[w.R_LOSS], reals_[w.R_WEIGHT] = 0.0, 0.0
        reals(job[w.J_LOSSES])[done] = loss
        reals(job[w.J_NORMS])[done] = reals(job[w.J_SCALARS])[w.NORM]
        judged, now_best = loss, job[w.J_ENTERED]
        if job[w.J_HELD_ROWS] > 0:
            judged = total(job[w.J_HELD_ROW_LOSS], job[w.J_HELD_ROWS])
            reals(job[w.J_VALIDATION_LOSSES])[done] = judged
            now_best = job[w.J_W]
        if judged < reals_[w.R_TO_BEAT] - reals_[w.R_MIN_DELTA]:
            reals_[w.R_TO_BEAT] = judged
            state[w.S_BETTERED] = epoch
        if judged < reals_[w.R_BEST]:
            reals_[w.R_BEST] = judged
            state[w.S_BEST_EPOCH] = epoch
            copy(now_best, job[w.J_BEST], length)
        if state[w.S_PATIENCE] > 0 and epoch - state[w.S_BETTERED] >= state[w.S_PATIENCE]:
            state[w.S_STOP] = w.PATIENCE_OUT

    def kernel(job):
        thread, threads, counter = job[w.J_THREAD], job[w.J_THREADS], words(job[w.J_COUNTER])
        passed, now = 0, words(job[w.J_NOW])
        state, reals_, scalars = words(job[w.J_STATE]), reals(job[w.J_REAL_STATE]), reals(job[w.J_SCALARS])
        for k in range(w.NOW_WORDS):
            now[k] = 0
        now[w.THREAD], now[w.THREADS], now[w.SCALARS] = thread, threads, job[w.J_SCALARS]
        rows, size, order = job[w.J_ROWS], job[w.J_BATCH], words(job[w.J_ORDER])
        per_epoch = (rows + size - 1) // size
        first_update = state[w.S_UPDATE]
        for u in range(first_update, first_update + job[w.J_UPDATES]):
            epoch, b = u // per_epoch, u % per_epoch
            if thread == 0:
                if b == 0:
                    copy(job[w.J_W], job[w.J_ENTERED], job[w.J_LENGTH])
                    if job[w.J_SHUFFLES] != 0:
                        shuffle(order, rows, job[w.J_RNG_FUNCTION], job[w.J_RNG_STATE])
                scalars[w.ETA] = reals(job[w.J_ETAS])[u - first_update]
                scalars[w.COUNT] = u + 1.0
            passed = barrier(counter, passed, threads)
            begin = b * size
            count = min(size, rows - begin)
            now[w.BATCH], now[w.SHARES] = count, 0
            now[w.BATCH_INDEX] = address_of(order, begin)
            if job[w.J_COUNTS] != 0:
                now[w.SHARES] = job[w.J_SHARE_BUFFER]
            if thread == 0:
                weight, scalars[w.STANDING] = np.float64(count), 1.0
                if job[w.J_COUNTS] != 0:
                    weight, scalars[w.STANDING] = weigh(
                        job[w.J_COUNTS],
                        words(now[w.BATCH_INDEX]),
                        count,
                        job[w.J_SHARE_BUFFER],
                        reals_[w.R_WHOLE],
                        rows,
                    )
            else:
                weight = 0.0
            passed = barrier(counter, passed, threads)
            last = b == per_epoch - 1
            stepping = 1 if job[w.J_MAY_STEP] != 0 and not last else 0
            passed = one_batch(job, now, counter, passed, threads, stepping)
            if thread == 0:
                batch_loss = total(job[w.J_ROW_LOSS], count)
                reals_[w.R_BATCH_LOSS] = batch_loss
                if np.isfinite(batch_loss):
                    together = reals_[w.R_WEIGHT] + weight
                    reals_[w.R_WEIGHT] = together
                    reals_[w.R_LOSS] += (batch_loss - reals_[w.R_LOSS]) * (
                        weight / (together if together != 0 else 1.0)
                    )
                    state[w.S_UPDATE] = u + 1
                else:
                    state[w.S_STOP] = w.NOT_FINITE
            passed = barrier(counter, passed, threads)
            if state[w.S_STOP] != w.RUNNING:
                break
            if stepping == 0:
                passed = _run_ops_together(words(job[w.J_SUM_OPS]), job[w.J_SUM_COUNT], now, counter, passed, threads)
                if last or job[w.J_CLIPS] != 0:
                    passed = _run_ops_together(
                        words(job[w.J_NORM_OPS]), job[w.J_NORM_COUNT], now, counter, passed, threads
                    )
                if job[w.J_APPLY] != 0:
                    passed = _run_ops_together(
                        words(job[w.J_STEP_OPS]), job[w.J_STEP_COUNT], now, counter, passed, threads
                    )
            if last and job[w.J_APPLY] != 0:
                if job[w.J_HELD_ROWS] > 0:
                    passed = validate(job, now, counter, passed, threads)
                if thread == 0:
                    if finite(job[w.J_W], job[w.J_LENGTH]):
                        judge(job, state, reals_, epoch, epoch - state[w.S_FIRST_EPOCH])
                        state[w.S_EPOCHS_DONE] = epoch - state[w.S_FIRST_EPOCH] + 1
                    else:
                        state[w.S_STOP] = w.NOT_FINITE
                passed = barrier(counter, passed, threads)
                if state[w.S_STOP] != w.RUNNING:
                    break

    return kernel


# -------------------------------------------------------------------------------- prediction
def predict(space: Space) -> Any:
    """The outputs of all rows: each thread takes every so-many-th chunk, in buffers of its own."""
    one = pointer_to(np_lanes[np.dtype(space.dtype)], 1)

    def kernel(job):
        thread, threads, now = job[w.P_THREAD], job[w.P_THREADS], words(job[w.P_NOW])
        for k in range(w.NOW_WORDS):
            now[k] = 0
        now[w.THREADS], now[w.SCALARS] = 1, job[w.P_SCALARS]
        ops = words(address_of(words(job[w.P_OPS]), thread * job[w.P_STRIDE]))
        y, out, outputs, width = one(job[w.P_Y]), one(job[w.P_OUT]), job[w.P_OUTPUTS], job[w.P_LDY]
        chunk, rows, index = job[w.P_CHUNK], job[w.P_ROWS], words(job[w.P_INDEX])
        for first in range(thread * chunk, rows, threads * chunk):
            count = min(chunk, rows - first)
            for n in range(count):
                index[n] = first + n
            now[w.ROWS], now[w.INDEX] = count, job[w.P_INDEX]
            _run_ops(ops, job[w.P_COUNT], now)
            for n in range(count):
                for k in range(outputs):
                    put(out, (first + n) * outputs + k, number(y, n * width + k))

    return kernel


KERNELS = {"train": train, "predict": predict}
