"""Networks in files: everything comes back bit for bit, and what no library wrote is refused."""

import copy
import pickle
import subprocess
import sys
import tracemalloc
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.core.activations import ACTIVATIONS, ElementwiseActivation
from chainrule.core.initializers import INITIALIZERS
from chainrule.core.layers import LAYERS, Layer
from chainrule.core.losses import LOSSES
from chainrule.errors import FormatError, InputError, UnknownComponentError
from chainrule.files import load, pack, save, unpack
from chainrule.files.container import read_container, write_container
from tests.strategies import cases

X = np.random.default_rng(0).normal(size=(5, 3))


# -------------------------------------------------------------------------------- networks to keep
def network(*layers, loss="mean_squared_error", dtype="float64", inputs=3):
    net = cr.Network(inputs, layers, loss=loss, seed=1, dtype=dtype)
    net.parameters.vector[...] = np.random.default_rng(2).normal(size=net.parameters.vector.size)
    return net


def neurons():
    names = ["relu", "tanh", "leaky_relu"]
    hidden = [cr.Neuron([0.5, -1.0, 2.0], bias=0.1, activation=name) for name in names]
    return cr.Network.from_neurons([hidden, [cr.Neuron([1.0, 2.0, 3.0], bias=0.0)]])


def trained_batch_norm():
    net = network(cr.Dense(4, "tanh"), cr.BatchNorm("relu", momentum=0.5), cr.Dense(1))
    net.fit(X, X[:, :1], epochs=3)
    return net


NETWORKS = {
    **{f"activation {name}": network(cr.Dense(4, name), cr.Dense(2)) for name in ACTIVATIONS},
    **{f"initialiser {name}": network(cr.Dense(4, init=name)) for name in INITIALIZERS},
    "initialiser of biases": network(cr.Dense(4, bias_init="normal")),
    **{f"loss {name}": network(cr.Dense(2), loss=name) for name in LOSSES},
    **{
        f"layer {name}": network(*layers)
        for name, layers in {
            "Dense": [cr.Dense(2, bias=None, trainable=False)],
            "Dense shared": [cr.Dense(2, bias="shared")],
            "Dense masked": [cr.Dense(2, mask=[[1, 0], [0, 1], [1, 1]])],
            "Dropout": [cr.Dense(4), cr.Dropout(0.25), cr.Dense(2)],
            "LayerNorm": [cr.LayerNorm("silu", epsilon=0.01, trainable=False), cr.Dense(2)],
            "BatchNorm": [cr.BatchNorm(momentum=0.5), cr.Dense(2)],
            "Scale": [cr.Scale(0.5, trainable=False), cr.Dense(2)],
        }.items()
    },
    "float32": network(cr.Dense(4, "tanh"), cr.BatchNorm(), cr.Dense(1), dtype="float32"),
    "constants": network(cr.Dense(4, cr.activation("leaky_relu", alpha=0.3)), loss=cr.loss("huber", delta=2.0)),
    "units of their own": neurons(),
    "trained": trained_batch_norm(),
}


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("models") / "model.safetensors"


def assert_same(net, again):
    x = np.random.default_rng(3).normal(size=(5, net.inputs))
    assert again.parameters.vector.dtype == net.parameters.vector.dtype
    assert again.parameters.vector.tobytes() == net.parameters.vector.tobytes()
    assert again(x).tobytes() == net(x).tobytes()
    assert repr(again) == repr(net)
    assert again.loss_function.parameters == net.loss_function.parameters
    for before, after in zip(net.model.state, again.model.state, strict=True):
        assert {key: value.tobytes() for key, value in before.items()} == {
            key: value.tobytes() for key, value in after.items()
        }


# -------------------------------------------------------------------------------- there and back
def test_every_layer_is_in_the_table():
    assert {type(layer).__name__ for net in NETWORKS.values() for layer in net.layers} == set(LAYERS)


@pytest.mark.parametrize("name", NETWORKS)
def test_a_network_comes_back_from_its_file_bit_for_bit(path, name):
    net = NETWORKS[name]
    net.save(path)
    assert_same(net, cr.load(path))


@given(cases())
def test_any_network_comes_back_from_arrays_and_description(case):
    model = unpack(pack(case.net.model))
    again = case.net.copy()
    again.model = model
    assert_same(case.net, again)
    assert again.loss(case.x, case.t) == case.net.loss(case.x, case.t)


