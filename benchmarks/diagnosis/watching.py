"""What the rules of other tools look at: a run watched at some sixty epochs, as their callbacks would see it."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from setups import Setup

import chainrule as cr

MOST_EPOCHS = 60
_RECTIFIED = frozenset({"relu"})
_FLAT = {"sigmoid": lambda a: 4 * a * (1 - a), "tanh": lambda a: 1 - a**2}


@dataclass(frozen=True)
class Reading:
    """One epoch.

    Attributes:
        loss, accuracy: over all training rows; for regression R^2 stands in for accuracy, from 0 to 1.
        norms: of each layer's weight gradient, first to last.
        zeros: the largest share of zero entries among the hidden layers' weight gradients.
        dead, flat: the largest share of ReLU units that are off on all rows, of saturated values.
        ratio: the last update's norm over the norm of the weights.
    """

    loss: float
    accuracy: float
    norms: tuple[float, ...]
    zeros: float
    dead: float
    flat: float
    ratio: float


@dataclass
class Watched:
    """A run.

    Attributes:
        setup: of it.
        readings: of epochs evenly spread.
        losses, validation_losses: of every epoch.
        diverged: whether it left the finite numbers.
        small_batch: what is left of the loss of 20 rows that a copy is trained on, as a share of the first.
    """

    setup: Setup
    readings: list[Reading] = field(default_factory=list)
    losses: list[float] = field(default_factory=list)
    validation_losses: list[float] = field(default_factory=list)
    diverged: bool = False
    small_batch: float = 0.0


def watch(setup: Setup) -> Watched:
    """Run it and look on."""
    seen = Watched(setup)
    net = setup.network()
    every = max(setup.epochs // MOST_EPOCHS, 1)

    def after_epoch(event: cr.History) -> None:
        if (event.history.epochs - 1) % every == 0:
            seen.readings.append(reading(net, setup, event.update))

    arguments = setup.arguments() | {"callbacks": {"epoch": after_epoch}, "progress": False, "engine": "reference"}
    try:
        history = net.fit(setup.x, setup.t, **arguments)
    except cr.DivergenceError as error:
        seen.diverged, history = True, error.history
    seen.losses, seen.validation_losses = history.losses, history.validation_losses
    seen.small_batch = small_batch(setup)
    return seen


def reading(net: cr.Network, setup: Setup, update: cr.Update) -> Reading:
    """Of the network as it is."""
    with np.errstate(all="ignore"):
        gradients = [g for name, g in net.gradients(setup.x, setup.t).items() if name.startswith("W")]
        norms = tuple(float(np.sqrt((g * g).sum())) for g in gradients)
        weights = float(np.sqrt((net.parameters.vector**2).sum()))
        moved = float(np.sqrt((update.updates.vector**2).sum()))
        try:
            traced = net.trace(setup.x)
            loss = net.loss(setup.x, setup.t)
        except cr.ChainruleError:
            return Reading(np.nan, 0.0, norms, 0.0, 0.0, 0.0, np.inf)
    layers = [(layer.activation.name, traced[f"a{l}"]) for l, layer in enumerate(net.layers, start=1)][:-1]
    return Reading(
        loss=float(loss),
        accuracy=accuracy(setup, traced["y"] if "y" in traced else traced[f"a{len(net.layers)}"]),
        norms=norms,
        zeros=max((float((g == 0).mean()) for g in gradients[:-1]), default=0.0),
        dead=max((float((a <= 0).all(axis=0).mean()) for name, a in layers if name in _RECTIFIED), default=0.0),
        flat=max((float((_FLAT[name](a) < 0.05).mean()) for name, a in layers if name in _FLAT), default=0.0),
        ratio=moved / max(weights, 1e-12),
    )


def accuracy(setup: Setup, y: np.ndarray) -> float:
    """The share of right classes; R^2 for numbers."""
    if setup.task == "classes":
        return float((y.argmax(axis=1) == setup.t.argmax(axis=1)).mean())
    if setup.task == "binary":
        cut = 0.0 if setup.loss.endswith("from_logits") and setup.output == "identity" else 0.5
        return float(((y > cut) == (setup.t > 0.5)).mean())
    with np.errstate(all="ignore"):
        unexplained = ((y - setup.t) ** 2).sum() / ((setup.t - setup.t.mean(axis=0)) ** 2).sum()
    return float(np.clip(1 - unexplained, 0, 1)) if np.isfinite(unexplained) else 0.0


def small_batch(setup: Setup, rows: int = 20, updates: int = 1000) -> float:
    """What is left of the loss after training on 20 rows alone; 10 at most."""
    net = setup.network()
    chosen = np.linspace(0, len(setup.x) - 1, min(rows, len(setup.x))).astype(int)
    x, t = setup.x[chosen], setup.t[chosen]
    arguments = {key: value for key, value in setup.arguments().items() if key in ("optimizer", "seed", "l1", "l2")}
    try:
        losses = net.fit(x, t, epochs=updates, progress=False, engine="reference", **arguments).losses
    except cr.DivergenceError:
        return 10.0
    return float(min(losses[-1] / max(losses[0], 1e-12), 10.0))


def finite(norms: Sequence[float]) -> bool:
    """Whether all gradients are numbers."""
    return bool(np.isfinite(norms).all())
