"""The page about the architecture names files and rooms that exist, and shows the house as it is."""

import importlib.util
import re
from pathlib import Path

import pytest

from tests.test_imports import ROOMS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs/explanation/architecture.md").read_text(encoding="utf-8")
PATHS = sorted(set(re.findall(r"`([a-z_]+(?:/[\w.-]+)+)`", PAGE)))

_specification = importlib.util.spec_from_file_location("house", ROOT / "docs/_ext/house.py")
house = importlib.util.module_from_spec(_specification)
_specification.loader.exec_module(house)


@pytest.mark.parametrize("path", PATHS)
def test_a_file_that_the_page_names_exists(path):
    """A name without an ending is a file of Python or a folder."""
    assert any((folder / f"{path}{ending}").exists() for folder in (ROOT, house.HOUSE) for ending in ("", ".py"))


def test_the_picture_shows_every_room_in_the_order_of_imports():
    from_the_ground = [room for _, floor in reversed(house.FLOORS) for room in floor]
    assert from_the_ground == ROOMS
    picture = house.picture()
    assert [room for room in ROOMS if f">{room}</text>" not in picture] == []


def test_the_picture_knows_what_a_room_imports():
    assert house.imports_of("errors") == set()
    assert house.imports_of("core") == {"errors"}
    assert {"core", "training", "explain"} <= house.imports_of("network")
