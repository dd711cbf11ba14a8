"""to_python: the script that is written trains as the library does, for every row of every table."""

import ast
import shutil
import subprocess
import sys
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.core.activations import ACTIVATIONS, ElementwiseActivation
from chainrule.core.layers.normalization import Normalization
from chainrule.core.losses import LOSSES, ElementwiseLoss
from chainrule.errors import InputError
from chainrule.interchange.source import activation_functions as written_activations
from chainrule.interchange.source import loss_functions as written_losses
from chainrule.optimizers import OPTIMIZERS, schedules
from tests.strategies import cases

OWN = ElementwiseActivation(
    "ramp",
    "Max(0, z)",
    "made here",
    derivative_formula="Piecewise((1, z > 0), (0, True))",
    second_derivative_formula="0",
    phi=lambda z: np.maximum(0, z),
    phi_prime=lambda z: (z > 0).astype(z.dtype),
    phi_second=np.zeros_like,
)
X = np.array([[0.5, -1.0], [1.0, 2.0], [-0.3, 0.7], [2.0, 0.1], [-1.5, -0.4]])
T = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])


def run(script):
    """The script's names, after running it as an imported module would be."""
    tree = ast.parse(script)
    imported = [alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names]
    assert imported == ["numpy"]
    assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    names: dict[str, Any] = {"__name__": "script"}
    exec(compile(tree, "script.py", "exec"), names)
    return names


def trained_alike(net, x, t, *, weights=None, rtol=1e-12, **keywords):
    """Run the script of ``net``, fit ``net``, and hold parameters, losses, running statistics and outputs together."""
    keywords = {"seed": 3, "epochs": 3} | keywords
    script = net.to_python(x, t, weights=weights, **keywords)
    names = run(script)
    given = [names["WEIGHTS"]] if weights is not None else []
    parameters, losses = names["train"](names["X"], names["T"], *given)
    history = net.fit(x, t, weights=weights, **keywords)
    state = {f"running_{k}{l}": v for l, kept in enumerate(net.model.state, 1) for k, v in kept.items()}
    wanted = dict(net.parameters) | state
    assert list(parameters) == list(wanted)
    for name, value in wanted.items():
        alike(parameters[name], value, rtol)
    alike(losses, history.loss, rtol)
    alike(names["predict"](np.asarray(x, float), parameters), net.forward(x), rtol)
    return script


def alike(found, wanted, rtol=1e-12):
    wanted = np.asarray(wanted)
    assert np.shape(found) == wanted.shape
    np.testing.assert_allclose(found, wanted, rtol=0, atol=rtol * max(1.0, np.abs(wanted).max(initial=0)))


def small(activation="tanh", loss="squared_error", last="identity", **keywords):
    net = cr.Network(2, [cr.Dense(3, activation, **keywords), cr.Dense(2, last)], loss=loss, seed=1)
    net.parameters.vector[...] = np.random.default_rng(0).normal(size=net.parameters.vector.size)
    return net


# -------------------------------------------------------------------------------- the functions that are copied
Z = np.concatenate([-np.logspace(3.5, -9, 300), [-3.0, -1.0, 0.0, 1.0, 3.0], np.logspace(-9, 3.5, 300)])[:, None]


def same_numbers(found, wanted):
    close = np.abs(found - wanted) <= 2e-14 * np.maximum(np.abs(wanted), 1e-30)
    assert (close | (found == wanted)).all()


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name not in ("identity", "softmax")])
def test_a_written_activation_computes_what_the_row_does(name):
    row = ACTIVATIONS[name]
    assert isinstance(row, ElementwiseActivation)
    with np.errstate(all="ignore"):
        same_numbers(getattr(written_activations, name)(Z), row.value(Z))
        same_numbers(getattr(written_activations, f"{name}_prime")(Z), row.derivative(Z))


def test_written_softmax_computes_what_the_row_does():
    rng = np.random.default_rng(0)
    z, da = rng.normal(size=(50, 4)) * 10, rng.normal(size=(50, 4))
    a = ACTIVATIONS["softmax"].value(z)
    same_numbers(written_activations.softmax(z), a)
    same_numbers(written_activations.softmax_pull_back(a, da), ACTIVATIONS["softmax"].pull_back(z, a, da))


