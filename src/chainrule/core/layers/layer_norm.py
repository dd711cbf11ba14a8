"""Layer normalisation: each row's activations are standardised over its units, then scaled and shifted."""

from dataclasses import dataclass
from typing import Any, ClassVar, final

from chainrule.core.activations import Activation
from chainrule.core.activations import activation as find_activation
from chainrule.core.arrays import Array
from chainrule.core.layers.base import Record, Run
from chainrule.core.layers.checks import check_number
from chainrule.core.layers.normalization import Normalization


@final
@dataclass(frozen=True, eq=False, init=False, repr=False)
class LayerNorm(Normalization):
    """``xhat = (a_in - mean)/sqrt(variance + epsilon)`` by row, ``z = gamma xhat + beta``, ``a = phi(z)``.

    Args:
        activation: applied after the shift; identity unless given.
        epsilon: keeps the division finite where a row's units are all equal.
        trainable: whether ``fit`` changes gamma and beta.

    Example:
        >>> LayerNorm().parameter_shapes(3)
        {'gamma': (3,), 'beta': (3,)}

    References:
        Ba, Kiros & Hinton 2016, arXiv 1607.06450.
    """

    axis: ClassVar[int] = 1
    axis_name: ClassVar[str] = "units"

    def __init__(
        self, activation: str | Activation = "identity", *, epsilon: float = 1e-5, trainable: bool = True
    ) -> None:
        put = object.__setattr__
        put(self, "activation", find_activation(activation))
        put(self, "epsilon", check_number("epsilon", epsilon, 0.0, 1.0, low_open=True))
        put(self, "trainable", bool(trainable))

    def statistics(self, a_in: Array, state: Record, run: Run) -> tuple[Array, Array, bool]:
        """Of each row's units."""
        del state, run
        mean = a_in.mean(axis=1, keepdims=True)
        return mean, ((a_in - mean) ** 2).mean(axis=1, keepdims=True), True

    def options(self) -> dict[str, Any]:
        """Its constructor's arguments."""
        return {"activation": self.activation, "epsilon": self.epsilon, "trainable": self.trainable}
