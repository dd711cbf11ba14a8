"""Mistakes at the places ``input`` and ``weights``, in dW = a' delta: another input, shape or delta, or nothing."""

from collections.abc import Iterable
from functools import partial

import numpy as np

from chainrule.core.activations import IDENTITY
from chainrule.core.arrays import Array
from chainrule.core.builtin import computes_like
from chainrule.marking.backward import weights
from chainrule.marking.forward_context import LayerContext
from chainrule.marking.mistake import Mistake, Variant
from chainrule.marking.parameter_roles import roles_of

_RIGHT = "dW{l} = a{k}' delta{l}"
_RIGHT_LATEX = r"\partial E/\partial W_{l} = a_{k}^{\top} \delta_{l}"


# -------------------------------------------------------------------------------- the input
def _net_input(at: LayerContext) -> Array:
    return at.forward.layers[at.l - 2].z


_NET_INPUT = Mistake(
    "net-input-in-place-of-activation",
    "input",
    explanation=(
        "The gradient of layer {l}'s weights is computed with the net inputs z{k} of the layer below. Its weights "
        "multiply the activations a{k} = phi(z{k}), so these belong here."
    ),
    right=_RIGHT,
    wrong="dW{l} = z{k}' delta{l}",
    right_latex=_RIGHT_LATEX,
    wrong_latex=r"\partial E/\partial W_{l} = z_{k}^{\top} \delta_{l}",
    variants=lambda at: [Variant("", _net_input)] if at.is_dense and at.l > 1 else [],
)


def _activations(at: LayerContext, l: int) -> Array:
    return at.forward.activations(l)


def _other_layers(at: LayerContext) -> Iterable[Variant]:
    if at.is_dense:
        for l in range(len(at.forward.layers) + 1):
            if l != at.l - 1 and at.forward.chain.units[l] == at.forward.chain.units[at.l - 1]:
                yield Variant(f"a{l}" if l else "x", partial(_activations, l=l))


_WRONG_LAYER = Mistake(
    "wrong-layer-input",
    "input",
    explanation=(
        "The gradient of layer {l}'s weights is computed with {v}, the values of another layer of the same width. Its "
        "weights multiply a{k}. An index is off, or the layer's own output was kept where its input was meant."
    ),
    right=_RIGHT,
    wrong="dW{l} = {v}' delta{l}",
    right_latex=_RIGHT_LATEX,
    wrong_latex=r"\partial E/\partial W_{l} = {v}^{\top} \delta_{l}",
    variants=_other_layers,
)


def _not_standardised(at: LayerContext) -> Array:
    return at.record["a_in"]


_NOT_STANDARDISED = Mistake(
    "input-not-standardised",
    "input",
    explanation=(
        "The gradient of gamma in layer {l} is computed with the layer's raw input a{k}. gamma multiplies the "
        "standardised values xhat{l}, so these belong here."
    ),
    right="dgamma{l} = sum_n delta{l} xhat{l}",
    wrong="dgamma{l} = sum_n delta{l} a{k}",
    right_latex=r"\partial E/\partial\gamma_{l} = \sum_n \delta_{l} \hat x_{l}",
    wrong_latex=r"\partial E/\partial\gamma_{l} = \sum_n \delta_{l} a_{k}",
    variants=lambda at: [Variant("", _not_standardised)] if roles_of(at.layer).source == "xhat" else [],
)


# -------------------------------------------------------------------------------- the product
def _weight_itself(at: LayerContext, source: Array, d: Array, da: Array) -> Array:
    del source, da
    return at.W * d.sum(axis=0)


_WEIGHT = Mistake(
    "weight-in-place-of-input",
    "weights",
    explanation=(
        "The gradient of each weight of layer {l} is delta times the weight itself. Since z = w a + b, the derivative "
        "of z by w is a, the input that the weight multiplies; it is the derivative by a that is w."
    ),
    right="dW{l}[i, j] = sum_n a{k}[n, i] delta{l}[n, j]",
    wrong="dW{l}[i, j] = sum_n W{l}[i, j] delta{l}[n, j]",
    right_latex=_RIGHT_LATEX,
    wrong_latex=r"\partial E/\partial W_{l} = W_{l} \odot \textstyle\sum_n \delta_{l}",
    variants=lambda at: [Variant("", _weight_itself)] if at.is_dense else [],
)


def _transposed(at: LayerContext, source: Array, d: Array, da: Array) -> Array:
    del at, da
    return d.T @ source