@pytest.mark.parametrize("name", [name for name in LOSSES if name != "mean_squared_error"])
def test_a_written_loss_computes_what_the_row_does(name):
    row, rng = LOSSES[name], np.random.default_rng(0)
    y, t = rng.normal(size=(400, 3)) * 5, rng.random((400, 3))
    y[::40] *= 30
    t[::3] = np.round(t[::3])
    if "logits" not in name and ("entropy" in name or name == "poisson"):
        y = np.clip(np.abs(y) / 10, 0, 1)
    value = getattr(written_losses, name)(y, t)
    same_numbers(value.sum(axis=1) if isinstance(row, ElementwiseLoss) else value, row.value(y, t))
    same_numbers(getattr(written_losses, f"{name}_prime")(y, t), row.derivative(y, t))


# -------------------------------------------------------------------------------- networks of every kind
@settings(max_examples=60)
@given(cases(), st.sampled_from([None, 1, 2]), st.booleans())
def test_a_random_networks_script_trains_as_fit_does(case, batch_size, shuffle):
    if not any(
        layer.trainable and case.net.parameters for layer in case.net.layers if not isinstance(layer, cr.Dropout)
    ):
        return
    if batch_size and any(isinstance(layer, cr.BatchNorm) for layer in case.net.layers):
        batch_size = None
    if np.isnan(case.t).all():
        return
    case.net.set_parameters(wired(case.net))
    trained_alike(
        case.net, case.x, case.t, weights=case.weights, batch_size=batch_size, shuffle=shuffle, optimizer=cr.SGD(0.01)
    )


def wired(net):
    """The parameters with 0 in place of weights that do not exist."""
    by_layer = [layer.effective(net.parameters.of_layer(l)) for l, layer in enumerate(net.layers, 1)]
    return {f"{key}{l}": value for l, kept in enumerate(by_layer, 1) for key, value in kept.items()}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_every_activation_is_written(name):
    trained_alike(small(name), X, T)


def test_constants_other_than_the_tables_are_written():
    script = trained_alike(small(cr.activation("leaky_relu", alpha=0.3)), X, T)
    assert "leaky_relu(z1, alpha=0.3)" in script
    script = trained_alike(small(loss=cr.loss("huber", delta=0.2)), X, T)
    assert "huber_prime(y, targets, delta=0.2)" in script


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_is_written(name):
    last = {"poisson": "exponential", "binary_cross_entropy": "sigmoid", "categorical_cross_entropy": "softmax"}
    trained_alike(small(loss=name, last=last.get(name, "identity")), X, T)


@pytest.mark.parametrize("optimizer", [kind() for kind in OPTIMIZERS.values()], ids=list(OPTIMIZERS))
def test_every_optimizer_is_written(optimizer):
    trained_alike(small(), X, T, optimizer=optimizer, epochs=6)


@pytest.mark.parametrize(
    "optimizer",
    [
        cr.SGD(0.05, momentum=0.9),
        cr.SGD(0.05, momentum=0.9, nesterov=True, weight_decay=0.1),
        cr.SGD(0.05, weight_decay=0.1),
        cr.Adam(schedules.Step(0.1, every=2, factor=0.5)),
        cr.SGD(schedules.Exponential(0.1)),
        cr.SGD(schedules.Cosine(0.1, 0.01)),
        cr.SGD(schedules.OneCycle(0.1)),
        cr.SGD(schedules.CosLog(0.1)),
        cr.Rprop(schedules.WarmUp(schedules.Cosine(0.1), 4)),
        cr.SGD(schedules.WarmUp(0.1, 5)),
    ],
    ids=repr,
)
@pytest.mark.parametrize("batch_size", [None, 2])
def test_momentum_decay_and_schedules_are_written(optimizer, batch_size):
    trained_alike(small(), X, T, optimizer=optimizer, batch_size=batch_size, epochs=6)


@pytest.mark.parametrize(
    "penalties", [{"l1": 0.1}, {"l2": 0.1, "l1": 0.2}, {"clip_norm": 0.3}, {"clip_value": 0.1, "clip_norm": 0.2}]
)
def test_penalties_and_clipping_are_written(penalties):
    trained_alike(small(bias="shared"), X, T, optimizer=cr.Adam(0.1), **penalties)


