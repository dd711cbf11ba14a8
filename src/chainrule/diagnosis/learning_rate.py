"""The verdict on the learning rate: which regime it is in, what curvature says about it, what the next losses will be.

On a parabola, plain descent multiplies the error along an eigenvector by ``1 - eta lambda`` at each step: below 1
smooth, from 1 to 2 zig-zag, at 2 a cycle of period two, above it diverges. Momentum and preconditioning move the 2:

- heavy ball with momentum b: ``2(1 + b)``; Nesterov: ``(2 + 2b)/(1 + 2b)``;
- Adam: ``(2 + 2 beta1)/(1 - beta1)``, for the curvature divided by what it divides gradients by.

References: Cohen, Kaur, Li, Kolter & Talwalkar 2021, ICLR (edge of stability, momentum); Cohen et al. 2022, arXiv
2207.14484 (adaptive); Lewkowycz, Bahri, Dyer, Sohl-Dickstein & Gur-Ari 2020, arXiv 2003.02218 (catapult).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import number, plain
from chainrule.diagnosis.case import Case
from chainrule.diagnosis.curvature import NO_CRITICAL_RATE, Curvature, Hessian, curvature_of, named_shares
from chainrule.diagnosis.runs import Ran, Snapshot
from chainrule.errors import InputError
from chainrule.optimizers import SGD, Adam, AdamW, NAdam, RMSprop
from chainrule.training import Data

if TYPE_CHECKING:
    from collections.abc import Mapping

PREDICTED = 5
AT_THE_EDGE = 0.08  # both points of a hop as near to the threshold: it hovers there; a zig-zag's points differ more
UNFINISHED = 0.05  # of the best constant answer's loss: a run that leaves less has arrived
TOO_SMALL = 0.01  # of the threshold: eta lambda < 0.02 for plain descent
NOTHING = 1e-6
"""A curvature below this share of what a unit that is not saturated has by these inputs is one of nothing."""

MOST_MEASURED = 12
"""Snapshots at which the curvature is computed."""

MOST_ROWS = 2000
"""Of more rows, that many, evenly spread, stand for all where curvature is computed."""


@dataclass(frozen=True, eq=False)
class LearningRate:
    """The verdict.

    Attributes:
        regime: "too small", "smooth", "zig-zag", "period two", "edge of stability", "catapult" or "diverging";
            "unknown" for optimizers whose steps do not follow the curvature.
        eta: the learning rate at the end.
        highest: the highest that its schedule sets in the run.
        lambda_max: the largest curvature (for adaptive optimizers as they see it), at the minimum that a cycle of
            period two hops around, else at the end of the run.
        eta_lambda: their product.
        threshold: what it must stay below: 2 for plain descent.
        critical_rate: ``threshold/lambda_max``.
        best_rate: ``2/(lambda_min + lambda_max)`` for plain descent, if all curvatures are known.
        direction: the parameters that make up the most curved direction, with their shares.
        at: "the minimum it hops around", "the end", or "the start".
        losses: the last losses of the run.
        predicted, real: the losses of the next updates on all rows, by gradient and curvature at the end, and as they
            really come.
        error: the largest distance of the two, relative to the real loss.
        epochs, course: ``eta lambda`` at some epochs; ``limits`` the threshold there.
        explanation: in words.
    """

    regime: str
    eta: float
    highest: float
    lambda_max: float
    eta_lambda: float
    threshold: float
    critical_rate: float
    best_rate: float | None
    direction: tuple[tuple[str, float], ...]
    at: str
    losses: Array
    predicted: Array
    real: Array
    error: float
    epochs: Array
    course: Array
    explanation: str

    @property
    def normal(self) -> bool:
        """Whether the regime is one of healthy training: smooth, zig-zag, edge of stability, catapult."""
        return self.regime in ("smooth", "zig-zag", "edge of stability", "catapult", "unknown")

    def __str__(self) -> str:
        once = f" in the end, {number(self.highest)} once" if self.highest > 1.01 * self.eta else ""
        lines = [f"learning rate {number(self.eta)}{once}: {self.regime}"]
        if np.isfinite(self.lambda_max):
            lines.append(
                f"  eta lambda = {number(self.eta_lambda, 4)} (threshold {number(self.threshold, 4)}), lambda_max "
                f"{number(self.lambda_max, 5)} at {self.at}"
            )
            best = "" if self.best_rate is None else f", best rate {number(self.best_rate, 4)}"
            critical = number(self.critical_rate, 4) if np.isfinite(self.critical_rate) else NO_CRITICAL_RATE
            lines.append(f"  critical rate {critical}{best}")
            if self.direction:
                lines.append(f"  most curved direction: {named_shares(self.direction)}")
        if self.predicted.size:
            lines.append("  next losses, predicted: " + ", ".join(number(v, 5) for v in self.predicted))
            lines.append("  next losses, real:      " + ", ".join(number(v, 5) for v in self.real))
            if self.error > 0.01:
                lines.append(f"  they differ by up to {self.error:.0%}: over such steps the loss is no parabola")
        lines.append(f"  {self.explanation}")
        return "\n".join(lines)

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        numbers = ("eta", "highest", "lambda_max", "eta_lambda", "threshold", "critical_rate", "error")
        arrays = ("losses", "predicted", "real", "epochs", "course")
        return {
            "regime": self.regime,
            **{name: plain(getattr(self, name)) for name in (*numbers, *arrays)},
            "best_rate": self.best_rate,
            "direction": [list(pair) for pair in self.direction],
            "at": self.at,
            "explanation": self.explanation,
        }


# -------------------------------------------------------------------------------- thresholds
def threshold_of(case: Case) -> float:
    """What ``eta lambda`` must stay below on a parabola; NaN for optimizers whose steps do not follow the curvature."""
    optimizer = case.optimizer
    if isinstance(optimizer, SGD):
        b = optimizer.momentum
        return (2 + 2 * b) / (1 + 2 * b) if optimizer.nesterov else 2 * (1 + b)
    if isinstance(optimizer, Adam | AdamW | NAdam):
        return (2 + 2 * optimizer.beta1) / (1 - optimizer.beta1)
    return 2.0 if isinstance(optimizer, RMSprop) else np.nan


def scale_of(case: Case, snapshot: Snapshot) -> Array | None:
    """What the optimizer divides each gradient by at a snapshot; None for plain descent and unknown moments."""
    optimizer = case.optimizer
    if isinstance(optimizer, SGD) or not snapshot.moments or not snapshot.count:
        return None
    second = snapshot.moments.get("second_moment")
    if second is None:
        return None
    if isinstance(optimizer, RMSprop):
        return np.sqrt(second) + optimizer.epsilon
    if isinstance(optimizer, Adam | AdamW | NAdam):
        root = np.sqrt(second / (1 - optimizer.beta2**snapshot.count)) + optimizer.epsilon
        return root * (1 - optimizer.beta1**snapshot.count)
    return None


def sample(data: Data, most: int = MOST_ROWS) -> Data:
    """Rows that stand for all of them: all, or ``most`` evenly spread."""
    if len(data.x) <= most:
        return data
    rows = np.linspace(0, len(data.x) - 1, most).astype(int)
    return Data(data.x[rows], data.t[rows], None if data.weights is None else data.weights[rows])


def sharpness(case: Case, snapshot: Snapshot, *, whole_up_to: int = 60) -> Curvature | None:
    """The curvature as the optimizer sees it at a snapshot; None where it cannot be known."""
    scale = scale_of(case, snapshot)
    if scale is None and not isinstance(case.optimizer, SGD):
        return None
    try:
        return curvature_of(
            snapshot.model(case), sample(case.data), scale=scale, l2=case.settings.l2, whole_up_to=whole_up_to
        )
    except (InputError, np.linalg.LinAlgError):
        return None


# -------------------------------------------------------------------------------- the next losses
def next_losses(case: Case, snapshot: Snapshot, eta: float, steps: int = PREDICTED) -> tuple[Array, Array]:
    """(predicted, real) losses after each of the next updates on all rows.

    Predicted by ``E + g d + d' H d/2`` and ``g + H d`` at the snapshot, with the optimizer's own rule making the steps.
    """
    model = snapshot.model(case)
    data = sample(case.data)
    here = Hessian(model, data, l2=case.settings.l2)
    if not here.finite:
        return np.array([]), np.array([])
    start = case.optimizer.start(case.chain.size, np.dtype(np.float64), eta)
    known = snapshot.moments is not None
    moments: Mapping[str, Array] = {
        key: np.asarray(value, np.float64)
        for key, value in (snapshot.moments if known else start).items()  # type: ignore[union-attr]
    }
    count = snapshot.count if known else 0
    w = here.parameters.vector.copy()
    predicted, real = [], []

    d, m = np.zeros_like(w), moments
    for k in range(steps):
        Hd = here @ d
        step, m = case.optimizer.update(m, here.gradient + Hd, eta, count + k + 1)
        d = d - np.where(here.free, step, 0.0)
        predicted.append(here.done.loss + here.done.gradient @ d + d @ (here @ d) / 2 - _penalty(here, d))
    m = moments
    place = w.copy()
    for k in range(steps):
        at = Hessian(_at(model, place), data, l2=case.settings.l2)
        if not at.finite:
            return np.array(predicted)[: len(real)], np.array(real)
        step, m = case.optimizer.update(m, at.gradient, eta, count + k + 1)
        place = place - np.where(at.free, step, 0.0)
        with np.errstate(all="ignore"):
            real.append(Hessian(_at(model, place), data).done.loss)
    return np.array(predicted), np.array(real)


def _penalty(here: Hessian, d: Array) -> float:
    """What the penalty's curvature added to ``d' H d/2``: the losses told are those without it."""
    return float((here.l2 * d * d).sum() / 2)


def _at(model: Any, vector: Array) -> Any:
    return type(model)(model.chain, model.parameters.with_vector(vector), model.state)


# -------------------------------------------------------------------------------- the verdict
def verdict(ran: Ran, left: float = 1.0) -> LearningRate:
    """The regime of a run, with everything that shows it; ``left`` is the share of the loss that it left."""
    case = ran.case
    threshold = threshold_of(case)
    chosen = [s for s in ran.snapshots if s.epoch < ran.history.epochs]
    every = -(-len(chosen) // MOST_MEASURED)
    some = [s for k, s in enumerate(chosen) if k % every == 0 or k >= len(chosen) - 1]
    found = [(s, sharpness(case, s)) for s in some]
    known = [(s, c) for s, c in found if c is not None]
    rates = [_rate(ran, s) for s, _ in known]
    epochs = np.array([s.epoch for s, _ in known])
    course = np.array([eta * c.lambda_max for eta, (_, c) in zip(rates, known, strict=True)])
    end = chosen[-1]
    eta = _rate(ran, end)
    highest = max(case.highest_rate, eta)
    regime = _regime(ran, epochs, course, threshold, left, lowered=highest / eta)

    at, here = "the end", known[-1][1] if known and known[-1][0] is end else None
    if here is not None and isinstance(case.optimizer, SGD):
        exact = sharpness(case, end, whole_up_to=500)
        here = exact if exact is not None else here
    if regime in ("period two", "zig-zag") and case.full_batch and isinstance(case.optimizer, SGD) and len(chosen) > 1:
        centre = minimum_between(case, chosen[-2], chosen[-1])
        if centre is not None:
            at, here = "the minimum it hops around", centre
    if here is None and known:
        at, here = ("the start" if known[-1][0].epoch < 0 else f"epoch {known[-1][0].epoch}"), known[-1][1]
    predicted, real = next_losses(case, end, eta) if ran.error is None else (np.array([]), np.array([]))
    error = float(np.max(np.abs(predicted - real) / np.maximum(np.abs(real), 1e-300))) if real.size else np.nan
    lam = here.lambda_max if here is not None else np.nan
    return LearningRate(
        regime=regime,
        eta=eta,
        highest=highest,
        lambda_max=lam,
        eta_lambda=eta * lam,
        threshold=threshold,
        critical_rate=threshold / lam if lam > 0 else np.inf,
        best_rate=here.best_rate if here is not None and _plain(case) else None,
        direction=here.shares if here is not None else (),
        at=at,
        losses=ran.losses[-6:],
        predicted=predicted,
        real=real,
        error=error,
        epochs=epochs,
        course=course,
        explanation=_EXPLANATIONS[regime],
    )


def _plain(case: Case) -> bool:
    return isinstance(case.optimizer, SGD) and not case.optimizer.momentum


def _rate(ran: Ran, snapshot: Snapshot) -> float:
    rates = ran.history.learning_rates
    if snapshot.epoch < 0 or not rates:
        return ran.case.learning_rate(0)
    return float(rates[min(snapshot.epoch, len(rates) - 1)])


def _regime(ran: Ran, epochs: Array, course: Array, threshold: float, left: float, *, lowered: float) -> str:
    """From the losses what happened, from the curvature why; a schedule has ``lowered`` the rate so many times."""
    losses = ran.losses
    if ran.error is not None or (losses.size > 1 and not losses[-1] <= 10 * max(losses[0], 1e-300)):
        return "diverging"
    ratio = course / threshold if course.size else np.array([])
    known = bool(ratio.size and np.isfinite(ratio[-1]))
    if ran.case.full_batch and (found := _of_full_batches(losses, epochs, ratio, known=known)):
        return found
    falling = is_falling(losses)
    if not known:
        return "unknown"
    eta = _rate(ran, ran.snapshots[-1])
    if says_too_small(ran.case, eta, course[-1] * lowered, course) and falling and left > UNFINISHED:
        return "too small"
    if ratio[-1] > 1 and not falling:
        return "diverging" if losses[-1] > losses[0] else "unstable"
    return "zig-zag" if ratio[-1] > 0.5 else "smooth"


def says_too_small(case: Case, eta: float, eta_lambda: float, course: Array) -> bool:
    """Whether curvature says that steps are too short: there is some, and they overshot nowhere in the run.

    Where units are saturated, or a loss is made of straight lines, the curvature is next to nothing whatever the rate.
    """
    threshold = threshold_of(case)
    with np.errstate(all="ignore"):
        size = float(np.mean(sample(case.data).x.astype(np.float64) ** 2))
    nothing = NOTHING * min(size, 1.0) * eta if isinstance(case.optimizer, SGD) else 0.0
    some = bool((course[-1:] > nothing).any())
    return some and 0 < eta_lambda < TOO_SMALL * threshold and not (course > threshold).any()


def _of_full_batches(losses: Array, epochs: Array, ratio: Array, *, known: bool) -> str:
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
    """Whether the last losses take two values in turn, and neither falls any more by what could matter."""
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
    """Whether the last losses go up and down in turn."""
    steps = np.diff(losses[-window:])
    return bool(losses.size >= window and (steps[1:] * steps[:-1] < 0).all())


def is_falling(losses: Array) -> bool:
    """Whether the mean of the last tenth lies clearly below that of the tenth before it."""
    k = max(losses.size // 10, 2)
    if losses.size < 2 * k:
        return bool(losses.size > 1 and losses[-1] < losses[0])
    return bool(losses[-k:].mean() < (1 - 1e-4) * losses[-2 * k : -k].mean())


def _catapulted(losses: Array, ratio: Array) -> bool:
    """A rise in the first steps that lands lower, where it is flatter."""
    early = losses[: max(losses.size // 4, 4)]
    if not ratio.size or not ratio[0] > 1:
        return False
    return bool(early.max() > 1.1 * losses[0] and losses[-1] < 0.9 * losses[0] and ratio[-1] < 1)


def minimum_between(case: Case, one: Snapshot, other: Snapshot) -> Curvature | None:
    """The curvature at the minimum that two points of a cycle lie on either side of, found by descent from between."""
    from scipy.optimize import minimize  # noqa: PLC0415 - scipy only where a cycle was seen

    model = one.model(case)
    free = np.flatnonzero(Hessian(model, case.data).free)
    between = (one.vector.astype(np.float64) + other.vector.astype(np.float64)) / 2
    base = between.copy()

    def loss(v: Array) -> tuple[float, Array]:
        base[free] = v
        here = Hessian(_at(model, base.copy()), case.data, l2=case.settings.l2)
        return here.done.loss + float((here.l2 * base * base).sum() / 2), here.gradient[free]

    with np.errstate(all="ignore"):
        done = minimize(
            loss, between[free], jac=True, method="L-BFGS-B", options={"maxiter": 500, "ftol": 1e-15, "gtol": 1e-10}
        )
    place = between.copy()
    place[free] = done.x
    try:
        return curvature_of(_at(model, place), case.data, l2=case.settings.l2)
    except (InputError, np.linalg.LinAlgError):
        return None


_EXPLANATIONS = {
    "too small": "Each step changes next to nothing: the loss still falls, but the run ends long before it is down.",
    "smooth": "No step overshoots: eta lambda is below half its threshold.",
    "zig-zag": "Each step overshoots along the most curved direction and comes back by less: it converges.",
    "period two": "Each step jumps across the valley to a point from which the next jumps back: the loss takes "
    "two values "
    "in turn for ever.",
    "edge of stability": "The curvature has risen until eta lambda stands near its threshold while the loss goes on "
    "falling: normal.",
    "catapult": "A few steps threw it over a ridge, into a flatter valley where it converges: normal.",
    "diverging": "Each step overshoots by more than the last: the loss grows.",
    "unstable": "The steps are longer than the curvature allows: the loss jumps about and comes no further down.",
    "unknown": "This optimizer's steps do not follow the curvature, so it has no threshold.",
}
