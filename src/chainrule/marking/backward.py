"""The backward pass as a recipe: eight places at which something is computed, each of which can be got wrong.

    start      dE/dy                          from the outputs and targets
    rows       which rows count               of dE/dy
    delta      delta_l = phi_l'(z_l) da_l     at each layer, from the top
    input      a_{l-1}                        as it stands in dW_l
    weights    dW_l = a_{l-1}' delta_l
    bias       db_l = sum_n delta_l
    update     both, as they are taken off    (sign, learning rate) at one layer
    down       da_{l-1} = delta_l W_l'
    sign, factor                              of all gradients, and of the updates made with them

A *change* is a function that computes something else at one place; ``run`` does what the changes say and, where
nothing is changed, what ``chainrule.core.chain.backward`` does.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.layers import Record
from chainrule.marking.forward_context import Site, Situation
from chainrule.marking.parameter_roles import roles_of

Place = Literal["start", "rows", "delta", "input", "weights", "bias", "update", "down", "sign", "factor"]
Change = Callable[..., Any]
Changes = Mapping[tuple[Place, int], Change]
"""By place and layer (0 where a place belongs to no layer), what is done there instead."""


class Gone(NamedTuple):
    """One backward pass.

    Attributes:
        gradients: by the parameters' names.
        dy: dE/dy as it was started from.
        deltas, das: by layer, from the first: dE/dz, and dE/da of the layer's own activations.
    """

    gradients: dict[str, Array]
    dy: Array
    deltas: list[Array]
    das: list[Array]


def run(s: Situation, changes: Changes) -> Gone:
    """The backward pass with these changes.

    Example:
        >>> from chainrule.marking.forward_context import situation
        >>> import chainrule as cr, numpy as np
        >>> net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
        >>> net.set_parameters({"W1": [[1.0]], "b1": [0.0]})
        >>> run(situation(net.model, np.array([[3.0]]), np.array([[1.0]])), {}).gradients
        {'W1': array([[12.]]), 'b1': array([4.])}
    """
    dy = rows(s, start(s, changes.get(("start", 0))), changes.get(("rows", 0)))
    gradients: dict[str, Array] = {}
    deltas: list[Array] = []
    das: list[Array] = []
    da = dy
    for at in reversed(s.sites):
        l = at.l
        d = delta(at, da, changes.get(("delta", l)))
        own: Record = dict(fixed(at, d))
        if at.weights_key:
            source = input_of(at, changes.get(("input", l)))
            own[at.weights_key] = weights(at, source, d, da, changes.get(("weights", l)))
        if at.bias_key:
            own[at.bias_key] = bias(at, d, da, changes.get(("bias", l)))
        own = overall(s, update(at, own, changes.get(("update", l))), changes)
        gradients |= {at.name(key): value for key, value in own.items()}
        deltas.append(d)
        das.append(da)
        da = down(at, d, in_shape(at, own), changes.get(("down", l)))
    ordered = {slot.name: gradients[slot.name] for slot in s.chain.slots}
    return Gone(ordered, dy, deltas[::-1], das[::-1])


# -------------------------------------------------------------------------------- the places
def start(s: Situation, change: Change | None) -> Array:
    """``dE/dy``."""
    return maths.output_derivative(s.chain, s.y, s.t) if change is None else change(s)


def rows(s: Situation, dy: Array, change: Change | None) -> Array:
    """``dE/dy``, with every row counted once."""
    return dy if change is None else change(s, dy)


def delta(at: Site, da: Array, change: Change | None) -> Array:
    """``delta = phi'(z) da``."""
    if change is not None:
        return change(at, da)
    return at.activation.pull_back(at.z, at.a, da)


def fixed(at: Site, d: Array) -> Record:
    """Gradients of parameters that no mistake of the catalogue touches: those of a layer of one's own."""
    own = at.situation.parameters.of_layer(at.l)
    if at.weights_key or not own:
        return {}
    return at.linear.backward(own, at.record, d).gradients


def input_of(at: Site, change: Change | None) -> Array:
    """What the weights multiply: ``a`` of the layer below, or ``xhat`` in a normalisation."""
    if change is not None:
        return change(at)
    return at.record[roles_of(at.layer).source]


def weights(at: Site, source: Array, d: Array, da: Array, change: Change | None) -> Array:
    """``dW = source' delta``; in a normalisation ``dgamma = sum_n source delta``."""
    if change is not None:
        return change(at, source, d, da)
    return at.wired(source.T @ d) if at.is_dense else (source * d).sum(axis=0)


def bias(at: Site, d: Array, da: Array, change: Change | None) -> Array:
    """``db = sum_n delta``; summed over the units too where they share one bias."""
    if change is not None:
        return change(at, d, da)
    shared = at.bias_key == "b" and at.situation.parameters.of_layer(at.l)["b"].ndim == 0
    return d.sum() if shared else d.sum(axis=0)


def update(at: Site, own: Record, change: Change | None) -> Record:
    """The gradients of one layer as they reach its parameters."""
    return own if change is None else {key: change(at, value) for key, value in own.items()}


def overall(s: Situation, own: Record, changes: Changes) -> Record:
    """One layer's gradients with the sign and the factor that all gradients have."""
    for place in ("sign", "factor"):
        change = changes.get((place, 0))
        if change is not None:
            own = {key: change(s, value) for key, value in own.items()}
    return own


def in_shape(at: Site, own: Record) -> Record:
    """What an update would use: a transposed gradient of another shape is none that can be taken off."""
    shapes = at.situation.parameters.of_layer(at.l)
    return {
        key: value if np.ndim(value) < 2 or value.shape == shapes[key].shape else value.T for key, value in own.items()
    }


def down(at: Site, d: Array, own: Record, change: Change | None) -> Array:
    """``da`` of the layer below: ``delta W'``."""
    if change is not None:
        return change(at, d, own)
    return d @ at.W.T if at.is_dense else at.linear.backward(at.p, at.record, d).da_in
