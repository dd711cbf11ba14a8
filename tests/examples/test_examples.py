"""The example scripts print what the learners' notebooks print, to the last digit; the digits are typed here.

Each script is run once, from another directory, by the interpreter that runs the tests.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import chainrule as cr

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = ["relu_neuron", "chain_rule", "hidden_layer_regression", "two_two_one", "deltas"]


@cache
def printed(name: str) -> str:
    """What ``python examples/NAME.py`` prints when called from elsewhere, warnings being errors."""
    with tempfile.TemporaryDirectory() as elsewhere:
        done = subprocess.run(
            [sys.executable, "-W", "error", EXAMPLES / f"{name}.py"],
            cwd=elsewhere,
            env=os.environ | {"PYTHONPATH": str(Path(cr.__file__).parents[1]), "PYTHONUTF8": "1"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=False,
        )
    assert done.returncode == 0, done.stderr
    return done.stdout


@cache
def load(name: str) -> ModuleType:
    """The script as a module, its ``main`` not run."""
    spec = importlib.util.spec_from_file_location(f"example_{name}", EXAMPLES / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def has_lines(text: str, block: str) -> bool:
    """Whether the block stands in the text, in whole lines."""
    return f"\n{block.strip()}\n" in f"\n{text}\n"


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_script_runs_from_any_directory(name):
    assert printed(name)


def test_every_script_is_tested_and_described():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(SCRIPTS)
    readme = (EXAMPLES / "README.md").read_text(encoding="utf-8")
    assert all(f"{name}.py" in readme for name in SCRIPTS)


# -------------------------------------------------------------------------------- one ReLU neuron
def _adds_first_and_third_first(order):
    """Whether ``x @ w``, its inputs in that order, is ``(x[0] w[0] + x[2] w[2]) + x[1] w[1]`` on this processor."""
    x = np.array([1.0, -2.0, 3.0])
    return all(
        (x[None, order] @ w[order, None])[0, 0] == x[0] * w[0] + x[2] * w[2] + x[1] * w[1]
        for w in np.random.default_rng(0).normal(size=(200, 3))
    )


@pytest.mark.skipif(
    not (_adds_first_and_third_first([2, 0, 1]) or _adds_first_and_third_first([0, 1, 2])),
    reason="this processor adds three products neither from left to right nor in two lanes: the last digits differ",
)
def test_the_relu_neuron_has_the_notebooks_losses_and_outputs():
    assert has_lines(
        printed("relu_neuron"),
        """
step  0  loss [42.91471598]  output [6.55093245]
step 10  loss [0.03424262]  output [0.18504763]
step 20  loss [2.73229661e-05]  output [0.00522714]
step 30  loss [2.18016139e-08]  output [0.00014765]
step 40  loss [1.73960018e-11]  output [4.17085145e-06]
step 50  loss [1.3880664e-14]  output [1.1781623e-07]
step 60  loss [1.10756986e-17]  output [3.32801722e-09]
step 70  loss [8.83758156e-21]  output [9.40084122e-11]
step 80  loss [7.05293764e-24]  output [2.65573674e-12]
step 90  loss [5.66186503e-27]  output [7.52453655e-14]
""",
    )


def test_random_state_1024_gives_the_notebooks_start():
    assert has_lines(printed("relu_neuron"), "weights [2.12444863 0.25264613 1.45417876]  bias [0.56923979]")


def test_the_notebooks_last_cell_is_random_state_42():
    assert has_lines(printed("relu_neuron"), "weights [ 0.2140916   0.4269808  -0.20017911]  bias [1.24040731]")


def test_the_order_of_the_inputs_changes_only_rounding():
    relu_neuron = load("relu_neuron")
    neuron = relu_neuron.drawn_neuron(1024)
    swapped = relu_neuron.reordered(neuron, relu_neuron.ORDER)
    for _ in range(50):
        loss = neuron.step(relu_neuron.X, 0.0)
        assert swapped.step(relu_neuron.X[relu_neuron.ORDER], 0.0) == pytest.approx(loss, rel=1e-6)
    assert swapped.weights == pytest.approx(neuron.weights[relu_neuron.ORDER], rel=1e-14)


# -------------------------------------------------------------------------------- the chain rule
def test_the_chain_rule_has_the_notebooks_twenty_losses_in_full():
    assert has_lines(
        printed("chain_rule"),
        """
