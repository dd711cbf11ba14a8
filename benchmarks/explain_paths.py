"""Do all paths add up to the gradient? 300 random networks, every parameter and every input.

    python benchmarks/explain_paths.py [networks] [seed]

For each quantity the products of all its paths to the loss are added up and held against backpropagation, row by row,
and the rows' parts against the gradient of the batch. Prints the worst relative error, and the time of a derivation.
"""

import platform
import sys
import time

import numpy as np

import chainrule as cr
from chainrule.core.activations import ACTIVATIONS
from chainrule.core.losses import LOSSES
from chainrule.explain import derive
from chainrule.training import Data

NEEDS = {"poisson": "exponential", "binary_cross_entropy": "sigmoid", "categorical_cross_entropy": "softmax"}


def random_case(rng: np.random.Generator, loss: str, others: float) -> tuple[cr.Network, np.ndarray, np.ndarray]:
    """1 to 4 dense layers of 1 to 6 units, masks, shared biases; a share of other layers between; 1 to 4 rows."""
    inputs, outputs, rows = rng.integers(1, 7), rng.integers(1, 7), rng.integers(1, 5)
    layers: list[cr.Layer] = []
    below = inputs
    for _ in range(rng.integers(0, 4)):
        units = rng.integers(1, 7)
        mask = rng.integers(0, 2, (below, units)) if rng.random() < 0.3 else None
        bias = ["per-unit", "shared", None][rng.integers(3)]
        layers.append(cr.Dense(int(units), str(rng.choice(list(ACTIVATIONS))), bias=bias, mask=mask))
        if rng.random() < others:
            layers.append([cr.LayerNorm("tanh"), cr.BatchNorm("softplus"), cr.Dropout(0.5)][rng.integers(3)])
        below = units
    last = NEEDS.get(loss, "identity" if "logits" in loss else str(rng.choice(list(ACTIVATIONS))))
    layers.append(cr.Dense(int(outputs), last))
    net = cr.Network(int(inputs), layers, loss=loss, seed=0)
    net.parameters.vector[...] = rng.normal(size=net.parameters.vector.size)
    shape = (int(rows), int(outputs))
    if "categorical" in loss:
        t = np.eye(outputs)[rng.integers(outputs, size=rows)]
    else:
        t = rng.integers(2, size=shape).astype(float) if "binary" in loss else rng.uniform(0.1, 2, shape)
    return net, rng.normal(size=(rows, inputs)), t


def worst_error(net: cr.Network, x: np.ndarray, t: np.ndarray) -> tuple[float, int]:
    """The worst relative error of any quantity, and how many were tried."""
    gradients = net.gradients(x, t)
    worst, tried = 0.0, 0
    for name, gradient in gradients.items():
        for index in np.ndindex(gradient.shape):
            label = f"{name}{list(index)}" if index else name
            worst = max(worst, _error(net, label, x, t, None, float(gradient[index])))
            tried += 1
    da0 = net.trace(x, t)["da0"]
    for n in range(len(x)):
        for i in range(net.inputs):
            worst = max(worst, _error(net, f"x[{i}]", x, t, n, float(da0[n, i]) * len(x)))
            tried += 1
    return worst, tried


def _error(net: cr.Network, label: str, x: np.ndarray, t: np.ndarray, row: int | None, wanted: float) -> float:
    """Of the batch's value, and of the sum over all paths of the row told."""
    why = derive(net.model, label, Data(x, t), row, most=None)
    products = [path.value for path in why.paths.listed]
    mine = next(c for c in why.contributions if c.row == why.row).derivative
    added = sum(map(abs, products))  # paths of both signs may nearly cancel: errors are relative to what was added up
    return max(_relative(why.value, wanted, added), _relative(sum(products), mine, added))


def _relative(found: float, wanted: float, added: float) -> float:
    return abs(found - wanted) / max(abs(wanted), added, 1e-290)


def _time(net: cr.Network, label: str, x: np.ndarray, t: np.ndarray) -> float:
    times = []
    for _ in range(20):
        started = time.perf_counter()
        net.explain(label, x, t)
        times.append(time.perf_counter() - started)
    return float(np.median(times))


def main(networks: int = 300, seed: int = 0) -> None:
    """Run and print."""
    rng = np.random.default_rng(seed)
    print(f"chainrule {cr.__version__}, Python {platform.python_version()}, NumPy {np.__version__}")
    for others, name in ((0.0, "of dense layers"), (0.5, "with LayerNorm, BatchNorm and Dropout between")):
        worst, tried = 0.0, 0
        for k in range(networks):
            found, quantities = worst_error(*random_case(rng, list(LOSSES)[k % len(LOSSES)], others))
            worst, tried = max(worst, found), tried + quantities
        print(f"{networks} networks {name}, {tried} quantities: worst relative error {worst:.2g}")
    small = cr.Network(2, [cr.Dense(2, "sigmoid"), cr.Dense(1, "sigmoid")], loss="squared_error", seed=0)
    print(f"one weight of 2-2-1: {1e3 * _time(small, 'W1[0, 0]', np.ones((1, 2)), np.ones((1, 1))):.2f} ms")
    wide = cr.Network(64, [cr.Dense(64, "tanh"), cr.Dense(64, "tanh"), cr.Dense(10)], seed=0)
    x = rng.normal(size=(1, 64))
    print(f"one weight of 64-64-64-10: {1e3 * _time(wide, 'W1[0, 0]', x, np.ones((1, 10))):.1f} ms")


if __name__ == "__main__":
    main(*(int(argument) for argument in sys.argv[1:]))
