"""The bar of a diagnosis."""

import time

import pytest

import chainrule as cr
from chainrule.diagnosis import progress
from chainrule.diagnosis.progress import Bar


def wait_for(condition):
    end = time.monotonic() + 20
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    assert condition()


def test_the_bar_asked_for_counts_the_runs(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Bar(True) as bar:
        bar.tick()
        wait_for(lambda: bar._bar is not None)
        bar.tick()
        bar._bar.refresh()
    assert "diagnosing: run 2" in capsys.readouterr().err


@pytest.mark.parametrize("wanted", [None, False])
def test_without_a_terminal_or_unwanted_nothing_is_shown(wanted, capsys, monkeypatch):
    monkeypatch.setattr(progress, "PATIENCE", 0.0)
    with Bar(wanted) as bar:
        bar.tick()
        time.sleep(0.05)
    assert capsys.readouterr().err == ""


def test_none_of_the_runs_shows_a_bar_of_its_own(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    monkeypatch.setattr("chainrule.training.progress.PATIENCE", 0.0)
    net = cr.Network(1, [cr.Dense(1)], seed=0)
    cr.diagnose(net, [[1.0], [2.0]], [2.0, 4.0], optimizer=cr.SGD(0.1), epochs=5, progress=False)
    assert capsys.readouterr().err == ""


def test_on_a_terminal_it_appears_by_itself_but_not_for_short_work(capsys, monkeypatch):
    monkeypatch.setattr("sys.stderr.isatty", lambda: True)
    with Bar(None) as bar:
        bar.tick()
    assert capsys.readouterr().err == ""
    monkeypatch.setattr(progress, "PATIENCE", 0.01)
    with Bar(None) as bar:
        wait_for(lambda: bar._bar is not None)
    assert "diagnosing" in capsys.readouterr().err
