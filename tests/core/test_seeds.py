"""Seeds give named random streams, each by itself."""

import numpy as np
import pytest

from chainrule.core.seeds import streams

NAMES = ("initial", "shuffle", "dropout", "validation")


@pytest.mark.parametrize("name", NAMES)
def test_drawing_from_other_streams_does_not_move_a_stream(name):
    alone, among = streams(7), streams(7)
    for other in NAMES:
        if other != name:
            getattr(among, other).normal(size=3)
    assert getattr(alone, name).normal(size=3).tolist() == getattr(among, name).normal(size=3).tolist()


def test_streams_differ_and_go_on_where_they_stood():
    random = streams(7)
    drawn = [getattr(random, name).normal() for name in NAMES for _ in range(2)]
    assert len(set(drawn)) == 8


def test_the_streams_are_the_children_of_the_seed():
    """Training of earlier versions is repeated by the same seed, bit for bit."""
    children = np.random.SeedSequence(7).spawn(3)
    for name, child in zip(NAMES[1:], children, strict=True):
        assert getattr(streams(7), name).normal() == np.random.default_rng(child).normal()
    assert streams(7).initial.normal() == np.random.default_rng(7).normal()


def test_restarts_have_seeds_of_their_own():
    seeds = [streams(7).restart(k) for k in range(50)]
    assert seeds[0] == 7
    assert len(set(seeds)) == 50
