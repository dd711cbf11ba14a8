"""Mistakes of sign and size: of all gradients (``sign``, ``factor``), of one layer's, or from a layer down."""

from collections.abc import Iterable
from functools import partial

from chainrule.core.arrays import Array
from chainrule.core.layers import Record
from chainrule.marking.backward import down
from chainrule.marking.constants import constants, value_of
from chainrule.marking.forward_context import ForwardContext, LayerContext
from chainrule.marking.mistake import Mistake, Variant


def _has_parameters(at: LayerContext) -> bool:
    """Whether a layer is one of several that learn: if it is the only one, its sign is that of all gradients."""
    learning = [site for site in at.forward.layers if site.weights_key]
    return at.weights_key is not None and len(learning) > 1


def _learns_below(at: LayerContext) -> bool:
    """Whether a lower layer learns: the sign of the lowest one cannot be distinguished from that of its delta."""
    return any(site.weights_key for site in at.forward.layers[: at.l - 1])


# -------------------------------------------------------------------------------- sign
def _flipped(where: ForwardContext | LayerContext, gradient: Array) -> Array:
    del where
    return -gradient


def _flipped_down(at: LayerContext, d: Array, own: Record) -> Array:
    return -down(at, d, own, None)


SIGN = Mistake(
    "sign-flipped",
    "sign",
    explanation=(
        "Every gradient has the wrong sign, so each step increases the loss. Either delta starts from t - y where "
        "dE/dy has y - t, or the update adds the gradient where it must subtract it. Change exactly one of the two."
    ),
    right="W = W - eta dE/dW, with dE/dy from y - t",
    wrong="W = W + eta dE/dW, or dE/dy from t - y",
    right_latex=r"W \leftarrow W - \eta\,\partial E/\partial W",
    wrong_latex=r"W \leftarrow W + \eta\,\partial E/\partial W",
    variants=lambda forward: [Variant("", _flipped)],  # noqa: ARG005 - applies everywhere
)

_SIGN_OF_LAYER = Mistake(
    "sign-flipped",
    "update",
    explanation=(
        "The gradients of layer {l} have the wrong sign while those of the other layers have the right one: this "
        "layer's update adds where the others subtract."
    ),
    right="W{l} = W{l} - eta dE/dW{l}",
    wrong="W{l} = W{l} + eta dE/dW{l}",
    right_latex=r"W_{l} \leftarrow W_{l} - \eta\,\partial E/\partial W_{l}",
    wrong_latex=r"W_{l} \leftarrow W_{l} + \eta\,\partial E/\partial W_{l}",
    variants=lambda at: [Variant("", _flipped)] if _has_parameters(at) and _learns_below(at) else [],
)

_SIGN_DOWN = Mistake(
    "sign-flipped",
    "down",
    explanation=(
        "From layer {k} downwards every gradient has the wrong sign, above it every one is right: delta{l} is passed "
        "down through W{l} with a minus, or the two layers start from y - t and t - y."
    ),
    right="da{k} = delta{l} W{l}'",
    wrong="da{k} = -delta{l} W{l}'",
    right_latex=r"\partial E/\partial a_{k} = \delta_{l} W_{l}^{\top}",
    wrong_latex=r"\partial E/\partial a_{k} = -\delta_{l} W_{l}^{\top}",
    variants=lambda at: [Variant("", _flipped_down)] if _learns_below(at) else [],
)


# -------------------------------------------------------------------------------- factor
def _scaled(where: ForwardContext | LayerContext, gradient: Array, name: str) -> Array:
    forward = where if isinstance(where, ForwardContext) else where.forward
    return gradient * value_of(forward, name)


def scaling(name: str) -> Variant:
    """A factor by its name, such as ``"1/N"``."""
    return Variant(name, partial(_scaled, name=name))


def _factors(forward: ForwardContext) -> Iterable[Variant]:
    return [scaling(name) for name in constants(forward) if name != "1"]


FACTOR = Mistake(
    "factor",
    "factor",
    explanation=(
        "Every gradient is {v} times that of this loss. A 2 comes from squaring (or is cancelled by a 1/2 in the "
        "loss); N is the number of rows and K that of outputs, if a sum is taken where the loss takes the mean. The "
        "direction is right: the factor acts like another learning rate. Make the derivative agree with the loss."
    ),
    right="dE/dy as the loss says",
    wrong="{v} dE/dy",
    right_latex=r"\partial E/\partial y",
    wrong_latex=r"{v}\;\partial E/\partial y",
    variants=_factors,
)

FIXED_ROWS = Mistake(
    "factor",
    "factor",
    explanation=(
        "Every gradient is {v} times that of this loss, where N is the number of rows: it is divided by a fixed number "
        "where the loss divides by N. It is right only for the N that makes {v} equal to 1: divide by N."
    ),
    right="dE/dy divided by N",
    wrong="{v} dE/dy, divided by a number that is not N",
    right_latex=r"\partial E/\partial y",
    wrong_latex=r"{v}\;\partial E/\partial y",
    variants=lambda forward: [],  # noqa: ARG005 - solved for: the number is the learner's
)

_FACTOR_OF_LAYER = Mistake(
    "factor",
    "update",
    explanation=(
        "The gradients of layer {l} are {v} times what they should be, those of the other layers are right: a 2, or "
        "the division by the rows, was forgotten or made twice in this layer only."
    ),
    right="dW{l} = a{k}' delta{l}, db{l} = sum_n delta{l}",
    wrong="{v} dW{l}, {v} db{l}",
    right_latex=r"\partial E/\partial W_{l} = a_{k}^{\top} \delta_{l}",
    wrong_latex=r"{v}\; a_{k}^{\top} \delta_{l}",
    variants=lambda at: (
        [scaling(name) for name in ("2", "1/2", "N", "1/N") if name in constants(at.forward)]
        if _has_parameters(at)
        else []
    ),
)

SCALE = (SIGN, FACTOR, _SIGN_OF_LAYER, _SIGN_DOWN, _FACTOR_OF_LAYER)
