"""Random derivations for the renderings, with a proof at hand so that no rendering waits for computer algebra."""

import numpy as np
from hypothesis import strategies as st

import chainrule as cr
from chainrule.explain.cross_check import CrossCheck
from tests.strategies import cases


def with_proof(why, *, verdict="right", symbolic=None):
    """The derivation with a proof that cost nothing."""
    error = None if symbolic is None else abs(symbolic - why.value)
    why.__dict__["proof"] = CrossCheck(why.value, why.value, 0.0, verdict, symbolic, error)
    return why


@st.composite
def derivations(draw):
    case = draw(cases())
    labels = case.net.parameter_labels()
    name = draw(st.sampled_from([*labels, "x[0]", "y[0]"]))
    if name in labels:
        return with_proof(case.net.explain(name, case.x, case.t, weights=case.weights))
    return with_proof(case.net.explain(name, case.x, case.t, row=draw(st.integers(0, len(case.x) - 1))))


def two_two_one():
    net = cr.Network(2, [cr.Dense(2, "sigmoid"), cr.Dense(1, "sigmoid")], loss="squared_error", seed=0)
    return net, np.array([[-2.0, -1.0], [2.5, 0.6], [1.7, 0.4]]), np.array([[1.0], [0.0], [0.0]])


def wide():
    """3-9-9-9: 729 paths from a weight of the first layer, sums too long to be written out."""
    layers = [*(cr.Dense(9, "tanh") for _ in range(2)), cr.Dense(9, "softmax")]
    net = cr.Network(3, layers, loss="categorical_cross_entropy", seed=3)
    return with_proof(net.explain("W1[0, 0]", [0.5, -1.0, 2.0], np.eye(9)[4]))


def dead():
    """A weight into a relu unit that is off: every path is 0."""
    net = cr.Network(1, [cr.Dense(1, "relu"), cr.Dense(2)], loss="squared_error", seed=0)
    net.set_parameters({"W1": [[-1.0]], "W2": [[1.0, 2.0]]})
    return with_proof(net.explain("W1[0, 0]", [2.0], [0.0, 0.0]))


def masked():
    net = cr.Network(2, [cr.Dense(2, "tanh", mask=[[1, 0], [1, 1]])], loss="squared_error", seed=0)
    return with_proof(net.explain("W1[0, 1]", [1.0, 2.0], [0.0, 0.0]))