_TRANSPOSED = Mistake(
    "transposed-gradient",
    "weights",
    explanation=(
        "The gradient of layer {l}'s weights is transposed: its rows are the units of the layer and its columns the "
        "inputs, while W{l} has it the other way round. (If your own weights are stored as (units, inputs) throughout, "
        'this is no mistake: pass layout="out, in".)'
    ),
    right=_RIGHT,
    wrong="dW{l} = delta{l}' a{k}",
    right_latex=_RIGHT_LATEX,
    wrong_latex=r"\partial E/\partial W_{l} = \delta_{l}^{\top} a_{k}",
    variants=lambda at: [Variant("", _transposed)] if at.is_dense and at.W.size > 1 else [],
)


def _before_the_derivative(at: LayerContext, source: Array, d: Array, da: Array) -> Array:
    del d
    return at.masked(source.T @ da)


def _is_used_elsewhere(at: LayerContext) -> bool:
    """Whether delta has another use, in which its derivative may be there: the bias, or a layer below that learns."""
    below = any(site.weights_key for site in at.forward.layers[: at.l - 1])
    curved = at.is_dense and not computes_like(at.activation, IDENTITY)
    return curved and (below or at.bias_key is not None)


_DERIVATIVE_SKIPPED = Mistake(
    "derivative-skipped-for-weights",
    "weights",
    explanation=(
        "The gradient of layer {l}'s weights is computed before the activation's derivative is multiplied in, though "
        "the bias and the layers below get it: delta{l} must be finished first."
    ),
    right=_RIGHT,
    wrong="dW{l} = a{k}' da{l}",
    right_latex=_RIGHT_LATEX,
    wrong_latex=r"\partial E/\partial W_{l} = a_{k}^{\top}\, \partial E/\partial a_{l}",
    variants=lambda at: [Variant("", _before_the_derivative)] if _is_used_elsewhere(at) else [],
)


def _nothing(at: LayerContext, source: Array, d: Array, da: Array) -> Array:
    del source, d, da
    assert at.weights_key is not None
    return np.zeros_like(at.p[at.weights_key])


_NOT_UPDATED = Mistake(
    "weights-not-updated",
    "weights",
    explanation="The weights of layer {l} get no gradient: they stay as they were drawn.",
    right=_RIGHT,
    wrong="dW{l} = 0",
    right_latex=_RIGHT_LATEX,
    wrong_latex=r"\partial E/\partial W_{l} = 0",
    variants=lambda at: [Variant("", _nothing)] if at.weights_key else [],
)


def _unwired(at: LayerContext, source: Array, d: Array, da: Array) -> Array:
    del at, da
    return source.T @ d


_MASK_IGNORED = Mistake(
    "mask-ignored",
    "weights",
    explanation=(
        "Weights of layer {l} that do not exist (the mask is 0 there) get a gradient: after one update they are "
        "connections."
    ),
    right="dW{l} = mask{l} (a{k}' delta{l})",
    wrong="dW{l} = a{k}' delta{l}",
    right_latex=r"\partial E/\partial W_{l} = M_{l} \odot (a_{k}^{\top} \delta_{l})",
    wrong_latex=_RIGHT_LATEX,
    variants=lambda at: [Variant("", _unwired)] if at.layer.mask is not None else [],
)


def _flipped(at: LayerContext, source: Array, d: Array, da: Array) -> Array:
    return -weights(at, source, d, da, None)


_SIGN = Mistake(
    "sign-flipped",
    "weights",
    explanation=(
        "The gradient of layer {l}'s weights has the wrong sign while that of its biases has the right one: the "
        "weights are updated with + where the biases are with -."
    ),
    right="W{l} = W{l} - eta dW{l}",
    wrong="W{l} = W{l} + eta dW{l}",
    right_latex=r"W_{l} \leftarrow W_{l} - \eta\,\partial E/\partial W_{l}",
    wrong_latex=r"W_{l} \leftarrow W_{l} + \eta\,\partial E/\partial W_{l}",
    variants=lambda at: [Variant("", _flipped)] if at.weights_key and at.bias_key else [],
)

WEIGHTS = (
    _SIGN, _NET_INPUT, _WRONG_LAYER, _NOT_STANDARDISED, _WEIGHT, _TRANSPOSED, _DERIVATIVE_SKIPPED, _NOT_UPDATED,
    _MASK_IGNORED,
)  # fmt: skip
