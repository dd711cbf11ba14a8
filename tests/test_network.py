"""Network: values, gradients and Hessians against loops, and what the door lets in."""

import copy

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.errors import ChainruleError, InputError, UnknownComponentError
from tests import naive
from tests.strategies import SMOOTH, cases


@pytest.fixture
def net():
    return cr.Network(2, [cr.Dense(3, "tanh"), cr.Dense(2)], loss="squared_error", seed=0)


X = np.array([[0.0, 1.0], [1.0, 0.5], [-1.0, 0.25], [0.5, -2.0]])
T = np.array([[1.0, 0.0], [0.0, 1.0], [0.5, 0.5], [-1.0, 2.0]])


def close(got, true):
    np.testing.assert_allclose(got, true, rtol=0, atol=1e-10 * max(1.0, np.abs(true).max(initial=0)))


def flat(gradients):
    return np.concatenate([np.ravel(value) for value in gradients.values()]) if gradients else np.zeros(0)


def truth(case):
    drops = {}
    if case.training:
        trace = case.net.trace(case.x, training=True, seed=3)
        drops = {l: trace[f"mask{l}"] for l in range(1, len(case.net.layers) + 1) if f"mask{l}" in trace}
    return naive.loss(case.net, case.x, case.t, case.weights, training=case.training, drops=drops)


# -------------------------------------------------------------------------------- derivatives
@given(cases())
def test_loss_gradients_and_hessian_are_those_of_loops_over_rows_and_units(case):
    true = truth(case)
    close(case.net.loss(case.x, case.t, **case.keywords), true.value)
    gradients = case.net.gradients(case.x, case.t, **case.keywords)
    assert {k: g.shape for k, g in gradients.items()} == {k: p.shape for k, p in case.net.parameters.items()}
    close(flat(gradients), true.gradient)
    close(case.net.hessian(case.x, case.t, **case.keywords), true.hessian)


@settings(max_examples=40)
@given(cases())
def test_outputs_are_those_of_loops_over_rows_and_units(case):
    true = [[y.value for y in row] for row in naive.outputs(case.net, case.x)]
    close(case.net.forward(case.x), np.array(true))


@settings(max_examples=40)
@given(cases(), st.integers(0, 1000))
def test_a_hessian_vector_product_is_the_hessian_times_the_vector(case, seed):
    v = np.random.default_rng(seed).normal(size=case.net.parameters.vector.size)
    product = case.net.hessian_vector_product(case.x, case.t, v, **case.keywords)
    close(product, case.net.hessian(case.x, case.t, **case.keywords) @ v)


def test_a_direction_may_name_some_parameters_and_is_answered_by_name(net):
    v = {"b1": [1.0, 2.0, 3.0]}
    product = net.hessian_vector_product(X, T, v)
    column = net.hessian(X, T)[:, 6:9] @ [1.0, 2.0, 3.0]
    assert list(product) == ["W1", "b1", "W2", "b2"]
    close(flat(product), column)
    assert product["W1"].shape == (2, 3)


