"""The health of each layer by epoch: whether gradients reach it, and how many of its values can still learn."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core.activations import ElementwiseActivation
from chainrule.core.arrays import Array
from chainrule.core.format import plain
from chainrule.diagnosis.dead_units import off
from chainrule.diagnosis.gradient_flow import FLAT, saturates, slopes
from chainrule.diagnosis.measurements import Measurements

DECADES = 4.0
"""A gradient this many powers of ten below the largest layer's counts as 0."""

MOST = 24


@dataclass(frozen=True, eq=False)
class Health:
    """Two measures from 0 (lost) to 1 (healthy), by fully connected layer and epoch.

    Attributes:
        epochs: at which they were measured (E,); -1 is before training.
        layers: the layers' numbers (L,).
        gradients: (L, E): 1 for the layer with the largest gradient (root mean square), a quarter less for each power
            of ten below it; 0 where the gradient is 0 or not finite.
        units: (L, E): share of the layer's values (rows times units) that are neither off nor saturated.
    """

    epochs: Array
    layers: Array
    gradients: Array
    units: Array

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {name: plain(value) for name, value in vars(self).items()}


def health(run: Measurements) -> Health:
    """The health of a run's layers at its snapshots."""
    snapshots = run.training.snapshots
    chosen = [snapshots[k] for k in np.unique(np.linspace(0, len(snapshots) - 1, MOST).round().astype(int))]
    gradients, units = [], []
    for snapshot in chosen:
        done = run.pass_at(snapshot)
        with np.errstate(all="ignore"):
            norms = np.array([np.sqrt(np.mean(done.backs[l - 1].gradients["W"] ** 2)) for l in run.dense])
            top = norms[np.isfinite(norms)].max(initial=0.0)
            score = 1 + np.log10(np.maximum(norms, 1e-300) / top) / DECADES if top > 0 else np.zeros_like(norms)
        gradients.append(np.clip(np.nan_to_num(score, nan=0.0, posinf=0.0, neginf=0.0), 0, 1))
        units.append([_share_that_learns(run, l, done.records[l - 1]["z"]) for l in run.dense])
    return Health(
        np.array([s.epoch for s in chosen]), np.array(run.dense), np.array(gradients).T, np.array(units, float).T
    )


def _share_that_learns(run: Measurements, l: int, z: Array) -> float:
    """The share of a layer's values (rows times units) whose slope is not nearly 0."""
    phi = run.activation(l)
    if not np.isfinite(z).all():
        return 0.0
    if isinstance(phi, ElementwiseActivation) and saturates(phi):
        return float(np.mean(slopes(phi, z) >= FLAT))
    return float(1 - np.mean(off(phi, z)))
