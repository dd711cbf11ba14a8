"""Elementary functions of lanes: the exponential and its kin, logarithms, the normal distribution, and comparisons.

The C library takes one number at a time; these take a register of them, as they are nothing but additions,
multiplications and a few changes of bits. Each follows the same plan: bring the argument near 0 by an identity, use a
polynomial there, undo the identity. The polynomials are the best of their degree (minimax, found by Remez' exchange in
40 digits, then rounded); their worst errors, in units in the last place (ulp), stand beside them and are measured in
``tests/engine/test_functions.py``, which holds every function against the truth.

Every function here takes float32 and float64 lanes of any count. Constants and polynomials come in pairs, one for
each; which one is meant is known when a kernel is compiled. NaN stays NaN in every function: a network that diverges
must show it.

References: Cody & Waite, Software manual for the elementary functions, 1980; Muller, Elementary functions, 3rd ed.,
2016; Tang 1989 and 1990, ACM TOMS 15(2) and 16(4), for exp and log; Shepherd & Laframboise 1981, Mathematics of
Computation 36, for the mapping behind the tails of the normal distribution.
"""

from typing import Any

import numpy as np

from chainrule.engine.lanes.bits import exponent_of, mantissa_of, power_from_low_bits
from chainrule.engine.lanes.polynomials import INFINITY, NAN, constant, lane_function, like, polynomial
from chainrule.engine.lanes.simd import fma, select


# -------------------------------------------------------------------------------- comparisons
@lane_function
def sign(v: Any) -> Any:
    """-1, 0 or 1 by the sign of ``v``."""
    return select(v > 0.0, 1.0, select(v < 0.0, -1.0, v))


@lane_function
def minimum(v: Any, other: Any) -> Any:
    """The smaller of the two, NaN if either is; the other may be a plain number."""
    u = like(v, other)
    return select(u != u, u, select(v > u, u, v))  # noqa: PLR0124 - NaN


@lane_function
def maximum(v: Any, other: Any) -> Any:
    """The larger of the two, NaN if either is; the other may be a plain number."""
    u = like(v, other)
    return select(u != u, u, select(v < u, u, v))  # noqa: PLR0124 - NaN


@lane_function
def clip(v: Any, low: Any, high: Any) -> Any:
    """``v``, but not below ``low`` and not above ``high``."""
    return minimum(maximum(v, low), high)


# -------------------------------------------------------------------------------- exp
# exp(x) = 2^k exp(r) with x = k ln 2 + r and |r| <= ln(2)/2. ln 2 is taken in two parts of which the first ends in
# zeros, so that k times it is exact, with fma or without. exp(r) - 1 = r + r^2 tail(r): without the 1, small r keep
# all their digits.
_HELD = constant(1.5 * 2.0**23 + 127, 1.5 * 2.0**52 + 1023)  # see power_from_low_bits
_LOG2_E = constant(1.4426950408889634, 1.4426950408889634)
_MINUS_LN2_HIGH = constant(-0.693359375, -0.6931471803691238)
_MINUS_LN2_LOW = constant(2.1219444005469057e-4, -1.9082149292705877e-10)
_EXP_TAIL = polynomial(
    (0.49999998153333278, 0.16666542846067315, 0.041667198890171688, 0.0083666323196738305, 0.0013882782031977908),
    (
        0.50000000000000052, 0.16666666666666588, 0.041666666666575814, 0.0083333333333900975, 0.0013888888931940218,
        0.00019841269718121736, 2.4801504763384657e-5, 2.7557407872390404e-6, 2.7626259657738973e-7,
        2.5053861044811276e-8,
    ),
)  # fmt: skip
"""Errs by 0.1 ulp of exp(r) in float32, 0.1 ulp in float64."""

# beyond these arguments the result is 0, infinity or -1 all the same, and 2^k keeps within what bits can hold
_ZERO_BELOW = constant(-127 * np.log(2), -1023 * np.log(2))
_EXP_LOW, _EXP_HIGH = constant(-104.5, -746.0), constant(89.4, 710.4)
_EXPM1_LOW, _EXPM1_HIGH = constant(-40.0, -80.0), constant(89.0, 710.0)


@lane_function
def _exp_parts(x: Any) -> Any:
    """``r``, ``tail(r)``, and ``k`` beside ``_HELD``."""
    held = fma(x, _LOG2_E(x), _HELD(x))
    k = held - _HELD(x)
    r = fma(k, _MINUS_LN2_LOW(x), fma(k, _MINUS_LN2_HIGH(x), x))
    return r, _EXP_TAIL(r), held


