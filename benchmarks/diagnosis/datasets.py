"""Data sets: scikit-learn's bundled ones, the bundled penguins, and synthetic ones drawn by seed.

``reachable`` is the shortfall that a sound network can get to on a training part of the set: what a run must reach to
count as healthy. It is set well above the noise and decided with the seeds, before any tuning.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np

Rows = tuple[np.ndarray, np.ndarray]


@dataclass(frozen=True)
class DataSet:
    """One set.

    Attributes:
        name: of it.
        task: "regression", "binary" or "classes".
        draw: by generator, inputs (N, d) and targets (N, k), or class numbers (N,).
        reachable: see above.
        nonlinear: whether no linear network gets there.
        mixed: whether its raw columns differ much in size.
    """

    name: str
    task: str
    draw: Callable[[np.random.Generator], Rows]
    reachable: float
    nonlinear: bool = False
    mixed: bool = False


# -------------------------------------------------------------------------------- real
@cache
def _sklearn(name: str) -> Rows:
    from sklearn import datasets

    bunch = getattr(datasets, f"load_{name}")()
    return bunch.data, bunch.target


@cache
def _penguins() -> tuple[np.ndarray, np.ndarray]:
    """Four measures of each penguin without missing cells, and its species' number."""
    from chainrule.tables.bundled import penguins_path

    lines = [line.split(",") for line in penguins_path().read_text().splitlines()[1:]]
    whole = [line for line in lines if "NA" not in line[2:6] and all(line[2:6])]
    species = sorted({line[0] for line in whole})
    return np.array([line[2:6] for line in whole], float), np.array([species.index(line[0]) for line in whole])


def _diabetes(_: np.random.Generator) -> Rows:
    x, t = _sklearn("diabetes")
    return x, t[:, None]


def _penguin_mass(_: np.random.Generator) -> Rows:
    x, kind = _penguins()
    return np.column_stack([x[:, :3], np.eye(3)[kind]]), x[:, 3:]


def _penguin_pair(_: np.random.Generator) -> Rows:
    x, kind = _penguins()
    return np.column_stack([x[:, :2], np.eye(3)[kind]]), x[:, 2:]


# -------------------------------------------------------------------------------- synthetic
def _sine(rng: np.random.Generator) -> Rows:
    x = rng.uniform(-np.pi, np.pi, (300, 1))
    return x, np.sin(rng.uniform(0.8, 1.3) * x) + 0.05 * rng.normal(size=x.shape)


def _waves(rng: np.random.Generator) -> Rows:
    x = rng.uniform(-np.pi, np.pi, (300, 1))
    return x, np.sin(rng.uniform(1.6, 2.2) * x) + 0.3 * x + 0.05 * rng.normal(size=x.shape)


def _surface(rng: np.random.Generator) -> Rows:
    x = rng.uniform(-2, 2, (400, 2))
    return x, (np.sin(1.5 * x[:, :1]) * np.cos(x[:, 1:]) + 0.05 * rng.normal(size=(400, 1)))


def _friedman(rng: np.random.Generator) -> Rows:
    x = rng.random((400, 5))
    t = 10 * np.sin(np.pi * x[:, 0] * x[:, 1]) + 20 * (x[:, 2] - 0.5) ** 2 + 10 * x[:, 3] + 5 * x[:, 4]
    return x, (t + 0.5 * rng.normal(size=400))[:, None]


def _plane(rng: np.random.Generator) -> Rows:
    x = rng.normal(size=(300, 4))
    return x, x @ rng.normal(size=(4, 2)) + 0.1 * rng.normal(size=(300, 2))


def _bowl(rng: np.random.Generator) -> Rows:
    x = rng.normal(size=(300, 3))
    return x, (x**2 * [1.0, 0.5, 0.0]).sum(axis=1, keepdims=True) + x[:, 2:] + 0.1 * rng.normal(size=(300, 1))


def _moons(rng: np.random.Generator) -> Rows:
    angle, kind = rng.uniform(0, np.pi, 400), rng.integers(0, 2, 400)
    x = np.column_stack([np.cos(angle), np.sin(angle)])
    x = np.where(kind[:, None] == 1, [1.0, 0.5] - x, x)
    return x + 0.1 * rng.normal(size=x.shape), kind


def _circles(rng: np.random.Generator) -> Rows:
    angle, kind = rng.uniform(0, 2 * np.pi, 400), rng.integers(0, 2, 400)
    radius = np.where(kind == 1, 0.4, 1.0) + 0.08 * rng.normal(size=400)
    return radius[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]), kind


def _squares(rng: np.random.Generator) -> Rows:
    """Exclusive or with a gap between the classes."""
    x = rng.uniform(0.15, 1, (400, 2)) * rng.choice([-1, 1], (400, 2))
    return x, (x[:, 0] * x[:, 1] > 0).astype(int)


def _spirals(rng: np.random.Generator) -> Rows:
    kind, r = rng.integers(0, 3, 400), rng.uniform(0.15, 1, 400)
    angle = 2.5 * r + 2 * np.pi * kind / 3 + 0.1 * rng.normal(size=400)
    return r[:, None] * np.column_stack([np.cos(angle), np.sin(angle)]), kind


def _blobs(rng: np.random.Generator) -> Rows:
    centres, kind = 3 * rng.normal(size=(4, 3)), rng.integers(0, 4, 300)
    return centres[kind] + 0.7 * rng.normal(size=(300, 3)), kind


SETS = (
    DataSet("iris", "classes", lambda rng: _sklearn("iris"), 0.12),  # noqa: ARG005
    DataSet("wine", "classes", lambda rng: _sklearn("wine"), 0.08, mixed=True),  # noqa: ARG005
    DataSet("breast cancer", "binary", lambda rng: _sklearn("breast_cancer"), 0.15, mixed=True),  # noqa: ARG005
    DataSet("digits", "classes", lambda rng: _sklearn("digits"), 0.08),  # noqa: ARG005
    DataSet("diabetes", "regression", _diabetes, 0.6),
    DataSet("penguins", "classes", lambda rng: _penguins(), 0.08, mixed=True),  # noqa: ARG005
    DataSet("penguin mass", "regression", _penguin_mass, 0.3, mixed=True),
    DataSet("penguin mass and flipper", "regression", _penguin_pair, 0.35, mixed=True),
    DataSet("sine", "regression", _sine, 0.1, nonlinear=True),
    DataSet("waves", "regression", _waves, 0.15, nonlinear=True),
    DataSet("surface", "regression", _surface, 0.15, nonlinear=True),
    DataSet("friedman", "regression", _friedman, 0.15),
    DataSet("plane", "regression", _plane, 0.1),
    DataSet("bowl", "regression", _bowl, 0.15, nonlinear=True),
    DataSet("moons", "binary", _moons, 0.15),
    DataSet("circles", "binary", _circles, 0.15, nonlinear=True),
    DataSet("squares", "binary", _squares, 0.15, nonlinear=True),
    DataSet("spirals", "classes", _spirals, 0.15, nonlinear=True),
    DataSet("blobs", "classes", _blobs, 0.15),
)
BY_NAME = {one.name: one for one in SETS}


def standardised(x: np.ndarray) -> np.ndarray:
    """Each column with mean 0 and standard deviation 1; a constant column becomes 0."""
    spread = x.std(axis=0)
    return (x - x.mean(axis=0)) / np.where(spread > 0, spread, 1)


def within_one(x: np.ndarray) -> np.ndarray:
    """Each column from 0 to 1; a constant column becomes 0."""
    low, high = x.min(axis=0), x.max(axis=0)
    return (x - low) / np.where(high > low, high - low, 1)
