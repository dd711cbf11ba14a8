"""Is the PyTorch source of a network the same network? Outputs, loss and gradients of both, side by side.

    pip install torch==2.13.0 numpy scipy
    python benchmarks/export_to_pytorch.py [networks] [seed]

The networks of the learners' five notebooks, and random ones of every activation, loss and layer, are written out by
``to_pytorch`` in float64 and in float32, run, and held against the library's float64 numbers. Errors are relative to
the largest number of the array compared, or to 1 where that is larger. A float32 error above the limit counts only if
the library's own float32 numbers are not as far off: a steep network loses digits in any float32 arithmetic.
"""

import platform
import sys
from collections import defaultdict

import numpy as np
import torch

import chainrule as cr
from chainrule.core.activations import ACTIVATIONS
from chainrule.core.losses import LOSSES

NEEDS = {"poisson": "exponential", "binary_cross_entropy": "sigmoid", "categorical_cross_entropy": "softmax"}
LIMITS = {"float64": 1e-12, "float32": 1e-6}

Case = tuple[cr.Network, np.ndarray, np.ndarray]


def notebooks() -> list[Case]:
    """A ReLU neuron twice, one hidden layer with shared biases, a 2-2-1 and a 3-2-1 sigmoid network."""
    row, line = np.array([[1.0, -2.0, 3.0]]), np.arange(10.0)[:, None]
    neuron = cr.Network(3, [cr.Dense(1, "relu")], loss="squared_error", seed=0)
    neuron.set_parameters({"W1": [[2.12444863], [0.25264613], [1.45417876]], "b1": [0.56923979]})
    chain = cr.Network(3, [cr.Dense(1, "relu")], loss="squared_error", seed=0)
    chain.set_parameters({"W1": [[-3.0], [-1.0], [2.0]], "b1": [1.0]})
    layers = [cr.Dense(3, "relu", bias="shared"), cr.Dense(2, "relu", bias="shared")]
    hidden = cr.Network(1, layers, loss="squared_error", seed=0)
    people = cr.Network(2, [cr.Dense(2, "sigmoid"), cr.Dense(1, "sigmoid")], loss="squared_error", seed=1)
    deltas = cr.Network(3, [cr.Dense(2, "sigmoid"), cr.Dense(1, "sigmoid")], loss="half_squared_error", seed=0)
    return [
        (neuron, row, np.array([[0.0]])),
        (chain, row, np.array([[0.0]])),
        (hidden, line, np.hstack([2 * line + 3, line + 1])),
        (people, np.array([[-2.0, -1.0], [25.0, 6.0], [17.0, 4.0], [-15.0, -6.0]]), np.array([[1.0], [0], [0], [1]])),
        (deltas, np.array([[1.0, 2.0, 3.0]]), np.array([[1.0]])),
    ]


def random_case(rng: np.random.Generator, k: int) -> Case:
    """1 to 4 dense layers, masks, shared biases, normalisation between, each activation and loss in turn."""
    loss = list(LOSSES)[k % len(LOSSES)]
    inputs, outputs, rows = (int(n) for n in rng.integers(1, 6, 3))
    layers: list[cr.Layer] = []
    below = inputs
    for depth in range(int(rng.integers(1, 4))):
        units = int(rng.integers(1, 6))
        mask = rng.integers(0, 2, (below, units)) if rng.random() < 0.3 else None
        name = list(ACTIVATIONS)[(k + 5 * depth) % len(ACTIVATIONS)]
        layers.append(cr.Dense(units, name, bias=["per-unit", "shared", None][int(rng.integers(3))], mask=mask))
        if rng.random() < 0.3:
            layers.append([cr.LayerNorm("tanh"), cr.BatchNorm("softplus"), cr.Dropout(0.5)][int(rng.integers(3))])
        below = units
    last = NEEDS.get(loss, "identity" if "logits" in loss else str(rng.choice(list(ACTIVATIONS))))
    layers.append(cr.Dense(outputs, last))
    net = cr.Network(inputs, layers, loss=loss, seed=0)
    net.parameters.vector[...] = rng.normal(size=net.parameters.vector.size)
    if "categorical" in loss:
        t = np.eye(outputs)[rng.integers(outputs, size=rows)]
    else:
        shape = (rows, outputs)
        t = rng.integers(2, size=shape).astype(float) if "binary" in loss else rng.uniform(0.1, 2, shape)
    return net, rng.normal(size=(rows, inputs)), t


def errors(case: Case, dtype: str) -> dict[str, tuple[float, float]]:
    """Of outputs, loss and gradients in that dtype, outside training: the source's, and the library's own."""
    net, x, t = case
    own = net.astype(dtype)
    names: dict = {}
    exec(net.to_pytorch(dtype=dtype), names)
    kind = getattr(torch, dtype)
    module = names["Network"]().eval()
    y = module(torch.tensor(x, dtype=kind))
    loss = names["loss"](y, torch.tensor(t, dtype=kind))
    loss.backward()
    found = {name: p.grad.numpy() for name, p in module.named_parameters()}
    gradients, own_gradients = net.gradients(x, t), own.gradients(x, t)
    return {
        "outputs": (_error(y.detach().numpy(), net.forward(x)), _error(own.forward(x), net.forward(x))),
        "loss": (_error(loss.detach().numpy(), net.loss(x, t)), _error(np.float64(own.loss(x, t)), net.loss(x, t))),
        "gradients": (
            max(_error(found[name], gradient) for name, gradient in gradients.items()),
            max(_error(own_gradients[name], gradient) for name, gradient in gradients.items()),
        ),
    }


def _error(found: np.ndarray, wanted: np.ndarray | float) -> float:
    return float(np.abs(found - wanted).max() / max(1.0, np.abs(wanted).max()))


def main(networks: int = 50, seed: int = 0) -> int:
    """Run and print; the number of comparisons beyond the limit."""
    rng = np.random.default_rng(seed)
    print(f"chainrule {cr.__version__}, PyTorch {torch.__version__}, NumPy {np.__version__}, {platform.machine()}")
    groups = {"the notebooks' 5 networks": notebooks(), f"{networks} random networks": []}
    groups[f"{networks} random networks"] = [random_case(rng, k) for k in range(networks)]
    beyond = 0
    for title, cases in groups.items():
        for dtype, limit in LIMITS.items():
            worst: dict[str, float] = defaultdict(float)
            for k, case in enumerate(cases):
                for what, (error, own) in errors(case, dtype).items():
                    worst[what] = max(worst[what], error)
                    if not error <= limit:
                        beyond += not error <= 4 * own
                        print(f"  {what} of network {k} in {dtype}: {error:.1e}, the library's own {own:.1e}")
            told = ", ".join(f"{what} {error:.1e}" for what, error in worst.items())
            print(f"{title}, {dtype}: worst error of {told} (limit {limit:g})")
    return beyond


if __name__ == "__main__":
    sys.exit(min(main(*(int(argument) for argument in sys.argv[1:])), 1))