@lane_function
def exp_and_expm1_of_negative(x: Any) -> tuple[Any, Any]:
    """``exp(x)`` and ``exp(x) - 1`` for x <= 0; exp soon becomes 0 where it is no longer a normal number."""
    r, tail, held = _exp_parts(select(x < _ZERO_BELOW(x), _ZERO_BELOW(x), x))
    power, q = power_from_low_bits(held), fma(tail, r * r, r)
    return fma(q, power, power), fma(q, power, power - 1.0)


@lane_function
def exp_of_negative(x: Any) -> Any:
    """``exp(x)`` for x <= 0, quicker than ``exp``."""
    e, _ = exp_and_expm1_of_negative(x)
    return e


@lane_function
def exp(x: Any) -> Any:
    """``exp(x)`` for any x; where x <= 0 ``exp_of_negative`` is quicker."""
    r, tail, held = _exp_parts(clip(x, _EXP_LOW(x), _EXP_HIGH(x)))
    k = held - _HELD(x)  # 2^k in two factors, as k may be 1024, or -1074 where numbers are no longer normal
    half = fma(k, 0.5, _HELD(x))
    power, q = power_from_low_bits(half), fma(tail, r * r, r)
    return fma(q, power, power) * power_from_low_bits(held - (half - _HELD(x)))


@lane_function
def expm1(x: Any) -> Any:
    """``exp(x) - 1`` for any x."""
    r, tail, held = _exp_parts(clip(x, _EXPM1_LOW(x), _EXPM1_HIGH(x)))
    power = power_from_low_bits(held - 1.0)  # 2^(k - 1), as k may be 1024
    return fma(power, tail * (r * r), fma(power, r, power - 0.5)) * 2.0  # the small part last: for k = 1 r cancels


# -------------------------------------------------------------------------------- sigmoid and tanh
@lane_function
def sigmoid_parts(z: Any) -> Any:
    """``e = exp(-|z|)`` and ``r = 1/(1 + e)``: sigmoid is r above 0 and e r below; the product of both is its slope."""
    e = exp_of_negative(-abs(z))
    return e, 1.0 / (1.0 + e)


@lane_function
def sigmoid(z: Any) -> Any:
    """``1/(1 + exp(-z))``."""
    e, r = sigmoid_parts(z)
    return select(z < 0.0, e * r, r)


@lane_function
def tanh_and_slope(z: Any) -> Any:
    """``tanh(z)`` and ``1 - tanh(z)^2``: with ``e = exp(-2|z|)``, ``|tanh| = (1 - e)/(1 + e)``, ``4 e/(1 + e)^2``."""
    below = -abs(z)
    e, minus = exp_and_expm1_of_negative(below + below)
    r = 1.0 / (1.0 + e)
    a, twice = minus * r, r + r
    return select(z < 0.0, a, -a), e * twice * twice


@lane_function
def tanh(z: Any) -> Any:
    """``tanh(z)``."""
    a, _ = tanh_and_slope(z)
    return a


# -------------------------------------------------------------------------------- log
# log(2^k (1 + f)) = k ln 2 + log(1 + f) with 1 + f from sqrt(1/2) to sqrt(2). With s = f/(2 + f) log(1 + f) is
# 2 artanh(s) = 2 s + s tail, where 2 s = f - s f; f^2/2 is split off, so that what is rounded is small beside f.
_LN2_HIGH = constant(0.693359375, 0.6931471803691238)
_LN2_LOW = constant(-2.1219444005469057e-4, 1.9082149292705877e-10)
_SQRT2 = constant(1.4142135623730951, 1.4142135623730951)
_LOG_TAIL = polynomial(
    (0.66666776766925954, 0.39977475494761255, 0.29873783869602813),
    (
        0.66666666666667341, 0.39999999999414107, 0.28571428742887485, 0.22222198492231282, 0.18183569813591915,
        0.15313881759445981, 0.14797892102884608,
    ),
)  # fmt: skip
"""Errs by less than 0.02 ulp of log(1 + f)."""


