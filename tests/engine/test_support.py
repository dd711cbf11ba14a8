"""The compiled rows against the reference's: values, derivatives, updates, in each kind of lanes."""

import numpy as np
import pytest

from chainrule.core.activations import ACTIVATIONS, ElementwiseActivation
from chainrule.core.losses import LOSSES, ElementwiseLoss
from chainrule.engine.lanes.activations import COMPILED_ACTIVATIONS
from chainrule.engine.lanes.losses import COMPILED_LOSSES
from chainrule.engine.lanes.optimizers import COMPILED_OPTIMIZERS, compiled_optimizer
from chainrule.engine.optimizer_spec import MOMENTS, optimizer_spec
from chainrule.optimizers import OPTIMIZERS, SGD, Adadelta, Adagrad, Adam, AdamW, Lion, NAdam, RMSprop, Rprop
from chainrule.verify.precision import real_line
from tests.engine.lanes_on_arrays import KINDS, apply

each_kind = pytest.mark.parametrize("kind", KINDS)

RELATIVE = {np.float32: 8 * 2.0**-23, np.float64: 1e-13}
"""How far a twin may be from the reference in float64: 8 ulp in float32."""


def constants(row):
    """A row's parameters as kernels hand them over."""
    return (*map(float, row.parameters.values()), 0.0, 0.0)[:2]


def assert_close(found, wanted, dtype, slack=0.0):
    """``slack``: the size of what is subtracted, where a result is a difference.

    What is no longer a normal number may be 0 before it is multiplied by z, up to 1e4.
    """
    info = np.finfo(dtype)
    allowed = RELATIVE[dtype] * np.abs(wanted) + 8 * float(info.eps) * slack + 2e4 * float(info.tiny)
    error = np.abs(found.astype(float) - wanted)
    worst = np.unravel_index((error - allowed).argmax(), error.shape)
    assert error[worst] <= allowed[worst], f"{found[worst]!r} for {wanted[worst]!r} at {worst}"


# -------------------------------------------------------------------------------- activations
ELEMENTWISE = {name: row for name, row in ACTIVATIONS.items() if isinstance(row, ElementwiseActivation)}
OTHER_CONSTANTS = [
    ELEMENTWISE["leaky_relu"].with_parameters(alpha=0.3),
    ELEMENTWISE["elu"].with_parameters(alpha=0.7),
    ELEMENTWISE["selu"].with_parameters(alpha=1.3, scale=0.8),
]
SUBTRACTED = {"gelu", "gelu_tanh", "silu", "mish", "hard_sigmoid"}
"""Their slopes or values pass through 0 where terms cancel: right beside the size of the terms, which is below 1."""
STEEP = {"gelu", "gelu_tanh"}
"""They round ``z^2`` before an exponential, in the reference or here: right to a few units of rounding of z."""


@each_kind
@pytest.mark.parametrize(
    "row", [*ELEMENTWISE.values(), *OTHER_CONSTANTS], ids=lambda row: f"{row.name}{constants(row)}"
)
def test_activations_and_slopes_are_the_references(row, kind):
    dtype = KINDS[kind][0]
    z = np.concatenate([real_line((*row.kinks, -1e-8, 1e-8)), np.random.default_rng(0).normal(scale=3, size=500)])
    z = z.astype(dtype).astype(float)
    if row.name == "exponential" and dtype is np.float32:
        z = z[z < 88]
    a, slope = apply(COMPILED_ACTIVATIONS[row.name], kind, z.astype(dtype), numbers=constants(row), results=2)
    terms = (np.abs(z) < 10).astype(float) if row.name in SUBTRACTED else 0.0
    steep = np.abs(z) if row.name in STEEP else 0.0
    assert_close(a, row.value(z), dtype, np.abs(z) * terms + steep * np.abs(row.derivative(z)))
    assert_close(slope, row.derivative(z), dtype, terms + steep * np.abs(row.second_derivative(z)))


@each_kind
def test_exponential_saturates_as_the_reference(kind):
    z = np.array([88.5, 88.8, 709.5, 710, 1e4, 1e30, np.inf], KINDS[kind][0])
    a, slope = apply(COMPILED_ACTIVATIONS["exponential"], kind, z, numbers=(0.0, 0.0), results=2)
    np.testing.assert_allclose(a, ELEMENTWISE["exponential"].value(z), rtol=4 * np.finfo(z.dtype).eps)
    np.testing.assert_array_equal(slope, a)


