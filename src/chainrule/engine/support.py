"""Which components can be compiled: the library's own rows, and functions that Numba can compile."""

from typing import Any

from chainrule.core.activations import ACTIVATIONS, Activation, ElementwiseActivation, RowActivation
from chainrule.core.chain import Chain
from chainrule.core.layers import BatchNorm, Dense, Dropout, LayerNorm
from chainrule.core.losses import LOSSES, ElementwiseLoss, Loss
from chainrule.core.unitwise import UnitwiseActivation
from chainrule.optimizers import OPTIMIZERS, AnyOptimizer, SecondOrderOptimizer

LAYERS = (Dense, Dropout, LayerNorm, BatchNorm)


def is_builtin_activation(row: Activation) -> bool:
    """Whether a row is the library's own, whatever its constants."""
    known = ACTIVATIONS.get(row.name)
    if isinstance(row, ElementwiseActivation) and isinstance(known, ElementwiseActivation):
        return row.phi is known.phi and row.phi_prime is known.phi_prime
    if isinstance(row, RowActivation) and isinstance(known, RowActivation):
        return row.phi is known.phi and row.transposed_jacobian_product is known.transposed_jacobian_product
    return False


def is_builtin_loss(row: Loss) -> bool:
    """Whether a row is the library's own, whatever its constants."""
    known = LOSSES.get(row.name)
    if isinstance(row, ElementwiseLoss) and isinstance(known, ElementwiseLoss):
        return row.term is known.term and row.term_prime is known.term_prime and row.reduction == known.reduction
    return (
        known is not None
        and type(row) is type(known)
        and getattr(row, "row_value", 0) is getattr(known, "row_value", 1)
    )


def parts(row: Activation) -> tuple[Activation, ...]:
    """The activations of a layer: one, or one a unit."""
    return row.rows if isinstance(row, UnitwiseActivation) else (row,)


def unsupported_reason(chain: Chain, optimizer: AnyOptimizer | None = None) -> str | None:
    """Why a chain cannot be compiled, as the end of a sentence; None if nothing is in the way."""
    for l, layer in enumerate(chain.layers, start=1):
        if type(layer) not in LAYERS:
            return f"layer {l} is of a kind of its own, {type(layer).__name__}"
        row: Any = getattr(layer, "activation", None)
        for part in parts(row) if row is not None else ():
            if not isinstance(part, ElementwiseActivation) and not is_builtin_activation(part):
                return f"the activation of layer {l}, {part.name}, mixes the units of a row"
    if not isinstance(chain.loss, ElementwiseLoss) and not is_builtin_loss(chain.loss):
        return f"the loss {chain.loss.name} mixes the outputs of a row"
    if isinstance(optimizer, SecondOrderOptimizer):
        jacobians = f"the optimizer {type(optimizer).__name__} asks for Jacobians, which are not compiled"
        return jacobians if optimizer.least_squares else None  # gradients are
    if optimizer is not None and type(optimizer) not in OPTIMIZERS.values():
        return f"the optimizer {type(optimizer).__name__} is not the library's"
    return None
