"""The pictures of sweeps and learning-rate tests."""

import numpy as np
import pytest
from matplotlib.collections import LineCollection

import chainrule as cr
from chainrule.core.format import number
from chainrule.sweeps import LearningRateTest, learning_rate_test, sweep

X = np.linspace(-1, 1, 8)[:, None]
T = X**2


def swept(**options):
    net = cr.Network(1, [cr.Dense(2, "tanh"), cr.Dense(1)], loss="squared_error", seed=0)
    return sweep(net, X, T, **{"epochs": 6, "batch_size": 4, "learning_rates": [0.1], **options})


def lines(ax):
    (found,) = [part for part in ax.collections if isinstance(part, LineCollection)]
    return found.get_segments()


def legend(ax):
    return [text.get_text() for text in ax.get_legend().get_texts()]


def test_every_run_is_a_thin_line_and_the_best_a_thick_one():
    found = swept(seeds=range(4))
    ax = found.plot()
    assert sorted(segment[-1, 1] for segment in lines(ax)) == sorted(found.loss[:, -1])
    (best,) = ax.lines
    assert best.get_ydata().tolist() == found.loss[found.best].tolist()
    assert legend(ax) == ["4 runs", f"best: run {found.best}, {number(found.final[found.best], 3)}"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("epoch", "loss")


def test_many_runs_have_a_band_and_a_median():
    found = swept(seeds=range(12))
    ax = found.plot()
    assert legend(ax)[:3] == ["12 runs", "middle 80 %", "median"]
    median = ax.lines[0].get_ydata()
    np.testing.assert_allclose(median, np.median(found.loss, axis=0))


def test_of_very_many_runs_some_are_drawn():
    ax = swept(seeds=range(220), epochs=2, engine="compiled").plot()
    assert len(lines(ax)) == 200
    assert legend(ax)[0] == "200 of 220 runs"


def test_the_validation_loss_is_drawn_where_there_is_one():
    found = swept(seeds=range(2), validation=(X, T))
    ax = found.plot()
    assert ax.get_ylabel() == "validation loss"
    assert ax.lines[0].get_ydata().tolist() == found.validation_loss[found.best].tolist()


def test_runs_that_diverged_are_counted_and_leave_the_picture():
    ax = swept(seeds=[0], learning_rates=[0.1, 30.0, 1e160], epochs=40).plot()
    assert "of 3 runs diverged" in ax.get_xlabel()
    assert ax.get_ylim()[1] < 100


def test_equal_losses_have_room_around_them():
    low, high = swept(learning_rates=[1e-300], batch_size=None).plot().get_ylim()
    assert low < high


# -------------------------------------------------------------------------------- learning rates
def tried(**options):
    net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
    return learning_rate_test(net, X, T, **{"low": 1e-3, "high": 10, "count": 9, "epochs": 8, **options})


def test_the_last_losses_stand_over_their_rates():
    found = tried()
    ax = found.plot()
    assert ax.get_xscale() == "log"
    shown = ax.lines[1]
    assert shown.get_xdata().tolist() == found.rates.tolist()
    assert shown.get_ydata()[:5].tolist() == found.last[:5].tolist()
    assert legend(ax)[:3] == ["at the beginning", "after 8 epochs", "not stable"]
    assert any(name.startswith("suggested") for name in legend(ax))


def test_where_all_rates_are_stable_nothing_is_shaded():
    assert "not stable" not in legend(tried(high=0.1).plot())


def test_where_no_rate_is_stable_all_is_shaded():
    found = LearningRateTest(cr.SGD(), np.array([1.0, 10.0]), np.array([[1.0, 2.0], [3.0, 4.0]]))
    ax = found.plot()
    assert "not stable" in legend(ax)
    assert not any(name.startswith("suggested") for name in legend(ax))


def test_where_all_diverged_there_is_no_picture():
    with pytest.raises(cr.InputError, match="all learning rates diverged"):
        tried(low=1e160, high=1e170).plot()
