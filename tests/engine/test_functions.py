"""The elementary functions of lanes against the truth, in units in the last place."""

from typing import NamedTuple

import mpmath
import numpy as np
import pytest

from chainrule.engine.lanes import functions as f
from chainrule.engine.lanes.polynomials import lane_function
from tests.engine.lanes_on_arrays import KINDS, apply

MANY = 600
each_kind = pytest.mark.parametrize("kind", KINDS)


# -------------------------------------------------------------------------------- functions that give several things
@lane_function
def exp_of_negative(x):
    return f.exp_and_expm1_of_negative(x)[0]


@lane_function
def expm1_of_negative(x):
    return f.exp_and_expm1_of_negative(x)[1]


@lane_function
def slope_of_tanh(z):
    return f.tanh_and_slope(z)[1]


@lane_function
def normal_share_beyond(x):
    e, ratio = f.normal_parts(x)
    return e * ratio


# -------------------------------------------------------------------------------- against the truth
class Case(NamedTuple):
    """A function, its truth, where it is tried (float32, float64), and how far it may err in ulp (float32, float64)."""

    function: object
    truth: object
    single: tuple[float, float]
    double: tuple[float, float]
    ulp: tuple[float, float] = (2.0, 2.0)


CASES = {
    "exp": Case(f.exp, mpmath.exp, (-87.3, 88.7), (-708.3, 709.7)),
    "exp_of_negative": Case(exp_of_negative, mpmath.exp, (-87.3, 0), (-708.3, 0)),
    "expm1": Case(f.expm1, mpmath.expm1, (-100, 88.7), (-800, 709.7)),
    "expm1_of_negative": Case(expm1_of_negative, mpmath.expm1, (-100, 0), (-800, 0)),
    "log": Case(f.log, mpmath.log, (2e-38, 3e38), (3e-308, 1e308)),
    "log, near 1": Case(f.log, mpmath.log, (0.4, 3), (0.4, 3)),
    "log1p": Case(f.log1p, mpmath.log1p, (-1 + 2e-7, 3e38), (-1 + 3e-16, 1e308)),
    "log1p, near 0": Case(f.log1p, mpmath.log1p, (-0.9, 4), (-0.9, 4)),
    "log1p_of_share": Case(f.log1p_of_share, mpmath.log1p, (0, 1), (0, 1)),
    "log1p_near_zero": Case(f.log1p_near_zero, mpmath.log1p, (-0.29, 0.41), (-0.29, 0.41)),
    "sigmoid": Case(f.sigmoid, lambda z: 1 / (1 + mpmath.exp(-z)), (-87, 50), (-708, 50), (4, 4)),
    "tanh": Case(f.tanh, mpmath.tanh, (-20, 20), (-30, 30), (4, 4)),
    "slope of tanh": Case(slope_of_tanh, lambda z: mpmath.sech(z) ** 2, (-43, 43), (-354, 354), (6, 6)),
    "normal share": Case(normal_share_beyond, lambda x: mpmath.ncdf(-x), (0, 13), (0, 37.5), (8, 8)),
}


def points(dtype, low, high):
    """Numbers from low to high, evenly and by size, with both ends and 0 where it lies between."""
    rng = np.random.default_rng(0)
    least = 1e-30 if dtype is np.float32 else 1e-300
    sides = [-np.geomspace(least, -low, MANY)] if low < 0 else []
    sides += [np.geomspace(max(low, least), high, MANY)] if high > 0 else []
    inside = np.concatenate([rng.uniform(low, high, MANY), *sides, [0.0] if low <= 0 <= high else []])
    return np.clip(inside.astype(dtype), np.nextafter(dtype(low), dtype(high)), np.nextafter(dtype(high), dtype(low)))


