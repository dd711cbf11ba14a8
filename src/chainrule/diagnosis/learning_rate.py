"""The verdict on the learning rate: its regime, what the curvature says about it, and the next losses."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import number, plain
from chainrule.diagnosis.case import Case
from chainrule.diagnosis.curvature import NO_CRITICAL_RATE, Curvature, named_shares
from chainrule.diagnosis.next_losses import next_losses
from chainrule.diagnosis.regimes import EXPLANATIONS, NORMAL, regime_of
from chainrule.diagnosis.runs import Snapshot, TrainingRun
from chainrule.diagnosis.stability import minimum_between, sharpness, threshold_of
from chainrule.optimizers import SGD

MOST_MEASURED = 12
"""Snapshots at which the curvature is computed."""


@dataclass(frozen=True, eq=False)
class LearningRate:
    """The verdict on the learning rate of a run.

    Attributes:
        regime: "too small", "smooth", "zig-zag", "period two", "edge of stability", "catapult", "unstable" or
            "diverging"; "unknown" for optimizers whose steps do not follow the curvature.
        eta: the learning rate at the end.
        highest: the highest rate that its schedule sets in the run.
        lambda_max: the largest curvature (for adaptive optimizers as they see it), at the minimum inside a cycle of
            period two, else at the end of the run.
        eta_lambda: ``eta lambda_max``.
        threshold: the limit of ``eta_lambda`` for stable steps: 2 for plain descent.
        critical_rate: ``threshold/lambda_max``.
        best_rate: ``2/(lambda_min + lambda_max)`` for plain descent, if all curvatures are known.
        direction: the parameters that make up the most curved direction, with their shares.
        at: where ``lambda_max`` was measured: "the minimum it hops around", "the end", "the start", or "epoch 7".
        losses: the last losses of the run.
        predicted, real: the losses of the next updates on all rows, predicted from gradient and curvature at the end,
            and computed.
        error: the largest difference between the two, relative to the real loss.
        epochs, course: some epochs (-1: before training), and ``eta lambda_max`` there.
        explanation: the regime in words.
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
        return self.regime in NORMAL

    def __str__(self) -> str:
        highest = f" at the end (highest {number(self.highest)})" if self.highest > 1.01 * self.eta else ""
        lines = [f"learning rate {number(self.eta)}{highest}: {self.regime}"]
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


def verdict(run: TrainingRun, remaining_loss: float = 1.0) -> LearningRate:
    """The verdict on a run that left ``remaining_loss`` of the loss, as a share."""
    case = run.case
    snapshots, known = _measured_curvature(run)
    end = snapshots[-1]
    eta = _rate(run, end)
    epochs = np.array([snapshot.epoch for snapshot, _ in known])
    course = np.array([_rate(run, snapshot) * curvature.lambda_max for snapshot, curvature in known])
    highest = max(case.highest_rate, eta)
    regime = regime_of(run, epochs, course, eta, remaining_loss=remaining_loss, lowered=highest / eta)
    at, curvature = _decisive_curvature(case, snapshots, known, regime)
    predicted, real = next_losses(case, end, eta) if run.error is None else (np.array([]), np.array([]))
    error = float(np.max(np.abs(predicted - real) / np.maximum(np.abs(real), 1e-300))) if real.size else np.nan
    lambda_max = curvature.lambda_max if curvature is not None else np.nan
    threshold = threshold_of(case)
    return LearningRate(
        regime=regime,
        eta=eta,
        highest=highest,
        lambda_max=lambda_max,
        eta_lambda=eta * lambda_max,
        threshold=threshold,
        critical_rate=threshold / lambda_max if lambda_max > 0 else np.inf,
        best_rate=curvature.best_rate if curvature is not None and _is_plain_descent(case) else None,
        direction=curvature.shares if curvature is not None else (),
        at=at,
        losses=run.losses[-6:],
        predicted=predicted,
        real=real,
        error=error,
        epochs=epochs,
        course=course,
        explanation=EXPLANATIONS[regime],
    )


Measured = list[tuple[Snapshot, Curvature]]
"""Snapshots, each with its curvature."""


def _measured_curvature(run: TrainingRun) -> tuple[list[Snapshot], Measured]:
    """The snapshots of finished epochs, and the curvature at some of them where it can be computed."""
    snapshots = [s for s in run.snapshots if s.epoch < run.history.epochs]
    every = -(-len(snapshots) // MOST_MEASURED)
    some = [s for k, s in enumerate(snapshots) if k % every == 0 or k >= len(snapshots) - 1]
    found = [(s, sharpness(run.case, s)) for s in some]
    return snapshots, [(s, curvature) for s, curvature in found if curvature is not None]


def _decisive_curvature(
    case: Case, snapshots: list[Snapshot], known: Measured, regime: str
) -> tuple[str, Curvature | None]:
    """Where the curvature is taken that the verdict names, in words, and its value."""
    end = snapshots[-1]
    curvature = known[-1][1] if known and known[-1][0] is end else None
    descent = isinstance(case.optimizer, SGD)
    if curvature is not None and descent:
        exact = sharpness(case, end, whole_up_to=500)
        curvature = exact if exact is not None else curvature
    if regime in ("period two", "zig-zag") and case.full_batch and descent and len(snapshots) > 1:
        between = minimum_between(case, snapshots[-2], snapshots[-1])
        if between is not None:
            return "the minimum it hops around", between
    if curvature is None and known:
        last, curvature = known[-1]
        return ("the start" if last.epoch < 0 else f"epoch {last.epoch}"), curvature
    return "the end", curvature


def _is_plain_descent(case: Case) -> bool:
    return isinstance(case.optimizer, SGD) and not case.optimizer.momentum


def _rate(run: TrainingRun, snapshot: Snapshot) -> float:
    rates = run.history.learning_rates
    if snapshot.epoch < 0 or not rates:
        return run.case.learning_rate(0)
    return float(rates[min(snapshot.epoch, len(rates) - 1)])
