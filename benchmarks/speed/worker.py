"""The process of one contestant: it prepares itself, shows its result, and then runs whenever it is told.

    python worker.py WORK CONTESTANT THREADS [--once]

Told by lines on standard input: a file's name asks for the parameters after ``check_epochs``, ``go`` for the median
seconds of a timed run, the end of input to stop. Each answer is a line of JSON. With ``--once`` the work is done once
without being told, and the answer is the process's peak of memory. Standard output is kept free of all else.
"""

import json
import os
import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

BUDGET = 0.2  # seconds of one turn
STARTED = time.perf_counter()


def main() -> None:
    """Read the arguments, then serve."""
    name, contestant, threads, *options = sys.argv[1:]
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)  # what libraries print goes to standard error
    pin(int(threads))
    from contestants import trainer_of
    from data import task_of
    from works import find

    work = find(name)
    trainer = trainer_of(contestant, task_of(work, int(threads)))
    if "--once" in options:
        trainer.begin(work.epochs)
        trainer.train()
        answers.write(json.dumps({"peak": peak_memory()}) + "\n")
        return
    for line in sys.stdin:
        told = line.strip()
        epochs = work.epochs_of(contestant)
        answer = turn(trainer, epochs) if told == "go" else check(trainer, work.check_epochs, epochs, Path(told))
        answers.write(json.dumps(answer) + "\n")


def pin(threads: int) -> None:
    """Leave the process as many processors as it may use threads: the only limit that all libraries keep to."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[-threads:])


def check(trainer: Any, check_epochs: int, epochs: int, path: Path) -> dict[str, Any]:
    """Run once to be compared, once to be ready; tell what both took since the process began."""
    import numpy as np

    trainer.begin(check_epochs)
    trainer.train()
    parameters = trainer.parameters()
    if parameters is not None:
        np.savez(path, *parameters)
    trainer.begin(epochs)
    trainer.train()
    return {"trained": parameters is not None, "preparation": time.perf_counter() - STARTED}


def turn(trainer: Any, epochs: int) -> dict[str, Any]:
    """The median of as many runs as fit the budget, at least one, after one to warm up."""
    taken: list[float] = []
    spent = -1.0
    while spent < BUDGET:
        trainer.begin(epochs)
        started = time.perf_counter()
        trainer.train()
        seconds = time.perf_counter() - started
        if spent < 0:
            spent = 0.0  # the first run warms the caches up
            continue
        taken.append(seconds)
        spent += seconds
    return {"seconds": median(taken)}


def peak_memory() -> int:
    """Bytes; from Linux's own count where there is one, as ``getrusage`` begins with the peak of who forked us."""
    status = Path("/proc/self/status")
    if status.exists():
        peak = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return 1024 * int(peak.split()[1])
    import resource

    unit = 1 if sys.platform == "darwin" else 1024
    return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main()
