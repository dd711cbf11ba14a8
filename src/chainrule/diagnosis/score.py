"""How good a run ended, in one unit for all runs of a diagnosis.

What is left of the loss after training, as a share of what the best constant answer leaves: 1 is a network that
ignores its inputs, 0 a perfect one. For squared errors it is the unexplained share of the variance, 1 - R^2. For
cross-entropies the squared distance of the probabilities from the labels stands for the loss (Brier 1950): a
cross-entropy goes on falling as sure answers become surer, which mends nothing. Where all targets are equal a constant
answer leaves nothing; the loss is then told as a share of what the untrained network leaves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.activations import activation
from chainrule.core.arrays import Array
from chainrule.core.chain import Chain
from chainrule.core.format import number
from chainrule.core.layers import Run
from chainrule.core.losses import SQUARED, ElementwiseLoss, Loss
from chainrule.core.model import Model
from chainrule.diagnosis.case import Case
from chainrule.training import Data

LOST = 10.0
"""As much as is told: a run that ends further off, or left the finite numbers, is lost all the same."""


@dataclass(frozen=True, eq=False)
class Yardstick:
    """Compares runs by the loss of the call that is diagnosed.

    Attributes:
        case: that call.
        loss: the measure: the call's own, or the squared distance of probabilities from labels.
        training, validation: what losses on these rows are shares of; the second is None without such rows.
    """

    case: Case
    loss: Loss
    training: "Whole"
    validation: "Whole | None"

    def left(self, case: Case, model: Model, data: Data | None = None, truth: Array | None = None) -> float:
        """What ``model`` leaves of the loss on the case's rows, as a share; at most ``LOST``."""
        rows = case.data if data is None else data
        return self.share(self.loss_of(case, model, rows, case.truth if truth is None else truth))

    def left_of_held(self, case: Case, model: Model) -> float:
        """The same on the rows to validate on, as a share of what a constant answer leaves there."""
        assert case.held is not None
        assert case.held_truth is not None
        return self.whole("validation").share(self.loss_of(case, model, case.held, case.held_truth))

    def loss_of(self, case: Case, model: Model, rows: Data, truth: Array) -> float:
        """The loss of a model's answers, read in the units of the call that is diagnosed."""
        return loss_of(self.loss, self.case.chain, case, model, rows._replace(t=truth))

    def whole(self, rows: Literal["training", "validation"]) -> "Whole":
        """What shares of the loss on some rows are shares of."""
        found = self.training if rows == "training" else self.validation
        assert found is not None
        return found

    def share(self, loss: float) -> float:
        """A loss on the training rows, as a share."""
        return self.training.share(loss)


@dataclass(frozen=True)
class Whole:
    """The loss that others are shares of: what the best constant answer leaves on some rows.

    Attributes:
        loss: that.
        floor: what a perfect answer leaves; not 0 for the Poisson losses.
        answer: the constant answer in words, such as "the mean"; empty where all targets are equal: then the loss is
            the untrained network's.
        unit: what a share is a share of, such as "the best constant answer's loss".
        among: on which rows, where some were left out: " on the 59 rows without a number far out"; else empty.
        by_labels: whether not the call's own loss is shared out but the squared distance from the labels.
    """

    loss: float
    floor: float
    answer: str
    unit: str
    among: str = ""
    by_labels: bool = False

    def share(self, loss: float) -> float:
        """A loss, as a share; at most ``LOST``."""
        room = self.loss - self.floor
        share = (loss - self.floor) / room if room > 0 else float(loss > self.floor)
        return float(min(max(share, 0.0), LOST)) if np.isfinite(share) else LOST


def loss_of(loss: Loss, chain: Chain, case: Case, model: Model, rows: Data) -> float:
    """The mean loss of a model's answers to some rows; ``chain`` is that of the call that is diagnosed."""
    with np.errstate(all="ignore"):
        y = maths.forward(model.chain, model.parameters, rows.x, Run(state=model.state))[-1]["a"]
        return mean_loss(loss, answers(chain, case.decode(y)), rows.t, rows.weights)


def mean_loss(loss: Loss, y: Array, t: Array, weights: Array | None) -> float:
    """The (weighted) mean of the rows' losses."""
    rows, shares = loss.value(y, t), maths.row_shares(t, weights)
    return float(rows.mean() if shares is None else (shares * rows).sum())


def is_cross_entropy(loss: Loss) -> bool:
    """Whether a loss compares probabilities with labels."""
    return loss.probabilities is not None


def answers(chain: Chain, y: Array) -> Array:
    """Outputs as they are judged: for cross-entropies probabilities, held to what probabilities can be."""
    if not is_cross_entropy(chain.loss):
        return y
    p = np.clip(activation(chain.loss.link).value(y), 0, 1)
    return p / np.maximum(p.sum(axis=1, keepdims=True), 1) if chain.loss.probabilities == "exclusive" else p


def yardstick(case: Case) -> Yardstick:
    """For the runs of one diagnosis."""
    loss = SQUARED if is_cross_entropy(case.chain.loss) else case.chain.loss
    held = None if case.held is None else _whole(case, loss, case.held)
    return Yardstick(case, loss, _whole(case, loss, case.data), held)


