"""Parameters: live views of one vector, changed by name, and only if everything fits."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.parameters import Parameters, Slot
from chainrule.errors import InputError


@pytest.fixture
def net():
    return cr.Network(2, [cr.Dense(3, "tanh"), cr.Dense(1, bias="shared")], seed=0)


def test_they_are_live_views_of_one_vector(net):
    x = [[1.0, 2.0]]
    before = net.forward(x)
    net.parameters["W2"][0, 0] += 1.0
    assert net.parameters.vector[9] == net.parameters["W2"][0, 0]
    assert net.forward(x) != before
    net.parameters.vector[:] = 0
    assert not any(value.any() for value in net.parameters.values())
    net.parameters["b2"][...] = 0.5
    assert net.forward(x).item() == 0.5
    assert all(np.shares_memory(value, net.parameters.vector) for value in net.parameters.values())


def test_assigning_by_name_writes_into_the_view_and_copies_the_array(net):
    view, mine = net.parameters["W1"], np.ones((2, 3), dtype=int)
    net.parameters["W1"] = mine
    assert net.parameters["W1"] is view
    assert (view == 1.0).all()
    view[0, 0] = 5
    assert mine[0, 0] == 1


def test_names_shapes_and_order_are_those_of_the_alphabet(net):
    assert {name: value.shape for name, value in net.parameters.items()} == {
        "W1": (2, 3), "b1": (3,), "W2": (3, 1), "b2": (),
    }  # fmt: skip
    assert len(net.parameters) == 4
    assert net.parameters.vector.shape == (13,)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("W1", np.ones((3, 2)), r"W1 must have shape \(2, 3\), got \(3, 2\): did you pass the transpose\?"),
        ("W2", np.ones((1, 3)), r"W2 must have shape \(3, 1\), got \(1, 3\): did you pass the transpose\?"),
        ("W1", np.ones((2, 2)), r"W1 must have shape \(2, 3\), got \(2, 2\)\.$"),
        ("W1", 1.0, r"W1 must have shape \(2, 3\), got a single number"),
        ("b2", [1.0], r"b2 must have shape a single number, got \(1,\)"),
        ("b1", [1.0, np.nan, 3.0], r"b1 must be finite, but b1\[1\] is NaN"),
        ("W2", [[1.0], [np.inf], [3.0]], r"W2 must be finite, but W2\[1, 0\] is inf"),
        ("b2", np.nan, r"b2 must be finite, but b2 is NaN"),
        ("b2", np.inf, r"b2 must be finite, but b2 is inf"),
        ("b1", ["1", "2", "3"], "b1 must be an array of real numbers"),
        ("b1", "abc", "b1 must be an array of real numbers, got 'abc'"),
        ("b1", [1j, 2, 3], "b1 must be an array of real numbers"),
        ("b1", [[1], [1, 2]], "b1 must be an array of real numbers, got rows of different lengths"),
        ("b1", [10**400, 1, 1], "b1 must be an array of real numbers"),
        ("W9", 1.0, "no parameter 'W9': this network has W1, b1, W2, b2"),
    ],
)
@pytest.mark.parametrize("way", ["item", "set_parameters", "update"])
def test_what_does_not_fit_is_refused_and_nothing_at_all_is_changed(net, way, name, value, told):
    before = net.parameters.vector.copy()
    ways = {
        "item": lambda: net.parameters.__setitem__(name, value),
        "set_parameters": lambda: net.set_parameters({"b1": [7.0, 7.0, 7.0], "W1": np.ones((2, 3)), name: value}),
        "update": lambda: net.parameters.update({"W2": np.ones((3, 1))}, **{name: value}),
    }
    with pytest.raises(InputError, match=told):
        ways[way]()
    assert (net.parameters.vector == before).all()


def test_what_overflows_float32_is_refused_with_its_value():
    net = cr.Network(1, [cr.Dense(1)], seed=0, dtype="float32")
    with pytest.raises(InputError, match=r"b1\[0\] is 1e\+39 \(in float32\)"):
        net.parameters["b1"] = [1e39]


def test_several_are_set_at_once_even_from_each_others_views():
    net = cr.Network(2, [cr.Dense(2), cr.Dense(2)], seed=0)
    first, second = net.parameters["W1"].copy(), net.parameters["W2"].copy()
    net.set_parameters({"W1": net.parameters["W2"], "W2": net.parameters["W1"]})
    assert (net.parameters["W1"] == second).all()
    assert (net.parameters["W2"] == first).all()
    net.parameters["W1"] = net.parameters["W1"].T
    assert (net.parameters["W1"] == second.T).all()


def test_a_name_that_is_not_there_is_an_error_of_the_family_and_a_key_error(net):
    with pytest.raises(KeyError) as caught:
        net.parameters["W3"]
    assert isinstance(caught.value, InputError)
    assert str(caught.value) == "no parameter 'W3': this network has W1, b1, W2, b2."
    assert "W3" not in net.parameters
    assert net.parameters.get("W3") is None


def test_names_cannot_be_taken_away(net):
    for take in (lambda p: p.pop("W1"), lambda p: p.clear(), lambda p: p.__delitem__("W1")):
        with pytest.raises(InputError, match="cannot be taken away"):
            take(net.parameters)
    assert len(net.parameters) == 4


def test_a_copy_is_left_alone_by_training(net):
    kept = net.parameters.copy()
    net.fit([[1.0, 2.0]], [3.0], epochs=2)
    assert list(kept) == list(net.parameters)
    assert (kept["W1"] != net.parameters["W1"]).any()


def test_the_same_names_stand_over_another_vector(net):
    other = net.parameters.with_vector(np.arange(13.0))
    assert other["W2"].tolist() == [[9.0], [10.0], [11.0]]
    assert other["b2"] == 12.0
    assert other.of_layer(2)["b"] == 12.0
    assert not np.shares_memory(other.vector, net.parameters.vector)


def test_a_layer_without_parameters_has_no_views():
    net = cr.Network(2, [cr.Dropout(0.5), cr.Dense(1), cr.Dropout(0.5)], seed=0)
    assert [list(net.parameters.of_layer(l)) for l in (1, 2, 3)] == [[], ["W", "b"], []]
    assert repr(cr.Network(2, [cr.Dropout(0.5)]).parameters) == "{}"
    with pytest.raises(InputError, match="this network has none"):
        cr.Network(2, [cr.Dropout(0.5)]).parameters["W1"]


def test_they_print_by_name(net):
    lines = repr(net.parameters)
    assert lines.startswith("{'W1': array(")
    assert "\n 'b2': array(0.)}" in lines


@pytest.mark.parametrize(("shape", "offset", "label"), [((2, 3), 5, "W1[1, 2]"), ((3,), 1, "W1[1]"), ((), 0, "W1")])
def test_each_number_has_a_label(shape, offset, label):
    assert Slot("W1", 1, "W", shape, 0, 6).label(offset) == label


def test_slots_are_parts_of_the_vector_in_c_order():
    slots = (Slot("W1", 1, "W", (2, 2), 0, 4), Slot("b1", 1, "b", (), 4, 5))
    parameters = Parameters(slots, np.arange(5.0))
    assert parameters["W1"].tolist() == [[0.0, 1.0], [2.0, 3.0]]
    assert parameters["b1"].tolist() == 4.0
