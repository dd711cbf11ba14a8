"""The plan: a network's forward and backward pass as a table of operations on buffers, made once and run many times.

Each row of a table (an *op*) names a kernel by the address of its machine code, and the buffers and shapes it works
on. Four tables make a training step: what is done once a batch (transposing weights, drawing dropout), what is done
for each chunk of its rows (up, loss, down, gradients), what becomes of the gradients, and the update. Nothing in them
depends on the data but addresses, so they are as good for the millionth batch as for the first.

Printing a plan shows it as a listing.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from chainrule.core.activations import Activation, ElementwiseActivation
from chainrule.core.arrays import Array
from chainrule.core.format import text_table
from chainrule.core.layers import BatchNorm, Dense, Dropout, Layer
from chainrule.core.layers.normalization import Normalization
from chainrule.core.losses import ElementwiseLoss
from chainrule.engine import support
from chainrule.engine.compiler import kernel_cache
from chainrule.engine.compiler.target import Space, aligned
from chainrule.engine.memory import INSTRUCTION_WORDS
from chainrule.engine.runtime.layout import Layout
from chainrule.errors import CompileError

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


@dataclass
class PassBuilder:
    """Builds the ops of one pass over a chunk of rows, in buffers of its user_functions."""

    layout: Layout
    memory: int  # address of the parameters
    rows: int  # of the largest chunk
    batch: Table  # what is done once a batch
    chunk: Table
    training: bool = False
    gradient: int = 0  # address of the gradients, or of this shard's
    mask_rows: int = 0  # of the largest batch, for dropout
    generator: tuple[int, int] = (0, 0)  # addresses: next_uint32 and its state, for dropout
    once: dict[tuple[str, int], int] = field(default_factory=dict)  # buffers that all shards share, by use and layer

    def __post_init__(self) -> None:
        chain, space = self.layout.chain, self.layout.space
        self.chain, self.space = chain, space
        self.height = self.rows + SPARE_ROWS
        self.order = np.arange(self.height, dtype=np.int64)
        self.chunk.kept.append(self.order)
        self.sources: list[Source] = []
        self.slopes: list[int] = []
        self.kept: list[tuple[int, ...]] = []
        size = np.dtype(space.dtype).itemsize
        self.places = {
            (slot.layer, slot.key): size * start for slot, start in zip(chain.slots, self.layout.starts, strict=True)
        } | {key: size * start for key, start in self.layout.state_starts.items()}
        self.nothing = address(self.chunk.zeros(space.padded(max(chain.units)) + space.lanes))
        self.trained = [
            l
            for l, layer in enumerate(chain.layers, start=1)
            if layer.trainable and any(s.layer == l for s in chain.slots)
        ]
        self.lowest = min(self.trained, default=len(chain.layers) + 1)

    # ------------------------------------------------------------------ places
    def parameter(self, l: int, key: str) -> int:
        """The address of a parameter, or of running statistics."""
        return self.memory + self.places[l, key]

    def gradient_of(self, l: int, key: str) -> int:
        """The address of a parameter's gradient."""
        return self.gradient + self.places[l, key]

    def buffer(self, units: int) -> int:
        """A matrix of a row for each row of the chunk."""
        return address(self.chunk.zeros(self.height * self.space.padded(units)))

    # ------------------------------------------------------------------ up
    def up(self, x: int) -> Source:
        """Values go up from the data at ``x``; the outputs."""
        source = Source(x, self.chain.inputs, self.chain.inputs, 0)
        for l, layer in enumerate(self.chain.layers, start=1):
            self.sources.append(source)
            if isinstance(layer, Dense):
                source = self._dense_up(l, layer, source)
            else:
                source = self._other_up(l, layer, self._padded(source))
        self.sources.append(source)
        return source

    def _padded(self, source: Source) -> Source:
        """The data's rows of the chunk in a padded buffer, if they are not in one."""
        if source.index:
            return source
        width, z = self.space.padded(source.units), self.buffer(source.units)
        self.chunk.add("norms:gather", source.at, z, 0, 0, 0, 0, 0, 0, source.units, width)
        self.sources[-1] = Source(z, width, source.units, address(self.order))
        return self.sources[-1]

    def _dense_up(self, l: int, layer: Dense, source: Source) -> Source:
        units, width, z = layer.units, self.space.padded(layer.units), self.buffer(layer.units)
        self.chunk.add(
            "products:up", source.at, source.step, source.index, self.parameter(l, "W"), self._bias(l, layer), z,
            source.units, width, 0,
        )  # fmt: skip
        self.kept.append(())
        self.activation_up(layer.activation, z, units, width)
        return Source(z, width, units, address(self.order))

    def _bias(self, l: int, layer: Dense) -> int:
        """The address of a bias for each unit."""
        if layer.bias is None:
            return self.nothing
        if layer.bias == "per-unit":
            return self.parameter(l, "b")
        if ("bias", l) not in self.once:
            self.once["bias", l] = address(self.batch.zeros(self.space.padded(layer.units)))
            self.batch.add("products:shared_up", self.parameter(l, "b"), layer.units, self.once["bias", l])
        return self.once["bias", l]

    def activation_up(self, row: Activation, z: int, units: int, width: int) -> None:
        """``a = phi(z)`` in the place of z; the slope beside it, in training."""
        if row.name == "softmax" and support.is_builtin_activation(row):
            self.chunk.add("activations:softmax_up", z, 0, units, width)
            self.slopes.append(0)
            return
        if row.name == "identity" and support.is_builtin_activation(row):
            self.slopes.append(0)
            return
        slope = self.buffer(units) if self.training else 0
        self.slopes.append(slope)
        rows = support.parts(row)
        for j, part in enumerate(rows):
            first, last = (0, width) if len(rows) == 1 else (j, j + 1)
            if support.is_builtin_activation(part):
                numbers = self.chunk.reals(*part.parameters.values())
                self.chunk.add(f"activations:{part.name}", z, slope, width, numbers, first, last)
            else:
                last = units if len(rows) == 1 else last
                numbers = self.chunk.reals(*part.parameters.values())
                self.chunk.add(_own_activation(part, self.space), z, slope, width, numbers, first, last, name=part.name)

    def _other_up(self, l: int, layer: Layer, source: Source) -> Source:
        units, width = source.units, source.step
        if isinstance(layer, Dropout):
            self.slopes.append(0)
            if not self.training or layer.rate == 0:
                self.kept.append(())
                return source
            return self._dropout_up(l, layer, source)
        assert isinstance(layer, Normalization)
        z, xhat, s = self.buffer(units), self.buffer(units), address(self.chunk.zeros(self.height + width))
        moving = isinstance(layer, BatchNorm)
        means = [self.parameter(l, key) for key in ("mean", "variance")] if moving else [0, 0]
        numbers = self.chunk.reals(layer.epsilon, getattr(layer, "momentum", 0.0))
        kernel = "norms:layer_up" if not moving else "norms:batch_up" if self.training else "norms:batch_running"
        gamma = self.parameter(l, "gamma")
        common = (source.at, z, xhat, s, gamma, self.parameter(l, "beta"), *means, units, width, numbers)
        self.chunk.add(kernel, *common)
        self.kept.append(common)
        self.activation_up(layer.activation, z, units, width)
        return Source(z, width, units, address(self.order))

    def _dropout_up(self, l: int, layer: Dropout, source: Source) -> Source:
        units, width, z = source.units, source.step, self.buffer(source.units)
        if ("mask", l) not in self.once:
            self.once["mask", l] = address(self.batch.zeros((self.mask_rows + SPARE_ROWS) * width))
            drawing = (self.once["mask", l], self.batch.reals(layer.rate), *self.generator)
            self.batch.add("norms:dropout_draw", 0, 0, *drawing, 0, 0, units, width)
        mask = self.once["mask", l]
        self.chunk.add("norms:dropout", source.at, z, mask, 0, 0, 0, 0, 0, units, width)
        self.kept.append((mask,))
        return Source(z, width, units, address(self.order))

    # ------------------------------------------------------------------ loss
    def loss(self, targets: Targets) -> int:
        """Each row's loss, and dE/dy; with the last layer's slope, if it has one, it is that layer's delta already."""
        loss, y = self.chain.loss, self.sources[-1]
        dy = self.buffer(y.units)
        mean = int(isinstance(loss, ElementwiseLoss) and loss.reduction == "mean")
        numbers = self.chunk.reals(*loss.parameters.values())
        rest = (y.at, dy, targets.t, targets.row_loss, y.units, y.step, numbers, mean, self.slopes[-1])
        if support.is_builtin_loss(loss):
            self.chunk.add(f"losses:{loss.name}", *rest)
        else:
            self.chunk.add(_own_loss(loss, self.space), *rest, name=loss.name)
        return dy

    # ------------------------------------------------------------------ down
    def down(self, dy: int) -> None:
        """Deltas come down from the loss to the lowest layer that is trained."""
        delta = dy
        for l in range(len(self.chain.layers), self.lowest - 1, -1):
            layer = self.chain.layers[l - 1]
            y = self.sources[l]
            row = getattr(layer, "activation", None)
            if row is not None and row.name == "softmax":
                self.chunk.add("activations:softmax_down", y.at, delta, y.units, y.step)
            if l in self.trained:
                self._gradients(l, layer, delta)
            if l > self.lowest:
                delta = self._below(l, layer, delta)

    def _gradients(self, l: int, layer: Layer, delta: int) -> None:
        below, here = self.sources[l - 1], self.sources[l]
        if isinstance(layer, Dense):
            self.chunk.add(
                "products:weights", below.at, below.step, below.index, delta, self.gradient_of(l, "W"),
                self.parameter(l, "W"), below.units, here.step,
            )  # fmt: skip
            if layer.bias == "per-unit":
                self.chunk.add("products:biases", delta, self.gradient_of(l, "b"), self.parameter(l, "b"), here.step)
            elif layer.bias == "shared":
                sums = address(self.chunk.zeros(here.step))
                self.chunk.add("products:biases", delta, sums, self.nothing, here.step)
                self.chunk.add("products:shared_down", 0, layer.units, sums, self.gradient_of(l, "b"))
        else:
            gradients = (self.gradient_of(l, "gamma"), self.gradient_of(l, "beta"))
            self.chunk.add("norms:scale_gradients", *self.kept[l - 1], delta, 0, *gradients)

    def _below(self, l: int, layer: Layer, delta: int) -> int:
        """``dE/da`` of the layer below, times its slope where it has one: its delta."""
        below, here = self.sources[l - 1], self.sources[l]
        if isinstance(layer, Dropout) and not self.kept[l - 1]:
            return delta
        slope = self.slopes[l - 2]
        da = self.buffer(below.units)
        if isinstance(layer, Dense):
            if ("turned", l) not in self.once:
                self.once["turned", l] = address(self.batch.zeros(layer.units * below.step))
                shapes = (below.units, layer.units, here.step, below.step)
                self.batch.add("products:transpose", self.parameter(l, "W"), self.once["turned", l], *shapes)
            turned = self.once["turned", l]
            self.chunk.add(
                "products:up", delta, here.step, address(self.order), turned, self.nothing, da, layer.units, below.step,
                slope,
            )  # fmt: skip
            return da
        if isinstance(layer, Dropout):
            self.chunk.add("norms:dropout", delta, da, self.kept[l - 1][0], 0, 0, 0, 0, 0, below.units, below.step)
        else:
            kernel = "norms:batch_down" if isinstance(layer, BatchNorm) else "norms:layer_down"
            self.chunk.add(kernel, *self.kept[l - 1], delta, da)
        if slope:
            self.chunk.add("activations:down", da, slope, below.step)
        return da


