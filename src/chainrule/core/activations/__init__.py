"""Activations, one object each (a *row* of the table): phi, phi', phi'', their formulas as data, their source.

``a = phi(z)`` acts on net inputs ``z`` of shape (N, units). Formulas are written in SymPy's syntax with the symbols
``z``, ``a`` (short for phi(z)) and the row's parameters; ``chainrule.extend.check_activation`` proves each row: the
formulas against a computer-algebra derivative, the functions against the formulas from -1e4 to 1e4.

The functions are written so that they neither overflow nor cancel: where a formula subtracts nearly equal numbers, an
equal one that does not is used, and the comment says so.
"""

from collections.abc import Mapping

from chainrule.core.activations.base import Activation, ElementwiseActivation, RowActivation
from chainrule.core.activations.gated import GELU, GELU_TANH, MISH, SILU
from chainrule.core.activations.rectifiers import (
    ELU,
    EXPONENTIAL,
    IDENTITY,
    LEAKY_RELU,
    RELU,
    SELU,
    SOFTPLUS,
    exponential,
)
from chainrule.core.activations.row_wise import SOFTMAX, softmax
from chainrule.core.activations.saturating import HARD_SIGMOID, HARD_TANH, SIGMOID, SOFTSIGN, TANH
from chainrule.core.lookup import look_up

ACTIVATIONS: Mapping[str, Activation] = {
    row.name: row
    for row in (
        IDENTITY, SIGMOID, TANH, RELU, LEAKY_RELU, ELU, SELU, SOFTPLUS, SOFTSIGN, GELU, GELU_TANH, SILU, MISH,
        HARD_SIGMOID, HARD_TANH, EXPONENTIAL, SOFTMAX,
    )
}  # fmt: skip
"""The table: every activation of the library by its name."""


def activation(name: str | Activation, **parameters: float) -> Activation:
    """The row of that name, with other constants if some are given.

    Args:
        name: a name of the table, or a user-defined row, which is returned.
        parameters: constants of the row's formula, such as ``alpha``.

    Raises:
        UnknownComponentError: no such row; the message lists those there are.
        InputError: no such constant, or it is not a finite number.

    Example:
        >>> import numpy as np
        >>> activation("leaky_relu", alpha=0.2).value(np.array([-1.0, 3.0]))
        array([-0.2,  3. ])
    """
    row = look_up("activation", name, ACTIVATIONS, Activation)
    return row.with_parameters(**parameters) if parameters else row


__all__ = [
    "ACTIVATIONS", "ELU", "EXPONENTIAL", "GELU", "GELU_TANH", "HARD_SIGMOID", "HARD_TANH", "IDENTITY", "LEAKY_RELU",
    "MISH", "RELU", "SELU", "SIGMOID", "SILU", "SOFTMAX", "SOFTPLUS", "SOFTSIGN", "TANH", "Activation",
    "ElementwiseActivation", "RowActivation", "activation", "exponential", "softmax",
]  # fmt: skip
