"""The table of renderers: every entry names a function that is there, and a result of that name."""

from importlib import import_module

import pytest

from chainrule.core.renderers import RENDERERS

ENTRIES = [(result, way, place) for result, ways in RENDERERS.items() for way, place in ways.items()]


@pytest.mark.parametrize(("result", "way", "place"), ENTRIES, ids=[f"{result}-{way}" for result, way, _ in ENTRIES])
def test_every_renderer_is_there(result, way, place):
    module, function = place.split(":")
    assert callable(getattr(import_module(module), function)), f"{result} has no renderer for {way}"
