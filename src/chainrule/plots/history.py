"""The picture of a training run: losses by epoch."""

from dataclasses import dataclass

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from chainrule.core.arrays import Array
from chainrule.core.format import number
from chainrule.errors import InputError
from chainrule.plots.style import BLUE, INK, MUTED, PAPER, VERMILION, new_axes, text_width
from chainrule.training.history import History

_TEXT, _SMALL = 9.0, 8.0  # points
_RATE = "#999999"
_LOG_FROM = 20  # a loss that falls by more than this factor is shown on a logarithmic axis
_MARKED_UP_TO = 20  # epochs that are few enough to mark each
_SLACK = 1.2  # the axes may yet become narrower, when the figure is laid out
_MOST_LABEL = 0.35  # of the axes' width may be given to the labels at the lines' ends


@dataclass(frozen=True)
class _Curve:
    """A loss by epoch (epochs,), NaN where it is not finite, and its last finite point."""

    name: str
    colour: str
    values: Array

    @property
    def last(self) -> int:
        return int(np.flatnonzero(np.isfinite(self.values))[-1])


def plot_history(history: History, *, ax: Axes | None = None) -> Axes:
    """Draw the training loss, and the validation loss if there is one, by epoch.

    The loss axis is logarithmic if the losses are positive and span more than a factor of 20. The best epoch is marked
    if its parameters were restored. A learning rate that varies is a thin grey line with its own axis on the right. The
    reason why training stopped is beside "epoch".

    Args:
        history: the result of ``fit``.
        ax: what to draw on; None makes a figure.

    Returns:
        The axes with the losses.

    Raises:
        InputError: the history has no finished epoch with a finite loss.

    Example:
        >>> from matplotlib.figure import Figure
        >>> history = History(seed=0, losses=[1.0, 0.1, 0.01], learning_rates=[0.5] * 3, stopped="all epochs")
        >>> ax = plot_history(history, ax=Figure().subplots())
        >>> ax.get_yscale(), ax.get_xlabel()
        ('log', 'epoch (stopped: all epochs)')
    """
    curves = _curves(history)
    if not curves:
        reason = f" (stopped: {history.stopped})" if history.stopped else ""
        raise InputError(f"this history has no finished epoch with a finite loss{reason}: train before you plot.")
    ax = new_axes(6.4, 4.0, layout="tight") if ax is None else ax
    for curve in curves:
        marker = "o" if history.epochs <= _MARKED_UP_TO else ""
        ax.plot(curve.values, color=curve.colour, linewidth=1.6, marker=marker, markersize=4, label=curve.name)
    _prepare(ax, history, curves)
    marked = history.restored and history.best_epoch >= 0
    band = 1.8 * _SMALL / _size(ax)[1] if marked else 0.0  # of the axes' height, left free for the mark's name
    _leave_free(ax, band)
    _name_curves(ax, curves, band)
    if marked:
        _mark_best(ax, history, curves[-1], band)
    rates = history.learning_rate
    if rates.size and np.ptp(rates) > 1e-9 * rates.max():
        _draw_rates(ax, rates)
    return ax


def _curves(history: History) -> list[_Curve]:
    """The losses to draw; the last is the one by which the best epoch is chosen."""
    found = (("training", BLUE, history.loss), ("validation", VERMILION, history.validation_loss))
    curves = [_Curve(name, colour, np.where(np.isfinite(v), v, np.nan)) for name, colour, v in found]
    return [curve for curve in curves if np.isfinite(curve.values).any()]


def _prepare(ax: Axes, history: History, curves: list[_Curve]) -> None:
    """Scales, names of the axes and a light frame."""
    values = np.concatenate([curve.values[np.isfinite(curve.values)] for curve in curves])
    if values.min() > 0 and values.max() > _LOG_FROM * values.min():
        ax.set_yscale("log")
    ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    ax.set_xlabel(f"epoch (stopped: {history.stopped})" if history.stopped else "epoch", color=INK, fontsize=_TEXT)
    ax.set_ylabel("loss", color=INK, fontsize=_TEXT)
    ax.tick_params(colors=MUTED, labelsize=_SMALL, which="both")
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(MUTED)


