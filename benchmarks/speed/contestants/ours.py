"""chainrule: ``fit`` and ``sweep`` as a user calls them, the whole call timed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from records import Array, Task, Trainer, Work

import chainrule as cr
from chainrule.sweeps.ensemble import train_copies
from chainrule.sweeps.trained import Copy, initial_vector
from chainrule.training import Call, Data, Settings


def trainer(task: Task, engine: str = "compiled", given: str = "") -> Trainer:
    """By an engine; copies by ``sweep``, but by one network after the other in the reference engine.

    ``given`` gives the copies their first parameters before the clock starts, as JAX and C have them.
    """
    if given:
        return Drawn(task)
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
        settings["optimizers"] = settings.pop("optimizer")
        more = {"threads": self.task.threads, "engine": "compiled", "progress": False}
        seeds = range(self.task.work.copies)
        self.result = cr.sweep(self.net, self.task.x, self.task.t, seeds=seeds, **more, **settings)

    def parameters(self) -> list[Array]:
        """Copies first."""
        return list(self.result.parameters.values())


@dataclass
class Drawn(Sweep):
    """What ``sweep`` does once the first parameters of its copies are drawn."""

    def begin(self, epochs: int) -> None:
        """Draw them, as ``sweep`` does."""
        super().begin(epochs)
        told = settings_of(self.task, epochs)
        self.settings = Settings(**told, engine="compiled", threads=self.task.threads, progress=False)
        chain, optimizer = self.net.model.chain, told["optimizer"]
        self.copies = [Copy(initial_vector(chain, seed), optimizer, seed) for seed in range(self.task.work.copies)]

    def train(self) -> None:
        """Train them."""
        data = Data(self.task.x, self.task.t)
        self.trained = train_copies(Call(self.net.model, data, None, self.settings), self.copies)

    def parameters(self) -> list[Array]:
        """Copies first."""
        slots, vectors = self.net.model.chain.slots, self.trained.vectors
        return [vectors[:, slot.start : slot.stop].reshape(-1, *slot.shape) for slot in slots]


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
