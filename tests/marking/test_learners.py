"""Ten hand-written networks in ten styles, right and with mistakes, marked without touching their code."""

import math
from types import SimpleNamespace

import numpy as np
import pytest

import chainrule as cr
from chainrule.marking import check_object

ETA = 0.2


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


# ---------------------------------------------------------------- 1: matrices, rows of a batch, updates in place
class MatrixNet:
    def __init__(self, wrong=""):
        self.weights1, self.weights2 = np.zeros((3, 4)), np.zeros((4, 2))
        self.bias1, self.bias2 = np.zeros(4), np.zeros(2)
        self.wrong = wrong

    def train_step(self, x, t):
        h = sigmoid(x @ self.weights1 + self.bias1)
        y = sigmoid(h @ self.weights2 + self.bias2)
        d2 = (y - t) * y * (1 - y) / len(x)
        d1 = d2 @ self.weights2.T
        if self.wrong != "no derivative":
            d1 = d1 * h * (1 - h)
        self.weights2 -= ETA * h.T @ d2
        self.bias2 -= ETA * d2.sum(axis=0)
        self.weights1 -= ETA * x.T @ d1
        self.bias1 -= ETA * d1.sum(axis=0)


# ---------------------------------------------------------------- 2: weights (out, in), one column vector at a time
class ColumnNet:
    def __init__(self, wrong=""):
        self.W = [np.zeros((4, 3)), np.zeros((2, 4))]
        self.b = [np.zeros((4, 1)), np.zeros((2, 1))]
        self.wrong = wrong

    def learn(self, row, target):
        activations = [row[:, None]]
        for W, b in zip(self.W, self.b, strict=True):
            activations.append(sigmoid(W @ activations[-1] + b))
        delta = (activations[-1] - target[:, None]) * activations[-1] * (1 - activations[-1])
        for l in (1, 0):
            step = delta @ activations[l].T
            if self.wrong == "updated first":
                self.W[l] = self.W[l] - ETA * step
            down = self.W[l].T @ delta
            if self.wrong != "updated first":
                self.W[l] = self.W[l] - ETA * step
            self.b[l] = self.b[l] - ETA * delta
            delta = down * activations[l] * (1 - activations[l])


# ---------------------------------------------------------------- 3: neurons with lists of weights, nothing but loops
class LoopNeuron:
    delta: float

    def __init__(self, inputs):
        self.weights, self.bias = [0.0] * inputs, 0.0

    def fire(self, values):
        self.inputs = values
        self.out = 1 / (1 + math.exp(-sum(w * v for w, v in zip(self.weights, values, strict=True)) - self.bias))
        return self.out

    def change(self):
        for i in range(len(self.weights)):
            self.weights[i] -= ETA * self.delta * self.inputs[i]
        self.bias -= ETA * self.delta


class LoopNet:
    def __init__(self, wrong=""):
        self.hidden, self.output = [LoopNeuron(3) for _ in range(4)], [LoopNeuron(4) for _ in range(2)]
        self.wrong = wrong

    def learn(self, row, target):
        values = [neuron.fire(list(row)) for neuron in self.hidden]
        for neuron, wanted in zip(self.output, target, strict=True):
            y = neuron.fire(values)
            neuron.delta = (y - wanted) * y * (1 - y)
        for i, neuron in enumerate(self.hidden):
            blame = 0.0
            for above in self.output:
                if self.wrong == "= for +=":
                    blame = above.delta * above.weights[i]
                else:
                    blame += above.delta * above.weights[i]
            neuron.delta = blame * neuron.out * (1 - neuron.out)
        for neuron in self.hidden + self.output:
            neuron.change()


