"""Each code, planted in a small run: it is the first finding, its remedy can be applied, and mends it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.diagnosis.rules import RULES


def smooth():
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, size=(60, 2)) * np.sqrt(3)
    t = np.sin(1.5 * x[:, :1]) + 0.5 * x[:, 1:] ** 2
    return x, (t - t.mean(0)) / t.std(0)


def labels():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2))
    return x, (np.linalg.norm(x, axis=1) > 1.1).astype(float)[:, None]


def net(*layers, inputs=2, loss="mean_squared_error", seed=0):
    return cr.Network(inputs, list(layers), loss=loss, seed=seed)


def constant(value):
    return cr.initializer("constant", value=value)


def learning_rate_too_large():
    return net(cr.Dense(12, "tanh"), cr.Dense(1)), *smooth(), {"optimizer": cr.SGD(1.5), "epochs": 300}


def adam_too_large():
    return net(cr.Dense(12, "tanh"), cr.Dense(1)), *smooth(), {"optimizer": cr.Adam(30.0), "epochs": 300}


def learning_rate_too_small():
    return net(cr.Dense(12, "tanh"), cr.Dense(1)), *smooth(), {"optimizer": cr.SGD(1e-4), "epochs": 500}


def adam_too_small():
    return net(cr.Dense(12, "tanh"), cr.Dense(1)), *smooth(), {"optimizer": cr.Adam(2e-6), "epochs": 500}


def dead_units():
    layers = cr.Dense(10, "relu", bias_init=constant(-20.0)), cr.Dense(1)
    return net(*layers), *smooth(), {"optimizer": cr.SGD(0.1), "epochs": 400}


def saturated_units():
    wide = cr.initializer("normal", std=40.0)
    return net(cr.Dense(10, "tanh", init=wide), cr.Dense(1)), *smooth(), {"optimizer": cr.SGD(0.05), "epochs": 400}


def unscaled_inputs():
    x, t = smooth()
    return (
        net(cr.Dense(10, "tanh"), cr.Dense(1)),
        x * [100, 1] + [300, 0],
        t,
        {"optimizer": cr.SGD(0.05), "epochs": 400},
    )


def unscaled_targets():
    x, t = smooth()
    return net(cr.Dense(10, "tanh"), cr.Dense(1)), x, 500 * t + 2000, {"optimizer": cr.SGD(0.1), "epochs": 400}


def vanishing_gradient():
    layers = [cr.Dense(8, "sigmoid") for _ in range(6)]
    return net(*layers, cr.Dense(1)), *smooth(), {"optimizer": cr.SGD(0.3), "epochs": 400}


def exploding_gradient():
    wide = cr.initializer("normal", std=3.0)
    layers = [cr.Dense(10, "relu", init=wide) for _ in range(4)]
    return net(*layers, cr.Dense(1)), *smooth(), {"optimizer": cr.SGD(0.05), "epochs": 200}


def symmetric_start():
    same = constant(0.3)
    layers = cr.Dense(10, "tanh", init=same), cr.Dense(1, init=same)
    return net(*layers), *smooth(), {"optimizer": cr.SGD(0.2), "epochs": 600}


def output_range():
    return net(cr.Dense(10, "tanh"), cr.Dense(1, "sigmoid")), *smooth(), {"optimizer": cr.SGD(0.2), "epochs": 600}


def softmax_on_one_unit():
    layers = cr.Dense(10, "tanh"), cr.Dense(1, "softmax")
    return net(*layers, loss="binary_cross_entropy"), *labels(), {"optimizer": cr.Adam(0.05), "epochs": 300}


def logits_given_twice():
    layers = cr.Dense(10, "tanh"), cr.Dense(1, "sigmoid")
    return net(*layers, loss="binary_cross_entropy_from_logits"), *labels(), {"optimizer": cr.Adam(0.05), "epochs": 300}


def cross_entropy_of_no_probabilities():
    layers = cr.Dense(10, "tanh"), cr.Dense(1)
    return net(*layers, loss="binary_cross_entropy"), *labels(), {"optimizer": cr.SGD(0.1), "epochs": 300}


def linear_network():
    return net(cr.Dense(10), cr.Dense(1)), *smooth(), {"optimizer": cr.SGD(0.1), "epochs": 500}


def constant_output():
    return net(cr.Dense(10, "tanh"), cr.Dense(1)), *smooth(), {"optimizer": cr.SGD(0.05), "epochs": 500, "l2": 5.0}


def local_minimum():
    x = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]]) * 2 - 1
    one = net(
        cr.Dense(3, "tanh"), cr.Dense(1, "sigmoid"), loss="binary_cross_entropy", seed=23
    )  # a start that gets stuck
    return one, x, np.array([[0.0], [1.0], [1.0], [0.0]]), {"optimizer": cr.SGD(0.5), "epochs": 1500}


def overfitting():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(16, 6))
    t = x[:, :1] + rng.normal(size=(16, 1))
    held = rng.normal(size=(60, 6))
    validation = (held, held[:, :1] + rng.normal(size=(60, 1)))
    asked = {"optimizer": cr.Adam(0.01), "epochs": 400, "validation": validation}
    return net(cr.Dense(48, "tanh"), cr.Dense(1), inputs=6), x, t, asked


def underfitting():
    rng = np.random.default_rng(5)
    x = rng.uniform(-2, 2, size=(80, 1))
    t = np.sin(4 * x)
    return net(cr.Dense(1, "tanh"), cr.Dense(1), inputs=1), x, t / t.std(), {"optimizer": cr.Adam(0.03), "epochs": 800}


def ordered_data():
    x, t = labels()
    rows = np.argsort(t[:, 0], kind="stable")
    layers = cr.Dense(16, "tanh"), cr.Dense(1)
    asked = {"optimizer": cr.SGD(0.5), "epochs": 60, "batch_size": 8, "shuffle": False}
    return net(*layers, loss="binary_cross_entropy_from_logits"), x[rows], t[rows], asked


def non_finite():
    x, t = smooth()
    x = x.copy()
    x[7, 1] = 1e200
    return net(cr.Dense(10, "relu"), cr.Dense(1)), x, t, {"optimizer": cr.SGD(0.1), "epochs": 300}


def too_early_stop():
    return net(cr.Dense(12, "tanh"), cr.Dense(1)), *smooth(), {"optimizer": cr.SGD(0.2), "epochs": 8}


def impatience():
    asked = {"optimizer": cr.SGD(0.1), "epochs": 800, "patience": 1, "min_delta": 0.05}
    return net(cr.Dense(12, "tanh"), cr.Dense(1)), *smooth(), asked


def duplicate_or_conflicting_rows():
    x, t = smooth()
    x, t = np.vstack([x, x[:40]]), np.vstack([t, -t[:40]])
    return net(cr.Dense(12, "tanh"), cr.Dense(1)), x, t, {"optimizer": cr.Adam(0.02), "epochs": 500}


def frozen_layers():
    layers = cr.Dense(12, "tanh", trainable=False), cr.Dense(1, trainable=False)
    return net(*layers), *smooth(), {"optimizer": cr.SGD(0.2), "epochs": 300}


PLANTED = [
    ("frozen-layers", frozen_layers),
    ("learning-rate-too-large", learning_rate_too_large),
    ("learning-rate-too-large", adam_too_large),
    ("learning-rate-too-small", learning_rate_too_small),
    ("learning-rate-too-small", adam_too_small),
    ("dead-units", dead_units),
    ("saturated-units", saturated_units),
    ("unscaled-inputs", unscaled_inputs),
    ("unscaled-targets", unscaled_targets),
    ("vanishing-gradient", vanishing_gradient),
    ("exploding-gradient", exploding_gradient),
    ("symmetric-start", symmetric_start),
    ("output-range", output_range),
    ("loss-output-pair", softmax_on_one_unit),
    ("loss-output-pair", logits_given_twice),
    ("loss-output-pair", cross_entropy_of_no_probabilities),
    ("linear-network", linear_network),
    ("constant-output", constant_output),
    ("local-minimum", local_minimum),
    ("overfitting", overfitting),
    ("underfitting", underfitting),
    ("ordered-data", ordered_data),
    ("non-finite", non_finite),
    ("too-early-stop", too_early_stop),
    ("too-early-stop", impatience),
    ("duplicate-or-conflicting-rows", duplicate_or_conflicting_rows),
]


def test_every_code_is_planted_here():
    assert {code for code, _ in PLANTED} == {rule.code for rule in RULES}


SLOW = (vanishing_gradient, duplicate_or_conflicting_rows)
"""Deep networks, or many remedies: these diagnoses take longest."""


@pytest.mark.parametrize(
    ("code", "plant"),
    [pytest.param(*fault, marks=[pytest.mark.slow] * (fault[1] in SLOW)) for fault in PLANTED],
    ids=lambda p: getattr(p, "__name__", None),
)
def test_the_planted_fault_is_the_first_finding_and_its_remedy_mends_it(code, plant):
    network, x, t, asked = plant()
    before = network.parameters.vector.copy()
    d = cr.diagnose(network, x, t, seed=0, engine="reference", **asked)
    assert d.codes[:1] == (code,), d
    assert (network.parameters.vector == before).all()
    finding = d.findings[0]
    assert finding.proof.confirmed
    assert finding.proof.after < 0.75 * finding.proof.before
    assert 0 < finding.proof.share <= 1
    changed = finding.apply()
    assert changed.changes == (finding.remedy.text,)
    _, history = changed.fit()
    assert history.loss == pytest.approx(d.findings[0].proof.remedied, rel=1e-9) or finding.proof.unit.startswith(
        "valid"
    )
    assert d.to_dict()["findings"][0]["code"] == code


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("activation", ["tanh", "relu"])
def test_a_run_that_learns_is_healthy(seed, activation):
    x, t = smooth()
    one = cr.Network(2, [cr.Dense(16, activation), cr.Dense(1)], loss="mean_squared_error", seed=seed)
    d = cr.diagnose(one, x, t, optimizer=cr.Adam(0.02), epochs=600)
    assert d.healthy, d


def test_every_rule_has_its_file_and_its_source():
    from importlib import import_module

    for rule in RULES:
        module = import_module(f"chainrule.diagnosis.rules.{rule.code.replace('-', '_')}")
        assert module.RULE is rule
        assert rule.source
        assert rule.source.split()[0] in (module.__doc__ or "") or rule.source == "the activation's own range"


def test_every_rule_has_its_page_and_its_line_in_the_list_of_pages():
    pages = Path(__file__).parents[2] / "docs" / "findings"
    index = (pages / "index.md").read_text(encoding="utf-8")
    for rule in RULES:
        page = (pages / f"{rule.code}.md").read_text(encoding="utf-8")
        assert page.startswith(f"# {rule.code}\n")
        assert f"- [{rule.code}]({rule.code}.md): " in index


def test_two_faults_are_both_named():
    _, x, t, asked = output_range()
    linear = cr.Network(2, [cr.Dense(10), cr.Dense(1, "sigmoid")], loss="mean_squared_error", seed=0)
    d = cr.diagnose(linear, x, t, **(asked | {"epochs": 300}))
    assert set(d.codes) == {"output-range", "linear-network"}
    second = next(f for f in d.findings if f.case.changes)
    assert len(second.apply().changes) == 2


def test_a_rule_of_ones_own_is_asked_and_proved():
    from chainrule.extend import Remedy, Rule, Suspicion

    def judge(momentum, measurements):
        remedy = Remedy(
            "no momentum", {"optimizer": cr.SGD(0.1)}, lambda c: c.with_settings("no momentum", optimizer=cr.SGD(0.1))
        )
        return Suspicion(
            "too-much-momentum", "warning", "rule of thumb", {"momentum": momentum}, "So.", (remedy,), order=1
        )

    rule = Rule("too-much-momentum", "made here", lambda r: getattr(r.case.optimizer, "momentum", 0.0) or None, judge)
    network, x, t, _ = learning_rate_too_large()
    d = cr.diagnose(network, x, t, optimizer=cr.SGD(0.3, momentum=0.99), epochs=200, rules=[rule])
    assert "too-much-momentum" in {f.code for f in (*d.findings, *d.ruled_out)}


def test_without_proofs_suspicions_are_told_as_such():
    network, x, t, asked = linear_network()
    d = cr.diagnose(network, x, t, prove=False, **asked)
    assert "linear-network" in d.codes
    assert all(f.verdict == "suspected" and f.proof is None for f in d.findings)
    assert "suspicion" in str(d)


def test_the_same_call_gives_the_same_diagnosis():
    network, x, t, asked = unscaled_inputs()
    one, other = (cr.diagnose(network, x, t, **asked).to_dict() for _ in range(2))
    assert one == other


def test_what_cannot_be_diagnosed_is_refused():
    network, x, t, asked = linear_network()
    with pytest.raises(cr.InputError, match="at least one epoch"):
        cr.diagnose(network, x, t, **(asked | {"epochs": 0}))
    with pytest.raises(cr.InputError, match=r"must be a chainrule\.Network"):
        cr.diagnose(3, x, t, **asked)
    with pytest.raises(cr.InputError, match="validation must be"):
        cr.diagnose(network, x, t, validation=3, **asked)
    for rule in (cr.LBFGS(), cr.LevenbergMarquardt()):
        with pytest.raises(cr.InputError, match="diagnose needs an optimizer that makes one update of one gradient"):
            cr.diagnose(network, x, t, **(asked | {"optimizer": rule}))
    d = cr.diagnose(network, x, t, validation=0.25, **asked)
    with pytest.raises(ValueError, match="no remedy"):
        replace(d.findings[0], remedy=None).apply()
