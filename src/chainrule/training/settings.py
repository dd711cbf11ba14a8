"""``Settings``: how to train, checked once when they are made."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from chainrule.core.layers.checks import check_count
from chainrule.core.lookup import is_number, make_fields_plain
from chainrule.core.seeds import chosen_seed
from chainrule.engine.choose import ENGINES
from chainrule.errors import InputError
from chainrule.optimizers import SGD, AnyOptimizer, Optimizer, first_order

EVENTS = ("start", "update", "epoch", "improvement", "stop")
"""What a callback can wait for: before the first update, after each update, after each epoch, after an epoch that is
the best so far, and once at the end, even of a run that diverged."""

Callbacks = Mapping[str, Callable[..., Any] | Sequence[Callable[..., Any]]]


@dataclass(frozen=True)
class Settings:
    """The settings of one training run; ``Network.fit`` describes each of them."""

    epochs: int = 100
    batch_size: int | None = None
    optimizer: AnyOptimizer = field(default_factory=SGD)
    shuffle: bool = True
    seed: int = field(default_factory=lambda: chosen_seed(None))
    l1: float = 0.0
    l2: float = 0.0
    clip_norm: float | None = None
    clip_value: float | None = None
    patience: int | None = None
    min_delta: float = 0.0
    time_limit: float | None = None
    callbacks: Callbacks = field(default_factory=dict)
    progress: bool | None = None
    engine: str = "auto"
    threads: int | None = None

    def __post_init__(self) -> None:
        make_fields_plain(self)
        for name in ("epochs", "batch_size", "patience", "threads"):
            if (value := getattr(self, name)) is not None or name == "epochs":
                whole = check_count(name, value, at_least=0 if name == "epochs" else 1)
                object.__setattr__(self, name, whole)
        for name in ("l1", "l2", "min_delta"):
            _check_number(name, getattr(self, name), zero=True)
        for name in ("clip_norm", "clip_value", "time_limit"):
            if getattr(self, name) is not None:
                _check_number(name, getattr(self, name), zero=False)
        if self.engine not in ENGINES:
            raise InputError(f"unknown engine {self.engine!r}: the engines are {', '.join(ENGINES)}.")
        _check_callbacks(self.callbacks)

    @property
    def rule(self) -> Optimizer:
        """The optimizer, where it must be one that makes one update of one gradient.

        Raises:
            InputError: it is one of second order.
        """
        return first_order(self.optimizer, "this")

    def listeners(self, event: str) -> Sequence[Callable[..., Any]]:
        """The callbacks that wait for an event."""
        found = self.callbacks.get(event, ())
        return (found,) if callable(found) else found


def _check_callbacks(callbacks: Any) -> None:
    if not isinstance(callbacks, Mapping):
        raise InputError(f'callbacks must be a dict such as {{"epoch": function}}, got {callbacks!r}.')
    for event, listeners in callbacks.items():
        if event not in EVENTS:
            raise InputError(f"unknown event {event!r} in callbacks: the events are {', '.join(EVENTS)}.")
        several = listeners if isinstance(listeners, Sequence) else [listeners]
        if not all(callable(listener) for listener in several):
            raise InputError(f"callbacks[{event!r}] must be a function, or a list of functions, got {listeners!r}.")


def _check_number(name: str, value: Any, *, zero: bool) -> None:
    if not is_number(value) or not 0 <= value < math.inf or (value == 0 and not zero):
        raise InputError(f"{name} must be a finite number {'from 0' if zero else 'above 0'}, got {value!r}.")
