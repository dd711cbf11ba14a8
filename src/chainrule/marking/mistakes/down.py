"""Mistakes at the place ``down``: da = delta W' with other weights, or with fewer units."""

from collections.abc import Iterable

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.layers import LayerNorm, Record
from chainrule.marking.forward_context import LayerContext
from chainrule.marking.mistake import Mistake, Variant

_RIGHT = "da{k} = delta{l} W{l}'"
_RIGHT_LATEX = r"\partial E/\partial a_{k} = \delta_{l} W_{l}^{\top}"


# -------------------------------------------------------------------------------- already updated
def _updated(at: LayerContext, d: Array, own: Record) -> Array:
    forward = at.forward
    assert forward.learning_rate is not None
    return d @ (at.W - forward.learning_rate * own["W"]).T


def _updated_by_the_mean(at: LayerContext, d: Array, own: Record) -> Array:
    """Gradients are sums over the rows; the update divides by their number."""
    return _updated(at, d, own | {"W": own["W"] / at.forward.rows})


def _updates(at: LayerContext) -> Iterable[Variant]:
    if at.is_dense and at.forward.learning_rate is not None:
        yield Variant("", _updated)
        if at.forward.rows > 1:
            yield Variant("by eta/N", _updated_by_the_mean)


_UPDATED = Mistake(
    "weights-updated-before-use",
    "down",
    explanation=(
        "The delta of layer {k} is computed with the weights of layer {l} after their update. All gradients belong to "
        "the same parameters, those of the forward pass: compute every delta first, then change the weights."
    ),
    right=_RIGHT,
    wrong="da{k} = delta{l} (W{l} - eta dW{l})'",
    right_latex=_RIGHT_LATEX,
    wrong_latex=r"\partial E/\partial a_{k} = \delta_{l} (W_{l} - \eta\,\partial E/\partial W_{l})^{\top}",
    variants=_updates,
)


# -------------------------------------------------------------------------------- no weights
def _passed_on(at: LayerContext, d: Array, own: Record) -> Array:
    del at, own
    return d.copy()


def _summed(at: LayerContext, d: Array, own: Record) -> Array:
    del own
    return np.repeat(d.sum(axis=1, keepdims=True), at.W.shape[0], axis=1)


def _without_gamma(at: LayerContext, d: Array, own: Record) -> Array:
    del own
    return at.linear.backward(at.p | {"gamma": np.ones_like(at.p["gamma"])}, at.record, d).da_in


def _weightless(at: LayerContext) -> Iterable[Variant]:
    if at.is_dense:
        below, units = at.W.shape
        if below == units > 1:
            yield Variant("delta itself", _passed_on)
        yield Variant("the sum of delta", _summed)
    elif at.weights_key:
        yield Variant("no gamma", _without_gamma)


_MISSING = Mistake(
    "missing-weights",
    "down",
    explanation=(
        "What layer {l} passes down to layer {k} is not multiplied by its weights ({v}): every unit below gets the "
        "same share of the error, however strongly it is connected."
    ),
    right=_RIGHT,
    wrong="da{k} = delta{l}, without W{l}",
    right_latex=_RIGHT_LATEX,
    wrong_latex=r"\partial E/\partial a_{k} = \delta_{l}",
    variants=_weightless,
)


# -------------------------------------------------------------------------------- transposed
def _not_transposed(at: LayerContext, d: Array, own: Record) -> Array:
    del own
    return d @ at.W


_TRANSPOSED = Mistake(
    "transposed-weights",
    "down",
    explanation=(
        "delta{l} is multiplied by W{l} instead of its transpose. The layers are equally wide, so no shape error shows "
        "it. Row i of W{l} holds the weights from unit i below, and the sum must run over the units j above."
    ),
    right="da{k}[i] = sum_j delta{l}[j] W{l}[i, j]",
    wrong="da{k}[i] = sum_j delta{l}[j] W{l}[j, i]",
    right_latex=_RIGHT_LATEX,
    wrong_latex=r"\partial E/\partial a_{k} = \delta_{l} W_{l}",
    variants=lambda at: [Variant("", _not_transposed)] if at.is_dense and at.W.shape[0] == at.W.shape[1] > 1 else [],
)


# -------------------------------------------------------------------------------- one unit only
def _last_unit(at: LayerContext, d: Array, own: Record) -> Array:
    del own
    return d[:, -1:] @ at.W[:, -1:].T


_LAST_UNIT = Mistake(
    "last-unit-only",
    "down",
    explanation=(
        "Layer {k} gets the delta of the last unit of layer {l} only: the loop over the units above has = where += is "
        "meant. A unit affects every unit above it, so the contributions of all of them must be added."
    ),
    right="da{k}[i] = sum over j of delta{l}[j] W{l}[i, j]",
    wrong="da{k}[i] = delta{l}[last] W{l}[i, last]",
    right_latex=r"\partial E/\partial a_{k,i} = \sum_j \delta_{l,j} W_{l,ij}",
    wrong_latex=r"\partial E/\partial a_{k,i} = \delta_{l,K-1} W_{l,i,K-1}",
    variants=lambda at: [Variant("", _last_unit)] if at.is_dense and at.W.shape[1] > 1 else [],
)


# -------------------------------------------------------------------------------- statistics taken as constants
def _fixed_statistics(at: LayerContext, d: Array, own: Record) -> Array:
    del own
    return d * at.p["gamma"] / at.record["s"]


_STATISTICS = Mistake(
    "statistics-as-constants",
    "down",
    explanation=(
        "Layer {l} standardises each row by its own mean and variance, and these depend on the activations too. The "
        "derivative treats them as constants."
    ),
    right="da{k} = (v - m(v) - xhat{l} m(xhat{l} v))/s{l}, with v = delta{l} gamma{l}",
    wrong="da{k} = delta{l} gamma{l}/s{l}",
    right_latex=r"\partial E/\partial a_{k} = (v - \bar v - \hat x_{l} \overline{\hat x_{l} v})/s_{l}",
    wrong_latex=r"\partial E/\partial a_{k} = \delta_{l} \gamma_{l}/s_{l}",
    variants=lambda at: [Variant("", _fixed_statistics)] if isinstance(at.layer, LayerNorm) else [],
)

DOWN = (_UPDATED, _MISSING, _TRANSPOSED, _LAST_UNIT, _STATISTICS)
