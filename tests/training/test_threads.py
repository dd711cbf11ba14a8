"""How many threads a run's matrix products may use."""

import numpy as np
import pytest
from threadpoolctl import threadpool_info

import chainrule as cr


def threads_while_training(units, rows):
    """The most threads of any linear algebra library, seen by a callback."""
    seen = []
    net = cr.Network(units, [cr.Dense(units)], seed=0)
    x = np.zeros((rows, units))

    def look(event):
        seen.append(max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"))

    net.fit(x, x, epochs=1, callbacks={"update": look})
    return seen[0]


@pytest.fixture
def threads_before():
    np.matmul(np.ones((2, 2)), np.ones((2, 2)))
    return max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas")


def test_small_products_get_one_thread(threads_before):
    assert threads_while_training(64, 256) == 1


@pytest.mark.parametrize(("units", "rows"), [(2, 4), (512, 512)])
def test_tiny_and_large_products_are_left_alone(threads_before, units, rows):
    assert threads_while_training(units, rows) == threads_before


def test_the_threads_are_as_before_when_training_is_over(threads_before):
    threads_while_training(64, 256)
    assert max(pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas") == threads_before
