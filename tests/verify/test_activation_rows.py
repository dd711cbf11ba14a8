"""check_activation: each claim can fail, and then names the point."""

from dataclasses import replace

import numpy as np
import pytest

from chainrule.core.activations import (
    ACTIVATIONS,
    Activation,
    ElementwiseActivation,
    RowActivation,
    activation,
)
from chainrule.core.unitwise import unitwise
from chainrule.verify.activation_rows import activation_tests, check_activation
from chainrule.verify.proof import prove


def elementwise(name):
    row = ACTIVATIONS[name]
    assert isinstance(row, ElementwiseActivation)
    return row


def by_row(name):
    row = ACTIVATIONS[name]
    assert isinstance(row, RowActivation)
    return row


SIGMOID, RELU, SOFTMAX = elementwise("sigmoid"), elementwise("relu"), by_row("softmax")


def in_place(z):
    z += 0.5
    return 1 / (1 + np.exp(-np.clip(z - 0.5, -700, 700)))


def naive(z):
    return np.exp(z) / (1 + np.exp(z))


def at_zero(z, value):
    return np.where(z == 0, value, (z > 0)).astype(z.dtype)


SPOILED = [
    ("derivative_formula", replace(SIGMOID, derivative_formula="2*a*(1 - a)")),
    ("derivative_formula", replace(SIGMOID, derivative_formula="1/z")),
    ("second_derivative_formula", replace(SIGMOID, second_derivative_formula="a*(1 - a)")),
    ("value", replace(SIGMOID, phi=lambda z: np.tanh(z / 2) / 2 + 0.5)),  # cancels for z far below 0
    ("value_float32", replace(SIGMOID, phi=lambda z: SIGMOID.phi(z.astype(np.float16)).astype(z.dtype))),
    ("derivative", replace(SIGMOID, phi_prime=lambda z: 1.001 * SIGMOID.phi_prime(z))),
    ("difference", replace(SIGMOID, phi_prime=lambda z: 1.001 * SIGMOID.phi_prime(z))),
    ("second_difference", replace(SIGMOID, phi_second=SIGMOID.phi_prime)),
    ("finite", replace(SIGMOID, phi=naive)),
    ("finite", replace(SIGMOID, phi_second=lambda z: np.where(z == 9, np.nan, SIGMOID.phi_second(z)))),
    ("pure", replace(SIGMOID, phi=in_place)),
    ("pure", replace(SIGMOID, phi=lambda z: SIGMOID.phi(z.astype(np.float64)))),
    ("continuous", replace(SIGMOID, phi=lambda z: SIGMOID.phi(z) + (z > 2))),
    ("range", replace(SIGMOID, range=(0.0, 0.5))),
    ("range", replace(SIGMOID, range=(-1.0, 1.0))),
    ("rows_independent", replace(SOFTMAX, phi=lambda z: SOFTMAX.phi(z.T).T)),
    ("kinks", replace(SIGMOID, kinks=(1.0,))),
    ("kinks", replace(RELU, phi_prime=lambda z: at_zero(z, 2))),
    ("no_other_kinks", replace(RELU, kinks=())),
    ("no_other_curvature_jumps", replace(ACTIVATIONS["softsign"], curvature_jumps=())),
    ("value", replace(SOFTMAX, phi=lambda z: SOFTMAX.phi(1.01 * z))),
    ("jacobian", replace(SOFTMAX, jacobian_product=lambda z, a, v: a * v)),
    ("push_forward", replace(SOFTMAX, jacobian_product=lambda z, a, v: a * v)),
    ("transposed_jacobian", replace(SOFTMAX, transposed_jacobian_product=lambda z, a, v: a * v)),
    ("pull_back", replace(SOFTMAX, transposed_jacobian_product=lambda z, a, v: a * v)),
    ("second_order", replace(SOFTMAX, transposed_jacobian_product_dot=lambda z, a, g, z_dot: 0 * g)),
    ("pull_back_dot", replace(SOFTMAX, transposed_jacobian_product_dot=lambda z, a, g, z_dot: 0 * g)),
]


@pytest.mark.parametrize(("claim", "row"), SPOILED, ids=[f"{n}-{claim}" for n, (claim, _) in enumerate(SPOILED)])
def test_a_spoiled_row_is_refuted_by_the_claim_that_names_what_is_wrong(claim, row):
    proof = prove("spoiled", {claim: activation_tests(row)[claim]})
    assert not proof


def test_the_worst_point_is_told():
    proof = check_activation(replace(SIGMOID, phi=naive))
    assert proof["finite"].where == "value, z = [710] in float64"
    assert proof["finite"].found == "overflow encountered in exp"
    proof = check_activation(replace(RELU, kinks=()))
    assert proof["no_other_kinks"].detail == "at z = 0: found a jump, wanted none here, or one declared"


def test_a_formula_of_an_unknown_name_is_refuted_by_its_claims_and_the_others_are_still_tested():
    proof = check_activation(replace(SIGMOID, formula="1/(1 + exp(-x))"))
    assert "uses x, but it can only use z" in proof["derivative_formula"].found
    assert not proof["value"].passed
    assert proof["finite"].passed
    assert proof["difference"].passed


def test_a_function_that_raises_is_refuted():
    proof = check_activation(replace(SIGMOID, phi_prime=lambda z: z.no_such_attribute))
    assert proof["derivative"].found.startswith("AttributeError: ")


def test_a_kink_that_only_the_parameters_at_hand_smooth_is_no_mistake():
    assert check_activation(activation("elu", alpha=1.0))["kinks"].passed
    assert check_activation(activation("elu", alpha=2.0))["kinks"].passed


def test_units_with_activations_of_their_own_are_checked_by_their_products():
    row = unitwise([ACTIVATIONS["relu"], ACTIVATIONS["tanh"], ACTIVATIONS["hard_tanh"], ACTIVATIONS["elu"]])
    proof = check_activation(row)
    assert proof, proof
    assert "pull_back_dot" in [claim.name for claim in proof.claims]


def test_an_activation_of_another_kind_is_checked_by_its_products():
    class Doubled(Activation):
        def value(self, z):
            return 2 * z

        def pull_back(self, z, a, da):
            return 2 * da

        def push_forward(self, z, a, z_dot):
            return 2.5 * z_dot

        def pull_back_dot(self, z, a, da, z_dot, da_dot):
            return 2 * da_dot

    proof = check_activation(Doubled("doubled", "2*z", "none"))
    assert [claim.name for claim in proof.failed] == ["push_forward", "pull_back"]