@pytest.mark.parametrize("name", NETWORKS)
def test_pickle_and_deepcopy_keep_a_network_and_share_nothing(name):
    net = NETWORKS[name]
    for again in (pickle.loads(pickle.dumps(net)), copy.deepcopy(net), copy.copy(net)):
        assert_same(net, again)
        assert again.seed == net.seed
        assert not np.shares_memory(again.parameters.vector, net.parameters.vector)


def test_a_loaded_network_trains_on(path):
    net = NETWORKS["trained"]
    net.save(path)
    again = cr.load(path)
    again.fit(X, X[:, :1], epochs=2, seed=5)
    other = net.copy()
    other.fit(X, X[:, :1], epochs=2, seed=5)
    assert_same(other, again)


def test_metadata_are_kept_as_they_are(path):
    net = network(cr.Dense(1))
    net.metadata = {"author": "Ada ✓", "numbers": [1, 2.5, None, True], "nested": {"a": {"b": []}}}
    net.save(path)
    assert cr.load(path).metadata == net.metadata
    assert pickle.loads(pickle.dumps(net)).metadata == net.metadata
    net.metadata = {"function": print}
    with pytest.raises(InputError, match="cannot be written as JSON"):
        net.save(path)
    assert "author" in cr.load(path).metadata  # the old file is still there


def test_equal_networks_give_equal_files(path, tmp_path):
    network(cr.Dense(2)).save(path)
    network(cr.Dense(2)).save(tmp_path / "other.safetensors")
    assert path.read_bytes() == (tmp_path / "other.safetensors").read_bytes()


@pytest.mark.parametrize("number", [np.nan, np.inf])
def test_numbers_that_a_reader_would_refuse_are_not_written(path, number):
    net = network(cr.Dense(2), cr.BatchNorm())
    net.parameters.vector[0] = number
    path.unlink(missing_ok=True)
    with pytest.raises(InputError, match="W1 holds a number that is not finite"):
        net.save(path)
    assert not path.exists()


# -------------------------------------------------------------------------------- components of one's own
def _sine(z, omega):
    return np.sin(omega * z)


def _sine_prime(z, omega):
    return omega * np.cos(omega * z)


def _sine_second(z, omega):
    return -(omega**2) * np.sin(omega * z)


SINE = ElementwiseActivation(
    "sine",
    "sin(omega*z)",
    "mine",
    parameters={"omega": 1.0},
    derivative_formula="omega*cos(omega*z)",
    second_derivative_formula="-omega**2*sin(omega*z)",
    phi=_sine,
    phi_prime=_sine_prime,
    phi_second=_sine_second,
)
COSTLY = replace(LOSSES["squared_error"], name="costly")
HALVES = replace(INITIALIZERS["constant"], name="halves", parameters={"value": 0.5})


@dataclass(frozen=True, eq=False, repr=False)
class Gate(Layer):
    """``a = gate(a_in)``, and two options that a file keeps or refuses."""

    gate: cr.Activation = ACTIVATIONS["tanh"]
    tags: object = ()
    centres: object = None

    def units_out(self, units_in):
        return units_in

    def parameter_shapes(self, units_in):
        return {}

    def initial_parameters(self, units_in, rng, dtype):
        return {}

    def forward(self, p, a_in, state, run):
        return {"a_in": a_in, "z": a_in, "a": self.gate.value(a_in)}

    def backward(self, p, record, da):
        raise NotImplementedError

    def forward_dot(self, p, p_dot, record, a_in_dot):
        raise NotImplementedError

    def backward_dot(self, p, p_dot, record, dot, da, back, da_dot):
        raise NotImplementedError

    def formulas(self, l):
        return {}

    def options(self):
        return {"gate": self.gate, "tags": self.tags, "centres": self.centres, "trainable": self.trainable}


def own_network():
    tables = [cr.Dense(3, SINE.with_parameters(omega=2.0), init=HALVES), Gate(SINE, tags=["a", "b"]), cr.Dense(2)]
    return network(*tables, loss=COSTLY)


def test_components_of_ones_own_are_brought_along_by_the_caller(path):
    net = own_network()
    net.save(path)
    again = cr.load(path, extensions=[SINE, COSTLY, HALVES, Gate])
    assert_same(net, again)
    assert again.layers[0].activation.parameters == {"omega": 2.0}
    assert_same(net, copy.deepcopy(net))


def test_a_pickle_brings_components_of_ones_own_along():
    net = network(cr.Dense(3, SINE), cr.Dense(2))
    kept = net.__getstate__()
    assert kept["extensions"] == [SINE]
    again = object.__new__(cr.Network)
    again.__setstate__(kept)
    assert_same(net, again)