@settings(max_examples=40)
@given(cases(), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_neither_loss_nor_gradients(case, random):
    assume(not case.training)
    order = random.sample(range(len(case.x)), len(case.x))
    weights = None if case.weights is None else case.weights[order]
    shuffled = case.net.gradients(case.x[order], case.t[order], weights=weights)
    close(flat(shuffled), flat(case.net.gradients(case.x, case.t, weights=case.weights)))
    close(
        case.net.loss(case.x[order], case.t[order], weights=weights),
        case.net.loss(case.x, case.t, weights=case.weights),
    )


@pytest.mark.parametrize("hidden", ["tanh", "softmax"])
def test_the_order_of_hidden_units_changes_nothing(hidden):
    net = cr.Network(2, [cr.Dense(3, hidden), cr.LayerNorm(), cr.Dense(2)], loss="squared_error", seed=0)
    twin, order = net.copy(), [2, 0, 1]
    twin.set_parameters({"W1": net.parameters["W1"][:, order], "W3": net.parameters["W3"][order]})
    close(twin.forward(X), net.forward(X))
    close(twin.gradients(X, T)["W1"], net.gradients(X, T)["W1"][:, order])


def test_a_hessian_is_symmetric(net):
    hessian = net.hessian(X, T)
    close(hessian, hessian.T)


def test_labels_name_each_number_in_the_order_of_the_vector():
    net = cr.Network(1, [cr.Dense(2, bias="shared"), cr.Dense(1)], seed=0)
    assert net.parameter_labels() == ["W1[0, 0]", "W1[0, 1]", "b1", "W2[0, 0]", "W2[1, 0]", "b2[0]"]
    net.parameters["W2"] = [[5.0], [6.0]]
    assert net.parameters.vector[3:5].tolist() == [5.0, 6.0]


def test_a_network_without_parameters_has_an_empty_gradient_and_hessian_and_can_be_fitted():
    net = cr.Network(2, [cr.Dropout(0.5)], loss="squared_error")
    assert net.gradients(X, T) == {}
    assert net.hessian(X, T).shape == (0, 0)
    assert net.fit(X, T, epochs=2, optimizer=cr.SGD(0.1, weight_decay=0.1)).epochs == 2


# -------------------------------------------------------------------------------- weights and missing targets
@settings(max_examples=30)
@given(cases(), st.lists(st.integers(0, 3), min_size=4, max_size=4))
def test_whole_weights_count_like_repeated_rows_and_weight_0_like_a_removed_one(case, counts):
    assume(not case.training)
    counts = np.array(counts[: len(case.x)])
    assume(counts.any())
    x, t = np.repeat(case.x, counts, axis=0), np.repeat(case.t, counts, axis=0)
    close(case.net.loss(case.x, case.t, weights=counts), case.net.loss(x, t))
    close(flat(case.net.gradients(case.x, case.t, weights=counts)), flat(case.net.gradients(x, t)))


def test_only_the_ratio_of_weights_counts(net):
    assert net.loss(X, T, weights=[1, 2, 3, 4]) == pytest.approx(net.loss(X, T, weights=[0.1, 0.2, 0.3, 0.4]))


def test_a_row_without_targets_counts_like_a_removed_one(net):
    t = T.copy()
    t[1] = np.nan
    kept = [0, 2, 3]
    close(net.loss(X, t), net.loss(X[kept], T[kept]))
    close(flat(net.gradients(X, t)), flat(net.gradients(X[kept], T[kept])))
    close(net.hessian(X, t), net.hessian(X[kept], T[kept]))


def test_an_output_without_targets_counts_like_a_removed_one(net):
    t = T.copy()
    t[:, 1] = np.nan
    one = cr.Network(2, [cr.Dense(3, "tanh"), cr.Dense(1)], loss="squared_error", seed=0)
    one.set_parameters({k: v for k, v in net.parameters.items() if k in ("W1", "b1")})
    one.set_parameters({"W2": net.parameters["W2"][:, :1], "b2": net.parameters["b2"][:1]})
    close(net.loss(X, t), one.loss(X, t[:, :1]))
    close(net.gradients(X, t)["W1"], one.gradients(X, t[:, :1])["W1"])
    assert not net.gradients(X, t)["W2"][:, 1].any()


# -------------------------------------------------------------------------------- wiring and biases
def test_a_weight_that_does_not_exist_stays_0_even_if_written_to():
    net = cr.Network(2, [cr.Dense(2, "tanh", mask=[[1, 0], [1, 1]]), cr.Dense(2)], loss="squared_error", seed=0)
    assert net.parameters["W1"][0, 1] == 0
    y, hessian, loss = net.forward(X), net.hessian(X, T), net.loss(X, T)
    net.parameters["W1"][0, 1] = 7.0
    assert (net.forward(X) == y).all()
    assert net.loss(X, T) == loss
    assert net.gradients(X, T)["W1"][0, 1] == 0
    assert (net.hessian(X, T) == hessian).all()
    assert not hessian[1].any()
    assert net.trace(X, T)["W1"][0, 1] == 0
    assert net.check_gradients(X, T)


def test_a_shared_bias_is_one_number_whose_gradient_is_the_sum_over_its_units():
    shared = cr.Network(2, [cr.Dense(3, "tanh", bias="shared"), cr.Dense(2)], loss="squared_error", seed=0)
    own = cr.Network(2, [cr.Dense(3, "tanh"), cr.Dense(2)], loss="squared_error", seed=0)
    own.set_parameters({name: value for name, value in shared.parameters.items() if name != "b1"})
    shared.parameters["b1"] = 0.3
    own.parameters["b1"] = [0.3, 0.3, 0.3]
    assert shared.parameters["b1"].shape == shared.gradients(X, T)["b1"].shape == ()
    close(shared.forward(X), own.forward(X))
    close(shared.gradients(X, T)["b1"], own.gradients(X, T)["b1"].sum())


def test_a_layer_without_bias_has_none():
    assert list(cr.Network(2, [cr.Dense(1, bias=None)], seed=0).parameters) == ["W1"]


# -------------------------------------------------------------------------------- made of neurons
@given(st.data())
def test_a_network_of_neurons_is_the_network_of_dense_layers_with_their_numbers(data):
    name = data.draw(st.sampled_from([*SMOOTH, "softmax"]))
    bias = data.draw(st.sampled_from([0.5, None]))
    hidden = [cr.Neuron(2, bias=bias, activation=name, seed=s) for s in range(3)]
    out = [cr.Neuron(3, bias=-0.25, activation="sigmoid", seed=9)]
    built = cr.Network.from_neurons([hidden, out], loss="squared_error")
    dense = cr.Network(
        2,
        [cr.Dense(3, name, bias=None if bias is None else "per-unit"), cr.Dense(1, "sigmoid")],
        loss="squared_error",
    )
    dense.set_parameters(dict(built.parameters))
    assert (built.forward(X) == dense.forward(X)).all()
    assert (flat(built.gradients(X, T[:, 0])) == flat(dense.gradients(X, T[:, 0]))).all()
    if name != "softmax":
        a = np.column_stack([neuron(X) for neuron in hidden])
        close(built.forward(X)[:, 0], out[0](a))


def test_neurons_of_one_layer_may_differ_in_activation():
    hidden = [cr.Neuron([1.0, -1.0], activation=name) for name in ("relu", "tanh", "identity")]
    net = cr.Network.from_neurons([hidden, [cr.Neuron([1.0, 2.0, 3.0])]], loss="squared_error")
    z = X @ [1.0, -1.0]
    close(net.forward(X)[:, 0], np.maximum(z, 0) + 2 * np.tanh(z) + 3 * z)
    assert net.check_gradients(X, T[:, 0])


def test_training_the_network_leaves_the_neurons_it_was_made_of_alone():
    neuron = cr.Neuron([1.0, 2.0], bias=3.0)
    cr.Network.from_neurons([[neuron]]).fit(X, T[:, 0], epochs=1)
    assert neuron.weights.tolist() == [1.0, 2.0]
    assert neuron.bias == 3.0


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ([], "at least one layer"),
        ([[]], "layer 1 must be a list of at least one Neuron"),
        ([cr.Neuron([1.0])], "layer 1 must be a list of at least one Neuron"),
        ([[1.0]], "layer 1 must be a list of at least one Neuron"),
        ([[cr.Neuron([1.0]), cr.Neuron([1.0, 2.0])]], "neuron 1 of layer 1 has 2 weights, but needs 1"),
        ([[cr.Neuron([1.0])], [cr.Neuron([1.0, 2.0])]], "neuron 0 of layer 2 has 2 weights, but needs 1: 1 neurons in"),
        ([[cr.Neuron([1.0]), cr.Neuron([1.0], bias=None)]], "must all have a bias or none"),
        ([[cr.Neuron([1.0], activation="softmax"), cr.Neuron([1.0])]], "mixes the units"),
    ],
)
def test_neurons_that_do_not_fit_together_are_refused(layers, told):
    with pytest.raises(InputError, match=told):
        cr.Network.from_neurons(layers)


