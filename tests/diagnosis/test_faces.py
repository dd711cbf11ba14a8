"""How a diagnosis shows itself: text, HTML, plain data, pictures; from a history, and while a fit runs."""

import json
import pickle
import warnings

import matplotlib as mpl
import numpy as np
import pytest

import chainrule as cr
from chainrule.diagnosis import DiagnosisWarning, Watch
from chainrule.diagnosis.health import health
from chainrule.diagnosis.landscape import landscape


@pytest.fixture
def cycle(notebooks):
    """The first network of 002 and its diagnosis."""
    hidden = notebooks("hidden_layer_regression")
    net = hidden.two_layers(bias=None, scale=0.01)
    return net, cr.diagnose(net, hidden.X, 2 * hidden.X, optimizer=cr.SGD(0.01), epochs=300)


@pytest.fixture
def healthy(wave):
    x, t = wave
    net = cr.Network(2, [cr.Dense(8, "tanh"), cr.Dense(1)], loss="squared_error", seed=0)
    return cr.diagnose(net, x, t, optimizer=cr.Adam(0.03), epochs=300)


def test_text_tells_cause_remedy_proof_and_bystanders(cycle):
    text = str(cycle[1])
    assert text.startswith("one cause: learning-rate-too-large\n")
    assert "remedy: optimizer=SGD(0.00789) instead of SGD(0.01)" in text
    assert "that closes 100% of the gap" in text
    assert "looked at, not the cause:" in text
    assert "eta lambda = 2.28 (threshold 2)" in text
    assert str(cycle[1].findings[0]) in text


@pytest.fixture(scope="module")
def unexplained():
    """A square by a line, with rows to validate on."""
    x = np.linspace(-1, 1, 41)[:, None]
    net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
    return cr.diagnose(net, x, x**2, optimizer=cr.SGD(0.1), epochs=200, validation=(x + 0.01, (x + 0.01) ** 2))


def test_a_healthy_run_is_called_that(healthy):
    assert healthy.healthy
    assert str(healthy).startswith("healthy: nothing found")


def test_every_face_says_that_nothing_is_explained(unexplained):
    import matplotlib.pyplot as plt

    said = "not explained: it does no better than always answering the mean; on the validation rows it does no better "
    told = unexplained.to_dict()
    assert (told["outcome"], told["healthy"]) == ("not explained", False)
    assert told["headline"] == str(unexplained).split("\n")[0]
    assert told["headline"].startswith(said)
    assert said in unexplained._repr_html_()
    assert "<p>tried: all weights drawn afresh (reached 100 %)" in unexplained._repr_html_()
    figure = unexplained.plot()
    assert figure.get_suptitle().replace("\n", " ").startswith(said)
    assert [line.get_label() for line in figure.axes[0].lines] == ["training", "validation"]
    plt.close("all")


def test_a_history_says_so_too():
    x = np.linspace(-1, 1, 41)[:, None]
    net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
    assert net.fit(x, x**2, epochs=200, optimizer=cr.SGD(0.1)).diagnose().outcome == "not explained"


def test_html_holds_no_script_and_escapes(cycle, healthy):
    for d in (cycle[1], healthy):
        html = d._repr_html_()
        assert "<script" not in html
        assert html.count("<div") == html.count("</div>")
    assert "<svg" in cycle[1]._repr_html_()
    assert "<svg" not in healthy._repr_html_()


def test_a_run_without_a_finished_epoch_has_html_too():
    x = np.linspace(-1, 1, 12)[:, None]
    x[4, 0] = 1e200
    net = cr.Network(1, [cr.Dense(3, "relu"), cr.Dense(1)], loss="squared_error", seed=0)
    d = cr.diagnose(net, x, x, optimizer=cr.SGD(0.1), epochs=50)
    assert d.measurements.losses.size == 0
    assert d.findings[0].proof.baseline.size == 0
    assert "<svg" in d._repr_html_()


def test_former_names_go_on_working(cycle):
    from chainrule import diagnosis, extend

    d = cycle[1]
    assert (d.looked_at, d.readings) == (d.ruled_out, d.measurements)
    found = d.measurements
    assert (found.ran, found.yard) == (found.training, found.score)
    assert found.left == found.remaining_loss
    assert np.isnan(found.left_of_held)
    assert np.isnan(found.remaining_validation_loss)
    assert extend.Readings is extend.Measurements
    assert diagnosis.Proof is diagnosis.Rerun
    assert isinstance(d.findings[0].proof, diagnosis.Rerun)


def test_plain_data_is_ready_for_json(cycle):
    told = json.loads(json.dumps(cycle[1].to_dict()))
    assert told["schema"] == "chainrule/diagnosis"
    assert told["findings"][0]["code"] == "learning-rate-too-large"
    assert told["findings"][0]["arguments"]["optimizer"].startswith("SGD(learning_rate=0.00789")
    assert told["learning_rate"]["regime"] == "period two"
    assert json.dumps(cr.curvature(cycle[0], [[1.0]], [1.0]).to_dict())


def test_pictures(cycle, healthy, monkeypatch):
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    for d in (cycle[1], healthy):
        figure = d.plot()
        assert len([ax for ax in figure.axes if ax.get_title(loc="left")]) == 4
        figure.canvas.draw()
    plt.close("all")


