"""Starts the contestants, each in a process of its own, and has them run in turns: A B C, A B C, ..."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from contestants import CONTESTANTS
from data import task_of
from records import Array, Entry, Measurement, Work

HERE = Path(__file__).parent
PAUSE = 0.1  # seconds between turns, until the last contestant's threads have stopped spinning


def environment(threads: int) -> dict[str, str]:
    """Ours, with the number of threads told to every library, and without what would choose OpenBLAS's kernels."""
    kept = {key: value for key, value in os.environ.items() if key not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    return kept | dict.fromkeys(names, str(threads))


def missing(contestant: str, threads: int) -> str:
    """Why a contestant cannot take part; empty if it can."""
    told = CONTESTANTS[contestant]
    if told.threads and threads not in told.threads:
        return f"{told.threads[0]} thread(s) only"
    found = not told.needs or (shutil.which("cc") if told.needs == "cc" else find_spec(told.needs))
    return "" if found else "not installed"


class Worker:
    """A contestant's process, told by lines and answering in JSON."""

    def __init__(self, work: Work, contestant: str, threads: int) -> None:
        command = [sys.executable, str(HERE / "worker.py"), work.name, contestant, str(threads)]
        self.name = f"{contestant} in the work {work.name!r} with {threads} thread(s)"
        self.log = tempfile.TemporaryFile("w+")
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self.log, text=True, env=environment(threads)
        )

    def ask(self, line: str) -> dict[str, Any]:
        """One question, one answer.

        Raises:
            RuntimeError: the process ended instead of answering; with what it printed.
        """
        print(line, file=self.process.stdin, flush=True)
        return self.answer()

    def answer(self) -> dict[str, Any]:
        """The next line; errors as for ``ask``."""
        line = self.process.stdout.readline()
        if not line:
            self.log.seek(0)
            raise RuntimeError(f"{self.name} failed:\n{self.log.read()[-3000:]}")
        return json.loads(line)

    def end(self) -> None:
        """Let it go."""
        self.process.stdin.close()
        self.process.wait()
        self.log.close()


def race(
    work: Work, threads: int, rounds: int, names: Sequence[str], tell: Callable[[str], None] = lambda _: None
) -> Measurement:
    """Everyone prepared and compared with the reference, then ``rounds`` turns of each.

    Raises:
        RuntimeError: a contestant failed, or its parameters are not those of the reference.
    """
    entries = [Entry(name, work.epochs_of(name), missing=missing(name, threads)) for name in names]
    workers: dict[str, Worker] = {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            reference = reference_of(work, Path(folder))
            for entry in there(entries):
                tell(f"{work.name}, {threads} thread(s): {entry.contestant} gets ready")
                workers[entry.contestant] = Worker(work, entry.contestant, threads)
                prepare(entry, work, workers[entry.contestant], Path(folder), reference)
        for number in range(rounds):
            tell(f"{work.name}, {threads} thread(s): round {number + 1} of {rounds}")
            for entry in there(entries):
                time.sleep(PAUSE)
                seconds = workers[entry.contestant].ask("go")["seconds"]
                entry.seconds.append(seconds / (entry.epochs * work.units_per_epoch))
    finally:
        for worker in workers.values():
            worker.end()
    return Measurement(work.name, threads, entries)


def there(entries: Sequence[Entry]) -> list[Entry]:
    """Those that take part."""
    return [entry for entry in entries if not entry.missing]


def reference_of(work: Work, folder: Path) -> list[Array]:
    """The parameters after ``check_epochs`` of our reference engine, the layers' own NumPy."""
    worker = Worker(work, "reference", 1)
    try:
        worker.ask(str(folder / "reference.npz"))
    finally:
        worker.end()
    return load(folder / "reference.npz")


def prepare(entry: Entry, work: Work, worker: Worker, folder: Path, reference: Sequence[Array]) -> None:
    """Have a contestant run once for its result; write down how far that is from the reference.

    Raises:
        RuntimeError: too far.
    """
    path = folder / f"{entry.contestant}.npz"
    answer = worker.ask(str(path))
    entry.preparation = answer["preparation"]
    if not answer["trained"]:
        return
    entry.difference = difference(load(path), reference, task_of(work, 1).parameters)
    if not entry.difference <= work.tolerance:
        raise RuntimeError(
            f"{worker.name} ends {entry.difference:.2g} from the reference, relative to how far training moved the "
            f"parameters; {work.tolerance:g} is allowed. Is it doing the same work?"
        )


def load(path: Path) -> list[Array]:
    """The arrays of a file, in order."""
    with np.load(path) as kept:
        return list(kept.values())


def difference(found: Sequence[Array], reference: Sequence[Array], start: Sequence[Array]) -> float:
    """The worst array's distance from the reference, relative to the distance that training moved it.

    Of copies, the reference has the first few only.
    """
    worst = 0.0
    for ours, theirs, first in zip(found, reference, start, strict=True):
        moved = np.linalg.norm(theirs - first[: len(theirs)])
        worst = max(worst, float(np.linalg.norm(ours[: len(theirs)] - theirs) / moved))
    return worst