# -------------------------------------------------------------------------------- dtype, seed, copies
def test_float32_stays_float32(net):
    single = cr.Network(2, [cr.Dense(3, "gelu"), cr.LayerNorm(), cr.Dense(2)], seed=0, dtype="float32")
    trace = single.trace(X, T)
    arrays = [single.forward(X), single.hessian(X, T), *single.gradients(X, T).values(), *single.parameters.values()]
    arrays += [single.hessian_vector_product(X, T, np.ones(single.parameters.vector.size)), *trace.values()]
    assert {a.dtype.name for a in arrays if a.ndim} == {"float32"}
    assert net.forward(X.astype("float32")).dtype == np.float64


@pytest.mark.parametrize("dtype", [np.float32, np.dtype("float32")])
def test_a_dtype_is_as_good_as_its_name(dtype):
    assert cr.Network(1, [cr.Dense(1)], dtype=dtype).parameters.vector.dtype == np.float32


def test_the_same_seed_gives_the_same_parameters_and_a_drawn_one_is_kept():
    def made(seed):
        return cr.Network(3, [cr.Dense(4, "relu"), cr.Dense(2)], seed=seed)

    first = made(None)
    assert (made(first.seed).parameters.vector == first.parameters.vector).all()
    assert (made(None).parameters.vector != first.parameters.vector).any()
    assert made(7).seed == 7


