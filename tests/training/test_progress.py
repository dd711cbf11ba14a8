"""The progress bar: silent on short work, there on long work on a terminal, there at once when asked for."""

import io
import sys

import pytest

import chainrule as cr
from chainrule.training import progress


class Screen(io.StringIO):
    """An error stream that may be a terminal."""

    def __init__(self, terminal):
        super().__init__()
        self.terminal = terminal

    def isatty(self):
        return self.terminal


def shown(monkeypatch, *, terminal, long, wanted, **settings):
    screen = Screen(terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "PATIENCE", 0.0 if long else 60.0)
    net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
    net.fit([[1.0], [2.0]], [1.0, 2.0], epochs=7, progress=wanted, **settings)
    return screen.getvalue()


@pytest.mark.parametrize(
    ("terminal", "long", "wanted", "there"),
    [
        (True, False, None, False),
        (True, True, None, True),
        (False, True, None, False),
        (False, False, True, True),
        (True, False, True, True),
        (True, True, False, False),
    ],
)
def test_a_bar_is_shown_on_long_work_or_when_asked_for(monkeypatch, capsys, terminal, long, wanted, there):
    text = shown(monkeypatch, terminal=terminal, long=long, wanted=wanted)
    assert bool(text) == there
    assert ("7/7" in text) == there
    assert capsys.readouterr().out == ""


def test_long_work_is_more_than_a_second():
    assert progress.PATIENCE == 1.0


def test_it_tells_training_and_validation_loss(monkeypatch):
    text = shown(monkeypatch, terminal=False, long=False, wanted=True, validation=([[1.0]], [1.0]))
    assert "loss " in text
    assert ", validation " in text


def test_without_an_error_stream_nothing_is_shown(monkeypatch):
    monkeypatch.setattr(sys, "stderr", None)
    net = cr.Network(1, [cr.Dense(1)], seed=0)
    assert net.fit([[1.0]], [1.0], epochs=2).epochs == 2


def test_a_bar_is_closed_when_training_diverges(monkeypatch):
    screen = Screen(False)
    monkeypatch.setattr(sys, "stderr", screen)
    net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
    with pytest.raises(cr.DivergenceError):
        net.fit([[1.0]], [1e9], epochs=10**6, optimizer=cr.SGD(1e6), progress=True)
    assert "training" in screen.getvalue()
