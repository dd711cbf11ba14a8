"""Where everything of a network's picture goes."""

import json
import re
from dataclasses import asdict, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.plots.layout import RADIUS, RING, layout, short


def network(inputs, *layers):
    return cr.Network(inputs, list(layers), seed=0)


def places(inputs, *layers, row=None):
    return layout(network(inputs, *layers).model, row)


@given(st.integers(1, 40), st.integers(1, 40))
def test_units_never_touch_and_lie_within_the_picture(below, above):
    found = places(below, cr.Dense(above))
    middles = np.array([unit.at for column in found.columns for unit in column.units])
    middles = np.array([*middles, *(column.gap for column in found.columns if column.gap)])
    distances = np.linalg.norm(middles[:, None] - middles, axis=-1)[~np.eye(len(middles), dtype=bool)]
    assert distances.min() > 2 * RING
    assert (middles - RING > (found.left, found.bottom)).all()
    assert (middles + RING < (found.right, found.top)).all()
    assert found.foot < middles[:, 1].min() - RING
    assert found.head > middles[:, 1].max() + RING


def test_columns_stand_from_the_inputs_on_the_left_to_the_outputs_on_the_right():
    found = places(3, cr.Dense(2), cr.Dropout(0.5), cr.Dense(1))
    assert [column.layer for column in found.columns] == [0, 1, 2, 3]
    assert [len(column.units) for column in found.columns] == [3, 2, 2, 1]
    x = [column.x for column in found.columns]
    assert x == sorted(set(x))
    assert all(unit.at[0] == column.x for column in found.columns for unit in column.units)


def test_units_are_counted_from_the_top_and_centred():
    heights = [unit.at[1] for unit in places(3, cr.Dense(1)).columns[0].units]
    assert heights == sorted(heights, reverse=True)
    assert sum(heights) == pytest.approx(0)


def test_each_weight_is_a_link_from_its_row_to_its_column():
    net = network(3, cr.Dense(2))
    links = layout(net.model).links
    assert {(link.below, link.above): link.weight for link in links} == {
        (i, j): net.parameters["W1"][i, j] for i in range(3) for j in range(2)
    }
    columns = layout(net.model).columns
    assert all(link.start == columns[0].units[link.below].at for link in links)
    assert all(link.end == columns[1].units[link.above].at for link in links)


def test_a_masked_weight_has_no_link_whatever_was_written_there():
    net = network(2, cr.Dense(2, mask=[[1, 0], [1, 1]]))
    net.parameters["W1"][0, 1] = 99.0
    found = layout(net.model)
    assert [(link.below, link.above) for link in found.links] == [(0, 0), (1, 0), (1, 1)]
    assert found.largest < 99


@pytest.mark.parametrize("layer", [cr.Dropout(0.3), cr.LayerNorm(), cr.BatchNorm()])
def test_a_layer_without_weights_is_joined_one_to_one(layer):
    found = places(3, cr.Dense(20), layer)
    joins = [link for link in found.links if link.layer == 2]
    assert (
        [link.below for link in joins] == [link.above for link in joins] == [0, 1, 2, 3, 4, 5, 14, 15, 16, 17, 18, 19]
    )
    assert all(link.weight is None and link.start[1] == link.end[1] for link in joins)


def test_of_a_large_layer_the_first_and_last_six_are_drawn_and_the_rest_counted():
    column = places(64, cr.Dense(1)).columns[0]
    assert [unit.number for unit in column.units] == [0, 1, 2, 3, 4, 5, 58, 59, 60, 61, 62, 63]
    assert column.notes == ("64 units, 12 shown",)
    assert column.gap == (0.0, pytest.approx(0.0))


def test_a_layer_of_twelve_is_drawn_whole():
    column = places(12, cr.Dense(1)).columns[0]
    assert len(column.units) == 12
    assert column.gap is None
    assert column.notes == ()


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (cr.Dense(2, "sigmoid"), "sigmoid"),
        (cr.Dense(2), "identity"),
        (cr.Dropout(0.3), "dropout 0.3"),
        (cr.LayerNorm(), "layer norm"),
        (cr.LayerNorm("relu"), "layer norm, relu"),
        (cr.BatchNorm(), "batch norm"),
    ],
)
def test_each_layer_is_named_by_what_it_does(layer, name):
    columns = places(2, layer).columns
    assert (columns[0].title, columns[0].name) == ("input", ())
    assert (columns[1].title, columns[1].name) == ("layer 1", (name,))


