"""The pictures of a diagnosis: losses with and without the remedy, sharpness, the layers' health, the landscape."""

from textwrap import wrap
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, LogNorm
from matplotlib.ticker import FuncFormatter, MaxNLocator, NullFormatter

from chainrule.core.arrays import Array
from chainrule.core.format import number
from chainrule.diagnosis.headline import verdict
from chainrule.diagnosis.health import health
from chainrule.diagnosis.landscape import landscape
from chainrule.diagnosis.result import Diagnosis
from chainrule.plots.style import BLUE, INK, MUTED, PAPER, VERMILION, tint

_TEXT, _SMALL = 9.0, 8.0
_HEALTH = LinearSegmentedColormap.from_list("health", [VERMILION, tint(VERMILION, 0.35), PAPER, tint(BLUE, 0.35), BLUE])
_HEIGHT = LinearSegmentedColormap.from_list("height", [tint(BLUE, 0.75), tint(BLUE, 0.25), PAPER, tint(VERMILION, 0.4)])
_LOG_FROM = 20
_WIDE = 130  # characters of a headline on one line
_OFF_THE_PAGE = 1e6  # times the largest loss of the remedied run: a curve that rises higher is cut, with a note


def plot_diagnosis(diagnosis: Diagnosis) -> Any:
    """Draw four pictures on one figure: losses, learning rate times curvature, the layers' health, the landscape.

    Args:
        diagnosis: the result of ``chainrule.diagnose``.

    Returns:
        The Matplotlib figure.
    """
    figure, axes = plt.subplots(2, 2, figsize=(12, 8), layout="constrained", facecolor=PAPER)
    for ax in axes.flat:
        ax.set_facecolor(PAPER)
        ax.tick_params(colors=MUTED, labelsize=_SMALL)
        ax.spines[["top", "right"]].set_visible(False)
        ax.spines[["left", "bottom"]].set_color(MUTED)
    draw_losses(diagnosis, axes[0, 0])
    draw_sharpness(diagnosis, axes[0, 1])
    draw_health(diagnosis, axes[1, 0])
    draw_landscape(diagnosis, axes[1, 1])
    figure.suptitle("\n".join(wrap(verdict(diagnosis), _WIDE)), x=0.01, ha="left", fontsize=11, color=INK)
    return figure


def _title(ax: Axes, words: str) -> None:
    ax.set_title(words, loc="left", fontsize=10, color=INK)


def _absent(ax: Axes, words: str) -> None:
    ax.text(0.5, 0.5, words, ha="center", va="center", transform=ax.transAxes, color=MUTED, fontsize=_TEXT)
    ax.set_xticks([])
    ax.set_yticks([])


def draw_losses(diagnosis: Diagnosis, ax: Axes) -> None:
    """Loss by epoch, of the run and of the re-run with the remedy of the first finding."""
    first = diagnosis.findings[0] if diagnosis.findings else None
    proof = None if first is None else first.proof
    curves = [("training", BLUE if diagnosis.healthy else VERMILION, diagnosis.measurements.losses)]
    if diagnosis.measurements.validation_losses.size:
        curves.append(("validation", MUTED, diagnosis.measurements.validation_losses))
    if proof is not None:
        curves = [("as it was", VERMILION, proof.baseline), (proof.changed, BLUE, proof.remedied)]
    every = []
    for name, colour, values in curves:
        shown = np.where(np.isfinite(values), values, np.nan)
        marker = "o" if np.isfinite(shown).sum() < 2 else None  # of one point there is no line
        ax.plot(shown, color=colour, linewidth=1.4, marker=marker, label=name if len(name) < 60 else name[:57] + "...")
        every.append(shown[np.isfinite(shown)])
    values = np.concatenate(every)
    if values.size and values.min() > 0 and values.max() > _LOG_FROM * values.min():
        ax.set_yscale("log")
    if proof is not None:
        _cut(ax, *every)
    ax.set_xlabel("epoch", color=INK, fontsize=_TEXT)
    of = "loss" if proof is None else f"{proof.rows} loss"
    ax.set_ylabel(of, color=INK, fontsize=_TEXT)
    ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True))
    ax.legend(frameon=False, fontsize=_SMALL, labelcolor=INK)
    _title(ax, "Loss" if first is None else f"Loss with and without the remedy of {first.code}")


def _cut(ax: Axes, baseline: Array, remedied: Array) -> None:
    """If the baseline rises far above the remedied run, keep the latter visible and note where the former leaves."""
    most = _OFF_THE_PAGE * float(remedied.max(initial=0.0))
    beyond = np.flatnonzero(baseline > most)
    if not most or not beyond.size:
        return
    ax.set_ylim(float(np.append(remedied, baseline).clip(1e-300).min()) / 3, most)
    ax.annotate(
        f"{number(float(baseline[beyond[0]]), 2)} in epoch {beyond[0]}", (float(beyond[0]), 0.99),
        xycoords=("data", "axes fraction"), xytext=(0.12, 0.72), textcoords="axes fraction", color=VERMILION,
        fontsize=_SMALL, arrowprops={"arrowstyle": "->", "color": VERMILION},
    )  # fmt: skip


