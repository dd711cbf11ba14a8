"""The notebooks of the seeds: what their runs are, and what they are not."""

import numpy as np
import pytest

import chainrule as cr


@pytest.fixture
def hidden(notebooks):
    return notebooks("hidden_layer_regression")


def test_002s_first_network_hops_in_a_cycle_of_period_two(hidden):
    net = hidden.two_layers(bias=None, scale=0.01)
    before = net.parameters.vector.copy()
    d = cr.diagnose(net, hidden.X, 2 * hidden.X, optimizer=cr.SGD(0.01), epochs=1000)
    assert d.codes == ("learning-rate-too-large",)
    rate = d.learning_rate
    assert rate.regime == "period two"
    assert rate.eta_lambda == pytest.approx(2.28, abs=5e-4)
    assert rate.critical_rate == pytest.approx(0.00877, abs=5e-6)
    assert sorted(np.round(rate.losses[-2:], 4)) == [8.4656, 17.8151]
    assert {name for name, _ in rate.direction} == {"W1[0, 0]", "W2[0, 0]"}
    assert d.findings[0].certainty == "exact"
    assert d.findings[0].proof.after < 1e-20
    assert {f.code for f in d.ruled_out} >= {"linear-network"}
    assert (net.parameters.vector == before).all()


def test_002s_second_network_zigzags_and_converges(hidden):
    d = cr.diagnose(hidden.two_layers(scale=0.01), hidden.X, 2 * hidden.X + 3, optimizer=cr.SGD(0.01), epochs=1000)
    assert d.healthy
    assert d.learning_rate.regime == "zig-zag"
    assert d.learning_rate.normal


def test_002s_relu_network_is_the_same_illness_and_its_unit_a_bystander(hidden):
    net = hidden.two_layers(activations=("relu", "relu"))
    d = cr.diagnose(net, hidden.X, 2 * hidden.X + 3, optimizer=cr.SGD(0.01), epochs=3000)
    assert d.codes == ("learning-rate-too-large",)
    assert d.learning_rate.regime == "period two"
    assert sorted(np.round(d.learning_rate.losses[-2:], 4)) == [2.7387, 3.8997]
    bystander = next(f for f in d.ruled_out if f.code == "dead-units")
    assert bystander.verdict.startswith("not the cause")
    assert bystander.evidence["rows_on_which_a_layer_is_off"] == {1: [0]}
    assert d.findings[0].proof.after < 1e-20


@pytest.mark.parametrize(("rate", "falls"), [(0.008, True), (0.009, False)])
def test_the_critical_rate_of_the_relu_network_lies_between(hidden, rate, falls):
    net = hidden.two_layers(activations=("relu", "relu"))
    history = net.fit(hidden.X, 2 * hidden.X + 3, epochs=3000, optimizer=cr.SGD(rate), engine="reference")
    assert (history.loss[-1] < 1e-3) == falls
    assert (history.loss[-1] < 0.5 * history.loss[-500]) == falls  # and it goes on falling


def test_003_learns_in_spite_of_its_inputs_and_what_could_be_the_matter_is_told(notebooks):
    e = notebooks("two_two_one")
    d = cr.diagnose(
        e.drawn_network(1), e.X, e.T, optimizer=cr.SGD(0.5), epochs=1000, batch_size=1, shuffle=False
    )  # fmt: skip
    assert d.healthy
    aside = {f.code: f for f in d.ruled_out}
    assert {"unscaled-inputs", "saturated-units"} <= set(aside)
    assert aside["unscaled-inputs"].evidence["condition_number"] > 1000
    assert aside["saturated-units"].evidence["share_flat"][0] > 0.5


def test_003_with_the_raw_weights_and_heights_fails_by_its_inputs(notebooks):
    e = notebooks("two_two_one")
    raw = e.X + np.array([135.0, 66.0])
    d = cr.diagnose(
        e.drawn_network(1), raw, e.T, optimizer=cr.SGD(0.5), epochs=1000, batch_size=1, shuffle=False
    )  # fmt: skip
    assert d.codes[0] == "unscaled-inputs"
    assert "saturated-units" in {f.code for f in (*d.findings, *d.ruled_out)}
