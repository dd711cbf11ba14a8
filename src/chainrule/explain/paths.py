"""Every path from a quantity to the loss, counted, and the largest of them listed with their factors.

A path climbs from net input to activation to the next net input, and so on to an output and E; its product is that of
the derivatives along its edges, and the derivative is the sum over all paths. The largest k are found without listing
the others: the best k from a unit are among the best k from each unit above it, times the edge between.
"""

from dataclasses import dataclass

import numpy as np

from chainrule.core.arrays import Array
from chainrule.explain.expression import Expression, Leaf, Number
from chainrule.explain.row import RowPass

MOST = 32
"""How many paths are listed before the rest are summed."""


@dataclass(frozen=True)
class Path:
    """One way from a quantity to the loss.

    Attributes:
        units: the net inputs passed, as (layer, unit).
        factors: the derivatives along it, with their numbers.
        value: their product.
        share: of the whole derivative; None where that is 0.
    """

    units: tuple[tuple[int, int], ...]
    factors: tuple[Expression, ...]
    value: float
    share: float | None


@dataclass(frozen=True)
class Paths:
    """The largest paths, and what the rest come to.

    Attributes:
        listed: from the largest product (in size) down.
        count: of all paths.
        rest: the sum of those not listed.
    """

    listed: tuple[Path, ...]
    count: int
    rest: float


@dataclass(frozen=True)
class Start:
    """Where paths begin: a net input (``kind`` "z") or activation ("a"), after a leading factor."""

    kind: str
    layer: int
    unit: int
    factor: Leaf | Number


def find_paths(row: RowPass, starts: list[Start], most: int | None = MOST) -> Paths:
    """The paths from all the starts to E; all of them if ``most`` is None."""
    counts = _counts(row)
    count = sum(counts[start.kind][start.layer][start.unit] for start in starts)
    k = min(count, most) if most is not None else count
    best = _Best(row, k, lowest=min((start.layer for start in starts), default=row.top))
    found = []
    for start in starts:
        lead = float(getattr(start.factor, "value"))  # noqa: B009 - a leaf's number or a Number's
        found += [(lead * value, start, steps) for value, steps in best.from_node(start.kind, start.layer, start.unit)]
    found.sort(key=lambda item: -abs(item[0]))
    whole = _whole(row, starts)
    listed = tuple(_path(row, start, steps, value, whole) for value, start, steps in found[:k])
    rest = whole - sum(path.value for path in listed) if count > k else 0.0
    return Paths(listed, count, rest)


def _whole(row: RowPass, starts: list[Start]) -> float:
    """The derivative by backpropagation: what all paths add up to."""
    values = [
        float(getattr(s.factor, "value"))  # noqa: B009
        * (float(row.delta(s.layer, s.unit).value or 0.0) if s.kind == "z" else row.da(s.layer, s.unit))
        for s in starts
    ]
    return float(sum(values))


def _counts(row: RowPass) -> dict[str, list[Array]]:
    """How many paths lead from each unit to E, as whole numbers of any size."""
    top = row.top
    a: list[Array] = [np.array([])] * (top + 1)
    z: list[Array] = [np.array([])] * (top + 1)
    a[top] = np.ones(row.model.chain.units[top], dtype=object)
    for l in range(top, 0, -1):
        z[l] = np.full(len(a[l]), a[l].sum(), dtype=object) if row.mixes(l) else a[l]
        a[l - 1] = row.wired[l - 1].astype(object) @ z[l]
    return {"a": a, "z": z}


_Steps = tuple[int, ...]


class _Best:
    """For each unit the k largest products up to E, and which unit each goes to next."""

    def __init__(self, row: RowPass, k: int, lowest: int) -> None:
        self._a: dict[int, tuple[Array, Array]] = {}
        self._z: dict[int, tuple[Array, Array]] = {}
        top = row.top
        outputs = row.model.chain.units[top]
        self._a[top] = row.done.dy[0][:, None], np.full((outputs, 1, 2), -1)
        for l in range(top, max(lowest - 1, 0), -1):
            diagonal = np.eye(row.slopes[l - 1].shape[0], dtype=bool)
            exists = np.ones_like(diagonal) if row.mixes(l) else diagonal
            self._z[l] = _step_down(row.slopes[l - 1], exists, self._a[l][0], k)
            self._a[l - 1] = _step_down(row.edges[l - 1], row.wired[l - 1], self._z[l][0], k)

    def from_node(self, kind: str, l: int, unit: int) -> list[tuple[float, _Steps]]:
        """(product, units passed on the way up) for each of the best from one node."""
        values, _ = (self._a if kind == "a" else self._z)[l]
        return [
            (float(values[unit, rank]), self._climb(kind, l, unit, rank))
            for rank in range(values.shape[1])
            if not np.isnan(values[unit, rank])
        ]

    def _climb(self, kind: str, l: int, unit: int, rank: int) -> _Steps:
        """The units of the nodes above, alternating activation and net input."""
        steps = []
        while True:
            _, following = (self._a if kind == "a" else self._z)[l]
            unit, rank = (int(n) for n in following[unit, rank])
            if unit < 0:
                return tuple(steps)
            steps.append(unit)
            kind, l = ("z", l + 1) if kind == "a" else ("a", l)


def _step_down(factors: Array, exists: Array, above: Array, k: int) -> tuple[Array, Array]:
    """Each unit's k largest products through the units above it; NaN where it has fewer."""
    products = np.where(exists[:, :, None], factors[:, :, None] * above[None, :, :], np.nan)
    flat = products.reshape(len(factors), -1)
    size = np.where(np.isnan(flat), -1.0, np.abs(flat))
    order = np.argsort(-size, axis=1, kind="stable")[:, :k]
    values = np.take_along_axis(flat, order, axis=1)
    return values, np.stack([order // above.shape[1], order % above.shape[1]], axis=2)


def _path(row: RowPass, start: Start, steps: _Steps, value: float, whole: float) -> Path:
    """The factors along one path, from the start up to dE/dy."""
    factors: list[Expression] = [start.factor]
    units = []
    kind, l, unit = start.kind, start.layer, start.unit
    for following in steps:
        if kind == "z":
            units.append((l, unit))
            factors.append(row.slope(l, unit, following))
            kind = "a"
        else:
            l += 1
            factors.append(row.edge(l, unit, following))
            kind = "z"
        unit = following
    factors.append(row.loss_slope(unit))
    shown = tuple(factor for factor in factors if factor != Number(1.0))
    return Path(tuple(units), shown, value, value / whole if whole else None)
