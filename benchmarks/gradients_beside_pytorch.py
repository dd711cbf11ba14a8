"""Our hand-derived gradients beside PyTorch's automatic ones, and our optimizers beside PyTorch's.

Run by hand, in an environment that has PyTorch (chainrule itself does not need it)::

    python -m venv /tmp/beside && /tmp/beside/bin/pip install torch numpy scipy
    PYTHONPATH=src /tmp/beside/bin/python benchmarks/gradients_beside_pytorch.py

Each random network is written a second time in PyTorch's own functions, on the same numbers in float64. Compared are
the loss, its gradients by every parameter and every input, and a Hessian-vector product with PyTorch's double backward
pass. Errors are relative to the largest entry of what PyTorch gives. Exits with 1 if one is above the tolerance.
"""

import platform
import sys
import warnings
from collections import Counter
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional as F  # noqa: N812 - as PyTorch's own documentation calls it

import chainrule as cr
from chainrule.core.activations import ACTIVATIONS
from chainrule.core.losses import LOSSES, RowLoss

NETWORKS = 200
STEPS = 50
TOLERANCE = 1e-9
SEED = 3  # of dropout

# -------------------------------------------------------------------------------- the same in PyTorch
TORCH_ACTIVATIONS = {
    "identity": lambda z: z,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "relu": F.relu,
    "leaky_relu": lambda z: F.leaky_relu(z, 0.01),
    "elu": F.elu,
    "selu": F.selu,
    "softplus": lambda z: F.softplus(z, threshold=1e6),  # by default PyTorch returns z itself from 20
    "softsign": F.softsign,
    "gelu": F.gelu,
    "gelu_tanh": lambda z: F.gelu(z, approximate="tanh"),
    "silu": F.silu,
    "mish": F.mish,
    "hard_sigmoid": lambda z: torch.clamp(z / 6 + 0.5, 0, 1),  # F.hardsigmoid has no second derivative
    "hard_tanh": F.hardtanh,
    "exponential": torch.exp,
    "softmax": lambda z: F.softmax(z, dim=1),
}

TORCH_LOSSES = {
    "squared_error": lambda y, t: F.mse_loss(y, t, reduction="none"),
    "half_squared_error": lambda y, t: F.mse_loss(y, t, reduction="none") / 2,
    "mean_squared_error": lambda y, t: F.mse_loss(y, t, reduction="none"),
    "absolute_error": lambda y, t: F.l1_loss(y, t, reduction="none"),
    "huber": lambda y, t: F.huber_loss(y, t, reduction="none", delta=1.0),
    "quantile": lambda y, t: torch.maximum(0.5 * (t - y), -0.5 * (t - y)),
    "log_cosh": lambda y, t: torch.logaddexp(y - t, t - y) - np.log(2),
    "poisson": lambda y, t: F.poisson_nll_loss(y, t, log_input=False, eps=0.0, reduction="none"),
    "poisson_from_logits": lambda y, t: F.poisson_nll_loss(y, t, log_input=True, reduction="none"),
    # F.binary_cross_entropy keeps 1e-12 in a denominator of its second derivative, wrong by 1e-9 where y is near 0 or 1
    "binary_cross_entropy": lambda y, t: -t * torch.log(y) - (1 - t) * torch.log1p(-y),
    "binary_cross_entropy_from_logits": lambda y, t: F.binary_cross_entropy_with_logits(y, t, reduction="none"),
    "categorical_cross_entropy": lambda y, t: -t * torch.log(y),
    "categorical_cross_entropy_from_logits": lambda y, t: F.cross_entropy(y, t, reduction="none")[:, None],
}

# outputs that the loss is for
OUTPUTS = {"poisson": "exponential", "binary_cross_entropy": "sigmoid", "categorical_cross_entropy": "softmax"}


@dataclass
class Case:
    """A network, the rows it is run on, and how."""

    net: cr.Network
    x: np.ndarray
    t: np.ndarray
    weights: np.ndarray | None
    training: bool

    @property
    def how(self):
        """The arguments of loss, gradients and the like."""
        return {"weights": self.weights, "training": self.training, "seed": SEED if self.training else None}


