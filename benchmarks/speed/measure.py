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
from records import Array, Entry, Measurement, Task, Work

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
        return "one thread only"
    there = not told.needs or (shutil.which("cc") if told.needs == "cc" else find_spec(told.needs))
    return "" if there else "not installed"


class Worker:
    """A contestant's process, told by lines and answering in JSON."""

    def __init__(self, work: Work, contestant: str, threads: int, *options: str) -> None:
        command = [sys.executable, str(HERE / "worker.py"), work.name, contestant, str(threads), *options]
        self.name = f"{contestant} in the work {work.name!r} with {threads} threads"
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


def race(work: Work, threads: int, rounds: int, names: Sequence[str], tell: Callable[[str], None]) -> Measurement:
    """Everyone prepared and compared with the reference, then ``rounds`` turns of each.

    Raises:
        RuntimeError: a contestant failed, or its parameters are not those of the reference.
    """
    entries = [Entry(name, work.epochs_of(name), missing=missing(name, threads)) for name in names]
    options = ["--quick"] if rounds == 1 else []
    taking_part = [entry for entry in entries if not entry.missing]
    workers: dict[str, Worker] = {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            start, reference = _reference(work, threads, options, Path(folder))
            for entry in taking_part:
                tell(f"{work.name}, {threads} thread(s): {entry.contestant} gets ready")
                workers[entry.contestant] = worker = Worker(work, entry.contestant, threads, *options)
                path = Path(folder) / f"{entry.contestant}.npz"
                answer = worker.ask(str(path))
                entry.preparation = answer["preparation"]
                if answer["trained"]:
                    entry.difference = difference(_load(path), reference, start)
                    _refuse_another_result(work, entry)
        for number in range(rounds):
            tell(f"{work.name}, {threads} thread(s): round {number + 1} of {rounds}")
            for entry in taking_part:
                time.sleep(PAUSE)
                seconds = workers[entry.contestant].ask("go")["seconds"]
                entry.seconds.append(seconds / (entry.epochs * work.units_per_epoch))
    finally:
        for worker in workers.values():
            worker.end()
    return Measurement(work.name, threads, entries)
