"""What a diagnosis comes to: no run that learned nothing is called healthy, and every number of the headline is so."""

import json
import re

import numpy as np
import pytest
from scipy.optimize import OptimizeResult, minimize_scalar

import chainrule as cr

XOR = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])


def net(inputs, *layers, loss="mean_squared_error"):
    return cr.Network(inputs, list(layers), loss=loss, seed=0)


def xor_by_one_unit():
    return net(2, cr.Dense(1, "sigmoid"), loss="squared_error"), XOR, [0.0, 1.0, 1.0, 0.0], cr.SGD(0.5), 500


def square_by_a_line():
    x = np.linspace(-1, 1, 41)[:, None]
    return net(1, cr.Dense(1)), x, x**2, cr.SGD(0.1), 300


def circles_by_one_logit():
    angle, inner = np.linspace(0, 20, 120), np.arange(120) % 2
    x = np.column_stack([np.cos(angle), np.sin(angle)]) * (1 - 0.5 * inner[:, None])
    return net(2, cr.Dense(1), loss="binary_cross_entropy_from_logits"), x, inner * 1.0, cr.SGD(0.5), 300


def noise(seed=0, rows=100, inputs=3):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(rows, inputs)), rng.normal(size=rows)


def noise_as_targets():
    return net(3, cr.Dense(3, "tanh"), cr.Dense(1)), *noise(), cr.SGD(0.05), 160


def noise_as_inputs():
    x, t = noise(1)
    return net(3, cr.Dense(6, "tanh"), cr.Dense(1)), x, np.sin(t), cr.SGD(0.05), 160


def permuted_targets():
    x, _ = noise(2)
    t = np.random.default_rng(0).permutation(x[:, 0] + x[:, 1])
    return net(3, cr.Dense(1)), x, t, cr.SGD(0.1), 160


def random_labels():
    x, t = noise(3)
    labels = np.eye(3)[np.digitize(t, [-0.4, 0.4])]
    one = net(3, cr.Dense(4, "relu"), cr.Dense(3), loss="categorical_cross_entropy_from_logits")
    return one, x, labels, cr.Adam(0.005), 160


NOTHING_LEARNED = [
    xor_by_one_unit,
    square_by_a_line,
    circles_by_one_logit,
    noise_as_targets,
    noise_as_inputs,
    permuted_targets,
    random_labels,
]


@pytest.mark.parametrize("prove", [True, False])
@pytest.mark.parametrize("plant", NOTHING_LEARNED)
def test_a_run_that_learned_nothing_is_not_explained(plant, prove):
    network, x, t, optimizer, epochs = plant()
    d = cr.diagnose(network, x, t, optimizer=optimizer, epochs=epochs, prove=prove, engine="reference")
    assert (d.outcome, d.healthy) == ("not explained", False), d
    assert str(d).startswith("not explained: ")
    assert "always answering the " in d.to_dict()["headline"]
    assert d.remaining.training > 0.8
    for finding in d.ruled_out:
        assert finding.proof is None or f"{finding.proof.changed} (reached {100 * finding.proof.after:.3g} %" in str(d)


def test_the_headline_says_what_was_tried_and_what_each_reached():
    network, x, t, optimizer, epochs = xor_by_one_unit()
    d = cr.diagnose(network, x, t, optimizer=optimizer, epochs=epochs)
    assert str(d).split("\n")[0] == (
        "not explained: it does no better than always answering the mean; tried: activation 'identity' in layer 1 and "
        "loss 'binary_cross_entropy_from_logits' (reached 100 %), all weights drawn afresh (reached 100 %)"
    )


def test_a_share_is_told_where_the_run_beats_the_constant_answer():
    x = np.linspace(0, 1, 30)[:, None]
    d = cr.diagnose(net(1, cr.Dense(1)), x, np.abs(x - 0.3), optimizer=cr.SGD(0.5), epochs=2000)
    assert d.outcome == "not explained"
    told = re.match(r"not explained: ([\d.]+) % of what always answering the mean leaves is left; ", str(d))
    assert told is not None
    t = np.abs(x - 0.3)
    fitted = np.polynomial.Polynomial.fit(x[:, 0], t[:, 0], 1)(x[:, 0])
    assert float(told[1]) == pytest.approx(100 * np.var(t[:, 0] - fitted) / np.var(t), rel=1e-3)


