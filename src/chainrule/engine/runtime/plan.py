"""The plan: a network's forward and backward pass as a table of operations on buffers, made once and run many times.

Each row of a table (an *op*) names a kernel by the address of its machine code, and the buffers and shapes it works
on. Four tables make a training step: what is done once a batch (transposing weights, drawing dropout), what is done
for each chunk of its rows (up, loss, down, gradients), what becomes of the gradients, and the update. Nothing in them
depends on the data but addresses, so they are as good for the millionth batch as for the first.

What each layer adds to the tables stands below, a few functions for each layer.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from chainrule.core.activations import IDENTITY, SOFTMAX, Activation
from chainrule.core.builtin import computes_like, is_builtin
from chainrule.core.layers import BatchNorm, Dense, Dropout, Layer, LayerNorm
from chainrule.core.layers.visit import entry_of
from chainrule.core.losses import ElementwiseLoss
from chainrule.core.unitwise import rows_of
from chainrule.engine.runtime.layout import Layout
from chainrule.engine.runtime.own_kernels import own_activation, own_loss
from chainrule.engine.runtime.table import SPARE_ROWS, Source, Table, Targets, address


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
            source = ops_of(layer).up(self, l, layer, source)
        self.sources.append(source)
        return source

    def padded(self, source: Source) -> Source:
        """The data's rows of the chunk in a padded buffer, if they are not in one."""
        if source.index:
            return source
        width, z = self.space.padded(source.units), self.buffer(source.units)
        self.chunk.add("norms:gather", source.at, z, 0, 0, 0, 0, 0, 0, source.units, width)
        self.sources[-1] = Source(z, width, source.units, address(self.order))
        return self.sources[-1]

    def activation_up(self, row: Activation, z: int, units: int, width: int) -> None:
        """``a = phi(z)`` in the place of z; the slope beside it, in training."""
        if computes_like(row, SOFTMAX):
            self.chunk.add("activations:softmax_up", z, 0, units, width)
            self.slopes.append(0)
            return
        if computes_like(row, IDENTITY):
            self.slopes.append(0)
            return
        slope = self.buffer(units) if self.training else 0
        self.slopes.append(slope)
        rows = rows_of(row)
        for j, part in enumerate(rows):
            first, last = (0, width) if len(rows) == 1 else (j, j + 1)
            if is_builtin(part):
                numbers = self.chunk.reals(*part.parameters.values())
                self.chunk.add(f"activations:{part.name}", z, slope, width, numbers, first, last)
            else:
                last = units if len(rows) == 1 else last
                numbers = self.chunk.reals(*part.parameters.values())
                self.chunk.add(own_activation(part, self.space), z, slope, width, numbers, first, last, name=part.name)

    # ------------------------------------------------------------------ loss
    def loss(self, targets: Targets) -> int:
        """Each row's loss, and dE/dy; with the last layer's slope, if it has one, it is that layer's delta already."""
        loss, y = self.chain.loss, self.sources[-1]
        dy = self.buffer(y.units)
        mean = int(isinstance(loss, ElementwiseLoss) and loss.reduction == "mean")
        numbers = self.chunk.reals(*loss.parameters.values())
        rest = (y.at, dy, targets.t, targets.row_loss, y.units, y.step, numbers, mean, self.slopes[-1])
        if is_builtin(loss):
            self.chunk.add(f"losses:{loss.name}", *rest)
        else:
            self.chunk.add(own_loss(loss, self.space), *rest, name=loss.name)
        return dy

    # ------------------------------------------------------------------ down
    def down(self, dy: int) -> None:
        """Deltas come down from the loss to the lowest layer that is trained."""
        delta = dy
        for l in range(len(self.chain.layers), self.lowest - 1, -1):
            layer = self.chain.layers[l - 1]
            y = self.sources[l]
            if computes_like(layer.activation, SOFTMAX):
                self.chunk.add("activations:softmax_down", y.at, delta, y.units, y.step)
            if l in self.trained:
                ops_of(layer).gradients(self, l, layer, delta)
            if l > self.lowest:
                delta = ops_of(layer).down(self, l, layer, delta)


