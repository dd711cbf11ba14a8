"""``evaluate``: the loss of rows as a prediction would give it."""

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.layers import Run
from chainrule.core.model import Model
from chainrule.training.data import Data


def evaluate(model: Model, data: Data) -> float:
    """E of the rows as a prediction would give it: no dropout, running statistics."""
    with np.errstate(all="ignore"):
        records = maths.forward(model.chain, model.parameters, data.x, Run(state=model.state))
        return maths.batch_loss(model.chain, records[-1]["a"], data.t, data.weights)