def _own_activation(row: Activation, space: Space) -> int:
    """The address of the kernel of somebody's own activation."""
    from chainrule.engine.compiler import user_functions  # noqa: PLC0415 - Numba only to compile
    from chainrule.engine.kernels.activations import elementwise  # noqa: PLC0415 - as above

    assert isinstance(row, ElementwiseActivation)
    key = (row.phi, row.phi_prime, tuple(row.parameters))
    return _own(key, space, f"the activation {row.name}", lambda: elementwise(user_functions.activation(*key)))


def _own_loss(loss: Any, space: Space) -> int:
    """The address of the kernel of somebody's own loss."""
    from chainrule.engine.compiler import user_functions  # noqa: PLC0415 - Numba only to compile
    from chainrule.engine.kernels.losses import elementwise  # noqa: PLC0415 - as above

    key = (loss.term, loss.term_prime, tuple(loss.parameters))
    return _own(key, space, f"the loss {loss.name}", lambda: elementwise(user_functions.loss(*key)))


_owned: dict[tuple[Any, ...], int] = {}


def _own(key: tuple[Any, ...], space: Space, name: str, make: Callable[[], Any]) -> int:
    """The address of a kernel made for this process.

    Raises:
        CompileError: Numba cannot compile the function; says why.
    """
    if (key, space) not in _owned:
        from numba.core.errors import NumbaError  # noqa: PLC0415 - Numba only to compile

        try:
            _owned[key, space] = kernel_cache.own_kernel(make(), space)
        except NumbaError as error:
            raise CompileError(f"{name} cannot be compiled: {_reason(error)}. Use engine='reference'.") from error
    return _owned[key, space]


def _reason(error: Exception) -> str:
    """The line of Numba's message that tells what it could not do."""
    lines = [line.strip() for line in str(error).splitlines()]
    telling = [line for line in lines if line and not line.startswith(("Failed in", "During", "File", "<source", "^"))]
    return (telling[0] if telling else type(error).__name__).rstrip(".:")


def stacked(tables: Sequence[Table]) -> Array:
    """The tables of all shards, one behind the other, shape (shards, ops, OP_WORDS)."""
    return np.stack([table.array() for table in tables])
