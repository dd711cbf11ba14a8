"""Into which parts a batch is dealt: shards for threads of their own, chunks of rows that stay in a processor's cache.

Shapes alone decide, so that the order of sums depends on nothing else.
"""

import numpy as np

from chainrule.core.chain import Chain
from chainrule.engine.compiler.target import Space

CHUNK_BYTES = 384 * 1024
"""What the buffers of one chunk of rows may take: they shall stay in the L2 cache together with weights."""

WHOLE_BATCH = 256
"""Rows up to which a batch is one chunk."""

SMALLEST_CHUNK = 48
LARGEST_CHUNK = 512

SHARDS = 8
"""Parts, at most, that the rows of a batch are dealt into; their gradients are added in order."""

SMALLEST_SHARD = 64
"""Rows from which a part is worth it."""


def chunk_rows(chain: Chain, space: Space) -> int:
    """How many rows go up and down together: as many as stay in the L2 cache with their inputs, slopes and deltas."""
    numbers = chain.inputs + sum(3 * space.padded(units) for units in chain.units[1:])
    width = numbers * np.dtype(space.dtype).itemsize
    rows = min(max(CHUNK_BYTES // width, SMALLEST_CHUNK), LARGEST_CHUNK)
    return rows // 12 * 12


def shards(chain: Chain, batch: int) -> int:
    """Into how many parts a batch is dealt: 1, 2, 4 or 8.

    Shapes alone decide, so that the number of threads changes no bit. Threads that share every product hand each other
    activations and deltas; threads with parts of their own, only gradients and parameters: worth it where activations
    are many beside parameters.
    """
    most = min(SHARDS, batch // SMALLEST_SHARD, batch * sum(chain.units[1:]) // max(chain.size, 1))
    return 1 << (max(most, 1).bit_length() - 1)
