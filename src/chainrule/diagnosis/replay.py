"""A run repeated update by update with the reference engine, for what only single updates can show."""

from collections.abc import Iterator

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.model import Model
from chainrule.diagnosis.case import Case
from chainrule.errors import DivergenceError
from chainrule.training import Update, training

MOST_UPDATES = 20_000
"""Runs with more updates are not repeated."""


def updates(case: Case, most_epochs: int) -> Iterator[tuple[Update | None, Model, DivergenceError | None]]:
    """Each update with the model after it; if the run diverges, last (None, the model before, the error)."""
    if most_epochs * case.updates_per_epoch > MOST_UPDATES:
        return
    model = case.copy_of_model()
    steps = training(model, *case.data, case.settings)
    while True:
        try:
            update = next(steps, None)
        except DivergenceError as error:
            yield None, model, error
            return
        if update is None or update.epoch >= most_epochs:
            return
        yield update, model, None


def batch_rows(case: Case, number: int) -> Array:
    """The row numbers of an update's batch, as ``fit`` draws them from the seed."""
    epoch, b = divmod(number, case.updates_per_epoch)
    rows, size = case.rows, case.batch_size
    order = np.arange(rows)
    if case.settings.shuffle and size < rows:
        rng = np.random.default_rng(np.random.SeedSequence(case.settings.seed).spawn(2)[0])
        for _ in range(epoch + 1):
            order = rng.permutation(rows)
    return order[b * size : (b + 1) * size]
