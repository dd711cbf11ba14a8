"""Mistakes at the place ``bias``, in db = sum_n delta: left out, shared, averaged, or taken too early."""

import numpy as np

from chainrule.core.activations import IDENTITY
from chainrule.core.arrays import Array
from chainrule.core.builtin import computes_like
from chainrule.marking.backward import bias
from chainrule.marking.forward_context import LayerContext
from chainrule.marking.mistake import Mistake, Variant

_RIGHT = "db{l} = sum_n delta{l}"
_RIGHT_LATEX = r"\partial E/\partial b_{l} = \sum_n \delta_{l}"


def _has_bias(at: LayerContext) -> bool:
    return at.bias_key is not None


def _own_bias_each(at: LayerContext) -> bool:
    """A bias for each of several units."""
    return at.bias_key == "b" and at.forward.parameters.of_layer(at.l)["b"].size > 1


# -------------------------------------------------------------------------------- left out
def _nothing(at: LayerContext, d: Array, da: Array) -> Array:
    return np.zeros_like(bias(at, d, da, None))


_NOT_UPDATED = Mistake(
    "bias-not-updated",
    "bias",
    explanation="The biases of layer {l} get no gradient: they stay as they were.",
    right=_RIGHT,
    wrong="db{l} = 0",
    right_latex=_RIGHT_LATEX,
    wrong_latex=r"\partial E/\partial b_{l} = 0",
    variants=lambda at: [Variant("", _nothing)] if _has_bias(at) else [],
)


# -------------------------------------------------------------------------------- shared by the units
def _summed_over_units(at: LayerContext, d: Array, da: Array) -> Array:
    del da
    return np.full(at.a.shape[1], d.sum())


def _averaged_over_units(at: LayerContext, d: Array, da: Array) -> Array:
    del da
    return np.full(at.a.shape[1], d.sum(axis=0).mean())


_SHARED = Mistake(
    "bias-shared-by-units",
    "bias",
    explanation=(
        "The bias gradient of layer {l} is one number for all its units: the {v} over rows and units. Each unit has a "
        "bias of its own, so the sum runs over the rows alone: delta.sum(axis=0). (If the layer is meant to have a "
        'single bias, declare it so, Dense(..., bias="shared"): then the sum over both is right.)'
    ),
    right="db{l}[j] = sum over n of delta{l}[n, j]",
    wrong="db{l} = {v} over n and j of delta{l}[n, j]",
    right_latex=r"\partial E/\partial b_{l,j} = \sum_n \delta_{l,nj}",
    wrong_latex=r"\partial E/\partial b_{l} = \sum_n \sum_j \delta_{l,nj}",
    variants=lambda at: (
        [Variant("sum", _summed_over_units), Variant("mean", _averaged_over_units)] if _own_bias_each(at) else []
    ),
)


# -------------------------------------------------------------------------------- the wrong number of rows
def _averaged(at: LayerContext, d: Array, da: Array) -> Array:
    return bias(at, d, da, None) / at.forward.rows


_AVERAGED = Mistake(
    "bias-averaged",
    "bias",
    explanation=(
        "The bias gradient of layer {l} is divided by the rows once more than that of its weights: it is a mean over "
        "the rows, theirs is a sum. Both must be reduced in the same way."
    ),
    right=_RIGHT,
    wrong="db{l} = mean over n of delta{l}",
    right_latex=_RIGHT_LATEX,
    wrong_latex=r"\partial E/\partial b_{l} = \tfrac{1}{N} \sum_n \delta_{l}",
    variants=lambda at: [Variant("", _averaged)] if _has_bias(at) and at.forward.rows > 1 else [],
)


def _not_averaged(at: LayerContext, d: Array, da: Array) -> Array:
    return bias(at, d, da, None) * at.forward.rows


_SUMMED = Mistake(
    "bias-summed",
    "bias",
    explanation=(
        "The bias gradient of layer {l} is N times too large compared with that of its weights: it is a sum over the "
        "rows, theirs is a mean. Both must be reduced in the same way."
    ),
    right=_RIGHT,
    wrong="db{l} = N sum_n delta{l}",
    right_latex=_RIGHT_LATEX,
    wrong_latex=r"\partial E/\partial b_{l} = N \sum_n \delta_{l}",
    variants=lambda at: [Variant("", _not_averaged)] if _has_bias(at) and at.forward.rows > 1 else [],
)


# -------------------------------------------------------------------------------- too early
def _before_the_derivative(at: LayerContext, d: Array, da: Array) -> Array:
    del d
    return bias(at, da, da, None)


_DERIVATIVE_SKIPPED = Mistake(
    "derivative-skipped-for-bias",
    "bias",
    explanation=(
        "The bias gradient of layer {l} is computed before the activation's derivative is multiplied in, though the "
        "weights and the layers below get it: delta{l} must be finished first."
    ),
    right=_RIGHT,
    wrong="db{l} = sum_n da{l}",
    right_latex=_RIGHT_LATEX,
    wrong_latex=r"\partial E/\partial b_{l} = \sum_n \partial E/\partial a_{l}",
    variants=lambda at: (
        [Variant("", _before_the_derivative)] if _has_bias(at) and not computes_like(at.activation, IDENTITY) else []
    ),
)


# -------------------------------------------------------------------------------- sign
def _flipped(at: LayerContext, d: Array, da: Array) -> Array:
    return -bias(at, d, da, None)


_SIGN = Mistake(
    "sign-flipped",
    "bias",
    explanation=(
        "The bias gradient of layer {l} has the wrong sign while that of its weights has the right one: the biases are "
        "updated with + where the weights are with -, or the other way round."
    ),
    right="b{l} = b{l} - eta db{l}",
    wrong="b{l} = b{l} + eta db{l}",
    right_latex=r"b_{l} \leftarrow b_{l} - \eta\,\partial E/\partial b_{l}",
    wrong_latex=r"b_{l} \leftarrow b_{l} + \eta\,\partial E/\partial b_{l}",
    variants=lambda at: [Variant("", _flipped)] if _has_bias(at) else [],
)

BIASES = (_SIGN, _NOT_UPDATED, _SHARED, _AVERAGED, _SUMMED, _DERIVATIVE_SKIPPED)
