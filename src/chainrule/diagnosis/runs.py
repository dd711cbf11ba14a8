"""Training a case and recording what a diagnosis reads: losses by epoch, and the parameters at some of the epochs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.layers import Record
from chainrule.core.model import Model
from chainrule.diagnosis.case import Case
from chainrule.errors import DivergenceError
from chainrule.training import Event, History, fit

MOST_UPDATES_FOLLOWED = 30_000
"""In longer runs the optimizer's moments are not recorded: predicted losses then begin with fresh ones."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The parameters after an epoch (-1: before the first).

    Attributes:
        epoch: which.
        vector, state: of the network.
        moments: the optimizer's state, such as its running means; None if that was not recorded.
        count: how many updates had been made.
    """

    epoch: int
    vector: Array
    state: tuple[Record, ...]
    moments: Mapping[str, Array] | None
    count: int

    def model(self, case: Case) -> Model:
        """The network as it was then."""
        return Model(case.chain, case.model.parameters.with_vector(self.vector), self.state)


@dataclass(frozen=True, eq=False)
class TrainingRun:
    """One run of a case.

    Attributes:
        case: the call.
        history: by epoch.
        model: the network as ``fit`` left it: where ``patience`` restores the best epoch, that one.
        snapshots: in order, the first before training, the last after the last finished epoch; empty if none were
            wanted.
        error: the error of ``fit`` if the run diverged: a loss, gradient or parameter became inf or NaN.
    """

    case: Case
    history: History
    model: Model
    snapshots: tuple[Snapshot, ...]
    error: DivergenceError | None

    @property
    def losses(self) -> Array:
        """Training loss by epoch."""
        return self.history.loss

    @property
    def last_model(self) -> Model:
        """The network after the last finished epoch, even where ``fit`` restored an earlier one."""
        return self.snapshots[-1].model(self.case) if self.snapshots else self.model


def snapshot_epochs(epochs: int) -> set[int]:
    """The first epoch, about three in each doubling, and the last two: few, however long the run."""
    steps = {0, epochs - 1, max(epochs - 2, 0)}
    k = 1.0
    while k < epochs:
        steps.add(int(k))
        k *= 1.35 if epochs < 2000 else 1.6
    return steps


def train(case: Case) -> TrainingRun:
    """Train a case for its losses and its final network."""
    model = case.copy_of_model()
    history, error = _fit(model, case)
    return TrainingRun(case, history, model, (), error)


def train_with_snapshots(case: Case) -> TrainingRun:
    """Train a case and keep snapshots."""
    model = case.copy_of_model()
    recorder = _SnapshotRecorder(case, model)
    callbacks: dict[str, Any] = {"epoch": recorder.after_epoch}
    if recorder.moments is not None:
        callbacks["update"] = recorder.after_update
    history, error = _fit(model, case, callbacks)
    return TrainingRun(case, history, model, tuple(recorder.snapshots()), error)


def _fit(
    model: Model, case: Case, callbacks: Mapping[str, Any] | None = None
) -> tuple[History, DivergenceError | None]:
    settings = replace(case.settings, callbacks=callbacks or {}, progress=False)
    try:
        return fit(replace(case, settings=settings).call(model)), None
    except DivergenceError as error:
        history = error.history
        assert isinstance(history, History)
        return history, error


class _SnapshotRecorder:
    """Keeps snapshots while a run goes on, and follows the optimizer's moments."""

    def __init__(self, case: Case, model: Model) -> None:
        self.case = case
        self.wanted = snapshot_epochs(case.settings.epochs)
        updates = case.settings.epochs * case.updates_per_epoch
        start = case.optimizer.start(case.chain.size, case.chain.dtype, case.learning_rate(0))
        self.moments: Any = dict(start) if start and updates <= MOST_UPDATES_FOLLOWED else None
        self.without_moments = not start
        self.count = 0
        self.chosen = [self._snapshot(model, -1)]
        self.latest: Snapshot | None = None  # the last epoch's, unless it is among the chosen already

    def _snapshot(self, model: Model, epoch: int) -> Snapshot:
        moments = {} if self.without_moments else None if self.moments is None else dict(self.moments)
        count = (epoch + 1) * self.case.updates_per_epoch
        return Snapshot(epoch, model.parameters.vector.copy(), model.state, moments, count)

    def after_update(self, event: Event) -> None:
        update = event.update
        assert update is not None
        self.count += 1
        with np.errstate(all="ignore"):
            g = update.gradients.vector
            _, self.moments = self.case.optimizer.update(self.moments, g, update.learning_rate, self.count)

    def after_epoch(self, event: Event) -> None:
        epoch = event.history.epochs - 1
        snapshot = self._snapshot(event.model, epoch)
        if epoch in self.wanted:
            self.chosen.append(snapshot)
            self.latest = None
        else:
            self.latest = snapshot

    def snapshots(self) -> Iterator[Snapshot]:
        yield from self.chosen
        if self.latest is not None:
            yield self.latest