@pytest.mark.parametrize(
    ("missing", "told"),
    [
        (SINE, "unknown activation 'sine'"),
        (COSTLY, "unknown loss 'costly'"),
        (HALVES, "unknown initializer 'halves'"),
        (Gate, "unknown layer 'Gate'"),
    ],
)
def test_a_component_that_is_not_brought_along_is_named_with_the_remedy(path, missing, told):
    own_network().save(path)
    brought = [component for component in (SINE, COSTLY, HALVES, Gate) if component is not missing]
    with pytest.raises(UnknownComponentError, match=rf"{told}.*extensions=\[") as caught:
        cr.load(path, extensions=brought)
    assert str(path) in str(caught.value)


def test_a_name_must_stand_for_one_thing(path):
    for layers in (
        [cr.Dense(2, replace(SINE, name="relu"))],
        [cr.Dense(2, SINE), cr.Dense(2, replace(SINE, phi=np.cos))],
        [cr.Dense(2, init=replace(HALVES, name="zeros"))],
    ):
        with pytest.raises(InputError, match=r"two different rows, each a .* are named"):
            network(*layers).save(path)
    with pytest.raises(InputError, match="a layer of your own is named Dense like the library's"):
        network(type("Dense", (Gate,), {})()).save(path)
    network(cr.Dense(2, SINE), cr.Dense(2, SINE.with_parameters(omega=3.0))).save(path)  # differ by a constant only


def test_an_option_that_a_file_cannot_hold_is_refused(path):
    with pytest.raises(InputError, match="option 'centres' of Gate is an array"):
        network(Gate(centres=np.ones(3))).save(path)
    with pytest.raises(InputError, match="cannot be written as JSON"):
        network(Gate(centres=print)).save(path)


# -------------------------------------------------------------------------------- files made to harm
def packed(*layers, **options):
    """Arrays and description, to be changed."""
    arrays, description = pack(network(*layers or (cr.Dense(2, "leaky_relu"),), **options).model)
    return dict(arrays), copy.deepcopy(description)


def part_of(description, place):
    """What stands at ``"layers.0.options"``."""
    for key in filter(None, place.split(".")):
        description = description[int(key) if key.isdigit() else key]
    return description


def put(description, place, value):
    """The description with another value at ``"layers.0.options.units"``."""
    way, _, last = place.rpartition(".")
    part_of(description, way)[int(last) if last.isdigit() else last] = value
    return description


def refused(arrays, description, match, kind=FormatError):
    """Whether both ways in refuse it, importing nothing."""
    before = set(sys.modules)
    with pytest.raises((FormatError, UnknownComponentError), match=match) as caught:
        unpack((arrays, description))
    assert type(caught.value) is kind
    assert set(sys.modules) == before


PARTS = {
    "": ("schema", "version", "inputs", "dtype", "loss", "layers"),
    "loss": ("name", "parameters"),
    "layers": ("0",),
    "layers.0": ("kind", "options"),
    "layers.0.options": ("units", "activation", "bias", "init", "bias_init", "mask", "trainable"),
    "layers.0.options.activation": ("name", "parameters"),
    "layers.0.options.activation.parameters": ("alpha",),
    "layers.0.options.init": ("name", "parameters"),
    "layers.0.options.bias_init": ("name", "parameters"),
}
FIELDS = [f"{part}.{key}".lstrip(".") for part, keys in PARTS.items() for key in keys]
WRONG = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2.0,
    10**9,
    10**90,
    -0.5,
    1e300,
    "",
    "x",
    "os.system",
    "../x",
    "x" * 10**5,
    [],
    [1],
    ["a"],
    {},
    {"a": 1},
    {"name": "relu"},
]


ALPHA = "layers.0.options.activation.parameters.alpha"
RIGHT = [
    ("layers.0.options.trainable", False),
    *((ALPHA, number) for number in (0, 1, -1, 2, 10**9, 10**90, -0.5, 1e300)),
]


def test_the_fields_are_all_fields():
    _, description = packed()
    for part, keys in PARTS.items():
        found = part_of(description, part)
        assert sorted(keys) == sorted(found if isinstance(found, dict) else map(str, range(len(found))))


@pytest.mark.parametrize("place", FIELDS)
def test_a_wrong_value_in_any_field_is_refused(place):
    for value in WRONG:
        arrays, description = packed()
        original = part_of(description, place)
        if (type(value) is type(original) and value == original) or (place, value) in RIGHT:
            continue
        with pytest.raises((FormatError, UnknownComponentError)) as caught:
            unpack((arrays, put(description, place, value)))
        assert len(str(caught.value)) < 2000, value