@each_kind
@pytest.mark.parametrize("row", ELEMENTWISE.values(), ids=lambda row: row.name)
def test_activations_keep_nan_and_stay_finite(row, kind):
    dtype = KINDS[kind][0]
    z = np.array([np.nan, -1e18, 1e18], dtype)
    a, slope = apply(COMPILED_ACTIVATIONS[row.name], kind, z, numbers=constants(row), results=2)
    assert np.isnan(a[0])
    if row.name != "gelu_tanh":  # its cubic overflows in float32, the reference's too
        assert np.isfinite(a[1:]).all()
        assert np.isfinite(slope[1:]).all()


# -------------------------------------------------------------------------------- losses
TERMS = {name: row for name, row in LOSSES.items() if isinstance(row, ElementwiseLoss)}
OTHER_TERMS = [
    TERMS["huber"].with_parameters(delta=0.3),
    TERMS["quantile"].with_parameters(quantile=0.9),
]
LOG = {"poisson", "binary_cross_entropy", "categorical_cross_entropy"}
"""Their outputs are positive; what they do elsewhere depends on the dtype."""


def loss_points(row, dtype):
    """Outputs and targets, each with each."""
    rng = np.random.default_rng(0)
    low, high = row.target_range
    if row.name in LOG:
        y = np.concatenate(
            [rng.uniform(0.001, 0.999, 60), np.geomspace(1e-30, 0.5, 40), 1 - np.geomspace(1e-5, 0.5, 40)]
        )
        y = y if high == 1 else y * 50
    else:
        y = np.concatenate([real_line((-1e-8, 1e-8)), rng.normal(scale=3, size=100)])
    t = [0.0, 1.0, 0.25, 1e-20, 0.9999] if high == 1 else [0.0, 1.0, 3.0, 250.0] if low == 0 else [0.0, -1.5, 2.0, 1e3]
    y, t = (grid.astype(dtype).astype(float) for grid in np.meshgrid(y, t))
    return (np.minimum(y, 88) if row.name == "poisson_from_logits" and dtype is np.float32 else y), t


def subtracted(row, y, t):
    """The size of what is subtracted from each other, in the term and in its derivative."""
    with np.errstate(all="ignore"):
        match row.name:
            case "poisson":
                return y + np.abs(t * np.log(y)), 1 + t / y
            case "poisson_from_logits":
                e = row.term_second(y, t)
                return e + np.abs(t * y), e + t
            case "binary_cross_entropy":
                return 0 * y, (1 - t) / (1 - y) + t / y
            case "binary_cross_entropy_from_logits":
                return 0 * y, np.full_like(y, 0.5) * (np.abs(y) < 50)
            case _:
                return 0 * y, 0 * y


@each_kind
@pytest.mark.parametrize("row", [*TERMS.values(), *OTHER_TERMS], ids=lambda row: f"{row.name}{constants(row)}")
def test_losses_and_slopes_are_the_references(row, kind):
    dtype = KINDS[kind][0]
    y, t = loss_points(row, dtype)
    e, slope = apply(
        COMPILED_LOSSES[row.name], kind, y.astype(dtype), t.astype(dtype), numbers=constants(row), results=2
    )
    in_term, in_slope = subtracted(row, y, t)
    assert_close(e, row.term(y, t, **row.parameters), dtype, in_term)
    assert_close(slope, row.term_prime(y, t, **row.parameters), dtype, in_slope)


@each_kind
@pytest.mark.parametrize("name", [*sorted(LOG), "poisson_from_logits"])
def test_losses_guard_their_ends_as_the_reference(name, kind):
    row, dtype = TERMS[name], KINDS[kind][0]
    tiny = np.finfo(dtype).tiny
    outputs = [0.0, tiny, tiny * 8, 1 - np.finfo(dtype).epsneg, 1.0, 2.0, -1.0, 1e3]
    y, t = np.meshgrid(np.array(outputs, dtype), np.array([0, 1, 0.3, 1e-20], dtype))
    e, slope = apply(COMPILED_LOSSES[name], kind, y, t, numbers=constants(row), results=2)
    rtol = 8 * np.finfo(dtype).eps
    np.testing.assert_allclose(e, row.term(y, t), rtol=rtol, atol=rtol)
    np.testing.assert_allclose(slope, row.term_prime(y, t), rtol=rtol, atol=rtol)


