"""``check_layer``: a layer's derivatives, first and second, by parameters and inputs, compared with differences."""

from functools import cached_property
from typing import Any

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.chain import Chain, Pass
from chainrule.core.format import number
from chainrule.core.layers import Dense, Layer, Record, Run
from chainrule.core.layers.checks import check_count
from chainrule.core.losses import loss
from chainrule.core.model import Model
from chainrule.core.parameters import Parameters
from chainrule.training.data import Data
from chainrule.verify.gradients import TOLERANCE, check_gradients
from chainrule.verify.precision import best_difference
from chainrule.verify.proof import Finding, Proof, Test, first_failure, prove, same, worst

_ROWS = 6
_SEED = 0


def check_layer(layer: Layer, inputs: int = 3) -> Proof:
    """Prove a layer: alone where that will do, and between Dense layers in a small network.

    gradients: backpropagation through the layer equals differences of the loss, by its parameters and by those of the
        layer below it, in prediction; ``_in_training`` in training, with a seed.
    inputs: ``dE/da_in`` equals differences of the loss by the network's inputs; also ``_in_training``.
    hessian_vector_product: equals differences of the gradient along random directions; also ``_in_training``.
    hessian: is symmetric; also ``_in_training``.
    parameters: those it starts with have the shapes it declares; ``free`` and ``decayed`` fit them.
    pure: a pass leaves parameters, inputs and state alone and keeps dtype (float64, float32) and shapes.
    repeatable: the same seed gives the same pass in training.
    options: rebuild a layer that computes the same.
    formulas: are there for everything a trace shows: ``a``, ``da_in`` and ``d`` of each parameter.

    Args:
        layer: the layer.
        inputs: units of the layer below it; that of its mask, if it has one.

    Example:
        >>> from chainrule.core.layers import Dense
        >>> check_layer(Dense(2, "tanh", bias="shared")).passed
        True
    """
    return prove(f"layer {layer!r}", layer_tests(layer, check_count("inputs", inputs)))


def layer_tests(layer: Layer, inputs: int) -> dict[str, Test]:
    """The tests of ``check_layer`` by the names of their claims, none of them run yet."""
    tests: dict[str, Test] = {}
    for suffix, training in (("", False), ("_in_training", True)):
        inside, first = _Bench([Dense(inputs, "tanh"), layer, Dense(2)], 2, training), _Bench([layer], inputs, training)
        tests |= {
            f"gradients{suffix}": inside.gradients,
            f"inputs{suffix}": first.inputs,
            f"hessian_vector_product{suffix}": inside.hessian_vector_product,
            f"hessian{suffix}": inside.hessian,
        }
    return tests | {
        "parameters": lambda: _parameters(layer, inputs),
        "pure": lambda: first_failure({d: _pure(layer, inputs, d) for d in ("float64", "float32")}, "all kept"),
        "repeatable": lambda: _repeatable(layer, inputs),
        "options": lambda: _options(layer, inputs),
        "formulas": lambda: _formulas(layer, inputs),
    }


class _Bench:
    """A small network with the layer in it, random numbers in every parameter, and rows to try it on."""

    def __init__(self, layers: list[Layer], inputs: int, training: bool) -> None:
        self.layers, self.units, self.training = layers, inputs, training
        self._rng = np.random.default_rng(_SEED)

    @cached_property
    def chain(self) -> Chain:
        return maths.build(self.units, self.layers, loss("half_squared_error"), np.dtype(np.float64))

    @cached_property
    def parameters(self) -> Parameters:
        return Parameters(self.chain.slots, self._rng.normal(size=self.chain.size))

    @cached_property
    def data(self) -> Data:
        x = self._rng.normal(size=(_ROWS, self.units))
        return Data(x, self._rng.normal(size=(_ROWS, self.chain.outputs)))

    @cached_property
    def state(self) -> tuple[Record, ...]:
        """Each layer's state after one training pass, so that prediction has something to use."""
        state = maths.initial_state(self.chain)
        run = Run(training=True, state=state, rng=np.random.default_rng(_SEED))
        return maths.next_state(self.chain, state, maths.forward(self.chain, self.parameters, self.data.x, run))

    def _run(self) -> Run:
        return Run(self.training, self.state, np.random.default_rng(_SEED))

    def _pass(self, vector: Array, x: Array) -> Pass:
        return maths.forward_backward(self.chain, self.parameters.with_vector(vector), x, self.data.t, self._run())

    def gradients(self) -> Finding:
        """Each gradient against differences of the loss."""
        model = Model(self.chain, self.parameters, self.state)
        report = check_gradients(model, self.data, training=self.training, seed=_SEED)
        entry = max(report.entries, key=lambda e: (e.verdict == "wrong", e.error))
        return Finding(report.passed, entry.label, number(entry.gradient, 12), number(entry.difference, 12))

    def inputs(self) -> Finding:
        """``dE/dx`` of each input of each row."""
        x, vector = self.data.x, self.parameters.vector
        wanted = np.zeros_like(x)
        for index in np.ndindex(x.shape):
            nudge = np.zeros_like(x)
            nudge[index] = 1.0
            wanted[index] = best_difference(lambda s, nudge=nudge: np.array(self._pass(vector, x + s * nudge).loss))
        found = self._pass(vector, x).backs[0].da_in
        return worst(found, wanted, _allowed(wanted), lambda n, i: f"a_in[{n}, {i}]")

    def _product(self, v: Array) -> Array:
        done = self._pass(self.parameters.vector, self.data.x)
        direction = self.parameters.with_vector(v)
        return maths.hessian_vector_product(self.chain, self.parameters, done, self.data.t, direction)

    def hessian_vector_product(self) -> Finding:
        """Three random directions."""
        findings = {}
        for k in range(3):
            v = np.random.default_rng(k).normal(size=self.chain.size)
            wanted = best_difference(lambda s, v=v: self._pass(self.parameters.vector + s * v, self.data.x).gradient)
            findings[f"direction {k}"] = worst(self._product(v), wanted, _allowed(wanted), self._label)
        return first_failure(findings, f"{self.chain.size} entries along {len(findings)} directions")

    def _label(self, k: int) -> str:
        slot = next(slot for slot in self.chain.slots if k < slot.stop)
        return slot.label(k - slot.start)

    def hessian(self) -> Finding:
        """H = H'."""
        H = np.stack([self._product(unit) for unit in np.eye(self.chain.size)], axis=1)
        where = "d2E/d{} d{}".format
        return worst(H, H.T, 1e-10 * np.abs(H).max(), lambda p, q: where(self._label(p), self._label(q)))