# -------------------------------------------------------------------------------- words on the picture
def _size(ax: Axes) -> tuple[float, float]:
    """Width and height of the axes in points."""
    return ax.bbox.width * 72 / ax.figure.dpi, ax.bbox.height * 72 / ax.figure.dpi


def _name_curves(ax: Axes, curves: list[_Curve], band: float) -> None:
    """Each curve's name at its end, the axis lengthened to hold it; a legend where that would take too much."""
    end = max(len(curve.values) for curve in curves) - 1
    span = max(end, 1)
    share = _SLACK * (max(text_width(curve.name, _TEXT) for curve in curves) + 12) / _size(ax)[0]
    if share > _MOST_LABEL:
        ax.set_xlim(-0.03 * span, end + 0.03 * span)
        ax.legend(
            bbox_to_anchor=(0, 0, 1, 1 - band),
            loc="best",
            facecolor=PAPER,
            edgecolor="none",
            fontsize=_SMALL,
            labelcolor=INK,
        )
        return
    ax.set_xlim(-0.03 * span, end + span * share / (1 - share))
    for curve, shift in zip(curves, _shifts(ax, curves), strict=True):
        at = (curve.last, curve.values[curve.last])
        ax.annotate(
            curve.name, at, (8, shift), textcoords="offset points", va="center", color=curve.colour, fontsize=_TEXT
        )


def _shifts(ax: Axes, curves: list[_Curve]) -> list[float]:
    """By how many points to move each curve's name, so that names of curves that end close together do not overlap."""
    ends = [(curve.last, curve.values[curve.last]) for curve in curves]
    heights = ax.transData.transform(ends)[:, 1] * 72 / ax.figure.dpi
    if len(curves) == 1:
        return [0.0]
    distance = heights[1] - heights[0]
    missing = max(1.3 * _TEXT - abs(distance), 0.0) / 2
    return [-missing, missing] if distance >= 0 else [missing, -missing]


def _mark_best(ax: Axes, history: History, curve: _Curve, band: float) -> None:
    """A ring at the epoch whose parameters were restored, and a line up to its name in the band above the curves."""
    epoch, value = history.best_epoch, curve.values[history.best_epoch]
    width, _ = _size(ax)
    text = f"best: epoch {epoch}, loss {number(value, 3)}, restored"
    if text_width(text, _SMALL) > width:
        text = f"best: epoch {epoch}"
    across = ax.get_xaxis_transform()
    ax.plot([epoch, epoch], [0, 1 - band], transform=across, color=MUTED, linewidth=0.8, linestyle=":", zorder=1)
    ax.plot([epoch], [value], marker="o", markersize=7, color=PAPER, markeredgecolor=curve.colour, zorder=5)

    left, right = ax.get_xlim()
    middle, half = (epoch - left) / (right - left), text_width(text, _SMALL) / width / 2
    side = "left" if middle < half else "right" if middle > 1 - half else "center"
    ax.text(epoch, 1.0, text, transform=across, ha=side, va="top", color=INK, fontsize=_SMALL)


def _leave_free(ax: Axes, share: float) -> None:
    """Lengthen the loss axis upwards so that the curves stay below the highest ``share`` of it."""
    scale = ax.yaxis.get_transform()
    low, high = scale.transform(np.array(ax.get_ylim()))
    ax.set_ylim(top=float(scale.inverted().transform(np.array([low + (high - low) / (1 - share)]))[0]))


def _draw_rates(ax: Axes, rates: Array) -> None:
    """The learning rate, from 0, behind the losses."""
    behind = ax.twinx()
    behind.plot(rates, color=_RATE, linewidth=0.8)
    behind.set_ylim(0, 1.15 * rates.max())
    behind.set_ylabel("learning rate", color=MUTED, fontsize=_SMALL)
    behind.tick_params(color=_RATE, labelcolor=MUTED, labelsize=_SMALL)
    behind.spines[["top", "left", "bottom"]].set_visible(False)
    behind.spines["right"].set_color(_RATE)
    behind.set_facecolor(ax.get_facecolor())
    behind.patch.set_visible(True)
    ax.patch.set_visible(False)
    ax.set_zorder(behind.get_zorder() + 1)
