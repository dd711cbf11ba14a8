"""Units that begin equal and therefore stay equal: equal weights in and out give equal gradients for ever.

Goodfellow, Bengio & Courville 2016, Deep Learning, section 8.4: initial weights must break the symmetry
between units. The gradients are compared too, so this is exact.
"""

from dataclasses import dataclass

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.layers import Dense
from chainrule.diagnosis import remedies
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.rule import Rule, Suspicion


@dataclass(frozen=True)
class EqualUnits:
    """By layer, the units with equal weights, biases and gradients before training.

    Attributes:
        alike: by layer, the size of its largest group of equal units.
        units: by layer, how many it has.
        still: by layer, whether the group is still equal after training.
    """

    alike: dict[int, int]
    units: dict[int, int]
    still: dict[int, bool]


def measure(run: Measurements) -> EqualUnits | None:
    """Find groups of equal units in hidden layers."""
    alike: dict[int, int] = {}
    units: dict[int, int] = {}
    still: dict[int, bool] = {}
    first, last = (
        run.training.snapshots[0].model(run.case).parameters,
        run.training.snapshots[-1].model(run.case).parameters,
    )
    for l in run.hidden:
        layer = run.case.chain.layers[l - 1]
        assert isinstance(layer, Dense)
        if layer.units < 2 or layer.mask is not None:
            continue
        gradients = run.start.backs[l - 1].gradients
        groups = _groups(np.vstack([first[f"W{l}"], _bias(first, l, layer.units), gradients["W"]]))
        size = max(len(group) for group in groups)
        if size > 1:
            group = next(g for g in groups if len(g) == size)
            alike[l], units[l] = size, layer.units
            W = last[f"W{l}"][:, group]
            still[l] = bool(np.allclose(W, W[:, :1], rtol=1e-9, atol=0))
    return EqualUnits(alike, units, still) if alike else None


def _bias(p: object, l: int, units: int) -> Array:
    values = p[f"b{l}"] if f"b{l}" in p else np.zeros(units)  # type: ignore[operator, index]
    return np.broadcast_to(values, (1, units))


def _groups(columns: Array) -> list[list[int]]:
    """Units whose columns are equal up to rounding."""
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


def judge(found: EqualUnits, run: Measurements) -> Suspicion | None:
    """Always a suspicion."""
    l = min(found.alike)
    explanation = (
        f"{found.alike[l]} of the {found.units[l]} units of layer {l} begin with the same weights and get the same "
        f"gradients, so they {'are still alike after training and do' if found.still[l] else 'do'} the work of one. "
        "Draw the weights at random."
    )
    evidence = {"layers": found.alike, "units": found.units, "still_alike_in_the_end": found.still}
    layers = (
        sorted({*found.alike, *run.dense})
        if all(_zero(run, k) for k in run.dense)
        else sorted({*found.alike, run.dense[-1]})
    )
    remedy = remedies.vector(
        f"weights of layers {', '.join(map(str, layers))} drawn at random", remedies.redrawn(run.case, layers)
    )
    return Suspicion("symmetric-start", "error", "structural", evidence, explanation, (remedy,), order=14)


def _zero(run: Measurements, l: int) -> bool:
    W = run.case.model.parameters[f"W{l}"]
    return bool(np.ptp(W) == 0)


RULE = Rule("symmetric-start", "Goodfellow, Bengio & Courville 2016, section 8.4", measure, judge)