step  1  loss 36.0
step  2  loss 33.872400000000006
step  3  loss 31.870541159999995
step  4  loss 29.98699217744401
step  5  loss 28.21476093975706
step  6  loss 26.54726856821742
step  7  loss 24.978324995835766
step  8  loss 23.50210598858187
step  9  loss 22.113131524656684
step 10  loss 20.80624545154948
step 11  loss 19.576596345362915
step 12  loss 18.419619501351963
step 13  loss 17.331019988822057
step 14  loss 16.306756707482677
step 15  loss 15.34302738607045
step 16  loss 14.436254467553686
step 17  loss 13.58307182852126
step 18  loss 12.780312283455652
step 19  loss 12.024995827503426
step 20  loss 11.314318574097975
""",
    )


def test_the_chain_rule_ends_in_the_notebooks_parameters():
    by_hand, by_library = printed("chain_rule").split("\n\n")[2:]
    assert has_lines(by_hand, "weights [-3.18248226 -0.63503547  1.45255321]\nbias 0.8175177371706989")
    assert has_lines(by_library, "weights [-3.18248226 -0.63503547  1.45255321]")


def test_steps_by_hand_and_by_the_library_differ_only_in_rounding():
    apart = printed("chain_rule").split("differ from those above by at most ")[1]
    assert float(apart) < 1e-13


def test_whole_numbers_become_floats():
    assert has_lines(printed("chain_rule"), "given: <class 'numpy.int64'>  kept: <class 'numpy.float64'>")


# -------------------------------------------------------------------------------- one hidden layer
def regression(title: str) -> str:
    """The part of the regression script's output under a title."""
    return next(part for part in printed("hidden_layer_regression").split("\n=== ") if part.startswith(title + "\n"))


def losses(values: str) -> str:
    """Lines as the script prints them, of every hundredth loss."""
    return "\n".join(f"epoch {100 * k:4}  loss {value}" for k, value in enumerate(values.split()))


def test_without_bias_the_notebooks_run_is_met():
    text = regression("y = 2x, no bias")
    assert has_lines(text, losses("113.9959 8.4656 8.4656 8.4656 8.4656 8.4656 8.4656 8.4656 8.4656 8.4656"))
    assert has_lines(text, "W1 [[1.59530964]]  W2 [[1.59530964]]")
    assert has_lines(
        text,
        """
predictions
[[ 0.        ]
 [ 2.54501285]
 [ 5.09002571]
 [ 7.63503856]
 [10.18005141]
 [12.72506427]
 [15.27007712]
 [17.81508997]
 [20.36010282]
 [22.90511568]]
targets
[[ 0]
 [ 2]
 [ 4]
 [ 6]
 [ 8]
 [10]
 [12]
 [14]
 [16]
 [18]]
""",
    )


def test_with_bias_the_notebooks_run_is_met():
    text = regression("y = 2x + 3, with bias")
    assert has_lines(text, losses("162.8282 10.3533 7.2105 5.1797 3.7506 2.7163 1.9633 1.4154 1.0179 0.7302"))
    assert has_lines(text, "W1 [[1.54516413]]  W2 [[1.38274399]]")
    assert "\nb1 -1.2619867906488234  (" in text
    assert "\nb2 4.737832771104995  (" in text
    assert has_lines(
        text,
        """
predictions
[[ 2.99282812]
 [ 5.12939453]
 [ 7.26596094]
 [ 9.40252735]
 [11.53909375]
 [13.67566016]
 [15.81222657]
 [17.94879298]
 [20.08535939]
 [22.22192579]]
targets
[[ 3]
 [ 5]
 [ 7]
 [ 9]
 [11]
 [13]
 [15]
 [17]
 [19]
 [21]]
""",
    )


@pytest.mark.parametrize("title", ["y = 2x + 3, with ReLU", "The same with an activation made here"])
def test_with_relu_the_notebooks_run_is_met_by_name_and_by_an_own_activation(title):
    text = regression(title)
    assert has_lines(
        text,
        losses(
            "114.2859 11.4438 7.7742 5.7047 4.6576 4.0356 3.6277 3.3509 3.1612 3.0309 "
            "2.9412 2.8793 2.8365 2.8067 2.7861 2.7717 2.7617 2.7547 2.7498 2.7464 "
            "2.7441 2.7424 2.7412 2.7404 2.7399 2.7395 2.7392 2.7390 2.7389 2.7388"
        ),
    )
    assert has_lines(text, "W1 [[1.6121592]]  W2 [[1.43381945]]")
    assert "\nb1 -1.0314457218900595  (" in text
    assert "\nb2 4.3973232885666365  (" in text
    last_is_cut_off = """
predictions
[[ 4.39732329]
 [ 5.22996157]
 [ 7.5415068 ]
 [ 9.85305203]
 [12.16459725]
 [14.47614248]
 [16.7876877 ]
 [19.09923293]
 [21.41077816]
 [23.72"""
    assert last_is_cut_off in text


