"""Records out of model files: nothing in them is believed."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import FormatError
from chainrule.tables import Column, Encoder, Table

NAN = math.nan

SCALING = {"mean": 0.0, "scale": 2.0, "limit": 3.0}
GOOD = {
    "features": [
        {"kind": "number", "name": "n", "fill": 1.0, "scaling": SCALING, "indicator": True},
        {"kind": "category", "name": "c", "categories": ["a", "b"], "other": False, "indicator": False},
    ],
    "dropped": {"d": "some reason"},
}


def changed(path, value):
    """GOOD with one value replaced."""
    data = json.loads(json.dumps(GOOD))
    place = data
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    return data


def test_the_good_record_is_good():
    assert Encoder.from_dict(GOOD).to_dict() == GOOD


@pytest.mark.parametrize(
    ("path", "value", "field"),
    [
        (["features"], {}, "encoder.features must be a list"),
        (["features"], [], "encoder.features must be at least one"),
        (["features"], [None] * 100_001, "at most 100000"),
        (["features", 0], 5, r"encoder.features\[0\].kind"),
        (["features", 0, "kind"], "colour", r"features\[0\].kind must be one of number"),
        (["features", 0, "kind"], ["number"], r"features\[0\].kind"),
        (["features", 0, "kind"], "category", r"features\[0\] must be a record of the fields kind, name, categories"),
        (["features", 0, "extra"], 1, r"features\[0\] must be a record of the fields"),
        (["features", 0, "name"], "", r"features\[0\].name must be a text"),
        (["features", 0, "name"], "x" * 1001, r"features\[0\].name"),
        (["features", 0, "name"], "c", "name no column twice"),
        (["features", 0, "name"], "d", "name no column twice"),
        (["features", 0, "fill"], "1", r"features\[0\].fill must be a number"),
        (["features", 0, "fill"], NAN, r"features\[0\].fill"),
        (["features", 0, "fill"], 10**400, r"features\[0\].fill"),
        (["features", 0, "scaling"], None, r"features\[0\].scaling must be a record"),
        (["features", 0, "scaling", "limit"], 0.0, r"scaling.limit must be a number from 1e-140"),
        (["features", 0, "scaling", "mean"], math.inf, r"scaling.mean"),
        (["features", 0, "scaling", "mean"], True, r"scaling.mean"),
        (["features", 0, "scaling", "scale"], 0.0, r"scaling.scale must be a number from 1e-140 to 1e\+140"),
        (["features", 0, "scaling", "scale"], -1.0, r"scaling.scale"),
        (["features", 0, "scaling", "scale"], 5e-324, r"scaling.scale"),
        (["features", 0, "indicator"], 1, r"features\[0\].indicator must be true or false"),
        (["features", 1, "categories"], "ab", r"features\[1\].categories must be a list"),
        (["features", 1, "categories"], ["a", 1], r"features\[1\].categories\[1\] must be a text"),
        (["features", 1, "categories"], ["a", "a"], r"features\[1\].categories must be .* without repetition"),
        (["features", 1, "categories"], [], r"features\[1\].categories must be a list of at least 1 texts"),
        (["features", 1, "other"], None, r"features\[1\].other"),
        (["dropped"], [], "encoder.dropped must be a record"),
        (["dropped", "d"], 5, "encoder.dropped.d must be a text"),
        (["dropped", ""], "reason", "a name in encoder.dropped must be a text"),
    ],
)
def test_a_wrong_field_of_a_file_is_named(path, value, field):
    with pytest.raises(FormatError, match=field):
        Encoder.from_dict(changed(path, value))


@pytest.mark.parametrize("value", [None, [], "encoder", 1, {}, {"features": []}])
def test_no_record_at_all_is_refused(value):
    with pytest.raises(FormatError, match="encoder must be a record"):
        Encoder.from_dict(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
PATHS = [
    ["features"],
    ["dropped"],
    *([["features", 0, key] for key in GOOD["features"][0]] + [["features", 1, key] for key in GOOD["features"][1]]),
    ["features", 0, "scaling", "mean"],
    ["features", 0, "scaling", "scale"],
    ["features", 0, "scaling", "limit"],
]


@given(path=st.sampled_from(PATHS), value=JSON)
def test_a_file_made_to_harm_gives_a_format_error_or_a_sound_encoder(path, value):
    try:
        encoder = Encoder.from_dict(changed(path, value))
    except FormatError:
        return
    values = np.array([NAN, 1.0, 0.0])
    columns = {feature.name: Column(feature.name, "number", values) for feature in encoder.features}
    assert np.isfinite(encoder.encode(Table(columns, 3))).all()