@pytest.mark.parametrize("part", [part for part in PARTS if part != "layers"])
def test_a_missing_or_an_unknown_field_is_refused(part):
    for key in PARTS[part]:
        arrays, description = packed()
        del part_of(description, part)[key]
        refused(arrays, description, f"'{key}' is missing|the option '{key}' is missing|does not take the options")
    for key in {"safe_mode", "self", "__class__", "name"} - {*PARTS[part]}:
        arrays, description = packed()
        part_of(description, part)[key] = False
        refused(arrays, description, f"'{key}' is unknown|does not take the options .*{key}")


NAMES = [
    "Lambda",
    "os.system",
    "builtins.eval",
    "chainrule.core.layers.Dense",
    "__import__",
    "subprocess",
    "antigravity",
    "relu.__class__",
]
PLACES = {
    "loss.name": "loss",
    "layers.0.kind": "layer",
    "layers.0.options.activation.name": "activation",
    "layers.0.options.init.name": "initializer",
    "layers.0.options.bias_init.name": "initializer",
    "layers.1.options.activation.name": "activation",
    "layers.2.options.activation.rows.1.name": "activation",
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("name", NAMES)
def test_an_unknown_name_at_any_depth_is_refused_and_nothing_imported(place, name):
    mixed = neurons().layers[0]
    arrays, description = packed(cr.Dense(3), cr.LayerNorm(), mixed)
    refused(arrays, put(description, place, name), f"unknown {PLACES[place]} '{name}'", UnknownComponentError)


def test_a_row_for_each_unit_cannot_be_nested_mixed_or_miscounted():
    mixed = neurons().layers[0]
    place = "layers.0.options.activation.rows"
    arrays, description = packed(mixed)
    rows = description["layers"][0]["options"]["activation"]["rows"]
    softmax = {"name": "softmax", "parameters": {}}
    refused(arrays, put(copy.deepcopy(description), place, []), "no units")
    refused(arrays, put(copy.deepcopy(description), place, 5), "must be of type list")
    refused(arrays, put(copy.deepcopy(description), place, rows[:2]), "activations for 2 units, but 3 units")
    refused(arrays, put(copy.deepcopy(description), place, [*rows[:2], softmax]), "mixes the units")
    refused(arrays, put(copy.deepcopy(description), place, [rows[0]] * 3), "must be written|activations for")
    nested = {"name": "unitwise", "rows": rows}
    refused(arrays, put(copy.deepcopy(description), place, [*rows[:2], nested]), "'parameters' is missing")


@pytest.mark.parametrize("place", ["inputs", "layers.0.options.units"])
@pytest.mark.parametrize("number", [10**9, 2**40, 2**63, 10**90])
def test_a_huge_network_is_refused_before_memory_is_taken(place, number):
    for layers in ([cr.Dense(2)], [cr.Dense(2), cr.BatchNorm(), cr.LayerNorm(), cr.Dropout(0.5), cr.Dense(2)]):
        arrays, description = packed(*layers)
        put(description, place, number)
        tracemalloc.start()
        refused(arrays, description, r"W1 must be float64 of shape|gamma2 must be")
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert peak < 1 << 20


def test_sizes_whose_product_wraps_round_to_nothing_are_refused():
    arrays, description = packed(cr.Dense(2))
    put(description, "inputs", 2**32)
    put(description, "layers.0.options.units", 2**32)
    refused(arrays, description, "W1 must be float64 of shape")


def test_too_many_layers_are_refused():
    arrays, description = packed()
    description["layers"] *= 1001
    refused(arrays, description, "1 to 1000 layers, found 3, 1001")


GONE = object()


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("W1", GONE, "W1 is missing"),
        ("b1", GONE, "b1 is missing"),
        ("gamma2", GONE, "gamma2 is missing"),
        ("state.mean2", GONE, "state.mean2 is missing"),
        ("mask1", GONE, "mask1 is missing"),
        ("W9", np.ones(1), "holds 'W9', which its network does not have"),
        ("mask2", np.ones((4, 4), bool), "holds 'mask2', which"),
        ("state.mean1", np.ones(4), "holds 'state.mean1', which"),
        ("W1", np.ones((4, 3)), r"W1 must be float64 of shape \(3, 4\), found float64 of shape \(4, 3\)"),
        ("W1", np.ones(12), r"found float64 of shape \(12,\)"),
        ("W1", np.ones((0, 4)), r"found float64 of shape \(0, 4\)"),
        ("W1", np.ones((3, 4), "float32"), "found float32"),
        ("W1", np.ones((3, 4), "int64"), "found int64"),
        ("W1", np.ones((3, 4), bool), "found bool"),
        ("W1", np.full((3, 4), np.nan), "W1 holds a number that is not finite"),
        ("b1", np.full(4, np.inf), "b1 holds a number that is not finite"),
        ("state.mean2", np.full(4, np.nan), "state.mean2 holds a number that is not finite"),
        ("state.variance2", -np.ones(4), "state.variance2 holds a negative number"),
        ("state.variance2", np.ones(5), "state.variance2 must be float64 of shape"),
        ("mask1", np.ones((4, 3), bool), "layer 1: mask must have shape"),
        ("mask1", np.ones((2, 4), bool), "layers do not fit each other: layer 1: mask must have shape"),
        ("mask1", np.full((3, 4), 2.0), "mask must hold only 0 .* found 2"),
        ("mask1", np.full((3, 4), np.nan), "mask must hold only 0 .* found nan"),
        ("mask1", np.ones(4, bool), r"mask must have shape \(units below, 4\), got \(4,\)"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(name, value, told):
    arrays, description = packed(cr.Dense(4, mask=np.eye(3, 4)), cr.BatchNorm(), cr.Dense(2))
    arrays[name] = value
    refused({key: array for key, array in arrays.items() if array is not GONE}, description, told)


def test_a_mask_must_be_told_by_true():
    arrays, description = packed(cr.Dense(4, mask=np.eye(3, 4)))
    for value in ("yes", 5, [1], False):
        refused(arrays, put(description, "layers.0.options.mask", value), "mask must be written True")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("version", 2),
        ("version", True),
        ("version", 1.0),
        ("version", "1"),
        ("schema", "chainrule/checkpoint"),
        ("schema", "x" * 10**5),
    ],
)
def test_another_schema_or_a_later_version_is_refused_with_the_remedy(field, value):
    arrays, description = packed()
    refused(
        arrays, put(description, field, value), r"this release reads 'chainrule/network' version 1: install a later"
    )


