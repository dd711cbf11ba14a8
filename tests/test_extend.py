"""The extender's door: components of one's own are a few lines, work in networks, are proven, and if wrong, caught."""

from dataclasses import dataclass, replace
from typing import ClassVar

import numpy as np
import pytest

import chainrule as cr
import chainrule.extend as ex

# -------------------------------------------------------------------------------- an activation
SINE = ex.ElementwiseActivation(
    "sine",
    "sin(omega*z)",
    "Sitzmann et al. 2020, NeurIPS",
    parameters={"omega": 1.5},
    range=(-1.0, 1.0),
    derivative_formula="omega*cos(omega*z)",
    second_derivative_formula="-omega**2*a",
    phi=lambda z, omega: np.sin(omega * z),
    phi_prime=lambda z, omega: omega * np.cos(omega * z),
    phi_second=lambda z, omega: -(omega**2) * np.sin(omega * z),
)

# two kinks and a slope of its own between them
TWICE_BENT = ex.ElementwiseActivation(
    "twice_bent",
    "Piecewise((z, z < 0), (2*z, z < 1), (z + 1, True))",
    "for this test",
    derivative_formula="Piecewise((2, (z >= 0) & (z < 1)), (1, True))",
    second_derivative_formula="0",
    phi=lambda z: z + np.clip(z, 0, 1),
    phi_prime=lambda z: np.where((z >= 0) & (z < 1), z.dtype.type(2), z.dtype.type(1)),
    phi_second=np.zeros_like,
    kinks=(0.0, 1.0),
)


# a softmax that may be cooler or warmer
def _cool(z, temperature):
    e = np.exp((z - z.max(axis=1, keepdims=True)) / temperature)
    return e / e.sum(axis=1, keepdims=True)


def _centred(a, v):
    return a * (v - (a * v).sum(axis=1, keepdims=True))


def _cool_dot(z, a, g, z_dot, temperature):
    a_dot = _centred(a, z_dot) / temperature
    inner = (a * g).sum(axis=1, keepdims=True)
    return (a_dot * (g - inner) - a * (a_dot * g).sum(axis=1, keepdims=True)) / temperature


COOL_SOFTMAX = ex.RowActivation(
    "cool_softmax",
    "exp(z[k]/temperature)/Sum(exp(z[j]/temperature), (j, 0, K - 1))",
    "for this test",
    parameters={"temperature": 2.0},
    range=(0.0, 1.0),
    phi=_cool,
    jacobian_product=lambda z, a, v, temperature: _centred(a, v) / temperature,
    transposed_jacobian_product=lambda z, a, v, temperature: _centred(a, v) / temperature,
    transposed_jacobian_product_dot=_cool_dot,
)

# -------------------------------------------------------------------------------- a loss
CAUCHY = ex.ElementwiseLoss(
    "cauchy",
    "log(1 + ((t - y)/c)**2)",
    "Barron 2019, CVPR, alpha = 0",
    parameters={"c": 2.0},
    derivative_formula="2*(y - t)/(c**2 + (t - y)**2)",
    second_derivative_formula="2*(c**2 - (t - y)**2)/(c**2 + (t - y)**2)**2",
    term=lambda y, t, c: np.log1p(((t - y) / c) ** 2),
    term_prime=lambda y, t, c: 2 * (y - t) / (c**2 + (t - y) ** 2),
    term_second=lambda y, t, c: 2 * (c - (t - y)) * (c + (t - y)) / (c**2 + (t - y) ** 2) ** 2,
)


# the distance itself, not its square: the outputs of a row hang together
def _distance(y, t):
    return np.sqrt(((y - t) ** 2).sum(axis=1, keepdims=True) + 1)


def _distance_second(y, t, v):
    d, r = _distance(y, t), y - t
    return v / d - r * (r * v).sum(axis=1, keepdims=True) / d**3


