"""The base class of layers: a declaration without numbers, and pure functions from arrays to arrays.

A layer owns no parameters. It declares which arrays it needs; the chain keeps them and hands them in. ``forward``
returns a *record*, everything it computed by name; ``backward`` takes that record, and so do the second-order passes,
in which a dot marks the derivative along a direction of the parameters (the R-operator: Pearlmutter 1994, Neural
Computation 6(1), 147-160).

Properties that the rest of the library needs are methods or attributes of every layer (``activation``,
``mixes_rows``, ``draws_random``, ...), so nothing has to test its class. What is made *from* a layer (its formula, its
source code, its kernels) is a table with a row for each class: ``chainrule.core.layers.visit``.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import Any, ClassVar, Generic, NamedTuple, Self, TypeVar

import numpy as np

from chainrule.core.activations import IDENTITY, Activation
from chainrule.core.arrays import Array

Answer = TypeVar("Answer")

Record = dict[str, Array]
"""What a layer kept of one pass, by the alphabet's names without layer number: ``z``, ``a``, and its own."""


@dataclass(frozen=True)
class Run:
    """How a forward pass is made.

    Attributes:
        training: whether dropout drops and batch normalisation uses the batch's own statistics.
        state: for each layer, what it keeps besides parameters (running statistics).
        rng: what dropout draws from; needed when training.
    """

    training: bool = False
    state: tuple[Record, ...] = ()
    rng: np.random.Generator | None = None


class Back(NamedTuple):
    """What a backward pass through one layer gives: ``delta = dE/dz``, ``dE/dW`` and so on, and ``dE/da`` below."""

    delta: Array
    gradients: Record
    da_in: Array


class BackDot(NamedTuple):
    """How the gradients, and ``dE/da`` below, change along the direction."""

    gradients: Record
    da_in: Array


class _Unless(Generic[Answer]):
    """A layer's answer unless it has a field of that name.

    A plain class attribute will not do: dataclasses would take it for the default of a subclass's field.
    """

    def __init__(self, answer: Answer) -> None:
        self.answer = answer

    def __get__(self, layer: object, kind: type | None = None) -> Answer:
        if layer is None:
            raise AttributeError
        return self.answer


@dataclass(frozen=True, eq=False, repr=False)
class Layer(ABC):
    """One layer's declaration; ``trainable=False`` keeps its parameters as they are during ``fit``.

    A layer may have these fields, which other layers answer as follows:

    * ``activation``: applied to its net inputs ``z``; identity;
    * ``mask``: (units_in, units) of 0 and 1, which of its weights exist; None for all;
    * ``bias``: how its biases are shared; None.
    """

    trainable: bool = field(default=True, kw_only=True)

    activation = _Unless[Activation](IDENTITY)
    mask = _Unless[Array | None](None)
    bias = _Unless[str | None](None)

    decayed: ClassVar[tuple[str, ...]] = ()
    """Names of its parameters that L1, L2 and weight decay act on."""

    smallest_batch: ClassVar[int] = 1
    """The fewest rows it can be trained on at once."""

    changes_in_training: ClassVar[bool] = False
    """Whether a training pass computes something else than a prediction."""

    @property
    def mixes_rows(self) -> bool:
        """Whether, in training, a row's activations depend on the other rows of the batch."""
        return self.smallest_batch > 1

    @property
    def draws_random(self) -> bool:
        """Whether a training pass draws random numbers."""
        return False

    @property
    def takes_activation(self) -> bool:
        """Whether an activation is among its arguments."""
        return "activation" in self.options()

    def with_activation(self, row: str | Activation) -> Self:
        """The same layer with another activation; the layer itself if it takes none."""
        make: Any = type(self)
        return make(**(self.options() | {"activation": row})) if self.takes_activation else self

    @abstractmethod
    def units_out(self, units_in: int) -> int:
        """How many units it has, after a layer of ``units_in``."""

    @abstractmethod
    def parameter_shapes(self, units_in: int) -> dict[str, tuple[int, ...]]:
        """The parameters it needs, by name."""

    @abstractmethod
    def initial_parameters(self, units_in: int, rng: np.random.Generator, dtype: np.dtype[Any]) -> Record:
        """Parameters to start from."""

    def free(self, key: str, shape: tuple[int, ...]) -> Array:
        """Which entries of a parameter may change: a boolean array."""
        del key
        return np.full(shape, self.trainable)

    def effective(self, p: Record) -> Record:
        """The parameters as ``forward`` uses them, whatever was written to those that do not exist."""
        return p

    def initial_state(self, units_in: int, dtype: np.dtype[Any]) -> Record:
        """What it keeps besides parameters."""
        del units_in, dtype
        return {}

    def next_state(self, state: Record, record: Record) -> Record:
        """The state after a training pass."""
        del record
        return state

    @abstractmethod
    def forward(self, p: Record, a_in: Array, state: Record, run: Run) -> Record:
        """Values go up: ``a_in`` (N, units_in) to the record's ``z`` and ``a`` (N, units)."""

    @abstractmethod
    def backward(self, p: Record, record: Record, da: Array) -> Back:
        """Deltas come down: ``da = dE/da`` to the layer's delta, its gradients and ``dE/da_in``."""

    def gradients_by_row(self, record: Record, back: Back) -> Record | None:
        """Each row's part in the gradients, (N, ...) by name; None if only their sum is known.

        Their sum over the rows is ``back.gradients``.
        """
        del record, back
        return None

    @abstractmethod
    def forward_dot(self, p: Record, p_dot: Record, record: Record, a_in_dot: Array) -> Record:
        """How ``z`` and ``a`` change along ``p_dot``."""

    @abstractmethod
    def backward_dot(
        self, p: Record, p_dot: Record, record: Record, dot: Record, da: Array, back: Back, da_dot: Array
    ) -> BackDot:
        """How the backward pass changes along ``p_dot``; ``record``, ``dot`` and ``back`` are the earlier passes'."""

    @abstractmethod
    def formulas(self, l: int) -> dict[str, str]:
        """For each quantity of its trace, by name without layer number, the formula it is computed by."""

    def __repr__(self) -> str:
        """``Dense(3, 'relu')``: the arguments that say what it does, not how it begins."""
        shown = [f"{key}={_text(value)}" for key, value in self.options().items() if _is_shown(key, value)]
        return f"{type(self).__name__}({', '.join(shown)})"

    @abstractmethod
    def options(self) -> dict[str, Any]:
        """The arguments that make this layer again, as plain data with the components in them."""


def _is_shown(key: str, value: Any) -> bool:
    """Whether ``repr`` shows an argument: not at its usual value, and not how the first parameters are drawn."""
    usual = {"bias": "per-unit", "mask": None, "trainable": True}
    if key in ("init", "bias_init"):
        return False
    return isinstance(value, np.ndarray) or key not in usual or value != usual[key]


def _text(value: Any) -> str:
    return "..." if isinstance(value, np.ndarray) else repr(getattr(value, "name", value))
