"""PyTorch run operation by operation, as quick as its eager mode was found to be on these works.

Functions instead of modules, ``torch.autograd.grad`` instead of ``backward`` (no gradient is accumulated), contiguous
slices as batches, class numbers as targets, and an optimizer that handles all parameters in one call.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import torch
from records import Array, Task, Trainer, Work
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - as PyTorch's own documentation calls it

ACTIVATIONS = {"sigmoid": torch.sigmoid, "tanh": torch.tanh, "relu": torch.relu}


def trainer(task: Task) -> Trainer:
    """The same loop with or without an axis of copies."""
    torch.set_num_threads(task.threads)
    return Eager(task)


def outputs(work: Work, p: list[Tensor], a: Tensor) -> Tensor:
    """Forward; softmax is left to the loss."""
    product = torch.addmm if work.copies == 1 else torch.baddbmm
    for l in range(work.layers):
        a = product(p[2 * l + 1], a, p[2 * l])
        name = work.output if l == work.layers - 1 else work.hidden
        a = ACTIVATIONS[name](a) if name in ACTIVATIONS else a
    return a


def loss_of(work: Work, y: Tensor, t: Tensor) -> Tensor:
    """The work's loss by PyTorch's own functions; copies add up, each has its own gradients."""
    if work.output == "softmax":
        return F.cross_entropy(y, t)
    if work.output == "sigmoid":
        return F.mse_loss(y, t, reduction="sum")
    return F.mse_loss(y, t) * (t.shape[1] / 2)  # half the sum over a row's outputs, the mean over rows


def batches_of(task: Task) -> list[tuple[Tensor, Tensor]]:
    """An epoch's batches, views of contiguous rows, made once."""
    work = task.work
    x = torch.from_numpy(task.x)
    t = torch.from_numpy(task.labels if work.output == "softmax" else task.t)
    if work.copies > 1:
        x, t = (array[None].expand(work.copies, -1, -1) for array in (x, t))
        return [(x[:, n : n + 1], t[:, n : n + 1]) for n in range(work.rows)]
    return [(x[n : n + work.batch], t[n : n + work.batch]) for n in range(0, work.rows, work.batch)]


@dataclass
class Eager:
    """Forward, gradients, update: a handful of calls a step."""

    task: Task
    p: list[Tensor] = field(default_factory=list)
    epochs: int = 0

    def begin(self, epochs: int) -> None:
        """Fresh parameters and optimizer."""
        self.epochs = epochs
        self.batches = batches_of(self.task)
        self.p = [torch.tensor(array) for array in self.task.parameters]
        if self.task.work.copies > 1:
            self.p[1::2] = [b[:, None] for b in self.p[1::2]]
        for p in self.p:
            p.requires_grad_(True)
        self.update = update_of(self.task.work, self.p)

    def train(self) -> None:
        """Epoch by epoch, batch by batch."""
        work, p, update = self.task.work, self.p, self.update
        for _ in range(self.epochs):
            for x, t in self.batches:
                update(torch.autograd.grad(loss_of(work, outputs(work, p, x), t), p))

    def parameters(self) -> list[Array]:
        """After training."""
        arrays = [p.detach().numpy() for p in self.p]
        return [np.reshape(a, start.shape) for a, start in zip(arrays, self.task.parameters, strict=True)]


def update_of(work: Work, p: list[Tensor]) -> Callable[[tuple[Tensor, ...]], None]:
    """What a step does with its gradients: one call for all parameters."""
    if work.optimizer == "sgd":

        @torch.no_grad()
        def descend(gradients: tuple[Tensor, ...]) -> None:
            torch._foreach_add_(p, gradients, alpha=-work.learning_rate)

        return descend
    adam = torch.optim.Adam(p, work.learning_rate, fused=True)

    def adapt(gradients: tuple[Tensor, ...]) -> None:
        for parameter, gradient in zip(p, gradients, strict=True):
            parameter.grad = gradient
        adam.step()

    return adapt
