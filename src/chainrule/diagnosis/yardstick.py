"""How good a run ended, in one unit for all runs of a diagnosis.

What is left of the loss after training, as a share of what the best constant answer leaves: 1 is a network that
ignores its inputs, 0 a perfect one. For squared errors it is the unexplained share of the variance, 1 - R^2.
"""

from dataclasses import dataclass

import numpy as np

from chainrule import chain as maths
from chainrule.arrays import Array
from chainrule.chain import Chain
from chainrule.diagnose.case import Case
from chainrule.layers import Run
from chainrule.model import Model
from chainrule.training import Data

UNIT = "share of the loss of the best constant answer"
LOST = 10.0
"""As much as counts: a run that ends further off, or left the finite numbers, is lost all the same."""


@dataclass(frozen=True, eq=False)
class Yardstick:
    """Compares runs by the loss of the call that is diagnosed.

    Attributes:
        chain: of that call; its loss is the measure.
        constant: the loss of the best constant answer, on the training rows.
        floor: what a perfect answer leaves; not 0 for the Poisson losses.
    """

    chain: Chain
    constant: float
    floor: float

    def left(self, case: Case, model: Model, data: Data | None = None, truth: Array | None = None) -> float:
        """What ``model`` leaves of the loss on the case's rows, as a share; at most ``LOST``."""
        rows = case.data if data is None else data
        wanted = case.truth if truth is None else truth
        with np.errstate(all="ignore"):
            y = maths.forward(model.chain, model.parameters, rows.x, Run(state=model.state))[-1]["a"]
            loss = maths.batch_loss(self.chain, case.decode(y), wanted, rows.weights)
        return self.share(loss)

    def left_of_held(self, case: Case, model: Model) -> float:
        """The same on the rows to validate on."""
        assert case.held is not None
        assert case.held_truth is not None
        return self.left(case, model, case.held, case.held_truth)

    def share(self, loss: float) -> float:
        """A loss of the call that is diagnosed, as a share."""
        room = self.constant - self.floor
        share = (loss - self.floor) / room if room > 0 else float(loss > self.floor)
        return min(share, LOST) if np.isfinite(share) else LOST


def yardstick(case: Case) -> Yardstick:
    """For the runs of one diagnosis."""
    return Yardstick(case.chain, constant_loss(case.chain, case.data), _floor(case.chain, case.data))


def _floor(chain: Chain, data: Data) -> float:
    """The loss of the targets themselves as answers, where that is not 0."""
    if not chain.loss.name.startswith("poisson"):
        return 0.0
    y = np.log(np.maximum(data.t, 1e-12)) if chain.loss.link == "exponential" else data.t
    return maths.batch_loss(chain, np.nan_to_num(y), data.t, data.weights)


def constant_loss(chain: Chain, data: Data) -> float:
    """The loss of the best of a few constant answers: mean, median, and what a link makes the mean."""
    with np.errstate(all="ignore"):
        weights = data.weights
        mean = np.nan_to_num(
            np.nanmean(data.t, axis=0)
            if weights is None
            else np.nansum(data.t * weights[:, None], axis=0) / max(float(weights.sum()), 1e-300)
        )
        answers = [mean, np.nan_to_num(np.nanmedian(data.t, axis=0))]
        if chain.loss.link == "sigmoid":
            p = np.clip(mean, 1e-9, 1 - 1e-9)
            answers.append(np.log(p / (1 - p)))
        if chain.loss.link in ("softmax", "exponential"):
            answers.append(np.log(np.maximum(mean, 1e-9)))
        rows = [np.broadcast_to(c, data.t.shape).astype(data.t.dtype) for c in answers]
        losses = [maths.batch_loss(chain, y, data.t, weights) for y in rows]
    finite = [loss for loss in losses if np.isfinite(loss)]
    return min(finite, default=0.0)
