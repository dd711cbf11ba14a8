"""check_initializer: each claim can fail."""

from dataclasses import replace

import numpy as np
import pytest

from chainrule.core.initializers import INITIALIZERS
from chainrule.verify.initializer_rows import check_initializer, initializer_tests
from chainrule.verify.proof import prove

NORMAL, CONSTANT = INITIALIZERS["normal"], INITIALIZERS["constant"]


def unseeded(rng, shape, mean, std):
    return np.random.default_rng().normal(mean, std, shape)


SPOILED = [
    ("mean", replace(NORMAL, mean="mean + std/10")),
    ("variance", replace(NORMAL, variance="std")),
    ("variance", replace(NORMAL, variance="std**2/fan_in")),
    ("variance", replace(CONSTANT, draw=lambda rng, shape, value: np.full(shape, value) + rng.normal(size=shape))),
    ("shape", replace(NORMAL, draw=lambda rng, shape, mean, std: rng.normal(mean, std, (*shape, 1)))),
    ("shape", replace(NORMAL, draw=lambda rng, shape, mean, std: np.full(shape, np.nan))),
    ("repeatable", replace(NORMAL, draw=unseeded)),
    ("repeatable", replace(CONSTANT, variance="value**2")),
]


@pytest.mark.parametrize(("claim", "row"), SPOILED, ids=[f"{n}-{claim}" for n, (claim, _) in enumerate(SPOILED)])
def test_a_spoiled_row_is_refuted_by_the_claim_that_names_what_is_wrong(claim, row):
    proof = prove("spoiled", {claim: initializer_tests(row)[claim]})
    assert not proof


def test_the_shape_with_the_wrong_variance_is_told():
    proof = check_initializer(replace(NORMAL, variance="std**2/fan_in"))
    assert proof["variance"].where == "shape (3, 5)"
    assert " over 12000 numbers" in proof["variance"].found
