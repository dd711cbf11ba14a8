"""Mistakes at the place ``delta``: phi'(z) left out, of another function, or taken at another point."""

from collections.abc import Callable, Iterable, Mapping
from functools import partial

import numpy as np

from chainrule.core.activations import ACTIVATIONS, IDENTITY, SOFTMAX, ElementwiseActivation
from chainrule.core.arrays import Array
from chainrule.core.builtin import computes_like, is_builtin
from chainrule.marking.forward_context import Derivable, LayerContext
from chainrule.marking.mistake import Mistake, Variant
from chainrule.verify.gradients import kinks

_ELEMENTWISE = {
    name: row
    for name, row in ACTIVATIONS.items()
    if isinstance(row, ElementwiseActivation) and name not in ("identity", "gelu")
}
"""Whose derivative may be used by mistake: identity's means leaving it out, and the exact gelu's needs SciPy."""


def _slope(at: LayerContext, z: Array) -> Array:
    """phi' of the layer's own activation at other net inputs."""
    assert isinstance(at.activation, Derivable)
    return at.activation.derivative(z)


def _is_curved(at: LayerContext) -> bool:
    """Whether the layer has a derivative that one can get wrong."""
    return isinstance(at.activation, Derivable) and not computes_like(at.activation, IDENTITY)


# -------------------------------------------------------------------------------- left out
def _left_out(at: LayerContext, da: Array) -> Array:
    del at
    return da.copy()


_MISSING = Mistake(
    "missing-activation-derivative",
    "delta",
    explanation=(
        "The derivative of layer {l}'s activation is left out: the derivative by the activations a{l} is used as if it "
        "were the delta of the net inputs z{l}. Multiply it by {phi}'(z{l})."
    ),
    right="delta{l} = da{l} {phi}'(z{l})",
    wrong="delta{l} = da{l}",
    right_latex=r"\delta_{l} = \partial E/\partial a_{l} \cdot \phi_{l}'(z_{l})",
    wrong_latex=r"\delta_{l} = \partial E/\partial a_{l}",
    variants=lambda at: [Variant("", _left_out)] if not computes_like(at.activation, IDENTITY) else [],
)


# -------------------------------------------------------------------------------- at the activation
_IN_THE_ACTIVATION: Mapping[str, Callable[[Array], Array]] = {
    "sigmoid": lambda a: a * (1 - a),
    "tanh": lambda a: 1 - a**2,
    "exponential": lambda a: a,
}
"""Derivatives that people write in terms of a = phi(z)."""


def _at_the_activation(at: LayerContext, da: Array) -> Array:
    return da * _slope(at, at.a)


def _formula_at(at: LayerContext, da: Array) -> Array:
    return da * _IN_THE_ACTIVATION[at.activation.name](at.z)


def _misplaced(at: LayerContext) -> Iterable[Variant]:
    if _is_curved(at):
        yield Variant("phi'(a)", _at_the_activation)
        if is_builtin(at.activation) and at.activation.name in _IN_THE_ACTIVATION:
            yield Variant("formula in a, given z", _formula_at)


_AT_ACTIVATION = Mistake(
    "derivative-at-activation",
    "delta",
    explanation=(
        "The derivative of layer {l}'s activation is taken at the wrong point ({v}). phi' is a function of the net "
        "input z{l}; written in terms of a{l} (such as a (1 - a) for the sigmoid) it must be given a{l}, once."
    ),
    right="delta{l} = da{l} {phi}'(z{l})",
    wrong="delta{l} = da{l} {phi}'(a{l}), or a formula in a applied to z",
    right_latex=r"\delta_{l} = \partial E/\partial a_{l} \cdot \phi_{l}'(z_{l})",
    wrong_latex=r"\delta_{l} = \partial E/\partial a_{l} \cdot \phi_{l}'(a_{l})",
    variants=_misplaced,
)


# -------------------------------------------------------------------------------- of another activation
def _of(name: str, at: LayerContext, da: Array) -> Array:
    return da * at.slope(_ELEMENTWISE[name])


def _of_in_a(name: str, at: LayerContext, da: Array) -> Array:
    return da * _IN_THE_ACTIVATION[name](at.a)


def _others(at: LayerContext) -> Iterable[Variant]:
    own = at.activation.name if is_builtin(at.activation) else ""
    if not at.layer.takes_activation or computes_like(at.activation, SOFTMAX):
        return
    for name in _ELEMENTWISE:
        if name != own:
            yield Variant(f"{name}'(z)", partial(_of, name))
    for name, text in (("sigmoid", "a (1 - a)"), ("tanh", "1 - a^2")):
        if name != own:
            yield Variant(text, partial(_of_in_a, name))


_WRONG = Mistake(
    "wrong-activation-derivative",
    "delta",
    explanation=(
        "Layer {l} is differentiated with {v}, the derivative of another activation: its own activation is {phi}. When "
        "the activation of the forward pass changes, its derivative in the backward pass must change too."
    ),
    right="delta{l} = da{l} {phi}'(z{l})",
    wrong="delta{l} = da{l} {v}",
    right_latex=r"\delta_{l} = \partial E/\partial a_{l} \cdot \phi_{l}'(z_{l})",
    wrong_latex=r"\delta_{l} = \partial E/\partial a_{l} \cdot \text{{v}}",
    variants=_others,
)


