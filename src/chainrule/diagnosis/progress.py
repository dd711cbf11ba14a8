"""A bar that counts the runs of a diagnosis, for those that take long."""

import sys
import threading
from types import TracebackType
from typing import Any, Self

PATIENCE = 1.0
"""Seconds before a bar appears by itself."""


class Bar:
    """Shown on the error stream: at once if wanted; if that is left open, after a second, on a terminal.

    A timer shows it, as the first run may take the longest of all.
    """

    def __init__(self, wanted: bool | None) -> None:
        self._wanted = (sys.stderr is not None and sys.stderr.isatty()) if wanted is None else wanted
        self._clock = threading.Timer(0 if wanted else PATIENCE, self._show)
        self._clock.daemon = True
        self._lock, self._over = threading.Lock(), False
        self._runs = 0
        self._bar: Any = None

    def __enter__(self) -> Self:
        if self._wanted:
            self._clock.start()
        return self

    def _show(self) -> None:
        from rich.console import Console  # noqa: PLC0415 - Rich is imported only when a bar is shown
        from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn  # noqa: PLC0415

        with self._lock:
            if self._over:
                return
            columns = (SpinnerColumn(), TextColumn("diagnosing: run {task.completed}"), TimeElapsedColumn())
            self._bar = Progress(*columns, console=Console(stderr=True), transient=True)
            self._bar.start()
            self._task = self._bar.add_task("", total=None, completed=self._runs)

    def tick(self) -> None:
        """One more run is made."""
        with self._lock:
            self._runs += 1
            if self._bar is not None:
                self._bar.update(self._task, completed=self._runs)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._clock.cancel()
        with self._lock:
            self._over = True
            if self._bar is not None:
                self._bar.stop()
