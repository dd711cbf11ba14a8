"""How our time grows with rows, units, layers and batch, all else kept."""

import time
from collections.abc import Callable
from statistics import median

from measure import worker
from process import PAUSE
from records import Line
from works import find

LINES = {
    "rows": ("rows", "epoch", [256, 512, 1024, 2048, 4096, 8192, 16384, 32768, 65536]),
    "units": ("hidden units", "epoch", [16, 32, 64, 128, 256, 512, 1024, 2048]),
    "layers": ("hidden layers of 128", "epoch", [1, 2, 4, 8, 16, 32]),
    "batch": ("rows in a batch", "step", [1, 4, 16, 64, 256, 1024, 4096, 16384]),
}


def lines(rounds: int, tell: Callable[[str], None]) -> list[Line]:
    """A line a panel: medians of a unit of time by size, on one thread."""
    return [line(name, rounds, tell) for name in LINES]


def line(name: str, rounds: int, tell: Callable[[str], None]) -> Line:
    """Every size in a process of its own, in turns; in a quick run (one round) only the smallest three."""
    label, per, sizes = LINES[name]
    sizes = sizes[:3] if rounds == 1 else sizes
    workers, taken = {}, {size: [] for size in sizes}
    try:
        for size in sizes:
            workers[size] = worker(find(f"ladder {name} {size}"), "chainrule", 1)
        for number in range(rounds):
            tell(f"scaling with {label}: round {number + 1} of {rounds}")
            for size, process in workers.items():
                time.sleep(PAUSE)
                work = find(f"ladder {name} {size}")
                seconds = process.ask("go")["seconds"] / work.epochs
                taken[size].append(seconds / (work.steps if per == "step" else 1))
    finally:
        for process in workers.values():
            process.end()
    return Line(name, label, per, sizes, [median(taken[size]) for size in sizes])
