"""Whole processes: the wall clock from start to end, and their peak of memory."""

import json
import os
import tempfile
from collections.abc import Callable, Sequence

from process import missing, whole_process
from records import Row
from works import STARTS

START_TITLES = {"start small": "2-2-1, 1000 epochs", "start digits": "784-128-10, 9984 rows, 50 epochs"}
START_CONTESTANTS = ("chainrule-auto", "torch", "jax", "scikit-learn", "numpy", "c")
MEMORY_CONTESTANTS = ("chainrule", "torch", "torch-compile", "jax", "scikit-learn", "numpy")


def starts(rounds: int, tell: Callable[[str], None]) -> list[Row]:
    """Start of the process to the end of training, once everything is cached; and with nothing cached."""
    threads = os.cpu_count() or 1
    rows = []
    with tempfile.TemporaryDirectory() as cache:
        tell("start: every kernel, nothing cached")
        seconds, _ = whole_process(["every_kernel.py"], threads, cache)
        rows.append(Row("start", "every kernel, nothing cached", "chainrule", 0, [seconds]))
        for work in STARTS if rounds > 1 else STARTS[:1]:
            here = _starters(START_TITLES[work.name], work.sizes)
            for number in range(rounds + 1):  # the first fills the caches, also those of the disk
                tell(f"{work.name}: round {number} of {rounds}")
                for key, row in here.items():
                    seconds, _ = whole_process(["worker.py", work.name, key, str(threads), "--once"], threads, cache)
                    row.values += [seconds] * (number > 0)
            rows += here.values()
    return rows


def _starters(title: str, sizes: Sequence[int]) -> dict[str, Row]:
    """By contestant's key an empty row; scikit-learn has no network that ends in a sigmoid for squared errors."""
    keys = [key for key in START_CONTESTANTS if not (key == "scikit-learn" and sizes[-1] == 1)]
    there = [key for key in keys if not missing(key, 1)]
    return {key: Row("start", title, "chainrule" if key == "chainrule-auto" else key, 0) for key in there}


def memory(rounds: int, tell: Callable[[str], None]) -> list[Row]:
    """Peaks of resident memory of processes that do one of the works once."""
    rows = []
    for name in ("digits", "wide"):
        for contestant in MEMORY_CONTESTANTS:
            row = Row("memory", name, contestant, 1, unit="B", missing=missing(contestant, 1))
            rows.append(row)
            for number in range(0 if row.missing else rounds + 1):  # the first fills the caches
                tell(f"memory: {name}, {contestant}")
                _, printed = whole_process(["worker.py", name, contestant, "1", "--once"], 1)
                row.values += [json.loads(printed)["peak"]] * (number > 0)
    return rows
