"""Which engine and how many threads: by shapes and epochs alone."""

import os

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.layers import Dense
from chainrule.engine import threads
from chainrule.engine.choose import choose
from chainrule.engine.threads import available_threads, threads_for
from chainrule.errors import InputError
from chainrule.extend import Optimizer


def chain(*units):
    return cr.Network(units[0], [cr.Dense(u, "relu") for u in units[1:]], seed=0).model.chain


@pytest.mark.parametrize(
    ("units", "rows", "batch", "epochs", "wanted"),
    [
        ((2, 2, 1), 4, 1, 1000, "reference"),  # done before a compiler has started
        ((2, 2, 1), 4, 4, 10_000_000, "compiled"),
        ((784, 128, 10), 10_000, 64, 1, "reference"),
        ((784, 128, 10), 10_000, 64, 50, "compiled"),
        ((784, 128, 10), 1000, 0, 0, "reference"),  # a prediction
        ((784, 128, 10), 10_000_000, 0, 0, "compiled"),
    ],
)
def test_short_work_starts_at_once_and_long_work_gets_the_kernels(units, rows, batch, epochs, wanted):
    assert choose("auto", chain(*units), None, rows=rows, batch=batch, epochs=epochs) == wanted


def test_compiling_does_not_use_a_time_limit_up():
    long = {"rows": 10_000, "batch": 64, "epochs": 1000}
    assert choose("auto", chain(784, 128, 10), None, **long, time_limit=0.05) == "reference"
    assert choose("auto", chain(784, 128, 10), None, **long, time_limit=60.0) == "compiled"


def test_a_given_engine_is_taken():
    assert choose("reference", chain(784, 128, 10), None, rows=10**9) == "reference"
    assert choose("compiled", chain(2, 1), None, rows=1) == "compiled"


class Mine(Optimizer):
    def start(self, size, dtype, learning_rate):
        return {}

    def update(self, moments, g, eta, count):
        return eta * g, moments


def test_what_stands_in_the_way_of_compiling_is_named():
    with pytest.raises(InputError, match=r"engine='compiled' cannot run this network: the optimizer Mine is not"):
        choose("compiled", chain(2, 1), Mine(), rows=1)
    assert choose("auto", chain(2, 1), Mine(), rows=10**9, batch=1, epochs=10**9) == "reference"


def test_a_layer_of_ones_own_is_left_to_the_reference():
    class MyDense(Dense):  # pyright: ignore[reportGeneralTypeIssues] - final to the checker, not to the interpreter
        """A kind of its own to the engine, whatever it computes."""

    net = cr.Network(2, [MyDense(1)], seed=0)
    with pytest.raises(InputError, match="layer 1 is of a kind of its own, MyDense"):
        net.fit([[1.0, 2.0]], [1.0], engine="compiled")


def test_threads_are_those_asked_for_or_as_many_as_pay(monkeypatch):
    monkeypatch.setattr(threads, "available_threads", lambda: 8)
    assert threads_for(3, 1) == 3
    assert threads_for(None, 1000) == 1
    assert threads_for(None, 2_500_000) == 3
    assert threads_for(None, 10**12) == 8


def test_a_process_takes_no_more_threads_than_it_may(tmp_path, monkeypatch):
    assert 1 <= available_threads() <= (os.cpu_count() or 1)
    (tmp_path / "cpu.max").write_text("150000 100000\n")
    assert threads._quota(tmp_path) == 2
    (tmp_path / "cpu.max").write_text("max 100000\n")
    assert threads._quota(tmp_path) is None
    (tmp_path / "cpu.max").unlink()
    (tmp_path / "cpu").mkdir()
    (tmp_path / "cpu" / "cpu.cfs_quota_us").write_text("100000")
    (tmp_path / "cpu" / "cpu.cfs_period_us").write_text("100000")
    assert threads._quota(tmp_path) == 1
    assert threads._quota(tmp_path / "nowhere") is None


def test_limits_of_threadpoolctl_are_respected():
    from threadpoolctl import threadpool_limits

    np.matmul(np.ones((300, 300)), np.ones((300, 300)))
    with threadpool_limits(1):
        assert available_threads() == 1
