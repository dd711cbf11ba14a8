"""Mistakes at the top: how dE/dy is taken from outputs and targets."""

from collections.abc import Iterable

import numpy as np

from chainrule.core.activations import ACTIVATIONS, SIGMOID, SOFTMAX, softmax
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
from chainrule.marking.forward_context import Site, Situation
from chainrule.marking.mistake import Mistake, Variant


# -------------------------------------------------------------------------------- loss-derivative-missing
def _outputs(s: Situation) -> Array:
    return s.shared_out(s.y)


def _ones(s: Situation) -> Array:
    return s.shared_out(np.ones_like(s.y))


def _losses(s: Situation) -> Array:
    return s.shared_out(np.repeat(s.chain.loss.value(s.y, s.t)[:, None], s.chain.outputs, axis=1))


_MISSING = Mistake(
    "loss-derivative-missing",
    "start",
    explanation=(
        "Backpropagation begins with {v} where the derivative of the loss by the outputs belongs. The targets must "
        "come in here: without dE/dy the network does not learn what it is told."
    ),
    right="da = dE/dy",
    wrong="da = {v}",
    right_latex=r"\partial E/\partial a_L = \partial E/\partial y",
    wrong_latex=r"\partial E/\partial a_L = \text{{v}}",
    variants=lambda s: [  # noqa: ARG005 - applies everywhere
        Variant("y", _outputs),
        Variant("1", _ones),
        Variant("the loss itself", _losses),
    ],
)


# -------------------------------------------------------------------------------- wrong-loss-derivative
def _of_loss(loss: Loss) -> Variant:
    return Variant(loss.name, lambda s: s.shared_out(loss.derivative(s.y, s.t)))


def _other_losses(s: Situation) -> Iterable[Variant]:
    own = s.chain.loss
    if not own.least_squares and _fused_link(s) is None and not own.is_fused:
        yield _of_loss(HALF_SQUARED)
    if own.best_constant not in ("median", "quantile"):
        yield _of_loss(ABSOLUTE)
    if own.least_squares and computes_like(s.top.activation, SIGMOID):
        yield _of_loss(BINARY_CROSS_ENTROPY)


_WRONG = Mistake(
    "wrong-loss-derivative",
    "start",
    explanation=(
        "Backpropagation begins with the derivative of {v}, while the loss is another. The two must belong together: "
        "either change the loss, or differentiate the one you have."
    ),
    right="da = dE/dy",
    wrong="da = d({v})/dy",
    right_latex=r"\partial E/\partial a_L = \partial E/\partial y",
    wrong_latex=r"\partial E/\partial a_L = \partial(\text{{v}})/\partial y",
    variants=_other_losses,
)


# -------------------------------------------------------------------------------- the fused derivative, twice
def _fused_link(s: Situation) -> str | None:
    """The activation that cancels in ``y - t``, if this loss and output layer are such a pair."""
    loss = s.chain.loss
    if not any(computes_like(loss, row) for row in (BINARY_CROSS_ENTROPY, CATEGORICAL_CROSS_ENTROPY)):
        return None
    return loss.partner if computes_like(s.top.activation, ACTIVATIONS[loss.partner]) else None


def _difference(s: Situation) -> Array:
    """``y - t`` as dE/dy: the output layer then multiplies by its own derivative."""
    return s.shared_out(s.y - s.t)


def _jacobian_on_logits(s: Situation) -> Array:
    """The softmax's Jacobian applied to the loss's own derivative, which has it in it already."""
    p = softmax(s.y)
    g = s.shared_out(s.chain.loss.derivative(s.y, s.t))
    return p * (g - (p * g).sum(axis=1, keepdims=True))


def _slope_on_logits(s: Situation) -> Array:
    p = 1 / (1 + np.exp(-s.y))
    return s.shared_out(s.chain.loss.derivative(s.y, s.t)) * p * (1 - p)


def _softmax_twice(s: Situation) -> Iterable[Variant]:
    if _fused_link(s) == "softmax":
        yield Variant("", _difference)
    elif computes_like(s.chain.loss, CATEGORICAL_CROSS_ENTROPY_FROM_LOGITS):
        yield Variant("", _jacobian_on_logits)


def _sigmoid_twice(s: Situation) -> Iterable[Variant]:
    if _fused_link(s) == "sigmoid":
        yield Variant("", _difference)
    elif computes_like(s.chain.loss, BINARY_CROSS_ENTROPY_FROM_LOGITS):
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
def _broadcast(s: Situation) -> Array:
    """dE/dy of the mean over an N x N matrix: every output compared with every target."""
    n = s.rows
    y, t = np.repeat(s.y, n, axis=0), np.tile(s.t, (n, 1))
    return s.shared_out(s.chain.loss.derivative(y, t).reshape(n, n).mean(axis=1, keepdims=True))


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
    variants=lambda s: (
        [Variant("", _broadcast)] if s.chain.outputs == 1 and s.rows > 1 and not np.isnan(s.t).any() else []
    ),
)


# -------------------------------------------------------------------------------- kinks of the loss
def _at_kink(s: Situation, kink: float) -> Array:
    return np.abs(s.y - s.t - kink) <= 1e-12 * (np.abs(s.y) + np.abs(s.t))


def _loss_side(side: float) -> Variant:
    def change(s: Situation) -> Array:
        loss, moved = s.chain.loss, s.y.copy()
        assert isinstance(loss, ElementwiseLoss)
        for kink in loss.kinks(**loss.parameters):
            moved = np.where(_at_kink(s, kink), s.t + kink + side * 1e-6, moved)
        return s.shared_out(loss.derivative(moved, s.t))

    return Variant("right" if side > 0 else "left", change)


def _loss_kinks(s: Situation) -> Iterable[Variant]:
    loss = s.chain.loss
    if isinstance(loss, ElementwiseLoss) and any(_at_kink(s, k).any() for k in loss.kinks(**loss.parameters)):
        yield from (_loss_side(1.0), _loss_side(-1.0))


_LOSS_KINK = Mistake(
    "dead-kink",
    "start",
    explanation=(
        "An output lies exactly on the kink of the loss, where its derivative jumps. You took the {v} side's, the "
        "library takes another value there: both are as good."
    ),
    right="dE/dy at the kink: the library's choice",
    wrong="dE/dy at the kink: the {v} side's",
    right_latex=r"\partial E/\partial y\ \text{at the kink}",
    wrong_latex=r"\partial E/\partial y\ \text{of the {v} side}",
    variants=_loss_kinks,
    kind="kink",
)


# -------------------------------------------------------------------------------- softmax by its diagonal
def _diagonal(at: Site, da: Array) -> Array:
    return da * at.a * (1 - at.a)


SOFTMAX_DIAGONAL = Mistake(
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

STARTS = (_MISSING, _WRONG, _SOFTMAX_TWICE, _SIGMOID_TWICE, _BROADCAST, _LOSS_KINK)