def torch_layer(layer, l, a, p, case, drops):
    """One layer in PyTorch's functions."""
    if isinstance(layer, cr.Dropout):
        return a * drops[l] if case.training else a
    phi = TORCH_ACTIVATIONS[layer.activation.name]
    if isinstance(layer, cr.Dense):
        W = p[f"W{l}"] if layer.mask is None else p[f"W{l}"] * torch.tensor(layer.mask)
        return phi(a @ W + (0 if layer.bias is None else p[f"b{l}"]))
    scale, shift = p[f"gamma{l}"], p[f"beta{l}"]
    if isinstance(layer, cr.LayerNorm):
        return phi(F.layer_norm(a, a.shape[1:], scale, shift, layer.epsilon))
    state = {key: torch.tensor(value) for key, value in case.net.model.state[l - 1].items()}
    return phi(F.batch_norm(a, state["mean"], state["variance"], scale, shift, case.training, 0.1, layer.epsilon))


def torch_loss(case, x, p, drops):
    """E in PyTorch's functions: the weighted mean over rows, missing targets left out."""
    y = x
    for l, layer in enumerate(case.net.layers, start=1):
        y = torch_layer(layer, l, y, p, case, drops)
    loss = case.net.loss_function
    here = torch.tensor(~np.isnan(case.t))
    terms = TORCH_LOSSES[loss.name](y, torch.tensor(np.nan_to_num(case.t)))
    if isinstance(loss, RowLoss):
        by_row = terms[:, 0]
    else:
        by_row = torch.where(here, terms, 0.0).sum(1)
        by_row = by_row / here.sum(1).clamp(min=1) if loss.reduction == "mean" else by_row
    counts = torch.tensor(np.ones(len(case.x)) if case.weights is None else case.weights) * here.any(1)
    return (counts * by_row).sum() / counts.sum()


# -------------------------------------------------------------------------------- random networks
def random_layers(rng, hidden, last, inputs, outputs):
    """1 to 4 layers: Dense ones of every kind of bias and wiring, normalisation and dropout between them."""
    layers, below = [], inputs
    names = [*(str(rng.choice(hidden)) for _ in range(rng.integers(0, 3))), last]
    for units, name in zip([*(int(rng.integers(1, 9)) for _ in names[1:]), outputs], names, strict=True):
        mask = rng.integers(2, size=(below, units)) if rng.random() < 0.3 else None
        bias = [None, "shared", "per-unit"][rng.integers(3)]
        layers.append(cr.Dense(units, name, bias=bias, mask=mask))
        below = units
    if len(layers) < 4 and rng.random() < 0.6:
        between = [cr.LayerNorm("tanh"), cr.BatchNorm("softsign"), cr.BatchNorm(epsilon=0.01), cr.Dropout(0.3)]
        layers.insert(int(rng.integers(len(layers))), between[rng.integers(len(between))])
    return layers


def random_targets(rng, loss, shape):
    """Targets that the loss is meant for, some missing."""
    low, high = LOSSES[loss].target_range
    if (low, high) == (0.0, 1.0):
        t = rng.dirichlet(np.ones(shape[1]), size=shape[0])
    else:
        t = rng.poisson(2.0, size=shape).astype(float) if low == 0 else rng.normal(size=shape)
    if rng.random() < 0.4:
        gone = rng.random(shape) < 0.2
        gone = np.repeat(gone[:, :1], shape[1], axis=1) if isinstance(LOSSES[loss], RowLoss) else gone
        gone[0] = False  # at least one row counts
        t[gone] = np.nan
    return t


def random_case(k):
    """The k-th network: every activation and every loss has its turn, the rest is drawn."""
    rng = np.random.default_rng(k)
    loss = list(LOSSES)[k % len(LOSSES)]
    turn = list(ACTIVATIONS)[k % len(ACTIVATIONS)]
    free = loss not in OUTPUTS and not loss.endswith("_from_logits") and rng.random() < 0.5
    last = turn if free else OUTPUTS.get(loss, "identity")
    inputs, outputs, rows = (int(n) for n in rng.integers([1, 1, 2], [9, 9, 17]))
    # an exponential on top of large sums overflows in both libraries: it has its turn, but is not drawn
    drawn = [name for name in ACTIVATIONS if name != "exponential"]
    layers = random_layers(rng, [turn] if rng.random() < 0.5 and turn in drawn else drawn, last, inputs, outputs)
    net = cr.Network(inputs, layers, loss=loss, seed=0)
    net.parameters.vector[...] = rng.normal(scale=0.6, size=net.parameters.vector.size)
    net.model.state = tuple(
        {"mean": rng.normal(size=len(s["mean"])), "variance": rng.uniform(0.5, 2, len(s["mean"]))} if s else s
        for s in net.model.state
    )
    x, t = rng.normal(size=(rows, inputs)), random_targets(rng, loss, (rows, outputs))
    weights = rng.uniform(0.1, 3, rows) if rng.random() < 0.3 else None
    return Case(net, x, t, weights, bool(rng.random() < 0.5))


