"""Mistakes at the place ``start``: dE/dy computed wrongly from outputs and targets."""

from collections.abc import Iterable

import numpy as np

from chainrule.core.activations import ACTIVATIONS, SIGMOID, softmax
from chainrule.core.arrays import Array
from chainrule.core.builtin import computes_like
from chainrule.core.losses import (
    ABSOLUTE,
    BINARY_CROSS_ENTROPY,
    BINARY_CROSS_ENTROPY_FROM_LOGITS,
    CATEGORICAL_CROSS_ENTROPY,
    CATEGORICAL_CROSS_ENTROPY_FROM_LOGITS,
    HALF_SQUARED,
    ElementwiseLoss,
    Loss,
)
from chainrule.marking.forward_context import ForwardContext
from chainrule.marking.mistake import Mistake, Variant


# -------------------------------------------------------------------------------- loss-derivative-missing
def _outputs(forward: ForwardContext) -> Array:
    return forward.batch_derivative(forward.y)


def _ones(forward: ForwardContext) -> Array:
    return forward.batch_derivative(np.ones_like(forward.y))


def _losses(forward: ForwardContext) -> Array:
    return forward.batch_derivative(
        np.repeat(forward.chain.loss.value(forward.y, forward.t)[:, None], forward.chain.outputs, axis=1)
    )


_MISSING = Mistake(
    "loss-derivative-missing",
    "start",
    explanation=(
        "Backpropagation begins with {v} instead of the derivative of the loss by the outputs. The targets must enter "
        "here: without dE/dy the network cannot learn them."
    ),
    right="da = dE/dy",
    wrong="da = {v}",
    right_latex=r"\partial E/\partial a_L = \partial E/\partial y",
    wrong_latex=r"\partial E/\partial a_L = \text{{v}}",
    variants=lambda forward: [  # noqa: ARG005 - applies everywhere
        Variant("y", _outputs),
        Variant("1", _ones),
        Variant("the loss itself", _losses),
    ],
)


# -------------------------------------------------------------------------------- wrong-loss-derivative
def _of_loss(loss: Loss) -> Variant:
    return Variant(loss.name, lambda forward: forward.batch_derivative(loss.derivative(forward.y, forward.t)))


def _other_losses(forward: ForwardContext) -> Iterable[Variant]:
    own = forward.chain.loss
    if not own.least_squares and _fused_link(forward) is None and not own.is_fused:
        yield _of_loss(HALF_SQUARED)
    if own.best_constant not in ("median", "quantile"):
        yield _of_loss(ABSOLUTE)
    if own.least_squares and computes_like(forward.top.activation, SIGMOID):
        yield _of_loss(BINARY_CROSS_ENTROPY)


_WRONG = Mistake(
    "wrong-loss-derivative",
    "start",
    explanation=(
        "Backpropagation begins with the derivative of {v}, which is not this network's loss. The two must belong "
        "together: either change the loss, or differentiate the one you have."
    ),
    right="da = dE/dy",
    wrong="da = d({v})/dy",
    right_latex=r"\partial E/\partial a_L = \partial E/\partial y",
    wrong_latex=r"\partial E/\partial a_L = \partial(\text{{v}})/\partial y",
    variants=_other_losses,
)


# -------------------------------------------------------------------------------- the fused derivative, twice
def _fused_link(forward: ForwardContext) -> str | None:
    """The activation that cancels in ``y - t``, if this loss and output layer are such a pair."""
    loss = forward.chain.loss
    if not any(computes_like(loss, row) for row in (BINARY_CROSS_ENTROPY, CATEGORICAL_CROSS_ENTROPY)):
        return None
    return loss.partner if computes_like(forward.top.activation, ACTIVATIONS[loss.partner]) else None


def _difference(forward: ForwardContext) -> Array:
    """``y - t`` as dE/dy: the output layer then multiplies by its own derivative."""
    return forward.batch_derivative(forward.y - forward.t)


def _jacobian_on_logits(forward: ForwardContext) -> Array:
    """The softmax's Jacobian applied to the loss's derivative, which contains it already."""
    p = softmax(forward.y)
    g = forward.batch_derivative(forward.chain.loss.derivative(forward.y, forward.t))
    return p * (g - (p * g).sum(axis=1, keepdims=True))


def _slope_on_logits(forward: ForwardContext) -> Array:
    p = 1 / (1 + np.exp(-forward.y))
    return forward.batch_derivative(forward.chain.loss.derivative(forward.y, forward.t)) * p * (1 - p)


def _softmax_twice(forward: ForwardContext) -> Iterable[Variant]:
    if _fused_link(forward) == "softmax":
        yield Variant("", _difference)
    elif computes_like(forward.chain.loss, CATEGORICAL_CROSS_ENTROPY_FROM_LOGITS):
        yield Variant("", _jacobian_on_logits)