def ulps(found, truth, x):
    """How far each found number is from the truth (mpmath's, of each x), in the distance to the next number there."""
    with mpmath.workprec(120):
        exact = [truth(mpmath.mpf(float(v))) for v in x]
        near = np.array([float(v) for v in exact])
        rest = np.array([float(v - float(v)) for v in exact])  # what a float64 lacks
    unit = np.spacing(np.maximum(np.abs(near), np.finfo(found.dtype).tiny).astype(found.dtype)).astype(float)
    return np.abs((found.astype(float) - near) - rest) / unit


@each_kind
@pytest.mark.parametrize("name", CASES)
def test_is_right_to_a_few_units_in_the_last_place(name, kind):
    case, dtype = CASES[name], KINDS[kind][0]
    x = points(dtype, *(case.single if dtype is np.float32 else case.double))
    errors = ulps(apply(case.function, kind, x), case.truth, x)
    worst = int(errors.argmax())
    bound = case.ulp[0] if dtype is np.float32 else case.ulp[1]
    assert errors[worst] <= bound, f"{errors[worst]:.2f} ulp at {x[worst]!r}"


# -------------------------------------------------------------------------------- at the ends
@each_kind
@pytest.mark.parametrize("name", ["exp", "expm1", "log", "log1p", "tanh"])
def test_agrees_with_numpy_at_the_ends(name, kind):
    dtype = KINDS[kind][0]
    info = np.finfo(dtype)
    top, bottom = np.log(info.max), np.log(info.tiny)
    x = [0.0, 1.0, info.tiny, info.max, np.inf, top, np.nextafter(top, dtype(np.inf)), top + 1, 2 * top, 1e30, 50.0]
    x = np.array(x + [-v for v in x] + [bottom, bottom - 5, 2 * bottom, np.nan], dtype)
    with np.errstate(all="ignore"):
        wanted = getattr(np, name)(x)
    found = apply(getattr(f, name), kind, x)
    np.testing.assert_allclose(found, wanted, rtol=4 * info.eps, atol=info.tiny, equal_nan=True)


@each_kind
def test_exp_of_negative_ends_at_zero(kind):
    x = np.array([-1e3, -1e30, -np.inf, np.nan], KINDS[kind][0])
    np.testing.assert_array_equal(apply(exp_of_negative, kind, x), [0, 0, 0, np.nan])
    np.testing.assert_array_equal(apply(expm1_of_negative, kind, x), [-1, -1, -1, np.nan])


@each_kind
@pytest.mark.parametrize("name", CASES)
def test_nan_stays_nan(name, kind):
    assert np.isnan(apply(CASES[name].function, kind, np.array([np.nan], KINDS[kind][0]))).all()


# -------------------------------------------------------------------------------- comparisons, polynomials
@lane_function
def _within(v, bounds):
    return f.clip(v, bounds[0], bounds[1])


@each_kind
def test_comparisons_agree_with_numpy(kind):
    some = np.array([-np.inf, -2.5, -1e-30, 0.0, 1e-30, 2.5, np.inf, np.nan], KINDS[kind][0])
    a, b = (grid.ravel() for grid in np.meshgrid(some, some))
    np.testing.assert_array_equal(apply(f.minimum, kind, a, b), np.minimum(a, b))
    np.testing.assert_array_equal(apply(f.maximum, kind, a, b), np.maximum(a, b))
    np.testing.assert_array_equal(apply(f.sign, kind, a), np.sign(a))
    np.testing.assert_array_equal(apply(_within, kind, a, numbers=(-1.0, 2.0)), np.clip(a, -1, 2))


@each_kind
@pytest.mark.parametrize("terms", [2, 3, 6, 7])
def test_polynomials_take_the_coefficients_of_their_dtype(terms, kind):
    dtype = KINDS[kind][0]
    single, double = np.arange(1.0, terms + 1), np.arange(-1.0, terms - 1)
    x = np.array([-2.0, 0.0, 0.5, 3.0], dtype)
    wanted = np.polynomial.polynomial.polyval(x, single if dtype is np.float32 else double)
    np.testing.assert_array_equal(apply(f.polynomial(single, double), kind, x), wanted)
