"""The chain: pure maths over layers in a row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

import chainrule as cr
from chainrule.core import chain as maths
from chainrule.core.layers import Run
from chainrule.core.losses import loss
from chainrule.errors import InputError
from tests.strategies import cases


def build(*layers, inputs=2, of="squared_error"):
    return maths.build(inputs, layers, loss(of), np.dtype("float64"))


def test_each_layer_is_set_on_the_one_below_and_its_parameters_follow_each_other():
    chain = build(cr.Dense(3), cr.Dropout(0.5), cr.Dense(1, bias="shared"))
    assert chain.units == (2, 3, 3, 1)
    assert chain.outputs == 1
    assert [(s.name, s.shape, s.start, s.stop) for s in chain.slots] == [
        ("W1", (2, 3), 0, 6), ("b1", (3,), 6, 9), ("W3", (3, 1), 9, 12), ("b3", (), 12, 13),
    ]  # fmt: skip
    assert chain.size == 13


def test_a_layer_that_does_not_fit_is_named():
    with pytest.raises(InputError, match=r"layer 2: mask must have shape \(3, 1\).*got \(1, 1\)\.$"):
        build(cr.Dense(3), cr.Dense(1, mask=[[1]]))


@pytest.mark.parametrize("layers", [None, 3, cr.Dense(1), [], (), ["relu"], [cr.Dense]])
def test_what_is_not_a_list_of_layers_is_refused_with_an_example(layers):
    with pytest.raises(InputError, match=r"chainrule\.Dense|layer 1 must be a layer such as"):
        maths.check_layers(layers)


def test_entries_are_free_unless_masked_or_of_an_untrainable_layer_and_only_weights_decay():
    chain = build(cr.Dense(2, mask=[[1, 0], [1, 1]]), cr.LayerNorm(trainable=False), cr.Dense(1, bias="shared"))
    assert maths.free_entries(chain).tolist() == [True, False, True, True, True, True, *[False] * 4, True, True, True]
    assert maths.decayed_entries(chain).tolist() == [True] * 4 + [False] * 6 + [True, True, False]
    empty = build(cr.Dropout(0.5))
    assert maths.free_entries(empty).dtype == maths.decayed_entries(empty).dtype == bool


@given(cases())
def test_passes_only_read_what_they_are_given(case):
    """Every array that goes in is locked, so writing to one would be an error."""
    model, run = case.net.model, Run(case.training, case.net.model.state, np.random.default_rng(0))
    weights = case.weights
    for array in (case.x, case.t, model.parameters.vector, *(v for s in model.state for v in s.values())):
        array.flags.writeable = False
    done = maths.forward_backward(model.chain, model.parameters, case.x, case.t, run, weights)
    for record in done.records:
        for array in record.values():
            array.flags.writeable = False
    maths.hessian(model.chain, model.parameters, done, case.t, weights)
    if case.training:
        maths.next_state(model.chain, model.state, done.records)


@given(st.data())
def test_shares_of_rows_are_their_weights_over_all_and_0_without_a_target(data):
    weights = data.draw(arrays(float, 4, elements=st.floats(0, 5)))
    missing = data.draw(arrays(bool, 4))
    t = np.where(missing[:, None], np.nan, np.ones((4, 2)))
    counted = np.where(missing, 0.0, weights)
    shares = maths.row_shares(t, weights)
    assert shares is not None
    np.testing.assert_allclose(shares * (counted.sum() or 1), counted, atol=1e-300)


def test_rows_that_count_alike_have_no_shares():
    t = np.array([[1.0, np.nan], [2.0, 3.0]])
    assert maths.row_shares(t, None) is None
    assert maths.row_shares(np.array([[np.nan], [1.0]]), None).tolist() == [0.0, 1.0]


def test_a_batch_in_which_no_row_counts_costs_and_teaches_nothing():
    chain = build(cr.Dense(1))
    y, t = np.array([[1.0], [2.0]]), np.full((2, 1), np.nan)
    assert maths.batch_loss(chain, y, t) == 0
    assert not maths.output_derivative(chain, y, t).any()


def test_predictions_are_made_without_dropout_and_with_running_statistics():
    net = cr.Network(2, [cr.Dropout(0.9), cr.BatchNorm(), cr.Dense(1)], seed=0)
    chain, state = net.model.chain, list(net.model.state)
    x = np.array([[1.0, 2.0], [3.0, 4.0]])
    y = maths.predict(chain, net.parameters, x, state)
    assert (y == net.forward(x)).all()
    np.testing.assert_allclose(maths.predict(chain, net.parameters, x[:1], state), y[:1], rtol=1e-14)


def test_predictions_beyond_the_finite_numbers_are_refused_without_a_warning():
    chain = build(cr.Dense(1), inputs=1)
    parameters = maths.initial_parameters(chain, np.random.default_rng(0))
    parameters["W1"] = [[1e308]]
    with pytest.raises(InputError, match=r"outputs of row 1 are not finite.*Scale the inputs"):
        maths.predict(chain, parameters, np.array([[0.0], [1e308]]), ({},))
