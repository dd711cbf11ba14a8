"""What the compiled engine can run: the library's own rows, and functions that Numba can compile."""

from chainrule.core.activations import ElementwiseActivation
from chainrule.core.builtin import is_builtin
from chainrule.core.chain import Chain
from chainrule.core.layers import LAYERS, BatchNorm, Dense, Dropout, Layer, LayerNorm
from chainrule.core.losses import ElementwiseLoss
from chainrule.core.unitwise import rows_of
from chainrule.optimizers import OPTIMIZERS, AnyOptimizer, SecondOrderOptimizer

COMPILED: tuple[type[Layer], ...] = (Dense, Dropout, LayerNorm, BatchNorm)
"""The layers that have kernels: those of ``chainrule.engine.runtime.plan.LAYER_OPS``."""


def unsupported_reason(chain: Chain, optimizer: AnyOptimizer | None = None) -> str | None:
    """Why a chain cannot be compiled, as the end of a sentence; None if nothing is in the way."""
    for l, layer in enumerate(chain.layers, start=1):
        if type(layer) not in COMPILED:
            name = type(layer).__name__
            own = type(layer) not in LAYERS.values()
            return f"layer {l} is of a kind of its own, {name}" if own else f"layer {l}, {name}, has no kernels"
        for part in rows_of(layer.activation):
            if not isinstance(part, ElementwiseActivation) and not is_builtin(part):
                return f"the activation of layer {l}, {part.name}, mixes the units of a row"
    if not isinstance(chain.loss, ElementwiseLoss) and not is_builtin(chain.loss):
        return f"the loss {chain.loss.name} mixes the outputs of a row"
    if isinstance(optimizer, SecondOrderOptimizer):
        jacobians = f"the optimizer {type(optimizer).__name__} asks for Jacobians, which are not compiled"
        return jacobians if optimizer.least_squares else None  # gradients are
    if optimizer is not None and type(optimizer) not in OPTIMIZERS.values():
        return f"the optimizer {type(optimizer).__name__} is not the library's"
    return None
