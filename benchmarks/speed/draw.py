"""The pictures: reads the results, measures and judges nothing.

Colours are of the palette that people with every common colour vision tell apart (Okabe & Ito 2008).
"""

from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any

from contestants import CONTESTANTS
from judge import entry_of, ratios, slope
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator
from records import Line, Measurement
from works import find

ORANGE, SKY, GREEN, BLUE, VERMILION = "#e69f00", "#56b4e9", "#009e73", "#0072b2", "#d55e00"
GREY, INK = "#999999", "#222222"
COLOURS = {
    "torch": VERMILION,
    "torch-nn": VERMILION,
    "torch-compile": VERMILION,
    "jax": BLUE,
    "jax-devices": BLUE,
    "scikit-learn": ORANGE,
    "numpy": SKY,
    "c": GREEN,
}


def draw_ratios(races: Sequence[Measurement], path: Path) -> None:
    """A panel a work: each contestant's time as a multiple of ours, at the most threads that were measured."""
    most: dict[str, Measurement] = {}
    for race in races:
        if entry_of(race, "chainrule") and race.threads >= getattr(most.get(race.work), "threads", 0):
            most[race.work] = race
    if not most:
        return
    bars = [bars_of(race) for race in most.values()]
    values = [ratio for found in bars for _, ratio in found]
    lines = -(-len(bars) // 2)
    heights = [max(map(len, bars[2 * line : 2 * line + 2])) + 3 for line in range(lines)]
    figure = Figure(figsize=(13, 0.27 * sum(heights) + 0.8), layout="constrained")
    panels = figure.subplots(lines, 2, squeeze=False, height_ratios=heights)
    for ax in panels.flat[len(bars) :]:
        ax.set_visible(False)
    for ax, race, found in zip(panels.flat, most.values(), bars, strict=False):
        draw_bars(ax, race, found)
        ax.set_xlim(min(0.3, min(values) / 3), 4 * max(values))
    figure.supxlabel("time as a multiple of chainrule's: each tick is ten times the one before", fontsize=10)
    figure.savefig(path, dpi=130)


def bars_of(race: Measurement) -> list[tuple[str, float]]:
    """Contestants and their ratios, the slowest first."""
    ours = entry_of(race, "chainrule")
    others = [entry for entry in race.entries if entry.seconds and not entry.contestant.startswith("chainrule")]
    return sorted(((entry.contestant, median(ratios(entry, ours))) for entry in others), key=lambda bar: -bar[1])


def draw_bars(ax: Any, race: Measurement, bars: Sequence[tuple[str, float]]) -> None:
    """Horizontal, from 1: to the right slower than we are, to the left quicker."""
    names, values = [CONTESTANTS[name].label for name, _ in bars], [ratio for _, ratio in bars]
    ax.set_xscale("log")
    ax.barh(
        names, [value - 1 for value in values], left=1, color=[COLOURS.get(name, GREY) for name, _ in bars], height=0.7
    )
    ax.invert_yaxis()
    ax.axvline(1, color=INK, linewidth=1)
    for number, value in enumerate(values):
        beside = {"ha": "left", "xytext": (4, 0)} if value >= 1 else {"ha": "right", "xytext": (-4, 0)}
        ax.annotate(
            f"{value:.3g}", (value, number), textcoords="offset points", va="center", fontsize=8, color=INK, **beside
        )
    network, _, rest = find(race.work).title.partition(", ")
    ax.set_title(f"{network}\n{rest}; {race.threads} thread" + "s" * (race.threads > 1), loc="left", fontsize=9)
    ax.tick_params(axis="y", labelsize=8, length=0)
    ax.tick_params(axis="x", labelsize=8)
    ax.xaxis.set_major_formatter(lambda value, _: f"{value:,g}")
    ax.xaxis.set_minor_locator(NullLocator())
    ax.spines[["top", "right", "left"]].set_visible(False)
    ax.grid(axis="x", color="#dddddd", linewidth=0.6)
    ax.set_axisbelow(True)


def draw_scaling(lines: Sequence[Line], path: Path) -> None:
    """A panel a line, on log-log axes, with a line of slope 1 through the last point."""
    figure = Figure(figsize=(9, 7), layout="constrained")
    panels = figure.subplots(2, 2)
    figure.suptitle(
        "64-128-10 ReLU, batches of 64, SGD, float32, one thread, made larger one way at a time", fontsize=10
    )
    for ax in panels.flat[len(lines) :]:
        ax.set_visible(False)
    for ax, line in zip(panels.flat, lines, strict=False):
        milliseconds = [1e3 * value for value in line.seconds]
        straight = [milliseconds[-1] * size / line.sizes[-1] for size in line.sizes]
        ax.loglog(line.sizes, straight, color=GREY, linestyle="--", linewidth=1, label="in proportion")
        found = slope(line.sizes, line.seconds)
        ax.loglog(line.sizes, milliseconds, color=BLUE, marker="o", markersize=5, label=f"chainrule, slope {found:.2f}")
        ax.set_xlabel(line.label)
        ax.set_ylabel(f"milliseconds a{'n' * (line.per[0] in 'aeiou')} {line.per}")
        for axis in (ax.xaxis, ax.yaxis):
            axis.set_major_formatter(lambda value, _: f"{value:,g}")
            axis.set_minor_locator(NullLocator())
        ax.grid(color="#dddddd", linewidth=0.6)
        ax.legend(frameon=False, fontsize=9)
        ax.spines[["top", "right"]].set_visible(False)
    figure.savefig(path, dpi=130)
