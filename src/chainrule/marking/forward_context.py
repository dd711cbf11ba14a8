"""What a backward pass reads: the whole forward pass, and one layer of it."""

from dataclasses import dataclass, field, replace
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
class ForwardContext:
    """One forward pass in float64, and all that the backward pass starts from.

    Layers work as in prediction: dropout drops nothing, batch normalisation uses its running statistics.

    Attributes:
        model: the network, in float64.
        x: inputs (N, inputs).
        t: targets (N, outputs).
        learning_rate: eta, for mistakes that mix the update into the backward pass; None if unknown.
        records: by layer, what its forward pass kept.
        layers: by layer, what a backward pass reads there.
    """

    model: Model
    x: Array
    t: Array
    learning_rate: float | None = None
    records: list[Record] = field(init=False)
    layers: "tuple[LayerContext, ...]" = field(init=False)

    def __post_init__(self) -> None:
        run = Run(training=False, state=self.model.state)
        records = maths.forward(self.chain, self.parameters, self.x, run)
        object.__setattr__(self, "records", records)  # the dataclass is frozen: this is where it is made
        layers = (LayerContext(self, l) for l in range(1, len(self.chain.layers) + 1))
        object.__setattr__(self, "layers", tuple(layers))

    @property
    def chain(self) -> Chain:
        """The network's declaration."""
        return self.model.chain

    @property
    def parameters(self) -> Parameters:
        """The network's parameters by name."""
        return self.model.parameters

    @property
    def y(self) -> Array:
        """The outputs (N, outputs)."""
        return self.records[-1]["a"]

    @property
    def rows(self) -> int:
        """N."""
        return len(self.x)

    @property
    def top(self) -> "LayerContext":
        """The output layer."""
        return self.layers[-1]

    def batch_derivative(self, by_row: Array) -> Array:
        """dE/dy from the derivative of each row's loss: divided by the rows; 0 where a target is missing."""
        shares = maths.row_shares(self.t, None)
        by_row = np.where(np.isnan(self.t), 0.0, by_row)
        return by_row / self.rows if shares is None else by_row * shares[:, None]

    def activations(self, l: int) -> Array:
        """``al``; ``a0`` are the inputs."""
        return self.records[l - 1]["a"] if l else self.x

    def with_learning_rate(self, learning_rate: float | None) -> "ForwardContext":
        """The same pass with another learning rate."""
        return replace(self, learning_rate=learning_rate)

    def rerun(self, parameters: Array, x: Array, t: Array) -> "ForwardContext":
        """The forward pass of the same network with other parameters (a flat vector) and rows."""
        return ForwardContext(self.model.with_vector(parameters), x, t, self.learning_rate)


@dataclass(frozen=True, eq=False)
class LayerContext:
    """One layer as a backward pass meets it.

    Attributes:
        forward: the whole forward pass.
        l: the layer's number, from 1.
    """

    forward: ForwardContext
    l: int
    _slopes: dict[str, Array] = field(default_factory=dict)

    @cached_property
    def layer(self) -> Layer:
        """The layer's declaration."""
        return self.forward.chain.layers[self.l - 1]

    @cached_property
    def p(self) -> Record:
        """The layer's parameters as the forward pass used them, by their names within the layer."""
        return self.layer.effective(self.forward.parameters.of_layer(self.l))

    @cached_property
    def record(self) -> Record:
        """What the layer's forward pass kept."""
        return self.forward.records[self.l - 1]

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
        """The same layer without its activation, so that its ``backward`` starts from delta."""
        return self.layer.with_activation("identity")

    def slope(self, row: Derivable) -> Array:
        """``phi'(z)`` of an activation at this layer's net inputs (N, units), computed once."""
        if row.name not in self._slopes:
            self._slopes[row.name] = row.derivative(self.z)
        return self._slopes[row.name]

    def masked(self, dW: Array) -> Array:
        """A dense layer's dW with 0 where the layer's mask has no weight."""
        mask = self.layer.mask
        return dW if mask is None or mask.shape != dW.shape else dW * mask

    def name(self, key: str) -> str:
        """``"W2"``."""
        return f"{key}{self.l}"


def run_forward(model: Model, x: Array, t: Array, learning_rate: float | None = None) -> ForwardContext:
    """Run a model forward, in float64 whatever its own dtype."""
    return ForwardContext(model.as_float64(), x.astype(np.float64), t.astype(np.float64), learning_rate)
