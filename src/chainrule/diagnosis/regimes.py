"""Which regime of the learning rate a run is in: from its losses what happened, from the curvature why.

References: Cohen, Kaur, Li, Kolter & Talwalkar 2021, ICLR (edge of stability); Lewkowycz, Bahri, Dyer, Sohl-Dickstein &
Gur-Ari 2020, arXiv 2003.02218 (catapult).
"""

import numpy as np

from chainrule.core.arrays import Array
from chainrule.diagnosis.case import Case
from chainrule.diagnosis.runs import TrainingRun
from chainrule.diagnosis.stability import sample, threshold_of
from chainrule.optimizers import SGD

NORMAL = ("smooth", "zig-zag", "edge of stability", "catapult", "unknown")
"""Regimes of healthy training."""

AT_THE_EDGE = 0.08  # distance from the threshold at the edge of stability; the points of a zig-zag differ more
UNFINISHED = 0.05  # remaining loss above which a run has not arrived
TOO_SMALL = 0.01  # of the threshold: eta lambda < 0.02 for plain descent
NO_CURVATURE = 1e-6
"""Curvature below this share of an unsaturated unit's, with these inputs, counts as none."""


def regime_of(
    run: TrainingRun, epochs: Array, course: Array, eta: float, *, remaining_loss: float, lowered: float
) -> str:
    """The regime of a run.

    Args:
        run: the run.
        epochs: at which ``eta lambda`` was measured.
        course: ``eta lambda`` there.
        eta: the learning rate at the end.
        remaining_loss: what the run left of the loss, as a share.
        lowered: the schedule's highest rate over its last one.
    """
    losses, threshold = run.losses, threshold_of(run.case)
    if run.error is not None or (losses.size > 1 and not losses[-1] <= 10 * max(losses[0], 1e-300)):
        return "diverging"
    ratio = course / threshold if course.size else np.array([])
    known = bool(ratio.size and np.isfinite(ratio[-1]))
    if run.case.full_batch and (found := _full_batch_regime(losses, epochs, ratio, known=known)):
        return found
    falling = is_falling(losses)
    if not known:
        return "unknown"
    if says_too_small(run.case, eta, course[-1] * lowered, course) and falling and remaining_loss > UNFINISHED:
        return "too small"
    if ratio[-1] > 1 and not falling:
        return "diverging" if losses[-1] > losses[0] else "unstable"
    return "zig-zag" if ratio[-1] > 0.5 else "smooth"


def says_too_small(case: Case, eta: float, eta_lambda: float, course: Array) -> bool:
    """Whether the curvature says that steps are too short: it is not zero, and no step overshot.

    Where units are saturated, or the loss consists of straight lines, the curvature is nearly 0 whatever the rate.
    """
    threshold = threshold_of(case)
    with np.errstate(all="ignore"):
        size = float(np.mean(sample(case.data).x.astype(np.float64) ** 2))
    least = NO_CURVATURE * min(size, 1.0) * eta if isinstance(case.optimizer, SGD) else 0.0
    some = bool((course[-1:] > least).any())
    return some and 0 < eta_lambda < TOO_SMALL * threshold and not (course > threshold).any()


def _full_batch_regime(losses: Array, epochs: Array, ratio: Array, *, known: bool) -> str:
    """Regimes that only losses without the noise of batches show; empty if none of them."""
    if is_period_two(losses):
        return "period two"
    falling = is_falling(losses)
    if _alternates(losses) and falling:
        at_edge = ratio.size > 2 and (np.abs(ratio[-2:] - 1) < AT_THE_EDGE).all()
        return "edge of stability" if at_edge else "zig-zag"
    late = ratio[epochs >= 0.5 * len(losses)] if known else np.array([])
    if late.size and np.max(late) > 0.85 and ratio[0] < np.max(late) and falling:
        return "edge of stability"
    return "catapult" if losses.size > 4 and _catapulted(losses, ratio) else ""


def is_period_two(losses: Array, window: int = 12) -> bool:
    """Whether the last losses alternate between two values that no longer change."""
    if losses.size < window:
        return False
    last = losses[-window:]
    hop = np.abs(np.diff(last))
    drift = np.abs(last[2:] - last[:-2])
    return bool(
        np.isfinite(last).all()
        and hop.min() > 1e-6 * last.max()
        and _alternates(losses, window)
        and drift.max() < 0.01 * hop.min()
        and drift.max() < 1e-3 * last.min()
    )


def _alternates(losses: Array, window: int = 12) -> bool:
    """Whether the last losses rise and fall in turn."""
    steps = np.diff(losses[-window:])
    return bool(losses.size >= window and (steps[1:] * steps[:-1] < 0).all())


def is_falling(losses: Array) -> bool:
    """Whether the mean of the last tenth lies clearly below that of the tenth before it."""
    k = max(losses.size // 10, 2)
    if losses.size < 2 * k:
        return bool(losses.size > 1 and losses[-1] < losses[0])
    return bool(losses[-k:].mean() < (1 - 1e-4) * losses[-2 * k : -k].mean())


def _catapulted(losses: Array, ratio: Array) -> bool:
    """Whether the loss rose in the first steps and then settled lower, where it is flatter."""
    early = losses[: max(losses.size // 4, 4)]
    if not ratio.size or not ratio[0] > 1:
        return False
    return bool(early.max() > 1.1 * losses[0] and losses[-1] < 0.9 * losses[0] and ratio[-1] < 1)


EXPLANATIONS = {
    "too small": "Each step changes next to nothing: the loss still falls, but the run ends long before it is down.",
    "smooth": "No step overshoots: eta lambda is below half its threshold.",
    "zig-zag": "Each step overshoots along the most curved direction and comes back by less: it converges.",
    "period two": "Each step jumps across the valley to a point from which the next jumps back: the loss takes two "
    "values in turn for ever.",
    "edge of stability": "The curvature has risen until eta lambda stands near its threshold while the loss goes on "
    "falling: normal.",
    "catapult": "A few steps threw it over a ridge, into a flatter valley where it converges: normal.",
    "diverging": "Each step overshoots by more than the last: the loss grows.",
    "unstable": "The steps are longer than the curvature allows: the loss jumps about and comes no further down.",
    "unknown": "This optimizer's steps do not follow the curvature, so it has no threshold.",
}
"""Each regime in words."""