DISTANCE = ex.RowLoss(
    "distance",
    "sqrt(Sum((y[j] - t[j])**2, (j, 0, K - 1)) + 1)",
    "for this test",
    row_value=lambda y, t: _distance(y, t)[:, 0],
    row_derivative=lambda y, t: (y - t) / _distance(y, t),
    row_second_product=_distance_second,
)

# -------------------------------------------------------------------------------- an initialiser
TRIANGULAR = ex.Initializer(
    "triangular",
    "0",
    "limit**2/6",
    lambda rng, shape, limit: rng.triangular(-limit, 0, limit, shape),
    "for this test",
    {"limit": 0.5},
)


# -------------------------------------------------------------------------------- an optimizer
@dataclass(frozen=True)
class SignSGD(ex.Optimizer):
    """Every step of the same size: Bernstein et al. 2018, ICML."""

    learning_rate: float | ex.Schedule = 0.01
    equations: ClassVar = ("update = eta*sign(g)",)

    def start(self, size, dtype, learning_rate):
        return {}

    def update(self, moments, g, eta, count):
        return eta * np.sign(g), moments


@dataclass(frozen=True)
class Sqrt(ex.Schedule):
    """Falls as one over the root of the update's number."""

    eta: float

    def rate(self, clock, memory):
        return self.eta / (1 + clock.update) ** 0.5


# -------------------------------------------------------------------------------- a layer
@dataclass(frozen=True, eq=False)
class Residual(ex.Layer):
    """``a = a_in + alpha tanh(a_in)`` with a learnt alpha for each unit."""

    def units_out(self, units_in):
        return units_in

    def parameter_shapes(self, units_in):
        return {"alpha": (units_in,)}

    def initial_parameters(self, units_in, rng, dtype):
        return {"alpha": np.full(units_in, 0.5, dtype)}

    def forward(self, p, a_in, state, run):
        bent = np.tanh(a_in)
        a = a_in + p["alpha"] * bent
        return {"a_in": a_in, "bent": bent, "z": a, "a": a}

    def backward(self, p, record, da):
        slope = 1 + p["alpha"] * (1 - record["bent"] ** 2)
        return ex.Back(da, {"alpha": (da * record["bent"]).sum(axis=0)}, da * slope)

    def forward_dot(self, p, p_dot, record, a_in_dot):
        bent_dot = (1 - record["bent"] ** 2) * a_in_dot
        a_dot = a_in_dot + p_dot["alpha"] * record["bent"] + p["alpha"] * bent_dot
        return {"a_in": a_in_dot, "bent": bent_dot, "z": a_dot, "a": a_dot}

    def backward_dot(self, p, p_dot, record, dot, da, back, da_dot):
        bent, bent_dot = record["bent"], dot["bent"]
        slope = 1 + p["alpha"] * (1 - bent**2)
        slope_dot = p_dot["alpha"] * (1 - bent**2) - 2 * p["alpha"] * bent * bent_dot
        dalpha_dot = (da_dot * bent + da * bent_dot).sum(axis=0)
        return ex.BackDot({"alpha": dalpha_dot}, da_dot * slope + da * slope_dot)

    def formulas(self, l):
        return {
            "a": f"a{l - 1} + alpha{l} tanh(a{l - 1})",
            "dalpha": f"sum over rows of da{l} tanh(a{l - 1})",
            "da_in": f"da{l} (1 + alpha{l} (1 - tanh(a{l - 1})^2))",
        }

    def options(self):
        return {"trainable": self.trainable}


# -------------------------------------------------------------------------------- proven, used, trained
PROVEN = [
    (ex.check_activation, SINE),
    (ex.check_activation, SINE.with_parameters(omega=30.0)),
    (ex.check_activation, TWICE_BENT),
    (ex.check_activation, COOL_SOFTMAX),
    (ex.check_loss, CAUCHY),
    (ex.check_loss, DISTANCE),
    (ex.check_initializer, TRIANGULAR),
    (ex.check_optimizer, SignSGD(0.1)),
    (ex.check_layer, Residual()),
]


@pytest.mark.parametrize(("check", "component"), PROVEN)
def test_a_component_of_ones_own_is_proven_by_the_same_checks(check, component):
    proof = check(component)
    assert proof, proof


