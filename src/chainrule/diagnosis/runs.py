"""Making a run and keeping what a diagnosis reads: losses by epoch, and the parameters at some of the epochs."""

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
"""Of longer runs an optimizer's moments are not followed: the prediction then begins with fresh ones."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """The parameters after an epoch (-1: before the first).

    Attributes:
        epoch: which.
        vector, state: of the network.
        moments: what the optimizer remembered; None if that was not followed.
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
class Ran:
    """One run of a case.

    Attributes:
        case: the call.
        history: by epoch.
        kept: the network as ``fit`` left it.
        snapshots: by time, the first before training, the last after the last finished epoch.
        error: where it left the finite numbers.
    """

    case: Case
    history: History
    kept: Model
    snapshots: tuple[Snapshot, ...]
    error: DivergenceError | None

    @property
    def losses(self) -> Array:
        """Training loss by epoch."""
        return self.history.loss

    @property
    def last(self) -> Model:
        """The network after the last finished epoch, even where ``fit`` put better parameters back."""
        return self.snapshots[-1].model(self.case) if self.snapshots else self.kept


def kept_epochs(epochs: int) -> set[int]:
    """The first, about three in each doubling, and the last: few, at any length."""
    steps = {0, epochs - 1, max(epochs - 2, 0)}
    k = 1.0
    while k < epochs:
        steps.add(int(k))
        k *= 1.35 if epochs < 2000 else 1.6
    return steps


def run(case: Case) -> Ran:
    """Make a case's call for its losses and the network it leaves."""
    model = case.copy_of_model()
    history, error = _fitted(model, case)
    return Ran(case, history, model, (), error)


def observed(case: Case, progress: bool | None = None) -> Ran:
    """Make a case's call and keep snapshots."""
    model = case.copy_of_model()
    keeper = _Keeper(case, model)
    callbacks: dict[str, Any] = {"epoch": keeper.after_epoch}
    if keeper.moments is not None:
        callbacks["update"] = keeper.after_update
    history, error = _fitted(model, case, callbacks, progress)
    return Ran(case, history, model, tuple(keeper.taken()), error)


def _fitted(
    model: Model, case: Case, callbacks: Mapping[str, Any] | None = None, progress: bool | None = False
) -> tuple[History, DivergenceError | None]:
    settings = replace(case.settings, callbacks=callbacks or {}, progress=progress)
    try:
        return fit(replace(case, settings=settings).call(model)), None
    except DivergenceError as error:
        history = error.history
        assert isinstance(history, History)
        return history, error


class _Keeper:
    """Keeps snapshots while a run goes on, and follows the optimizer's moments."""

    def __init__(self, case: Case, model: Model) -> None:
        self.case = case
        self.wanted = kept_epochs(case.settings.epochs)
        updates = case.settings.epochs * case.updates_per_epoch
        start = case.optimizer.start(case.chain.size, case.chain.dtype, case.learning_rate(0))
        self.moments: Any = dict(start) if start and updates <= MOST_UPDATES_FOLLOWED else None
        self.without_moments = not start
        self.count = 0
        self.kept = [self._snapshot(model, -1)]
        self.last: Snapshot | None = None

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
            self.kept.append(snapshot)
            self.last = None
        else:
            self.last = snapshot

    def taken(self) -> Iterator[Snapshot]:
        yield from self.kept
        if self.last is not None:
            yield self.last
