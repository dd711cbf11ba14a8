"""Dropout: in training each activation is kept with probability ``1 - rate`` and scaled so that its mean stays."""

from dataclasses import dataclass
from typing import Any, ClassVar, final

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.layers.base import Back, BackDot, Layer, Record, Run
from chainrule.core.layers.checks import check_number
from chainrule.errors import InputError


@final
@dataclass(frozen=True, eq=False, init=False, repr=False)
class Dropout(Layer):
    """``a = a_in mask`` with ``mask`` 0 with probability ``rate``, else ``1/(1 - rate)``; in prediction ``a = a_in``.

    Args:
        rate: the share of activations dropped, from 0 to below 1; sixteen random bits decide on each, so that it is
            kept to within 1/131,072.

    Raises:
        InputError: the rate is out of range.

    Example:
        >>> Dropout(0.5).units_out(4)
        4

    References:
        Srivastava, Hinton, Krizhevsky, Sutskever & Salakhutdinov 2014, JMLR 15, 1929-1958 (here scaled in training,
        "inverted", so that prediction needs no change).
    """

    rate: float
    changes_in_training: ClassVar[bool] = True

    def __init__(self, rate: float) -> None:
        object.__setattr__(self, "rate", check_number("rate", rate, 0.0, 1.0))
        object.__setattr__(self, "trainable", True)

    @property
    def draws_random(self) -> bool:
        """Whether anything can be dropped."""
        return self.rate > 0

    def units_out(self, units_in: int) -> int:
        """As many as below."""
        return units_in

    def parameter_shapes(self, units_in: int) -> dict[str, tuple[int, ...]]:
        """None."""
        del units_in
        return {}

    def initial_parameters(self, units_in: int, rng: np.random.Generator, dtype: np.dtype[Any]) -> Record:
        """None."""
        del units_in, rng, dtype
        return {}

    # ------------------------------------------------------------------ forward and backward
    def forward(self, p: Record, a_in: Array, state: Record, run: Run) -> Record:
        """``a = a_in mask``."""
        del p, state
        mask = np.ones_like(a_in)
        if run.training and self.rate > 0:
            if run.rng is None:
                raise InputError(
                    "a training pass through Dropout needs a seed, so that it can be repeated: pass seed=0."
                )
            kept = run.rng.integers(2**16, size=a_in.shape, dtype=np.uint16) >= self.rate * 2**16 - 0.5
            mask = kept.astype(a_in.dtype) / a_in.dtype.type(1 - self.rate)
        a = a_in * mask
        return {"a_in": a_in, "mask": mask, "z": a, "a": a}

    def backward(self, p: Record, record: Record, da: Array) -> Back:
        """``da_in = da mask``."""
        del p
        return Back(da, {}, da * record["mask"])

    def gradients_by_row(self, record: Record, back: Back) -> Record:
        """None: it has no parameters."""
        del record, back
        return {}

    # ------------------------------------------------------------------ second order
    def forward_dot(self, p: Record, p_dot: Record, record: Record, a_in_dot: Array) -> Record:
        """``a_dot = a_in_dot mask``: linear."""
        del p, p_dot
        a_dot = a_in_dot * record["mask"]
        return {"a_in": a_in_dot, "z": a_dot, "a": a_dot}

    def backward_dot(
        self, p: Record, p_dot: Record, record: Record, dot: Record, da: Array, back: Back, da_dot: Array
    ) -> BackDot:
        """``da_in_dot = da_dot mask``: linear."""
        del p, p_dot, dot, da, back
        return BackDot({}, da_dot * record["mask"])

    # ------------------------------------------------------------------ how it is shown and kept
    def formulas(self, l: int) -> dict[str, str]:
        """The equations at layer ``l``."""
        return {
            "mask": f"0 with probability {self.rate:g}, else 1/(1 - {self.rate:g}); 1 outside training",
            "a": f"a{l - 1} mask{l}",
            "da_in": f"da{l} mask{l}",
        }

    def options(self) -> dict[str, Any]:
        """Its constructor's arguments."""
        return {"rate": self.rate}
