"""A bar that counts the runs of a diagnosis, for those that take long."""

import sys
import time
from types import TracebackType
from typing import Any, Self

PATIENCE = 1.0
"""Seconds before a bar appears by itself."""


class Bar:
    """Shown on the error stream: at once if asked for, by itself once a second has passed, if that is a terminal."""

    def __init__(self, wanted: bool | None) -> None:
        self._wanted = (sys.stderr is not None and sys.stderr.isatty()) if wanted is None else wanted
        self._begin = time.perf_counter() + (PATIENCE if wanted is None else 0)
        self._runs = 0
        self._bar: Any = None

    def __enter__(self) -> Self:
        return self

    def tick(self) -> None:
        """One more run is made."""
        self._runs += 1
        if not self._wanted or time.perf_counter() < self._begin:
            return
        if self._bar is None:
            from rich.console import Console  # noqa: PLC0415 - Rich is fetched only when a bar is shown
            from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

            columns = (SpinnerColumn(), TextColumn("diagnosing: run {task.completed}"), TimeElapsedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("", total=None)
        self._bar.update(self._task, completed=self._runs)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.stop()
