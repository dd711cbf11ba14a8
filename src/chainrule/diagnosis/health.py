"""How well each layer is, epoch by epoch: whether gradients reach it, and how many of its units can still learn."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.activations import ElementwiseActivation
from chainrule.core.arrays import Array
from chainrule.core.format import plain
from chainrule.diagnosis.dead_units import off
from chainrule.diagnosis.gradient_flow import FLAT, saturates, slopes
from chainrule.diagnosis.measurements import Readings

DECADES = 4.0
"""A gradient so many powers of ten below the largest layer's counts as none."""

MOST = 24


@dataclass(frozen=True, eq=False)
class Health:
    """Two measures from 0 (lost) to 1 (well), by fully connected layer and epoch.

    Attributes:
        epochs: at which they were taken (E,); -1 is before training.
        layers: the layers' numbers (L,).
        gradients: (L, E): 1 where the layer's gradient (root mean square) is the largest of all layers, less a quarter
            for each power of ten below it; 0 where there is none, or it is not finite.
        units: (L, E): share of the layer's values (rows times units) that are neither off nor saturated.
    """

    epochs: Array
    layers: Array
    gradients: Array
    units: Array

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {name: plain(value) for name, value in vars(self).items()}


def health(r: Readings) -> Health:
    """At a run's snapshots."""
    snapshots = r.ran.snapshots
    chosen = [snapshots[k] for k in np.unique(np.linspace(0, len(snapshots) - 1, MOST).round().astype(int))]
    gradients, units = [], []
    for snapshot in chosen:
        done = r.pass_at(snapshot)
        with np.errstate(all="ignore"):
            norms = np.array([np.sqrt(np.mean(done.backs[l - 1].gradients["W"] ** 2)) for l in r.dense])
            top = norms[np.isfinite(norms)].max(initial=0.0)
            score = 1 + np.log10(np.maximum(norms, 1e-300) / top) / DECADES if top > 0 else np.zeros_like(norms)
        gradients.append(np.clip(np.nan_to_num(score, nan=0.0, posinf=0.0, neginf=0.0), 0, 1))
        units.append([_able(r, l, done.records[l - 1]["z"]) for l in r.dense])
    return Health(
        np.array([s.epoch for s in chosen]), np.array(r.dense), np.array(gradients).T, np.array(units, float).T
    )


def _able(r: Readings, l: int, z: Array) -> float:
    """The share of values on which a unit's slope is not nearly 0."""
    phi = r.activation(l)
    if not np.isfinite(z).all():
        return 0.0
    if isinstance(phi, ElementwiseActivation) and saturates(phi):
        return float(np.mean(slopes(phi, z) >= FLAT))
    return float(1 - np.mean(off(phi, z)))