def test_without_proofs_suspicions_do_not_go_with_healthy():
    x = np.linspace(-1, 1, 30)[:, None]
    asked = {"optimizer": cr.SGD(0.1), "epochs": 500}
    d = cr.diagnose(net(1, cr.Dense(4), cr.Dense(1)), x, 2 * x, prove=False, **asked)
    assert d.outcome == "not explained"
    assert str(d).startswith("not explained: one suspicion, not put to the test: linear-network; only ")
    proved = cr.diagnose(net(1, cr.Dense(4), cr.Dense(1)), x, 2 * x, **asked)
    assert proved.outcome == "healthy"


# -------------------------------------------------------------------------------- validation rows
def test_rows_learned_by_heart_are_not_healthy():
    x, t = noise(4, rows=80)
    asked = {"optimizer": cr.Adam(0.02), "epochs": 300, "validation": 0.5}
    d = cr.diagnose(net(3, cr.Dense(32, "tanh"), cr.Dense(1)), x, t, **asked)
    assert not d.healthy
    left = d.remaining.validation
    assert left is not None
    assert left > 0.9


def test_a_validation_loss_above_that_before_training_is_told():
    x = np.linspace(-1, 1, 40)[:, None]
    held = np.array([[0.1], [0.2], [0.3]])
    network = net(1, cr.Dense(1))
    network.set_parameters({"W1": [[0.0]], "b1": [0.0]})
    asked = {"optimizer": cr.SGD(0.2), "epochs": 200, "validation": (held, -held)}
    d = cr.diagnose(network, x, x, **asked)
    assert d.outcome == "not explained"
    risen = d.remaining.risen
    assert risen is not None
    before, after = risen
    assert before == pytest.approx(float(np.mean(held**2)))
    assert after == pytest.approx(d.measurements.validation_losses[-1])
    assert f"the validation loss is {after:.4g} in the end, above the {before:.4g} before training" in str(d)


def test_what_is_left_on_validation_rows_is_beside_their_own_mean():
    x = np.linspace(-1, 1, 40)[:, None]
    held = x + 5.0
    d = cr.diagnose(net(1, cr.Dense(1)), x, x, optimizer=cr.SGD(0.2), epochs=300, validation=(held, 0 * held + x**2))
    network, _ = d.case.fit()
    t = x**2
    left = np.mean((network.predict(held) - t) ** 2) / np.var(t)
    assert d.remaining.validation == pytest.approx(min(left, 10.0))
    assert not d.healthy


# -------------------------------------------------------------------------------- targets that do not vary
@pytest.mark.parametrize("value", [0.0, 0.1, 3.0])
@pytest.mark.parametrize("loss", ["mean_squared_error", "absolute_error", "poisson_from_logits"])
def test_of_constant_targets_there_is_nothing_to_learn(value, loss):
    x = np.linspace(-1, 1, 20)[:, None]
    network = net(1, cr.Dense(1), loss=loss)
    d = cr.diagnose(network, x, np.full(20, value), optimizer=cr.SGD(0.1), epochs=200)
    assert f"every target is {value:.6g}, so there is nothing to learn but this answer" in str(d).split("\n")[0]
    assert "best constant answer" not in str(d)


def test_constant_targets_that_were_learned_are_healthy_and_others_are_not():
    x = np.linspace(-1, 1, 20)[:, None]
    learned = cr.diagnose(net(1, cr.Dense(1)), x, np.full(20, 0.1), optimizer=cr.SGD(0.1), epochs=300)
    assert learned.healthy
    assert learned.remaining.training < 1e-6
    short = cr.diagnose(net(1, cr.Dense(1)), x, np.full(20, 0.1), optimizer=cr.SGD(1e-4), epochs=300)
    assert short.codes == ("learning-rate-too-small",)


