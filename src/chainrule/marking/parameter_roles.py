"""What each layer's parameters are to a backward pass: which one multiplies, what it multiplies, which one is added."""

from collections.abc import Mapping
from typing import NamedTuple

from chainrule.core.layers import BatchNorm, Dense, Dropout, Layer, LayerNorm, Scale


class ParameterRoles(NamedTuple):
    """``z = source * weights + bias``, by their names within the layer; None for those that it lacks.

    Attributes:
        weights: the parameter that multiplies.
        bias: the parameter that is added.
        source: what the weights multiply, a quantity of the layer's record.
    """

    weights: str | None = None
    bias: str | None = None
    source: str = ""


PARAMETER_ROLES: Mapping[type[Layer], ParameterRoles] = {
    Dense: ParameterRoles("W", "b", "a_in"),
    Dropout: ParameterRoles(),
    LayerNorm: ParameterRoles("gamma", "beta", "xhat"),
    BatchNorm: ParameterRoles("gamma", "beta", "xhat"),
    Scale: ParameterRoles("gamma", None, "a_in"),
}
"""By layer."""


def roles_of(layer: Layer) -> ParameterRoles:
    """The layer's roles; those of a user-defined layer are unknown."""
    return PARAMETER_ROLES.get(type(layer), ParameterRoles())