def draw_sharpness(diagnosis: Diagnosis, ax: Axes) -> None:
    """``eta lambda`` by epoch against its threshold."""
    rate = diagnosis.learning_rate
    _title(ax, f"Learning rate times curvature: {rate.regime}")
    good = np.isfinite(rate.course) & (rate.course > 0)
    if not good.any():
        _absent(ax, "this optimizer's steps do not follow the curvature")
        return
    epochs = rate.epochs[good] + 1
    ax.plot(epochs, rate.course[good], color=BLUE, linewidth=1.4, marker="o", markersize=3)
    ax.axhline(rate.threshold, color=VERMILION, linewidth=1.0, linestyle="--")
    ax.annotate(
        f"threshold {number(rate.threshold, 3)}", (0.02, rate.threshold), xycoords=("axes fraction", "data"),
        xytext=(0, 3), textcoords="offset points", color=VERMILION, fontsize=_SMALL,
    )  # fmt: skip
    if rate.at.startswith("the minimum"):
        ax.plot([epochs[-1]], [rate.eta_lambda], marker="D", color=INK, markersize=6, linestyle="none")
        ax.annotate(
            f"at {rate.at}: {number(rate.eta_lambda, 3)}", (epochs[-1], rate.eta_lambda), xytext=(-8, 10),
            textcoords="offset points", ha="right", color=INK, fontsize=_SMALL,
        )  # fmt: skip
    ax.set_yscale("log")
    if epochs[-1] > 50:
        ax.set_xscale("symlog", linthresh=1)
        ax.set_xlim(left=0)
    else:
        ax.set_xlim(-0.5, epochs[-1] + 0.5)
        ax.xaxis.set_major_locator(MaxNLocator("auto", integer=True, min_n_ticks=1))
    low, high = ax.get_ylim()
    ax.set_ylim(min(low, rate.threshold / 3), max(high, rate.threshold * 3))
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: number(value, 3)))
    ax.yaxis.set_minor_formatter(NullFormatter())
    ax.set_xlabel("epochs done", color=INK, fontsize=_TEXT)
    ax.set_ylabel("eta lambda_max", color=INK, fontsize=_TEXT)


def draw_health(diagnosis: Diagnosis, ax: Axes) -> None:
    """By layer and epoch, whether gradients arrive and how many values can still learn."""
    found = health(diagnosis.measurements)
    _title(ax, "Health by layer and epoch")
    rows = np.empty((2 * len(found.layers), len(found.epochs)))
    rows[0::2], rows[1::2] = found.gradients, found.units
    image = ax.imshow(rows[::-1], cmap=_HEALTH, vmin=0, vmax=1, aspect="auto", interpolation="nearest")
    labels = [f"layer {l} {what}" for l in found.layers for what in ("gradient", "units")]
    ax.set_yticks(range(len(labels)), labels[::-1], fontsize=_SMALL if len(labels) < 13 else 6)
    places = np.unique(np.linspace(0, len(found.epochs) - 1, 7).round().astype(int))
    ax.set_xticks(places, [str(found.epochs[k] + 1) for k in places])
    ax.set_xlabel("epochs done", color=INK, fontsize=_TEXT)
    for k in range(1, len(found.layers)):
        ax.axhline(2 * k - 0.5, color=PAPER, linewidth=2)
    bar = ax.figure.colorbar(image, ax=ax, ticks=[0, 0.5, 1], pad=0.02)
    bar.ax.set_yticklabels(["lost", "half", "well"], fontsize=_SMALL)
    bar.outline.set_visible(False)  # type: ignore[operator]
    bar.ax.tick_params(colors=MUTED)


def draw_landscape(diagnosis: Diagnosis, ax: Axes) -> None:
    """The loss on a plane through the last parameters, with the path that led there."""
    found = landscape(diagnosis.measurements)
    if found is None or not np.isfinite(found.loss).any():
        _title(ax, "Loss landscape")
        _absent(ax, "no plane: the loss is not finite there, or there is only one direction")
        return
    _title(ax, f"Loss landscape; the plane holds {found.share:.0%} of the path")
    finite = found.loss[np.isfinite(found.loss)]
    low = max(float(finite.min()), 1e-12, 1e-6 * float(finite.max()))
    z = np.ma.masked_invalid(np.maximum(found.loss, low))
    norm = LogNorm(low, float(finite.max())) if finite.max() > _LOG_FROM * low else None
    levels = np.geomspace(low, float(finite.max()) * 1.001, 18) if norm else 18
    ax.contourf(found.along, found.across, z, levels=levels, cmap=_HEIGHT, norm=norm)
    ax.contour(found.along, found.across, z, levels=levels, colors=[MUTED], linewidths=0.3, norm=norm)
    ax.plot(found.path[:, 0], found.path[:, 1], color=INK, linewidth=0.9, marker="o", markersize=2.5)
    ax.plot(*found.path[0], marker="s", color=INK, markersize=6, linestyle="none", label="start")
    ax.plot(*found.path[-1], marker="D", color=VERMILION, markersize=6, linestyle="none", label="end")
    ax.set_xlabel(f"most curved direction ({found.curved})", color=INK, fontsize=_TEXT)
    across = "gradient" if found.across_is == "gradient" else "the path's own direction"
    ax.set_ylabel(across, color=INK, fontsize=_TEXT)
    ax.legend(frameon=False, fontsize=_SMALL, labelcolor=INK)