# -------------------------------------------------------------------------------- other losses
def test_answering_the_quantile_that_is_asked_for_is_no_better_than_a_constant():
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(200, 1)), rng.normal(size=(200, 1))
    network = net(1, cr.Dense(1), loss=cr.loss("quantile", quantile=0.99))
    network.set_parameters({"W1": [[0.0]], "b1": [float(np.quantile(t, 0.99))]})
    d = cr.diagnose(network, x, t, optimizer=cr.SGD(1e-6), epochs=10)
    assert d.remaining.training == pytest.approx(1, abs=0.01)
    assert not d.healthy


def few_that_weigh_much():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 1))
    t = (rng.permutation(200) < 14).astype(float)[:, None]
    return x, t, np.where(t[:, 0] > 0, 100.0, 1.0)


def test_the_best_constant_answer_heeds_the_weights():
    x, t, w = few_that_weigh_much()
    network = net(1, cr.Dense(1), loss=cr.loss("quantile", quantile=0.9))
    d = cr.diagnose(network, x, t, optimizer=cr.Adam(0.01), epochs=600, weights=w)
    fitted, _ = d.case.fit()
    constant = 0.1 * np.average(1 - t[:, 0], weights=w)  # the answer 1, to which 0.9 of the weight reaches
    assert d.remaining.training == pytest.approx(fitted.loss(x, t, weights=w) / constant)
    assert not d.healthy


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "loss",
    [cr.loss(name) for name in ("absolute_error", "huber", "log_cosh", "squared_error", "mean_squared_error")]
    + [cr.loss("quantile", quantile=0.8)],
    ids=lambda loss: loss.name,
)
def test_no_constant_answer_leaves_less_than_the_best_one(loss, weighted):
    rng = np.random.default_rng(1)
    x, t = rng.normal(size=(30, 2)), 4 * rng.normal(size=(30, 2)) ** 3
    t[::4, 1] = np.nan
    asked = {"weights": rng.integers(0, 9, size=30).astype(float)} if weighted else {}
    d = cr.diagnose(net(2, cr.Dense(2), loss=loss), x, t, optimizer=cr.SGD(1e-6), epochs=3, prove=False, **asked)
    constant = net(2, cr.Dense(2), loss=loss)
    best, losses = np.zeros(2), []
    for _ in range(2):
        for k in range(2):
            grid = np.unique(np.concatenate([t[~np.isnan(t[:, k]), k], np.linspace(-9, 9, 1001)]))
            losses = []
            for c in grid:
                constant.set_parameters({"W1": np.zeros((2, 2)), "b1": np.where(np.arange(2) == k, c, best)})
                losses.append(constant.loss(x, t, **asked))
            best[k] = grid[int(np.argmin(losses))]
    whole = d.measurements.score.training.loss
    assert min(losses) * (1 - 1e-3) <= whole <= min(losses) * (1 + 1e-9)


@pytest.mark.parametrize("loss", ["squared_error", "absolute_error", "huber"])
def test_a_target_column_that_is_all_missing_counts_for_nothing(loss):
    rng = np.random.default_rng(0)
    x, t, held = rng.normal(size=(12, 2)), rng.normal(size=(12, 2)), rng.normal(size=(4, 2))
    t[:, 1] = held[:, 1] = np.nan
    asked = {"optimizer": cr.SGD(0.05), "epochs": 20, "prove": False}
    two = cr.diagnose(net(2, cr.Dense(2), loss=loss), x, t, validation=(x[:4], held), **asked)
    alone = net(2, cr.Dense(1), loss=loss)
    start = net(2, cr.Dense(2), loss=loss).parameters
    alone.set_parameters({"W1": start["W1"][:, :1], "b1": start["b1"][:1]})
    one = cr.diagnose(alone, x, t[:, :1], validation=(x[:4], held[:, :1]), **asked)
    assert two.remaining.training == pytest.approx(one.remaining.training)
    assert two.remaining.validation == pytest.approx(one.remaining.validation)
    t[:, 0] = 0.5
    same = cr.diagnose(net(2, cr.Dense(2), loss=loss), x, t, **asked)
    assert "every target is 0.5, so there is nothing to learn but this answer" in str(same).split("\n")[0]


