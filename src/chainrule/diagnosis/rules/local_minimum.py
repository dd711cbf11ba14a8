"""A minimum that is not the lowest: no slope, no way down nearby, while other first weights end clearly lower.

Gori & Tesi 1992, IEEE PAMI 14(1); the XOR network's stuck starts: Rumelhart, Hinton & Williams 1986.
"""

from dataclasses import dataclass

import numpy as np

from chainrule.core.format import number
from chainrule.diagnosis import remedies
from chainrule.diagnosis.curvature import curvature_of
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.rule import Rule, Suspicion
from chainrule.diagnosis.stability import sample
from chainrule.errors import InputError

AT_REST = 0.01  # share of the loss that the last fifth of the run gained, at most
NEARLY_AT_REST = 0.1  # the same if the gradient has almost vanished
FLAT = 5e-3  # of the gradient at the start
STARTS = 5
LEFT = 0.05


@dataclass(frozen=True)
class RestingPoint:
    """Where the run came to rest.

    Attributes:
        gain: share of the loss that the last fifth of the run gained.
        gradient: its Euclidean norm.
        lambda_min, lambda_max: of the Hessian.
    """

    gain: float
    gradient: float
    lambda_min: float
    lambda_max: float


def measure(run: Measurements) -> RestingPoint | None:
    """For runs that came to rest with some loss remaining."""
    if run.training.error is not None or run.losses.size < 10 or run.remaining_loss < LEFT or not run.hidden:
        return None
    k = max(run.losses.size // 5, 1)
    gain = float(1 - run.losses[-k:].mean() / max(float(run.losses[-2 * k : -k].mean()), 1e-300))
    start, end = (float(np.linalg.norm(done.gradient)) for done in (run.start, run.end))
    if gain > (AT_REST if end > FLAT * start else NEARLY_AT_REST):
        return None
    last = run.training.snapshots[-1].model(run.case)
    try:
        curvature = curvature_of(last, sample(run.case.data), l2=run.case.settings.l2, whole_up_to=100)
    except (InputError, np.linalg.LinAlgError):
        return None
    return RestingPoint(gain, float(np.linalg.norm(run.end.gradient)), curvature.lambda_min, curvature.lambda_max)


def judge(found: RestingPoint, run: Measurements) -> Suspicion | None:
    """No direction has notable negative curvature."""
    if found.lambda_min < -0.05 * max(found.lambda_max, 1e-12):
        return None
    explanation = (
        f"Training has come to rest at a loss of {number(run.losses[-1], 4)}: the last fifth of the run gained "
        f"{found.gain:.2%}, the gradient's norm is {number(found.gradient, 2)}, and no direction curves down "
        f"(lambda_min {number(found.lambda_min, 2)}, lambda_max {number(found.lambda_max, 2)}). Other first weights "
        "may end lower."
    )
    tried = tuple(
        remedies.vector(f"first weights drawn from seed {seed}", run.case.fresh(seed))
        for seed in range(1001, 1001 + STARTS)
    )
    return Suspicion(
        "local-minimum", "warning", "exact", dict(vars(found)), explanation, tried, order=55,
        follows="if suspected at first",
    )  # fmt: skip


RULE = Rule("local-minimum", "Gori & Tesi 1992", measure, judge)
