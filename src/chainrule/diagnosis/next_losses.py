"""The next losses of a run, predicted from gradient and curvature and computed for comparison."""

from collections.abc import Callable
from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.model import Model
from chainrule.diagnosis.case import Case
from chainrule.diagnosis.curvature import Hessian
from chainrule.diagnosis.runs import Snapshot
from chainrule.diagnosis.stability import at, sample

STEPS = 5
"""How many updates are predicted."""

Update = Callable[[Any, Array, int], tuple[Array, Any]]
"""An optimizer's update number k: from moments and gradient to step and moments."""


def next_losses(case: Case, snapshot: Snapshot, eta: float, steps: int = STEPS) -> tuple[Array, Array]:
    """The losses after each of the next updates on all rows: (predicted, computed).

    Both follow the optimizer's own rule. The prediction takes loss and gradient from the parabola at the snapshot,
    ``E + g d + d' H d/2`` and ``g + H d``.
    """
    model, data = snapshot.model(case), sample(case.data)
    here = Hessian(model, data, l2=case.settings.l2)
    if not here.finite:
        return np.array([]), np.array([])
    start = case.optimizer.start(case.chain.size, np.dtype(np.float64), eta)
    known = snapshot.moments is not None
    moments = {
        key: np.asarray(value, np.float64)
        for key, value in (snapshot.moments if known else start).items()  # type: ignore[union-attr]
    }
    count = snapshot.count if known else 0

    def update(moments: Any, gradient: Array, k: int) -> tuple[Array, Any]:
        return case.optimizer.update(moments, gradient, eta, count + k + 1)

    predicted = _on_the_parabola(here, update, moments, steps)
    computed = _on_the_loss(case, model, here.parameters.vector, update, moments, steps)
    return (predicted if len(computed) == steps else predicted[: len(computed)]), computed


def _on_the_parabola(here: Hessian, update: Update, moments: Any, steps: int) -> Array:
    losses = []
    d = np.zeros_like(here.parameters.vector)
    for k in range(steps):
        step, moments = update(moments, here.gradient + here @ d, k)
        d = d - np.where(here.free, step, 0.0)
        penalty = float((here.l2 * d * d).sum() / 2)  # in d' H d/2, but not in the losses that are reported
        losses.append(here.done.loss + here.done.gradient @ d + d @ (here @ d) / 2 - penalty)
    return np.array(losses)


def _on_the_loss(case: Case, model: Model, vector: Array, update: Update, moments: Any, steps: int) -> Array:
    """Until the loss is not finite."""
    losses = []
    data = sample(case.data)
    for k in range(steps):
        here = Hessian(at(model, vector), data, l2=case.settings.l2)
        if not here.finite:
            break
        step, moments = update(moments, here.gradient, k)
        vector = vector - np.where(here.free, step, 0.0)
        with np.errstate(all="ignore"):
            losses.append(Hessian(at(model, vector), data).done.loss)
    return np.array(losses)