def sure_and_wrong_in_a_few():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 1))
    t = (x[:, 0] > 0).astype(float)
    wrong = rng.permutation(200)[:6]
    t[wrong] = 1 - t[wrong]
    return x, t


@pytest.mark.parametrize("rows", ["training", "validation"])
@pytest.mark.parametrize("loss", ["binary_cross_entropy_from_logits", "categorical_cross_entropy_from_logits"])
def test_a_cross_entropy_above_that_of_the_classes_shares_is_not_healthy(loss, rows):
    x, t = sure_and_wrong_in_a_few()
    binary = loss.startswith("binary")
    network = net(1, cr.Dense(1 if binary else 2), loss=loss)
    network.set_parameters({"W1": [[300.0]] if binary else [[-300.0, 300.0]], "b1": [0.0] * (1 if binary else 2)})
    labels = t[:, None] if binary else np.column_stack([1 - t, t])
    right = ((x > 0) if binary else np.column_stack([x <= 0, x > 0])).astype(float)
    asked = {"optimizer": cr.SGD(1e-3), "epochs": 5, "prove": False}
    if rows == "training":
        d = cr.diagnose(network, x, labels, **asked)
    else:
        d = cr.diagnose(network, x, right, validation=(x, labels), **asked)
    share = t.mean()
    entropy = -share * np.log(share) - (1 - share) * np.log(1 - share)
    ended, constant = d.remaining.above[rows]
    assert ended == pytest.approx(d.case.fit()[0].loss(x, labels))
    assert constant == pytest.approx(entropy)
    assert not d.healthy
    assert d.to_dict()["remaining"]["above"][rows] == [ended, constant]
    where, whose = ("", "the") if rows == "training" else ("on the validation rows ", "their")
    told = f"{where}the loss is {ended:.4g}, above the {constant:.4g} of always answering {whose} classes' shares"
    assert told in d.to_dict()["headline"]
    assert "% of the best constant answer's squared distance from the labels" in str(d).split("\n")[1]


def test_a_run_far_off_is_told_as_so_far_or_further_in_every_line():
    x = np.linspace(-1, 1, 20)[:, None]
    network = net(1, cr.Dense(1))
    network.set_parameters({"W1": [[300.0]], "b1": [0.0]})
    d = cr.diagnose(network, x, 0.1 * x, optimizer=cr.SGD(1e-6), epochs=5, prove=False, validation=(x, 0.1 * x))
    first, second, *_ = str(d).split("\n")
    assert "1000 % or more" in first
    assert second.count("1000% or more") == 2
    assert "1000.0%" not in str(d)


# -------------------------------------------------------------------------------- no curvature
@pytest.mark.parametrize("size", [8.0, 15.0, 40.0])
def test_no_rate_is_too_small_by_the_curvature_of_saturated_units(size):
    rng = np.random.default_rng(0)
    x = rng.normal(size=(40, 2))
    t = (x[:, 0] + 0.5 * rng.normal(size=40) > 0).astype(float)
    network = net(2, cr.Dense(4, "sigmoid"), cr.Dense(1, "sigmoid"), loss="squared_error")
    first = network.parameters
    network.set_parameters({name: size * (first[name] + (name[0] == "b")) for name in first})
    d = cr.diagnose(network, x, t, optimizer=cr.SGD(1000.0), epochs=50, prove=False)
    assert "learning-rate-too-small" not in d.codes
    assert d.learning_rate.regime != "too small"
    assert "saturated-units" in d.codes


def test_where_the_loss_has_no_curvature_there_is_no_critical_rate():
    x = np.linspace(-1, 1, 20)[:, None]
    network = net(1, cr.Dense(1), loss="absolute_error")
    d = cr.diagnose(network, x, 2 * x, optimizer=cr.SGD(1e-4), epochs=30, prove=False)
    told = "none: the loss curves up in no direction there"
    assert f"  critical rate {told}" in str(d)
    assert f"critical rate  {told}" in str(cr.curvature(network, x, 2 * x))
    assert d.learning_rate.regime != "too small"
    assert not re.search(r"\binf\b", str(d))