# -------------------------------------------------------------------------------- gradients
def relative(ours, theirs):
    """The largest distance, relative to the largest entry of theirs."""
    ours, theirs = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    distance = np.abs(ours - theirs).max(initial=0.0)
    return float(distance / max(np.abs(theirs).max(initial=0.0), np.finfo(float).tiny)) if distance else 0.0


def flat(arrays):
    """All numbers in a row."""
    return np.concatenate([np.ravel(array) for array in arrays] or [np.zeros(0)])


def compare(case):
    """Errors of loss, gradients by parameters and inputs, and a Hessian-vector product."""
    net = case.net
    trace = net.trace(case.x, case.t, **case.how)
    drops = {l: torch.tensor(trace[f"mask{l}"]) for l, a in enumerate(net.layers, 1) if isinstance(a, cr.Dropout)}
    p = {name: torch.tensor(value, requires_grad=True) for name, value in net.parameters.items()}
    x = torch.tensor(case.x, requires_grad=True)
    E = torch_loss(case, x, p, drops)
    *gradients, dx = torch.autograd.grad(E, [*p.values(), x], create_graph=True, materialize_grads=True)

    v = np.random.default_rng(0).normal(size=net.parameters.vector.size)
    parts = np.split(v, np.cumsum([q.numel() for q in p.values()])[:-1])
    along = sum((g * torch.tensor(part).reshape(g.shape)).sum() for g, part in zip(gradients, parts, strict=True))
    products = torch.autograd.grad(along, list(p.values()), materialize_grads=True)

    ours = net.gradients(case.x, case.t, **case.how)
    return {
        "loss": relative(net.loss(case.x, case.t, **case.how), E.item()),
        "gradients": relative(flat([*ours.values(), trace["da0"]]), flat(g.detach() for g in [*gradients, dx])),
        "Hessian-vector product": relative(
            net.hessian_vector_product(case.x, case.t, v, **case.how), flat(h.detach() for h in products)
        ),
    }


def told(case):
    """What a network is made of, for the summary."""
    yield case.net.loss_function.name
    yield "training" if case.training else "prediction"
    yield from ["row weights"] * (case.weights is not None) + ["missing targets"] * bool(np.isnan(case.t).any())
    for layer in case.net.layers:
        yield type(layer).__name__
        if not isinstance(layer, cr.Dropout):
            yield layer.activation.name
        if isinstance(layer, cr.Dense):
            yield f"bias {layer.bias}"
            yield from ["mask"] * (layer.mask is not None)


def compare_networks():
    """Every random network; the worst error of each kind, and how often each component had its turn."""
    worst, seen = {}, Counter()
    for k in range(NETWORKS):
        case = random_case(k)
        seen.update(set(told(case)))
        for name, error in compare(case).items():
            if error >= worst.get(name, (0.0, -1))[0]:
                worst[name] = (error, k)
    print(f"{NETWORKS} networks, worst errors relative to PyTorch's largest entry (tolerance {TOLERANCE:g}):")
    for name, (error, k) in worst.items():
        print(f"  {name:24} {error:.1e}   network {k}: {random_case(k).net!r}".replace("\n", "\n" + " " * 37))
    print("Networks with each component: " + ", ".join(f"{name} {n}" for name, n in sorted(seen.items())))
    unseen = (set(ACTIVATIONS) | set(LOSSES)) - set(seen)
    print("Never drawn: " + (", ".join(sorted(unseen)) or "none"))
    return max(error for error, _ in worst.values())