def test_a_loss_off_the_page_leaves_the_remedied_run_in_sight():
    mpl.use("Agg")
    import matplotlib.pyplot as plt

    x = np.linspace(1, 4, 20)[:, None]
    net = cr.Network(1, [cr.Dense(6, "relu"), cr.Dense(1)], loss="squared_error", seed=0)
    d = cr.diagnose(net, x, np.sin(x), optimizer=cr.SGD(2.0), epochs=30, batch_size=2)
    proof = d.findings[0].proof
    assert not proof.baseline.max(initial=np.inf) < 1e9
    ax = d.plot().axes[0]
    low, high = ax.get_ylim()
    assert low < proof.remedied.min() <= proof.remedied.max() < high < 1e9 * proof.remedied.max()
    plt.close("all")


def test_health_and_landscape_are_records(cycle):
    measurements = cycle[1].measurements
    found = health(measurements)
    assert found.gradients.shape == found.units.shape == (2, len(found.epochs))
    assert ((found.gradients >= 0) & (found.gradients <= 1)).all()
    assert json.dumps(found.to_dict())
    land = landscape(measurements)
    assert 0.99 < land.share <= 1.0
    assert json.dumps(land.to_dict())
    # where the path ends the plane's loss is the run's own
    i, j = np.abs(land.across).argmin(), np.abs(land.along).argmin()
    assert land.loss[i, j] == pytest.approx(cycle[1].learning_rate.losses[-2], rel=0.3)


# -------------------------------------------------------------------------------- from a history
def test_a_history_diagnoses_the_run_it_comes_from(notebooks):
    hidden = notebooks("hidden_layer_regression")
    net = hidden.two_layers(bias=None, scale=0.01)
    history = net.fit(hidden.X, 2 * hidden.X, epochs=300, optimizer=cr.SGD(0.01), engine="reference")
    after = net.parameters.vector.copy()
    d = history.diagnose()
    assert d.codes == ("learning-rate-too-large",)
    assert d.measurements.losses == pytest.approx(history.loss)
    assert (net.parameters.vector == after).all()
    mended, again = d.findings[0].apply().fit()
    assert isinstance(mended, cr.Network)
    assert again.loss[-1] < 1e-12


def test_a_history_that_went_through_a_file_says_that_it_does_not_know_its_call():
    net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
    history = net.fit([[1.0], [2.0]], [1.0, 2.0], epochs=2)
    copied = pickle.loads(pickle.dumps(history))
    assert copied.losses == history.losses
    with pytest.raises(cr.InputError, match="does not know the call"):
        copied.diagnose()


def test_a_diverged_history_can_be_diagnosed():
    net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
    with pytest.raises(cr.DivergenceError) as caught:
        net.fit([[1.0], [2.0], [3.0]], [10.0, 20.0, 30.0], epochs=1000, optimizer=cr.SGD(0.5))
    history = caught.value.history
    assert isinstance(history, cr.History)
    assert history.diagnose().codes == ("learning-rate-too-large",)


# -------------------------------------------------------------------------------- while a fit runs
def test_the_watch_warns_once_after_three_readings(notebooks):
    hidden = notebooks("hidden_layer_regression")
    net = hidden.two_layers(bias=None, scale=0.01)
    watch = Watch(hidden.X)
    with pytest.warns(DiagnosisWarning, match="learning-rate-too-large") as caught:
        net.fit(hidden.X, 2 * hidden.X, epochs=200, optimizer=cr.SGD(0.01), callbacks={"epoch": watch})
    assert len(caught) == 1
    assert watch.alarms["learning-rate-too-large"].raised is not None


def test_the_watch_says_nothing_of_a_healthy_run(wave):
    x, t = wave
    net = cr.Network(2, [cr.Dense(8, "tanh"), cr.Dense(1)], loss="squared_error", seed=0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        net.fit(x, t, epochs=200, optimizer=cr.SGD(0.05), callbacks={"epoch": Watch(x)})


def test_the_watch_sees_dead_and_saturated_units(wave):
    x, t = wave
    said = []
    dead = cr.initializer("constant", value=-30.0)
    net = cr.Network(2, [cr.Dense(4, "relu", bias_init=dead), cr.Dense(4, "tanh", bias_init=dead), cr.Dense(1)], seed=0)
    net.fit(x, t, epochs=5, optimizer=cr.SGD(0.01), callbacks={"epoch": Watch(x, tell=said.append)})
    assert sorted(text.split(":")[0] for text in said) == ["dead-units", "saturated-units"]


def test_an_alarm_needs_three_bad_readings_and_nine_good_ones():
    from chainrule.diagnosis.watch import Alarm

    alarm = Alarm("dead-units")
    readings = "bb.bbb" + "." * 8 + "b" + "." * 9 + "bbb"
    said = [bool(alarm.read("wrong" if r == "b" else "", n)) for n, r in enumerate(readings)]
    assert [n for n, s in enumerate(said) if s] == [5]  # said once; two in a row were not enough
    assert alarm.raised == len(readings) - 1  # lowered by nine good readings, not by eight, then raised again