# ---------------------------------------------------------------- 4: nine scalars by name, row after row
class ScalarNet:
    def __init__(self, wrong=""):
        self.w1 = self.w2 = self.w3 = self.w4 = self.w5 = self.w6 = 0.0
        self.b1 = self.b2 = self.b3 = 0.0
        self.wrong = wrong

    def train(self, rows, targets):
        for (x1, x2), (t,) in zip(rows, targets, strict=True):
            z1, z2 = self.w1 * x1 + self.w2 * x2 + self.b1, self.w3 * x1 + self.w4 * x2 + self.b2
            h1, h2 = sigmoid(z1), sigmoid(z2)
            y = sigmoid(self.w5 * h1 + self.w6 * h2 + self.b3)

            def slope(z):
                return sigmoid(z) * (1 - sigmoid(z))

            at1, at2 = (h1, h2) if self.wrong == "slope of the activation" else (z1, z2)
            d = 2 * (y - t) * y * (1 - y)
            d1, d2 = d * self.w5 * slope(at1), d * self.w6 * slope(at2)
            self.w1, self.w2, self.b1 = self.w1 - ETA * d1 * x1, self.w2 - ETA * d1 * x2, self.b1 - ETA * d1
            self.w3, self.w4, self.b2 = self.w3 - ETA * d2 * x1, self.w4 - ETA * d2 * x2, self.b2 - ETA * d2
            self.w5, self.w6, self.b3 = self.w5 - ETA * d * h1, self.w6 - ETA * d * h2, self.b3 - ETA * d


# ---------------------------------------------------------------- 5: gradients of each row, added up, then one update
class AccumulatingNet:
    def __init__(self, wrong=""):
        self.params = {"W1": np.zeros((3, 4)), "b1": np.zeros(4), "W2": np.zeros((4, 2)), "b2": np.zeros(2)}
        self.wrong = wrong

    def gradient(self, row, target):
        p = self.params
        h = np.tanh(row @ p["W1"] + p["b1"])
        d2 = h @ p["W2"] + p["b2"] - target
        d1 = (p["W2"] @ d2) * (1 - h**2)
        return {"W1": np.outer(row, d1), "b1": d1, "W2": np.outer(h, d2), "b2": d2}

    def step(self, x, t):
        total = {name: np.zeros_like(value) for name, value in self.params.items()}
        for row, target in zip(x, t, strict=True):
            for name, value in self.gradient(row, target).items():
                total[name] = value if self.wrong == "= for +=" else total[name] + value
        for name, value in total.items():
            self.params[name] -= ETA * value / len(x)


# ---------------------------------------------------------------- 6: layer objects with forward and backward
class LayerObject:
    def __init__(self, below, units, relu, wrong):
        self.w, self.c = np.zeros((below, units)), np.zeros((1, units))
        self.relu, self.wrong = relu, wrong

    def forward(self, a):
        self.a = a
        self.z = a @ self.w + self.c
        return np.maximum(self.z, 0) if self.relu else self.z

    def backward(self, da):
        delta = da * (self.z > 0) if self.relu and self.wrong != "relu left out" else da
        if self.relu and self.wrong == "hard-coded sigmoid":
            delta = da * sigmoid(self.z) * (1 - sigmoid(self.z))
        self.dw, self.dc = self.a.T @ delta, delta.sum(axis=0, keepdims=True)
        if self.wrong == "mean of the bias":
            self.dc = delta.mean(axis=0, keepdims=True)
        return delta @ self.w.T


class LayersNet:
    def __init__(self, wrong=""):
        self.layers = [LayerObject(3, 4, True, wrong), LayerObject(4, 4, True, wrong), LayerObject(4, 2, False, wrong)]

    def step(self, x, t):
        a = x
        for layer in self.layers:
            a = layer.forward(a)
        da = 2 * (a - t) / a.size
        for layer in reversed(self.layers):
            da = layer.backward(da)
        for layer in self.layers:
            layer.w = layer.w - ETA * layer.dw
            layer.c = layer.c - ETA * layer.dc


