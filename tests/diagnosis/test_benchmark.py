"""The benchmark of diagnosis in small: what is planted is there, what is counted is counted rightly."""

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("sklearn")
sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks" / "diagnosis"))

import bases  # found by the line above
import cases
import exactness
import facts
import faults
import judging
import report
import rivals
import score
import setups
import truth
import watching

EASY = bases.Needs(data=frozenset({"blobs"}), optimizers=frozenset({"adam"}), depths=frozenset({1}))


def drawn(code, number=0):
    """A run with a fault, and the run it was planted in."""
    needs = faults.FAULTS[code].needs & bases.Needs(depths=frozenset({1, 2, 5}))
    for attempt in range(20):
        base = bases.draw(np.random.default_rng([number, attempt]), needs)
        spoilt = faults.FAULTS[code].plant(np.random.default_rng(attempt), replace(base, epochs=3))
        if spoilt is not None:
            return base, spoilt
    pytest.fail(f"{code} could be planted in none of 20 runs")


@pytest.mark.parametrize("code", [code for code in faults.CODES if code not in ("local-minimum", "unscaled-inputs")])
def test_each_fault_changes_the_run_it_is_planted_in(code):
    base, spoilt = drawn(code)
    names = [name for name in setups.Setup.__dataclass_fields__ if name != "epochs"]
    changed = [name for name in names if not np.array_equal(_plain(base, name), _plain(spoilt, name))]
    assert changed or code == "too-early-stop"
    spoilt.network()


def _plain(setup, name):
    return np.array(repr(getattr(setup, name))) if name not in ("x", "t", "x_raw") else getattr(setup, name)


def test_the_same_seed_draws_the_same_run():
    one, other = (cases.Case("tuning", "single", "linear-network", 3, attempt=2).setup() for _ in range(2))
    assert one.description() == other.description()
    assert np.array_equal(one.x, other.x)
    assert np.array_equal(one.network().parameters.vector, other.network().parameters.vector)


def test_the_parts_have_other_seeds():
    one, other = (cases.Case(part, "healthy", "", 0, attempt=0).base() for part in cases.SEEDS)
    assert one.description() != other.description()


def test_every_code_has_a_fault_and_a_row_of_what_else_is_true():
    assert set(truth.ALSO_TRUE) == set(faults.CODES)
    assert all(set(also) <= set(faults.CODES) for also in truth.ALSO_TRUE.values())
    assert {code for pair in truth.PAIRS for code in pair} <= set(faults.CODES)


def test_there_are_as_many_runs_as_the_issue_asks_for():
    both = [case for part in cases.SEEDS for case in cases.all_cases(part)]
    counts = {kind: sum(case.kind == kind for case in both) for kind in ("single", "pair", "healthy")}
    assert counts["single"] >= 400
    assert counts["pair"] >= 100
    assert counts["healthy"] >= 150
    assert len({case.key for case in both}) == len(both)


def test_faults_of_a_pair_can_be_planted_together():
    for pair in truth.PAIRS:
        assert cases.Case("held", "pair", " + ".join(pair), 0, attempt=0).base().network().outputs


def test_a_case_that_is_searched_is_spoilt_by_its_fault_alone():
    found = cases.search(cases.Case("tuning", "single", "linear-network", 0))
    assert setups.clearly_better(found.control, found.shortfall)
    assert not bases.sound(found.base())[1]
    assert "underfitting" in found.true


def test_conflicting_rows_bound_the_shortfall():
    base, spoilt = drawn("duplicate-or-conflicting-rows")
    assert faults.bound_of_conflicts(base) < 1e-9
    assert faults.bound_of_conflicts(spoilt) > 0.1


def test_dead_units_are_dead_and_saturated_ones_saturated():
    for code, fact in (("dead-units", facts.dead), ("saturated-units", facts.saturated)):
        base, spoilt = drawn(code)
        assert fact(spoilt.network(), spoilt)
        assert not fact(base.network(), base)


def test_the_shortfall_is_one_for_the_mean_and_zero_for_the_targets():
    setup = bases.draw(np.random.default_rng(0), EASY)
    net = replace(setup, output="identity", loss="mean_squared_error").network()
    net.set_parameters({"W2": 0 * net.parameters["W2"], "b2": setup.t.mean(axis=0)})
    assert setups.shortfall(net, setup.x, setup.t) == pytest.approx(1)
    assert setups.shortfall(net, setup.x, net.predict(setup.x) + np.array([1, 0, 0, 0])) == setups.WORST


def verdict(kind, name, named, facts=()):
    return score.Verdict(cases.Case("tuning", kind, name, 0, facts=list(facts)), tuple(named))


def test_scores_of_verdicts_made_by_hand():
    said = [
        verdict("single", "linear-network", ["linear-network", "underfitting"]),  # the second is true as well
        verdict("single", "dead-units", ["saturated-units", "dead-units"]),  # one wrong, and not first
        verdict("single", "dead-units", []),
        verdict("pair", "too-early-stop + output-range", ["output-range"]),
        verdict("healthy", "", []),
        verdict("healthy", "", ["overfitting"]),
    ]
    found = score.summary(said)
    assert found["recall"] == pytest.approx(3 / 5)
    assert found["precision"] == pytest.approx(4 / 6)
    assert found["false alarms"] == found["recall of two faults"] == 1 / 2
    assert found["first"] == pytest.approx(1 / 3)
    assert found["both of two"] == 0
    assert score.by_code(said)["dead-units"].recall == 1 / 2
    assert score.by_code(said)["dead-units"].first == 0


def test_a_code_is_true_beside_another_only_if_the_fact_holds():
    assert truth.also_true(("dead-units",), []) == frozenset()
    assert truth.also_true(("dead-units",), ["constant"]) == {"constant-output"}


def test_rules_of_other_tools_on_a_run_far_too_fast_and_on_a_sound_one():
    setup = replace(bases.draw(np.random.default_rng(1), EASY), epochs=60, batch_size=16, validation=None)
    seen = watching.watch(setup)
    assert rivals.auto_trainer(seen) == []
    assert "unscaled-inputs" in rivals.umlaut(seen)  # standardised inputs reach beyond 1
    fast = watching.watch(replace(setup.with_rate(1.0), epochs=3))
    assert "learning-rate-too-large" in rivals.umlaut(fast)
    assert "learning-rate-too-large" in rivals.thresholds(fast)


@pytest.mark.slow
def test_verdicts_become_tables():
    case = cases.search(cases.Case("tuning", "single", "linear-network", 0))
    found = {tool: [said] for tool, said in judging.judge(case, engine="reference").items()}
    assert set(found) == {judging.OURS, judging.UNPROVED, *rivals.RIVALS}
    assert found[judging.OURS][0].named[0] == "linear-network"
    text = report.report({"tuning": found}, {"Python": "3"})
    assert "| linear-network | 1 | 1/1 | 100 % (100 %)" in text
    assert "MISSED" not in report.misses(found)


def test_the_critical_rate_is_that_of_real_runs():
    rng = np.random.default_rng(0)
    problem = exactness.quadratic(rng)
    ours = exactness.critical_rate(problem, exactness.MOMENTUM["plain"])
    assert not exactness.too_large(problem, exactness.MOMENTUM["plain"], 0.999 * ours)
    assert exactness.too_large(problem, exactness.MOMENTUM["plain"], 1.001 * ours)