# -------------------------------------------------------------------------------- dense layers
def _dense_up(b: PassBuilder, l: int, layer: Dense, source: Source) -> Source:
    units, width, z = layer.units, b.space.padded(layer.units), b.buffer(layer.units)
    b.chunk.add(
        "products:up", source.at, source.step, source.index, b.parameter(l, "W"), _bias(b, l, layer), z,
        source.units, width, 0,
    )  # fmt: skip
    b.kept.append(())
    b.activation_up(layer.activation, z, units, width)
    return Source(z, width, units, address(b.order))


def _bias(b: PassBuilder, l: int, layer: Dense) -> int:
    """The address of a bias for each unit."""
    if layer.bias is None:
        return b.nothing
    if layer.bias == "per-unit":
        return b.parameter(l, "b")
    if ("bias", l) not in b.once:
        b.once["bias", l] = address(b.batch.zeros(b.space.padded(layer.units)))
        b.batch.add("products:shared_up", b.parameter(l, "b"), layer.units, b.once["bias", l])
    return b.once["bias", l]


def _dense_gradients(b: PassBuilder, l: int, layer: Dense, delta: int) -> None:
    below, here = b.sources[l - 1], b.sources[l]
    b.chunk.add(
        "products:weights", below.at, below.step, below.index, delta, b.gradient_of(l, "W"),
        b.parameter(l, "W"), below.units, here.step,
    )  # fmt: skip
    if layer.bias == "per-unit":
        b.chunk.add("products:biases", delta, b.gradient_of(l, "b"), b.parameter(l, "b"), here.step)
    elif layer.bias == "shared":
        sums = address(b.chunk.zeros(here.step))
        b.chunk.add("products:biases", delta, sums, b.nothing, here.step)
        b.chunk.add("products:shared_down", 0, layer.units, sums, b.gradient_of(l, "b"))


def _dense_down(b: PassBuilder, l: int, layer: Dense, delta: int) -> int:
    """``delta W'``, times the slope below, in one kernel."""
    below, here = b.sources[l - 1], b.sources[l]
    da = b.buffer(below.units)
    if ("turned", l) not in b.once:
        b.once["turned", l] = address(b.batch.zeros(layer.units * below.step))
        shapes = (below.units, layer.units, here.step, below.step)
        b.batch.add("products:transpose", b.parameter(l, "W"), b.once["turned", l], *shapes)
    turned = b.once["turned", l]
    b.chunk.add(
        "products:up", delta, here.step, address(b.order), turned, b.nothing, da, layer.units, below.step,
        b.slopes[l - 2],
    )  # fmt: skip
    return da


# -------------------------------------------------------------------------------- dropout
def _dropout_up(b: PassBuilder, l: int, layer: Dropout, source: Source) -> Source:
    source = b.padded(source)
    b.slopes.append(0)
    if not b.training or layer.rate == 0:
        b.kept.append(())
        return source
    units, width, z = source.units, source.step, b.buffer(source.units)
    if ("mask", l) not in b.once:
        b.once["mask", l] = address(b.batch.zeros((b.mask_rows + SPARE_ROWS) * width))
        drawing = (b.once["mask", l], b.batch.reals(layer.rate), *b.generator)
        b.batch.add("norms:dropout_draw", 0, 0, *drawing, 0, 0, units, width)
    mask = b.once["mask", l]
    b.chunk.add("norms:dropout", source.at, z, mask, 0, 0, 0, 0, 0, units, width)
    b.kept.append((mask,))
    return Source(z, width, units, address(b.order))


def _dropout_down(b: PassBuilder, l: int, layer: Dropout, delta: int) -> int:
    del layer
    if not b.kept[l - 1]:
        return delta
    below = b.sources[l - 1]
    da = b.buffer(below.units)
    b.chunk.add("norms:dropout", delta, da, b.kept[l - 1][0], 0, 0, 0, 0, 0, below.units, below.step)
    return _times_slope(b, l, da)


