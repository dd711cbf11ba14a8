"""A fitted network's outputs, by the layers' own NumPy or by machine code."""

from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.layers import Run
from chainrule.core.model import Model
from chainrule.engine import support
from chainrule.engine.cost import products
from chainrule.engine.threads import threads_for

if TYPE_CHECKING:
    from chainrule.engine.runtime.predictor import Predictor

COMPILED_PREDICTION = 200_000
"""Multiply-adds from which a network that was trained by the compiled engine also predicts by it."""


def predicts_compiled(model: Model, X: Any) -> bool:
    """Whether these rows are worth machine code, and can have it."""
    large = isinstance(X, np.ndarray) and len(X) * products(model.chain) >= COMPILED_PREDICTION
    return large and support.unsupported_reason(model.chain) is None


def current_predictor(model: Model, ready: "Predictor | None", threads: int | None) -> "Predictor":
    """The network compiled for predicting: the one that is ready, or a new one where the numbers have changed."""
    from chainrule.engine.runtime.predictor import Predictor  # noqa: PLC0415 - LLVM only where something is compiled

    return ready if ready is not None and ready.is_of(model) else Predictor(model, threads_for(threads, 2**40))


def outputs_of(model: Model, X: Any) -> Array:
    """The outputs (N, outputs) of dense or sparse rows, by the layers' own NumPy."""
    chain = model.chain
    x = np.ascontiguousarray(X, chain.dtype) if isinstance(X, np.ndarray) else X.astype(chain.dtype).tocsr()
    with np.errstate(all="ignore"):
        return maths.forward(chain, model.parameters, x, Run(state=model.state))[-1]["a"]
