"""The fully connected layer."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.layers import Run
from chainrule.errors import InputError

RNG = np.random.default_rng(0)
F64 = np.dtype("float64")


def test_a_forward_and_a_backward_pass_by_hand():
    layer = cr.Dense(2, "relu")
    p = {"W": np.array([[1.0, -1.0], [2.0, 1.0]]), "b": np.array([0.5, -3.0])}
    record = layer.forward(p, np.array([[1.0, 2.0]]), {}, Run())
    assert record["z"].tolist() == [[5.5, -2.0]]
    assert record["a"].tolist() == [[5.5, 0.0]]
    back = layer.backward(p, record, np.array([[3.0, 4.0]]))
    assert back.delta.tolist() == [[3.0, 0.0]]
    assert back.gradients["W"].tolist() == [[3.0, 0.0], [6.0, 0.0]]
    assert back.gradients["b"].tolist() == [3.0, 0.0]
    assert back.da_in.tolist() == [[3.0, 6.0]]


@pytest.mark.parametrize(
    ("bias", "shapes"),
    [("per-unit", {"W": (2, 3), "b": (3,)}), ("shared", {"W": (2, 3), "b": ()}), (None, {"W": (2, 3)})],
)
def test_its_parameters_by_kind_of_bias(bias, shapes):
    layer = cr.Dense(3, bias=bias)
    assert layer.parameter_shapes(2) == shapes
    drawn = layer.initial_parameters(2, RNG, F64)
    assert {key: value.shape for key, value in drawn.items()} == shapes
    assert layer.units_out(2) == 3


def test_weights_are_drawn_as_suits_the_activation_and_biases_as_told():
    wide = cr.Dense(400, "relu", bias_init="constant")
    drawn = wide.initial_parameters(100, np.random.default_rng(0), F64)
    assert drawn["W"].std() == pytest.approx(np.sqrt(2 / 100), rel=0.02)
    assert (drawn["b"] == 0.1).all()
    glorot = cr.Dense(400, "tanh").initial_parameters(100, np.random.default_rng(0), F64)
    assert glorot["W"].std() == pytest.approx(np.sqrt(2 / 500), rel=0.02)
    assert not cr.Dense(3, init="zeros").initial_parameters(2, RNG, F64)["W"].any()
    assert cr.Dense(3).initial_parameters(2, RNG, np.dtype("float32"))["W"].dtype == np.float32


def test_weights_that_do_not_exist_are_drawn_as_0_and_are_not_free():
    layer = cr.Dense(2, mask=[[True, False], [True, True]])
    drawn = layer.initial_parameters(2, RNG, F64)["W"]
    assert (drawn == 0).tolist() == [[False, True], [False, False]]
    assert layer.free("W", (2, 2)).tolist() == [[True, False], [True, True]]
    assert layer.free("b", (2,)).all()
    assert not cr.Dense(2, trainable=False).free("W", (2, 2)).any()
    assert layer.effective({"W": np.ones((2, 2)), "b": np.ones(2)})["W"].tolist() == [[1, 0], [1, 1]]


def test_a_mask_is_copied_and_locked():
    mask = np.ones((2, 2))
    layer = cr.Dense(2, mask=mask)
    mask[0, 0] = 0
    assert layer.mask is not None
    assert layer.mask.all()
    with pytest.raises(ValueError, match="read-only"):
        layer.mask[0, 0] = 0


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"units": 0}, "units must be at least 1, got 0"),
        ({"units": 2.0}, "units must be a whole number, got 2.0"),
        ({"units": True}, "units must be at least 1, got True"),
        ({"units": 2, "bias": True}, "bias must be 'per-unit', 'shared' or None, got True"),
        ({"units": 2, "activation": "rleu"}, "unknown activation 'rleu'.*Did you mean 'relu'"),
        ({"units": 2, "init": "xavier"}, "unknown initializer 'xavier'"),
        ({"units": 2, "mask": [[1, 0, 1]]}, r"mask must have shape \(units below, 2\), got \(1, 3\)\.$"),
        ({"units": 2, "mask": [[1, 0, 1], [1, 1, 1]]}, r"got \(2, 3\): did you pass the transpose\?"),
        ({"units": 2, "mask": 1}, "got a single number"),
        ({"units": 2, "mask": [[0, 0.5]]}, "mask must hold only 0 .* found 0.5"),
        ({"units": 2, "mask": [[1, np.nan]]}, "mask must hold only 0 .* found nan"),
        ({"units": 2, "mask": "11"}, "mask must be an array of real numbers, got '11'"),
        ({"units": 2, "mask": [[1], [1, 0]]}, "mask must be an array of real numbers, got rows of different lengths"),
    ],
    ids=str,
)
def test_a_layer_that_cannot_be_is_refused(given, told):
    with pytest.raises(InputError, match=told):
        cr.Dense(**given)


@pytest.mark.parametrize(
    ("below", "told"),
    [(2, r"mask must have shape \(2, 3\).*got \(3, 3\)\.$"), (4, r"mask must have shape \(4, 3\).*got \(3, 3\)\.$")],
)
def test_a_mask_must_fit_the_layer_below(below, told):
    with pytest.raises(InputError, match=told):
        cr.Dense(3, mask=np.ones((3, 3))).units_out(below)


def test_its_options_make_it_again():
    layer = cr.Dense(2, "elu", bias="shared", init="orthogonal", bias_init="normal", mask=[[1, 0]], trainable=False)
    twin = cr.Dense(**layer.options())
    assert {k: str(v) for k, v in twin.options().items()} == {k: str(v) for k, v in layer.options().items()}
