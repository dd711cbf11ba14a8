"""The positions of everything in a network's picture: plain data, no Matplotlib.

Lengths are in units of the picture; the middle of each column of units is at height 0.
"""

import re
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.activations import IDENTITY
from chainrule.core.arrays import Array
from chainrule.core.builtin import computes_like
from chainrule.core.layers import BatchNorm, Dense, Dropout, Layer, LayerNorm, Record, Run, Scale
from chainrule.core.model import Model

RADIUS, RING = 0.33, 0.41  # of a unit's circle, and of the ring around it that shows its bias
TITLE, NAME, VALUE, LABEL, SMALL = 0.2, 0.17, 0.17, 0.16, 0.15  # sizes of text

MOST_UNITS = 12
"""Of a layer with more units, the first and the last half of so many are drawn."""

MOST_NUMBERS = 12
"""A network with more weights does not have their numbers written on it."""

_LINE = 1.35  # from one line of text to the next, as a multiple of its size
_LETTER = 0.58  # the width of a letter, likewise
_JOINED = 1.75  # from column to column where units are joined one to one
_MARGIN = 1.15  # beside the first and the last column: room for x_0, y_0 and half a title

Point = tuple[float, float]


@dataclass(frozen=True)
class Unit:
    """A unit that is drawn.

    Attributes:
        number: which of its layer.
        at: its middle.
        value: its activation, if a row is shown.
        bias: its bias, if it has one.
        bias_at: the middle of its bias's number, if that is written.
    """

    number: int
    at: Point
    value: float | None
    bias: float | None
    bias_at: Point | None


@dataclass(frozen=True)
class Column:
    """A layer.

    Attributes:
        layer: its number; 0 are the inputs.
        title: what stands above it.
        name: what it does, line by line; stands below the title.
        notes: what stands below it, line by line.
        x: where it stands.
        units: those that are drawn.
        gap: where dots stand for the units left out; None if there are none.
    """

    layer: int
    title: str
    name: tuple[str, ...]
    notes: tuple[str, ...]
    x: float
    units: tuple[Unit, ...]
    gap: Point | None


@dataclass(frozen=True)
class Link:
    """A line from unit ``below`` to unit ``above`` of layer ``layer``; without a weight it joins one to one."""

    layer: int
    below: int
    above: int
    start: Point
    end: Point
    weight: float | None


@dataclass(frozen=True)
class Layout:
    """A network's picture as plain data.

    Attributes:
        columns: from the inputs to the outputs.
        links: joins, and the weights that exist, between units that are drawn.
        largest: the size of the largest weight or bias drawn, by which widths are measured.
        numbered: whether the network is small enough to write its weights and biases on it.
        left, right, bottom, top: the picture's edges.
        head: titles stand on this height, names hang from it.
        foot: notes hang from this height.
        key: the middle of the key.
    """

    columns: tuple[Column, ...]
    links: tuple[Link, ...]
    largest: float
    numbered: bool
    left: float
    right: float
    bottom: float
    top: float
    head: float
    foot: float
    key: float


def layout(model: Model, row: Array | None = None) -> Layout:
    """Places for a network's units, weights and words.

    Args:
        model: the network.
        row: inputs (inputs,), to show their values and those of all activations; None shows none.
    """
    wirings = [
        _wiring(layer, model.parameters.of_layer(l), below)
        for l, (layer, below) in enumerate(zip(model.chain.layers, model.chain.units, strict=False), start=1)
    ]
    numbered = sum(int(wiring.exists.sum()) for wiring in wirings if wiring.weights is not None) <= MOST_NUMBERS
    slots = max(len(_shown(count)) + (count > MOST_UNITS) for count in model.chain.units)
    spacing = min(max(5 / slots, 1.2 if numbered else 0.95), 1.4)
    height = (slots - 1) * spacing
    dense = min(max(0.36 * height, 2.4), 4.8)
    pitches = [_JOINED if wiring.weights is None else dense for wiring in wirings]
    columns = _columns(model, row, pitches, spacing, numbered)
    links = tuple(
        link for l, wiring in enumerate(wirings, start=1) for link in _links(columns[l - 1], columns[l], wiring)
    )

    edge = height / 2 + RING + 0.32  # leaves room for a bias below the lowest unit
    head = edge + _LINE * NAME * max(len(column.name) for column in columns)
    key = -edge - _LINE * SMALL * max(len(column.notes) for column in columns) - 0.25
    return Layout(
        columns,
        links,
        _largest(columns, links),
        numbered,
        left=-_MARGIN,
        right=columns[-1].x + _MARGIN,
        bottom=key - 0.5,
        top=head + 0.45,
        head=head,
        foot=-edge,
        key=key,
    )


def short(value: float) -> str:
    """At most three significant digits: ``0.123``, ``−2``, ``1.2e−5``."""
    text = f"{value + 0.0:.{3 if abs(value) >= 0.1 else 2}g}"  # + 0.0 makes -0 a plain 0
    if "e" in text or 0 < abs(value) < 0.001:
        mantissa, exponent = f"{value:.1e}".split("e")
        text = f"{mantissa}e{int(exponent)}"
    return text.replace("-", "−")