def _allowed(wanted: Array) -> float:
    return TOLERANCE * float(np.abs(wanted).max(initial=0.0)) + 1e-10


# -------------------------------------------------------------------------------- the layer alone
def _start(layer: Layer, inputs: int, dtype: str) -> tuple[Record, Array, Record]:
    """Parameters, activations below, and state."""
    rng, kind = np.random.default_rng(_SEED), np.dtype(dtype)
    below = rng.normal(size=(_ROWS, inputs)).astype(kind)
    return layer.initial_parameters(inputs, rng, kind), below, layer.initial_state(inputs, kind)


def _forward(layer: Layer, start: tuple[Record, Array, Record], training: bool) -> Record:
    p, below, state = start
    return layer.forward(p, below, state, Run(training, (state,), np.random.default_rng(_SEED)))


def _parameters(layer: Layer, inputs: int) -> Finding:
    shapes = layer.parameter_shapes(inputs)
    drawn, _, _ = _start(layer, inputs, "float64")
    findings = {"shapes": same("", {key: value.shape for key, value in drawn.items()}, shapes)}
    free = {key: (layer.free(key, shape).dtype, layer.free(key, shape).shape) for key, shape in shapes.items()}
    findings["free"] = same("", free, {key: (np.dtype(bool), shape) for key, shape in shapes.items()})
    findings["decayed"] = same("", sorted(set(layer.decayed) - set(shapes)), [])
    return first_failure(findings, ", ".join(f"{key} {shape}" for key, shape in shapes.items()) or "none")


def _pure(layer: Layer, inputs: int, dtype: str) -> Finding:
    start = _start(layer, inputs, dtype)
    p, below, state = start
    kept = [array.copy() for array in (*p.values(), below, *state.values())]
    record = _forward(layer, start, training=True)
    back = layer.backward(p, record, np.ones_like(record["a"]))
    after = layer.next_state(state, record)
    units = layer.units_out(inputs)
    arrays = {"z": record["z"], "a": record["a"], "delta": back.delta, "da_in": back.da_in}
    found = {name: f"{value.dtype} {value.shape}" for name, value in arrays.items()}
    wanted = dict.fromkeys(found, f"{dtype} {(_ROWS, units)}") | {"da_in": f"{dtype} {below.shape}"}
    found |= {f"d{key}": f"{np.asarray(g).dtype} {np.shape(g)}" for key, g in back.gradients.items()}
    wanted |= {f"d{key}": f"{dtype} {value.shape}" for key, value in p.items()}
    found |= {key: f"{value.dtype} {value.shape}" for key, value in after.items()}
    wanted |= {key: f"{dtype} {value.shape}" for key, value in state.items()}
    now = (*p.values(), below, *state.values())
    left = all(np.array_equal(a, b) for a, b in zip(kept, now, strict=True))
    return first_failure({"kept": same("", found, wanted), "arguments": same("", left, True)}, "all kept")


def _repeatable(layer: Layer, inputs: int) -> Finding:
    start = _start(layer, inputs, "float64")
    first, again = _forward(layer, start, training=True)["a"], _forward(layer, start, training=True)["a"]
    return worst(first, again, 0.0, lambda n, j: f"a[{n}, {j}]")


def _options(layer: Layer, inputs: int) -> Finding:
    twin: Any = type(layer)(**layer.options())
    start = _start(layer, inputs, "float64")
    first, again = _forward(layer, start, training=True)["a"], _forward(twin, start, training=True)["a"]
    return worst(again, first, 0.0, lambda n, j: f"a[{n}, {j}] of the layer made again")


def _formulas(layer: Layer, inputs: int) -> Finding:
    needed = ["a", "da_in", *(f"d{key}" for key in layer.parameter_shapes(inputs))]
    missing = [name for name in needed if name not in layer.formulas(2)]
    return same("", ", ".join(missing) or "none missing", "none missing")
