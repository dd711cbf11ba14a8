"""Scaling: each unit is multiplied by a learned factor of its own, ``z = gamma a_in``."""

from dataclasses import dataclass
from typing import Any, final

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.layers.base import Back, BackDot, Layer, Record, Run
from chainrule.core.layers.checks import check_number


@final
@dataclass(frozen=True, eq=False, init=False, repr=False)
class Scale(Layer):
    """``a[n, j] = gamma[j] a_in[n, j]``.

    With inputs below it, a factor near 0 is an input that the network has learned to leave out; after a layer, a small
    ``start`` lets that layer join in little by little.

    Args:
        start: every factor before training.
        trainable: whether ``fit`` changes the factors.

    Raises:
        InputError: an argument cannot be used.

    Example:
        >>> Scale().parameter_shapes(3)
        {'gamma': (3,)}

    References:
        Touvron, Cord, Sablayrolles, Synnaeve & Jegou 2021, ICCV, arXiv 2103.17239: there called LayerScale.
    """

    start: float

    def __init__(self, start: float = 1.0, *, trainable: bool = True) -> None:
        put = object.__setattr__
        put(self, "start", check_number("start", start, -np.inf, np.inf, low_open=True))
        put(self, "trainable", bool(trainable))

    def units_out(self, units_in: int) -> int:
        """As many as below."""
        return units_in

    def parameter_shapes(self, units_in: int) -> dict[str, tuple[int, ...]]:
        """``gamma``, one for each unit."""
        return {"gamma": (units_in,)}

    def initial_parameters(self, units_in: int, rng: np.random.Generator, dtype: np.dtype[Any]) -> Record:
        """All ``start``."""
        del rng
        return {"gamma": np.full(units_in, self.start, dtype)}

    # ------------------------------------------------------------------ forward and backward
    def forward(self, p: Record, a_in: Array, state: Record, run: Run) -> Record:
        """``a = z = gamma a_in``."""
        del state, run
        z = p["gamma"] * a_in
        return {"a_in": a_in, "z": z, "a": z}

    def backward(self, p: Record, record: Record, da: Array) -> Back:
        """``delta = da``; ``dgamma = sum_n delta a_in``; ``da_in = gamma delta``."""
        return Back(da, {"gamma": (da * record["a_in"]).sum(axis=0)}, p["gamma"] * da)

    def gradients_by_row(self, record: Record, back: Back) -> Record:
        """``dgamma[n] = delta[n] a_in[n]``."""
        return {"gamma": back.delta * record["a_in"]}

    # ------------------------------------------------------------------ second order
    def forward_dot(self, p: Record, p_dot: Record, record: Record, a_in_dot: Array) -> Record:
        """``z_dot = gamma_dot a_in + gamma a_in_dot``."""
        z_dot = p_dot["gamma"] * record["a_in"] + p["gamma"] * a_in_dot
        return {"a_in": a_in_dot, "z": z_dot, "a": z_dot}

    def backward_dot(
        self, p: Record, p_dot: Record, record: Record, dot: Record, da: Array, back: Back, da_dot: Array
    ) -> BackDot:
        """The product rule on each line of ``backward``."""
        del back
        dgamma_dot = (da_dot * record["a_in"] + da * dot["a_in"]).sum(axis=0)
        return BackDot({"gamma": dgamma_dot}, p["gamma"] * da_dot + p_dot["gamma"] * da)

    # ------------------------------------------------------------------ how it is shown and kept
    def formulas(self, l: int) -> dict[str, str]:
        """The equations at layer ``l``."""
        return {
            "z": f"gamma{l} a{l - 1}",
            "a": f"z{l}",
            "delta": f"da{l}",
            "dgamma": f"sum over rows of delta{l} a{l - 1}",
            "da_in": f"gamma{l} delta{l}",
        }

    def options(self) -> dict[str, Any]:
        """Its constructor's arguments."""
        return {"start": self.start, "trainable": self.trainable}
