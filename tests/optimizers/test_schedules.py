"""Learning-rate schedules, each against its formula."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import chainrule as cr
from chainrule.errors import InputError
from chainrule.optimizers.schedules import (
    Clock,
    Constant,
    Cosine,
    CosLog,
    Exponential,
    Memory,
    OneCycle,
    OnPlateau,
    Step,
    WarmUp,
    as_schedule,
)

rates = st.floats(1e-6, 10)
shares = st.floats(0.05, 0.95)


def rates_of(schedule, epochs=4, per_epoch=3):
    """The rates of a run, update by update."""
    clocks = [Clock.at(u, per_epoch, epochs) for u in range(epochs * per_epoch)]
    return [schedule.rate(clock, Memory()) for clock in clocks]


@given(rates)
def test_a_number_is_a_constant_schedule(eta):
    assert as_schedule(eta) == Constant(eta)
    assert set(rates_of(Constant(eta))) == {eta}
    assert as_schedule(Constant(eta)) == Constant(eta)


@given(rates, st.integers(1, 5), shares)
def test_step_falls_by_its_factor_every_so_many_epochs(eta, every, factor):
    expected = [eta * factor ** math.floor((u // 3) / every) for u in range(12)]
    assert rates_of(Step(eta, every, factor)) == pytest.approx(expected)


@given(rates, shares)
def test_exponential_falls_by_its_factor_each_epoch(eta, factor):
    assert rates_of(Exponential(eta, factor)) == pytest.approx([eta * factor ** (u // 3) for u in range(12)])


@given(rates, shares)
def test_cosine_is_half_a_wave_from_the_first_update_to_the_last(eta, share):
    final = share * eta
    expected = [final + (eta - final) * (1 + math.cos(math.pi * u / 11)) / 2 for u in range(12)]
    got = rates_of(Cosine(eta, final))
    assert got == pytest.approx(expected)
    assert (got[0], got[-1]) == pytest.approx((eta, final))
    assert rates_of(Cosine(eta))[-1] == pytest.approx(0, abs=1e-12)


def test_one_cycle_rises_to_eta_and_falls_to_its_end():
    got = rates_of(OneCycle(2.0, rise=0.3, start_factor=4.0, final_factor=100.0), epochs=101, per_epoch=1)
    assert (got[0], got[30], got[100]) == pytest.approx((0.5, 2.0, 0.02))
    assert got[15] == pytest.approx((0.5 + 2.0) / 2)
    assert got[65] == pytest.approx((2.0 + 0.02) / 2)
    assert got[:31] == sorted(got[:31])
    assert got[30:] == sorted(got[30:], reverse=True)


@pytest.mark.parametrize("schedule", [Cosine(0.5), OneCycle(0.5, start_factor=1.0)])
def test_a_run_of_one_update_begins_and_ends_at_once(schedule):
    assert schedule.rate(Clock(0, 0, 1, 1), Memory()) == pytest.approx(0.5)


@given(rates, st.integers(1, 6))
def test_cos_log_waves_become_longer_each_twice_as_far_from_the_beginning(eta, waves):
    got = rates_of(CosLog(eta, waves), epochs=2000, per_epoch=1)
    assert 0 < min(got) <= max(got) <= eta
    phase = [math.log2(1 + (2**waves - 1) * (u + 0.5) / 2000) for u in range(2000)]
    assert got == pytest.approx([eta * math.sin(math.pi * p) ** 2 for p in phase])
    tops = [u for u in range(1, 1999) if got[u - 1] < got[u] > got[u + 1]]
    expected = [2000 * (2 ** (k + 0.5) - 1) / (2**waves - 1) - 0.5 for k in range(waves)]
    assert tops == pytest.approx(expected, abs=1.01)


def test_cos_log_has_a_rate_even_for_a_run_of_one_update():
    assert CosLog(0.5).rate(Clock(0, 0, 1, 1), Memory()) > 0


@given(rates, st.integers(1, 20))
def test_warm_up_holds_another_schedule_down_at_first(eta, updates):
    then = Exponential(eta, 0.5)
    expected = [min(1, (u + 1) / updates) * rate for u, rate in enumerate(rates_of(then))]
    assert rates_of(WarmUp(then, updates)) == pytest.approx(expected)
    assert rates_of(WarmUp(eta, updates))[-1] == pytest.approx(eta * min(1, 12 / updates))


def cuts(schedule, losses):
    """How often the rate had been cut after each epoch of these losses."""
    memory, seen = Memory(), []
    for loss in losses:
        memory = schedule.observe(memory, loss)
        seen.append(memory.cuts)
    return seen


@pytest.mark.parametrize(
    ("losses", "expected"),
    [
        ([5, 4, 3, 2], [0, 0, 0, 0]),
        ([5, 5, 5, 5, 5], [0, 0, 1, 1, 2]),
        ([5, 6, 4, 5, 5, 5], [0, 0, 0, 0, 1, 1]),
        ([5, 4.6, 4.4, 4.2], [0, 0, 0, 0]),
        ([5, 4.95, 4.92, 4.91], [0, 0, 1, 1]),
        ([math.nan, math.nan, math.nan], [0, 1, 1]),
    ],
)
def test_on_plateau_cuts_after_patience_epochs_without_progress(losses, expected):
    schedule = OnPlateau(1.0, factor=0.5, patience=2, min_delta=0.1)
    assert cuts(schedule, losses) == expected
    assert cuts(WarmUp(schedule, 1), losses) == expected


def test_on_plateau_multiplies_by_its_factor_at_each_cut_down_to_the_lowest():
    schedule, clock = OnPlateau(1.0, factor=0.5, lowest=0.2), Clock(0, 0, 1, 1)
    assert [schedule.rate(clock, Memory(cuts=c)) for c in range(4)] == [1.0, 0.5, 0.25, 0.2]


def test_on_plateau_counts_any_progress_and_cuts_without_end_unless_told_otherwise():
    assert cuts(OnPlateau(1.0, patience=1), [5, 4.999, 4.998, 4.998]) == [0, 0, 0, 1]
    assert OnPlateau(1.0).rate(Clock(0, 0, 1, 1), Memory(cuts=20)) == pytest.approx(1e-20)


def test_others_do_not_look_at_the_losses():
    memory = Memory(1.0, 2, 3)
    assert all(s.observe(memory, 0.5) is memory for s in (Constant(1.0), Step(1.0), Cosine(1.0), OneCycle(1.0)))


X, T = [[1.0], [2.0]], [2.0, 4.0]


def test_fit_takes_each_updates_rate_from_the_schedule():
    net, schedule = cr.Network(1, [cr.Dense(1)], seed=0), WarmUp(Cosine(0.1, 0.01), 3)
    updates = list(net.training(X, T, epochs=4, batch_size=1, optimizer=cr.SGD(schedule)))
    assert [u.learning_rate for u in updates] == rates_of(schedule, epochs=4, per_epoch=2)


@pytest.mark.parametrize("validation", [None, (X, T)])
def test_fit_cuts_the_rate_on_a_plateau_of_validation_or_else_training_loss(validation):
    net = cr.Network(1, [cr.Dense(1, bias=None)], loss="squared_error", seed=0)
    net.set_parameters({"W1": [[2.0]]})  # nothing left to learn
    optimizer = cr.SGD(OnPlateau(0.1, factor=0.5, patience=2))
    history = net.fit(X, T, epochs=7, optimizer=optimizer, validation=validation)
    assert history.learning_rate.tolist() == [0.1, 0.1, 0.1, 0.05, 0.05, 0.025, 0.025]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: Constant(-1), "learning_rate must be a positive finite number, got -1"),
        (lambda: Step(0.1, every=0), "every must be a positive"),
        (lambda: Step(0.1, factor=math.inf), "factor must be a positive"),
        (lambda: Exponential(0.1, 0), "factor must be a positive finite number, got 0"),
        (lambda: Cosine(0.1, -1), "final must be a finite number from 0, got -1"),
        (lambda: Cosine("a"), "learning_rate must be a positive finite number, got 'a'"),
        (lambda: OneCycle(0.1, rise=1), "rise must be between 0 and 1, got 1"),
        (lambda: OneCycle(0.1, rise=0), "rise must be between 0 and 1, got 0"),
        (lambda: OneCycle(0.1, start_factor=0), "start_factor must be a positive"),
        (lambda: OneCycle(0.1, final_factor=0), "final_factor must be a positive"),
        (lambda: CosLog(0), "learning_rate must be a positive"),
        (lambda: CosLog(0.1, 0), "waves must be a positive"),
        (lambda: WarmUp("a"), "learning_rate must be a positive finite number, got 'a'$|got 'a'\\."),
        (lambda: WarmUp(0.1, 0), "updates must be a positive"),
        (lambda: OnPlateau(0.1, factor=1.0), "factor must be between 0 and 1, got 1.0"),
        (lambda: OnPlateau(0.1, patience=0), "patience must be a positive"),
        (lambda: OnPlateau(0.1, min_delta=-1), "min_delta must be a finite number from 0"),
        (lambda: OnPlateau(0.1, lowest=math.nan), "lowest must be a finite number from 0"),
    ],
)
def test_a_schedule_that_cannot_be_is_refused(make, told):
    with pytest.raises(InputError, match=told):
        make()
