"""The loop that one writes by hand in NumPy: whole batches at once, arrays made once and filled by ``out=``."""

from dataclasses import dataclass, field

import numpy as np
from records import Array, Task, Trainer


def trainer(task: Task) -> Trainer:
    """One network, or all copies at once along a first axis."""
    return Copies(task) if task.work.copies > 1 else Loop(task)


@dataclass
class Loop:
    """Backpropagation through dense layers with the gradients' arrays kept from step to step."""

    task: Task
    p: list[Array] = field(default_factory=list)
    epochs: int = 0

    def begin(self, epochs: int) -> None:
        """Fresh parameters, moments and workspaces."""
        work = self.task.work
        self.epochs = epochs
        self.p = [array.copy() for array in self.task.parameters]
        self.g = [np.empty_like(array) for array in self.p]
        self.moments = [(np.zeros_like(array), np.zeros_like(array)) for array in self.p]
        self.a = [np.empty((work.batch, units), work.dtype) for units in work.sizes[1:]]
        self.delta = [np.empty_like(a) for a in self.a]
        self.count = 0

    def train(self) -> None:
        """Epoch by epoch, batch by batch, in order."""
        work, x, t = self.task.work, self.task.x, self.task.t
        update = self.sgd if work.optimizer == "sgd" else self.adam
        for _ in range(self.epochs):
            for start in range(0, work.rows, work.batch):
                self.gradients(x[start : start + work.batch], t[start : start + work.batch])
                update()

    def parameters(self) -> list[Array]:
        """After training."""
        return self.p

    def gradients(self, x: Array, t: Array) -> None:
        """Forward, loss, backward: fills ``g``."""
        work, p, g, a, delta = self.task.work, self.p, self.g, self.a, self.delta
        below = x
        for l in range(work.layers):
            np.matmul(below, p[2 * l], out=a[l])
            a[l] += p[2 * l + 1]
            activate(a[l], work.output if l == work.layers - 1 else work.hidden)
            below = a[l]
        np.subtract(a[-1], t, out=delta[-1])
        if work.output == "sigmoid":  # (t - y)^2 through the sigmoid; the other outputs are fused with their losses
            delta[-1] *= 2 * a[-1] * (1 - a[-1])
        if len(x) > 1:
            delta[-1] /= len(x)
        for l in range(work.layers - 1, -1, -1):
            np.matmul((a[l - 1] if l else x).T, delta[l], out=g[2 * l])
            np.sum(delta[l], axis=0, out=g[2 * l + 1])
            if l:
                np.matmul(delta[l], p[2 * l].T, out=delta[l - 1])
                delta[l - 1] *= slope(a[l - 1], work.hidden)

    def sgd(self) -> None:
        """``p -= eta g``."""
        for array, gradient in zip(self.p, self.g, strict=True):
            np.multiply(gradient, self.task.work.learning_rate, out=gradient)
            np.subtract(array, gradient, out=array)

    def adam(self) -> None:
        """Kingma and Ba's rule, the corrections of the start taken into eta and epsilon."""
        self.count += 1
        root = np.sqrt(1 - 0.999**self.count)
        eta = self.task.work.learning_rate * root / (1 - 0.9**self.count)
        for array, gradient, (first, second) in zip(self.p, self.g, self.moments, strict=True):
            np.add(first, 0.1 * (gradient - first), out=first)
            np.add(second, 0.001 * (gradient * gradient - second), out=second)
            np.subtract(array, eta * first / (np.sqrt(second) + 1e-8 * root), out=array)


def activate(z: Array, name: str) -> None:
    """The activation, in place."""
    if name == "relu":
        np.maximum(z, 0, out=z)
    elif name == "tanh":
        np.tanh(z, out=z)
    elif name == "sigmoid":
        np.negative(z, out=z)
        np.exp(z, out=z)
        z += 1
        np.reciprocal(z, out=z)
    elif name == "softmax":
        z -= z.max(axis=1, keepdims=True)
        np.exp(z, out=z)
        z /= z.sum(axis=1, keepdims=True)


def slope(a: Array, name: str) -> Array:
    """The activation's derivative, by its value."""
    if name == "relu":
        return a > 0
    return 1 - a * a if name == "tanh" else a * (1 - a)


@dataclass
class Copies:
    """All copies of a small sigmoid network at once, copies along the last axis, so that each operation is long."""

    task: Task
    p: list[Array] = field(default_factory=list)
    epochs: int = 0

    def begin(self, epochs: int) -> None:
        """Fresh parameters."""
        self.epochs = epochs
        self.p = [np.ascontiguousarray(np.moveaxis(array, 0, -1)) for array in self.task.parameters]

    def train(self) -> None:
        """Row by row, the parameters of all copies updated at once."""
        eta = self.task.work.learning_rate
        W1, b1, W2, b2 = self.p
        for _ in range(self.epochs):
            for x, t in zip(self.task.x[:, :, None, None], self.task.t[:, :, None], strict=True):
                a1 = 1 / (1 + np.exp(-((x * W1).sum(axis=0) + b1)))
                y = 1 / (1 + np.exp(-((a1[:, None] * W2).sum(axis=0) + b2)))
                delta2 = 2 * eta * (y - t) * y * (1 - y)
                delta1 = (W2 * delta2).sum(axis=1) * a1 * (1 - a1)
                W2 -= a1[:, None] * delta2
                b2 -= delta2
                W1 -= x * delta1
                b1 -= delta1

    def parameters(self) -> list[Array]:
        """Copies first again."""
        return [np.moveaxis(array, -1, 0) for array in self.p]
