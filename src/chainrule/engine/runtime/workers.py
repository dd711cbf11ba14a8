"""Threads for compiled code. They wait between calls: starting one takes longer than a small network's epoch."""

import os
import threading
from collections.abc import Callable, Sequence

from chainrule.engine.compiler.interrupts import uninterrupted


class Worker:
    """A thread that does one job after another; handing one over takes some fifteen microseconds."""

    def __init__(self) -> None:
        self._given, self._done = threading.Lock(), threading.Lock()
        self._given.acquire()
        self._done.acquire()
        threading.Thread(target=self._work, name="chainrule", daemon=True).start()

    def _work(self) -> None:
        while True:
            self._given.acquire()
            self._drive(self._job)
            self._done.release()

    def give(self, drive: Callable[[int], object], job: int) -> None:
        """Begin ``drive(job)``."""
        self._drive, self._job = drive, job
        self._given.release()

    def wait(self) -> None:
        """Until it is done."""
        self._done.acquire()


_idle: list[Worker] = []

if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_idle.clear)  # a fork has the list, but not the threads


def _helper() -> Worker:
    try:
        return _idle.pop()
    except IndexError:
        return Worker()


def run_threads(drive: Callable[[int], object], jobs: Sequence[int]) -> None:
    """Run ``drive(job)`` for each job at once, the first in this thread; the interpreter is free meanwhile.

    Ctrl-C waits until all have come back, as they work on memory that must not go away under them.
    """
    if len(jobs) == 1:
        drive(jobs[0])
        return
    with uninterrupted():
        helpers = [_helper() for _ in jobs[1:]]
        for helper, job in zip(helpers, jobs[1:], strict=True):
            helper.give(drive, job)
        drive(jobs[0])
        for helper in helpers:
            helper.wait()
        _idle.extend(helpers)
