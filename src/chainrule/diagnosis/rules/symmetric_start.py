"""Units that begin alike and therefore stay alike: equal weights in and out give equal gradients for ever.

Goodfellow, Bengio & Courville 2016, Deep Learning, section 8.4: breaking symmetry is the one thing an initial draw must
do. Equal gradients are seen here, not guessed.
"""

from dataclasses import dataclass

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.layers import Dense
from chainrule.diagnosis import remedies
from chainrule.diagnosis.measurements import Readings
from chainrule.diagnosis.result import Rule, Suspicion


@dataclass(frozen=True)
class Measured:
    """By layer, the units that are alike: equal weights and biases, and equal gradients of them, before training.

    Attributes:
        alike: from layer to the size of its largest group of units that nothing tells apart.
        units: how many the layer has.
        still: by layer, whether the group is still alike after training.
    """

    alike: dict[int, int]
    units: dict[int, int]
    still: dict[int, bool]


def measure(r: Readings) -> Measured | None:
    """Groups of equal units in hidden layers."""
    alike: dict[int, int] = {}
    units: dict[int, int] = {}
    still: dict[int, bool] = {}
    first, last = r.ran.snapshots[0].model(r.case).parameters, r.ran.snapshots[-1].model(r.case).parameters
    for l in r.hidden:
        layer = r.case.chain.layers[l - 1]
        assert isinstance(layer, Dense)
        if layer.units < 2 or layer.mask is not None:
            continue
        gradients = r.start.backs[l - 1].gradients
        groups = _groups(np.vstack([first[f"W{l}"], _bias(first, l, layer.units), gradients["W"]]))
        size = max(len(group) for group in groups)
        if size > 1:
            group = next(g for g in groups if len(g) == size)
            alike[l], units[l] = size, layer.units
            W = last[f"W{l}"][:, group]
            still[l] = bool(np.allclose(W, W[:, :1], rtol=1e-9, atol=0))
    return Measured(alike, units, still) if alike else None


def _bias(p: object, l: int, units: int) -> Array:
    values = p[f"b{l}"] if f"b{l}" in p else np.zeros(units)  # type: ignore[operator, index]
    return np.broadcast_to(values, (1, units))


def _groups(columns: Array) -> list[list[int]]:
    """Units whose columns are equal but for rounding."""
    scale = np.abs(columns).max(axis=1, keepdims=True)
    relative = columns / np.where(scale > 0, scale, 1.0)
    groups: list[list[int]] = []
    for j in range(columns.shape[1]):
        for group in groups:
            if np.abs(relative[:, j] - relative[:, group[0]]).max() < 1e-9:
                group.append(j)
                break
        else:
            groups.append([j])
    return groups


def judge(m: Measured, r: Readings) -> Suspicion | None:
    """Every group of two or more."""
    l = min(m.alike)
    told = (
        f"{m.alike[l]} of the {m.units[l]} units of layer {l} begin with the same weights and get the same gradients, "
        f"so they {'are still alike after training and do' if m.still[l] else 'do'} the work of one. Draw the weights "
        "at random."
    )
    evidence = {"layers": m.alike, "units": m.units, "still_alike_in_the_end": m.still}
    layers = sorted({*m.alike, *r.dense}) if all(_zero(r, k) for k in r.dense) else sorted({*m.alike, r.dense[-1]})
    remedy = remedies.vector(
        f"weights of layers {', '.join(map(str, layers))} drawn at random", remedies.redrawn(r.case, layers)
    )
    return Suspicion("symmetric-start", "error", "structural", evidence, told, (remedy,), order=14)


def _zero(r: Readings, l: int) -> bool:
    W = r.case.model.parameters[f"W{l}"]
    return bool(np.ptp(W) == 0)


RULE = Rule("symmetric-start", "Goodfellow, Bengio & Courville 2016, section 8.4", measure, judge)
