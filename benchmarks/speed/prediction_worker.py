"""The process of one library that predicts.

    python prediction_worker.py CONTESTANT THREADS DESCRIPTOR

The rows lie in memory that all workers share, open under DESCRIPTOR. Told by lines on standard input: ``one``,
``plain`` and ``inside`` ask for the seconds of a row, ``many`` for those of all rows, anything else is a file for the
probabilities of the first rows, one by one and together. Each answer is a line of JSON.
"""

import json
import mmap
import os
import sys
import time
from collections.abc import Callable
from statistics import median
from typing import Any

from worker import BUDGET, pin


def main() -> None:
    """Read the arguments, then serve."""
    contestant, threads, descriptor = sys.argv[1], *map(int, sys.argv[2:])
    answers = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    pin(threads)
    import numpy as np
    from data import task_of
    from predictors import predictor_of
    from works import find

    work = find("digits")
    predictor = predictor_of(contestant, task_of(work, threads))
    x = np.frombuffer(mmap.mmap(descriptor, 0), np.float32).reshape(-1, work.sizes[0])
    held = predictor.hold(x)
    for line in sys.stdin:
        told = line.strip()
        if told in ("one", "plain"):
            answer: Any = a_row(getattr(predictor, told), x)
        elif told == "inside":
            answer = predictor.inside(x[:1000])
        elif told == "many":
            started = time.perf_counter()
            predictor.many(held)
            answer = time.perf_counter() - started
        else:
            together = predictor.many(held)[:10]
            np.savez(told, together, np.stack([predictor.one(row) for row in x[:10]]))
            answer = True
        answers.write(json.dumps(answer) + "\n")


def a_row(predict: Callable[[Any], Any], x: Any) -> float:
    """The median seconds of a single row's prediction, after a few to warm up."""
    taken = []
    started = time.perf_counter()
    number = 0
    while time.perf_counter() - started < BUDGET:
        row = x[number % len(x)]
        number += 1
        begun = time.perf_counter()
        predict(row)
        taken.append(time.perf_counter() - begun)
    return median(taken[len(taken) // 5 :])


if __name__ == "__main__":
    main()
