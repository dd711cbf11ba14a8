"""The loss around the end of a run, on the plane of its gradient and its most curved direction, with the path to it.

Such planes are from Li, Xu, Taylor, Studer & Goldstein 2018, NeurIPS. A plane holds only a part of the path's length;
that share is computed too.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import plain
from chainrule.diagnosis.curvature import Hessian, curvature_of
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.stability import sample
from chainrule.errors import InputError
from chainrule.training import evaluate

GRID = 41
ROWS = 400
MARGIN = 0.35


@dataclass(frozen=True, eq=False)
class Landscape:
    """The loss on a plane through the last parameters.

    Attributes:
        along, across: distances from the last parameters (G,): along the most curved direction, and across it, along
            the gradient (or the path's own direction, where the gradient has no other part).
        loss: (G, G), rows by ``across``.
        path: (S, 2): the run's snapshots, projected onto the plane.
        share: how much of the path's squared length the plane holds.
        across_is: "gradient" or "path".
        curved: the parameters of the most curved direction, in words.
    """

    along: Array
    across: Array
    loss: Array
    path: Array
    share: float
    across_is: str
    curved: str

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        arrays = {name: plain(getattr(self, name)) for name in ("along", "across", "loss", "path", "share")}
        return arrays | {"across_is": self.across_is, "curved": self.curved}


def landscape(run: Measurements) -> Landscape | None:
    """The landscape around the end of a run; None if the loss is not finite there, or there is only one parameter."""
    end = run.training.snapshots[-1]
    model = end.model(run.case)
    data = sample(run.case.data, ROWS)
    try:
        found = curvature_of(model, data, whole_up_to=60)
    except (InputError, np.linalg.LinAlgError):
        return None
    path = np.array([s.vector.astype(np.float64) - end.vector for s in run.training.snapshots])
    u = found.direction / max(float(np.linalg.norm(found.direction)), 1e-300)
    second = _second(u, Hessian(model, data).gradient, path)
    if second is None:
        return None
    v, across_is = second
    projected = np.column_stack([path @ u, path @ v])
    whole = float((path**2).sum())
    along, across = _reach(projected[:, 0]), _reach(projected[:, 1])
    exact, rows = model.as_float64(), data.as_float64()
    loss = np.empty((GRID, GRID))
    with np.errstate(all="ignore"):
        for i, down in enumerate(across):
            for j, right in enumerate(along):
                exact.parameters.vector[...] = end.vector + right * u + down * v
                loss[i, j] = evaluate(exact, rows)
    share = min(float((projected**2).sum()) / whole, 1.0) if whole > 0 else 1.0  # rounding may add a last bit
    return Landscape(along, across, loss, projected, share, across_is, found.named)


def _second(u: Array, gradient: Array, path: Array) -> tuple[Array, str] | None:
    """A direction orthogonal to ``u``, and its name: the gradient's, or else the path's main one."""
    rest = gradient - (gradient @ u) * u
    if np.linalg.norm(rest) > 0.05 * np.linalg.norm(gradient) and np.linalg.norm(rest) > 1e-9:
        return rest / np.linalg.norm(rest), "gradient"
    beside = path - np.outer(path @ u, u)
    if np.abs(beside).max(initial=0.0) < 1e-12:
        return None
    v = np.linalg.svd(beside, full_matrices=False)[2][0]
    v = v - (v @ u) * u
    return v / np.linalg.norm(v), "path"


def _reach(projected: Array) -> Array:
    """Distances that cover the path, with a margin."""
    low, high = float(projected.min()), float(projected.max())
    room = max(MARGIN * (high - low), 0.05)
    return np.linspace(low - room, high + room, GRID)
