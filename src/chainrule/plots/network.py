"""The picture of a network: units as circles, weights as lines."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, final

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.patches import Circle

from chainrule.core.inputs import as_inputs
from chainrule.core.model import Model
from chainrule.errors import InputError
from chainrule.plots.label_places import label_places
from chainrule.plots.layout import (
    LABEL,
    NAME,
    RADIUS,
    RING,
    SMALL,
    TITLE,
    VALUE,
    Column,
    Layout,
    Link,
    Point,
    Unit,
    layout,
    short,
)
from chainrule.plots.style import BLUE, INK, MUTED, PAPER, VERMILION, Colour, new_axes, text_width, tint

_THINNEST, _WIDEST = 0.008, 0.085  # lines, in units of the picture
_OUTLINE = "#999999"
_BEHIND = {"facecolor": PAPER, "edgecolor": "none", "boxstyle": "square,pad=0.1"}  # numbers that lines pass
_UNIT = 0.75  # inches; less where the picture would become larger than:
_MOST_WIDTH, _MOST_HEIGHT = 16.0, 8.0


def plot_network(model: Model, x: Any = None, *, ax: Axes | None = None) -> Axes:
    """Draw a network: a column of units for each layer, inputs on the left, a line for each weight.

    Blue is positive, vermilion negative; the wider, the larger, on one scale for weights (lines) and biases (rings of
    the units), which the key shows. Weights that a mask leaves out are not drawn. Dropout and normalisation are joined
    to the layer below one to one, in grey. Of a layer of more than 12 units the first and the last 6 are drawn. A
    network of at most 12 weights has its weights and biases written on it.

    Args:
        model: the network's chain and numbers: ``net.model``.
        x: rows (N, inputs). The values of the first, as a prediction computes them, are written into the units and
            colour them: the deeper, the larger, compared with 1 or with the layer's largest.
        ax: what to draw on, meant to be light; None makes a figure.

    Returns:
        The axes it was drawn on. Artists are named (``get_gid``): ``"W1"`` are the lines of layer 1's weights, weakest
        first, ``"join2"`` those of layer 2 without weights, ``"a1[0]"`` is a unit's circle.

    Raises:
        InputError: x has no rows or does not fit.

    Example:
        >>> import chainrule as cr
        >>> net = cr.Network(2, [cr.Dense(2, "sigmoid"), cr.Dense(1, "sigmoid")], seed=0)
        >>> from matplotlib.figure import Figure
        >>> ax = plot_network(net.model, [-2.0, -1.0], ax=Figure().subplots())
        >>> [lines.get_gid() for lines in ax.collections]
        ['W1', 'W2', 'key']
    """
    rows = None if x is None else as_inputs(model.chain, x)
    if rows is not None and not len(rows):
        raise InputError("x has no rows: a picture shows the values of one; pass a row, or None for no values.")
    places = layout(model, None if rows is None else rows[0])
    ax = _own_axes(places) if ax is None else ax
    pen = _Pen(ax, places, _points_per_unit(ax, places))
    pen.prepare()
    for l in range(1, len(places.columns)):
        pen.lines([link for link in places.links if link.layer == l])
    for column in places.columns:
        pen.column(column)
    pen.key()
    return ax


def _own_axes(places: Layout) -> Axes:
    """Axes that fill a figure of the picture's proportions."""
    width, height = places.right - places.left, places.top - places.bottom
    unit = min(_UNIT, _MOST_WIDTH / width, _MOST_HEIGHT / height)
    ax = new_axes(unit * width, unit * height)
    ax.figure.subplots_adjust(left=0, right=1, bottom=0, top=1)
    return ax


def _points_per_unit(ax: Axes, places: Layout) -> float:
    """The picture's scale on these axes: text and lines are as large as the circles allow."""
    figure = ax.figure
    box = ax.get_position(original=True)
    scale = min(
        box.width * figure.bbox.width / (places.right - places.left),
        box.height * figure.bbox.height / (places.top - places.bottom),
    )
    return scale * 72 / figure.dpi


