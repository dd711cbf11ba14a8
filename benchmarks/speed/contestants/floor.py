"""What the processor needs for a step's multiply-adds if no number had to be fetched: a floor for every library."""

import ctypes
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from records import Task, Trainer, Work

from contestants.c_program import HERE, build


def trainer(task: Task) -> Trainer:
    """By vectors of 32 or of 64 bytes, whichever this processor is quicker with."""
    library = build((HERE / "fma.c").read_text())
    return Floor(task, min((library.narrow_loop, library.wide_loop), key=seconds_of))


def seconds_of(loop: ctypes.CDLL) -> float:
    """The best of a few tries of a short loop."""
    taken = []
    for _ in range(5):
        started = time.perf_counter()
        loop(ctypes.c_long(20_000_000))
        taken.append(time.perf_counter() - started)
    return min(taken)


def multiply_adds(work: Work) -> int:
    """Of one step: each layer's product forward and for its gradient, above the first also for the deltas below."""
    pairs = list(zip(work.sizes, work.sizes[1:], strict=False))
    return work.batch * sum(below * here * (3 if l else 2) for l, (below, here) in enumerate(pairs))


@dataclass
class Floor:
    """The multiply-adds of a run, shared out among the threads."""

    task: Task
    loop: ctypes.CDLL
    epochs: int = 0

    def __post_init__(self) -> None:
        self.map = map if self.task.threads == 1 else ThreadPoolExecutor(self.task.threads).map

    def begin(self, epochs: int) -> None:
        """Nothing but the count."""
        self.epochs = epochs

    def train(self) -> None:
        """All at once."""
        threads = self.task.threads
        each = ctypes.c_long(self.epochs * self.task.work.steps * multiply_adds(self.task.work) // threads)
        list(self.map(self.loop, [each] * threads))

    def parameters(self) -> None:
        """None: nothing is trained."""
