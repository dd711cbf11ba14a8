"""Kernels of users' own activations and losses, compiled when they are first needed and kept for this process."""

from collections.abc import Callable
from typing import Any

from chainrule.core.activations import Activation, ElementwiseActivation
from chainrule.engine.compiler import kernel_cache
from chainrule.engine.compiler.target import Space
from chainrule.errors import CompileError


def own_activation(row: Activation, space: Space) -> int:
    """The address of the kernel of a user's activation."""
    from chainrule.engine.compiler import user_functions  # noqa: PLC0415 - Numba only to compile
    from chainrule.engine.kernels.activations import elementwise  # noqa: PLC0415 - as above

    assert isinstance(row, ElementwiseActivation)
    key = (row.phi, row.phi_prime, tuple(row.parameters))
    return _own(key, space, f"the activation {row.name}", lambda: elementwise(user_functions.activation(*key)))


def own_loss(loss: Any, space: Space) -> int:
    """The address of the kernel of a user's loss."""
    from chainrule.engine.compiler import user_functions  # noqa: PLC0415 - Numba only to compile
    from chainrule.engine.kernels.losses import elementwise  # noqa: PLC0415 - as above

    key = (loss.term, loss.term_prime, tuple(loss.parameters))
    return _own(key, space, f"the loss {loss.name}", lambda: elementwise(user_functions.loss(*key)))


_owned: dict[tuple[Any, ...], int] = {}


def _own(key: tuple[Any, ...], space: Space, name: str, make: Callable[[], Any]) -> int:
    """The address of a kernel made for this process.

    Raises:
        CompileError: Numba cannot compile the function; says why.
    """
    if (key, space) not in _owned:
        from numba.core.errors import NumbaError  # noqa: PLC0415 - Numba only to compile

        try:
            _owned[key, space] = kernel_cache.own_kernel(make(), space)
        except NumbaError as error:
            raise CompileError(f"{name} cannot be compiled: {_reason(error)}. Use engine='reference'.") from error
    return _owned[key, space]


def _reason(error: Exception) -> str:
    """The line of Numba's message that names what it could not do."""
    lines = [line.strip() for line in str(error).splitlines()]
    reasons = [line for line in lines if line and not line.startswith(("Failed in", "During", "File", "<source", "^"))]
    return (reasons[0] if reasons else type(error).__name__).rstrip(".:")
