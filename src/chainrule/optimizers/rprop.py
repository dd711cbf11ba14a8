"""Rprop: only the gradient's sign counts; a parameter's step grows while the sign stays, shrinks when it turns."""

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from chainrule.core.arrays import Array
from chainrule.optimizers.base import Moments, Optimizer
from chainrule.optimizers.schedules import Schedule


@final
@dataclass(frozen=True)
class Rprop(Optimizer):
    """``step`` times ``increase`` where the sign stayed, times ``decrease`` where it turned; ``update = sign(g) step``.

    Where the sign turned, this update is 0 and the next sign counts as new. For full batches: the sign of a small
    batch's gradient is mostly noise. The learning rate is each parameter's first step; a schedule does not act later.

    References:
        Riedmiller & Braun 1993, IEEE ICNN; without weight-backtracking (iRprop-): Igel & Hüsken 2003,
        Neurocomputing 50.
    """

    learning_rate: float | Schedule = 0.01
    increase: float = 1.2
    decrease: float = 0.5
    smallest: float = 1e-6
    largest: float = 50.0
    weight_decay: float = 0.0
    equations: ClassVar[tuple[str, ...]] = (
        "turn = sign(g*previous)",
        "grown = Min(step*increase, largest)",
        "shrunk = Max(step*decrease, smallest)",
        "step = Piecewise((grown, turn > 0), (shrunk, turn < 0), (step, True))",
        "previous = Piecewise((0, turn < 0), (g, True))",
        "update = sign(previous)*step",
    )

    def start(self, size: int, dtype: np.dtype[Any], learning_rate: float) -> Moments:
        """Each step at the learning rate, no gradient seen yet."""
        return {"step": np.full(size, learning_rate, dtype), "previous": np.zeros(size, dtype)}

    def update(self, moments: Moments, g: Array, eta: float, count: int) -> tuple[Array, Moments]:
        """The equations."""
        del eta, count
        turn = np.sign(g) * np.sign(moments["previous"])
        grown = np.minimum(moments["step"] * self.increase, self.largest)
        shrunk = np.maximum(moments["step"] * self.decrease, self.smallest)
        step = np.where(turn > 0, grown, np.where(turn < 0, shrunk, moments["step"])).astype(g.dtype)
        previous = np.where(turn < 0, g.dtype.type(0), g)
        return np.sign(previous) * step, {"step": step, "previous": previous}
