"""Predictions by the faster engine: the layers' own NumPy code, or compiled code for very many rows."""

from typing import TYPE_CHECKING

from chainrule.core import chain as maths
from chainrule.core.activations import Activation
from chainrule.core.arrays import Array
from chainrule.core.layers.checks import check_count
from chainrule.core.model import Model
from chainrule.engine.choose import choose
from chainrule.engine.cost import products
from chainrule.engine.threads import threads_for

if TYPE_CHECKING:
    from chainrule.engine.runtime.predictor import Predictor  # it imports Numba


def outputs(model: Model, x: Array, link: Activation | None, *, engine: str, threads: int | None) -> Array:
    """The outputs (N, outputs) of checked rows, through a fused loss's activation if one is given.

    Raises:
        InputError: no such engine, something stands in the way of compiling, or an output is not finite.
    """
    chain = model.chain
    threads = None if threads is None else check_count("threads", threads)
    if choose(engine, chain, None, rows=len(x)) == "reference":
        y = maths.predict(chain, model.parameters, x, model.state)
        return y if link is None else link.value(y)
    from chainrule.engine.runtime.predictor import Predictor  # noqa: PLC0415 - LLVM only where something is compiled

    y = Predictor(model, threads_for(threads, len(x) * products(chain)), link, len(x)).outputs_of(x)
    maths.check_outputs(y)
    return y


def compiled_predictor(model: Model, link: Activation | None, *, threads: int) -> "Predictor":
    """The model as it is now, compiled to predict many times.

    Raises:
        InputError: something stands in the way of compiling.
    """
    from chainrule.engine.runtime.predictor import Predictor  # noqa: PLC0415 - as above

    choose("compiled", model.chain, None, rows=1)
    return Predictor(model, check_count("threads", threads), link)