@lane_function
def _log_of(k: Any, f: Any) -> Any:
    """``log(2^k (1 + f))``."""
    s = f / (f + 2.0)
    square = s * s
    half_square = f * f * 0.5
    rest = fma(s, fma(_LOG_TAIL(square), square, half_square), k * _LN2_LOW(k))
    return fma(k, _LN2_HIGH(k), f - (half_square - rest))


@lane_function
def _split(v: Any) -> Any:
    """``k`` and ``f`` with ``v = 2^k (1 + f)``, 1 + f from sqrt(1/2) to sqrt(2)."""
    k, m = exponent_of(v), mantissa_of(v)
    large = m > _SQRT2(v)
    return select(large, k + 1.0, k), select(large, m * 0.5, m) - 1.0


@lane_function
def _log_ends(v: Any, inside: Any) -> Any:
    """The logarithm of ``v``, given that of positive finite ones: -inf at 0, NaN below, inf and NaN themselves."""
    return select(v <= 0.0, select(v < 0.0, like(v, NAN), -INFINITY), select(v < INFINITY, inside, v))


@lane_function
def log(v: Any) -> Any:
    """``log(v)``; positive v must be normal numbers."""
    k, f = _split(v)
    return _log_ends(v, _log_of(k, f))


@lane_function
def log1p(x: Any) -> Any:
    """``log(1 + x)``: what rounding took from 1 + x is given back to f."""
    v = x + 1.0
    one = v - x
    lost = (x - (v - one)) + (1.0 - one)
    k, f = _split(v)
    shift = _HELD(v) - minimum(k, 64.0)  # beyond that the 1 is lost anyway
    return _log_ends(v, _log_of(k, fma(lost, power_from_low_bits(shift), f)))


@lane_function
def log1p_of_share(e: Any) -> Any:
    """``log(1 + e)`` for e from 0 to 1: nothing is lost there, and k is 0 or 1."""
    large = e > _SQRT2(e) - 1.0
    return _log_of(select(large, like(e, 1.0), 0.0), select(large, (e - 1.0) * 0.5, e))


@lane_function
def log1p_near_zero(f: Any) -> Any:
    """``log(1 + f)`` for f from -0.29 to 0.41."""
    return _log_of(like(f, 0.0), f)


# -------------------------------------------------------------------------------- the normal distribution
# The share of a standard normal beyond x >= 0 is exp(-x^2/2) times a function without exponential (half of Mills'
# ratio, but for a constant) that falls like 1/x: ratio(x) = g(w)/(x + 4.5) with w = (x - 4.5)/(x + 4.5), which brings
# all x from 0 on between -1 and 1, where g is a polynomial.
_NORMAL_MIDDLE = 4.5
_NORMAL_END = 40.0  # exp(-800) = 0
_NORMAL_TAIL = polynomial(
    (
        0.76323052305170325, -0.64025783105598854, 0.44645317840315813, -0.25313939532793332, 0.11137227286791169,
        -0.033897881256267623, 0.0042696895823821870, 0.0018729253903867017, -9.5043652659296907e-4,
        -2.0256709432182442e-4,
    ),
    (
        0.76323052897020314, -0.64025776025261768, 0.44645251705567790, -0.25314179995090527, 0.11138259657020827,
        -0.033871326179112692, 0.0042236133808456228, 0.0017488305955098954, -9.1774651247695803e-4,
        6.3809369801633425e-6, 1.1204276615583436e-4, -1.5932082796127182e-5, -1.4236055978237809e-5,
        3.1872607367861938e-6, 2.1427340443528239e-6, -4.9477991859962700e-7, -3.7785575600040992e-7,
        5.5657701176551354e-8, 6.7455256894276264e-8, 6.5555340558808305e-10, -8.3230741076718904e-9,
        -1.6760242946864253e-9,
    ),
)  # fmt: skip
"""Errs by 0.2 ulp in float32, 0.3 ulp in float64."""


@lane_function
def normal_parts(z: Any) -> Any:
    """``exp(-z^2/2)``, and ``ratio(|z|)``: their product is the share of a standard normal beyond ``|z|``."""
    x = minimum(abs(z), _NORMAL_END)
    square = x * x
    lost = fma(x, x, -square)  # what rounding took from the square: it matters, as exp is steep
    e = exp_of_negative(square * -0.5)
    d = 1.0 / (x + _NORMAL_MIDDLE)
    return fma(e * lost, -0.5, e), _NORMAL_TAIL((x - _NORMAL_MIDDLE) * d) * d