def test_a_loss_that_stands_still_hops_between_two_points():
    assert has_lines(regression("y = 2x, no bias"), "the last two losses: 8.4656, 17.8151")
    assert has_lines(regression("y = 2x + 3, with ReLU"), "the last two losses: 2.7387, 3.8997")


def test_fit_and_the_sum_row_after_row_differ_only_in_rounding():
    script = load("hidden_layer_regression")
    t = 2 * script.X + 3
    fitted, row_after_row = script.two_layers(scale=0.01), script.two_layers(scale=0.01)
    script.fit(fitted, t, 200)
    script.fit_row_after_row(row_after_row, t, 200)
    assert row_after_row.parameters.vector == pytest.approx(fitted.parameters.vector, rel=1e-12)


def plain_numpy_regression(x, t, hidden, epochs, learning_rate):
    """The notebook's general class, its mathematics written down once more without the library.

    Gives the means over all elements, before each step, and the parameters after the last one.
    """
    rng = np.random.RandomState(42)
    below, outputs = x.shape[1], t.shape[1]
    upper, shift1 = rng.random_sample((below, hidden)), rng.random_sample()
    lower, shift2 = rng.random_sample((hidden, outputs)), rng.random_sample()
    means = []
    for _ in range(epochs):
        net1 = x.dot(upper) + shift1
        units = net1 * (net1 > 0)
        net2 = units.dot(lower) + shift2
        error = net2 * (net2 > 0) - t
        means.append((error**2).mean())
        back2 = 2 * error * (net2 > 0) / len(x)  # by rows alone: the derivative of the squared error of a row
        back1 = back2.dot(lower.T) * (net1 > 0)
        lower, shift2 = lower - learning_rate * units.T.dot(back2), shift2 - learning_rate * back2.sum()
        upper, shift1 = upper - learning_rate * x.T.dot(back1), shift1 - learning_rate * back1.sum()
    return means, {"W1": upper, "b1": shift1, "W2": lower, "b2": shift2}


def test_several_units_and_outputs_agree_with_plain_numpy():
    script = load("hidden_layer_regression")
    t = np.hstack([2 * script.X + 3, script.X + 1])
    net = script.two_layers(3, 2, ("relu", "relu"))
    means, parameters = plain_numpy_regression(script.X, t, 3, 500, 0.001)
    history = script.fit(net, t, 500, learning_rate=0.001)
    assert history.loss / 2 == pytest.approx(np.array(means), rel=1e-10)
    for name, value in parameters.items():
        assert net.parameters[name] == pytest.approx(value, rel=1e-10)


def test_the_printed_mean_has_half_the_gradient_of_the_loss_that_is_descended():
    assert "ratio of gradients [2. 2. 2.]" in regression("Three hidden units, two outputs: 2x + 3 and x + 1")


# -------------------------------------------------------------------------------- two inputs, two units, one output
def test_units_built_by_hand_have_the_notebooks_outputs():
    assert has_lines(
        printed("two_two_one"),
        """
dot product of (1, 2) and (3, 2): 7
a unit with weights 0 and 1, bias 4, for (2, 3): 0.9990889488055994
which is sigmoid(7): 0.9990889488055994
the same unit for (1, 1): 0.9933071490757153
three such units, bias 0, as a network, for (2, 3): 0.7216325609518421
mean squared error of answering 0 for everyone: 0.5
""",
    )


def test_the_printed_run_solves_the_task():
    text = printed("two_two_one")
    assert text.count("epoch ") == 100
    assert float(text.split("loss in the end: ")[1].split()[0]) <= 0.001
    predictions = [float(line.split("prediction ")[1].split()[0]) for line in text.splitlines() if "prediction" in line]
    assert [y > 0.5 for y in predictions] == [True, False, False, True]


@pytest.mark.parametrize("seed", [0, 50, 99])
def test_other_seeds_solve_the_task_too(seed):
    script = load("two_two_one")
    net = script.drawn_network(seed)
    assert not script.solves_it(net)
    net.fit(script.X, script.T, epochs=1000, batch_size=1, shuffle=False, optimizer=cr.SGD(0.5))
    assert script.solves_it(net)


def test_exchanging_the_hidden_units_changes_the_start_but_nothing_printed():
    script = load("two_two_one")
    net = script.drawn_network(1)
    exchanged = net.copy()
    exchanged.set_parameters(
        {
            "W1": net.parameters["W1"][:, ::-1],
            "b1": net.parameters["b1"][::-1],
            "W2": net.parameters["W2"][::-1],
        }
    )
    here, there = script.train(net, 100), script.train(exchanged, 100)
    assert [loss for _, loss in there] == pytest.approx([loss for _, loss in here], rel=1e-12)


