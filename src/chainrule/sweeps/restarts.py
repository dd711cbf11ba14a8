"""Restarts: the same network trained from several first parameters, the best of them kept."""

from dataclasses import replace

import numpy as np

from chainrule.core.layers.checks import check_count
from chainrule.core.seeds import chosen_seed, streams
from chainrule.optimizers import first_order
from chainrule.optimizers.schedules import Clock, Memory
from chainrule.sweeps.ensemble import train_copies
from chainrule.sweeps.trained import Copy, TrainedCopies, initial_vector
from chainrule.training import Call, History, fit


def restart_seed(seed: int, k: int) -> int:
    """The seed of restart ``k`` of a run with that seed; restart 0 is the run itself.

    ``Network(..., seed=s)`` and ``fit(..., seed=s)`` with this seed repeat the restart.
    """
    seed, k = chosen_seed(seed), check_count("k", k, at_least=0)
    return streams(seed).restart(k)


def restarts(call: Call, count: int) -> History:
    """Train ``count`` copies, keep the best: its parameters become the model's, its history is returned.

    Copy 0 begins with the model's own parameters and has the settings' seed; copy k begins with parameters drawn by,
    and shuffles by, ``restart_seed(seed, k)``, which is its history's ``seed``. The best is the one with the lowest
    validation loss; without validation data, the lowest training loss at the end (with patience: at its best).

    Raises:
        InputError: as for ``fit``; nothing was changed.
        DivergenceError: all copies diverged; it is that of copy 0.

    Callbacks see each copy's training, one after the other.
    """
    model, settings = call.model, call.settings
    seeds = [restart_seed(settings.seed, k) for k in range(count)]
    starts = [model.parameters.vector, *(initial_vector(model.chain, seed) for seed in seeds[1:])]
    copies = [Copy(start, settings.optimizer, seed) for start, seed in zip(starts, seeds, strict=True)]
    trained = train_copies(call, copies)
    losses = trained.final_losses()
    if np.isnan(losses).all():
        if "interrupted" in trained.stopped:
            return History(settings.seed, stopped="interrupted")
        return fit(call)  # no copy has come to a loss: as if there were no restarts
    best = int(np.nanargmin(losses))
    made = replace(
        call, model=model.with_vector(copies[best].vector), settings=replace(settings, seed=seeds[best])
    ).snapshot()
    model.parameters.vector[...] = trained.vectors[best]
    model.state = trained.states[best]
    history = trained.histories.get(best)
    if history is None:
        history = _history(trained, best, copies[best], call)
    history.call = made
    return history


def _history(trained: TrainedCopies, k: int, copy: Copy, call: Call) -> History:
    """The record of a copy that was trained side by side with others; it has its part of the time."""
    epochs, per_epoch = int(trained.epochs[k]), -(-len(call.data.x) // call.batch_size)
    ends = [Clock.at((epoch + 1) * per_epoch - 1, per_epoch, call.settings.epochs) for epoch in range(epochs)]
    schedule = first_order(copy.optimizer, "training side by side").schedule
    rates = np.array([float(schedule.rate(clock, Memory())) for clock in ends])
    losses = trained.losses[k, :epochs]
    validation_losses = None if call.validation is None else trained.validation_losses[k, :epochs]
    history = History(copy.seed, stopped=trained.stopped[k])
    history.extend(losses, validation_losses, rates, trained.norms[k, :epochs], trained.seconds)
    best = int(trained.best_epochs[k])
    history.best_epoch = best if best >= 0 else int(np.argmin(losses))
    history.restored = best >= 0
    return history
