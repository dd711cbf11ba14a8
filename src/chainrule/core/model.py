"""A chain with its parameters and running statistics: what the packages of the library pass to each other."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.chain import Chain
from chainrule.core.layers import Record
from chainrule.core.parameters import Parameters
from chainrule.errors import InputError


@dataclass
class Model:
    """A chain, its parameters and its layers' state; training changes the last two.

    Attributes:
        chain: the declaration.
        parameters: by name, views of one vector.
        state: for each layer, what it keeps besides parameters (running statistics).
    """

    chain: Chain
    parameters: Parameters
    state: tuple[Record, ...]
    _in_training: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    @contextmanager
    def in_training(self) -> Iterator[None]:
        """While it lasts, nobody else trains this model.

        Raises:
            InputError: another thread or a callback trains it already.
        """
        if not self._in_training.acquire(blocking=False):
            raise InputError(
                "this network is being trained already, by another thread or by the fit whose callback this is: "
                "train a copy of it (net.copy()), or wait until that fit has ended."
            )
        try:
            yield
        finally:
            self._in_training.release()

    def with_vector(self, vector: Array) -> Self:
        """The same chain and state with other parameters, a flat vector; nothing is copied."""
        return replace(self, parameters=self.parameters.with_vector(vector))

    def copy(self) -> Self:
        """A model of its own with the same numbers: what happens to one leaves the other alone."""
        return replace(self.with_vector(self.parameters.vector.copy()), state=_state(self.state, None))

    def as_float64(self) -> Self:
        """A copy that computes in float64, as proofs and curvatures need it."""
        kind = np.dtype(np.float64)
        chain = self.chain if self.chain.dtype == kind else replace(self.chain, dtype=kind)
        parameters = self.parameters.with_vector(self.parameters.vector.astype(kind))
        return replace(self, chain=chain, parameters=parameters, state=_state(self.state, kind))


def _state(state: tuple[Record, ...], kind: np.dtype[np.float64] | None) -> tuple[Record, ...]:
    """Copies of what the layers keep, in another dtype if one is given."""
    return tuple({key: np.array(value, kind) for key, value in kept.items()} for kept in state)


def model_of(net: Any) -> Model:
    """The model of a network.

    Raises:
        InputError: it is not a network.
    """
    model = getattr(net, "model", net)
    if not isinstance(model, Model):
        raise InputError(f"net must be a chainrule.Network, got {type(net).__name__}.")
    return model