# ---------------------------------------------------------------- 7: rows as columns, W (out, in), b (out, 1)
class ColumnsAsRows:
    def __init__(self, wrong=""):
        self.W1, self.b1 = np.zeros((4, 3)), np.zeros((4, 1))
        self.W2, self.b2 = np.zeros((2, 4)), np.zeros((2, 1))
        self.wrong = wrong

    def update(self, X, T):
        m = X.shape[1]
        A1 = np.tanh(self.W1 @ X + self.b1)
        A2 = sigmoid(self.W2 @ A1 + self.b2)
        dZ2 = A2 - T
        dZ1 = self.W2.T @ dZ2 * (1 - A1**2)
        axis = None if self.wrong == "no axis" else 1
        db1 = np.sum(dZ1, axis=axis, keepdims=True) / m
        db2 = np.sum(dZ2, axis=axis, keepdims=True) / m
        if self.wrong == "twice":
            dZ2 = dZ2 * A2 * (1 - A2)
            db2 = dZ2.sum(axis=1, keepdims=True) / m
            dZ1 = self.W2.T @ dZ2 * (1 - A1**2)
            db1 = dZ1.sum(axis=1, keepdims=True) / m
        dW2, dW1 = dZ2 @ A1.T / m, dZ1 @ X.T / m
        self.W2, self.b2 = self.W2 - ETA * dW2, self.b2 - ETA * db2
        self.W1, self.b1 = self.W1 - ETA * dW1, self.b1 - ETA * db1


# ---------------------------------------------------------------- 8: softmax and cross-entropy
class SoftmaxNet:
    def __init__(self, wrong=""):
        self.hidden = SimpleNamespace(w=np.zeros((3, 4)), b=np.zeros(4))
        self.out = SimpleNamespace(w=np.zeros((4, 3)), b=np.zeros(3))
        self.wrong = wrong

    def step(self, x, t):
        z1 = x @ self.hidden.w + self.hidden.b
        a1 = np.maximum(z1, 0)
        e = np.exp(a1 @ self.out.w + self.out.b)
        y = e / e.sum(axis=1, keepdims=True)
        d2 = (y - t) / len(x)
        if self.wrong == "jacobian on top":
            d2 = y * (d2 - (d2 * y).sum(axis=1, keepdims=True))
        d1 = d2 @ self.out.w.T * (z1 > 0)
        source = z1 if self.wrong == "z for a" else a1
        self.out.w -= ETA * source.T @ d2
        self.out.b -= ETA * d2.sum(axis=0)
        self.hidden.w -= ETA * x.T @ d1
        self.hidden.b -= ETA * d1.sum(axis=0)


# ---------------------------------------------------------------- 9: one bias a layer, a mean over all elements
class ScalarBiasNet:
    """After a notebook: right with one unit a layer; with more, biases are shared and the mean is not the loss's."""

    def __init__(self, wrong=""):
        self.W1, self.b1 = np.zeros((3, 4)), 0.0
        self.W2, self.b2 = np.zeros((4, 2)), 0.0
        self.wrong = wrong

    def backward(self, x, t):
        z1 = x @ self.W1 + self.b1
        a1 = np.maximum(0, z1)
        y = a1 @ self.W2 + self.b2
        d2 = 2 * (y - t) / (y.shape[0] if self.wrong else y.size)
        d1 = d2 @ self.W2.T * (z1 > 0).astype(float)
        self.b2 -= ETA * np.sum(d2)
        self.W2 -= ETA * a1.T @ d2
        self.b1 -= ETA * np.sum(d1)
        self.W1 -= ETA * x.T @ d1


# ---------------------------------------------------------------- 10: any depth, recursion
class RecursiveNet:
    def __init__(self, wrong=""):
        self.stack = [{"W": np.zeros((4, 4)), "b": np.zeros(4)} for _ in range(3)]
        self.wrong = wrong

    def step(self, x, t):
        self._go(x, t, 0, len(x))

    def _go(self, a, t, depth, n):
        if depth == len(self.stack):
            return (t - a) / n if self.wrong == "t - y" else (a - t) / n
        layer = self.stack[depth]
        out = np.tanh(a @ layer["W"] + layer["b"])
        delta = self._go(out, t, depth + 1, n) * (1 - out**2)
        W = layer["W"]
        down = delta @ (W if self.wrong == "not transposed" else W.T)
        source = out if self.wrong == "its own output" else a
        layer["W"] = W - ETA * source.T @ delta
        layer["b"] = layer["b"] - ETA * delta.sum(axis=0)
        return down


