"""Tables of operations on buffers: which kernel runs, and what it reads and writes.

Each row of a table (an *op*) names a kernel by the address of its machine code, and the buffers and shapes it works
on. Printing a table shows it as a listing.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import text_table
from chainrule.engine.compiler import kernel_cache
from chainrule.engine.compiler.target import Space, aligned
from chainrule.engine.memory import INSTRUCTION_WORDS

SPARE_ROWS = 8
"""Rows that buffers have beyond those that are asked for."""


def address(array: Array) -> int:
    """Where an array's numbers begin."""
    return array.ctypes.data


@dataclass
class Table:
    """Ops in the order in which they run; what they point to is kept alive."""

    space: Space
    ops: list[list[int]] = field(default_factory=list)
    names: list[str] = field(default_factory=list)
    kept: list[Any] = field(default_factory=list)

    def add(self, kernel: str | int, *rest: int, name: str = "") -> None:
        """One more op: its kernel by name or address, and its words."""
        at = kernel_cache.kernel(kernel, self.space) if isinstance(kernel, str) else kernel
        self.ops.append([at, *rest, *[0] * (INSTRUCTION_WORDS - 1 - len(rest))])
        self.names.append(name or str(kernel))

    def zeros(self, size: int) -> Array:
        """A buffer of the space's dtype."""
        self.kept.append(self.space.zeros(size))
        return self.kept[-1]

    def reals(self, *numbers: float) -> int:
        """The address of a few float64 numbers."""
        values = aligned(max(len(numbers), 2), np.dtype("float64"))
        values[: len(numbers)] = numbers
        self.kept.append(values)
        return address(values)

    def array(self) -> Array:
        """The table as words, shape (ops, OP_WORDS)."""
        return np.array(self.ops, np.int64).reshape(len(self.ops), INSTRUCTION_WORDS)

    def __str__(self) -> str:
        rows = [
            [str(k), name, *map(str, op[1:10])] for k, (name, op) in enumerate(zip(self.names, self.ops, strict=True))
        ]
        return text_table(["op", "kernel", *[f"word {k}" for k in range(1, 10)]], rows)


@dataclass(frozen=True)
class Source:
    """Activations to be read: where, how far apart rows lie, how many units, and by which row numbers.

    ``index`` is the address of an array of row numbers; 0 means those of the chunk.
    """

    at: int
    step: int
    units: int
    index: int


@dataclass(frozen=True)
class Targets:
    """What a loss needs: targets, and where each row's loss goes."""

    t: int
    row_loss: int


def stacked(tables: Sequence[Table]) -> Array:
    """The tables of all shards, one behind the other, shape (shards, ops, OP_WORDS)."""
    return np.stack([table.array() for table in tables])
