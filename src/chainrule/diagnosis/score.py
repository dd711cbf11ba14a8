"""How well a run ended, as a number that can be compared between all runs of a diagnosis: its remaining loss.

The remaining loss is the loss after training as a share of the best constant answer's loss: 1 is a network that ignores
its inputs, 0 a perfect one. For squared errors it is the unexplained share of the variance, 1 - R^2. For
cross-entropies it is computed from the squared distance of the probabilities from the labels (Brier 1950): a
cross-entropy goes on falling as correct answers become more confident, which is no progress. If all targets are equal,
a constant answer has no loss; then it is a share of the untrained network's loss.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.activations import activation
from chainrule.core.arrays import Array
from chainrule.core.chain import Chain
from chainrule.core.layers import Run
from chainrule.core.losses import SQUARED, Loss
from chainrule.core.model import Model
from chainrule.diagnosis.case import Case
from chainrule.diagnosis.constant_answer import best_constant_answer, is_cross_entropy, mean_loss, same_target
from chainrule.training import Data

LOST = 10.0
"""The largest remaining loss that is reported; also that of a run that diverged."""


@dataclass(frozen=True, eq=False)
class Score:
    """Compares runs by the loss of the call that is diagnosed.

    Attributes:
        case: that call.
        loss: the loss that is compared: the call's own, or the squared distance of probabilities from labels.
        training, validation: the reference losses on these rows; the second is None without validation rows.
    """

    case: Case
    loss: Loss
    training: "ReferenceLoss"
    validation: "ReferenceLoss | None"

    def remaining_loss(self, case: Case, model: Model, data: Data | None = None, truth: Array | None = None) -> float:
        """``model``'s loss on the case's training rows (or on ``data``), as a share; at most ``LOST``."""
        rows = case.data if data is None else data
        return self.share(self.loss_of(case, model, rows, case.truth if truth is None else truth))

    def remaining_validation_loss(self, case: Case, model: Model) -> float:
        """The same on the validation rows, as a share of the best constant answer's loss there."""
        assert case.validation is not None
        assert case.validation_truth is not None
        loss = self.loss_of(case, model, case.validation, case.validation_truth)
        return self.reference("validation").share(loss)

    def loss_of(self, case: Case, model: Model, rows: Data, truth: Array) -> float:
        """The mean loss of a model's answers, converted to the units of the call that is diagnosed."""
        return loss_of(self.loss, self.case.chain, case, model, rows._replace(t=truth))

    def reference(self, rows: Literal["training", "validation"]) -> "ReferenceLoss":
        """The loss that those on some rows are shares of."""
        found = self.training if rows == "training" else self.validation
        assert found is not None
        return found

    def share(self, loss: float) -> float:
        """A loss on the training rows as a share."""
        return self.training.share(loss)


@dataclass(frozen=True)
class ReferenceLoss:
    """The best constant answer's loss on some rows, of which other losses are shares.

    Attributes:
        loss: its value.
        floor: the loss of a perfect answer; not 0 for the Poisson losses.
        answer: the constant answer in words, such as "the mean"; empty if all targets are equal: then the loss is the
            untrained network's.
        unit: what a share is a share of, such as "the best constant answer's loss".
        among: on which rows, if outliers were left out: " on the 59 rows without a number far out"; else empty.
        by_labels: whether the loss is the squared distance from the labels instead of the call's own.
    """

    loss: float
    floor: float
    answer: str
    unit: str
    among: str = ""
    by_labels: bool = False

    def share(self, loss: float) -> float:
        """``(loss - floor)/(self.loss - floor)``, from 0 to ``LOST``."""
        span = self.loss - self.floor
        share = (loss - self.floor) / span if span > 0 else float(loss > self.floor)
        return float(min(max(share, 0.0), LOST)) if np.isfinite(share) else LOST


def loss_of(loss: Loss, chain: Chain, case: Case, model: Model, rows: Data) -> float:
    """The mean loss of a model's answers to some rows; ``chain`` is that of the call that is diagnosed."""
    with np.errstate(all="ignore"):
        y = maths.forward(model.chain, model.parameters, rows.x, Run(state=model.state))[-1]["a"]
        return mean_loss(loss, answers(chain, case.decode(y)), rows.t, rows.weights)


def answers(chain: Chain, y: Array) -> Array:
    """Outputs as they are compared with targets: for cross-entropies probabilities, clipped to their range."""
    if not is_cross_entropy(chain.loss):
        return y
    p = np.clip(activation(chain.loss.link).value(y), 0, 1)
    return p / np.maximum(p.sum(axis=1, keepdims=True), 1) if chain.loss.probabilities == "exclusive" else p


def score_for(case: Case) -> Score:
    """The score by which all runs of one diagnosis are compared."""
    loss = SQUARED if is_cross_entropy(case.chain.loss) else case.chain.loss
    validation = None if case.validation is None else _reference(case, loss, case.validation)
    return Score(case, loss, _reference(case, loss, case.data), validation)


def _reference(case: Case, loss: Loss, data: Data) -> ReferenceLoss:
    """The best constant answer's loss on the rows that are no outliers."""
    far = far_out(data)
    some = far.any() and not far.all()
    rows = Data(data.x[~far], data.t[~far], None if data.weights is None else data.weights[~far]) if some else data
    among = f" on the {len(rows.x)} rows without a number far out" if some else ""
    floor = _floor(loss, rows)
    by_labels = loss is not case.chain.loss
    what = "squared distance from the labels" if by_labels else "loss"
    if same_target(rows) is not None:
        untrained = loss_of(loss, case.chain, case, case.model, rows)
        return ReferenceLoss(untrained, floor, "", f"the untrained network's {what}{among}", among, by_labels)
    constant, answer = best_constant_answer(loss, rows, class_shares=is_cross_entropy(case.chain.loss))
    return ReferenceLoss(constant, floor, answer, f"the best constant answer's {what}{among}", among, by_labels)


def _floor(loss: Loss, data: Data) -> float:
    """The loss of the targets themselves as answers, where that is not 0."""
    if loss.partner != "exponential":
        return 0.0
    y = np.log(np.maximum(data.t, 1e-12)) if loss.link == "exponential" else data.t
    return mean_loss(loss, np.nan_to_num(y), data.t, data.weights)


FAR_OUT = 1e3
"""A number that is so many times as large as its column usually is, is an outlier."""


def far_out(data: Data) -> Array:
    """Rows whose inputs or targets hold an outlier: a boolean (N,)."""
    far = np.zeros(len(data.x), bool)
    with np.errstate(all="ignore"):
        for values in (data.x, np.nan_to_num(data.t)):
            size = np.abs(values.astype(np.float64))
            usual = np.maximum(np.percentile(size, 75, axis=0), 1e-3)
            far |= (size > FAR_OUT * usual).any(axis=1)
    return far
