"""A progress bar for long runs: epochs, losses and the time left."""

import sys
import time
from types import TracebackType
from typing import Any, Self

from chainrule.core.format import number
from chainrule.training.history import History

PATIENCE = 1.0
"""Seconds before a bar appears by itself: short work stays silent."""


class ProgressBar:
    """Shown on the error stream: at once if asked for, by itself once a second has passed, if that is a terminal."""

    def __init__(self, epochs: int, wanted: bool | None) -> None:
        self._epochs = epochs
        self._wanted = (sys.stderr is not None and sys.stderr.isatty()) if wanted is None else wanted
        self._begin = time.perf_counter() + (PATIENCE if wanted is None else 0)
        self._bar: Any = None
        self._task: Any = None

    def __enter__(self) -> Self:
        return self

    def show(self, history: History) -> None:
        """Move the bar to the epochs done."""
        if not self._wanted or time.perf_counter() < self._begin:
            return
        bar = self._bar = self._bar or self._opened()
        losses = f"loss {number(history.losses[-1], 4)}"
        if history.validation_losses:
            losses += f", validation {number(history.validation_losses[-1], 4)}"
        bar.update(self._task, completed=history.epochs, losses=losses)

    def _opened(self) -> Any:
        from rich.console import Console  # noqa: PLC0415 - Rich is imported only when a bar is shown
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn  # noqa: PLC0415

        columns = (
            TextColumn("training"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("epochs"),
            TimeRemainingColumn(),
        )
        bar = Progress(*columns, TextColumn("{task.fields[losses]}"), console=Console(stderr=True))
        bar.start()
        self._task = bar.add_task("training", total=self._epochs, losses="")
        return bar

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
