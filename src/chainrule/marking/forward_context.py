"""What a backward pass can see: the forward pass that was made, and the place in the chain at which it stands."""

from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.activations import Activation, ElementwiseActivation
from chainrule.core.arrays import Array
from chainrule.core.chain import Chain
from chainrule.core.layers import Dense, Layer, Record, Run
from chainrule.core.model import Model
from chainrule.core.parameters import Parameters
from chainrule.core.unitwise import UnitwiseActivation
from chainrule.marking.parameter_roles import roles_of

Derivable = ElementwiseActivation | UnitwiseActivation
"""Activations that have a derivative for each unit."""


@dataclass(frozen=True, eq=False)
class Situation:
    """One forward pass in float64, and what the backward pass starts from.

    Attributes:
        chain: the declaration, in float64.
        parameters: by name.
        state: running statistics of each layer; the pass is one of prediction, so nothing is dropped.
        x, t: the rows and their targets.
        learning_rate: eta, for mistakes that mix the update into the backward pass; None if unknown.
    """

    chain: Chain
    parameters: Parameters
    state: tuple[Record, ...]
    x: Array
    t: Array
    learning_rate: float | None = None
    records: list[Record] = field(init=False)
    sites: "tuple[Site, ...]" = field(init=False)

    def __post_init__(self) -> None:
        run = Run(training=False, state=self.state)
        records = maths.forward(self.chain, self.parameters, self.x, run)
        object.__setattr__(self, "records", records)  # the dataclass is frozen: this is where it is made
        sites = (Site(self, l) for l in range(1, len(self.chain.layers) + 1))
        object.__setattr__(self, "sites", tuple(sites))

    @property
    def y(self) -> Array:
        """The outputs (N, outputs)."""
        return self.records[-1]["a"]

    @property
    def rows(self) -> int:
        """N."""
        return len(self.x)

    @property
    def top(self) -> "Site":
        """The output layer."""
        return self.sites[-1]

    def shared_out(self, by_row: Array) -> Array:
        """The derivative of E from that of each row's loss: divided by the rows; 0 where a target is missing."""
        shares = maths.row_shares(self.t, None)
        by_row = np.where(np.isnan(self.t), 0.0, by_row)
        return by_row / self.rows if shares is None else by_row * shares[:, None]

    def activations(self, l: int) -> Array:
        """``al``; ``a0`` are the inputs."""
        return self.records[l - 1]["a"] if l else self.x

    def at_rate(self, learning_rate: float | None) -> "Situation":
        """The same pass with another learning rate."""
        return Situation(self.chain, self.parameters, self.state, self.x, self.t, learning_rate)

    def elsewhere(self, parameters: Array, x: Array, t: Array) -> "Situation":
        """The same network with other parameters (a flat vector) and rows."""
        return Situation(self.chain, self.parameters.with_vector(parameters), self.state, x, t, self.learning_rate)


@dataclass(frozen=True, eq=False)
class Site:
    """One layer in the middle of a backward pass."""

    situation: Situation
    l: int
    _slopes: dict[str, Array] = field(default_factory=dict)

    @cached_property
    def layer(self) -> Layer:
        """Its declaration."""
        return self.situation.chain.layers[self.l - 1]

    @cached_property
    def p(self) -> Record:
        """Its parameters as the forward pass used them, by their names within the layer."""
        return self.layer.effective(self.situation.parameters.of_layer(self.l))

    @cached_property
    def record(self) -> Record:
        """What its forward pass kept."""
        return self.situation.records[self.l - 1]

    @property
    def z(self) -> Array:
        """Net inputs (N, units)."""
        return self.record["z"]

    @property
    def a(self) -> Array:
        """Activations (N, units)."""
        return self.record["a"]

    @cached_property
    def activation(self) -> Activation:
        """Its activation."""
        return self.layer.activation

    @cached_property
    def is_dense(self) -> bool:
        """Whether it has weights in the sense of ``z = a W + b``."""
        return isinstance(self.layer, Dense)

    @cached_property
    def weights_key(self) -> str | None:
        """The parameter that multiplies: ``"W"``, ``"gamma"`` of a normalisation, or none."""
        return roles_of(self.layer).weights

    @cached_property
    def bias_key(self) -> str | None:
        """The parameter that is added: ``"b"``, ``"beta"`` of a normalisation, or none."""
        key = roles_of(self.layer).bias
        return key if key in self.p else None

    @property
    def W(self) -> Array:  # noqa: N802 - the alphabet's name
        """The weights (units below, units) of a dense layer."""
        return self.p["W"]

    @cached_property
    def linear(self) -> Layer:
        """The same layer without its activation: its ``backward`` takes delta as it is."""
        return self.layer.with_activation("identity")

    def slope(self, row: Derivable) -> Array:
        """``phi'(z)`` of an activation at this layer's net inputs, kept for the next who asks."""
        if row.name not in self._slopes:
            self._slopes[row.name] = row.derivative(self.z)
        return self._slopes[row.name]

    def wired(self, dW: Array) -> Array:
        """A dense layer's gradient without the weights that do not exist."""
        mask = self.layer.mask
        return dW if mask is None or mask.shape != dW.shape else dW * mask

    def name(self, key: str) -> str:
        """``"W2"``."""
        return f"{key}{self.l}"


def situation(model: Model, x: Array, t: Array, learning_rate: float | None = None) -> Situation:
    """The forward pass of a model, in float64 whatever its own dtype."""
    given = model.chain
    chain = maths.build(given.inputs, given.layers, given.loss, np.dtype(np.float64))
    parameters = Parameters(chain.slots, model.parameters.vector.astype(np.float64))
    state = tuple({key: value.astype(np.float64) for key, value in kept.items()} for kept in model.state)
    return Situation(chain, parameters, state, x.astype(np.float64), t.astype(np.float64), learning_rate)
