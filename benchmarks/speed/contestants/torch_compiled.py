"""``torch.compile``: forward, gradients and update of a step as one compiled function."""

from dataclasses import dataclass, field

import torch
from records import Array, Task, Trainer
from torch import Tensor

from contestants.torch_eager import batches_of, loss_of, outputs


def trainer(task: Task) -> Trainer:
    """A compiled step."""
    torch.set_num_threads(task.threads)
    return Compiled(task)


@dataclass
class Compiled:
    """One call a step, which changes parameters and moments in place; gradients by ``torch.func`` keep it one graph."""

    task: Task
    p: list[Tensor] = field(default_factory=list)
    epochs: int = 0

    def __post_init__(self) -> None:
        step = self.sgd if self.task.work.optimizer == "sgd" else self.adam
        self.step = torch.compile(step, fullgraph=True, options={"cpp_wrapper": True})  # no Python between the kernels

    def begin(self, epochs: int) -> None:
        """Fresh parameters, moments and count."""
        self.epochs = epochs
        self.batches = batches_of(self.task)
        self.p = [torch.tensor(array) for array in self.task.parameters]
        self.moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in self.p]
        self.count = torch.zeros((), dtype=torch.float32)

    def gradients(self, p: list[Tensor], x: Tensor, t: Tensor) -> list[Tensor]:
        """By the parameters."""
        work = self.task.work
        return torch.func.grad(lambda q: loss_of(work, outputs(work, q, x), t))(p)

    def sgd(self, p: list[Tensor], x: Tensor, t: Tensor) -> None:
        """``p -= eta g``."""
        for parameter, gradient in zip(p, self.gradients(p, x, t), strict=True):
            parameter.sub_(gradient, alpha=self.task.work.learning_rate)

    def adam(self, p: list[Tensor], x: Tensor, t: Tensor) -> None:
        """Kingma and Ba's rule."""
        self.count += 1
        first_part, second_part = 1 - 0.9**self.count, 1 - 0.999**self.count
        for parameter, gradient, (m, v) in zip(p, self.gradients(p, x, t), self.moments, strict=True):
            m.lerp_(gradient, 0.1)
            v.mul_(0.999).addcmul_(gradient, gradient, value=0.001)
            parameter.sub_(self.task.work.learning_rate * (m / first_part) / ((v / second_part).sqrt() + 1e-8))

    @torch.no_grad()
    def train(self) -> None:
        """Epoch by epoch, batch by batch."""
        step, p = self.step, self.p
        for _ in range(self.epochs):
            for x, t in self.batches:
                step(p, x, t)

    def parameters(self) -> list[Array]:
        """After training."""
        return [p.numpy() for p in self.p]
