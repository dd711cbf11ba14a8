"""Handing parameters to an object and reading them back: where they may lie, and what is refused."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.errors import InputError
from chainrule.marking import check_object

X, T = np.array([[1.0, 2.0], [0.5, -1.0]]), np.array([[1.0], [0.0]])


class Linear:
    def __init__(self):
        self.w, self.b, self.more = np.zeros((2, 1)), 0.0, {"list": [[0.0], [0.0]], "row": np.zeros((1, 2))}

    def step(self, eta=0.1):
        d = 2 * (X @ self.w + self.b - T) / 2
        self.w, self.b = self.w - eta * X.T @ d, self.b - eta * d.sum()

    def fail(self):
        raise RuntimeError("no step")


def net():
    return cr.Network(2, [cr.Dense(1)], loss="squared_error", seed=0)


def marked(parameters, step=Linear.step, obj=None, **more):
    return check_object(
        obj or Linear(), net(), X, T, parameters=parameters, step=step, **({"learning_rate": 0.1} | more)
    )


def test_a_number_may_hold_a_bias_of_one_unit():
    assert marked({"W1": "w", "b1": "b"}).verdict == "right"


def test_lists_are_given_lists():
    def step(o):
        assert isinstance(o.more["list"], list)
        o.w = np.array(o.more["list"])
        o.step()
        o.more["list"] = o.w.tolist()

    assert marked({"W1": "more['list']", "b1": "b"}, step).verdict == "right"


def test_a_transposed_place_is_filled_and_read_transposed():
    def step(o):
        o.w = o.more["row"].T
        o.step()
        o.more["row"] = o.w.T

    assert marked({"W1": "more['row']", "b1": "b"}, step).verdict == "right"


def test_the_layout_can_be_told_where_shapes_cannot_tell():
    class Square:
        def __init__(self):
            self.w = np.zeros((2, 2))

        def step(self):
            self.w = self.w - 0.1 * (2 * (X @ self.w.T - X)).T @ X / 2

    square = cr.Network(2, [cr.Dense(2, bias=None)], loss="squared_error", seed=0)
    arguments = {"parameters": {"W1": "w"}, "step": Square.step, "learning_rate": 0.1}
    assert check_object(Square(), square, X, X, layout="out, in", **arguments).verdict == "right"
    assert not check_object(Square(), square, X, X, **arguments).correct


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"parameters": {}}, "must say where"),
        ({"parameters": {"W1": "weights"}}, "it has w, b, more"),
        ({"parameters": {"W1": "more['no']"}}, 'no "more'),
        ({"parameters": {"W1": "w w"}}, "is not a path"),
        ({"parameters": {"W1": "more['row'][0][0]"}}, "one number for W1"),
        ({"parameters": {"W1": ["b", "b"]}}, "2 places were given"),
        ({"parameters": {"W7": "w"}}, "W7"),
        ({"parameters": {"W1": "w"}, "step": Linear.fail}, "RuntimeError: no step"),
        ({"parameters": {"W1": "w"}, "obj": (n for n in ())}, "cannot be copied"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, told):
    with pytest.raises(InputError, match=told):
        marked(**arguments)


def test_a_place_of_another_size_is_refused():
    mine = Linear()
    mine.w = np.zeros((5, 1))
    with pytest.raises(InputError, match="but your object has"):
        marked({"W1": "w"}, obj=mine)


def test_something_else_than_a_network_is_refused():
    with pytest.raises(InputError, match="net must be"):
        check_object(Linear(), 3, X, T, parameters={"W1": "w"}, step=Linear.step, learning_rate=0.1)


@pytest.mark.parametrize("eta", [0.1, 1e-5])
def test_an_object_in_float32_is_right_within_float32(eta):
    class Single:
        def __init__(self):
            self.w, self.b = np.zeros((2, 1), np.float32), np.zeros(1, np.float32)

        def step(self):
            x, t = X.astype(np.float32), T.astype(np.float32)
            d = 2 * (x @ self.w + self.b - t) / np.float32(2)
            self.w -= np.float32(eta) * x.T @ d
            self.b -= np.float32(eta) * d.sum(axis=0)

    marking = marked({"W1": "w", "b1": "b"}, Single.step, Single(), learning_rate=eta)
    assert marking.verdict == "right within float32"
    assert bool(marking.notes) == (eta < 1e-4)
