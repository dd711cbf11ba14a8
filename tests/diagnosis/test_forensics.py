"""What killed a unit, what overflowed first, which factor of the chain shrinks."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.diagnosis.replay import batch_rows, updates


def finding(d, code):
    return next(f for f in (*d.findings, *d.ruled_out) if f.code == code)


def lines():
    x = np.linspace(-1, 1, 12)[:, None]
    return x, 2 * x + 1


def test_the_update_and_the_row_that_killed_a_unit_are_named():
    x, t = lines()
    x, t = np.vstack([x, [[1.0]]]), np.vstack([t, [[-90.0]]])  # one row that pulls everything down
    net = cr.Network(1, [cr.Dense(3, "relu"), cr.Dense(1)], loss="squared_error", seed=2)
    net.set_parameters({"W1": [[1.0, 0.8, -0.5]], "b1": [0.5, 0.3, 0.2], "W2": [[1.0], [1.0], [1.0]], "b2": [0.0]})
    d = cr.diagnose(net, x, t, optimizer=cr.SGD(0.1), epochs=30, engine="reference", prove=False)
    deaths = finding(d, "dead-units").evidence["deaths"]
    first = deaths[0]
    assert first["unit"] == "a1[0]"
    assert first["update"] == 0
    assert first["row"] == 12
    assert first["margin"] > 0
    assert not first["revivable"]
    # held against the run itself: alive before that update, dead after it
    alive = net.trace(x)["a1"][:, 0].max()
    after = net.copy()
    after.fit(x, t, epochs=1, optimizer=cr.SGD(0.1), engine="reference")
    assert alive > 0
    assert after.trace(x)["a1"][:, 0].max() == 0


def test_a_unit_that_begins_dead_is_told_so():
    x, t = lines()
    net = cr.Network(1, [cr.Dense(2, "relu"), cr.Dense(2, "relu"), cr.Dense(1)], loss="squared_error", seed=0)
    net.set_parameters({"b2": [-50.0, 0.5]})
    d = cr.diagnose(net, x, t, optimizer=cr.SGD(0.01), epochs=20, prove=False)
    death = next(one for one in finding(d, "dead-units").evidence["deaths"] if one["unit"] == "a2[0]")
    assert death["update"] == -1
    assert death["revivable"]
    assert len(death["nearest_rows"]) == 3


def test_the_first_operation_to_overflow_is_told_from_those_that_carry_it():
    x, t = lines()
    x = x.copy()
    x[4, 0] = 1e200
    net = cr.Network(1, [cr.Dense(3, "relu"), cr.Dense(1)], loss="squared_error", seed=0)
    d = cr.diagnose(net, x, t, optimizer=cr.SGD(0.1), epochs=50, engine="reference")
    assert d.codes[0] == "non-finite"
    evidence = d.findings[0].evidence
    assert evidence["place"] == "x[4, 0]"
    assert evidence["rows_far_out"].tolist() == [4]
    overflow = evidence["overflow"]
    assert overflow["operation"].startswith("e = squared_error")
    assert (overflow["way"], overflow["row"], overflow["update"]) == ("forward", 4, 0)
    assert overflow["value"] == np.inf
    assert "E" in overflow["carriers"]


def test_a_run_that_diverges_by_its_rate_names_the_rate_and_lists_the_overflow():
    x, t = lines()
    net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
    d = cr.diagnose(net, x, t, optimizer=cr.SGD(3.0), epochs=2000, engine="reference")
    assert d.codes == ("learning-rate-too-large",)
    assert d.learning_rate.regime == "diverging"
    aside = next(f for f in d.ruled_out if f.code == "non-finite")
    assert aside.evidence["overflow"]["way"] in ("forward", "backward", "update")
    assert aside.evidence["overflow"]["update"] > 10


def test_vanishing_tells_slopes_from_weights():
    x, t = lines()
    deep = cr.Network(1, [cr.Dense(6, "sigmoid") for _ in range(6)] + [cr.Dense(1)], loss="squared_error", seed=0)
    evidence = finding(
        cr.diagnose(deep, x, t, optimizer=cr.SGD(0.1), epochs=20, prove=False), "vanishing-gradient"
    ).evidence
    assert evidence["factor"] == "slopes phi'(z)"
    assert [factor["layer"] for factor in evidence["factors"]] == list(range(1, 8))
    assert all(factor["slope"] <= 0.25 for factor in evidence["factors"][:-1])
    tiny = cr.initializer("normal", std=0.05)
    thin = cr.Network(
        1, [cr.Dense(6, "tanh", init=tiny) for _ in range(5)] + [cr.Dense(1)], loss="squared_error", seed=0
    )
    evidence = finding(
        cr.diagnose(thin, x, t, optimizer=cr.SGD(0.1), epochs=20, prove=False), "vanishing-gradient"
    ).evidence
    assert evidence["factor"] == "weights"


@pytest.mark.parametrize("shuffle", [True, False])
def test_a_run_gone_through_again_is_the_run(shuffle, ring):
    x, t = ring
    net = cr.Network(2, [cr.Dense(4, "tanh"), cr.Dense(1, "sigmoid")], loss="binary_cross_entropy", seed=0)
    d = cr.diagnose(
        net, x, t, optimizer=cr.Adam(0.05), epochs=3, batch_size=16, shuffle=shuffle, prove=False, engine="reference"
    )
    steps = list(updates(d.case, 3))
    assert len(steps) == 15
    for update, _, error in steps:
        assert error is None
        assert (batch_rows(d.case, update.number) == update.rows).all()
    _, model, _ = steps[-1]
    assert (model.parameters.vector == d.measurements.training.snapshots[-1].vector).all()
