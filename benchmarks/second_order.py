"""Levenberg-Marquardt and L-BFGS beside Adam on small regression problems: epochs and seconds to the same loss.

    python benchmarks/second_order.py                 prints a Markdown table, a few minutes
    python benchmarks/second_order.py --seeds 1

For each start (seed), Levenberg-Marquardt has 50 iterations. The loss it reaches is then asked of L-BFGS and of Adam,
both compiled: how many epochs and seconds until they are there? Adam has several learning rates, of which the fastest
counts. The table has the medians over the starts, and Adam's fewest epochs; whoever is not there within ``--epochs`` is
told with a ">". Exits with 1 if Adam needs no more than 2,000 epochs from any start of the five problems without noise.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

import chainrule as cr

ITERATIONS = 50
NOISY = "five inputs, and noise"
RATES = (0.003, 0.01, 0.03, 0.1)


class Problem(NamedTuple):
    """Rows to learn, and the tanh units to learn them with."""

    name: str
    told: str
    x: np.ndarray
    t: np.ndarray
    units: int

    def network(self, seed: int) -> cr.Network:
        """A fresh start."""
        layers = [cr.Dense(self.units, "tanh"), cr.Dense(self.t.shape[1])]
        return cr.Network(self.x.shape[1], layers, seed=seed)


def problems() -> Iterator[Problem]:
    """Five smooth ones, and one whose noise nobody can learn."""
    rng = np.random.default_rng(0)
    x = np.linspace(-2, 2, 100)[:, None]
    yield Problem("sinc", "sin(pi x)/(pi x)", x, np.sinc(x), 6)
    x = np.linspace(-1, 1, 100)[:, None]
    yield Problem("ripple", "exp(-2x^2) cos(6x)", x, np.exp(-2 * x**2) * np.cos(6 * x), 8)
    x = rng.uniform(-1, 1, (120, 2))
    after = np.column_stack([0.9 * x[:, 1] - 0.8 * np.sin(2.5 * x[:, 0]), x[:, 0] + 0.3 * x[:, 1]])
    yield Problem("pendulum", "a step of a pendulum's motion", x, after, 8)
    x = rng.uniform(0, np.pi, (150, 2))
    both = x.sum(axis=1)
    hand = np.column_stack([np.cos(x[:, 0]) + np.cos(both), np.sin(x[:, 0]) + np.sin(both)])
    yield Problem("arm", "where a robot arm of two joints ends", x, hand, 10)
    x = rng.uniform(-2, 2, (200, 2))
    a, b = x.T
    hills = 3 * (1 - a) ** 2 * np.exp(-(a**2) - (b + 1) ** 2) - 10 * (a / 5 - a**3 - b**5) * np.exp(-(a**2) - b**2)
    yield Problem("peaks", "the hills of MATLAB's peaks", x, hills[:, None] / 3, 12)
    x = rng.uniform(0, 1, (200, 5))
    t = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    t += rng.normal(size=200)
    yield Problem("Friedman 1", NOISY, 2 * x - 1, ((t - t.mean()) / t.std())[:, None], 10)


class Reached(NamedTuple):
    """What it took, and whether it was enough."""

    epochs: int
    seconds: float
    there: bool


def run(problem: Problem, seed: int, optimizer: object, epochs: int, wanted: float) -> Reached:
    """Epochs and seconds until the loss is at most ``wanted``: a first run finds the epoch, a second is timed."""
    how = {"optimizer": optimizer, "engine": "compiled"}
    losses = problem.network(seed).fit(problem.x, problem.t, epochs=epochs, **how).loss
    there = np.flatnonzero(losses <= wanted)
    needed = int(there[0]) if len(there) else len(losses)
    net = problem.network(seed)
    began = time.perf_counter()
    net.fit(problem.x, problem.t, epochs=max(needed, 1), **how)
    return Reached(needed, time.perf_counter() - began, bool(len(there)))


def told(all_reached: list[Reached]) -> str:
    """The median, of which those who never came count as at least what they were given."""
    middle = sorted(all_reached, key=lambda reached: reached.epochs)[len(all_reached) // 2]
    return f"{'' if middle.there else '> '}{middle.epochs:,}, {1e3 * middle.seconds:.0f} ms"


def main() -> int:
    """Print the table as it comes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=10_000)
    asked = parser.parse_args()
    print("| problem | rows | network | loss | Levenberg-Marquardt | L-BFGS | Adam | least of Adam |")
    print("|---|---|---|---|---|---|---|---|")
    enough = True
    for problem in problems():
        ours, lbfgs, adam, reached = [], [], [], []
        for seed in range(asked.seeds):
            net = problem.network(seed)
            history = net.fit(problem.x, problem.t, epochs=ITERATIONS, optimizer=cr.LevenbergMarquardt())
            reached.append(net.loss(problem.x, problem.t))
            ours.append(Reached(history.epochs, float(history.seconds[-1]), there=True))
            lbfgs.append(run(problem, seed, cr.LBFGS(), asked.epochs, reached[-1]))
            tries = [run(problem, seed, cr.Adam(rate), asked.epochs, reached[-1]) for rate in RATES]
            adam.append(min(tries, key=lambda reached: (not reached.there, reached.epochs)))
        shape = f"{problem.x.shape[1]}-{problem.units}-{problem.t.shape[1]}"
        least = min(adam, key=lambda reached: reached.epochs)
        enough &= least.epochs > 2000 or problem.told == NOISY
        cells = (
            f"{problem.name}: {problem.told}", str(len(problem.x)), shape, f"{statistics.median(reached):.1e}",
            told(ours), told(lbfgs), told(adam), f"{'' if least.there else '> '}{least.epochs:,}",
        )  # fmt: skip
        print("| " + " | ".join(cells) + " |", flush=True)
    return 0 if enough else 1


if __name__ == "__main__":
    sys.exit(main())
