"""The slow truth: a network's loss by loops over rows and units, on numbers that carry their own derivatives.

A ``Jet`` is a number together with its gradient and Hessian by P variables; each operation follows the sum, product
and chain rule. No backpropagation, no arrays of activations, nothing of the library but a layer's declaration.
"""

import math

import numpy as np

from chainrule.core.layers import BatchNorm, Dense, Dropout, LayerNorm, Scale


class Jet:
    def __init__(self, value, gradient, hessian):
        self.value, self.gradient, self.hessian = value, gradient, hessian

    def through(self, f, f1, f2):
        """f(self), where f, f1 and f2 are the function and its derivatives at this value."""
        bend = f2 * np.outer(self.gradient, self.gradient)
        return Jet(f, f1 * self.gradient, f1 * self.hessian + bend)

    def __add__(self, other):
        if isinstance(other, Jet):
            return Jet(self.value + other.value, self.gradient + other.gradient, self.hessian + other.hessian)
        return Jet(self.value + other, self.gradient, self.hessian)

    def __mul__(self, other):
        if not isinstance(other, Jet):
            return Jet(self.value * other, self.gradient * other, self.hessian * other)
        cross = np.outer(self.gradient, other.gradient)
        return Jet(
            self.value * other.value,
            self.gradient * other.value + self.value * other.gradient,
            self.hessian * other.value + self.value * other.hessian + cross + cross.T,
        )

    def __truediv__(self, other):
        if not isinstance(other, Jet):
            return self * (1 / other)
        return self * inverse(other)

    def __neg__(self):
        return self * -1.0

    def __sub__(self, other):
        return self + (-other)

    def __rsub__(self, other):
        return -self + other

    __radd__, __rmul__ = __add__, __mul__


def variables(vector):
    """The numbers of a vector as Jets, each of them one of the variables."""
    size = len(vector)
    return [Jet(float(v), np.eye(size)[k], np.zeros((size, size))) for k, v in enumerate(vector)]


def inverse(z):
    v = z.value
    return z.through(1 / v, -1 / v**2, 2 / v**3)


def exp(z):
    e = math.exp(z.value)
    return z.through(e, e, e)


def log(z):
    return z.through(math.log(z.value), 1 / z.value, -1 / z.value**2)


def root(z):
    s = math.sqrt(z.value)
    return z.through(s, 1 / (2 * s), -1 / (4 * s**3))


def sigmoid(z):
    return inverse(1 + exp(-z))


def tanh(z):
    return 2 * sigmoid(2 * z) - 1


def absolute(z):
    return z * float(np.sign(z.value))  # at 0 the derivative is taken as 0


def softmax(zs):
    es = [exp(z) for z in zs]
    return [e / sum(es[1:], es[0]) for e in es]


ELEMENTWISE = {
    "identity": lambda z: z,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "relu": lambda z: z if z.value > 0 else z * 0.0,
    "leaky_relu": lambda z: z if z.value > 0 else z * 0.01,
    "elu": lambda z: z if z.value > 0 else exp(z) - 1,
    "softplus": lambda z: log(1 + exp(z)),
    "softsign": lambda z: z / (1 + absolute(z)),
    "silu": lambda z: z * sigmoid(z),
    "exponential": exp,
}


def activated(activation, zs):
    """A row's activations; ``activation`` is a name, or one for each unit."""
    if activation == "softmax":
        return softmax(zs)
    names = [activation] * len(zs) if isinstance(activation, str) else activation
    return [ELEMENTWISE[name](z) for name, z in zip(names, zs, strict=True)]


def _names(activation):
    return [row.name for row in activation.rows] if activation.name == "unitwise" else activation.name


def _dense(layer, p, a):
    rows = []
    for row in a:
        zs = []
        for j in range(layer.units):
            z = row[0] * 0.0
            for i, below in enumerate(row):
                if layer.mask is None or layer.mask[i][j] == 1:
                    z = z + below * p["W"][i][j]
            if layer.bias == "per-unit":
                z = z + p["b"][j]
            elif layer.bias == "shared":
                z = z + p["b"]
            zs.append(z)
        rows.append(activated(_names(layer.activation), zs))
    return rows


def _standardised(values, epsilon):
    mean = sum(values[1:], values[0]) / len(values)
    squares = [(v - mean) * (v - mean) for v in values]
    s = root(sum(squares[1:], squares[0]) / len(values) + epsilon)
    return [(v - mean) / s for v in values]


