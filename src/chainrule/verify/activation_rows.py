"""``check_activation``: tests every claim that a row of the table of activations makes."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.core.activations import Activation, ElementwiseActivation, RowActivation
from chainrule.core.arrays import Array
from chainrule.core.format import number, numbers
from chainrule.core.unitwise import UnitwiseActivation
from chainrule.verify.formulas import equal_formulas, evaluate, read
from chainrule.verify.jumps import differ, jumps, only_declared, sides
from chainrule.verify.precision import best_difference, equals_formula, is_pure, real_line, stays_finite
from chainrule.verify.proof import Finding, Proof, Test, first_failure, prove, worst
from chainrule.verify.row_activations import row_tests


def check_activation(row: Activation) -> Proof:
    """Prove a row of the table of activations, or one of your own.

    Of every activation:
        finite: values and products are finite, without overflow on the way, for z from -1e4 to 1e4.
        pure: shape and dtype (float64, float32) are kept, arguments are left alone.
        range: values stay within ``range`` and come near its finite ends.
        rows_independent: a row's values do not depend on the other rows.
        push_forward, pull_back, pull_back_dot: agree with differences of ``value`` and with each other.

    Of an ``ElementwiseActivation`` also:
        derivative_formula, second_derivative_formula: are what SymPy derives from ``formula``, to 25 digits.
        value, derivative, second_derivative: equal the formulas from -1e4 to 1e4 (relative error 1e-12, plus what
            rounding z does), and with ``_float32`` in that dtype (1e-5).
        difference, second_difference: derivatives equal centred differences away from kinks.
        continuous: phi does not jump.
        kinks: at each declared kink phi' jumps (unless the parameters' values prevent it), and phi' there is one of
            the two sides or between them.
        no_other_kinks, no_other_curvature_jumps: phi' and phi'' jump nowhere else.

    Of a ``RowActivation`` also:
        value, jacobian, second_order: equal what SymPy derives from ``formula`` for rows of three units.

    Returns:
        A ``Proof``: truthy if every claim holds; prints as a table with each claim's worst point.

    Example:
        >>> from chainrule.core.activations import activation
        >>> proof = check_activation(activation("softplus"))
        >>> proof.passed, proof["derivative_formula"].passed
        (True, True)
    """
    return prove(f"activation {row.name}", activation_tests(row))


def activation_tests(row: Activation) -> dict[str, Test]:
    """The tests of ``check_activation`` by the names of their claims, none of them run yet."""
    tests: dict[str, Test] = {}
    if isinstance(row, ElementwiseActivation):
        tests |= _Elementwise(row).tests()
    if isinstance(row, RowActivation):
        tests |= row_tests(row)
    return tests | _common_tests(row)


# -------------------------------------------------------------------------------- of every activation
def _units(row: Activation) -> int:
    """How many columns to try: one of an elementwise activation, as many as a unitwise one is for, else three."""
    if isinstance(row, UnitwiseActivation):
        return len(row.rows)
    return 1 if isinstance(row, ElementwiseActivation) else 3


def _common_tests(row: Activation) -> dict[str, Test]:
    line = real_line()
    z = np.stack([np.roll(line, 7 * j) for j in range(_units(row))], axis=1)
    functions = {
        "value": row.value,
        "pull_back": lambda z: row.pull_back(z, row.value(z), np.full_like(z, 0.125)),
        "push_forward": lambda z: row.push_forward(z, row.value(z), np.full_like(z, 0.125)),
        "pull_back_dot": lambda z: row.pull_back_dot(z, row.value(z), *(np.full_like(z, 0.125) for _ in range(3))),
    }
    shapes = dict.fromkeys(functions, z.shape[1:])
    return {
        "finite": lambda: stays_finite(functions, (z,), lambda i: f"z = {numbers(z[i])}"),
        "pure": lambda: is_pure(functions, (z[::20],), shapes),
        "range": lambda: _range(row, z),
        "rows_independent": lambda: _rows_independent(row),
        **_product_tests(row),
    }


def _range(row: Activation, z: Array) -> Finding:
    """Within the range up to rounding, and near each finite end somewhere."""
    near = np.stack([np.linspace(-20, 20, 20001) * (-1) ** j for j in range(z.shape[1])], axis=1)
    with np.errstate(all="ignore"):
        a = np.concatenate([row.value(z).ravel(), row.value(near).ravel()])
    low, high = row.range
    found = f"values from {number(a.min(), 10)} to {number(a.max(), 10)}"
    slack = 1e-12 * np.abs([low, high]).max(where=np.isfinite([low, high]), initial=1.0)
    inside = low - slack <= a.min() and a.max() <= high + slack
    tight = all(np.isinf(end) or abs(end - extreme) <= 1e-3 for end, extreme in ((low, a.min()), (high, a.max())))
    wanted = f"from {number(low, 10)} to {number(high, 10)}" + ("" if tight or not inside else ", and near both ends")
    return Finding(bool(inside and tight), "", found, wanted)


def _rows_independent(row: Activation) -> Finding:
    z = np.random.default_rng(1).normal(size=(4, _units(row)))
    alone = np.concatenate([row.value(z[n : n + 1]) for n in range(len(z))])
    return worst(row.value(z), alone, 4 * np.finfo(float).eps * (1 + np.abs(alone)), _entry)


def _entry(n: int, j: int) -> str:
    return f"row {n}, unit {j}"


def _product_tests(row: Activation) -> dict[str, Test]:
    """The products along random directions, against differences; the points lie away from kinks."""
    rng = np.random.default_rng(0)
    shape = (40, _units(row))
    z, da, z_dot, da_dot = (rng.normal(size=shape) for _ in range(4))
    z = _moved_from(_corners(row), 2 * z)

    def push_forward() -> Finding:
        wanted = best_difference(lambda s: row.value(z + s * z_dot))
        return worst(row.push_forward(z, row.value(z), z_dot), wanted, _slack(wanted), _entry)

    def pull_back() -> Finding:
        """J' is the transpose of J: da . (J z_dot) = (J' da) . z_dot, row by row."""
        a = row.value(z)
        wanted = (da * row.push_forward(z, a, z_dot)).sum(axis=1)
        found = (row.pull_back(z, a, da) * z_dot).sum(axis=1)
        return worst(found, wanted, 1e-12 * (1 + np.abs(wanted).max()), lambda n: f"row {n}, da . J z_dot")

    def pull_back_dot() -> Finding:
        def pulled(s: float) -> Array:
            moved = z + s * z_dot
            return row.pull_back(moved, row.value(moved), da + s * da_dot)

        wanted = best_difference(pulled)
        return worst(row.pull_back_dot(z, row.value(z), da, z_dot, da_dot), wanted, _slack(wanted), _entry)

    return {"push_forward": push_forward, "pull_back": pull_back, "pull_back_dot": pull_back_dot}


def _corners(row: Activation) -> Array:
    """Where phi' or phi'' of any unit jumps."""
    by_unit = row.rows if isinstance(row, UnitwiseActivation) else [row]
    elementwise = [unit for unit in by_unit if isinstance(unit, ElementwiseActivation)]
    return np.array([point for unit in elementwise for point in (*unit.kinks, *unit.curvature_jumps)])


