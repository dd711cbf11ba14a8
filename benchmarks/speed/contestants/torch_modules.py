"""PyTorch as its tutorials write it: ``nn.Sequential``, a loss module, ``torch.optim``, ``backward`` and ``step``."""

from dataclasses import dataclass

import torch
from records import Array, Task, Trainer, Work
from torch import nn

from contestants.torch_eager import batches_of

ACTIVATIONS = {"sigmoid": nn.Sigmoid, "tanh": nn.Tanh, "relu": nn.ReLU}


def trainer(task: Task) -> Trainer:
    """A module of one network."""
    torch.set_num_threads(task.threads)
    return Modules(task)


def module_of(work: Work, parameters: list[Array]) -> nn.Sequential:
    """The network with these numbers; ``nn.Linear`` keeps its weight as (out, in)."""
    layers: list[nn.Module] = []
    for l, (below, here) in enumerate(zip(work.sizes, work.sizes[1:], strict=False)):
        linear = nn.Linear(below, here, dtype=getattr(torch, work.dtype))
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(parameters[2 * l].T))
            linear.bias.copy_(torch.tensor(parameters[2 * l + 1]))
        name = work.output if l == work.layers - 1 else work.hidden
        layers += [linear, *([ACTIVATIONS[name]()] if name in ACTIVATIONS else [])]
    return nn.Sequential(*layers)


@dataclass
class Modules:
    """The loop of every tutorial, on contiguous slices."""

    task: Task
    epochs: int = 0

    def begin(self, epochs: int) -> None:
        """A fresh module and optimizer."""
        work = self.task.work
        self.epochs = epochs
        self.batches = batches_of(self.task)
        self.net = module_of(work, list(self.task.parameters))
        make = torch.optim.SGD if work.optimizer == "sgd" else torch.optim.Adam
        self.optimizer = make(self.net.parameters(), lr=work.learning_rate)
        self.loss = nn.CrossEntropyLoss() if work.output == "softmax" else nn.MSELoss()
        # MSELoss is the mean over outputs too: half the sum over four of them is twice that mean
        self.factor = work.sizes[-1] / 2 if work.output == "identity" else 1

    def train(self) -> None:
        """Epoch by epoch, batch by batch."""
        for _ in range(self.epochs):
            for x, t in self.batches:
                self.optimizer.zero_grad()
                loss = self.loss(self.net(x), t)
                if self.factor != 1:
                    loss = self.factor * loss
                loss.backward()
                self.optimizer.step()

    def parameters(self) -> list[Array]:
        """After training, as (in, out)."""
        arrays = [p.detach().numpy() for p in self.net.parameters()]
        return [array.T if array.ndim == 2 else array for array in arrays]
