"""Races: the contestants of a work, each in a process of its own, compared and then run in turns, A B C, A B C, ..."""

import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from data import task_of
from process import PAUSE, Process, missing
from records import Array, Entry, Measurement, Work


def worker(work: Work, contestant: str, threads: int) -> Process:
    """The process of a contestant."""
    name = f"{contestant} in the work {work.name!r} with {threads} thread(s)"
    return Process(["worker.py", work.name, contestant, str(threads)], name, threads)


def race(
    work: Work, threads: int, rounds: int, names: Sequence[str], tell: Callable[[str], None] = lambda _: None
) -> Measurement:
    """Everyone prepared and compared with the reference, then ``rounds`` turns of each.

    Raises:
        RuntimeError: a contestant failed, or its parameters are not those of the reference.
    """
    entries = [Entry(name, work.epochs_of(name), missing=missing(name, threads)) for name in names]
    workers: dict[str, Process] = {}
    try:
        with tempfile.TemporaryDirectory() as folder:
            reference = reference_of(work, Path(folder))
            for entry in there(entries):
                tell(f"{work.name}, {threads} thread(s): {entry.contestant} gets ready")
                workers[entry.contestant] = worker(work, entry.contestant, threads)
                prepare(entry, work, workers[entry.contestant], Path(folder), reference)
        for number in range(rounds):
            tell(f"{work.name}, {threads} thread(s): round {number + 1} of {rounds}")
            for entry in there(entries):
                time.sleep(PAUSE)
                seconds = workers[entry.contestant].ask("go")["seconds"]
                entry.seconds.append(seconds / (entry.epochs * work.units_per_epoch))
    finally:
        for process in workers.values():
            process.end()
    return Measurement(work.name, threads, entries)


def there(entries: Sequence[Entry]) -> list[Entry]:
    """Those that take part."""
    return [entry for entry in entries if not entry.missing]


def reference_of(work: Work, folder: Path) -> list[Array]:
    """The parameters after ``check_epochs`` of our reference engine, the layers' own NumPy."""
    process = worker(work, "reference", 1)
    try:
        process.ask(str(folder / "reference.npz"))
    finally:
        process.end()
    return load(folder / "reference.npz")


def prepare(entry: Entry, work: Work, process: Process, folder: Path, reference: Sequence[Array]) -> None:
    """Have a contestant run once for its result; write down how far that is from the reference.

    Raises:
        RuntimeError: too far.
    """
    path = folder / f"{entry.contestant}.npz"
    answer = process.ask(str(path))
    entry.preparation = answer["preparation"]
    if not answer["trained"]:
        return
    entry.difference = difference(load(path), reference, task_of(work, 1).parameters)
    if not entry.difference <= work.tolerance:
        raise RuntimeError(
            f"{process.name} ends {entry.difference:.2g} from the reference, relative to how far training moved the "
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
