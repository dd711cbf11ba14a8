"""One training run as a record: data, network, loss, optimizer and arguments of ``fit``; and the shortfall of a run."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

import chainrule as cr

WORST = 10.0
"""The shortfall of a run that diverged, and the largest that counts."""


@dataclass(frozen=True, eq=False)
class Hidden:
    """A hidden layer: how many units, their activation, how weights and biases start."""

    units: int
    activation: str
    init: Any = "auto"
    bias_init: Any = "zeros"


@dataclass(frozen=True, eq=False)
class Setup:
    """What a user would have written: all arguments of ``Network`` and ``fit``.

    Attributes:
        data: the name of the data set.
        task: "regression", "binary" or "classes".
        x, t: rows to train on.
        x_raw: the same rows as they were before they were scaled.
        validation: rows to validate on, or None.
        hidden: the hidden layers.
        output, output_init: activation and initialiser of the last layer.
        loss: its name.
        optimizer: with its rate.
        epochs, batch_size: of ``fit``.
        net_seed, seed: of the first parameters, of the shuffling.
        fit: further arguments of ``fit``.
        patches: parameters that are set by hand before training.
        outputs: units of the last layer.
        dtype: of the network.
    """

    data: str
    task: str
    x: np.ndarray
    t: np.ndarray
    x_raw: np.ndarray
    validation: tuple[np.ndarray, np.ndarray] | None
    hidden: tuple[Hidden, ...]
    output: str
    loss: str
    optimizer: cr.Optimizer
    epochs: int
    batch_size: int | None
    net_seed: int
    seed: int
    outputs: int
    output_init: Any = "auto"
    dtype: str = "float64"
    fit: Mapping[str, Any] = field(default_factory=dict)
    patches: Mapping[str, np.ndarray] = field(default_factory=dict)

    def network(self) -> cr.Network:
        """A fresh one, as it is before training."""
        layers = [cr.Dense(h.units, h.activation, init=h.init, bias_init=h.bias_init) for h in self.hidden]
        layers.append(cr.Dense(self.outputs, self.output, init=self.output_init))
        net = cr.Network(self.x.shape[1], layers, loss=self.loss, seed=self.net_seed, dtype=self.dtype)
        net.set_parameters(dict(self.patches))
        return net

    def arguments(self) -> dict[str, Any]:
        """Of ``fit``, and of ``diagnose``."""
        arguments = {
            "optimizer": self.optimizer,
            "epochs": self.epochs,
            "batch_size": self.batch_size,
            "seed": self.seed,
        }
        return arguments | ({} if self.validation is None else {"validation": self.validation}) | dict(self.fit)

    @property
    def rate(self) -> float:
        """The learning rate; none of these runs has a schedule."""
        return float(self.optimizer.learning_rate)

    def with_rate(self, rate: float) -> "Setup":
        """The same run with another learning rate."""
        return replace(self, optimizer=replace(self.optimizer, learning_rate=float(rate)))

    def description(self) -> str:
        """In one line."""
        kinds = " ".join(f"{h.units} {h.activation}" for h in self.hidden)
        extras = "".join(f", {key} {value}" for key, value in self.fit.items())
        batch = "full batch" if self.batch_size is None else f"batches of {self.batch_size}"
        return (
            f"{self.data} {self.x.shape[0]}x{self.x.shape[1]}, {kinds} -> {self.outputs} {self.output}, {self.loss}, "
            f"{type(self.optimizer).__name__}({self.rate:.3g}, momentum {getattr(self.optimizer, 'momentum', 0)}), "
            f"{self.epochs} epochs, {batch}, validation {'no' if self.validation is None else 'yes'}{extras}"
        )


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a run.

    Attributes:
        net: as it ended.
        history: of the run; None if there is none.
        diverged: the update in which it left the finite numbers came; else None.
        shortfall: the share of the targets' variance that it leaves.
    """

    net: cr.Network
    history: Any
    diverged: bool
    shortfall: float

    @property
    def validation_rises(self) -> float:
        """The last validation loss over the lowest; 1 without validation."""
        losses = [] if self.history is None else self.history.validation_losses
        return float(losses[-1] / max(min(losses), 1e-12)) if losses else 1.0


def train(setup: Setup, callbacks: Mapping[str, Any] | None = None) -> Outcome:
    """Run it with the reference engine."""
    net = setup.network()
    try:
        arguments = setup.arguments() | {"callbacks": callbacks or {}}
        history = net.fit(setup.x, setup.t, progress=False, engine="reference", **arguments)
        return Outcome(net, history, diverged=False, shortfall=shortfall(net, setup.x, setup.t))
    except cr.DivergenceError as error:
        return Outcome(net, error.history, diverged=True, shortfall=WORST)


def train_on(setup: Setup, times: int, enough: float) -> tuple[Outcome, float]:
    """The run, and the shortfall of one ``times`` as long; the latter only if the run gets below ``enough``."""
    longer = replace(setup, epochs=times * setup.epochs)
    if setup.validation is not None:  # the best epoch is put back in the end: there are two runs to be made
        outcome = train(setup)
        return outcome, train(longer).shortfall if outcome.shortfall <= enough else outcome.shortfall
    net, taken = setup.network(), []

    def after_epoch(event: cr.History) -> bool:
        if event.history.epochs != setup.epochs:
            return False
        taken.append(Outcome(net.copy(), None, diverged=False, shortfall=shortfall(net, setup.x, setup.t)))
        return taken[0].shortfall > enough

    arguments = longer.arguments() | {"callbacks": {"epoch": after_epoch}, "progress": False, "engine": "reference"}
    try:
        net.fit(setup.x, setup.t, **arguments)
    except cr.DivergenceError:
        return (taken[0] if taken else Outcome(net, None, diverged=True, shortfall=WORST)), WORST
    return taken[0], shortfall(net, setup.x, setup.t)


def shortfall(net: cr.Network, x: np.ndarray, t: np.ndarray) -> float:
    """The share of the targets' variance that the predictions leave unexplained, over all outputs.

    0 is perfect, 1 is the mean of the targets. For classes the targets are 0 and 1 and the predictions probabilities:
    the Brier score over that of the classes' shares.
    """
    try:
        with np.errstate(all="ignore"):
            y = net.predict(x, engine="reference")
            unexplained = float(((y - t) ** 2).sum() / ((t - t.mean(axis=0)) ** 2).sum())
    except cr.InputError:
        return WORST
    return min(unexplained, WORST) if np.isfinite(unexplained) else WORST


def clearly_better(a: float, b: float) -> bool:
    """The criterion of a fault: shortfall ``a`` is at most half of ``b``, and at least 0.1 lower."""
    return a <= b / 2 and a <= b - 0.1


def better(a: float, b: float) -> bool:
    """The criterion that no healthy run may give cause for: shortfall ``a`` is at least 0.03 lower than ``b``."""
    return a <= b - 0.03
