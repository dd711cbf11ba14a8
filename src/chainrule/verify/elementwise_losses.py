"""The claims of a loss that adds up a term for each output: its formulas, functions and kinks."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import number
from chainrule.core.losses import ElementwiseLoss
from chainrule.verify.formulas import equal_formulas, evaluate, read
from chainrule.verify.jumps import differ, jumps, only_declared, sides
from chainrule.verify.loss_points import domain, middle_outputs, middle_targets, output_grid, target_grid
from chainrule.verify.precision import equals_formula, is_pure, stays_finite
from chainrule.verify.proof import Finding, Test, first_failure, worst


def elementwise_tests(row: ElementwiseLoss) -> dict[str, Test]:
    """Tests by the names of their claims."""
    term = _Term(row)
    by_dtype = {
        f"{name}{suffix}": lambda k=k, dtype=dtype: term.equals_formula(k, dtype)
        for suffix, dtype in (("", "float64"), ("_float32", "float32"))
        for k, name in enumerate(("value", "derivative", "second_derivative"))
    }
    return {
        "derivative_formula": lambda: term.formula(1),
        "second_derivative_formula": lambda: term.formula(2),
        **by_dtype,
        "finite": term.finite,
        "pure": term.pure,
        "reduction": term.reduction,
        "kinks": term.kinks,
        "no_other_kinks": lambda: term.jumps_only_at(1, term.corners[0]),
        "no_other_curvature_jumps": lambda: term.jumps_only_at(2, (*term.corners[0], *term.corners[1])),
    }


class _Term:
    """One output's term, its points, and its formulas read once for all claims."""

    def __init__(self, row: ElementwiseLoss) -> None:
        self.row = row
        self.functions = (
            row.value,
            lambda y, t: row.derivative(y, t)[:, 0],
            lambda y, t: row.second_derivative_product(y, t, np.ones_like(y))[:, 0],
        )

    @cached_property
    def corners(self) -> tuple[tuple[float, ...], tuple[float, ...]]:
        """The ``y - t`` at which the first and the second derivative jump."""
        return self.row.kinks(**self.row.parameters), self.row.curvature_jumps(**self.row.parameters)

    @cached_property
    def points(self) -> tuple[Array, Array]:
        """Outputs and targets, one pair a point."""
        every = (*self.corners[0], *self.corners[1])
        grids = [(t, output_grid(self.row, t, every)) for t in target_grid(self.row)]
        return np.concatenate([grid for _, grid in grids]), np.concatenate([np.full(len(g), t) for t, g in grids])

    @cached_property
    def _symbols(self) -> tuple[Any, Any]:
        import sympy  # noqa: PLC0415 - only for those who check

        return sympy.symbols("y t", real=True)

    @cached_property
    def _derived(self) -> list[Any]:
        """The term and its derivatives by y, as SymPy derives them."""
        y, t = self._symbols
        derived = [read(self.row.formula, {**self.row.parameters, "y": y, "t": t})]
        for _ in range(3):
            derived.append(derived[-1].diff(y))
        return derived

    def _given(self, k: int) -> Any:
        y, t = self._symbols
        formula = (self.row.formula, self.row.derivative_formula, self.row.second_derivative_formula)[k]
        return read(formula, {**self.row.parameters, "y": y, "t": t})

    def _evaluate(self, expression: Any) -> Array:
        return evaluate(expression, self._symbols, *self.points)

    @cached_property
    def _wanted(self) -> list[Array]:
        """The row's formulas at the points."""
        return [self._evaluate(self._given(k)) for k in range(3)]

    @cached_property
    def _conditioning(self) -> list[Array]:
        """``|y f_y| + |t f_t|`` for f = term, its first and second derivative by y."""
        y, t = self.points
        with np.errstate(all="ignore"):
            by_y = [np.abs(y * self._evaluate(self._derived[k + 1])) for k in range(3)]
            by_t = [np.abs(t * self._evaluate(self._derived[k].diff(self._symbols[1]))) for k in range(3)]
            return [np.nan_to_num(a, nan=0.0) + np.nan_to_num(b, nan=0.0) for a, b in zip(by_y, by_t, strict=True)]

    def _at(self, i: int) -> str:
        y, t = self.points
        return f"y = {number(y[i], 9)}, t = {number(t[i], 9)}"

    def formula(self, k: int) -> Finding:
        """The row's formula of the k-th derivative against SymPy's, away from kinks."""
        y, t = self.points
        smooth = np.flatnonzero(~np.isin(y - t, (*self.corners[0], *self.corners[1])))
        columns = y[smooth], t[smooth]
        given, derived = self._given(k), self._derived[k]
        return equal_formulas(given, derived, self._symbols, columns, lambda i: self._at(int(smooth[i])))

    def equals_formula(self, k: int, dtype: str) -> Finding:
        """The k-th function against its formula, at those points that are numbers of that dtype."""
        y, t = self.points
        kept = np.flatnonzero((y.astype(dtype) == y) & ~self._too_near_a_corner(dtype))
        with np.errstate(all="ignore"):  # overflow is another claim's matter
            found = self.functions[k](y[kept, None].astype(dtype), t[kept, None].astype(dtype))
        return equals_formula(
            found, self._wanted[k][kept], self._conditioning[k][kept], lambda i: self._at(int(kept[i]))
        )

    def _too_near_a_corner(self, dtype: str) -> Array:
        """Points whose ``y - t`` rounds to the other side of a kink or jump; those right on it are not meant."""
        y, t = self.points
        corners = np.array((*self.corners[0], *self.corners[1]))
        off = np.maximum(np.abs((y - t)[:, None] - corners), np.abs(y[:, None] - (t[:, None] + corners)))
        rounding = 8 * np.finfo(dtype).eps * (np.abs(y) + np.abs(t))[:, None]
        return np.any((off > 0) & (off <= rounding), axis=1)

    def finite(self) -> Finding:
        """At every point of the domain, its very ends among them."""
        y, t = self.points
        names = ("value", "derivative", "second derivative")
        named: dict[str, Callable[..., Array]] = dict(zip(names, self.functions, strict=True))
        return stays_finite(named, (y[:, None], t[:, None]), self._at)

    def pure(self) -> Finding:
        """Shapes, dtypes and arguments are kept."""
        row = self.row
        functions = {
            "value": row.value,
            "derivative": row.derivative,
            "second derivative": lambda y, t: row.second_derivative_product(y, t, np.ones_like(y)),
        }
        arguments = middle_outputs(row, (4, 3)), middle_targets(row, (4, 3))
        return is_pure(functions, arguments, {"value": (), "derivative": (3,), "second derivative": (3,)})

    def reduction(self) -> Finding:
        """The loss of a row of three against those of its outputs alone."""
        row = self.row
        y, t = middle_outputs(row, (10, 3)), middle_targets(row, (10, 3))
        terms = np.stack([row.value(y[:, k : k + 1], t[:, k : k + 1]) for k in range(3)], axis=1)
        wanted = {"sum": terms.sum(axis=1), "mean": terms.mean(axis=1)}[row.reduction]
        return worst(row.value(y, t), wanted, 1e-12 * (1 + np.abs(wanted)), lambda n: f"row {n}, {row.reduction}")

    # ------------------------------------------------------------------ kinks
    def _along(self, k: int, t: float) -> Callable[[Array], Array]:
        """The k-th function of y alone."""
        return lambda y: self.functions[k](y[:, None], np.full((len(y), 1), t))

    def jumps_only_at(self, k: int, declared: tuple[float, ...]) -> Finding:
        """The k-th derivative jumps at no other ``y - t``."""
        low, high = {"any": (-np.inf, np.inf), "positive": (0.0, np.inf), "share": (0.0, 1.0)}[domain(self.row)]
        findings = {}
        for t in (t for t in target_grid(self.row) if abs(t) < 10):
            found = jumps(self._along(k, t), low, high) - t
            findings[f"t = {number(t)}"] = only_declared(found, declared, "y - t")
        return first_failure(findings, f"{len(declared)} declared")

    def kinks(self) -> Finding:
        """At each declared kink the derivative has two sides, and its value there is one of them or between."""
        t = 0.25
        findings = {f"y - t = {number(kink)}": self._kink(t, kink) for kink in self.corners[0]}
        return first_failure(findings, f"the derivative jumps at {len(self.corners[0])} declared kinks")

    def _kink(self, t: float, kink: float) -> Finding:
        left, at, right = sides(self._along(1, t), t + kink)
        if not min(left, right) - 1e-6 <= at <= max(left, right) + 1e-6:
            return Finding(False, "", number(at), f"from {number(left)} to {number(right)}")
        return Finding(True) if differ(left, right) else Finding(False, "", f"{number(left)} on both sides", "a jump")
