"""One unit, for those who build by hand: a face on a chain of a single Dense layer."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.activations import Activation
from chainrule.core.arrays import Array
from chainrule.core.initializers import Initializer
from chainrule.core.inputs import as_inputs, as_targets
from chainrule.core.layers import Dense, Run
from chainrule.core.layers.checks import as_numbers, check_count, check_number
from chainrule.core.losses import Loss
from chainrule.core.losses import loss as find_loss
from chainrule.core.model import Model
from chainrule.core.parameters import check_parameter
from chainrule.core.seeds import chosen_seed, streams
from chainrule.core.unitwise import unitwise
from chainrule.errors import DivergenceError, InputError
from chainrule.trace import Trace
from chainrule.trace import trace as trace_model


class Neuron:
    """``z = x . weights + bias``, ``a = phi(z)``.

    Args:
        weights: the weights (inputs,), or the number of inputs to draw them for.
        bias: a number, or None for a neuron without bias.
        activation: a name of the table of activations, or a row of one's own.
        loss: what ``gradients``, ``trace`` and ``step`` compare the output by.
        init: how weights are drawn where only their number is given.
        seed: of that draw.

    Raises:
        InputError, UnknownComponentError: an argument cannot be used.

    Example:
        >>> neuron = Neuron([0.0, 1.0], bias=4.0, activation="sigmoid")
        >>> neuron([2.0, 3.0])
        0.9990889488055994

    References:
        McCulloch & Pitts 1943; Rosenblatt 1958, Psychological Review 65(6).
    """

    def __init__(
        self,
        weights: Any,
        bias: float | None = 0.0,
        activation: str | Activation = "identity",
        *,
        loss: str | Loss = "squared_error",
        init: str | Initializer = "auto",
        seed: int | None = None,
    ) -> None:
        given = as_numbers("weights", weights, np.dtype("float64"))
        if given.ndim > 1 or not given.size:
            raise InputError(f"weights must be a list of numbers, one for each input, got {weights!r}.")
        inputs = len(given) if given.ndim else check_count("the number of inputs", weights)
        layer = Dense(1, activation, bias=None if bias is None else "per-unit", init=init)
        chain = maths.build(inputs, [layer], find_loss(loss), np.dtype("float64"))
        parameters = maths.initial_parameters(chain, streams(chosen_seed(seed)).initial)
        self.model = Model(chain, parameters, maths.initial_state(chain))
        if given.ndim:
            self.weights = given
        if bias is not None:
            self.bias = bias

    @property
    def weights(self) -> Array:
        """The weights (inputs,): a live view, writing to it changes the neuron."""
        return self.model.parameters["W1"][:, 0]

    @weights.setter
    def weights(self, value: Any) -> None:
        self.weights[...] = check_parameter("weights", value, self.weights)

    @property
    def bias(self) -> float | None:
        """The bias, or None."""
        return float(self.model.parameters["b1"][0]) if "b1" in self.model.parameters else None

    @bias.setter
    def bias(self, value: float) -> None:
        if "b1" not in self.model.parameters:
            raise InputError("this neuron has no bias: make one with it, such as Neuron(weights, bias=0.0).")
        bias = self.model.parameters["b1"].reshape(())
        bias[...] = check_parameter("bias", value, bias)

    @property
    def activation(self) -> Activation:
        """Its activation."""
        layer = self.model.chain.layers[0]
        assert isinstance(layer, Dense)
        return layer.activation

    def __call__(self, x: Any) -> Any:
        """The activation for a row (inputs,): a number; for rows (N, inputs): an array (N,)."""
        rows = as_inputs(self.model.chain, x)
        a = maths.predict(self.model.chain, self.model.parameters, rows, self.model.state)[:, 0]
        return float(a[0]) if np.ndim(x) == 1 else a

    forward = __call__

    def _pass(self, x: Any, t: Any) -> maths.Pass:
        rows = as_inputs(self.model.chain, x)
        targets = as_targets(self.model.chain, t, len(rows))
        return maths.forward_backward(
            self.model.chain, self.model.parameters, rows, targets, Run(state=self.model.state)
        )

    def loss(self, x: Any, t: Any) -> float:
        """The mean over rows of each row's loss."""
        return self._pass(x, t).loss

    def gradients(self, x: Any, t: Any) -> dict[str, Any]:
        """``dE/dweights`` (inputs,) and ``dE/dbias`` (None without a bias).

        Example:
            >>> Neuron([1.0], bias=0.0).gradients([3.0], 1.0)
            {'weights': array([12.]), 'bias': 4.0}
        """
        gradients = self._pass(x, t).backs[0].gradients
        return {"weights": gradients["W"][:, 0], "bias": float(gradients["b"][0]) if "b" in gradients else None}

    def step(self, x: Any, t: Any, learning_rate: float = 0.01) -> float:
        """One step of gradient descent: ``weights -= eta dE/dweights``, likewise the bias; the loss before it.

        Raises:
            InputError: an argument cannot be used.
            DivergenceError: the step leads out of the finite numbers; the neuron is left as it was.
        """
        eta = check_number("learning_rate", learning_rate, 0.0, np.inf, low_open=True)
        vector = self.model.parameters.vector
        with np.errstate(all="ignore"):  # overflow is looked for in the result
            done = self._pass(x, t)
            after = vector - eta * done.gradient
        if not np.isfinite(done.loss) or not np.isfinite(after).all():
            raise DivergenceError("the step leads out of the finite numbers: choose a smaller learning rate.", layer=1)
        vector[...] = after
        return done.loss

    def trace(self, x: Any, t: Any = None) -> Trace:
        """Everything one pass computes, by the names of a one-layer network: ``z1``, ``a1``, ``delta1``, ``dW1``."""
        rows = as_inputs(self.model.chain, x)
        targets = None if t is None else as_targets(self.model.chain, t, len(rows))
        return trace_model(self.model, rows, targets, Run(state=self.model.state))

    def __repr__(self) -> str:
        return f"Neuron({self.weights.tolist()}, bias={self.bias}, activation={self.activation.name!r})"


