"""Pictures of many runs: the losses of a sweep by epoch, and the losses of a learning-rate test by rate."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import LineCollection
from matplotlib.ticker import MaxNLocator

from chainrule.core.arrays import Array
from chainrule.core.format import number
from chainrule.errors import InputError
from chainrule.plots.style import BLUE, INK, MUTED, PAPER, VERMILION, new_axes, tint
from chainrule.sweeps import LearningRateTest, Sweep

_TEXT, _SMALL = 9.0, 8.0  # points
_LOG_FROM = 20  # losses that span more than this factor are shown on a logarithmic axis
_MOST_LINES = 200
_MOST_POINTS = 500
_BAND = (10, 90)  # per cent of the runs that lie below its edges
_WORTH_A_BAND = 10  # runs
_ROOM_ABOVE = 3.0  # times the first loss: a line that climbs higher is cut off


# -------------------------------------------------------------------------------- a sweep
def plot_sweep(sweep: Sweep, *, ax: Axes | None = None) -> Axes:
    """Draw the loss of every run by epoch: thin lines, a band that holds the middle 80 %, their median, the best run.

    It is the validation loss where there is one. Of more than 200 runs, 200 are drawn, evenly by their final loss; band
    and median are of all that did not diverge. The loss axis is logarithmic where the losses are positive and span more
    than a factor of 20; lines that climb far above the beginning are cut off.

    Args:
        sweep: the result of ``chainrule.sweep``.
        ax: what to draw on; None makes a figure.

    Returns:
        The axes.

    Raises:
        InputError: no run has an epoch with a finite loss.

    Example:
        >>> from matplotlib.figure import Figure
        >>> import chainrule as cr
        >>> from chainrule.sweeps import sweep
        >>> net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
        >>> runs = sweep(net, [[1.0], [2.0]], [2.0, 4.0], learning_rates=[0.001, 0.01, 0.1], epochs=10)
        >>> plot_sweep(runs, ax=Figure().subplots()).get_ylabel()
        'loss'
    """
    validated = sweep.validation_loss.shape[1] > 0
    losses = sweep.validation_loss if validated else sweep.loss
    losses = np.where(np.isfinite(losses), losses, np.nan)
    if not np.isfinite(losses).any():
        raise InputError("this sweep has no finished epoch with a finite loss: train before you plot.")
    ax = new_axes(6.4, 4.0, layout="tight") if ax is None else ax
    epochs = np.unique(np.linspace(0, losses.shape[1] - 1, min(losses.shape[1], _MOST_POINTS)).astype(int))
    shown = losses[:, epochs]
    ended = shown[sweep.ranking] if len(sweep.ranking) else shown  # the runs that did not diverge
    shown = _scaled(ax, shown, float(np.nanmax(ended[:, 0])))
    _draw_runs(ax, epochs, shown, sweep.final)
    if len(ended) >= _WORTH_A_BAND:
        _draw_band(ax, epochs, ended)
    if len(sweep.ranking):
        k = sweep.best
        name = f"best: run {k}, {number(sweep.final[k], 3)}"
        ax.plot(epochs, shown[k], color=VERMILION, linewidth=1.8, zorder=4, label=name)
    ax.set_xlim(0, max(losses.shape[1] - 1, 1))
    ax.xaxis.set_major_locator(MaxNLocator("auto", steps=[1, 2, 5, 10], integer=True, min_n_ticks=1))
    diverged = int(sweep.diverged.sum())
    epoch = f"epoch ({diverged} of {len(losses)} runs diverged)" if diverged else "epoch"
    _finish(ax, epoch, "validation loss" if validated else "loss")
    return ax


def _draw_runs(ax: Axes, epochs: Array, losses: Array, final: Array) -> None:
    """A thin line for each run, or for ``_MOST_LINES`` of them, evenly by rank."""
    count = len(losses)
    order = np.argsort(final, kind="stable")  # those without a final loss come last
    chosen = order[np.unique(np.linspace(0, count - 1, min(count, _MOST_LINES)).astype(int))]
    strength = min(0.75, max(0.4, 10 / len(chosen)))
    lines = [np.column_stack([epochs, losses[k]]) for k in chosen]
    label = f"{count} runs" if len(chosen) == count else f"{len(chosen)} of {count} runs"
    ax.add_collection(LineCollection(lines, colors=[tint(BLUE, strength)], linewidths=0.7, label=label, zorder=2))


def _draw_band(ax: Axes, epochs: Array, losses: Array) -> None:
    """Where the middle 80 % of the runs lie, and their median."""
    low, median, high = np.nanpercentile(losses, (_BAND[0], 50, _BAND[1]), axis=0)
    ax.fill_between(epochs, low, high, color=BLUE, alpha=0.15, linewidth=0, zorder=3, label="middle 80 %")
    ax.plot(epochs, median, color=INK, linewidth=1.2, zorder=4, label="median")


def _scaled(ax: Axes, losses: Array, begin: float) -> Array:
    """Set the limits and the scale of the loss axis; return the losses, cut off far above the beginning."""
    finite = losses[np.isfinite(losses)]
    low, high = float(finite.min()), float(finite.max())
    top = min(high, _ROOM_ABOVE * begin) if begin > 0 else high
    if low > 0 and top > _LOG_FROM * low:
        ax.set_yscale("log")
        ax.set_ylim(low / 1.4, top * 1.4)
    else:
        room = 0.05 * (top - low) or 0.05 * abs(low) or 1.0
        ax.set_ylim(low - room, top + room)
    return np.minimum(losses, 10 * top if top > 0 else high)


def _finish(ax: Axes, x_label: str, y_label: str) -> None:
    """Names of the axes, a light frame, the legend."""
    ax.set_xlabel(x_label, color=INK, fontsize=_TEXT)
    ax.set_ylabel(y_label, color=INK, fontsize=_TEXT)
    ax.legend(loc="best", facecolor=PAPER, edgecolor="none", framealpha=0.85, fontsize=_SMALL, labelcolor=INK)
    ax.tick_params(colors=MUTED, labelsize=_SMALL, which="both")
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(MUTED)


# -------------------------------------------------------------------------------- a learning-rate test
def plot_learning_rates(test: LearningRateTest, *, ax: Axes | None = None) -> Axes:
    """Draw the last loss of each learning rate, beside the loss at the beginning.

    The rates above the largest stable one are shaded; the best and the suggested rate are marked.

    Args:
        test: the result of ``chainrule.learning_rate_test``.
        ax: what to draw on; None makes a figure.

    Returns:
        The axes.

    Raises:
        InputError: all rates diverged at once.

    Example:
        >>> from matplotlib.figure import Figure
        >>> import chainrule as cr
        >>> from chainrule.sweeps import learning_rate_test
        >>> net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
        >>> test = learning_rate_test(net, [[1.0], [2.0]], [2.0, 4.0], count=8, epochs=5)
        >>> plot_learning_rates(test, ax=Figure().subplots()).get_xscale()
        'log'
    """
    last = test.last
    if not np.isfinite(last).any():
        raise InputError("all learning rates diverged: try lower ones before you plot.")
    ax = new_axes(6.4, 4.0, layout="tight") if ax is None else ax
    ax.set_xscale("log")
    epochs = test.loss.shape[1]
    last = _scaled(ax, np.append(last, test.begin), test.begin)[:-1]
    ax.axhline(test.begin, color=MUTED, linewidth=0.9, linestyle=":", label="at the beginning", zorder=1)
    label = f"after {epochs} epochs"
    ax.plot(test.rates, last, color=BLUE, linewidth=1.6, marker="o", markersize=3, label=label, zorder=3)
    ax.set_xlim(test.rates[0], test.rates[-1])
    edge = test.largest_stable
    if edge is None or edge < test.rates[-1]:
        begins = test.rates[0] if edge is None else np.sqrt(edge * test.rates[test.rates > edge][0])
        ax.axvspan(begins, test.rates[-1], color=VERMILION, alpha=0.12, linewidth=0, label="not stable", zorder=0)
    if test.suggested is not None:
        ax.axvline(test.suggested, color=INK, linewidth=1.2, label=f"suggested: {number(test.suggested, 3)}", zorder=2)
    if test.best is not None:
        at = int(np.nanargmin(last))
        ring = {"marker": "o", "markersize": 8, "color": "none", "markeredgecolor": VERMILION, "markeredgewidth": 1.6}
        ax.plot([test.best], [last[at]], **ring, linestyle="none", label=f"best: {number(test.best, 3)}", zorder=4)
    _finish(ax, f"learning rate ({type(test.optimizer).__name__})", "loss")
    return ax