def _moved_from(points: Array, z: Array) -> Array:
    """Those z that lie within 0.02 of a point, shifted by 0.05."""
    close = (np.abs(z[..., None] - points) < 0.02).any(axis=-1)
    return np.where(close, z + 0.05, z)


def _slack(wanted: Array) -> float:
    return 1e-7 * (1 + float(np.abs(wanted).max()))


# -------------------------------------------------------------------------------- of an elementwise activation
class _Elementwise:
    """The claims of one elementwise row, with its formulas read and evaluated once for all of them."""

    def __init__(self, row: ElementwiseActivation) -> None:
        self.row = row
        self.corners = _corners(row)
        self.z = real_line(tuple(self.corners))

    def tests(self) -> dict[str, Test]:
        row = self.row
        orders = [("value", row.value), ("derivative", row.derivative), ("second_derivative", row.second_derivative)]
        by_dtype = {
            f"{name}{suffix}": lambda k=k, function=function, dtype=dtype: self._equals_formula(function, k, dtype)
            for suffix, dtype in (("", "float64"), ("_float32", "float32"))
            for k, (name, function) in enumerate(orders)
        }
        return {
            "derivative_formula": lambda: self._formula(1),
            "second_derivative_formula": lambda: self._formula(2),
            **by_dtype,
            "difference": lambda: self._difference(row.value, row.derivative),
            "second_difference": lambda: self._difference(row.derivative, row.second_derivative),
            "continuous": lambda: only_declared(jumps(row.value), (), "z"),
            "kinks": self._kinks,
            "no_other_kinks": lambda: only_declared(jumps(row.derivative), row.kinks, "z"),
            "no_other_curvature_jumps": lambda: only_declared(jumps(row.second_derivative), tuple(self.corners), "z"),
        }

    @cached_property
    def _symbol(self) -> Any:
        import sympy  # noqa: PLC0415 - only for those who check

        return sympy.Symbol("z", real=True)

    @cached_property
    def _derived(self) -> list[Any]:
        """phi, phi', phi'' and phi''' as SymPy derives them."""
        derived = [read(self.row.formula, {**self.row.parameters, "z": self._symbol})]
        for _ in range(3):
            derived.append(derived[-1].diff(self._symbol))
        return derived

    def _given(self, k: int) -> Any:
        """The row's own formula of phi, phi' or phi''; ``a`` in it is phi(z)."""
        formula = (self.row.formula, self.row.derivative_formula, self.row.second_derivative_formula)[k]
        return read(formula, {**self.row.parameters, "z": self._symbol, "a": self._derived[0]})

    @cached_property
    def _conditioning(self) -> list[Array]:
        """``|z f'(z)|`` for f = phi, phi', phi'': what a relative error in z does to each."""
        with np.errstate(over="ignore"):
            return [np.abs(self.z * evaluate(d, (self._symbol,), self.z)) for d in self._derived[1:]]

    def _at(self, i: int) -> str:
        return f"z = {number(float(self.z[i]), 9)}"

    def _formula(self, k: int) -> Finding:
        """The row's formula of the k-th derivative against SymPy's, away from kinks."""
        z = self.z[~np.isin(self.z, self.corners.astype(np.float32))]
        return equal_formulas(
            self._given(k), self._derived[k], (self._symbol,), (z,), lambda i: f"z = {number(float(z[i]), 9)}"
        )

    def _equals_formula(self, function: Callable[[Array], Array], k: int, dtype: str) -> Finding:
        with np.errstate(all="ignore"):  # overflow is another claim's matter
            found = function(self.z[:, None].astype(dtype))[:, 0]
        wanted = evaluate(self._given(k), (self._symbol,), self.z)
        return equals_formula(found, wanted, self._conditioning[k], self._at)

    def _difference(self, function: Callable[[Array], Array], derivative: Callable[[Array], Array]) -> Finding:
        z = _moved_from(self.corners, np.linspace(-8, 8, 161))
        wanted = best_difference(lambda s: function(z + s))
        return worst(derivative(z), wanted, _slack(wanted), lambda i: f"z = {number(float(z[i]))}")

    def _kinks(self) -> Finding:
        row = self.row
        findings = {f"z = {number(kink)}": self._kink(kink) for kink in row.kinks}
        return first_failure(findings, f"phi' jumps at {len(row.kinks)} declared kinks")

    def _kink(self, kink: float) -> Finding:
        left, at, right = sides(self.row.derivative, kink)
        if not min(left, right) - 1e-6 <= at <= max(left, right) + 1e-6:
            return Finding(False, "", f"phi' = {number(at)}", f"from {number(left)} to {number(right)}")
        if differ(left, right) or self._jumps_with_other_parameters(kink):
            return Finding(True)
        return Finding(False, "", f"phi' = {number(left)} on both sides", "a jump")

    def _jumps_with_other_parameters(self, kink: float) -> bool:
        """Whether phi' jumps there once a parameter is changed: then only the values at hand prevent it."""
        others = (self.row.with_parameters(**{name: 1.25 * value + 0.1}) for name, value in self.row.parameters.items())
        return any(differ(left, right) for left, _, right in (sides(other.derivative, kink) for other in others))
