"""Which rows each batch takes: the same for a seed wherever it is asked."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.seeds import streams
from chainrule.training.batches import batches, batches_of_epoch

X = np.arange(10.0)[:, None]


@pytest.mark.parametrize(("rows", "size"), [(10, 3), (10, 5), (10, 1), (10, 10), (1, 1)])
def test_each_row_is_in_one_batch_and_only_the_last_is_smaller(rows, size):
    for rng in (None, streams(0).shuffle):
        parts = batches(rows, size, rng)
        assert sorted(np.concatenate(parts).tolist()) == list(range(rows))
        assert {len(part) for part in parts[:-1]} <= {size}
        assert 0 < len(parts[-1]) <= size


def test_a_batch_of_all_rows_draws_nothing():
    rng = streams(0).shuffle
    assert batches(10, 10, rng)[0].tolist() == list(range(10))
    assert rng.bit_generator.state == streams(0).shuffle.bit_generator.state


@pytest.mark.parametrize("shuffle", [True, False])
@pytest.mark.parametrize("engine", ["reference", "compiled"])
def test_an_epochs_batches_are_those_of_the_training(engine, shuffle):
    net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
    updates = net.training(X, X, epochs=3, batch_size=4, seed=5, shuffle=shuffle, engine=engine, optimizer=cr.SGD(1e-4))
    rows = [update.rows.tolist() for update in updates]
    wanted = [part.tolist() for epoch in range(3) for part in batches_of_epoch(epoch, 10, 4, 5, shuffle=shuffle)]
    assert rows == wanted
