"""The backward pass in eight steps (*places*), each of which can be computed wrongly, and two scales of the whole.

    start      dE/dy                          from the outputs and targets
    rows       which rows count               of dE/dy
    delta      delta_l = phi_l'(z_l) da_l     at each layer, from the top
    input      a_{l-1}                        the factor in dW_l
    weights    dW_l = a_{l-1}' delta_l
    bias       db_l = sum_n delta_l
    update     dW_l and db_l                  as the update subtracts them, at one layer
    down       da_{l-1} = delta_l W_l'
    sign, factor                              of all gradients, and of the updates made with them

A *change* is a function that computes something else at one place. ``run_backward`` makes the given changes; without
any it does what ``chainrule.core.chain.backward`` does.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal, NamedTuple

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.layers import Record
from chainrule.marking.forward_context import ForwardContext, LayerContext
from chainrule.marking.parameter_roles import roles_of

Place = Literal["start", "rows", "delta", "input", "weights", "bias", "update", "down", "sign", "factor"]
Change = Callable[..., Any]
Changes = Mapping[tuple[Place, int], Change]
"""By place and layer (0 if the place belongs to no layer), the function that computes something else there."""


class BackwardResult(NamedTuple):
    """One backward pass.

    Attributes:
        gradients: by the parameters' names.
        dy: dE/dy (N, outputs).
        deltas: by layer, from the first, dE/dz (N, units).
        das: by layer, from the first, dE/da (N, units) of the layer's own activations.
    """

    gradients: dict[str, Array]
    dy: Array
    deltas: list[Array]
    das: list[Array]


def run_backward(forward: ForwardContext, changes: Changes) -> BackwardResult:
    """Run the backward pass with some changes.

    Args:
        forward: the forward pass.
        changes: by place and layer; none for the right gradients.

    Example:
        >>> from chainrule.marking.forward_context import run_forward
        >>> import chainrule as cr, numpy as np
        >>> net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
        >>> net.set_parameters({"W1": [[1.0]], "b1": [0.0]})
        >>> run_backward(run_forward(net.model, np.array([[3.0]]), np.array([[1.0]])), {}).gradients
        {'W1': array([[12.]]), 'b1': array([4.])}
    """
    dy = rows(forward, start(forward, changes.get(("start", 0))), changes.get(("rows", 0)))
    gradients: dict[str, Array] = {}
    deltas: list[Array] = []
    das: list[Array] = []
    da = dy
    for at in reversed(forward.layers):
        l = at.l
        d = delta(at, da, changes.get(("delta", l)))
        own: Record = dict(other_gradients(at, d))
        if at.weights_key:
            source = input_of(at, changes.get(("input", l)))
            own[at.weights_key] = weights(at, source, d, da, changes.get(("weights", l)))
        if at.bias_key:
            own[at.bias_key] = bias(at, d, da, changes.get(("bias", l)))
        own = scale_all(forward, update(at, own, changes.get(("update", l))), changes)
        gradients |= {at.name(key): value for key, value in own.items()}
        deltas.append(d)
        das.append(da)
        da = down(at, d, in_shape(at, own), changes.get(("down", l)))
    ordered = {slot.name: gradients[slot.name] for slot in forward.chain.slots}
    return BackwardResult(ordered, dy, deltas[::-1], das[::-1])


# -------------------------------------------------------------------------------- the places
def start(forward: ForwardContext, change: Change | None) -> Array:
    """``dE/dy``."""
    return maths.output_derivative(forward.chain, forward.y, forward.t) if change is None else change(forward)


def rows(forward: ForwardContext, dy: Array, change: Change | None) -> Array:
    """``dE/dy``, with every row counted once."""
    return dy if change is None else change(forward, dy)


def delta(at: LayerContext, da: Array, change: Change | None) -> Array:
    """``delta = phi'(z) da``."""
    if change is not None:
        return change(at, da)
    return at.activation.pull_back(at.z, at.a, da)


def other_gradients(at: LayerContext, d: Array) -> Record:
    """Gradients of parameters that the catalogue has no mistakes for: those of a user's own layer."""
    own = at.forward.parameters.of_layer(at.l)
    if at.weights_key or not own:
        return {}
    return at.linear.backward(own, at.record, d).gradients


def input_of(at: LayerContext, change: Change | None) -> Array:
    """What the weights multiply: ``a`` of the layer below, or ``xhat`` in a normalisation."""
    if change is not None:
        return change(at)
    return at.record[roles_of(at.layer).source]


def weights(at: LayerContext, source: Array, d: Array, da: Array, change: Change | None) -> Array:
    """``dW = source' delta``; in a normalisation ``dgamma = sum_n source delta``."""
    if change is not None:
        return change(at, source, d, da)
    return at.masked(source.T @ d) if at.is_dense else (source * d).sum(axis=0)


def bias(at: LayerContext, d: Array, da: Array, change: Change | None) -> Array:
    """``db = sum_n delta``; summed over the units too where they share one bias."""
    if change is not None:
        return change(at, d, da)
    shared = at.bias_key == "b" and at.forward.parameters.of_layer(at.l)["b"].ndim == 0
    return d.sum() if shared else d.sum(axis=0)


def update(at: LayerContext, own: Record, change: Change | None) -> Record:
    """One layer's gradients as the update subtracts them."""
    return own if change is None else {key: change(at, value) for key, value in own.items()}


def scale_all(forward: ForwardContext, own: Record, changes: Changes) -> Record:
    """One layer's gradients with the sign and the factor of all gradients."""
    for place in ("sign", "factor"):
        change = changes.get((place, 0))
        if change is not None:
            own = {key: change(forward, value) for key, value in own.items()}
    return own


def in_shape(at: LayerContext, own: Record) -> Record:
    """One layer's gradients as an update can subtract them: a transposed one of another shape is turned back."""
    shapes = at.forward.parameters.of_layer(at.l)
    return {
        key: value if np.ndim(value) < 2 or value.shape == shapes[key].shape else value.T for key, value in own.items()
    }


def down(at: LayerContext, d: Array, own: Record, change: Change | None) -> Array:
    """``da`` of the layer below: ``delta W'``."""
    if change is not None:
        return change(at, d, own)
    return d @ at.W.T if at.is_dense else at.linear.backward(at.p, at.record, d).da_in
