"""Where along its line each weight is written, so that numbers of crossing lines do not overlap: plain data."""

from collections.abc import Sequence

import numpy as np

from chainrule.core.arrays import Array
from chainrule.plots.layout import RADIUS, RING, Link, Point

_LENGTH = 0.55  # of a number
_CANDIDATES = 25  # places along each line
_ROUNDS = 4


def label_places(links: Sequence[Link], taken: Sequence[Point] = ()) -> list[Point]:
    """The middle of each link's number, which is written along it.

    Each number in turn moves to the place of its line that is farthest from the other lines and the other numbers, a
    little in favour of the line's middle; after a few rounds they have settled.

    Args:
        links: the lines.
        taken: the middles of other numbers, which are written level.
    """
    starts = np.array([link.start for link in links])
    ends = np.array([link.end for link in links])
    ways = ends - starts
    lengths = np.linalg.norm(ways, axis=1, keepdims=True)
    halves = _LENGTH / 2 * ways / lengths
    first = (RADIUS + _LENGTH / 2 + 0.05) / lengths  # a line's ends are under the circle below and the ring above
    last = 1 - (RING + _LENGTH / 2 + 0.08) / lengths
    among = first + np.linspace(0, 1, _CANDIDATES) * (last - first)
    shares = np.full(len(links), 0.5)
    level = np.array([_LENGTH / 2, 0.0])
    fixed = np.array(taken).reshape(-1, 2)
    for _ in range(_ROUNDS):
        for k in range(len(links)):
            others = np.arange(len(links)) != k
            middles = (starts + shares[:, None] * ways)[others]
            candidates = starts[k] + among[k][:, None] * ways[k]
            spans = candidates[:, None] + np.linspace(-1, 1, 5)[:, None] * halves[k]  # (candidates, 5 points, 2)
            from_lines = _nearest(spans, starts[others], ends[others])
            from_numbers = _nearest(
                spans,
                np.concatenate([middles - halves[others], fixed - level]),
                np.concatenate([middles + halves[others], fixed + level]),
            )
            clearance = np.minimum(from_lines, 0.15) + np.minimum(from_numbers, 0.4)
            shares[k] = among[k][np.argmax(clearance - 0.05 * np.abs(among[k] - 0.5))]
    return [(float(x), float(y)) for x, y in starts + shares[:, None] * ways]


def _nearest(points: Array, starts: Array, ends: Array) -> Array:
    """For each candidate, how near any of its points (candidates, points, 2) comes to any of the segments."""
    if not len(starts):
        return np.full(len(points), np.inf)
    ways = ends - starts
    from_start = points[:, :, None] - starts
    along = np.clip((from_start * ways).sum(-1) / (ways * ways).sum(-1), 0, 1)
    distances = np.linalg.norm(from_start - along[..., None] * ways, axis=-1)
    return distances.min(axis=(1, 2))
