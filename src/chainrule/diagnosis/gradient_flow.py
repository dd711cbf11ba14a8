"""How the gradient changes from layer to layer in backpropagation, and by which factor: weights or slopes.

``dE/da_(l-1) = (dE/da_l phi'(z_l)) W_l'``: each layer multiplies by the slope and then by the weights. Hochreiter 1991;
Bengio, Simard & Frasconi 1994; Glorot & Bengio 2010, AISTATS.
"""

from dataclasses import dataclass

import numpy as np

from chainrule.core.activations import ElementwiseActivation
from chainrule.core.arrays import Array
from chainrule.core.chain import Pass
from chainrule.diagnosis.measurements import Measurements


@dataclass(frozen=True)
class Factor:
    """By how much one layer multiplies the gradient.

    Attributes:
        layer: its number.
        slope: norm of ``dE/dz_l`` over that of ``dE/da_l``.
        weights: norm of ``dE/da_(l-1)`` over that of ``dE/dz_l``.
        gradient: root mean square of ``dE/dW_l``.
    """

    layer: int
    slope: float
    weights: float
    gradient: float

    @property
    def product(self) -> float:
        """The layer's whole factor."""
        return self.slope * self.weights

    def to_dict(self) -> dict[str, float]:
        """Plain data, for the evidence."""
        return {"layer": self.layer, "slope": self.slope, "weights": self.weights, "gradient": self.gradient}


def factors(run: Measurements, done: Pass) -> list[Factor]:
    """The factor of each fully connected layer, from the first."""
    found = []
    for l in run.dense:
        back = done.backs[l - 1]
        above = done.dy if l == len(done.backs) else done.backs[l].da_in
        up, delta, down = (float(np.linalg.norm(v)) for v in (above, back.delta, back.da_in))
        found.append(
            Factor(
                l,
                delta / up if up else 0.0,
                down / delta if delta else 0.0,
                float(np.sqrt(np.mean(back.gradients["W"] ** 2))),
            )
        )
    return found


FLAT = 0.05
"""Share of the steepest slope below which a value counts as saturated."""


def slopes(phi: ElementwiseActivation, z: Array) -> Array:
    """``phi'(z)`` relative to the steepest."""
    steepest = float(np.abs(phi.derivative(np.linspace(-3, 3, 121))).max())
    return np.abs(phi.derivative(z)) / steepest


def saturates(phi: object) -> bool:
    """Whether an activation is bounded on both sides."""
    return isinstance(phi, ElementwiseActivation) and bool(np.isfinite(phi.range).all())


def saturated_shares(run: Measurements) -> list[float]:
    """By bounded hidden layer, the share of its values that are saturated before training."""
    found = []
    for l in run.hidden:
        phi = run.activation(l)
        if isinstance(phi, ElementwiseActivation) and saturates(phi):
            found.append(float(np.mean(slopes(phi, run.start.records[l - 1]["z"]) < FLAT)))
    return found
