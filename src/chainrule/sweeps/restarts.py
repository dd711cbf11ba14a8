"""Restarts: the same network trained from several first parameters, the best of them kept."""

from dataclasses import replace

import numpy as np

from chainrule.core.layers.checks import check_count
from chainrule.core.model import Model
from chainrule.core.seeds import chosen_seed
from chainrule.optimizers import first_order
from chainrule.optimizers.schedules import Clock, Memory
from chainrule.sweeps.ensemble import Copy, Trained, train_copies
from chainrule.sweeps.sweep import drawn
from chainrule.training import Call, Data, History, Settings, fit


def restart_seed(seed: int, k: int) -> int:
    """The seed of restart ``k`` of a run with that seed; restart 0 is the run itself.

    ``Network(..., seed=s)`` and ``fit(..., seed=s)`` with this seed repeat the restart.
    """
    seed, k = chosen_seed(seed), check_count("k", k, at_least=0)
    return seed if k == 0 else int(np.random.SeedSequence(seed, spawn_key=(3, k)).generate_state(1)[0])


def restarts(
    model: Model, data: Data, validation: Data | None, settings: Settings, count: int, face: object = None
) -> History:
    """Train ``count`` copies, keep the best: its parameters become the model's, its history is handed back.

    Copy 0 begins with the model's own parameters and has the settings' seed; copy k begins with parameters drawn by,
    and shuffles by, ``restart_seed(settings.seed, k)``, which is its history's ``seed``. The best is the one with the
    lowest validation loss; without validation data, the lowest training loss at the end (with patience: at its best).

    Raises:
        InputError: as for ``fit``; nothing was changed.
        DivergenceError: all copies diverged; it is that of copy 0.

    Callbacks are told of each copy's training, one after the other. ``face`` is as for ``fit``.
    """
    seeds = [restart_seed(settings.seed, k) for k in range(count)]
    starts = [model.parameters.vector, *(drawn(model.chain, seed) for seed in seeds[1:])]
    copies = [Copy(start, settings.optimizer, seed) for start, seed in zip(starts, seeds, strict=True)]
    trained = train_copies(model, data, validation, settings, copies)
    judged = trained.judged()
    if np.isnan(judged).all():
        if "interrupted" in trained.stopped:
            return History(settings.seed, stopped="interrupted")
        return fit(model, data, validation, settings, face)  # no copy has come to a loss: as if there were no restarts
    best = int(np.nanargmin(judged))
    began = model.with_vector(copies[best].vector).copy()
    model.parameters.vector[...] = trained.vectors[best]
    model.state = trained.states[best]
    history = trained.histories.get(best)
    if history is None:
        history = _history(trained, best, copies[best], settings, len(data.x), validated=validation is not None)
    history.call = Call(began, data, validation, replace(settings, seed=seeds[best]), face)
    return history


def _history(trained: Trained, k: int, copy: Copy, settings: Settings, rows: int, *, validated: bool) -> History:
    """The record of a copy that was trained side by side with others; it has its part of the time."""
    epochs, per_epoch = int(trained.epochs[k]), -(-rows // min(settings.batch_size or rows, rows))
    clocks = [Clock((e + 1) * per_epoch - 1, e, per_epoch * settings.epochs, settings.epochs) for e in range(epochs)]
    schedule = first_order(copy.optimizer, "training side by side").schedule
    rates = np.array([float(schedule.rate(clock, Memory())) for clock in clocks])
    losses, held = trained.losses[k, :epochs], trained.validation_losses[k, :epochs] if validated else None
    history = History(copy.seed, stopped=trained.stopped[k])
    history.extend(losses, held, rates, trained.norms[k, :epochs], trained.seconds)
    kept = int(trained.best_epochs[k])
    history.best_epoch = kept if kept >= 0 else int(np.argmin(losses))
    history.restored = kept >= 0
    return history