@each_kind
@pytest.mark.parametrize("row", TERMS.values(), ids=lambda row: row.name)
def test_losses_of_nan_are_nan(row, kind):
    y = np.full(3, np.nan, KINDS[kind][0])
    e, slope = apply(
        COMPILED_LOSSES[row.name], kind, y, np.array([0, 0.5, 1], y.dtype), numbers=constants(row), results=2
    )
    assert np.isnan(e).all()
    assert np.isnan(slope).all()


# -------------------------------------------------------------------------------- optimizers
RULES = [
    SGD(0.1), SGD(0.1, momentum=0.9), SGD(0.1, momentum=0.8, nesterov=True), RMSprop(), RMSprop(0.01, rho=0.5),
    Adagrad(), Adagrad(0.1, epsilon=1e-3), Adadelta(), Adadelta(0.5, rho=0.95, epsilon=1e-4), Adam(),
    Adam(0.01, beta1=0.5, beta2=0.9, epsilon=1e-4), AdamW(), NAdam(), NAdam(0.01, 0.8, 0.99, 1e-6, 0.05), Rprop(),
    Rprop(0.1, increase=1.5, decrease=0.3, smallest=0.05, largest=0.2), Lion(), Lion(0.01, beta1=0.5, beta2=0.7),
]  # fmt: skip


def gradients(size, dtype, updates=30):
    """Of many sizes, some 0, some turning their sign at each update, some never."""
    rng = np.random.default_rng(0)
    g = rng.normal(size=(updates, size)) * 10.0 ** rng.integers(-6, 3, size)
    g[rng.random(g.shape) < 0.1] = 0
    g[:, 0] = 0
    g[:, 1] = np.abs(g[:, 1])
    g[:, 2] = np.abs(g[:, 2]) * (-1.0) ** np.arange(updates)
    return g.astype(dtype)


@each_kind
@pytest.mark.parametrize("optimizer", RULES, ids=repr)
def test_thirty_updates_are_the_references(optimizer, kind):
    dtype, size, eta = KINDS[kind][0], 37, optimizer.learning_rate
    twin, settings = compiled_optimizer(optimizer), optimizer_spec(optimizer).settings
    moments = optimizer.start(size, np.dtype(float), eta)
    kept = float(moments.get(twin.kept, 0.0))
    held = [moments[name].astype(dtype) for name in twin.moments]
    held += [np.full(size, 7.0, dtype)] * (2 - len(held))
    rtol = 1e-12 if dtype is np.float64 else 1e-5
    for count, g in enumerate(gradients(size, dtype), start=1):
        wanted, moments = optimizer.update(moments, g.astype(float), eta, count)
        *q, kept = twin.scalars(settings, eta, count, kept)
        update, *held = apply(twin.update, kind, g, *held, numbers=tuple(q), results=3)
        scale = np.abs(wanted).max() * (0 if dtype is np.float64 else 1e-7)
        np.testing.assert_allclose(update, wanted, rtol=rtol, atol=1e-30 + scale)
        for name, found in zip(twin.moments, held, strict=False):
            scale = np.abs(moments[name]).max() * np.finfo(dtype).eps
            np.testing.assert_allclose(found, moments[name], rtol=rtol, atol=scale)
        for unused in held[len(twin.moments) :]:
            np.testing.assert_array_equal(unused, 7)
    if twin.kept:
        assert kept == pytest.approx(float(moments[twin.kept]), rel=1e-12)


@each_kind
@pytest.mark.parametrize("optimizer", RULES, ids=repr)
def test_updates_of_nan_are_nan(optimizer, kind):
    twin, nan = compiled_optimizer(optimizer), np.full(3, np.nan, KINDS[kind][0])
    *q, _ = twin.scalars(optimizer_spec(optimizer).settings, 0.1, 1, 1.0)
    update, _, _ = apply(twin.update, kind, nan, nan * 0 + 1, nan * 0 + 1, numbers=tuple(q), results=3)
    assert np.isnan(update).all()


# -------------------------------------------------------------------------------- the tables
def test_every_row_has_its_twin():
    assert set(COMPILED_ACTIVATIONS) == set(ELEMENTWISE)
    assert set(COMPILED_LOSSES) == set(TERMS)
    assert set(COMPILED_OPTIMIZERS) == set(OPTIMIZERS) | {"sgd_momentum", "sgd_nesterov"} == set(MOMENTS)


@pytest.mark.parametrize("optimizer", RULES, ids=repr)
def test_twins_name_all_moments(optimizer):
    twin = compiled_optimizer(optimizer)
    started = optimizer.start(3, np.dtype(float), 0.1)
    assert [*twin.moments, *([twin.kept] if twin.kept else [])] == list(started)
