"""check_layer: each claim can fail, and then names the derivative."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import pytest

from chainrule.core.layers import Back, BackDot, Layer
from chainrule.verify.layer_rows import check_layer, layer_tests
from chainrule.verify.proof import prove


@dataclass(frozen=True, eq=False)
class Scale(Layer):
    """``a = gain a_in^2``: right, so that each spoiled one differs from it by what it is named for."""

    def units_out(self, units_in):
        return units_in

    def parameter_shapes(self, units_in):
        return {"gain": (units_in,)}

    def initial_parameters(self, units_in, rng, dtype):
        return {"gain": np.ones(units_in, dtype)}

    def forward(self, p, a_in, state, run):
        a = p["gain"] * a_in**2
        return {"a_in": a_in, "z": a, "a": a}

    def backward(self, p, record, da):
        return Back(da, {"gain": (da * record["a_in"] ** 2).sum(axis=0)}, 2 * da * p["gain"] * record["a_in"])

    def forward_dot(self, p, p_dot, record, a_in_dot):
        a_dot = p_dot["gain"] * record["a_in"] ** 2 + 2 * p["gain"] * record["a_in"] * a_in_dot
        return {"a_in": a_in_dot, "z": a_dot, "a": a_dot}

    def backward_dot(self, p, p_dot, record, dot, da, back, da_dot):
        a_in, a_in_dot = record["a_in"], dot["a_in"]
        dgain = (da_dot * a_in**2 + 2 * da * a_in * a_in_dot).sum(axis=0)
        slope_dot = da_dot * p["gain"] * a_in + da * p_dot["gain"] * a_in + da * p["gain"] * a_in_dot
        return BackDot({"gain": dgain}, 2 * slope_dot)

    def formulas(self, l):
        return {"a": f"gain{l} a{l - 1}^2", "dgain": f"sum of da{l} a{l - 1}^2", "da_in": f"2 da{l} gain{l} a{l - 1}"}

    def options(self):
        return {}


class WrongGradient(Scale):
    def backward(self, p, record, da):
        back = super().backward(p, record, da)
        return back._replace(gradients={"gain": 2 * back.gradients["gain"]})


class WrongBelow(Scale):
    def backward(self, p, record, da):
        back = super().backward(p, record, da)
        return back._replace(da_in=back.da_in / 2)


class WrongInTraining(Scale):
    def forward(self, p, a_in, state, run):
        record = super().forward(p, a_in, state, run)
        return record | ({"a": 2 * record["a"], "z": 2 * record["a"]} if run.training else {})


class NoCurvature(Scale):
    def backward_dot(self, p, p_dot, record, dot, da, back, da_dot):
        return BackDot({"gain": np.zeros_like(p["gain"])}, np.zeros_like(da))


class WrongShapes(Scale):
    def initial_parameters(self, units_in, rng, dtype):  # pyright: ignore[reportIncompatibleMethodOverride] - on purpose
        return {"gain": np.ones((units_in, 1), dtype)}


class WrongFree(Scale):
    def free(self, key, shape):
        return np.ones(shape)


class WrongDecayed(Scale):
    decayed: ClassVar = ("W",)


class InPlace(Scale):
    def forward(self, p, a_in, state, run):
        p["gain"] += 0.125
        return super().forward(p, a_in, state, run)


class Upcasts(Scale):
    def forward(self, p, a_in, state, run):
        return super().forward({"gain": p["gain"].astype(np.float64)}, a_in, state, run)


class Unseeded(Scale):
    def forward(self, p, a_in, state, run):
        noise = np.random.default_rng().normal(size=a_in.shape) if run.training else 0
        return super().forward(p, a_in + noise, state, run)


class Forgets(Scale):
    power: int = 2
    gain: float

    def __init__(self, gain=1.0):
        object.__setattr__(self, "trainable", True)
        object.__setattr__(self, "gain", gain)

    def forward(self, p, a_in, state, run):
        return super().forward({"gain": self.gain * p["gain"]}, a_in, state, run)


class Untold(Scale):
    def formulas(self, l):
        return {"a": f"gain{l} a{l - 1}^2"}


SPOILED = [
    ("gradients", WrongGradient()),
    ("gradients", WrongBelow()),
    ("inputs", WrongBelow()),
    ("gradients_in_training", WrongInTraining()),
    ("inputs_in_training", WrongInTraining()),
    ("hessian_vector_product", NoCurvature()),
    ("hessian", NoCurvature()),
    ("hessian_vector_product_in_training", NoCurvature()),
    ("parameters", WrongShapes()),
    ("parameters", WrongFree()),
    ("parameters", WrongDecayed()),
    ("pure", InPlace()),
    ("pure", Upcasts()),
    ("repeatable", Unseeded()),
    ("options", Forgets(3.0)),
    ("formulas", Untold()),
]


@pytest.mark.parametrize(("claim", "layer"), SPOILED, ids=[f"{type(o).__name__}-{claim}" for claim, o in SPOILED])
def test_a_spoiled_layer_is_refuted_by_the_claim_that_names_what_is_wrong(claim, layer):
    proof = prove("spoiled", {claim: layer_tests(layer, 3)[claim]})
    assert not proof


def test_a_right_one_passes():
    proof = check_layer(Scale(), inputs=2)
    assert proof, proof


def test_the_derivative_that_is_wrong_is_told():
    assert check_layer(WrongGradient())["gradients"].where.startswith("gain2[")
    assert check_layer(WrongBelow())["inputs"].where.startswith("a_in[")
    assert check_layer(Untold())["formulas"].found == "da_in, dgain"
