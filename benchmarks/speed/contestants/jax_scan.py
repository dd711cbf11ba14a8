"""JAX with the whole run in one jitted ``lax.scan``: a scan over the epochs of a scan over their batches."""

import os
from dataclasses import dataclass
from functools import partial
from typing import Any

import jax
import numpy as np
from jax import lax
from jax import numpy as jnp
from jax.sharding import NamedSharding, PartitionSpec
from records import Array, Task, Trainer, Work

ACTIVATIONS = {"sigmoid": jax.nn.sigmoid, "tanh": jnp.tanh, "relu": jax.nn.relu}


def trainer(task: Task, devices: str = "one") -> Trainer:
    """One network, or copies by ``vmap``, these also spread over a device a thread (otherwise JAX gives them one)."""
    if devices == "threads":
        os.environ["XLA_FLAGS"] = f"--xla_force_host_platform_device_count={task.threads}"  # read at JAX's first use
    jax.config.update("jax_enable_x64", task.work.dtype == "float64")
    return Scan(task)


def loss_of(work: Work, p: list[Any], x: Any, t: Any) -> Any:
    """Forward and loss."""
    a = x
    for l in range(work.layers):
        a = a @ p[2 * l] + p[2 * l + 1]
        name = work.output if l == work.layers - 1 else work.hidden
        a = ACTIVATIONS[name](a) if name in ACTIVATIONS else a
    if work.output == "softmax":
        return -jnp.sum(t * jax.nn.log_softmax(a)) / len(x)
    return jnp.sum((t - a) ** 2) * (1 if work.output == "sigmoid" else 0.5) / len(x)


def update(work: Work, p: list[Any], g: list[Any], moments: Any, count: Any) -> tuple[list[Any], Any]:
    """The optimizer's rule: new parameters and moments."""
    eta = work.learning_rate
    if work.optimizer == "sgd":
        return [q - eta * h for q, h in zip(p, g, strict=True)], moments
    first = [0.9 * m + 0.1 * h for m, h in zip(moments[0], g, strict=True)]
    second = [0.999 * v + 0.001 * h * h for v, h in zip(moments[1], g, strict=True)]
    one, two = 1 - 0.9**count, 1 - 0.999**count
    steps = [eta * (m / one) / (jnp.sqrt(v / two) + 1e-8) for m, v in zip(first, second, strict=True)]
    return [q - step for q, step in zip(p, steps, strict=True)], (first, second)


def run(work: Work, epochs: int, p: list[Any], x: Any, t: Any) -> list[Any]:
    """The whole training; x and t are (steps, batch, units)."""

    def step(carry: Any, batch: Any) -> Any:
        p, moments, count = carry
        g = jax.grad(partial(loss_of, work))(p, *batch)
        return (*update(work, p, g, moments, count + 1), count + 1), None

    def epoch(carry: Any, _: Any) -> Any:
        return lax.scan(step, carry, (x, t), unroll=4 if work.copies > 1 else 1)  # as was found quickest

    zeros = [jnp.zeros_like(q) for q in p]
    moments = (zeros, zeros) if work.optimizer == "adam" else ()
    return lax.scan(epoch, (p, moments, 0.0), None, length=epochs)[0][0]


@dataclass
class Scan:
    """The run, compiled for its number of epochs; copies are spread over as many devices as JAX was told of."""

    task: Task
    epochs: int = 0

    def __post_init__(self) -> None:
        work = self.task.work
        mesh = jax.make_mesh((len(jax.devices()),), ("copies",))
        self.spread = PartitionSpec("copies") if work.copies > 1 else PartitionSpec()
        self.place = NamedSharding(mesh, self.spread)
        self.mesh = mesh
        shape = (work.steps, work.batch, -1)
        self.x, self.t = (jnp.asarray(array.reshape(shape)) for array in (self.task.x, self.task.t))

    def begin(self, epochs: int) -> None:
        """Fresh parameters in JAX's hands, as these are given away to the run; compiled once for so many epochs."""
        work = self.task.work
        self.p = [jax.device_put(array.copy(), self.place) for array in self.task.parameters]
        if epochs == self.epochs:
            return
        self.epochs = epochs
        whole = partial(run, work, epochs)
        if work.copies > 1:
            whole = jax.vmap(whole, in_axes=(0, None, None))
        if len(jax.devices()) > 1:
            everywhere = PartitionSpec()
            places = (self.spread, everywhere, everywhere)
            whole = jax.shard_map(whole, mesh=self.mesh, in_specs=places, out_specs=self.spread)
        self.compiled = jax.jit(whole, donate_argnums=0).lower(self.p, self.x, self.t).compile()

    def train(self) -> None:
        """One call."""
        self.p = jax.block_until_ready(self.compiled(self.p, self.x, self.t))

    def parameters(self) -> list[Array]:
        """After training."""
        return [np.asarray(p) for p in self.p]