# -------------------------------------------------------------------------------- layers of neurons
def dense_layers(layers: Sequence[Sequence[Neuron]]) -> list[Dense]:
    """Layers of neurons as ``Dense`` layers, without their numbers.

    Raises:
        InputError: a layer is empty, or its neurons do not fit to one another or to the layer below.
    """
    dense: list[Dense] = []
    for l, neurons in enumerate(layers, start=1):
        _check_neurons(l, neurons, dense[-1].units if dense else None)
        bias = None if neurons[0].bias is None else "per-unit"
        dense.append(Dense(len(neurons), unitwise([neuron.activation for neuron in neurons]), bias=bias))
    return dense


def parameters_of(layers: Sequence[Sequence[Neuron]]) -> dict[str, Any]:
    """The numbers of layers of neurons, by the names of a network's parameters."""
    values: dict[str, Any] = {}
    for l, neurons in enumerate(layers, start=1):
        values[f"W{l}"] = np.column_stack([neuron.weights for neuron in neurons])
        if neurons[0].bias is not None:
            values[f"b{l}"] = [neuron.bias for neuron in neurons]
    return values


def _check_neurons(l: int, neurons: Sequence[Neuron], below: int | None) -> None:
    """Neurons of one layer: some, all with as many inputs as there are units below, all with a bias or none."""
    if not isinstance(neurons, Sequence) or not neurons or not all(isinstance(neuron, Neuron) for neuron in neurons):
        raise InputError(f"layer {l} must be a list of at least one Neuron, got {neurons!r:.60}.")
    wanted = len(neurons[0].weights) if below is None else below
    for j, neuron in enumerate(neurons):
        if len(neuron.weights) != wanted:
            there = "the others of its layer" if below is None else f"{wanted} neurons in layer {l - 1}"
            raise InputError(f"neuron {j} of layer {l} has {len(neuron.weights)} weights, but needs {wanted}: {there}.")
        if (neuron.bias is None) != (neurons[0].bias is None):
            raise InputError(f"neurons of layer {l} must all have a bias or none: give those without a bias of 0.0.")
