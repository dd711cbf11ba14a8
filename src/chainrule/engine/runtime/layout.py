"""Where parameters lie in the engine's memory: weights in panels, everything padded to whole lanes."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.chain import Chain
from chainrule.core.layers import Record
from chainrule.engine.compiler.target import Space


@dataclass(frozen=True, eq=False)
class Layout:
    """The engine's flat vector for a chain.

    Attributes:
        starts: where each slot of the chain begins.
        state_starts: by layer and key, where running statistics begin; behind all parameters.
        places: for each number of the chain's own flat vector, where it lies here, shape (P,).
        wired: which numbers of the chain's vector exist (weights that a mask takes away are 0 here), shape (P,).
        free: which of them training may change, shape (P,).
        length: numbers that gradients and moments have, padding included.
        size: all numbers, running statistics included.
        all_free, masked: whether training may change all of them, and whether some do not exist.
    """

    chain: Chain
    space: Space
    starts: tuple[int, ...]
    state_starts: dict[tuple[int, str], int]
    places: Array
    wired: Array
    free: Array
    length: int
    size: int
    all_free: bool
    masked: bool

    def pack(self, vector: Array, state: tuple[Record, ...], memory: Array) -> None:
        """Write a chain's numbers into the engine's vector."""
        for slot, places in zip(self.chain.slots, self._panels(memory), strict=True):
            values, wired = slot.view(vector), slot.view(self.wired)
            for (first, last), place in places:
                place[...] = values[..., first:last] if values.ndim else values
                if self.masked and values.ndim:
                    place[~wired[..., first:last]] = 0
        for (l, key), start in self.state_starts.items():
            values = state[l - 1][key]
            memory[start : start + len(values)] = values

    def unpack(self, memory: Array, vector: Array, state: tuple[Record, ...]) -> tuple[Record, ...]:
        """Copy the free parameters back into the chain's vector; return the running statistics."""
        self.flatten(memory, vector, self.free)
        return self.states(memory, state)

    def flatten(self, memory: Array, vector: Array, where: Array | None = None) -> Array:
        """An engine's vector in the chain's order, written into ``vector`` (only where ``where`` is true, if given)."""
        for slot, places in zip(self.chain.slots, self._panels(memory), strict=True):
            values = slot.view(vector)
            for (first, last), place in places:
                to = values[..., first:last] if values.ndim else values
                if where is None or self.all_free:
                    to[...] = place
                else:
                    kept = slot.view(where)
                    np.copyto(to, place, where=kept[..., first:last] if values.ndim else kept)
        return vector

    def _panels(self, memory: Array) -> Iterator[list[tuple[tuple[int, int], Array]]]:
        """By slot, the columns of each panel and the panel itself, padding left out."""
        for slot, start in zip(self.chain.slots, self.starts, strict=True):
            if len(slot.shape) < 2:
                count = slot.stop - slot.start
                yield [((0, count), memory[start : start + count].reshape(slot.shape))]
                continue
            rows, columns = slot.shape
            panels = []
            for first in range(0, columns, self.space.panel):
                wide = min(self.space.padded(columns) - first, self.space.panel)
                last = min(first + wide, columns)
                begin = start + first * rows
                panels.append(
                    ((first, last), memory[begin : begin + rows * wide].reshape(rows, wide)[:, : last - first])
                )
            yield panels

    def states(self, memory: Array, state: tuple[Record, ...]) -> tuple[Record, ...]:
        """The running statistics, as the layers keep them."""
        kept = [dict(record) for record in state]
        for (l, key), start in self.state_starts.items():
            kept[l - 1][key] = memory[start : start + len(kept[l - 1][key])].copy()
        return tuple(kept)

    def spread(self, values: Array) -> Array:
        """A number for each parameter as an engine's vector; the padding is 0."""
        memory = self.space.zeros(self.length)
        memory[self.places] = values
        return memory


def layout(chain: Chain, space: Space) -> Layout:
    """Each parameter given its place."""
    starts, places, here = [], [], 0
    for slot in chain.slots:
        starts.append(here)
        if len(slot.shape) == 2:
            inside, size = space.places(*slot.shape).ravel(), slot.shape[0] * space.padded(slot.shape[1])
        else:
            count = slot.stop - slot.start
            inside, size = np.arange(count), space.padded(count)
        places.append(here + inside)
        here += size
    length, states = here, {}
    for l, layer in enumerate(chain.layers, start=1):
        for key, values in layer.initial_state(chain.units[l - 1], chain.dtype).items():
            states[l, key] = here
            here += space.padded(len(values))
    nowhere, wired, free = np.zeros(0, np.int64), _wired(chain), maths.free_entries(chain)
    return Layout(
        chain, space, tuple(starts), states, np.concatenate([nowhere, *places]), wired, free, length, here,
        bool(free.all()), not wired.all(),
    )  # fmt: skip


def _wired(chain: Chain) -> Array:
    """Which numbers exist: not those that a mask takes away."""
    there = np.ones(chain.size, bool)
    for slot in chain.slots:
        layer = chain.layers[slot.layer - 1]
        if slot.key == "W" and layer.mask is not None:
            slot.view(there)[...] = layer.mask > 0
    return there