def test_a_loss_that_stands_still_needs_no_number_of_epochs():
    x = np.linspace(-1, 1, 20)[:, None]
    d = cr.diagnose(net(1, cr.Dense(1)), x, 2 * x, optimizer=cr.Adam(1e-300), epochs=30, prove=False)
    assert "learning-rate-too-small" in d.codes
    assert re.search(
        r"The loss stayed at [\d.]+; in the end it does not fall\. Learning rate 1e-300 is too small", str(d)
    )
    assert not re.search(r"\binf\b", str(d))


# -------------------------------------------------------------------------------- drawn by seed
def drawn(seed):
    """A run of any kind: learnable or not, with validation rows or without, any loss: (network, x, t, arguments)."""
    rng = np.random.default_rng(seed)
    rows, inputs = int(rng.choice([5, 20, 60])), int(rng.integers(1, 4))
    x = rng.normal(size=(rows, inputs))
    targets = {
        "noise": rng.normal(size=(rows, 1)),
        "learnable": np.tanh(x @ rng.normal(size=(inputs, 1))),
        "constant": np.full((rows, 1), rng.choice([0.0, 0.1, -3.7])),
    }
    t = targets[str(rng.choice(list(targets)))]
    loss = str(rng.choice(["squared_error", "absolute_error", "huber", "binary_cross_entropy_from_logits"]))
    if "binary" in loss:
        t = (t > 0).astype(float)
    layers = [cr.Dense(6, str(rng.choice(["tanh", "relu"])), trainable=bool(rng.random() > 0.2))]
    layers = [*layers[: int(rng.integers(2))], cr.Dense(1, trainable=bool(rng.random() > 0.2))]
    network = cr.Network(inputs, layers, loss=loss, seed=seed)
    rates = [cr.SGD(1e-3), cr.SGD(0.1), cr.SGD(50.0), cr.Adam(0.05)]
    asked = {"optimizer": rates[int(rng.integers(len(rates)))], "epochs": int(rng.choice([1, 10, 40]))}
    if rng.random() < 0.5:
        asked["validation"] = 0.4
    return network, x, t, asked | {"prove": bool(rng.random() < 0.6), "engine": "reference"}


def remaining_share(d, network, data):
    """1 - R^2 and its like, without the yardstick: the share of the loss of the mean, or of the median."""
    answers, t = network.predict(data.x), data.t
    if "binary" in d.case.chain.loss.name:
        return np.sum((answers - t) ** 2) / np.sum((t - t.mean()) ** 2)
    value = d.case.chain.loss.value
    by_loss = minimize_scalar(
        lambda c: value(np.full_like(t, c), t).mean(), bounds=(t.min(), t.max()), method="bounded"
    )
    assert isinstance(by_loss, OptimizeResult)
    constants = [np.full_like(t, c) for c in (t.mean(), np.median(t), by_loss.x)]
    return value(answers, t).mean() / min(value(c, t).mean() for c in constants)


@pytest.mark.parametrize("seed", range(24))
def test_healthy_is_said_of_no_run_that_left_much(seed):
    network, x, t, asked = drawn(seed)
    d = cr.diagnose(network, x, t, **asked)
    told = d.to_dict()
    assert json.dumps(told, allow_nan=False)
    assert str(d).split("\n")[0] == told["headline"]
    assert told["headline"].startswith({"cause found": ("one", "two", "three")}.get(d.outcome, d.outcome))
    assert not re.search(r"\b(nan|inf)\b", told["headline"])
    assert (d.outcome == "cause found") == bool(d.findings and d.proved)
    assert d._repr_html_().count("<p>") == d._repr_html_().count("</p>")
    if d.measurements.training.error is None:
        fitted, history = d.case.fit()
        for data, left in ((d.case.data, d.remaining.training), (d.case.validation, d.remaining.validation)):
            if data is not None and np.ptp(data.t) > 0:
                found = remaining_share(d, fitted, data)
                assert left == pytest.approx(min(found, 10.0), rel=1e-6, abs=1e-9)
                assert not (d.healthy and found > 0.2)
        if d.healthy and d.case.validation is not None:
            left = d.remaining.validation
            assert left is not None
            assert left <= 0.05 or history.validation_loss[-1] <= network.loss(*d.case.validation[:2])