@pytest.mark.parametrize("copied", [cr.Network.copy, copy.copy, copy.deepcopy], ids=["method", "copy", "deepcopy"])
def test_a_copy_has_numbers_of_its_own(copied):
    net = cr.Network(2, [cr.Dense(3), cr.BatchNorm(), cr.Dense(2)], seed=0)
    before, state = net.parameters.copy(), net.model.state
    twin = copied(net)
    assert (twin.forward(X) == net.forward(X)).all()
    twin.fit(X, T, epochs=3)
    assert all((before[name] == net.parameters[name]).all() for name in before)
    assert net.model.state is state
    assert (twin.parameters.vector != net.parameters.vector).any()


def test_another_dtype_is_another_network_with_the_same_numbers():
    net = cr.Network(2, [cr.Dense(3), cr.BatchNorm(), cr.Dense(2)], seed=0)
    net.fit(X, T, epochs=2)
    single = net.astype("float32")
    np.testing.assert_allclose(single.forward(X), net.forward(X), rtol=1e-5)
    assert single.forward(X).dtype == np.float32
    assert single.model.state[1]["mean"].dtype == np.float32


def test_it_tells_its_layers(net):
    assert str(net).splitlines()[0] == "Network: 2 inputs, 17 parameters, loss squared_error"
    assert "layer 2: Dense" in str(net)
    assert "tanh" in str(net)
    assert (net.inputs, net.outputs, len(net.layers), net.loss_function.name) == (2, 2, 2, "squared_error")


# -------------------------------------------------------------------------------- training passes
def test_a_training_pass_is_repeated_by_its_seed_and_needs_one_for_dropout():
    net = cr.Network(2, [cr.Dense(8, "tanh"), cr.Dropout(0.5), cr.Dense(2)], loss="squared_error", seed=0)
    first = net.loss(X, T, training=True, seed=1)
    assert net.loss(X, T, training=True, seed=1) == first
    assert net.loss(X, T, training=True, seed=2) != first
    assert net.loss(X, T) == net.loss(X, T)
    with pytest.raises(InputError, match="seed=0"):
        net.loss(X, T, training=True)


def test_a_pass_changes_neither_parameters_nor_state():
    net = cr.Network(2, [cr.Dense(3), cr.BatchNorm(), cr.Dense(2)], loss="squared_error", seed=0)
    vector, state = net.parameters.vector.copy(), copy.deepcopy(net.model.state)
    for call in (net.loss, net.gradients, net.hessian, net.trace, net.check_gradients):
        call(X, T, training=True)
    net.forward(X)
    assert (net.parameters.vector == vector).all()
    assert all((kept[k] == now[k]).all() for kept, now in zip(state, net.model.state, strict=True) for k in kept)


# -------------------------------------------------------------------------------- the door
def test_a_single_row_is_answered_by_a_single_row(net):
    assert net.forward([0.0, 1.0]).shape == (2,)
    # some BLAS libraries round the product of one row otherwise than that row's among others
    np.testing.assert_array_max_ulp(net([0.0, 1.0]), net.forward(X)[0], maxulp=4)
    assert net.forward(X[:0]).shape == (0, 2)
    assert net.loss([0.0, 1.0], [1.0, 0.0]) == net.loss(X[:1], T[:1])