# -------------------------------------------------------------------------------- twice
def _squared(at: LayerContext, da: Array) -> Array:
    assert isinstance(at.activation, Derivable)
    return da * at.slope(at.activation) ** 2


_TWICE = Mistake(
    "derivative-twice",
    "delta",
    explanation=(
        "The derivative of layer {l}'s activation is multiplied in twice: often once where the layer above passes "
        "its delta down, and again in the layer itself."
    ),
    right="delta{l} = da{l} {phi}'(z{l})",
    wrong="delta{l} = da{l} {phi}'(z{l})^2",
    right_latex=r"\delta_{l} = \partial E/\partial a_{l} \cdot \phi_{l}'(z_{l})",
    wrong_latex=r"\delta_{l} = \partial E/\partial a_{l} \cdot \phi_{l}'(z_{l})^2",
    variants=lambda at: [Variant("", _squared)] if _is_curved(at) else [],
)


# -------------------------------------------------------------------------------- at another layer
def _elsewhere(at: LayerContext, da: Array, l: int) -> Array:
    return da * _slope(at, at.forward.layers[l - 1].z)


_WRONG_LAYER = Mistake(
    "wrong-layer-derivative",
    "delta",
    explanation=(
        "The derivative of layer {l}'s activation is taken at the net inputs of another layer ({v}). The layers are "
        "equally wide, so no shape error shows it. An index is off by one."
    ),
    right="delta{l} = da{l} {phi}'(z{l})",
    wrong="delta{l} = da{l} {phi}'({v})",
    right_latex=r"\delta_{l} = \partial E/\partial a_{l} \cdot \phi_{l}'(z_{l})",
    wrong_latex=r"\delta_{l} = \partial E/\partial a_{l} \cdot \phi_{l}'({v})",
    variants=lambda at: [
        Variant(f"z{other.l}", partial(_elsewhere, l=other.l))
        for other in at.forward.layers
        if _is_curved(at) and other.is_dense and other.l != at.l and other.z.shape == at.z.shape
    ],
)


# -------------------------------------------------------------------------------- softmax by its diagonal
def _diagonal(at: LayerContext, da: Array) -> Array:
    return da * at.a * (1 - at.a)


_SOFTMAX_DIAGONAL = Mistake(
    "softmax-diagonal-only",
    "delta",
    explanation=(
        "The softmax of layer {l} is differentiated as if each output depended on its own net input alone. Every "
        "output depends on all of them: the off-diagonal entries -a_i a_j of the Jacobian are missing."
    ),
    right="delta{l} = (diag(a{l}) - a{l} a{l}') da{l}",
    wrong="delta{l} = a{l} (1 - a{l}) da{l}",
    right_latex=r"\delta_{l} = (\operatorname{diag}(a_{l}) - a_{l} a_{l}^{\top})\, \partial E/\partial a_{l}",
    wrong_latex=r"\delta_{l} = a_{l} (1 - a_{l})\, \partial E/\partial a_{l}",
    variants=lambda at: [Variant("", _diagonal)] if computes_like(at.activation, SOFTMAX) and at.a.shape[1] > 1 else [],
)


# -------------------------------------------------------------------------------- kinks
def _moved(at: LayerContext, side: float) -> Array:
    """The net inputs, those on a kink moved a little to one side."""
    z = at.z.copy()
    by_unit = kinks(at.activation)
    scale = 1e-12 * (np.abs(at.record["a_in"]) @ np.abs(at.W) if at.is_dense else 1 + np.abs(z))
    for j in range(z.shape[1]):
        for kink in by_unit[j if len(by_unit) > 1 else 0]:
            on = np.abs(at.z[:, j] - kink) <= np.broadcast_to(scale, z.shape)[:, j]
            z[on, j] = kink + side * 1e-6
    return z


def _side(at: LayerContext, da: Array, side: float) -> Array:
    return da * _slope(at, _moved(at, side))


def _middle(at: LayerContext, da: Array) -> Array:
    return da * (_slope(at, _moved(at, 1.0)) + _slope(at, _moved(at, -1.0))) / 2


def _sides(at: LayerContext) -> Iterable[Variant]:
    if _is_curved(at) and not np.array_equal(_moved(at, 1.0), at.z):
        yield Variant("right side's", partial(_side, side=1.0))
        yield Variant("left side's", partial(_side, side=-1.0))
        yield Variant("mean of both sides'", _middle)


_KINK = Mistake(
    "dead-kink",
    "delta",
    explanation=(
        "A net input of layer {l} lies exactly on the kink of {phi}, where its derivative jumps. You took the {v} "
        "value, the library takes another one: both are equally good."
    ),
    right="{phi}' at the kink: the library's choice",
    wrong="{phi}' at the kink: the {v}",
    right_latex=r"\phi_{l}'\ \text{at the kink}",
    wrong_latex=r"\phi_{l}'\ \text{at the kink: the {v}}",
    variants=_sides,
    kind="kink",
)

SLOPES = (_MISSING, _AT_ACTIVATION, _WRONG, _TWICE, _WRONG_LAYER, _SOFTMAX_DIAGONAL, _KINK)
