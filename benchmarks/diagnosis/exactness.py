"""Are critical rates and predicted losses right? Beside a bisection by real runs, and beside the real losses.

    python benchmarks/diagnosis/exactness.py            50 quadratic problems, 30 networks; some minutes
    python benchmarks/diagnosis/exactness.py --quick    a few of each

A linear network with a squared error is a quadratic problem: it starts at a random distance from its minimum and takes
1,500 steps; a rate is too large if the loss's excess over its minimum is larger at the end than half way (and not
within rounding of 0). The bisection goes on until the two rates differ by 2e-5. It knows nothing of curvature but where
to begin.
"""

import argparse
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

import numpy as np

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from bases import Needs, draw  # noqa: E402 - found by the line above

import chainrule as cr  # noqa: E402

SEED = 20_250_603
STEPS = 1500
ROUNDING = 1e-9  # of the first excess: what is below has come to rest, and only rounding makes it rise
LOSSES = ("squared_error", "half_squared_error", "mean_squared_error")
MOMENTUM = {
    "plain": cr.SGD(),
    "momentum 0.9": cr.SGD(momentum=0.9),
    "Nesterov 0.9": cr.SGD(momentum=0.9, nesterov=True),
}


@dataclass(frozen=True, eq=False)
class Quadratic:
    """A linear network with its data, and the least loss that it can have."""

    net: cr.Network
    x: np.ndarray
    t: np.ndarray
    least: float


def quadratic(rng: np.random.Generator) -> Quadratic:
    """One to six inputs of different size, one to three outputs, each loss."""
    rows, inputs, outputs = int(rng.integers(20, 80)), int(rng.integers(1, 7)), int(rng.integers(1, 4))
    x = (rng.normal(size=(rows, inputs)) + rng.uniform(-1, 1, inputs)) * 10 ** rng.uniform(-0.7, 0.7, inputs)
    t = x @ rng.normal(size=(inputs, outputs)) + rng.normal(size=(rows, outputs))
    net = cr.Network(inputs, [cr.Dense(outputs)], loss=str(rng.choice(LOSSES)), seed=0)
    best = np.linalg.lstsq(np.column_stack([x, np.ones(rows)]), t, rcond=None)[0]
    net.set_parameters({"W1": best[:-1], "b1": best[-1]})
    least = net.loss(x, t)
    start = best + rng.normal(size=best.shape)
    net.set_parameters({"W1": start[:-1], "b1": start[-1]})
    return Quadratic(net, x, t, least)


def too_large(problem: Quadratic, optimizer: cr.SGD, rate: float) -> bool:
    """By a run."""
    net = problem.net.copy()
    arguments = {"epochs": STEPS, "optimizer": replace(optimizer, learning_rate=rate), "engine": "reference"}
    try:
        losses = net.fit(problem.x, problem.t, progress=False, **arguments).loss - problem.least
    except cr.DivergenceError:
        return True
    window = STEPS // 10  # with momentum the loss swings
    end, half_way = losses[-window:].max(), losses[STEPS // 2 - window : STEPS // 2].max()
    return bool(end > half_way and end > ROUNDING * losses[0])


def bisected(problem: Quadratic, optimizer: cr.SGD, near: float, rng: np.random.Generator) -> float:
    """The rate at which runs turn from converging to diverging."""
    low = high = near * rng.uniform(0.2, 0.3)
    while not too_large(problem, optimizer, high):
        low, high = high, 2 * high
    while too_large(problem, optimizer, low):
        low /= 2
    while high - low > 2e-5 * low:
        middle = (low + high) / 2
        low, high = (low, middle) if too_large(problem, optimizer, middle) else (middle, high)
    return (low + high) / 2


def rate_errors(name: str, count: int) -> list[float]:
    """The relative distance of our critical rate from the bisected one, problem by problem."""
    errors = []
    for number in range(count):
        rng = np.random.default_rng([SEED, number])
        problem = quadratic(rng)
        found = critical_rate(problem, MOMENTUM[name])
        errors.append(abs(bisected(problem, MOMENTUM[name], found, rng) / found - 1))
    return errors


def critical_rate(problem: Quadratic, optimizer: cr.SGD) -> float:
    """By ``cr.curvature`` for plain descent, by the verdict of ``cr.diagnose`` with momentum."""
    curve = cr.curvature(problem.net, problem.x, problem.t)
    if not optimizer.momentum:
        return curve.critical_rate
    optimizer = replace(optimizer, learning_rate=0.3 * curve.critical_rate)
    found = cr.diagnose(problem.net, problem.x, problem.t, optimizer=optimizer, epochs=5, prove=False, progress=False)
    return found.learning_rate.critical_rate


def losses_of_quadratics(count: int) -> list[float]:
    """The largest relative error among the next five losses, problem by problem, at half the critical rate."""
    errors = []
    for number in range(count):
        problem = quadratic(np.random.default_rng([SEED, number]))
        rate = 0.5 * cr.curvature(problem.net, problem.x, problem.t).critical_rate
        errors.append(_error(problem.net, problem.x, problem.t, {"optimizer": cr.SGD(rate), "epochs": 3}))
    return errors


def losses_of_networks(count: int) -> list[float]:
    """The same for networks of the benchmark, full batch, in the middle of their training."""
    errors = []
    for number in range(count):
        rng = np.random.default_rng([SEED, 1, number])
        setup = draw(rng, Needs(batches=frozenset({"full"}), validation=frozenset({False})))
        arguments = {"optimizer": setup.optimizer, "epochs": int(rng.integers(5, 200))}
        errors.append(_error(setup.network(), setup.x, setup.t, arguments))
    return errors


def _error(net: cr.Network, x: np.ndarray, t: np.ndarray, arguments: dict) -> float:
    """Of one prediction; NaN where there is none."""
    rate = cr.diagnose(net, x, t, prove=False, progress=False, **arguments).learning_rate
    return float(rate.error)


def line(what: str, errors: list[float]) -> str:
    """Of the table."""
    finite = [error for error in errors if np.isfinite(error)]
    if not finite:
        return f"| {what} | 0 of {len(errors)} | | | |"
    ordered = sorted(finite)
    ninth = ordered[int(0.9 * (len(ordered) - 1))]
    return f"| {what} | {len(finite)} of {len(errors)} | {median(finite):.2g} | {ninth:.2g} | {max(finite):.2g} |"


def lines(*, quick: bool) -> list[str]:
    """Of all tables."""
    few = 3 if quick else 10
    parts = [
        ("critical rate, plain", lambda: rate_errors("plain", 3 if quick else 50)),
        ("critical rate, momentum 0.9", lambda: rate_errors("momentum 0.9", few)),
        ("critical rate, Nesterov 0.9", lambda: rate_errors("Nesterov 0.9", few)),
        ("next five losses, quadratics", lambda: losses_of_quadratics(5 if quick else 50)),
        ("next five losses, networks", lambda: losses_of_networks(5 if quick else 30)),
    ]
    head = ["| relative error of | known for | median | nine of ten below | largest |", "|---|---|---|---|---|"]
    return head + [line(what, measure()) for what, measure in parts]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="a few problems of each kind; no file")
    options = parser.parse_args()
    text = "# How exact the learning rate's verdict is\n\n" + "\n".join(lines(quick=options.quick)) + "\n"
    print(text)
    if not options.quick:
        (HERE / "exactness.md").write_text(text)


if __name__ == "__main__":
    main()