def test_outputs_beyond_the_finite_numbers_are_refused_rather_than_nan():
    net = cr.Network(1, [cr.Dense(2, "relu"), cr.Dense(1)], seed=0)
    net.set_parameters({"W1": [[1e200, 1e200]], "W2": [[1e200], [-1e200]]})
    with pytest.raises(InputError, match="row 1 are not finite"):
        net.forward([[0.0], [1.0]])


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (lambda: cr.Network(0, [cr.Dense(1)]), "inputs must be at least 1"),
        (lambda: cr.Network(2.0, [cr.Dense(1)]), "inputs must be a whole number"),
        (lambda: cr.Network(2, []), r"at least one layer: pass \[chainrule.Dense"),
        (lambda: cr.Network(2, cr.Dense(1)), "layers must be a list"),
        (lambda: cr.Network(2, [cr.Dense(1), "relu"]), "layer 2 must be a layer"),
        (lambda: cr.Network(2, [cr.Dense(1)], dtype="int8"), "'float64' or 'float32', got 'int8'"),
        (lambda: cr.Network(2, [cr.Dense(1)], dtype=">f8"), "'float64' or 'float32', got '>f8'"),
        (lambda: cr.Network(2, [cr.Dense(1)], dtype="nonsense"), "'float64' or 'float32', got 'nonsense'"),
        (lambda: cr.Network(2, [cr.Dense(1)], seed=-1), "seed must be a whole number from 0.* got -1"),
        (lambda: cr.Network(2, [cr.Dense(1)], seed="a"), "seed must be a whole number from 0.* got 'a'"),
        (lambda: cr.Network(2, [cr.Dense(2), cr.Dense(1, mask=[[1], [1], [1]])]), "layer 2: mask must have shape"),
        (lambda: cr.Network(2, [cr.Dense(1)], loss="mse"), "unknown loss 'mse'"),
    ],
)
def test_a_network_that_cannot_be_is_refused_with_the_reason(make, told):
    with pytest.raises(InputError, match=told):
        make()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ((X.T, T), r"x must have shape \(N, 2\), got \(2, 4\): did you pass the transpose"),
        ((X[:, :1], T), r"x must have shape \(N, 2\), got \(4, 1\)"),
        ((X, T.T), "did you pass the transpose"),
        ((X, T[:3]), r"t must have shape \(4, 2\), one row for each row of x, got \(3, 2\)"),
        ((X[:0], T[:0]), "x has no rows"),
        ((np.where(X == 0, np.nan, X), T), r"x\[0, 0\] is NaN: fill missing inputs"),
        ((np.where(X == 0, np.inf, X), T), r"x\[0, 0\] is inf"),
        ((X, np.where(T == 2, -np.inf, T)), r"t\[3, 1\] is -inf"),
        ((X.astype(str), T), "array of real numbers"),
        ((X.astype(complex), T), "array of real numbers"),
    ],
)
@pytest.mark.parametrize("method", ["loss", "gradients", "hessian", "trace", "check_gradients", "fit"])
def test_rows_that_cannot_be_used_are_refused_by_every_method_and_nothing_changes(net, method, arguments, told):
    before = net.parameters.vector.copy()
    with pytest.raises(InputError, match=told):
        getattr(net, method)(*arguments)
    assert (net.parameters.vector == before).all()


@pytest.mark.parametrize("method", ["loss", "gradients", "hessian", "trace", "check_gradients"])
def test_a_seed_that_cannot_be_used_is_refused(net, method):
    with pytest.raises(InputError, match="seed must be a whole number"):
        getattr(net, method)(X, T, training=True, seed=-1)


@pytest.mark.parametrize(
    ("v", "told"),
    [
        (np.zeros(16), r"v must have shape \(17,\)"),
        (np.full(17, np.nan), r"v\[0\] is NaN"),
        (["a"] * 17, "real numbers"),
        ({"W9": 1.0}, "no parameter 'W9'"),
        ({"b1": [1.0]}, r"b1 must have shape \(3,\)"),
    ],
)
def test_a_direction_that_cannot_be_used_is_refused(net, v, told):
    with pytest.raises(InputError, match=told):
        net.hessian_vector_product(X, T, v)


def test_unknown_names_are_errors_of_the_family(net):
    with pytest.raises(UnknownComponentError, match="Did you mean 'sigmoid'"):
        cr.Dense(1, "sigmod")
    with pytest.raises(ChainruleError, match="no parameter 'W3'"):
        net.parameters["W3"]
