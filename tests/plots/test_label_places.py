"""Where along its line a weight is written."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.plots.label_places import label_places
from chainrule.plots.layout import RADIUS, RING, layout

SHAPES = [(1, 1), (2, 2), (3, 4), (4, 3), (2, 6), (6, 2), (1, 12), (12, 1)]


def links(below, above):
    return layout(cr.Network(below, [cr.Dense(above)], seed=0).model).links


@pytest.mark.parametrize("shape", SHAPES)
def test_every_number_lies_on_its_line_clear_of_both_circles(shape):
    for link, place in zip(links(*shape), label_places(links(*shape)), strict=True):
        start, end, at = (np.array(point) for point in (link.start, link.end, place))
        way = (end - start) / np.linalg.norm(end - start)
        assert abs(way[0] * (at - start)[1] - way[1] * (at - start)[0]) < 1e-9
        assert np.linalg.norm(at - start) > RADIUS + 0.3
        assert np.linalg.norm(at - end) > RING + 0.3


@pytest.mark.parametrize("shape", SHAPES)
def test_numbers_keep_a_distance(shape):
    at = np.array(label_places(links(*shape)))
    distances = np.linalg.norm(at[:, None] - at, axis=-1)[~np.eye(len(at), dtype=bool)]
    assert distances.min(initial=np.inf) > 0.2


def test_numbers_of_crossing_lines_are_moved_away_from_the_crossing():
    crossing = [(link, at) for link, at in zip(links(2, 2), label_places(links(2, 2)), strict=True)]
    for link, at in crossing:
        middle = (np.array(link.start) + link.end) / 2
        assert (np.linalg.norm(at - middle) < 0.05) == (link.below == link.above)


def test_a_lone_number_stands_in_the_middle():
    (link,) = links(1, 1)
    (at,) = label_places([link])
    assert at == pytest.approx((np.array(link.start) + link.end) / 2, abs=0.05)


def test_places_are_the_same_every_time():
    assert label_places(links(3, 4)) == label_places(links(3, 4))


def test_a_place_that_is_taken_is_kept_clear():
    (link,) = links(1, 1)
    (free,) = label_places([link])
    (at,) = label_places([link], [(free[0] - 0.3, 0.0)])
    assert at[0] - (free[0] - 0.3) > 0.55