# ---------------------------------------------------------------- the nets they are held against
def dense(*layers, loss, inputs=3):
    net = cr.Network(inputs, [cr.Dense(units, phi) for units, phi in layers], loss=loss, seed=3)
    rng = np.random.default_rng(0)
    for name, value in net.parameters.items():
        if name[0] == "b":
            value[...] = rng.normal(size=value.shape) * 0.3
    return net


RNG = np.random.default_rng(1)
X, T = RNG.normal(size=(6, 3)), RNG.random((6, 2))
X4, T4 = RNG.normal(size=(5, 4)), RNG.normal(size=(5, 4))
X2, T2 = RNG.normal(size=(4, 2)), RNG.integers(0, 2, (4, 1)).astype(float)
LABELS, ONE_HOT = RNG.integers(0, 2, (6, 2)).astype(float), np.eye(3)[[0, 1, 2, 2, 0, 1]]

TWO = {"W1": "weights1", "b1": "bias1", "W2": "weights2", "b2": "bias2"}
HALF = {"loss": "half_squared_error"}


def one_by_one(o, x, t):
    for row, target in zip(x, t, strict=True):
        o.learn(row, target)


SETUPS = {
    MatrixNet: (
        lambda: dense((4, "sigmoid"), (2, "sigmoid"), **HALF),
        TWO, lambda o: o.train_step(X, T), X, T, {},
    ),
    ColumnNet: (
        lambda: dense((4, "sigmoid"), (2, "sigmoid"), **HALF),
        {"W1": "W[0]", "b1": "b[0]", "W2": "W[1]", "b2": "b[1]"},
        lambda o: one_by_one(o, X, T), X, T, {"rows": "one by one"},
    ),
    LoopNet: (
        lambda: dense((4, "sigmoid"), (2, "sigmoid"), **HALF),
        {
            "W1": [f"hidden[{j}].weights" for j in range(4)], "b1": [f"hidden[{j}].bias" for j in range(4)],
            "W2": [f"output[{j}].weights" for j in range(2)], "b2": [f"output[{j}].bias" for j in range(2)],
        },
        lambda o: o.learn(X[0], T[0]), X[:1], T[:1], {},
    ),
    ScalarNet: (
        lambda: dense((2, "sigmoid"), (1, "sigmoid"), loss="squared_error", inputs=2),
        {"W1": [["w1", "w3"], ["w2", "w4"]], "b1": ["b1", "b2"], "W2": [["w5"], ["w6"]], "b2": ["b3"]},
        lambda o: o.train(X2, T2), X2, T2, {"rows": "one by one"},
    ),
    AccumulatingNet: (
        lambda: dense((4, "tanh"), (2, "identity"), **HALF),
        {name: f"params['{name}']" for name in ("W1", "b1", "W2", "b2")}, lambda o: o.step(X, T), X, T, {},
    ),
    LayersNet: (
        lambda: dense((4, "relu"), (4, "relu"), (2, "identity"), loss="mean_squared_error"),
        {f"{ours}{l}": f"layers[{l - 1}].{theirs}" for l in (1, 2, 3) for ours, theirs in (("W", "w"), ("b", "c"))},
        lambda o: o.step(X, T), X, T, {},
    ),
    ColumnsAsRows: (
        lambda: dense((4, "tanh"), (2, "sigmoid"), loss="binary_cross_entropy"),
        {name: name for name in ("W1", "b1", "W2", "b2")}, lambda o: o.update(X.T, LABELS.T), X, LABELS, {},
    ),
    SoftmaxNet: (
        lambda: dense((4, "relu"), (3, "softmax"), loss="categorical_cross_entropy"),
        {"W1": "hidden.w", "b1": "hidden.b", "W2": "out.w", "b2": "out.b"},
        lambda o: o.step(X, ONE_HOT), X, ONE_HOT, {},
    ),
    ScalarBiasNet: (
        lambda: cr.Network(
            3, [cr.Dense(4, "relu", bias="shared"), cr.Dense(2, bias="shared")], loss="mean_squared_error", seed=0
        ),
        {name: name for name in ("W1", "b1", "W2", "b2")}, lambda o: o.backward(X, T), X, T, {},
    ),
    RecursiveNet: (
        lambda: dense((4, "tanh"), (4, "tanh"), (4, "tanh"), inputs=4, **HALF),
        {f"{key}{l}": f"stack[{l - 1}]['{key}']" for l in (1, 2, 3) for key in "Wb"},
        lambda o: o.step(X4, T4), X4, T4, {},
    ),
}  # fmt: skip