def _sigmoid_twice(forward: ForwardContext) -> Iterable[Variant]:
    if _fused_link(forward) == "sigmoid":
        yield Variant("", _difference)
    elif computes_like(forward.chain.loss, BINARY_CROSS_ENTROPY_FROM_LOGITS):
        yield Variant("", _slope_on_logits)


_SOFTMAX_TWICE = Mistake(
    "softmax-derivative-twice",
    "start",
    explanation=(
        "y - t is already the derivative of softmax and cross-entropy together, by the net inputs of the output "
        "layer. Here the softmax's Jacobian is multiplied on top of it, so it counts twice."
    ),
    right="delta = y - t  (for one row)",
    wrong="delta = J (y - t), with J = diag(y) - y y'",
    right_latex=r"\delta_L = y - t",
    wrong_latex=r"\delta_L = (\operatorname{diag}(y) - y y^{\top})(y - t)",
    variants=_softmax_twice,
)

_SIGMOID_TWICE = Mistake(
    "sigmoid-derivative-twice",
    "start",
    explanation=(
        "y - t is already the derivative of sigmoid and binary cross-entropy together, by the net inputs of the "
        "output layer. Here the sigmoid's derivative y (1 - y) is multiplied on top of it, so it counts twice."
    ),
    right="delta = y - t  (for one row)",
    wrong="delta = (y - t) y (1 - y)",
    right_latex=r"\delta_L = y - t",
    wrong_latex=r"\delta_L = (y - t)\, y (1 - y)",
    variants=_sigmoid_twice,
)


# -------------------------------------------------------------------------------- target-broadcast
def _broadcast(forward: ForwardContext) -> Array:
    """dE/dy of the mean over an N x N matrix: every output compared with every target."""
    n = forward.rows
    y, t = np.repeat(forward.y, n, axis=0), np.tile(forward.t, (n, 1))
    return forward.batch_derivative(forward.chain.loss.derivative(y, t).reshape(n, n).mean(axis=1, keepdims=True))


_BROADCAST = Mistake(
    "target-broadcast",
    "start",
    explanation=(
        "The outputs have shape (N, 1) and the targets (N,): their difference is then an N x N matrix, every output "
        "minus every target, and the network learns the targets' mean. Give the targets as a column: t[:, None]."
    ),
    right="dE/dy[n] from y[n] - t[n]",
    wrong="dE/dy[n] = mean over m of that from y[n] - t[m]",
    right_latex=r"\partial E/\partial y_n \propto y_n - t_n",
    wrong_latex=r"\partial E/\partial y_n \propto \tfrac{1}{N} \textstyle\sum_m (y_n - t_m)",
    variants=lambda forward: (
        [Variant("", _broadcast)]
        if forward.chain.outputs == 1 and forward.rows > 1 and not np.isnan(forward.t).any()
        else []
    ),
)


# -------------------------------------------------------------------------------- kinks of the loss
def _at_kink(forward: ForwardContext, kink: float) -> Array:
    return np.abs(forward.y - forward.t - kink) <= 1e-12 * (np.abs(forward.y) + np.abs(forward.t))


def _loss_side(side: float) -> Variant:
    def change(forward: ForwardContext) -> Array:
        loss, moved = forward.chain.loss, forward.y.copy()
        assert isinstance(loss, ElementwiseLoss)
        for kink in loss.kinks(**loss.parameters):
            moved = np.where(_at_kink(forward, kink), forward.t + kink + side * 1e-6, moved)
        return forward.batch_derivative(loss.derivative(moved, forward.t))

    return Variant("right" if side > 0 else "left", change)


def _loss_kinks(forward: ForwardContext) -> Iterable[Variant]:
    loss = forward.chain.loss
    if isinstance(loss, ElementwiseLoss) and any(_at_kink(forward, k).any() for k in loss.kinks(**loss.parameters)):
        yield from (_loss_side(1.0), _loss_side(-1.0))


_LOSS_KINK = Mistake(
    "dead-kink",
    "start",
    explanation=(
        "An output lies exactly on the kink of the loss, where its derivative jumps. You took the {v} side's value, "
        "the library takes another one: both are equally good."
    ),
    right="dE/dy at the kink: the library's choice",
    wrong="dE/dy at the kink: the {v} side's",
    right_latex=r"\partial E/\partial y\ \text{at the kink}",
    wrong_latex=r"\partial E/\partial y\ \text{of the {v} side}",
    variants=_loss_kinks,
    kind="kink",
)


STARTS = (_MISSING, _WRONG, _SOFTMAX_TWICE, _SIGMOID_TWICE, _BROADCAST, _LOSS_KINK)
