"""Prediction by the 784-128-10 network: one row, a row inside a compiled call, and a million rows."""

import mmap
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np
from data import task_of
from measure import load
from predictors import predictor_of
from process import PAUSE, Process, missing
from records import Row
from works import find

CONTESTANTS = ("chainrule", "torch", "jax", "scikit-learn", "numpy")
TOLERANCE = 1e-5  # of probabilities
ONE, PLAIN, INSIDE = "1 row, from Python", "1 row, by net.predict", "1 row, inside a compiled call"
ASKED = {ONE: "one", PLAIN: "plain", INSIDE: "inside"}


def predictions(rounds: int, threads: Sequence[int], tell: Callable[[str], None]) -> list[Row]:
    """All of them, in turns; the rows are made once, in memory that the workers share."""
    count = 1_000_000 if rounds > 1 else 8000
    with shared_file() as file:
        descriptor = file.fileno()
        tell(f"prediction: {count:,} rows are made")
        fill(descriptor, count, find("digits").sizes[0])
        whats = [f"{count:,} rows", ONE, PLAIN, INSIDE]
        rows = _turns(rounds, threads[0], whats, descriptor, tell)
        for number in threads[1:]:  # more threads matter to many rows only
            rows += _turns(rounds, number, whats[:1], descriptor, tell)
        return rows


def shared_file() -> IO[bytes]:
    """A file that lies in memory where the system has such, and is gone once closed."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("rows"), "r+b")
    return tempfile.TemporaryFile()


def fill(descriptor: int, rows: int, inputs: int) -> None:
    """Random rows, in place."""
    os.ftruncate(descriptor, 4 * rows * inputs)
    with mmap.mmap(descriptor, 0) as shared:
        x = np.frombuffer(shared, np.float32)
        np.random.default_rng(3).standard_normal(out=x, dtype=np.float32)
        del x  # it would keep the map open


def _turns(rounds: int, threads: int, whats: Sequence[str], descriptor: int, tell: Callable[[str], None]) -> list[Row]:
    """One thread count; what only we have, only we are asked."""
    rows, workers = [], {}
    try:
        for name in CONTESTANTS:
            told = [what for what in whats if name == "chainrule" or what not in (PLAIN, INSIDE)]
            rows += [Row("predict", what, name, threads, missing=missing(name, threads)) for what in told]
            if rows[-1].missing:
                continue
            tell(f"prediction, {threads} thread(s): {name} gets ready")
            workers[name] = _worker(name, threads, descriptor)
            off = _checked(workers[name], descriptor)
            for row in rows[-len(told) :]:
                row.difference = off
        for number in range(rounds):
            tell(f"prediction, {threads} thread(s): round {number + 1} of {rounds}")
            for row in rows:
                if not row.missing:
                    time.sleep(PAUSE)
                    row.values.append(workers[row.contestant].ask(ASKED.get(row.what, "many")))
    finally:
        for worker in workers.values():
            worker.end()
    return rows


def _worker(name: str, threads: int, descriptor: int) -> Process:
    arguments = ["prediction_worker.py", name, str(threads), str(descriptor)]
    return Process(arguments, f"{name} predicting with {threads} thread(s)", threads, (descriptor,))


def _checked(worker: Process, descriptor: int) -> float:
    """How far the first rows' probabilities are from those in float64, one by one and together.

    Raises:
        RuntimeError: too far.
    """
    work = find("digits")
    with mmap.mmap(descriptor, 0) as shared:
        x = np.array(np.frombuffer(shared, np.float32, 10 * work.sizes[0]).reshape(10, -1), np.float64)
    task = task_of(work, 1)
    wanted = predictor_of("numpy", replace(task, parameters=[p.astype(np.float64) for p in task.parameters])).one(x)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "found.npz"
        worker.ask(str(path))
        worst = max(float(abs(found - wanted).max()) for found in load(path))
    if not worst <= TOLERANCE:
        raise RuntimeError(f"{worker.name}: probabilities are {worst:.2g} off; {TOLERANCE:g} is allowed.")
    return worst