def _columns(rows):
    return [list(column) for column in zip(*rows, strict=True)]


def _normalised(layer, p, a, state, training):
    if isinstance(layer, LayerNorm):
        xhat = [_standardised(row, layer.epsilon) for row in a]
    elif training:
        xhat = _columns([_standardised(column, layer.epsilon) for column in _columns(a)])
    else:
        scale = np.sqrt(state["variance"] + layer.epsilon)
        xhat = [[(v - m) / s for v, m, s in zip(row, state["mean"], scale, strict=True)] for row in a]
    zs = [[x * g + b for x, g, b in zip(row, p["gamma"], p["beta"], strict=True)] for row in xhat]
    return [activated(_names(layer.activation), row) for row in zs]


def _dropped(a, mask):
    return [[v * m for v, m in zip(row, kept, strict=True)] for row, kept in zip(a, mask, strict=True)]


def outputs(net, x, *, training=False, drops=None):
    """The outputs for rows x, as Jets by the network's parameters; ``drops`` are dropout's masks by layer number."""
    numbers, masks = iter(variables(net.parameters.vector)), drops or {}
    size = net.parameters.vector.size
    by_name = {name: _nested(numbers, value.shape) for name, value in net.parameters.items()}
    a = [[Jet(float(v), np.zeros(size), np.zeros((size, size))) for v in row] for row in x]
    for l, layer in enumerate(net.layers, start=1):
        p = {key: by_name.get(f"{key}{l}") for key in ("W", "b", "gamma", "beta")}
        if isinstance(layer, Dense):
            a = _dense(layer, p, a)
        elif isinstance(layer, Dropout):
            a = _dropped(a, masks[l]) if training else a
        elif isinstance(layer, Scale):
            a = [[v * factor for v, factor in zip(row, p["gamma"], strict=True)] for row in a]
        else:
            assert isinstance(layer, LayerNorm | BatchNorm)
            a = _normalised(layer, p, a, net.model.state[l - 1], training)
    return a


def _nested(numbers, shape):
    return next(numbers) if not shape else [_nested(numbers, shape[1:]) for _ in range(shape[0])]


def _cross_entropy(ys, ts):
    return [-t * log(y) if t else y * 0.0 for y, t in zip(ys, ts, strict=True)]


def _summed(term):
    return lambda ys, ts: [term(y, t) for y, t in zip(ys, ts, strict=True) if not math.isnan(t)]


TERMS = {
    "squared_error": _summed(lambda y, t: (t - y) * (t - y)),
    "half_squared_error": _summed(lambda y, t: (t - y) * (t - y) / 2),
    "mean_squared_error": lambda ys, ts: [
        e / sum(not math.isnan(t) for t in ts) for e in _summed(lambda y, t: (t - y) * (t - y))(ys, ts)
    ],
    "absolute_error": _summed(lambda y, t: absolute(y - t)),
    "huber": _summed(lambda y, t: (y - t) * (y - t) / 2 if abs(y.value - t) <= 1 else absolute(y - t) - 0.5),
    "log_cosh": _summed(lambda y, t: log((exp(y - t) + exp(t - y)) / 2)),
    "poisson_from_logits": _summed(lambda y, t: exp(y) - t * y),
    "binary_cross_entropy": _summed(lambda y, t: -(t * log(y)) - (1 - t) * log(1 - y)),
    "binary_cross_entropy_from_logits": _summed(lambda y, t: -(t * log(sigmoid(y))) - (1 - t) * log(1 - sigmoid(y))),
    "categorical_cross_entropy": _cross_entropy,
    "categorical_cross_entropy_from_logits": lambda ys, ts: _cross_entropy(softmax(ys), ts),
}
"""By loss, the terms of one row, which are summed."""


def loss(net, x, t, weights=None, *, training=False, drops=None):
    """E as a Jet: value, gradient (P,) and Hessian (P, P)."""
    ys = outputs(net, x, training=training, drops=drops)
    zero = ys[0][0] * 0.0
    total, together = zero, 0.0
    for n, (row, targets) in enumerate(zip(ys, np.asarray(t, float), strict=True)):
        if np.isnan(targets).all():
            continue
        weight = 1.0 if weights is None else float(weights[n])
        terms = TERMS[net.loss_function.name](row, targets)
        total = total + weight * sum(terms[1:], terms[0])
        together += weight
    return total / together if together else zero
