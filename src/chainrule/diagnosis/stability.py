"""Curvature as the optimizer sees it, and the threshold up to which its steps are stable.

On a parabola, plain descent multiplies the error along an eigenvector by ``1 - eta lambda`` at each step: below 1
smooth, from 1 to 2 zig-zag, at 2 a cycle of period two, above 2 it diverges. Momentum and preconditioning move the 2:

- heavy ball with momentum b: ``2(1 + b)``; Nesterov: ``(2 + 2b)/(1 + 2b)``;
- Adam: ``(2 + 2 beta1)/(1 - beta1)``, for the curvature divided by what Adam divides gradients by.

References: Cohen, Kaur, Li, Kolter & Talwalkar 2021, ICLR (edge of stability, momentum); Cohen et al. 2022, arXiv
2207.14484 (adaptive optimizers).
"""

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.model import Model
from chainrule.diagnosis.case import Case
from chainrule.diagnosis.curvature import Curvature, Hessian, curvature_of
from chainrule.diagnosis.runs import Snapshot
from chainrule.errors import InputError
from chainrule.optimizers import SGD, Adam, AdamW, NAdam, RMSprop
from chainrule.training import Data

MOST_ROWS = 2000
"""Curvature is computed on at most so many rows, evenly spread."""


def threshold_of(case: Case) -> float:
    """The limit of ``eta lambda`` for stable steps on a parabola; NaN for optimizers that have none."""
    optimizer = case.optimizer
    if isinstance(optimizer, SGD):
        b = optimizer.momentum
        return (2 + 2 * b) / (1 + 2 * b) if optimizer.nesterov else 2 * (1 + b)
    if isinstance(optimizer, Adam | AdamW | NAdam):
        return (2 + 2 * optimizer.beta1) / (1 - optimizer.beta1)
    return 2.0 if isinstance(optimizer, RMSprop) else np.nan


def scale_of(case: Case, snapshot: Snapshot) -> Array | None:
    """What the optimizer divides each gradient by at a snapshot; None for plain descent and if it was not recorded."""
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
    """All rows, or ``most`` of them, evenly spread."""
    if len(data.x) <= most:
        return data
    rows = np.linspace(0, len(data.x) - 1, most).astype(int)
    return Data(data.x[rows], data.t[rows], None if data.weights is None else data.weights[rows])


def sharpness(case: Case, snapshot: Snapshot, *, whole_up_to: int = 60) -> Curvature | None:
    """The curvature as the optimizer sees it at a snapshot; None if it cannot be computed."""
    scale = scale_of(case, snapshot)
    if scale is None and not isinstance(case.optimizer, SGD):
        return None
    try:
        return curvature_of(
            snapshot.model(case), sample(case.data), scale=scale, l2=case.settings.l2, whole_up_to=whole_up_to
        )
    except (InputError, np.linalg.LinAlgError):
        return None


def minimum_between(case: Case, one: Snapshot, other: Snapshot) -> Curvature | None:
    """The curvature at the minimum between two points of a cycle, found by descent from their midpoint."""
    from scipy.optimize import minimize  # noqa: PLC0415 - scipy only where a cycle was seen

    model = one.model(case)
    free = np.flatnonzero(Hessian(model, case.data).free)
    between = (one.vector.astype(np.float64) + other.vector.astype(np.float64)) / 2
    base = between.copy()

    def loss(v: Array) -> tuple[float, Array]:
        base[free] = v
        here = Hessian(at(model, base.copy()), case.data, l2=case.settings.l2)
        return here.done.loss + float((here.l2 * base * base).sum() / 2), here.gradient[free]

    with np.errstate(all="ignore"):
        done = minimize(
            loss, between[free], jac=True, method="L-BFGS-B", options={"maxiter": 500, "ftol": 1e-15, "gtol": 1e-10}
        )
    minimum = between.copy()
    minimum[free] = done.x
    try:
        return curvature_of(at(model, minimum), case.data, l2=case.settings.l2)
    except (InputError, np.linalg.LinAlgError):
        return None


def at(model: Model, vector: Array) -> Model:
    """The model with other parameters and the same state."""
    return type(model)(model.chain, model.parameters.with_vector(vector), model.state)
