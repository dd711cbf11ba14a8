"""Standardising along an axis, then scaling and shifting: what layer and batch normalisation share.

``xhat = (a_in - mean)/s`` with ``s = sqrt(variance + epsilon)``, ``z = gamma xhat + beta``, ``a = phi(z)``. Mean and
variance are taken along an axis (the units of a row, or the rows of a unit). With ``m(.)`` the mean along that axis,
the Jacobian of xhat by a_in is symmetric: ``J v = (v - m(v) - xhat m(xhat v))/s``; where mean and variance are fixed
numbers (running statistics) it is ``v/s``.

References: Ioffe & Szegedy 2015, arXiv 1502.03167; Ba, Kiros & Hinton 2016, arXiv 1607.06450. The second-order form
follows by differentiating J along a direction once more, with ``s_dot = m(xhat a_in_dot)``.
"""

from abc import abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from chainrule.core.activations import Activation
from chainrule.core.arrays import Array
from chainrule.core.layers.base import Back, BackDot, Layer, Record, Run


@dataclass(frozen=True, eq=False, repr=False)
class Normalization(Layer):
    """A layer that standardises; its subclasses say along which axis and with which statistics."""

    activation: Activation
    epsilon: float

    axis: ClassVar[int]
    axis_name: ClassVar[str]
    outside_training: ClassVar[str] = ""

    @abstractmethod
    def statistics(self, a_in: Array, state: Record, run: Run) -> tuple[Array, Array, bool]:
        """Mean and variance (kept dimensions), and whether they were taken from these very activations."""

    def units_out(self, units_in: int) -> int:
        """As many as below."""
        return units_in

    def parameter_shapes(self, units_in: int) -> dict[str, tuple[int, ...]]:
        """``gamma`` and ``beta``, one each a unit."""
        return {"gamma": (units_in,), "beta": (units_in,)}

    def initial_parameters(self, units_in: int, rng: np.random.Generator, dtype: np.dtype[Any]) -> Record:
        """``gamma = 1``, ``beta = 0``: standardised, nothing more."""
        del rng
        return {"gamma": np.ones(units_in, dtype), "beta": np.zeros(units_in, dtype)}

    # ------------------------------------------------------------------ forward and backward
    def forward(self, p: Record, a_in: Array, state: Record, run: Run) -> Record:
        """``z = gamma xhat + beta`` and ``a = phi(z)``."""
        mean, variance, own = self.statistics(a_in, state, run)
        s = np.sqrt(variance + a_in.dtype.type(self.epsilon))
        xhat = (a_in - mean) / s
        z = p["gamma"] * xhat + p["beta"]
        kept = {"mean": mean, "variance": variance, "s": s, "own": np.asarray(own), "xhat": xhat}
        return {"a_in": a_in, **kept, "z": z, "a": self.activation.value(z)}

    def backward(self, p: Record, record: Record, da: Array) -> Back:
        """``dgamma = sum_n delta xhat``; ``dbeta = sum_n delta``; ``da_in = J (delta gamma)``."""
        delta = self.activation.pull_back(record["z"], record["a"], da)
        gradients = {"gamma": (delta * record["xhat"]).sum(axis=0), "beta": delta.sum(axis=0)}
        return Back(delta, gradients, self._jacobian_product(record, delta * p["gamma"]))

    def gradients_by_row(self, record: Record, back: Back) -> Record:
        """``dgamma[n] = delta[n] xhat[n]`` and ``dbeta[n] = delta[n]``."""
        return {"gamma": back.delta * record["xhat"], "beta": back.delta}

    def _mean(self, v: Array) -> Array:
        return v.mean(axis=self.axis, keepdims=True)

    def _jacobian_product(self, record: Record, v: Array) -> Array:
        """``J v``; as J is symmetric it serves both directions."""
        if not record["own"]:
            return v / record["s"]
        xhat = record["xhat"]
        return (v - self._mean(v) - xhat * self._mean(xhat * v)) / record["s"]

    # ------------------------------------------------------------------ second order
    def _jacobian_product_dot(self, record: Record, g: Array, a_in_dot: Array) -> Array:
        """``J_dot g``: how ``J g`` changes when the activations move along ``a_in_dot`` and g stays."""
        if not record["own"]:
            return np.zeros_like(g)
        xhat, s = record["xhat"], record["s"]
        xhat_dot = self._jacobian_product(record, a_in_dot)
        s_dot = self._mean(xhat * a_in_dot)
        projection_dot = xhat_dot * self._mean(xhat * g) + xhat * self._mean(xhat_dot * g)
        return -(projection_dot + self._jacobian_product(record, g) * s_dot) / s

    def forward_dot(self, p: Record, p_dot: Record, record: Record, a_in_dot: Array) -> Record:
        """``z_dot = gamma_dot xhat + gamma xhat_dot + beta_dot``."""
        xhat_dot = self._jacobian_product(record, a_in_dot)
        z_dot = p_dot["gamma"] * record["xhat"] + p["gamma"] * xhat_dot + p_dot["beta"]
        a_dot = self.activation.push_forward(record["z"], record["a"], z_dot)
        return {"a_in": a_in_dot, "xhat": xhat_dot, "z": z_dot, "a": a_dot}

    def backward_dot(
        self, p: Record, p_dot: Record, record: Record, dot: Record, da: Array, back: Back, da_dot: Array
    ) -> BackDot:
        """The product rule on each line of ``backward``."""
        delta_dot = self.activation.pull_back_dot(record["z"], record["a"], da, dot["z"], da_dot)
        g = back.delta * p["gamma"]
        g_dot = delta_dot * p["gamma"] + back.delta * p_dot["gamma"]
        dgamma_dot = (delta_dot * record["xhat"] + back.delta * dot["xhat"]).sum(axis=0)
        da_in_dot = self._jacobian_product(record, g_dot) + self._jacobian_product_dot(record, g, dot["a_in"])
        return BackDot({"gamma": dgamma_dot, "beta": delta_dot.sum(axis=0)}, da_in_dot)

    # ------------------------------------------------------------------ how it is shown
    def formulas(self, l: int) -> dict[str, str]:
        """The equations at layer ``l``."""
        phi = self.activation.name
        return {
            "mean": f"mean over {self.axis_name} of a{l - 1}{self.outside_training}",
            "variance": f"mean over {self.axis_name} of (a{l - 1} - mean{l})^2{self.outside_training}",
            "xhat": f"(a{l - 1} - mean{l})/sqrt(variance{l} + {self.epsilon:g})",
            "z": f"gamma{l} xhat{l} + beta{l}",
            "a": f"{phi}(z{l})",
            "delta": f"da{l} {phi}'(z{l})",
            "dgamma": f"sum over rows of delta{l} xhat{l}",
            "dbeta": f"sum over rows of delta{l}",
            "da_in": f"J{l} (delta{l} gamma{l})",
        }