def _whole(case: Case, loss: Loss, data: Data) -> Whole:
    """What the best constant answer leaves on the rows without a number far out."""
    far = far_out(data)
    some = far.any() and not far.all()
    rows = Data(data.x[~far], data.t[~far], None if data.weights is None else data.weights[~far]) if some else data
    among = f" on the {len(rows.x)} rows without a number far out" if some else ""
    floor = _floor(loss, rows)
    by_labels = loss is not case.chain.loss
    what = "squared distance from the labels" if by_labels else "loss"
    if same_target(rows) is not None:
        untrained = loss_of(loss, case.chain, case, case.model, rows)
        return Whole(untrained, floor, "", f"the untrained network's {what}{among}", among, by_labels)
    constant, answer = _constant(case, loss, rows)
    return Whole(constant, floor, answer, f"the best constant answer's {what}{among}", among, by_labels)


def same_target(data: Data) -> Array | None:
    """The one target of all rows that count (outputs,), NaN where all are missing; None where they differ."""
    t = data.t if data.weights is None else data.t[data.weights > 0]
    lowest, highest = np.fmin.reduce(t, axis=0, initial=np.inf), np.fmax.reduce(t, axis=0, initial=-np.inf)
    return None if (highest > lowest).any() else np.where(highest < lowest, np.nan, lowest).astype(t.dtype)


def constant_cross_entropy(case: Case, data: Data) -> float | None:
    """The call's own loss where the classes' shares are always answered; None for other losses, and for one class."""
    loss = case.chain.loss
    if not is_cross_entropy(loss) or same_target(data) is not None:
        return None
    p = weighted_mean(data.t, _target_weights(loss, data))
    tiny = 1e-12
    logits = {"softmax": np.log(np.maximum(p, tiny)), "sigmoid": np.log(np.maximum(p, tiny) / np.maximum(1 - p, tiny))}
    y = logits.get(loss.link, p)
    with np.errstate(all="ignore"):
        return mean_loss(loss, np.broadcast_to(y, data.t.shape).astype(data.t.dtype), data.t, data.weights)


def _constant(case: Case, loss: Loss, data: Data) -> tuple[float, str]:
    """The loss of the best of a few constant answers, and which it is."""
    with np.errstate(all="ignore"):
        losses = {
            name: mean_loss(loss, np.broadcast_to(c, data.t.shape).astype(data.t.dtype), data.t, data.weights)
            for name, c in _constants(loss, data)
        }
    finite = {name: value for name, value in losses.items() if np.isfinite(value)}
    least = min(finite.values(), default=0.0)
    best = next((name for name, value in finite.items() if value <= least * (1 + 1e-6)), "the mean")
    name = "the classes' shares" if is_cross_entropy(case.chain.loss) and best == "the mean" else best
    return least, name


def _constants(loss: Loss, data: Data) -> Iterator[tuple[str, Array]]:
    """Mean, median, the quantile asked for; where no formula has the best one, that by the loss itself."""
    w = _target_weights(loss, data)
    mean = weighted_mean(data.t, w)
    yield "the mean", np.log(np.maximum(mean, 1e-9)) if loss.link == "exponential" else mean
    yield "the median", weighted_quantile(data.t, w, 0.5)
    if loss.best_constant == "quantile":
        share = loss.parameters["quantile"]
        yield f"the quantile {number(share)}", weighted_quantile(data.t, w, share)
    elif isinstance(loss, ElementwiseLoss) and not loss.is_fused and loss.best_constant is None:
        yield "the best constant", _best_constant(loss, data.t, w)


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
    """By column, of the targets that are there; 0 where all are missing."""
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


def _best_constant(loss: ElementwiseLoss, t: Array, w: Array) -> Array:
    """By column the answer among the targets' range that leaves least, found by search; 0 where nothing counts."""
    from scipy.optimize import minimize_scalar  # noqa: PLC0415 - scipy only where no formula is known

    found = np.zeros(t.shape[1])
    for k in range(t.shape[1]):
        some = w[:, k] > 0
        if not some.any():
            continue
        values, shares = t[some, k].astype(np.float64), w[some, k]
        found[k] = low = values.min()
        if values.max() > low:

            def left(c: float, values: Array = values, shares: Array = shares) -> float:
                return float(shares @ loss.term(np.full_like(values, c), values, **loss.parameters))

            found[k] = minimize_scalar(left, bounds=(low, values.max()), method="bounded", options={"xatol": 1e-9}).x
    return found


def _floor(loss: Loss, data: Data) -> float:
    """The loss of the targets themselves as answers, where that is not 0."""
    if loss.partner != "exponential":
        return 0.0
    y = np.log(np.maximum(data.t, 1e-12)) if loss.link == "exponential" else data.t
    return mean_loss(loss, np.nan_to_num(y), data.t, data.weights)


FAR_OUT = 1e3
"""A number so many times as large as its column usually is lies far out."""


def far_out(data: Data) -> Array:
    """Rows with a number far out, of inputs or targets: a boolean (N,)."""
    far = np.zeros(len(data.x), bool)
    with np.errstate(all="ignore"):
        for values in (data.x, np.nan_to_num(data.t)):
            size = np.abs(values.astype(np.float64))
            usual = np.maximum(np.percentile(size, 75, axis=0), 1e-3)
            far |= (size > FAR_OUT * usual).any(axis=1)
    return far