@final
@dataclass(frozen=True)
class _Pen:
    """Draws a layout on axes, ``points`` to a unit of the picture."""

    ax: Axes
    places: Layout
    points: float

    def prepare(self) -> None:
        """Bare axes with the picture's limits, in which circles are round."""
        self.ax.set_axis_off()
        self.ax.set(xlim=(self.places.left, self.places.right), ylim=(self.places.bottom, self.places.top))
        self.ax.set_aspect("equal")

    # ------------------------------------------------------------------ size and sign
    def _share(self, number: float) -> float:
        """A weight's or bias's size from 0 to 1, the largest drawn; what is not finite counts as large."""
        if not np.isfinite(number):
            return 1.0
        return abs(number) / self.places.largest if self.places.largest else 0.0

    def _stroke(self, number: float) -> tuple[Colour, float]:
        """Colour and width in points."""
        share = self._share(number)
        return tint(_hue(number), 0.35 + 0.65 * share), self.points * (_THINNEST + (_WIDEST - _THINNEST) * share)

    def _strokes(self, name: str, segments: Sequence[tuple[Point, Point]], numbers: Sequence[float]) -> None:
        """Lines, each with a number shown by its colour and width."""
        lines = LineCollection(
            segments,
            linewidths=[self._stroke(number)[1] for number in numbers],
            colors=[self._stroke(number)[0] for number in numbers],
            capstyle="butt",
            snap=False,
            zorder=1,
        )
        lines.set_gid(name)
        self.ax.add_collection(lines, autolim=False)

    def _write(self, at: Point, text: str, size: float, colour: str = INK, **options: Any) -> None:
        options = {"ha": "center", "va": "center", "zorder": 4, **options}
        self.ax.text(*at, text, fontsize=size * self.points, color=colour, **options)

    # ------------------------------------------------------------------ lines
    def lines(self, links: Sequence[Link]) -> None:
        """One layer's lines: its weights, the strongest on top, or its joins."""
        weighted = [(link, link.weight) for link in links if link.weight is not None]
        weighted.sort(key=lambda pair: self._share(pair[1]))
        if weighted:
            segments = [(link.start, link.end) for link, _ in weighted]
            self._strokes(f"W{links[0].layer}", segments, [weight for _, weight in weighted])
            if self.places.numbered:
                self._weights(weighted)
        elif links:
            joins = LineCollection(
                [(link.start, link.end) for link in links], linewidths=0.02 * self.points, colors=_OUTLINE, zorder=1
            )
            joins.set_gid(f"join{links[0].layer}")
            self.ax.add_collection(joins, autolim=False)

    def _weights(self, weighted: Sequence[tuple[Link, float]]) -> None:
        """The weights' numbers, along their lines."""
        biases = [unit.bias_at for column in self.places.columns for unit in column.units if unit.bias_at is not None]
        for (link, weight), at in zip(weighted, label_places([link for link, _ in weighted], biases), strict=True):
            slope = np.degrees(np.arctan2(link.end[1] - link.start[1], link.end[0] - link.start[0]))
            self._write(at, short(weight), LABEL, rotation=slope, rotation_mode="anchor", bbox=_BEHIND, zorder=2)

    # ------------------------------------------------------------------ units
    def column(self, column: Column) -> None:
        """One layer's units, and the words above and below them."""
        for unit in column.units:
            self._ring(column, unit)
        self._circles(column)
        self._names(column)
        if column.gap is not None:
            for step in (-0.2, 0.0, 0.2):
                self.ax.add_patch(Circle((column.gap[0], column.gap[1] + step), 0.035, color=MUTED, zorder=3))
        self._write((column.x, self.places.head + 0.06), column.title, TITLE, va="bottom")
        self._write((column.x, self.places.head), "\n".join(column.name), NAME, MUTED, va="top")
        self._write((column.x, self.places.foot), "\n".join(column.notes), SMALL, MUTED, va="top")

    def _names(self, column: Column) -> None:
        """``x_0``, ``a_0``, ``y_0``: in the circles, or beside them (not a's, which have no room) where values are."""
        letter = "x" if column.layer == 0 else "y" if column is self.places.columns[-1] else "a"
        for unit in column.units:
            name = f"${letter}_{{{unit.number}}}$"
            if unit.value is None:
                self._write(unit.at, name, VALUE, MUTED if letter == "a" else INK)
            elif letter != "a":
                shift, ha = (-RADIUS - 0.12, "right") if letter == "x" else (RING + 0.12, "left")
                self._write((unit.at[0] + shift, unit.at[1]), name, VALUE, ha=ha)

    def _ring(self, column: Column, unit: Unit) -> None:
        """The bias: a ring as wide and coloured as a weight's line, a gap away from the circle; 0 has none."""
        if unit.bias:
            colour, width = self._stroke(unit.bias)
            ring = Circle(unit.at, RING, facecolor=PAPER, edgecolor=colour, linewidth=width, zorder=2.5)
            ring.set_gid(f"b{column.layer}[{unit.number}]")
            self.ax.add_patch(ring)
        if unit.bias is not None and unit.bias_at is not None:
            self._write(unit.bias_at, f"b {short(unit.bias)}", SMALL, MUTED, bbox=_BEHIND)

    def _circles(self, column: Column) -> None:
        """The units, each filled by its value, which is written in one size of text throughout the column."""
        values = [unit.value for unit in column.units if unit.value is not None]
        largest = max([1.0, *(abs(value) for value in values if np.isfinite(value))])
        widest = max((text_width(short(value), 1.0) for value in values), default=1.0)
        size = min(VALUE, (2 * RADIUS - 0.14) / widest)
        for unit in column.units:
            fill = PAPER if unit.value is None else _fill(unit.value, largest)
            circle = Circle(unit.at, RADIUS, facecolor=fill, edgecolor=_OUTLINE, linewidth=0.02 * self.points, zorder=3)
            circle.set_gid(f"a{column.layer}[{unit.number}]")
            self.ax.add_patch(circle)
            if unit.value is not None:
                self._write(unit.at, short(unit.value), size)

    # ------------------------------------------------------------------ key
    def key(self) -> None:
        """Strokes from the most negative to the most positive number that a line or ring may stand for."""
        largest = self.places.largest
        if not largest:
            return
        x, y = (self.places.left + self.places.right) / 2, self.places.key
        strokes = [(side, share) for share in np.linspace(0, 1, 40) for side in (-1, 1)]
        # from the middle outwards, each stroke reaching below the next, so that no seam shows
        segments = [
            ((x + side * 0.9 * share, y), (x + side * min(0.9 * share + 0.06, 0.9), y)) for side, share in strokes
        ]
        self._strokes("key", segments, [side * share * largest for side, share in strokes])
        self._write((x - 1.0, y), short(-largest), SMALL, MUTED, ha="right")
        self._write((x + 1.0, y), short(largest), SMALL, MUTED, ha="left")
        biases = any(unit.bias for column in self.places.columns for unit in column.units)
        self._write((x, y - 0.25), "lines: weights, rings: biases" if biases else "lines: weights", SMALL, MUTED)


def _hue(number: float) -> str:
    return VERMILION if number < 0 else BLUE


def _fill(value: float, largest: float) -> Colour:
    """A value's tint, light enough to write on."""
    return tint(_hue(value), 0.5 * min(abs(value) / largest, 1.0) if np.isfinite(value) else 0.5)
