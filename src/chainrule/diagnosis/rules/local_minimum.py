"""A minimum that is not the lowest: no slope, no way down nearby, and other first weights end clearly lower.

Gori & Tesi 1992, IEEE PAMI 14(1); the XOR network's stuck starts: Rumelhart, Hinton & Williams 1986.
"""

from dataclasses import dataclass

import numpy as np

from chainrule.core.format import number
from chainrule.diagnosis import remedies
from chainrule.diagnosis.curvature import curvature_of
from chainrule.diagnosis.learning_rate import sample
from chainrule.diagnosis.measurements import Readings
from chainrule.diagnosis.result import Rule, Suspicion
from chainrule.errors import InputError

AT_REST = 0.01  # of the loss, that the last fifth of the run still gained
NEARLY_AT_REST = 0.1  # where the gradient has all but vanished
FLAT = 5e-3  # of the gradient at the start
STARTS = 5
LEFT = 0.05


@dataclass(frozen=True)
class Measured:
    """How still it is.

    Attributes:
        gain: share of the loss that the last fifth of the run gained.
        gradient: Euclidean norm.
        lambda_min, lambda_max: of the Hessian.
    """

    gain: float
    gradient: float
    lambda_min: float
    lambda_max: float


def measure(r: Readings) -> Measured | None:
    """For runs at rest that leave something."""
    if r.ran.error is not None or r.losses.size < 10 or r.left < LEFT or not r.hidden:
        return None
    k = max(r.losses.size // 5, 1)
    gain = float(1 - r.losses[-k:].mean() / max(float(r.losses[-2 * k : -k].mean()), 1e-300))
    start, end = (float(np.linalg.norm(done.gradient)) for done in (r.start, r.end))
    if gain > (AT_REST if end > FLAT * start else NEARLY_AT_REST):
        return None
    last = r.ran.snapshots[-1].model(r.case)
    try:
        found = curvature_of(last, sample(r.case.data), l2=r.case.settings.l2, whole_up_to=100)
    except (InputError, np.linalg.LinAlgError):
        return None
    return Measured(gain, float(np.linalg.norm(r.end.gradient)), found.lambda_min, found.lambda_max)


def judge(m: Measured, r: Readings) -> Suspicion | None:
    """No direction of notable negative curvature."""
    if m.lambda_min < -0.05 * max(m.lambda_max, 1e-12):
        return None
    told = (
        f"Training has come to rest at a loss of {number(r.losses[-1], 4)}: the last fifth of the run gained "
        f"{m.gain:.2%}, "
        f"the gradient's norm is {number(m.gradient, 2)}, and no direction curves down (lambda_min "
        f"{number(m.lambda_min, 2)}, lambda_max {number(m.lambda_max, 2)}). Other first weights may end lower."
    )
    tried = tuple(
        remedies.vector(f"first weights drawn from seed {seed}", r.case.fresh(seed))
        for seed in range(1001, 1001 + STARTS)
    )
    return Suspicion("local-minimum", "warning", "exact", dict(vars(m)), told, tried, order=55)


RULE = Rule("local-minimum", "Gori & Tesi 1992", measure, judge)
