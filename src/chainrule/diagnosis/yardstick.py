"""How good a run ended, in one unit for all runs of a diagnosis.

What is left of the loss after training, as a share of what the best constant answer leaves: 1 is a network that
ignores its inputs, 0 a perfect one. For squared errors it is the unexplained share of the variance, 1 - R^2. For
cross-entropies the squared distance of the probabilities from the labels stands for the loss (Brier 1950): a
cross-entropy goes on falling as sure answers become surer, which mends nothing.
"""

from dataclasses import dataclass

import numpy as np

from chainrule import chain as maths
from chainrule.activations import activation
from chainrule.arrays import Array
from chainrule.chain import Chain
from chainrule.diagnosis.case import Case
from chainrule.layers import Run
from chainrule.losses import SQUARED, Loss
from chainrule.model import Model
from chainrule.training import Data

LOST = 10.0
"""As much as is told: a run that ends further off, or left the finite numbers, is lost all the same."""


@dataclass(frozen=True, eq=False)
class Yardstick:
    """Compares runs by the loss of the call that is diagnosed.

    Attributes:
        chain: of that call.
        loss: the measure: the call's own, or the squared distance of probabilities from labels.
        constant: the loss of the best constant answer, on the training rows.
        floor: what a perfect answer leaves; not 0 for the Poisson losses.
    """

    chain: Chain
    loss: Loss
    constant: float
    floor: float

    @property
    def unit(self) -> str:
        """What the shares are shares of."""
        what = "loss" if self.loss is self.chain.loss else "squared distance from the labels"
        return f"share of the best constant answer's {what}"

    def left(self, case: Case, model: Model, data: Data | None = None, truth: Array | None = None) -> float:
        """What ``model`` leaves of the loss on the case's rows, as a share; at most ``LOST``."""
        rows = case.data if data is None else data
        wanted = case.truth if truth is None else truth
        with np.errstate(all="ignore"):
            y = maths.forward(model.chain, model.parameters, rows.x, Run(state=model.state))[-1]["a"]
            loss = mean_loss(self.loss, answers(self.chain, case.decode(y)), wanted, rows.weights)
        return self.share(loss)

    def left_of_held(self, case: Case, model: Model) -> float:
        """The same on the rows to validate on."""
        assert case.held is not None
        assert case.held_truth is not None
        return self.left(case, model, case.held, case.held_truth)

    def share(self, loss: float) -> float:
        """A loss, as a share."""
        room = self.constant - self.floor
        share = (loss - self.floor) / room if room > 0 else float(loss > self.floor)
        return float(min(max(share, 0.0), LOST)) if np.isfinite(share) else LOST


def mean_loss(loss: Loss, y: Array, t: Array, weights: Array | None) -> float:
    """The (weighted) mean of the rows' losses."""
    rows, shares = loss.value(y, t), maths.row_shares(t, weights)
    return float(rows.mean() if shares is None else (shares * rows).sum())


def is_cross_entropy(loss: Loss) -> bool:
    """Whether a loss compares probabilities with labels."""
    return "cross_entropy" in loss.name


def answers(chain: Chain, y: Array) -> Array:
    """Outputs as they are judged: for cross-entropies probabilities, held to what probabilities can be."""
    if not is_cross_entropy(chain.loss):
        return y
    p = np.clip(activation(chain.loss.link).value(y), 0, 1)
    return p / np.maximum(p.sum(axis=1, keepdims=True), 1) if "categorical" in chain.loss.name else p


def yardstick(case: Case) -> Yardstick:
    """For the runs of one diagnosis."""
    chain, data = case.chain, case.data
    far = far_out(data)
    if far.any() and not far.all():
        data = Data(data.x[~far], data.t[~far], None if data.weights is None else data.weights[~far])
    loss = SQUARED if is_cross_entropy(chain.loss) else chain.loss
    return Yardstick(chain, loss, _constant(loss, data), _floor(loss, data))


def _constant(loss: Loss, data: Data) -> float:
    """The loss of the best of a few constant answers: mean, median, and what a link makes the mean."""
    t, weights = data.t, data.weights
    with np.errstate(all="ignore"):
        shares = maths.row_shares(t, weights)
        mean = np.nan_to_num(np.nanmean(t, axis=0) if shares is None else np.nansum(t * shares[:, None], axis=0))
        constants = [mean, np.nan_to_num(np.nanmedian(t, axis=0))]
        if loss.link == "exponential":
            constants.append(np.log(np.maximum(mean, 1e-9)))
        rows = [np.broadcast_to(c, t.shape).astype(t.dtype) for c in constants]
        losses = [mean_loss(loss, y, t, weights) for y in rows]
    return min((value for value in losses if np.isfinite(value)), default=0.0)


def _floor(loss: Loss, data: Data) -> float:
    """The loss of the targets themselves as answers, where that is not 0."""
    if not loss.name.startswith("poisson"):
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