def _no_gradients(b: PassBuilder, l: int, layer: Layer, delta: int) -> None:
    del b, l, layer, delta


# -------------------------------------------------------------------------------- normalisations
def _layer_norm_up(b: PassBuilder, l: int, layer: LayerNorm, source: Source) -> Source:
    return _standardised_up(b, l, layer, b.padded(source), "norms:layer_up", (0, 0), 0.0)


def _batch_norm_up(b: PassBuilder, l: int, layer: BatchNorm, source: Source) -> Source:
    kernel = "norms:batch_up" if b.training else "norms:batch_running"
    running = b.parameter(l, "mean"), b.parameter(l, "variance")
    return _standardised_up(b, l, layer, b.padded(source), kernel, running, layer.momentum)


def _standardised_up(
    b: PassBuilder, l: int, layer: LayerNorm | BatchNorm, source: Source, kernel: str, running: tuple[int, int],
    momentum: float,
) -> Source:  # fmt: skip
    units, width = source.units, source.step
    z, xhat, s = b.buffer(units), b.buffer(units), address(b.chunk.zeros(b.height + width))
    numbers = b.chunk.reals(layer.epsilon, momentum)
    gamma, beta = b.parameter(l, "gamma"), b.parameter(l, "beta")
    common = (source.at, z, xhat, s, gamma, beta, *running, units, width, numbers)
    b.chunk.add(kernel, *common)
    b.kept.append(common)
    b.activation_up(layer.activation, z, units, width)
    return Source(z, width, units, address(b.order))


def _standardised_gradients(b: PassBuilder, l: int, layer: LayerNorm | BatchNorm, delta: int) -> None:
    del layer
    gradients = (b.gradient_of(l, "gamma"), b.gradient_of(l, "beta"))
    b.chunk.add("norms:scale_gradients", *b.kept[l - 1], delta, 0, *gradients)


def _layer_norm_down(b: PassBuilder, l: int, layer: LayerNorm, delta: int) -> int:
    del layer
    return _standardised_down(b, l, "norms:layer_down", delta)


def _batch_norm_down(b: PassBuilder, l: int, layer: BatchNorm, delta: int) -> int:
    del layer
    return _standardised_down(b, l, "norms:batch_down", delta)


def _standardised_down(b: PassBuilder, l: int, kernel: str, delta: int) -> int:
    da = b.buffer(b.sources[l - 1].units)
    b.chunk.add(kernel, *b.kept[l - 1], delta, da)
    return _times_slope(b, l, da)


def _times_slope(b: PassBuilder, l: int, da: int) -> int:
    """``dE/da`` of the layer below, times its slope where it has one."""
    if slope := b.slopes[l - 2]:
        b.chunk.add("activations:down", da, slope, b.sources[l - 1].step)
    return da


# -------------------------------------------------------------------------------- the table
class LayerOps(NamedTuple):
    """How a layer's passes become ops; called with the builder, the layer's number and the layer.

    Attributes:
        up: from the activations below to the layer's; adds to ``slopes`` and ``kept``.
        gradients: the layer's gradients from its delta.
        down: the delta of the layer below from the layer's.
    """

    up: Callable[..., Source]
    gradients: Callable[..., None]
    down: Callable[..., int]


LAYER_OPS: Mapping[type[Layer], LayerOps] = {
    Dense: LayerOps(_dense_up, _dense_gradients, _dense_down),
    Dropout: LayerOps(_dropout_up, _no_gradients, _dropout_down),
    LayerNorm: LayerOps(_layer_norm_up, _standardised_gradients, _layer_norm_down),
    BatchNorm: LayerOps(_batch_norm_up, _standardised_gradients, _batch_norm_down),
}
"""By layer; ``chainrule.engine.support`` lists the same layers without importing kernels."""


def ops_of(layer: Layer) -> LayerOps:
    """The layer's row of the table."""
    return entry_of(LAYER_OPS, layer, "be compiled")
