"""``Network``, the main class for users: each method checks its arguments and calls the package that does the work."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Self, overload

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.activations import activation as find_activation
from chainrule.core.arrays import Array
from chainrule.core.inputs import as_inputs
from chainrule.core.layers import Layer, Run
from chainrule.core.layers.checks import check_count
from chainrule.core.losses import Loss
from chainrule.core.losses import loss as find_loss
from chainrule.core.model import Model
from chainrule.core.parameters import Parameters, check_parameter
from chainrule.core.renderers import renderer
from chainrule.core.seeds import chosen_seed, streams
from chainrule.engine.prediction import compiled_predictor, outputs
from chainrule.errors import InputError
from chainrule.neuron import Neuron, dense_layers, parameters_of
from chainrule.optimizers import AnyOptimizer, Optimizer, first_order
from chainrule.sweeps.restarts import restarts as best_of_restarts
from chainrule.trace import Trace
from chainrule.trace import trace as trace_model
from chainrule.training import (
    Callbacks,
    Data,
    History,
    Update,
    fit,
    parse_call,
    parse_data,
    parse_settings,
    training_by_engine,
)
from chainrule.training.gradients import gradient
from chainrule.verify.gradients import GradientCheck, check_gradients

if TYPE_CHECKING:  # ``import chainrule`` stays fast: each method imports the room that does its work
    from chainrule.engine.runtime.predictor import Predictor
    from chainrule.explain import Derivation
    from chainrule.explain.sheet import Sheet
    from chainrule.explain.step import Step, Steps


class Network:
    """A feed-forward network: ``a0 = x``, each layer on the one below, ``y`` the last one's activations.

    Args:
        inputs: how many numbers a row has.
        layers: from the first to the last, such as ``[Dense(2, "sigmoid"), Dense(1)]``.
        loss: how outputs and targets are compared: the name of a loss, or a ``Loss`` of your own.
        seed: of the initial parameters; None draws one, kept as ``seed``.
        dtype: ``"float64"`` (proofs need it) or ``"float32"``.

    Raises:
        InputError, UnknownComponentError: an argument cannot be used.

    Example:
        >>> from chainrule import Dense, Network
        >>> net = Network(2, [Dense(2, "sigmoid"), Dense(1, "sigmoid")], loss="squared_error", seed=0)
        >>> net.forward([[1.0, 2.0]]).shape
        (1, 1)
        >>> list(net.parameters)
        ['W1', 'b1', 'W2', 'b2']

    References:
        Rumelhart, Hinton & Williams 1986, Nature 323, 533-536.
    """

    def __init__(
        self,
        inputs: int,
        layers: Sequence[Layer],
        *,
        loss: str | Loss = "mean_squared_error",
        seed: int | None = None,
        dtype: str = "float64",
    ) -> None:
        maths.check_layers(layers)
        kind = getattr(dtype, "__name__", str(dtype))  # np.float32 and np.dtype("float32") are as good as their name
        if kind not in ("float64", "float32"):
            raise InputError(f"dtype must be 'float64' or 'float32', got {dtype!r}.")
        chain = maths.build(check_count("inputs", inputs), layers, find_loss(loss), np.dtype(kind))
        self.seed: int | None = chosen_seed(seed)
        parameters = maths.initial_parameters(chain, streams(self.seed).initial)
        self.model = Model(chain, parameters, maths.initial_state(chain))
        self.metadata: dict[str, Any] = {}

    @classmethod
    def from_neurons(
        cls,
        layers: Sequence[Sequence[Neuron]],
        *,
        loss: str | Loss = "mean_squared_error",
        dtype: str = "float64",
    ) -> Self:
        """A network of neurons built by hand: a list of layers, each a list of neurons; their numbers are copied.

        Neurons of one layer may have different activations; they must all have a bias, or none.

        Example:
            >>> from chainrule import Network
            >>> h1, h2, o1 = (Neuron([0.0, 1.0], bias=0.0, activation="sigmoid") for _ in range(3))
            >>> Network.from_neurons([[h1, h2], [o1]]).forward([2.0, 3.0])
            array([0.72163256])
        """
        dense = dense_layers(layers)
        net = cls(len(layers[0][0].weights) if dense else 0, dense, loss=loss, seed=0, dtype=dtype)
        net.parameters.update(parameters_of(layers))
        return net

    # ------------------------------------------------------------------ what it is
    @property
    def inputs(self) -> int:
        """How many numbers a row has."""
        return self.model.chain.inputs

    @property
    def outputs(self) -> int:
        """How many outputs a row gets."""
        return self.model.chain.outputs

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers, from the first to the last."""
        return self.model.chain.layers

    @property
    def loss_function(self) -> Loss:
        """How outputs and targets are compared."""
        return self.model.chain.loss

    @property
    def parameters(self) -> Parameters:
        """Arrays by name (``"W1"``, ``"b1"``, ...): live views; ``parameters.vector`` is all of them in a row."""
        return self.model.parameters

    def set_parameters(self, values: Mapping[str, Any]) -> None:
        """Set some parameters; names, shapes and numbers are all checked before any is changed.

        Raises:
            InputError: an unknown name, another shape, or a number that is not finite.
        """
        self.parameters.update(values)

    def parameter_labels(self) -> list[str]:
        """The name of each number of ``parameters.vector``: ``"W1[0, 1]"``; the order of ``hessian``."""
        return [slot.label(k) for slot in self.model.chain.slots for k in range(slot.stop - slot.start)]

    def __repr__(self) -> str:
        lines = [f"Network: {self.inputs} inputs, {self.model.chain.size} parameters, loss {self.loss_function.name}"]
        for l, layer in enumerate(self.layers, start=1):
            lines.append(f"  layer {l}: {layer!r} -> {self.model.chain.units[l]} units")
        return "\n".join(lines)

    # ------------------------------------------------------------------ values, derivatives
    def _run(self, training: bool, seed: int | None) -> Run:
        rng = None if seed is None else np.random.default_rng(chosen_seed(seed))
        return Run(training=training, state=self.model.state, rng=rng)

    def _data(self, x: Any, t: Any, weights: Any) -> Data:
        return parse_data(self.model.chain, x, t, weights)

    def _pass(self, x: Any, t: Any, weights: Any, training: bool, seed: int | None) -> tuple[maths.Pass, Data]:
        data = self._data(x, t, weights)
        run = self._run(training, seed)
        return maths.forward_backward(self.model.chain, self.model.parameters, data.x, data.t, run, data.weights), data

    def forward(self, x: Any, *, engine: str = "auto", threads: int | None = None) -> Array:
        """The outputs ``y`` (N, outputs) for rows ``x`` (N, inputs); (outputs,) for a single row (inputs,).

        Args:
            x: inputs (N, inputs).
            engine: as for ``fit``; ``"auto"`` compiles only for very many rows.
            threads: as for ``fit``.

        Raises:
            InputError: the shape does not fit, or an input or output is not finite.
        """
        y = outputs(self.model, as_inputs(self.model.chain, x), None, engine=engine, threads=threads)
        return y[0] if np.ndim(x) == 1 else y

    __call__ = forward

    def predict(self, x: Any, *, engine: str = "auto", threads: int | None = None) -> Array:
        """The outputs in the targets' terms: ``forward``, and for a fused loss the activation that belongs to it.

        Softmax for ``categorical_cross_entropy_from_logits``, sigmoid for ``binary_cross_entropy_from_logits``,
        exponential for ``poisson_from_logits``; arguments, shapes and errors are those of ``forward``.

        Example:
            >>> from chainrule import Dense, Network
            >>> net = Network(1, [Dense(2)], loss="categorical_cross_entropy_from_logits", seed=0)
            >>> bool(abs(net.predict([3.0]).sum() - 1) < 1e-12)
            True
        """
        link = find_activation(self.loss_function.link)
        y = outputs(self.model, as_inputs(self.model.chain, x), link, engine=engine, threads=threads)
        return y[0] if np.ndim(x) == 1 else y

    def predictor(self, *, threads: int = 1) -> "Predictor":
        """The network as it is now, compiled for many calls: ``predictor(x)`` is ``predict`` without checks.

        It copies the parameters, so later training does not change it; inputs and outputs are not checked.

        Raises:
            InputError: something stands in the way of compiling.
        """
        return compiled_predictor(self.model, find_activation(self.loss_function.link), threads=threads)

    def loss(self, x: Any, t: Any, *, weights: Any = None, training: bool = False, seed: int | None = None) -> float:
        """``E``: the mean over rows of each row's loss.

        Args:
            x: inputs (N, inputs).
            t: targets (N, outputs); NaN marks a missing one.
            weights: how much each row counts (N,).
            training: whether dropout drops (by ``seed``) and batch normalisation uses these very rows.
            seed: of the dropout.

        Raises:
            InputError: an argument cannot be used.
        """
        data = self._data(x, t, weights)
        records = maths.forward(self.model.chain, self.model.parameters, data.x, self._run(training, seed))
        return maths.batch_loss(self.model.chain, records[-1]["a"], data.t, data.weights)

    def gradients(
        self, x: Any, t: Any, *, weights: Any = None, training: bool = False, seed: int | None = None,
        engine: str = "auto", threads: int | None = None,
    ) -> dict[str, Array]:  # fmt: skip
        """``dE/dW1``, ``dE/db1``, ...: by the parameters' names and in their shapes, by backpropagation.

        Arguments and errors are those of ``loss``; ``engine`` and ``threads`` are those of ``fit``, where ``"auto"``
        compiles only for very many rows. Dropout and batch normalisation are the reference's.

        Example:
            >>> from chainrule import Dense, Network
            >>> net = Network(1, [Dense(1)], loss="squared_error", seed=0)
            >>> net.set_parameters({"W1": [[1.0]], "b1": [0.0]})
            >>> net.gradients([[3.0]], [[1.0]])
            {'W1': array([[12.]]), 'b1': array([4.])}
        """
        data = self._data(x, t, weights)
        vector = gradient(self.model, data, self._run(training, seed), engine=engine, threads=threads)
        return dict(self.parameters.with_vector(vector))

    def hessian_vector_product(
        self, x: Any, t: Any, v: Any, *, weights: Any = None, training: bool = False, seed: int | None = None
    ) -> Any:
        """``H v``, exact: how the gradient changes along the direction ``v`` of the parameters.

        Args:
            x: inputs (N, inputs).
            t: targets (N, outputs).
            v: a dict of arrays by parameter name, or one flat vector in the order of ``parameters.vector``.
            weights: how much each row counts (N,).
            training: as for ``loss``.
            seed: of the dropout.

        Returns:
            A dict if ``v`` is one, else a flat vector.

        References:
            Pearlmutter 1994, Neural Computation 6(1), 147-160: the R-operator, here derived by hand for each layer.
        """
        done, data = self._pass(x, t, weights, training, seed)
        direction = self.parameters.with_vector(np.zeros_like(self.parameters.vector))
        if isinstance(v, Mapping):
            direction.update(v)
        else:
            direction.vector[...] = check_parameter("v", v, direction.vector)
        product = maths.hessian_vector_product(self.model.chain, self.parameters, done, data.t, direction, data.weights)
        return dict(self.parameters.with_vector(product)) if isinstance(v, Mapping) else product

    def hessian(self, x: Any, t: Any, *, weights: Any = None, training: bool = False, seed: int | None = None) -> Array:
        """All second derivatives ``d2E/dp dq`` (P, P), exact, in the order of ``parameter_labels()``.

        Arguments and errors are those of ``loss``.
        """
        done, data = self._pass(x, t, weights, training, seed)
        return maths.hessian(self.model.chain, self.parameters, done, data.t, data.weights)

    def trace(
        self, x: Any, t: Any = None, *, weights: Any = None, training: bool = False, seed: int | None = None
    ) -> Trace:
        """One forward and backward pass, everything kept by name; without targets only the forward half.

        Arguments and errors are those of ``loss``.

        Example:
            >>> from chainrule import Dense, Network
            >>> net = Network(1, [Dense(1)], loss="squared_error", seed=0)
            >>> net.set_parameters({"W1": [[1.0]], "b1": [0.0]})
            >>> net.trace([[3.0]], [[1.0]])["delta1"]
            array([[4.]])
        """
        run = self._run(training, seed)
        if t is None:
            return trace_model(self.model, as_inputs(self.model.chain, x), None, run)
        data = self._data(x, t, weights)
        return trace_model(self.model, data.x, data.t, run, data.weights)

    def explain(self, name: str, x: Any, t: Any, *, row: int | None = None, weights: Any = None) -> "Derivation":
        """Why ``dE/dname`` has its value: every path from the quantity to the loss, symbols beside numbers, proven.

        Args:
            name: a parameter (``"W1[0, 1]"``, ``"b2[0]"``, ``"b1"`` if shared), or a quantity of one row: an input
                ``"x[2]"``, a net input ``"z1[0]"``, an activation ``"a1[0]"``, a delta ``"delta1[0]"``.
            x: inputs (N, inputs).
            t: targets (N, outputs).
            row: whose chain rule to unfold; the one with the largest part in the derivative unless given.
            weights: how much each row counts (N,).

        Raises:
            InputError: no such quantity; the message lists those there are.

        Example:
            >>> from chainrule import Dense, Network
            >>> net = Network(1, [Dense(1)], loss="squared_error", seed=0)
            >>> net.set_parameters({"W1": [[1.0]], "b1": [0.0]})
            >>> net.explain("W1[0, 0]", [3.0], [1.0]).value
            12.0
        """
        from chainrule.explain import derive  # noqa: PLC0415 - imported when used

        return derive(self.model, name, self._data(x, t, weights), row)

    def formula(self, x: Any = None, *, most: int | None = 8) -> "Sheet":
        """The network as formulas: each unit's own, each output as one nested formula if small enough, the loss.

        Args:
            x: one row (inputs,), whose numbers then stand beside the symbols.
            most: how many units of a layer and terms of a sum are written out before the middle is left out; None:
                all.

        Returns:
            Equations that print as text and show in a notebook; ``text()``, ``latex()``, ``html()``, ``to_dict()``.

        Raises:
            InputError: more than one row, or the shape does not fit.

        Example:
            >>> from chainrule import Dense, Network
            >>> print(Network(2, [Dense(1, "tanh")], loss="squared_error", seed=0).formula())
            a network of 2 inputs and 1 layer, unit by unit
            ...
            z1[0]  = W1[0, 0] x[0] + W1[1, 0] x[1] + b1[0]
            a1[0]  = tanh(z1[0])
            ...
            e  = (t[0] - y[0])^2
        """
        from chainrule.explain.formula import formula  # noqa: PLC0415 - imported when used

        return formula(self.model, None if x is None else as_inputs(self.model.chain, x), most)

    def derivation(self) -> "Sheet":
        """The backpropagation equations of this architecture in matrix form with shapes, as a lecture writes them.

        Returns:
            Equations that print as text and show in a notebook; ``text()``, ``latex()``, ``html()``, ``to_dict()``.

        Example:
            >>> from chainrule import Dense, Network
            >>> net = Network(2, [Dense(2, "sigmoid"), Dense(1)], loss="squared_error", seed=0)
            >>> print(net.derivation())
            backpropagation through a network of 2 - 2 - 1 units, N rows at once
            ...
            delta1        = (delta2 W2^T) * sigmoid'(z1)   (N x 2)
            sigmoid'(z1)  = a1 * (1 - a1)                  (N x 2)
            ...
        """
        from chainrule.explain.backpropagation import backpropagation  # noqa: PLC0415 - imported when used

        return backpropagation(self.model)

    @overload
    def explain_step(
        self,
        x: Any,
        t: Any,
        *,
        optimizer: str | Optimizer = ...,
        weights: Any = ...,
        class_weight: Any = ...,
        rows: Literal["together"] = ...,
        seed: int | None = ...,
        after: "Step | None" = ...,
    ) -> "Step": ...

    @overload
    def explain_step(
        self,
        x: Any,
        t: Any,
        *,
        optimizer: str | Optimizer = ...,
        weights: Any = ...,
        class_weight: Any = ...,
        rows: Literal["one by one"],
        seed: int | None = ...,
        after: "Step | None" = ...,
    ) -> "Steps": ...

    def explain_step(
        self,
        x: Any,
        t: Any,
        *,
        optimizer: str | Optimizer = "sgd",
        weights: Any = None,
        class_weight: Any = None,
        rows: Literal["together", "one by one"] = "together",
        seed: int | None = None,
        after: "Step | None" = None,
    ) -> "Step | Steps":
        """One training step explained in order, without changing the network: forward, loss, backward, update.

        Each parameter's gradient is shown as it adds up over the rows, with what each part of the optimizer makes of
        it; the loss's change is shown beside the change that gradient and curvature predict. The new values are those
        of ``fit(x, t, epochs=1, optimizer=...)``, bit for bit.

        Args:
            x: inputs (N, inputs).
            t: targets (N, outputs).
            optimizer: as for ``fit``; of a schedule the first rate counts.
            weights: how much each row counts (N,).
            class_weight: as for ``fit``.
            rows: ``"together"`` makes one step on all rows, ``"one by one"`` a step on each, in their order.
            seed: of the dropout.
            after: the step before this one, whose momentum or moments are continued; None starts anew.

        Raises:
            InputError: an argument cannot be used.
            DivergenceError: the step leads out of the finite numbers.

        Example:
            >>> from chainrule import SGD, Dense, Network
            >>> net = Network(1, [Dense(1)], loss="squared_error", seed=0)
            >>> net.set_parameters({"W1": [[1.0]], "b1": [0.0]})
            >>> step = net.explain_step([3.0], [1.0], optimizer=SGD(0.01))
            >>> step.parameters["W1"].gradient, step.parameters["W1"].after
            (array([[12.]]), array([[0.88]]))
            >>> round(step.change.first_order, 12), round(step.change.second_order, 12), round(step.change.real, 12)
            (-1.6, -1.44, -1.44)
        """
        call = parse_call(
            self, x, t, weights=weights, class_weight=class_weight, seed=seed,
            optimizer=first_order(optimizer, "explain_step"),
        )  # fmt: skip
        from chainrule.explain.stepping import explain_step  # noqa: PLC0415 - imported when used

        return explain_step(call, rows=rows, after=after)

    def check_gradients(
        self, x: Any, t: Any, *, weights: Any = None, training: bool = False, seed: int | None = None
    ) -> GradientCheck:
        """Every gradient beside its finite difference; kinks are not taken for mistakes; see ``GradientCheck``.

        Arguments and errors are those of ``loss``.
        """
        data = self._data(x, t, weights)
        return check_gradients(self.model, data, training=training, seed=None if seed is None else chosen_seed(seed))

    # ------------------------------------------------------------------ training
    def training(
        self,
        x: Any,
        t: Any,
        *,
        weights: Any = None,
        class_weight: Any = None,
        epochs: int = 100,
        batch_size: int | None = None,
        optimizer: str | AnyOptimizer = "sgd",
        shuffle: bool = True,
        seed: int | None = None,
        l1: float = 0.0,
        l2: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        engine: str = "auto",
        threads: int | None = None,
    ) -> Iterator[Update]:
        """Train step by step: a generator that yields an ``Update`` after each change of the parameters.

        Arguments and errors are those of ``fit`` without what belongs to its loop (validation, patience, callbacks).
        As nobody knows how many steps will be taken, ``engine="auto"`` is the reference here.

        Example:
            >>> from chainrule import SGD, Dense, Network
            >>> net = Network(1, [Dense(1)], loss="squared_error", seed=0)
            >>> steps = net.training([[1.0], [2.0]], [2.0, 4.0], epochs=2, batch_size=1, optimizer=SGD(0.1))
            >>> [(step.epoch, step.number) for step in steps]
            [(0, 0), (0, 1), (1, 2), (1, 3)]
        """
        call = parse_call(
            self, x, t, weights=weights, class_weight=class_weight, epochs=epochs, batch_size=batch_size,
            optimizer=optimizer, shuffle=shuffle, seed=seed, l1=l1, l2=l2, clip_norm=clip_norm, clip_value=clip_value,
            engine=engine, threads=threads,
        )  # fmt: skip
        return training_by_engine(call)

    def fit(
        self,
        x: Any,
        t: Any,
        *,
        epochs: int = 100,
        batch_size: int | None = None,
        optimizer: str | AnyOptimizer = "sgd",
        shuffle: bool = True,
        seed: int | None = None,
        validation: Any = None,
        patience: int | None = None,
        min_delta: float = 0.0,
        time_limit: float | None = None,
        weights: Any = None,
        class_weight: Any = None,
        l1: float = 0.0,
        l2: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        callbacks: Callbacks | None = None,
        progress: bool | None = None,
        restarts: int = 1,
        engine: str = "auto",
        threads: int | None = None,
    ) -> History:
        """Train by backpropagation; the network is changed in place.

        Args:
            x: inputs (N, inputs).
            t: targets (N, outputs); NaN marks a missing one, which then neither costs nor teaches anything.
            epochs: how often all rows are gone through.
            batch_size: rows an update; None takes all.
            optimizer: such as ``SGD(0.1)``, ``Adam(Cosine(0.01))``, or a name; holds learning rate and schedule. With
                ``LBFGS()`` or ``LevenbergMarquardt()`` an epoch is one iteration, and training ends when it has
                converged.
            shuffle: whether each epoch goes through the rows in a new order.
            seed: of shuffling, splitting and dropout; None draws one, kept as ``history.seed``.
            validation: ``(x, t)``, ``(x, t, weights)``, or the share of rows to set aside, between 0 and 1. The
                parameters of the best validation loss are put back in the end.
            patience: stop after so many epochs without a better loss (validation loss where there is one), and put the
                best parameters back.
            min_delta: by how much a loss must be lower to keep patience waiting; the best parameters are those of the
                lowest loss all the same.
            time_limit: seconds after which to stop.
            weights: how much each row counts (N,): ``E = sum_n w_n e_n / sum_n w_n``.
            class_weight: ``"balanced"`` or a dict from class number to weight; multiplies the rows' weights.
            l1: adds the penalty ``l1 sum |W|`` on the weights, biases left out.
            l2: adds the penalty ``l2/2 sum W^2``.
            clip_norm: longest gradient (Euclidean, all parameters together).
            clip_value: largest entry of the gradient; applied before ``clip_norm``.
            callbacks: functions by event, ``{"epoch": f}``; each is called with an ``Event``, and stops training by
                returning True. Events: start, update, epoch, improvement, stop.
            progress: whether to show a bar; None shows one on a terminal once a second has passed.
            restarts: how many first parameters to try: the network's own, then others drawn anew; the best run's
                parameters and history are kept (``chainrule.sweeps.restarts``).
            engine: how updates are executed: ``"reference"`` is the layers' own NumPy, ``"compiled"`` machine code
                for the same mathematics, made by Numba at first use and kept on disk; ``"auto"`` chooses by the work
                ahead (``chainrule.engine.choose``), so that short runs start at once.
            threads: how many the compiled engine uses; None takes what pays and the process may use. The number
                does not change a bit of the result.

        Returns:
            The ``History`` of the run.

        Raises:
            InputError: an argument cannot be used; nothing was changed.
            DivergenceError: values left the finite numbers: names epoch and layer; the best parameters before that
                are back in place, and the error's ``history`` is the record until then.

        Ctrl-C ends training, keeps the parameters and returns the history so far.

        Example:
            >>> from chainrule import SGD, Dense, Network
            >>> net = Network(1, [Dense(1)], loss="squared_error", seed=0)
            >>> history = net.fit([[1.0], [2.0]], [2.0, 4.0], epochs=200, optimizer=SGD(0.2))
            >>> bool(history.loss[-1] < 1e-4), history.stopped
            (True, 'all epochs')
        """
        restarts = check_count("restarts", restarts)
        call = parse_call(
            self, x, t, weights=weights, class_weight=class_weight, validation=validation, epochs=epochs,
            batch_size=batch_size, optimizer=optimizer, shuffle=shuffle, seed=seed, patience=patience,
            min_delta=min_delta, time_limit=time_limit, l1=l1, l2=l2, clip_norm=clip_norm, clip_value=clip_value,
            callbacks=callbacks, progress=progress, engine=engine, threads=threads,
        )  # fmt: skip
        with self.model.in_training():
            return fit(call) if restarts == 1 else best_of_restarts(call, restarts)

    # ------------------------------------------------------------------ as code of its own
    def to_python(
        self,
        x: Any = None,
        t: Any = None,
        *,
        weights: Any = None,
        class_weight: Any = None,
        epochs: int = 100,
        batch_size: int | None = None,
        optimizer: str | Optimizer = "sgd",
        shuffle: bool = True,
        seed: int | None = None,
        l1: float = 0.0,
        l2: float = 0.0,
        clip_norm: float | None = None,
        clip_value: float | None = None,
    ) -> str:
        """The network and its training as a NumPy script of its own, every partial derivative a line with its formula.

        Running the script trains as ``fit`` with the same arguments would. Its ``train`` and ``predict`` take data and
        parameters; up to 5000 numbers of each are written into it. Without ``x`` and ``t`` the data are left to the
        caller of ``train``. It computes in float64.

        Raises:
            InputError: an argument cannot be used; a user-defined component; a schedule that depends on losses.

        Example:
            >>> from chainrule import Dense, Network
            >>> net = Network(1, [Dense(1)], loss="squared_error", seed=0)
            >>> print(net.to_python([[1.0]], [2.0]).split("# backward")[1].split("# update")[0])
            : deltas come down
                    de_dy = squared_error_prime(y, targets)  # de/dy = 2 (y - t)
                    da1 = de_dy / N                          # dE/dy = dE/da1 = de/dy 1/N
                    delta1 = da1                             # delta1 = dE/dz1 = dE/da1, as da1/dz1 = 1
                    dW1 = a0.T @ delta1                      # dE/dW1[i, j] = sum over n of delta1[n, j] a0[n, i]
                    db1 = delta1.sum(axis=0)                 # dE/db1[j] = sum over n of delta1[n, j]
        """
        if (x is None) != (t is None):
            raise InputError("to_python needs both x and t to write data into the script, or neither.")
        settings = parse_settings(
            epochs=epochs, batch_size=batch_size, optimizer=first_order(optimizer, "to_python"), shuffle=shuffle,
            seed=seed, l1=l1, l2=l2, clip_norm=clip_norm, clip_value=clip_value,
        )  # fmt: skip
        data = None if x is None else parse_data(self.model.chain, x, t, weights, class_weight)
        from chainrule.interchange import to_python  # noqa: PLC0415 - imported when used

        return to_python(self.model, data, settings)

    def to_pytorch(self, *, dtype: str | None = None) -> str:
        """The network as a PyTorch module with its numbers, and its loss as a function, written as source code.

        Args:
            dtype: ``"float64"`` or ``"float32"``; the network's own unless given.

        Raises:
            InputError: no such dtype, or a user-defined component.

        Example:
            >>> from chainrule import Dense, Network
            >>> print(Network(2, [Dense(1, "relu")], seed=0).to_pytorch().split("def forward")[1].split("def loss")[0])
            (self, x):
                    a0 = x
                    z1 = a0 @ self.W1 + self.b1
                    a1 = torch.relu(z1)
                    return a1
        """
        from chainrule.interchange import to_pytorch  # noqa: PLC0415 - imported when used

        return to_pytorch(self.model, self.model.chain.dtype.name if dtype is None else dtype)

    # ------------------------------------------------------------------ files and pictures
    def save(self, path: str | Path) -> None:
        """Write the network to one file: a safetensors file with its description, data only.

        Raises:
            InputError: a user-defined component without a name to find it by.
            OSError: the file cannot be written; nothing is left half-written.
        """
        from chainrule.files import save  # noqa: PLC0415 - imported when used

        save(self.model, path, self.metadata)

    def plot(self, x: Any = None, *, ax: Any = None) -> Any:
        """The network drawn: weights as colour and width, and for a row ``x`` the values in the units.

        Returns:
            The Matplotlib axes it was drawn on.
        """
        return renderer(self, "plot")(self.model, None if x is None else as_inputs(self.model.chain, x), ax=ax)

    def __getstate__(self) -> dict[str, Any]:
        from chainrule.files import own_components, pack  # noqa: PLC0415 - imported when used

        own = own_components(self.model.chain)
        return {"packed": pack(self.model), "extensions": own, "seed": self.seed, "metadata": self.metadata}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        from chainrule.files import unpack  # noqa: PLC0415 - imported when used

        self.model = unpack(kept["packed"], kept["extensions"])
        self.seed, self.metadata = kept["seed"], kept["metadata"]

    def astype(self, dtype: str) -> "Network":
        """The same network with its numbers in another dtype: ``"float64"`` for proofs, ``"float32"`` for speed."""
        twin = Network(self.inputs, self.layers, loss=self.loss_function, seed=0, dtype=dtype)
        twin.parameters.vector[...] = self.parameters.vector
        kind = twin.model.chain.dtype
        twin.model.state = tuple({key: value.astype(kind) for key, value in kept.items()} for kept in self.model.state)
        twin.seed, twin.metadata = self.seed, dict(self.metadata)
        return twin

    def copy(self) -> Self:
        """A network of its own with the same layers and numbers: training one leaves the other alone."""
        twin = object.__new__(type(self))
        twin.model = self.model.copy()
        twin.seed, twin.metadata = self.seed, dict(self.metadata)
        return twin

    __copy__ = copy

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        del memo
        return self.copy()


def load(path: str | Path, *, extensions: Sequence[Any] = ()) -> Network:
    """The network that ``save`` wrote.

    Args:
        path: the file.
        extensions: user-defined activations, losses and initialisers that the file may name.

    Raises:
        FormatError: not a model file, damaged, or of a later version.
        UnknownComponentError: it names a component that is neither the library's nor among the extensions.
    """
    from chainrule.files import load as load_model  # noqa: PLC0415 - imported when used

    model, metadata = load_model(path, extensions)
    net = object.__new__(Network)
    net.model, net.seed, net.metadata = model, None, metadata
    return net