# -------------------------------------------------------------------------------- lines
@dataclass(frozen=True)
class _Wiring:
    """Which units a layer connects (units below, units), and its weights if it has any."""

    exists: Array
    weights: Array | None


def _wiring(layer: Layer, p: Record, below: int) -> _Wiring:
    """All to all or by the mask where there are weights, else one to one."""
    if "W" not in p:
        return _Wiring(np.eye(below, dtype=bool), None)
    return _Wiring(np.ones(p["W"].shape, dtype=bool) if layer.mask is None else layer.mask > 0, p["W"])


def _links(below: Column, above: Column, wiring: _Wiring) -> Iterator[Link]:
    for a in below.units:
        for b in above.units:
            if wiring.exists[a.number, b.number]:
                weight = None if wiring.weights is None else float(wiring.weights[a.number, b.number])
                yield Link(above.layer, a.number, b.number, a.at, b.at, weight)


def _largest(columns: Sequence[Column], links: Sequence[Link]) -> float:
    numbers = [link.weight for link in links]
    numbers += [unit.bias for column in columns for unit in column.units]
    return max((abs(number) for number in numbers if number is not None and np.isfinite(number)), default=0.0)


# -------------------------------------------------------------------------------- columns
def _columns(
    model: Model, row: Array | None, pitches: Sequence[float], spacing: float, numbered: bool
) -> tuple[Column, ...]:
    """A column for the inputs and for each layer, ``pitches`` apart."""
    values = _values(model, row)
    columns = []
    for l, (count, x) in enumerate(zip(model.chain.units, [0.0, *np.cumsum(pitches).tolist()], strict=True)):
        b = model.parameters.of_layer(l).get("b") if l else None
        shared = b is not None and b.shape == ()
        heights, gap = _heights(count, spacing)
        units = tuple(
            Unit(
                j,
                (x, y),
                None if values is None else float(values[l][j]),
                None if b is None else float(b if shared else b[j]),
                None if b is None or shared or not numbered else (x, y - RING - SMALL),
            )
            for j, y in zip(_shown(count), heights, strict=True)
        )
        notes = [f"{count} units, {MOST_UNITS} shown"] if gap is not None else []
        notes += [f"shared bias {short(float(b))}"] if b is not None and shared else []
        room = min([*pitches[max(l - 1, 0) : l + 1], 2 * _MARGIN]) - 0.15
        columns.append(
            Column(
                l,
                f"layer {l}" if l else "input",
                _wrapped([_name(model.chain.layers[l - 1])] if l else [], room, NAME),
                _wrapped(notes, room, SMALL),
                x,
                units,
                None if gap is None else (x, gap),
            )
        )
    return tuple(columns)


def _values(model: Model, row: Array | None) -> list[Array] | None:
    """``a0 = x, a1, ..., aL = y`` of one row, as a prediction computes them."""
    if row is None:
        return None
    with np.errstate(all="ignore"):  # a network that has gone wrong is drawn too
        records = maths.forward(model.chain, model.parameters, row[None, :], Run(state=model.state))
    return [row, *(record["a"][0] for record in records)]


def _shown(count: int) -> list[int]:
    """The numbers of the units that are drawn."""
    half = MOST_UNITS // 2
    return list(range(count)) if count <= MOST_UNITS else [*range(half), *range(count - half, count)]


def _heights(count: int, spacing: float) -> tuple[list[float], float | None]:
    """The heights of the units drawn, from the top, and of the gap among them if some are left out."""
    slots = len(_shown(count)) + (count > MOST_UNITS)
    heights = [((slots - 1) / 2 - k) * spacing for k in range(slots)]
    return heights, heights.pop(MOST_UNITS // 2) if count > MOST_UNITS else None


def _dense_name(layer: Dense) -> str:
    return layer.activation.name


def _dropout_name(layer: Dropout) -> str:
    return f"dropout {layer.rate:g}"


def _class_name(layer: Layer) -> str:
    """``layer norm, relu``: the class's name in words, and the activation if it has one."""
    kind = re.sub(r"(?<!^)(?=[A-Z])", " ", type(layer).__name__).lower()
    return kind if computes_like(layer.activation, IDENTITY) else f"{kind}, {layer.activation.name}"


LAYER_NAMES: Mapping[type[Layer], Callable[..., str]] = {
    Dense: _dense_name,
    Dropout: _dropout_name,
    LayerNorm: _class_name,
    BatchNorm: _class_name,
    Scale: _class_name,
}
"""What stands above each column, by layer; above a user-defined layer, its class's name."""


def _name(layer: Layer) -> str:
    return LAYER_NAMES.get(type(layer), _class_name)(layer)


def _wrapped(texts: Sequence[str], room: float, size: float) -> tuple[str, ...]:
    """Texts broken into lines that fit."""
    letters = int(room / (_LETTER * size))
    return tuple(line for text in texts for line in textwrap.wrap(text, letters))