# -------------------------------------------------------------------------------- by way of a file
@pytest.mark.parametrize(
    ("description", "told"),
    [
        ({}, "'metadata' is missing"),
        ({"network": {}}, "'metadata' is missing"),
        ({"network": [], "metadata": {}}, "network must be of type dict"),
        ({"network": {}, "metadata": []}, "metadata must be of type dict"),
        ({"network": {}, "metadata": {}, "code": "import os"}, "'code' is unknown"),
        ({"network": {"schema": "x"}, "metadata": {}}, "is missing"),
    ],
)
def test_a_file_that_describes_no_network_is_refused_by_name(path, description, told):
    write_container(path, {}, description)
    with pytest.raises(FormatError, match=told) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: ")


def test_a_file_is_refused_as_its_parts_are(path):
    net = network(cr.Dense(2))
    save(net.model, path, {})
    arrays, description = read_container(path)
    write_container(path, arrays, put(description, "network.loss.name", "evil.loss"))
    with pytest.raises(UnknownComponentError, match=r"model.safetensors: unknown loss 'evil.loss'"):
        cr.load(path)
    write_container(path, arrays, put(description, "network", description["network"] | {"safe_mode": False}))
    with pytest.raises(FormatError, match="'safe_mode' is unknown"):
        cr.load(path)


def test_reading_a_model_file_opens_that_file_and_nothing_else(path):
    """In a process of its own, as an audit hook stays for ever."""
    network(cr.Dense(2)).save(path)
    script = f"""
import sys, chainrule, chainrule.files
events = []
sys.addaudithook(lambda event, arguments: events.append((event, arguments)))
chainrule.load({str(path)!r})
events, names = list(events), {{event for event, _ in events}}
assert [a[0] for e, a in events if e == "open"] == [{str(path)!r}], events
assert not names & {{"import", "exec", "compile", "pickle.find_class", "socket.connect", "os.system"}}, names
"""
    subprocess.run([sys.executable, "-c", script], check=True, timeout=60)


# -------------------------------------------------------------------------------- anything at all
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)


@given(place=st.sampled_from([*FIELDS]), value=json_values)
def test_whatever_stands_in_a_field_only_our_errors_come_out(place, value):
    arrays, description = packed()
    try:
        model = unpack((arrays, put(description, place, value)))
    except (FormatError, UnknownComponentError):
        return
    assert pack(model)[1] == description  # what is let in is what the library would have written
