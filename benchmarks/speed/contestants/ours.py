"""chainrule: ``fit`` and ``sweep`` as a user calls them, the whole call timed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from records import Array, Task, Trainer, Work

import chainrule as cr


def trainer(task: Task, engine: str = "compiled") -> Trainer:
    """By an engine; copies by ``sweep``, but by one network after the other in the reference engine."""
    if task.work.copies > 1:
        return Sweep(task) if engine == "compiled" else SomeCopies(task)
    return Fit(task, engine)


def network_of(work: Work, seed: int = 0) -> cr.Network:
    """The work's network; the loss of softmax outputs takes logits."""
    layers = [cr.Dense(units, work.hidden) for units in work.sizes[1:-1]]
    layers.append(cr.Dense(work.sizes[-1], "identity" if work.output == "softmax" else work.output))
    return cr.Network(work.sizes[0], layers, loss=work.loss, seed=seed, dtype=work.dtype)


def optimizer_of(work: Work) -> Any:
    """Ours of that name."""
    return cr.SGD(work.learning_rate) if work.optimizer == "sgd" else cr.Adam(work.learning_rate)


def settings_of(task: Task, epochs: int) -> dict[str, Any]:
    """What ``fit`` and ``sweep`` are both told."""
    batch = None if task.work.batch == task.work.rows else task.work.batch
    return {"epochs": epochs, "batch_size": batch, "optimizer": optimizer_of(task.work), "shuffle": False}


@dataclass
class Fit:
    """One call of ``fit``."""

    task: Task
    engine: str
    epochs: int = 0

    def begin(self, epochs: int) -> None:
        """A network with the first parameters."""
        self.epochs = epochs
        self.net = network_of(self.task.work)
        self.net.set_parameters(dict(zip(self.net.parameters, self.task.parameters, strict=True)))
        self.more = {} if self.engine == "reference" else {"threads": self.task.threads}

    def train(self) -> None:
        """The whole call, with its checks and its history."""
        settings = settings_of(self.task, self.epochs)
        self.net.fit(self.task.x, self.task.t, **settings, engine=self.engine, progress=False, **self.more)

    def parameters(self) -> list[Array]:
        """After training."""
        return [np.array(value) for value in self.net.parameters.values()]


@dataclass
class Sweep:
    """One call of ``sweep``: a network for each seed, trained at once."""

    task: Task
    epochs: int = 0

    def begin(self, epochs: int) -> None:
        """The network whose seeds are drawn anew."""
        self.epochs = epochs
        self.net = network_of(self.task.work)

    def train(self) -> None:
        """The whole call."""
        settings = settings_of(self.task, self.epochs)
        seeds, threads = range(self.task.work.copies), self.task.threads
        self.result = cr.sweep(self.net, self.task.x, self.task.t, seeds=seeds, threads=threads, **settings)

    def parameters(self) -> list[Array]:
        """Copies first."""
        nets = [run.network for run in self.result]
        return [np.stack([net.parameters[name] for net in nets]) for name in nets[0].parameters]


@dataclass
class SomeCopies:
    """The first few copies one after the other by the reference engine, to hold the others against."""

    task: Task
    epochs: int = 0

    def begin(self, epochs: int) -> None:
        """Their networks."""
        self.epochs = epochs
        self.nets = [network_of(self.task.work, seed) for seed in range(min(3, self.task.work.copies))]

    def train(self) -> None:
        """``fit``, one by one."""
        for net in self.nets:
            settings = settings_of(self.task, self.epochs)
            net.fit(self.task.x, self.task.t, **settings, engine="reference", progress=False)

    def parameters(self) -> list[Array]:
        """Copies first, as many as were trained."""
        return [np.stack([net.parameters[name] for net in self.nets]) for name in self.nets[0].parameters]