def test_a_long_name_is_broken_into_lines():
    phi = replace(cr.activation("relu"), name="a name longer than any column is wide")
    lines = places(2, cr.Dense(1, phi)).columns[1].name
    assert len(lines) > 1
    assert " ".join(lines) == phi.name


def test_a_shared_bias_is_noted_once_and_belongs_to_every_unit():
    net = network(2, cr.Dense(3, bias="shared"))
    net.parameters["b1"] = -0.5
    column = layout(net.model).columns[1]
    assert column.notes == ("shared bias −0.5",)
    assert [unit.bias for unit in column.units] == [-0.5] * 3
    assert [unit.bias_at for unit in column.units] == [None] * 3


def test_a_bias_of_its_own_is_written_below_its_unit_in_a_small_network():
    for unit in places(2, cr.Dense(3)).columns[1].units:
        assert unit.bias_at is not None
        assert unit.bias_at[0] == unit.at[0]
        assert unit.bias_at[1] < unit.at[1] - RING
    assert all(unit.bias_at is None for unit in places(4, cr.Dense(4)).columns[1].units)


def test_biases_are_those_of_the_parameters_and_absent_where_there_are_none():
    net = network(2, cr.Dense(3), cr.Dense(1, bias=None))
    net.parameters["b1"] = [1.0, 2.0, 3.0]
    columns = layout(net.model).columns
    assert [[unit.bias for unit in column.units] for column in columns] == [[None, None], [1.0, 2.0, 3.0], [None]]


def test_values_are_the_inputs_and_every_activation_of_the_trace():
    net = network(2, cr.Dense(3, "tanh"), cr.LayerNorm(), cr.Dropout(0.5), cr.Dense(2, "softmax"))
    row = np.array([-2.0, 1.0])
    trace = net.trace(row)
    shown = [[unit.value for unit in column.units] for column in layout(net.model, row).columns]
    assert shown == [trace[name][0].tolist() for name in ("x", "a1", "a2", "a3", "a4")]
    assert shown[-1] == net.forward(row).tolist()


def test_without_a_row_there_are_no_values():
    assert all(unit.value is None for column in places(2, cr.Dense(1)).columns for unit in column.units)


def test_the_largest_is_that_of_weights_and_biases_in_size():
    net = network(2, cr.Dense(1))
    net.set_parameters({"W1": [[0.5], [-2.0]], "b1": [1.0]})
    assert layout(net.model).largest == 2.0
    net.parameters["b1"] = [-3.0]
    assert layout(net.model).largest == 3.0
    net.parameters["W1"][0, 0] = np.inf
    assert layout(net.model).largest == 3.0


def test_only_a_small_network_has_its_numbers_written_on_it():
    assert places(3, cr.Dense(4)).numbered
    assert not places(3, cr.Dense(4), cr.Dense(1)).numbered
    assert places(3, cr.Dense(4, mask=np.eye(3, 4)), cr.Dense(1)).numbered


def test_a_layout_is_plain_data():
    found = places(20, cr.Dense(2, bias="shared"), cr.Dropout(0.1), row=np.ones(20))
    assert json.loads(json.dumps(asdict(found)))["columns"][0]["units"][0]["value"] == 1.0


@given(st.floats(-1e300, 1e300))
def test_a_short_number_is_short_and_nearly_the_number(value):
    text = short(value)
    assert len(text) <= 9
    assert float(text.replace("−", "-")) == pytest.approx(value, rel=0.051, abs=0)
    assert "-" not in text
    assert not re.match("−0$", text)


@pytest.mark.parametrize(
    ("value", "text"),
    [(0, "0"), (-0.0, "0"), (-2, "−2"), (0.12345, "0.123"), (0.0123, "0.012"), (1234, "1.2e3"), (1e-5, "1.0e−5")],
)
def test_short_numbers_read_well(value, text):
    assert short(value) == text


def test_a_circle_lies_within_its_ring():
    assert RADIUS < RING
