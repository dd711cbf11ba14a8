"""What kernels are made for: a dtype, and how many of its numbers the processor takes at once.

A matrix W (K, M) lies in memory in *panels* of ``panel`` columns, each panel row by row, so that a kernel reads it
straight through; M is padded with zeros to whole lanes, and the last panel may be narrower than the others. Element
(k, m) of panel ``p = m // panel``, which is ``w`` columns wide, lies at ``p panel K + k w + (m - p panel)``.
"""

import os
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.engine.compiler.interrupts import uninterrupted

CACHE_LINE = 64
"""Bytes; where buffers begin, so that no vector straddles two lines."""


@dataclass(frozen=True)
class Space:
    """A dtype with the shapes of its tiles.

    Attributes:
        dtype: ``"float32"`` or ``"float64"``.
        lanes: numbers in one vector register.
        columns: vectors that lie side by side in a tile of accumulators.
        rows: rows of that tile.
    """

    dtype: str
    lanes: int
    columns: int
    rows: int

    @cached_property
    def panel(self) -> int:
        """Columns of a panel."""
        return self.lanes * self.columns

    def padded(self, units: int) -> int:
        """Units rounded up to whole lanes."""
        return -(-units // self.lanes) * self.lanes

    def zeros(self, size: int) -> Array:
        """A buffer that begins at a cache line."""
        return aligned(size, np.dtype(self.dtype))

    def places(self, rows: int, columns: int) -> Array:
        """Where each element of a (rows, columns) matrix lies in its panels, shape (rows, columns)."""
        k, m = np.arange(rows)[:, None], np.arange(columns)[None, :]
        first = m // self.panel * self.panel
        width = np.minimum(self.padded(columns) - first, self.panel)
        return first * rows + k * width + (m - first)


def aligned(size: int, dtype: np.dtype[Any]) -> Array:
    """Zeros that begin at a cache line."""
    spare = CACHE_LINE // dtype.itemsize
    raw = np.zeros(size + spare, dtype)
    start = (-raw.ctypes.data % CACHE_LINE) // dtype.itemsize
    return raw[start : start + size]


@cache
def processor() -> tuple[str, str]:
    """The processor's name and features as LLVM calls them; ``NUMBA_CPU_NAME`` overrules, as it does for Numba."""
    with uninterrupted():
        import llvmlite.binding as llvm  # noqa: PLC0415 - fetched only by those who run compiled code

    name = os.environ.get("NUMBA_CPU_NAME")
    if name and name != "host":
        return name, os.environ.get("NUMBA_CPU_FEATURES", "")
    return llvm.get_host_cpu_name(), os.environ.get("NUMBA_CPU_FEATURES") or llvm.get_host_cpu_features().flatten()


@cache
def space(dtype: str) -> Space:
    """The space for a dtype on this processor.

    32 registers of 512 bits (AVX-512) or 128 (NEON) hold a tile of 6 x 4 vectors and what it is made from, 16 of 256
    (AVX2) or 128 bits one of 6 x 2.
    """
    name, features = processor()
    if "+avx512f" in features:
        size, columns = 64, 4
    elif "+avx2" in features:
        size, columns = 32, 2
    elif "+neon" in features or "apple" in name:
        size, columns = 16, 4
    else:
        size, columns = 16, 2
    return Space(dtype, size // np.dtype(dtype).itemsize, columns, 6)
