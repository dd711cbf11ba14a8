"""Learning-rate schedules: pure functions of the time and, for one, of the losses seen.

Before each update the schedule computes the rate from a ``Clock``. ``observe`` takes each epoch's loss (the validation
loss where there is one) and returns what the schedule remembers.
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

from chainrule.core.lookup import is_number, make_fields_plain
from chainrule.errors import InputError


class Clock(NamedTuple):
    """When an update happens: its number and its epoch, both from 0, and how many of each there will be at most."""

    update: int
    epoch: int
    updates: int
    epochs: int

    @classmethod
    def at(cls, update: int, updates_per_epoch: int, epochs: int) -> Self:
        """The time of an update in a run of so many epochs."""
        return cls(update, update // updates_per_epoch, updates_per_epoch * epochs, epochs)

    @property
    def progress(self) -> float:
        """From 0 at the first update to 1 at the last."""
        return self.update / max(self.updates - 1, 1)


class Memory(NamedTuple):
    """What a schedule remembers of the losses: the best, the epochs since, and how often it has cut the rate."""

    best: float = math.inf
    waited: int = 0
    cuts: int = 0


@dataclass(frozen=True)
class Schedule(ABC):
    """One rule for the learning rate."""

    def __post_init__(self) -> None:
        make_fields_plain(self)
        self._check_fields()

    def _check_fields(self) -> None:  # noqa: B027 - nothing need be refused
        """Refuse numbers that cannot be used; those who write a schedule of their own say which."""

    @abstractmethod
    def rate(self, clock: Clock, memory: Memory) -> float:
        """The learning rate of that update."""

    def observe(self, memory: Memory, loss: float) -> Memory:
        """What it remembers after an epoch of that loss."""
        del loss
        return memory


def _check(name: str, value: Any, kind: str, *, fits: Callable[[Any], bool]) -> None:
    if not is_number(value) or not fits(value):
        raise InputError(f"{name} must be {kind}, got {value!r}.")


def _check_positive(name: str, value: float) -> None:
    _check(name, value, "a positive finite number", fits=lambda v: 0 < v < math.inf)


def _check_not_negative(name: str, value: float) -> None:
    _check(name, value, "a finite number from 0", fits=lambda v: 0 <= v < math.inf)


def _check_share(name: str, value: float) -> None:
    _check(name, value, "between 0 and 1", fits=lambda v: 0 < v < 1)


@dataclass(frozen=True)
class Constant(Schedule):
    """The same rate always: ``eta``."""

    eta: float

    def _check_fields(self) -> None:
        _check_positive("learning_rate", self.eta)

    def rate(self, clock: Clock, memory: Memory) -> float:
        """``eta``."""
        del clock, memory
        return float(self.eta)


@dataclass(frozen=True)
class Step(Schedule):
    """Falls in steps: ``eta factor^(epoch // every)``.

    Example:
        >>> [Step(0.1, every=2, factor=0.5).rate(Clock(e, e, 4, 4), Memory()) for e in range(4)]
        [0.1, 0.1, 0.05, 0.05]
    """

    eta: float
    every: int = 10
    factor: float = 0.1

    def _check_fields(self) -> None:
        _check_positive("learning_rate", self.eta)
        _check_positive("every", self.every)
        _check_positive("factor", self.factor)

    def rate(self, clock: Clock, memory: Memory) -> float:
        """``eta factor^(epoch // every)``."""
        del memory
        return self.eta * self.factor ** (clock.epoch // self.every)


@dataclass(frozen=True)
class Exponential(Schedule):
    """Falls by the same factor each epoch: ``eta factor^epoch``."""

    eta: float
    factor: float = 0.95

    def _check_fields(self) -> None:
        _check_positive("learning_rate", self.eta)
        _check_positive("factor", self.factor)

    def rate(self, clock: Clock, memory: Memory) -> float:
        """``eta factor^epoch``."""
        del memory
        return self.eta * self.factor**clock.epoch


@dataclass(frozen=True)
class Cosine(Schedule):
    """Half a cosine wave from ``eta`` to ``final``: ``final + (eta - final) (1 + cos(pi progress))/2``.

    References:
        Loshchilov & Hutter 2017, ICLR, equation 5, without restarts.
    """

    eta: float
    final: float = 0.0

    def _check_fields(self) -> None:
        _check_positive("learning_rate", self.eta)
        _check_not_negative("final", self.final)

    def rate(self, clock: Clock, memory: Memory) -> float:
        """The wave's height at that update."""
        del memory
        return _wave(self.eta, self.final, clock.progress)


def _wave(first: float, last: float, progress: float) -> float:
    return last + (first - last) * (1 + math.cos(math.pi * progress)) / 2


@dataclass(frozen=True)
class OneCycle(Schedule):
    """Up by half a cosine wave to ``eta`` during the first ``rise`` of the run, then down by another.

    It begins at ``eta / start_factor`` and ends at ``eta / final_factor``.

    References:
        Smith & Topin 2019, Super-convergence, SPIE 11006.
    """

    eta: float
    rise: float = 0.3
    start_factor: float = 25.0
    final_factor: float = 1e4

    def _check_fields(self) -> None:
        _check_positive("learning_rate", self.eta)
        _check_share("rise", self.rise)
        _check_positive("start_factor", self.start_factor)
        _check_positive("final_factor", self.final_factor)

    def rate(self, clock: Clock, memory: Memory) -> float:
        """The cycle's height at that update."""
        del memory
        if clock.progress < self.rise:
            return _wave(self.eta / self.start_factor, self.eta, clock.progress / self.rise)
        return _wave(self.eta, self.eta / self.final_factor, (clock.progress - self.rise) / (1 - self.rise))


@dataclass(frozen=True)
class CosLog(Schedule):
    """Waves that become longer: ``eta (1 - cos(2 pi log2(1 + (2^waves - 1) progress)))/2``.

    It begins and ends at 0 and touches it in between, ``waves`` waves in all: large steps to find a better place, and
    small ones to settle in it, again and again; an epoch in a trough is a good one to keep. Progress is counted at the
    middle of each update, so that no update is made with a rate of 0.

    References:
        Holzmüller, Grinsztajn & Steinwart 2024, Better by Default, NeurIPS (arXiv 2407.04491), section 3.
    """

    eta: float
    waves: int = 4

    def _check_fields(self) -> None:
        _check_positive("learning_rate", self.eta)
        _check_positive("waves", self.waves)

    def rate(self, clock: Clock, memory: Memory) -> float:
        """The wave's height at that update."""
        del memory
        phase = math.log2(1 + (2**self.waves - 1) * (clock.update + 0.5) / max(clock.updates, 1))
        return self.eta * (1 - math.cos(2 * math.pi * phase)) / 2


@dataclass(frozen=True)
class WarmUp(Schedule):
    """Another schedule whose rate is held down at first: times ``(update + 1)/updates`` until that reaches 1.

    References:
        Goyal et al. 2017, arXiv 1706.02677, section 2.2.
    """

    then: "float | Schedule"
    updates: int = 100

    def _check_fields(self) -> None:
        as_schedule(self.then)
        _check_positive("updates", self.updates)

    def rate(self, clock: Clock, memory: Memory) -> float:
        """The other schedule's rate, held down at first."""
        return as_schedule(self.then).rate(clock, memory) * min(1.0, (clock.update + 1) / self.updates)

    def observe(self, memory: Memory, loss: float) -> Memory:
        """The other schedule's memory."""
        return as_schedule(self.then).observe(memory, loss)


@dataclass(frozen=True)
class OnPlateau(Schedule):
    """Cut by ``factor`` after ``patience`` epochs in which the loss did not fall by more than ``min_delta``.

    The loss is the validation loss where there is one, else the training loss; the rate never goes below ``lowest``.
    """

    eta: float
    factor: float = 0.1
    patience: int = 10
    min_delta: float = 0.0
    lowest: float = 0.0

    def _check_fields(self) -> None:
        _check_positive("learning_rate", self.eta)
        _check_share("factor", self.factor)
        _check_positive("patience", self.patience)
        _check_not_negative("min_delta", self.min_delta)
        _check_not_negative("lowest", self.lowest)

    def rate(self, clock: Clock, memory: Memory) -> float:
        """``eta factor^cuts``."""
        del clock
        return max(self.eta * self.factor**memory.cuts, self.lowest)

    def observe(self, memory: Memory, loss: float) -> Memory:
        """Count the epochs without progress; at ``patience`` of them, cut and count afresh."""
        if loss < memory.best - self.min_delta:
            return Memory(loss, 0, memory.cuts)
        if memory.waited + 1 >= self.patience:
            return Memory(memory.best, 0, memory.cuts + 1)
        return Memory(memory.best, memory.waited + 1, memory.cuts)


def as_schedule(learning_rate: float | Schedule) -> Schedule:
    """A number is a constant schedule."""
    return learning_rate if isinstance(learning_rate, Schedule) else Constant(learning_rate)