# -------------------------------------------------------------------------------- optimizers
OPTIMIZERS = {
    "SGD": (cr.SGD(0.05), lambda p: torch.optim.SGD(p, 0.05)),
    "SGD, momentum": (cr.SGD(0.05, momentum=0.9), lambda p: torch.optim.SGD(p, 0.05, momentum=0.9)),
    "SGD, Nesterov": (
        cr.SGD(0.05, momentum=0.9, nesterov=True),
        lambda p: torch.optim.SGD(p, 0.05, momentum=0.9, nesterov=True),
    ),
    "RMSprop": (cr.RMSprop(0.01), lambda p: torch.optim.RMSprop(p, 0.01, alpha=0.9)),
    "Adagrad": (cr.Adagrad(0.1), lambda p: torch.optim.Adagrad(p, 0.1)),
    "Adadelta": (cr.Adadelta(), lambda p: torch.optim.Adadelta(p, 1.0)),
    "Adam": (cr.Adam(0.01), lambda p: torch.optim.Adam(p, 0.01)),
    "AdamW": (cr.AdamW(0.01, weight_decay=0.1), lambda p: torch.optim.AdamW(p, 0.01, weight_decay=0.1)),
    "NAdam": (cr.NAdam(0.01), lambda p: torch.optim.NAdam(p, 0.01)),
    "NAdam, decoupled decay": (
        cr.NAdam(0.01, weight_decay=0.1),
        lambda p: torch.optim.NAdam(p, 0.01, weight_decay=0.1, decoupled_weight_decay=True),
    ),
    "Rprop": (cr.Rprop(0.01), lambda p: torch.optim.Rprop(p, 0.01)),
}

DEFINED_OTHERWISE = """Where definitions differ:
  weight_decay of SGD, RMSprop, Adagrad, Adadelta, Adam and Rprop: ours is decoupled (eta weight_decay W is taken
    away beside the update); PyTorch's is added to the gradient, which for us is ``fit(l2=...)``.
  RMSprop: our rho is 0.9 as in the lecture, PyTorch's alpha 0.99; given the same number they agree.
  SGD with nesterov but no momentum: plain gradient descent here, refused by PyTorch.
  BatchNorm: our running variance is divided by N, PyTorch's by N - 1; its momentum is 1 minus ours.
  softplus: PyTorch returns z itself from z = 20 unless told otherwise.
  Lion: PyTorch has none."""


def descend(optimizer, start, gradient):
    """Our rule along the gradients of a function: the parameters after each step."""
    w, path = start.copy(), []
    moments = optimizer.start(len(w), w.dtype, optimizer.learning_rate)
    for count in range(1, STEPS + 1):
        update, moments = optimizer.update(moments, gradient(w), optimizer.learning_rate, count)
        w = w - update - optimizer.learning_rate * optimizer.decay * w
        path.append(w)
    return np.array(path)


def descend_with_torch(make, start, gradient):
    """PyTorch's rule along the same gradients."""
    w, path = torch.tensor(start, requires_grad=True), []
    optimizer = make([w])
    for _ in range(STEPS):
        w.grad = torch.tensor(gradient(w.detach().numpy()))
        optimizer.step()
        path.append(w.detach().numpy().copy())
    return np.array(path)


def compare_optimizers():
    """The paths of both through the same bumpy valley."""
    rng = np.random.default_rng(0)
    A, start = rng.normal(size=(20, 20)), rng.normal(size=20)
    steep = A @ A.T / 20 + 0.1 * np.eye(20)

    def gradient(w):
        return steep @ w + np.sin(5 * w)

    print(f"Optimizers, {STEPS} updates of 20 parameters, largest error of any update's parameters:")
    worst = 0.0
    for name, (ours, theirs) in OPTIMIZERS.items():
        error = relative(descend(ours, start, gradient), descend_with_torch(theirs, start, gradient))
        worst = max(worst, error)
        print(f"  {name:24} {error:.1e}")
    print(DEFINED_OTHERWISE)
    return worst


def main():
    """Print versions, both comparisons, and a verdict."""
    torch.set_default_dtype(torch.float64)
    torch.set_num_threads(1)
    warnings.simplefilter("error")
    print(
        f"chainrule {cr.__version__}, PyTorch {torch.__version__}, NumPy {np.__version__}, "
        f"Python {platform.python_version()}, {platform.machine()}"
    )
    worst = max(compare_networks(), compare_optimizers())
    print(f"Largest error {worst:.1e}: " + ("they agree." if worst <= TOLERANCE else "THEY DISAGREE."))
    return 0 if worst <= TOLERANCE else 1


if __name__ == "__main__":
    sys.exit(main())
