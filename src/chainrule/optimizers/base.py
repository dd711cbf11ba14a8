"""The base class of optimizers: how one gradient becomes one update, ``parameters <- parameters - update``.

An optimizer holds settings, never state: ``start`` makes its moments, ``update`` takes them and returns new ones.
Its equations are data; a test evaluates them in SymPy and compares the results with the code.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, ClassVar

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.lookup import is_number, make_fields_plain
from chainrule.errors import InputError
from chainrule.optimizers.schedules import Schedule, as_schedule

Moments = Mapping[str, Array]
"""What an optimizer remembers between updates, by name; each as long as the parameters, or a single number."""


@dataclass(frozen=True)
class Optimizer(ABC):
    """One rule.

    ``learning_rate`` (``eta``) is a number or a schedule. ``weight_decay`` is decoupled from the gradient: each update
    also takes away ``eta weight_decay W`` from the weights (Loshchilov & Hutter 2019, ICLR), not from the biases.

    Attributes:
        equations: the update of one parameter, in SymPy's syntax, in order; ``g`` is its gradient, ``count`` the
            number of the update from 1, ``eta`` the learning rate.
    """

    learning_rate: float | Schedule = 0.01
    equations: ClassVar[tuple[str, ...]]

    def __post_init__(self) -> None:
        make_fields_plain(self)
        as_schedule(self.learning_rate)
        for field in fields(self):
            value = getattr(self, field.name)
            if isinstance(field.default, bool):
                if not isinstance(value, bool):
                    raise InputError(f"{field.name} of {type(self).__name__} must be True or False, got {value!r}.")
            elif field.name != "learning_rate":
                self._check(field.name, value)

    def _check(self, name: str, value: Any) -> None:
        """Shares (momentum, betas, rho) are from 0 to below 1; other numbers are finite and not negative.

        An epsilon must be a normal number even in float32: a parameter whose gradient is always 0, such as a masked
        weight, is divided by nothing else.
        """
        low = float(np.finfo(np.float32).tiny) if name == "epsilon" else 0.0
        high = 1.0 if name in ("momentum", "rho", "beta1", "beta2", "decrease") else np.inf
        if not is_number(value) or not low <= value < high:
            raise InputError(f"{name} of {type(self).__name__} must be from {low:g} to below {high:g}, got {value!r}.")

    @property
    def schedule(self) -> Schedule:
        """The learning rate as a schedule."""
        return as_schedule(self.learning_rate)

    @property
    def decay(self) -> float:
        """The decoupled weight decay; 0 for optimizers without."""
        return float(getattr(self, "weight_decay", 0.0))

    @abstractmethod
    def start(self, size: int, dtype: np.dtype[Any], learning_rate: float) -> Moments:
        """The moments before the first update."""

    @abstractmethod
    def update(self, moments: Moments, g: Array, eta: float, count: int) -> tuple[Array, Moments]:
        """The update to subtract from the parameters, and the new moments."""
