"""The gradient of E over all rows, by the engine that suits."""

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.layers import Run
from chainrule.core.model import Model
from chainrule.engine.choose import choose
from chainrule.training.compiled import loss_and_gradient
from chainrule.training.data import Data


def gradient(model: Model, data: Data, run: Run, *, engine: str, threads: int | None) -> Array:
    """``dE/dp`` as one flat vector (P,).

    Dropout and batch normalisation depend on ``run``, which the compiled engine does not take: they are the
    reference's.

    Raises:
        InputError: no such engine, or something stands in the way of compiling.
    """
    chain, rows = model.chain, len(data.x)
    chosen = choose(engine, chain, None, rows=rows, batch=rows, epochs=1)
    if chosen == "compiled" and not any(layer.changes_in_training for layer in chain.layers):
        return loss_and_gradient(model, data, threads)(model.parameters.vector)[1]
    return maths.forward_backward(chain, model.parameters, data.x, data.t, run, data.weights).gradient
