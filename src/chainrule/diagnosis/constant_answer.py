"""The best constant answer to some rows: what a network can answer that ignores its inputs, and the loss it leaves.

It is the mean for squared errors, the median for absolute ones, a quantile for the quantile loss, the classes' shares
for cross-entropies, and found by search for other losses.
"""

from collections.abc import Iterator

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.format import number
from chainrule.core.losses import ElementwiseLoss, Loss
from chainrule.training import Data


def mean_loss(loss: Loss, y: Array, t: Array, weights: Array | None) -> float:
    """The (weighted) mean of the rows' losses."""
    rows, shares = loss.value(y, t), maths.row_shares(t, weights)
    return float(rows.mean() if shares is None else (shares * rows).sum())


def is_cross_entropy(loss: Loss) -> bool:
    """Whether a loss compares probabilities with labels."""
    return loss.probabilities is not None


def same_target(data: Data) -> Array | None:
    """The target that all rows share (outputs,), NaN where it is missing in all; None if targets differ.

    Rows of weight 0 do not count.
    """
    t = data.t if data.weights is None else data.t[data.weights > 0]
    lowest, highest = np.fmin.reduce(t, axis=0, initial=np.inf), np.fmax.reduce(t, axis=0, initial=-np.inf)
    return None if (highest > lowest).any() else np.where(highest < lowest, np.nan, lowest).astype(t.dtype)


def constant_cross_entropy(loss: Loss, data: Data) -> float | None:
    """A cross-entropy if the classes' shares are always answered; None for other losses, and for one class."""
    if not is_cross_entropy(loss) or same_target(data) is not None:
        return None
    p = weighted_mean(data.t, _target_weights(loss, data))
    tiny = 1e-12
    logits = {"softmax": np.log(np.maximum(p, tiny)), "sigmoid": np.log(np.maximum(p, tiny) / np.maximum(1 - p, tiny))}
    y = logits.get(loss.link, p)
    with np.errstate(all="ignore"):
        return mean_loss(loss, np.broadcast_to(y, data.t.shape).astype(data.t.dtype), data.t, data.weights)


def best_constant_answer(loss: Loss, data: Data, *, class_shares: bool) -> tuple[float, str]:
    """The loss of the best of a few constant answers, and its name; ``class_shares``: whether a mean is called that."""
    with np.errstate(all="ignore"):
        losses = {
            name: mean_loss(loss, np.broadcast_to(c, data.t.shape).astype(data.t.dtype), data.t, data.weights)
            for name, c in _constants(loss, data)
        }
    finite = {name: value for name, value in losses.items() if np.isfinite(value)}
    least = min(finite.values(), default=0.0)
    best = next((name for name, value in finite.items() if value <= least * (1 + 1e-6)), "the mean")
    name = "the classes' shares" if class_shares and best == "the mean" else best
    return least, name


def _constants(loss: Loss, data: Data) -> Iterator[tuple[str, Array]]:
    """Mean and median; the loss's own quantile; where no formula gives the best answer, that found by search."""
    w = _target_weights(loss, data)
    mean = weighted_mean(data.t, w)
    yield "the mean", np.log(np.maximum(mean, 1e-9)) if loss.link == "exponential" else mean
    yield "the median", weighted_quantile(data.t, w, 0.5)
    if loss.best_constant == "quantile":
        share = loss.parameters["quantile"]
        yield f"the quantile {number(share)}", weighted_quantile(data.t, w, share)
    elif isinstance(loss, ElementwiseLoss) and not loss.is_fused and loss.best_constant is None:
        yield "the best constant", _searched_constant(loss, data.t, w)


def _target_weights(loss: Loss, data: Data) -> Array:
    """How much each target counts (N, outputs): its row's weight, 0 where it is missing."""
    present = ~np.isnan(data.t)
    w = present * (1.0 if data.weights is None else data.weights.astype(np.float64)[:, None])
    averaged = isinstance(loss, ElementwiseLoss) and loss.reduction == "mean"
    return w / np.maximum(present.sum(axis=1, keepdims=True), 1) if averaged else w


def weighted_mean(t: Array, w: Array) -> Array:
    """``sum_n w_n t_n / sum_n w_n`` by column; 0 where nothing counts."""
    total = w.sum(axis=0)
    return (w * np.where(w > 0, t, 0)).sum(axis=0) / np.where(total > 0, total, 1)


def mean_and_deviation(t: Array) -> tuple[Array, Array]:
    """By column, of the targets that are not missing; 0 where all are."""
    present = (~np.isnan(t)).astype(np.float64)
    mean = weighted_mean(t.astype(np.float64), present)
    return mean, np.sqrt(weighted_mean((t - mean) ** 2, present))


def weighted_quantile(t: Array, w: Array, share: float) -> Array:
    """By column the smallest target up to which ``share`` of the weight lies; 0 where nothing counts.

    It minimises the weighted quantile loss: Koenker & Bassett 1978, Econometrica 46(1).
    """
    found = np.zeros(t.shape[1])
    for k in range(t.shape[1]):
        some = w[:, k] > 0
        if some.any():
            order = np.argsort(t[some, k], kind="stable")
            up_to = np.cumsum(w[some, k][order])
            at = np.searchsorted(up_to, share * up_to[-1] * (1 - 1e-12))
            found[k] = t[some, k][order][at]
    return found


def _searched_constant(loss: ElementwiseLoss, t: Array, w: Array) -> Array:
    """By column the answer within the range of the targets with the lowest loss, by search; 0 where nothing counts."""
    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - scipy only where no formula is known

    found = np.zeros(t.shape[1])
    for k in range(t.shape[1]):
        some = w[:, k] > 0
        if not some.any():
            continue
        values, shares = t[some, k].astype(np.float64), w[some, k]
        found[k] = low = values.min()
        if values.max() > low:

            def loss_of(c: float, values: Array = values, shares: Array = shares) -> float:
                return float(shares @ loss.term(np.full_like(values, c), values, **loss.parameters))

            found[k] = minimize_scalar(loss_of, bounds=(low, values.max()), method="bounded", options={"xatol": 1e-9}).x
    return found
