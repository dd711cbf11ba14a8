"""The matrix products of a training step and nothing else: what remains if all between them were free.

Each layer has one forward and one for its weights' gradient, each layer above the first one for the deltas handed down.
The rows of each batch are read in their turn, as in training; every other array stands ready. Nothing is trained.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from records import Array, Task, Trainer

Product = tuple[Array, Array, Array]


def trainer(task: Task, library: str) -> Trainer:
    """By MKL, as torch brings it, or by OpenBLAS, as NumPy does."""
    batches = products_of(task)
    if library == "openblas":
        return Products(batches, by_numpy)
    import torch

    torch.set_num_threads(task.threads)
    return Products([[tuple(map(torch.from_numpy, product)) for product in batch] for batch in batches], by_torch)


def products_of(task: Task) -> list[list[Product]]:
    """For each batch of an epoch the factors and the room for the result of each of its products, in order."""
    work, weights = task.work, task.parameters[::2]
    a = [np.ones((work.batch, units), work.dtype) for units in work.sizes[1:]]
    delta = [np.ones_like(array) for array in a]
    gradients = [np.empty_like(W) for W in weights]
    batches = []
    for start in range(0, work.rows, work.batch):
        below = [task.x[start : start + work.batch], *a[:-1]]
        products = list(zip(below, weights, a, strict=True))
        for l in range(work.layers - 1, -1, -1):
            products.append((below[l].T, delta[l], gradients[l]))
            if l:
                products.append((delta[l], weights[l].T, delta[l - 1]))
        batches.append(products)
    return batches


def by_numpy(batches: list[list[Product]]) -> None:
    """One epoch."""
    matmul = np.matmul
    for products in batches:
        for one, other, result in products:
            matmul(one, other, out=result)


def by_torch(batches: list[list[Product]]) -> None:
    """One epoch."""
    import torch

    mm = torch.mm
    for products in batches:
        for one, other, result in products:
            mm(one, other, out=result)


@dataclass
class Products:
    """The products of every batch of an epoch, and what multiplies them."""

    batches: list[list[Product]]
    multiply: Callable[[list[list[Product]]], None]
    epochs: int = 0

    def begin(self, epochs: int) -> None:
        """Nothing but the count."""
        self.epochs = epochs

    def train(self) -> None:
        """The epochs' products."""
        for _ in range(self.epochs):
            self.multiply(self.batches)

    def parameters(self) -> None:
        """None: nothing is trained."""