def test_a_frozen_layer_stays_and_nothing_below_the_lowest_learner_is_computed():
    layers = [cr.Dense(3, "tanh", trainable=False), cr.Dense(2, "sigmoid"), cr.Dense(2, trainable=False)]
    script = trained_alike(cr.Network(2, layers, seed=0), X, T, clip_norm=0.01)
    assert "dW2 =" in script
    assert "dW3 =" not in script
    assert "delta1" not in script.split("import numpy", 1)[1]


def test_neurons_with_activations_of_their_own_are_written():
    hidden = [cr.Neuron([0.3, -0.2], 0.1, phi) for phi in ("sigmoid", "relu", "identity")]
    net = cr.Network.from_neurons([hidden, [cr.Neuron([1.0, 2.0, -1.0], 0.0)]], loss="squared_error")
    assert "column_stack" in trained_alike(net, X, T[:, :1])


def test_dropout_draws_the_masks_that_fit_draws():
    net = cr.Network(2, [cr.Dense(8, "tanh"), cr.Dropout(0.4), cr.Dense(2), cr.Dropout(0.0)], seed=0)
    trained_alike(net, X, T, batch_size=2, epochs=5, seed=8)


def test_batch_norm_keeps_its_running_statistics():
    net = cr.Network(2, [cr.Dense(4), cr.BatchNorm("relu"), cr.LayerNorm(), cr.Dense(2)], seed=0)
    trained_alike(net, X, T, batch_size=3, epochs=5)


# -------------------------------------------------------------------------------- the notebooks' networks
def test_the_notebooks_networks_train_as_their_scripts_do():
    line = np.arange(10.0)[:, None]
    people, who = np.array([[-2.0, -1.0], [25.0, 6.0], [17.0, 4.0], [-15.0, -6.0]]), np.array([1.0, 0.0, 0.0, 1.0])
    neuron = cr.Network(3, [cr.Dense(1, "relu")], loss="squared_error", seed=0)
    neuron.set_parameters({"W1": [[2.12], [0.25], [1.45]], "b1": [0.57]})
    trained_alike(neuron, [[1.0, -2.0, 3.0]], [0.0], epochs=100, optimizer=cr.SGD(0.01))
    neuron.set_parameters({"W1": [[-3.0], [-1.0], [2.0]], "b1": [1.0]})
    trained_alike(neuron, [[1.0, -2.0, 3.0]], [0.0], epochs=20, optimizer=cr.SGD(0.001))
    shared = cr.Network(
        1, [cr.Dense(3, "relu", bias="shared"), cr.Dense(2, "relu", bias="shared")], loss="squared_error", seed=2
    )
    trained_alike(shared, line, np.hstack([2 * line + 3, line + 1]), epochs=300, optimizer=cr.SGD(0.001))
    people_net = cr.Network(2, [cr.Dense(2, "sigmoid"), cr.Dense(1, "sigmoid")], loss="squared_error", seed=1)
    trained_alike(people_net, people, who, epochs=200, batch_size=1, shuffle=False, optimizer=cr.SGD(0.5))
    deltas = cr.Network(3, [cr.Dense(2, "sigmoid"), cr.Dense(1, "sigmoid")], loss="half_squared_error", seed=3)
    trained_alike(deltas, [[1.0, 2.0, 3.0]], [1.0], epochs=200, optimizer=cr.SGD(0.1))