def test_training_row_by_row_agrees_with_plain_python():
    script = load("two_two_one")
    net = script.drawn_network(1)
    (w1, w3), (w2, w4) = net.parameters["W1"].tolist()
    (b1, b2), (b3,) = net.parameters["b1"].tolist(), net.parameters["b2"].tolist()
    (w5,), (w6,) = net.parameters["W2"].tolist()

    def squash(z):
        return 1 / (1 + np.exp(-z))

    for _ in range(100):
        for (u, v), t in zip(script.X, script.T, strict=True):
            h, k = squash(w1 * u + w2 * v + b1), squash(w3 * u + w4 * v + b2)
            y = squash(w5 * h + w6 * k + b3)
            top = -2 * (t - y) * y * (1 - y)
            left, right = top * w5 * h * (1 - h), top * w6 * k * (1 - k)
            w1, w2, b1 = w1 - 0.5 * left * u, w2 - 0.5 * left * v, b1 - 0.5 * left
            w3, w4, b2 = w3 - 0.5 * right * u, w4 - 0.5 * right * v, b2 - 0.5 * right
            w5, w6, b3 = w5 - 0.5 * top * h, w6 - 0.5 * top * k, b3 - 0.5 * top
    script.train(net, 100)
    by_python = [w1, w3, w2, w4, b1, b2, w5, w6, b3]
    assert net.parameters.vector == pytest.approx(np.array(by_python), rel=1e-9)


# -------------------------------------------------------------------------------- deltas
def test_the_notebooks_weights_before_its_step_are_met():
    assert has_lines(
        printed("deltas"),
        """
Before the step
neuron 0: [-0.41451339 -1.77081177 -1.15804613]
neuron 1: [-1.78363994 -1.89654933 -0.46369448]
output neuron: [-0.43875046  0.81212614]
""",
    )


def test_the_notebooks_step_is_met_to_the_last_digit():
    assert has_lines(
        printed("deltas"),
        """
After the notebook's step
neuron 0: [-0.41853992193557854, -1.778864844034011, -1.1701257432807464]
neuron 1: [-1.7761864539890273, -1.8816423677625997, -0.4413340381348142]
output neuron: [-0.4387411310235029, 0.8121493546532328]
estimate: 0.6131035670318141, error: 0.3868964329681859
""",
    )


def test_the_right_step_is_another_one_and_follows_the_gradient():
    script = load("deltas")
    net = script.network_before_the_step()
    mistaken, right = script.mistaken_step(net), script.right_step(net)
    assert mistaken["W2"] == pytest.approx(right["W2"], rel=1e-15)
    assert net.check_gradients(script.X, [1.0]).passed
    moved = np.abs(mistaken["W1"] - net.parameters["W1"]) / np.abs(right["W1"] - net.parameters["W1"])
    assert moved == pytest.approx(np.tile([984.65, 396.36], (3, 1)), rel=1e-4)


@pytest.mark.parametrize("b1", [(0.5394, 0.9905), (0.5404, 0.9908), (0.5404, 0.9905)])
def test_the_print_fixes_the_hidden_biases_only_to_three_digits(b1):
    script = load("deltas")
    net = script.network_before_the_step()
    step = script.LEARNING_RATE * net.trace(script.X, [1.0])["delta2"]
    after = script.mistaken_step(net)["W2"]
    z2 = net.trace(script.X)["z2"][0, 0]
    net.set_parameters({"b1": b1})
    a1 = net.trace(script.X)["a1"]
    W2 = after + step * a1.T
    net.set_parameters({"W2": W2, "b2": [z2 - (a1 @ W2)[0, 0]]})
    assert [f"{w:.8f}" for w in W2[:, 0]] == ["-0.43875046", "0.81212614"]
    assert float(net(script.X)[0, 0]) == pytest.approx(0.6131035670318141, rel=1e-15)
    assert script.mistaken_step(net)["W2"] == pytest.approx(after, rel=1e-15)


def test_the_exercises_end_in_small_losses():
    text = printed("deltas")
    ends = {line.split(":")[0]: float(line.split()[-1]) for line in text.splitlines() if " to " in line}
    assert list(ends) == ["3-2-1", "3-2-3", "3-4-3-3"]
    assert max(ends.values()) < 0.001
    assert text.count("3-2-1: loss") == 2
