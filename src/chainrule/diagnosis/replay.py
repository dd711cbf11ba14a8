"""A run repeated update by update with the reference engine, for what only single updates can show."""

from collections.abc import Iterator

from chainrule.core.arrays import Array
from chainrule.core.model import Model
from chainrule.diagnosis.case import Case
from chainrule.errors import DivergenceError
from chainrule.training import Update, training
from chainrule.training.batches import batches_of_epoch

MOST_UPDATES = 20_000
"""Runs with more updates are not repeated."""


def updates(case: Case, most_epochs: int) -> Iterator[tuple[Update | None, Model, DivergenceError | None]]:
    """Each update with the model after it; if the run diverges, last (None, the model before, the error)."""
    if most_epochs * case.updates_per_epoch > MOST_UPDATES:
        return
    model = case.copy_of_model()
    steps = training(case.call(model))
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
    settings = case.settings
    return batches_of_epoch(epoch, case.rows, case.batch_size, settings.seed, shuffle=settings.shuffle)[b]