# -------------------------------------------------------------------------------- the script as a text
def test_the_script_runs_by_itself_and_prints_its_parameters(tmp_path):
    path = tmp_path / "script.py"
    path.write_text(small().to_python(X, T, epochs=2), encoding="utf-8")
    done = subprocess.run([sys.executable, "-W", "error", path], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "W2 =" in done.stdout


def test_every_derivative_of_a_small_network_is_a_line_with_its_formula():
    script = small("sigmoid").to_python(X, T)
    for name in ("da2", "delta2", "dW2", "db2", "da1", "da1_dz1", "delta1", "dW1", "db1"):
        assert any(line.strip().startswith(f"{name} =") and "  # d" in line for line in script.splitlines()), name


def test_without_data_the_script_has_a_function_that_takes_them():
    net = small()
    names = run(net.to_python(epochs=4, optimizer=cr.SGD(0.1)))
    parameters, _ = names["train"](X, T)
    net.fit(X, T, epochs=4, optimizer=cr.SGD(0.1))
    alike(parameters["W1"], net.parameters["W1"])


def test_a_large_networks_parameters_are_handed_in():
    net = cr.Network(60, [cr.Dense(100, "relu"), cr.Dense(2)], seed=0)
    x, t = np.random.default_rng(0).normal(size=(100, 60)), np.ones((100, 2))
    script = net.to_python(x, t, epochs=2, weights=np.ones(100))
    assert len(script) < 8000
    parameters, _ = run(script)["train"](x, t, np.ones(100), dict(net.parameters))
    net.fit(x, t, epochs=2, weights=np.ones(100))
    alike(parameters["W1"], net.parameters["W1"])


@pytest.mark.parametrize("last", ["identity", "softmax", "gelu_tanh"])
def test_no_line_is_wider_than_120_columns_and_numbers_keep_every_bit(last):
    layers = [cr.Dense(12, "gelu_tanh", mask=np.tri(12)), cr.BatchNorm("mish"), cr.LayerNorm("selu"), cr.Dropout(0.123)]
    net = cr.Network(12, [*layers, *(cr.Dense(12, "hard_sigmoid") for _ in range(9)), cr.Dense(2, last)], seed=0)
    optimizer = cr.NAdam(schedules.WarmUp(schedules.OneCycle(0.1, final_factor=12345.678), 10), weight_decay=0.0123)
    script = net.to_python(np.ones((2, 12)) / 3, [[1.0, np.nan]] * 2, optimizer=optimizer, l1=0.1, clip_norm=1 / 3)
    assert [line for line in script.splitlines() if len(line) > 120] == []
    assert (run(script)["PARAMETERS"]["W1"] == net.parameters["W1"]).all()


def test_ruff_finds_nothing_in_the_script(tmp_path):
    ruff = shutil.which("ruff")
    if ruff is None:
        pytest.skip("ruff is not installed")
    net = cr.Network(2, [cr.Dense(3, "gelu"), cr.BatchNorm("tanh"), cr.Dropout(0.5), cr.Dense(2, bias=None)], seed=0)
    path = tmp_path / "script.py"
    path.write_text(
        net.to_python(X, T, batch_size=2, optimizer=cr.NAdam(schedules.Cosine(0.1)), clip_norm=1.0), "utf-8"
    )
    checked = subprocess.run(
        [ruff, "check", "--isolated", "--select", "E4,E7,E9,F,W,I,B", path], capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stdout.decode()


def test_what_a_reader_must_know_stands_at_the_top():
    net = cr.Network(2, [cr.Dense(2)], loss="categorical_cross_entropy_from_logits", seed=0, dtype="float32")
    head = net.to_python(X, T).split("import numpy")[0]
    assert "apply it to the outputs to get predictions" in head
    assert "computed in float32, this script in float64" in head


# -------------------------------------------------------------------------------- what cannot be written
class OwnNorm(Normalization):
    """A layer of one's own."""

    def __init__(self):
        object.__setattr__(self, "activation", ACTIVATIONS["identity"])
        object.__setattr__(self, "epsilon", 1e-5)
        object.__setattr__(self, "trainable", True)

    axis = 1

    def statistics(self, a_in, state, run):
        return a_in.mean(axis=1, keepdims=True), a_in.var(axis=1, keepdims=True), True

    def options(self):
        return {}


@pytest.mark.parametrize(
    ("net", "told"),
    [
        (lambda: cr.Network(2, [cr.Dense(2, OWN)], seed=0), "activation 'ramp' of layer 1 is one of your own"),
        (lambda: cr.Network(2, [OwnNorm(), cr.Dense(2)], seed=0), "layer 1 is a OwnNorm, a layer of your own"),
        (lambda: cr.Network(2, [cr.Dense(2, trainable=False)], seed=0), "no layer of this network is trainable"),
        (lambda: cr.Network(2, [cr.Dense(2)], loss=own_loss(), seed=0), "loss 'mine' is one of your own"),
    ],
)
def test_what_cannot_be_written_is_refused_with_a_remedy(net, told):
    with pytest.raises(InputError, match=told):
        net().to_python(X, T)


def own_loss():
    from dataclasses import replace

    return replace(LOSSES["huber"], name="mine")


def test_a_rate_that_depends_on_losses_is_refused():
    with pytest.raises(InputError, match="cannot be written out as a formula of the time"):
        small().to_python(X, T, optimizer=cr.SGD(schedules.OnPlateau(0.1)))


def test_inputs_without_targets_are_refused():
    with pytest.raises(InputError, match="both x and t"):
        small().to_python(X)
