"""Batches: which rows each update takes, and how much each row counts."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.chain import Chain
from chainrule.core.seeds import streams
from chainrule.errors import InputError


def batches(rows: int, size: int, rng: np.random.Generator | None) -> Sequence[Array]:
    """The row numbers of each batch of one epoch; the last batch has what is left.

    Args:
        rows: how many there are.
        size: rows of a batch.
        rng: what shuffles them; None leaves them in order. A single batch of all rows stays in order, as order then
            changes nothing, and nothing is drawn.
    """
    order = np.arange(rows) if rng is None or size == rows else rng.permutation(rows)
    return [order[start : start + size] for start in range(0, rows, size)]


def batches_of_epoch(epoch: int, rows: int, size: int, seed: int, *, shuffle: bool) -> Sequence[Array]:
    """The batches of one epoch of a run with that seed, epochs counted from 0."""
    rng = streams(seed).shuffle if shuffle else None
    for _ in range(epoch):
        batches(rows, size, rng)
    return batches(rows, size, rng)


def check_batches(chain: Chain, rows: int, batch_size: int | None) -> None:
    """Refuse batches too small for a layer before the first of them has changed anything.

    Raises:
        InputError: they are.
    """
    size = min(batch_size or rows, rows)
    smallest = rows % size or size
    for l, layer in enumerate(chain.layers, start=1):
        if smallest < layer.smallest_batch:
            raise InputError(
                f"layer {l}, {type(layer).__name__}, needs at least {layer.smallest_batch} rows in every batch, but "
                f"{rows} rows in batches of {size} leave one of {smallest}: choose another batch_size."
            )


# -------------------------------------------------------------------------------- how much rows count
def check_targets(name: str, t: Array, weights: Array | None) -> None:
    """Refuse targets that are missing in every row that counts: nothing could be learned or judged by them.

    Raises:
        InputError: they are.
    """
    if not counted(t, weights).any():
        raise InputError(f"{name} has no target: all are missing (NaN) in the rows that count.")


def counted(t: Array, weights: Array | None) -> Array:
    """How much each row counts, shape (N,): its weight, 0 if it has no target."""
    return np.where(np.isnan(t).all(axis=1), 0.0, 1.0 if weights is None else weights).astype(t.dtype)


def batch_factor(counts: Array, rows: Array) -> Any:
    """How much a batch's rows count beside all rows, on the mean: 1 where all rows count alike.

    A batch's own loss is its weighted mean, ``sum_n w_n e_n / sum_n w_n`` over its rows, in which the weight of a batch
    as a whole cancels; times this factor its gradient is, on the mean over batches, that of E over all rows.
    """
    return 1.0 if len(rows) == len(counts) else counts.dtype.type(counts[rows].mean() / counts.mean())