X = np.random.default_rng(0).normal(size=(20, 2))
T = np.stack([np.sin(X[:, 0]), X[:, 1] ** 2], axis=1)


def network(loss):
    return cr.Network(
        2,
        [cr.Dense(6, SINE, init=TRIANGULAR), Residual(), cr.Dense(3, TWICE_BENT), cr.Dense(2, COOL_SOFTMAX)],
        loss=loss,
        seed=0,
    )


@pytest.mark.parametrize("loss", [CAUCHY, DISTANCE], ids=lambda row: row.name)
def test_a_network_of_ones_own_components_trains_and_its_gradients_are_right(loss):
    net = network(loss)
    history = net.fit(X, T, epochs=60, optimizer=SignSGD(Sqrt(0.02)))
    assert history.loss[-1] < 0.96 * history.loss[0]  # the outputs are shares: they cannot reach every target
    assert net.check_gradients(X, T)
    trace = net.trace(X, T)
    assert trace.formula("dalpha2") == "sum over rows of da2 tanh(a1)"
    H = net.hessian(X, T)
    np.testing.assert_allclose(H, H.T, atol=1e-12)


def test_a_file_brings_names_and_the_caller_the_components(tmp_path):
    net = network(CAUCHY)
    net.save(tmp_path / "mine.safetensors")
    again = cr.load(
        tmp_path / "mine.safetensors", extensions=[SINE, TWICE_BENT, COOL_SOFTMAX, CAUCHY, TRIANGULAR, Residual]
    )
    np.testing.assert_array_equal(again(X), net(X))
    with pytest.raises(cr.UnknownComponentError, match="cauchy"):
        cr.load(tmp_path / "mine.safetensors", extensions=[SINE, TWICE_BENT])


# -------------------------------------------------------------------------------- wrong, and caught
def test_a_derivative_that_is_off_by_a_factor_is_named():
    proof = ex.check_activation(replace(SINE, phi_prime=lambda z, omega: np.cos(omega * z)))
    assert {"derivative", "difference", "push_forward"} <= {claim.name for claim in proof.failed}
    assert proof["derivative_formula"].passed
    proof = ex.check_activation(replace(SINE, derivative_formula="cos(omega*z)"))
    assert not proof["derivative_formula"].passed


def test_a_kink_that_is_not_declared_is_named():
    proof = ex.check_activation(replace(TWICE_BENT, kinks=(0.0,)))
    assert proof["no_other_kinks"].where == "z = 1"


def test_an_overflow_is_named():
    careless = replace(
        COOL_SOFTMAX,
        phi=lambda z, temperature: np.exp(z / temperature) / np.exp(z / temperature).sum(axis=1, keepdims=True),
    )
    proof = ex.check_activation(careless)
    assert not proof["finite"].passed
    assert "overflow" in proof["finite"].found


def test_a_loss_whose_reduction_is_not_the_one_declared_is_named():
    proof = ex.check_loss(replace(CAUCHY, reduction="mean"))
    assert proof, proof  # the mean of the same terms is a loss too
    proof = ex.check_loss(replace(CAUCHY, term=lambda y, t, c: np.log1p(((t - y) / c) ** 2) / 2))
    assert {"value", "difference"} <= {claim.name for claim in proof.failed}


def test_a_layer_that_forgets_its_own_curvature_is_named():
    class Forgetful(Residual):
        def backward_dot(self, p, p_dot, record, dot, da, back, da_dot):
            right = super().backward_dot(p, p_dot, record, dot, da, back, da_dot)
            return right._replace(da_in=da_dot)

    proof = ex.check_layer(Forgetful())
    names = {claim.name for claim in proof.failed}
    assert {"hessian_vector_product", "hessian"} <= names
    assert "gradients" not in names


def test_every_name_at_the_door_is_there():
    assert all(hasattr(ex, name) for name in ex.__all__)
    assert list(ex.__all__) == sorted(ex.__all__)
