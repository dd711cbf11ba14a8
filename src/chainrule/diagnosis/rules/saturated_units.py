"""Units whose net inputs lie where the activation is flat: their slope, and with it their gradient, is nearly 0.

LeCun, Bottou, Orr & Müller 1998, Efficient BackProp, section 4.4; Glorot & Bengio 2010, AISTATS.
"""

from dataclasses import dataclass

import numpy as np

from chainrule.core.activations import ElementwiseActivation
from chainrule.core.format import number
from chainrule.core.layers import Run
from chainrule.diagnosis import remedies
from chainrule.diagnosis.case import Case
from chainrule.diagnosis.gradient_flow import FLAT, saturates, slopes
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.rule import Remedy, Rule, Suspicion

SHARE = 0.4  # of a layer's values


@dataclass(frozen=True)
class Saturation:
    """By bounded layer, how much of it is saturated before training.

    Attributes:
        layers: their numbers.
        flat: share of (row, unit) whose slope is below a twentieth of the steepest.
        lost: share of the gradient's norm that the slopes take away.
        units: by layer, the units that are flat on most rows.
        size: by layer, root mean square of the net inputs.
    """

    layers: list[int]
    flat: list[float]
    lost: list[float]
    units: dict[int, list[int]]
    size: list[float]


def measure(run: Measurements) -> Saturation | None:
    """For layers whose activation is bounded on both sides."""
    layers, flat, lost, size = [], [], [], []
    units: dict[int, list[int]] = {}
    for l in run.hidden:
        phi = run.activation(l)
        if not isinstance(phi, ElementwiseActivation) or not saturates(phi):
            continue
        z = run.start.records[l - 1]["z"]
        slope = slopes(phi, z)
        above = run.start.backs[l].da_in
        layers.append(l)
        flat.append(float(np.mean(slope < FLAT)))
        whole = float(np.linalg.norm(above))
        lost.append(1 - float(np.linalg.norm(slope * above)) / whole if whole else 0.0)
        size.append(float(np.sqrt(np.mean(z**2))))
        units[l] = np.flatnonzero(np.mean(slope < FLAT, axis=0) > 0.5).tolist()
    return Saturation(layers, flat, lost, units, size) if layers else None


def judge(found: Saturation, run: Measurements) -> Suspicion | None:
    """A good part of a layer is saturated."""
    k = int(np.argmax(found.flat))
    if found.flat[k] < SHARE:
        return None
    l = found.layers[k]
    phi = run.activation(l)
    explanation = (
        f"Of layer {l}'s values {found.flat[k]:.0%} lie where {phi.name if phi else ''} is flat (slope below a "
        f"twentieth of its steepest): the net inputs are of size {number(found.size[k], 3)}, and {found.lost[k]:.0%} "
        "of the gradient that comes from above is lost there. Scale the inputs, or draw smaller weights."
    )
    evidence = {
        "layers": found.layers, "share_flat": found.flat, "gradient_lost": found.lost,
        "units_flat_on_most_rows": found.units, "net_input_size": found.size,
    }  # fmt: skip
    wide = [layer for layer, share in zip(found.layers, found.flat, strict=True) if share >= SHARE]
    text = f"weights and biases of layers {', '.join(map(str, wide))} scaled so that net inputs are of size 1"
    remedy = Remedy(text, {"net": "smaller first weights"}, lambda case: _scaled_down(case, run, wide, text))
    afresh = f"weights of layers {', '.join(map(str, wide))} drawn afresh, biases 0"
    tried = (remedy, remedies.vector(afresh, remedies.redrawn(run.case, wide)))
    return Suspicion("saturated-units", "warning", "exact", evidence, explanation, tried, order=32)


def _scaled_down(case: Case, run: Measurements, layers: list[int], text: str) -> Case:
    """Each layer's weights divided by the size of its net inputs, from the first up."""
    new = case.model.parameters.with_vector(case.model.parameters.vector.copy())
    a = run.rows.x
    for l, layer in enumerate(case.chain.layers, start=1):
        record = layer.forward(new.of_layer(l), a, case.model.state[l - 1], Run(state=case.model.state))
        if l in layers:
            size = float(np.sqrt(np.mean(record["z"] ** 2)))
            for view in new.of_layer(l).values():
                view[...] = view / max(size, 1e-300)
            record = layer.forward(new.of_layer(l), a, case.model.state[l - 1], Run(state=case.model.state))
        a = record["a"]
    return case.with_vector(text, new.vector)


RULE = Rule("saturated-units", "LeCun et al. 1998, section 4.4", measure, judge)