def marked(learner, wrong="", **more):
    make, parameters, step, x, t, options = SETUPS[learner]
    net = make()
    options = options | more
    return check_object(learner(wrong), net, x, t, parameters=parameters, step=step, learning_rate=ETA, **options)


@pytest.mark.parametrize("learner", SETUPS)
def test_a_right_class_is_right(learner):
    marking = marked(learner)
    assert marking.verdict == "right", marking
    assert marking.correct


@pytest.mark.parametrize(
    ("learner", "wrong", "named"),
    [
        (MatrixNet, "no derivative", {("missing-activation-derivative", 1)}),
        (ColumnNet, "updated first", {("weights-updated-before-use", 1)}),
        (LoopNet, "= for +=", {("last-unit-only", 1)}),
        (ScalarNet, "slope of the activation", {("derivative-at-activation", 1)}),
        (AccumulatingNet, "= for +=", {("last-row-only", None)}),
        (LayersNet, "relu left out", {("missing-activation-derivative", 2), ("missing-activation-derivative", 1)}),
        (LayersNet, "hard-coded sigmoid", {("wrong-activation-derivative", 2), ("wrong-activation-derivative", 1)}),
        (LayersNet, "mean of the bias", {("bias-averaged", 3), ("bias-averaged", 2), ("bias-averaged", 1)}),
        (ColumnsAsRows, "no axis", {("bias-shared-by-units", 2), ("bias-shared-by-units", 1)}),
        (ColumnsAsRows, "twice", {("sigmoid-derivative-twice", None)}),
        (SoftmaxNet, "jacobian on top", {("softmax-derivative-twice", None)}),
        (SoftmaxNet, "z for a", {("net-input-in-place-of-activation", 2)}),
        (RecursiveNet, "t - y", {("sign-flipped", None)}),
        (RecursiveNet, "not transposed", {("transposed-weights", 2), ("transposed-weights", 1)}),
        (
            RecursiveNet,
            "its own output",
            {("wrong-layer-input", 3), ("wrong-layer-input", 2), ("wrong-layer-input", 1)},
        ),
    ],
)
def test_the_mistake_of_a_class_is_named(learner, wrong, named):
    marking = marked(learner, wrong)
    assert {(m.code, m.layer) for m in marking.mistakes} == named, marking
    assert not marking.correct


def test_a_scalar_bias_for_several_units_and_a_mean_without_the_outputs_are_both_named():
    """The second notebook with several hidden units and outputs, held against a network with a bias for each unit."""
    _, parameters, step, x, t, _ = SETUPS[ScalarBiasNet]
    net = cr.Network(3, [cr.Dense(4, "relu"), cr.Dense(2)], loss="mean_squared_error", seed=0)
    mine = ScalarBiasNet("rows alone")
    where = {"parameters": parameters, "step": step, "learning_rate": ETA}
    marking = check_object(mine, net, x, t, loss=np.mean((t - net(x)) ** 2), **where)
    assert set(marking.codes) == {"bias-shared-by-units", "factor"}
    assert {m.layer for m in marking.mistakes if m.code == "bias-shared-by-units"} == {1, 2}
    assert "K" in next(m.variant for m in marking.mistakes if m.code == "factor")


def test_the_learner_keeps_its_own_parameters():
    _, parameters, step, x, t, _ = SETUPS[MatrixNet]
    mine = MatrixNet()
    net = dense((4, "sigmoid"), (2, "sigmoid"), **HALF)
    check_object(mine, net, x, t, parameters=parameters, step=step, learning_rate=ETA)
    assert not mine.weights1.any()
