"""The claims of an activation that mixes the units of a row: its Jacobian and second order against SymPy's."""

from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.core.activations import RowActivation
from chainrule.core.arrays import Array
from chainrule.verify.formulas import evaluate, read
from chainrule.verify.precision import equals_formula
from chainrule.verify.proof import Finding, Test

UNITS = 3
"""Units of the rows that formulas are derived for."""


def row_tests(row: RowActivation) -> dict[str, Test]:
    """Tests by the names of their claims."""
    truth = _Truth(row)
    return {
        "value": lambda: truth.holds(lambda z, v: row.value(z), truth.value, "float64"),  # noqa: ARG005
        "value_float32": lambda: truth.holds(lambda z, v: row.value(z), truth.value, "float32"),  # noqa: ARG005
        "jacobian": lambda: truth.holds(
            lambda z, v: np.einsum("nkj,nj->nk", row.jacobian(z), v), truth.jacobian, "float64"
        ),
        "transposed_jacobian": lambda: truth.holds(
            lambda z, v: row.transposed_jacobian_product(z, row.value(z), v, **row.parameters),
            truth.transposed_jacobian,
            "float64",
        ),
        "second_order": lambda: truth.holds(
            lambda z, v: row.transposed_jacobian_product_dot(z, row.value(z), v, np.roll(v, 1), **row.parameters),
            truth.second_order,
            "float64",
        ),
    }


class _Truth:
    """What SymPy makes of the row's formula at rows of three units, from small to as far as 1e4."""

    def __init__(self, row: RowActivation) -> None:
        self.row = row
        rng = np.random.default_rng(0)
        spread = np.repeat([1e-3, 1.0, 10.0, 100.0, 1e4], 4)[:, None]
        self.z = (rng.normal(size=(len(spread), UNITS)) * spread).clip(-1e4, 1e4).astype(np.float32).astype(np.float64)
        self.v = rng.normal(size=self.z.shape)

    @cached_property
    def _symbols(self) -> list[Any]:
        import sympy  # noqa: PLC0415 - only for those who check

        return [sympy.Symbol(f"z_{k}", real=True) for k in range(UNITS)]

    @cached_property
    def _units(self) -> list[Any]:
        """The formula of each unit's value."""
        import sympy  # noqa: PLC0415 - as above

        base: Any = sympy.IndexedBase("z")
        k, units = sympy.symbols("k K", integer=True)
        general = read(self.row.formula, {**self.row.parameters, "z": base, "k": k, "K": units})
        entries = {base[i]: symbol for i, symbol in enumerate(self._symbols)}
        return [general.subs({k: i, units: UNITS}).doit().subs(entries) for i in range(UNITS)]

    def _evaluate(self, expression: Any) -> Array:
        return evaluate(expression, self._symbols, *self.z.T)

    @cached_property
    def value(self) -> Array:
        """a, (points, K)."""
        return np.stack([self._evaluate(a) for a in self._units], axis=1)

    @cached_property
    def _jacobian(self) -> Array:
        """J[n, k, j] = da_k/dz_j."""
        return np.array([[self._evaluate(a.diff(z)) for z in self._symbols] for a in self._units]).transpose(2, 0, 1)

    @cached_property
    def jacobian(self) -> Array:
        """J v."""
        return np.einsum("nkj,nj->nk", self._jacobian, self.v)

    @cached_property
    def transposed_jacobian(self) -> Array:
        """J' v."""
        return np.einsum("nkj,nk->nj", self._jacobian, self.v)

    @cached_property
    def second_order(self) -> Array:
        """sum over k and m of v_k d2a_k/(dz_j dz_m) z_dot_m, with z_dot another arrangement of v."""
        second = [[[self._evaluate(a.diff(p, q)) for q in self._symbols] for p in self._symbols] for a in self._units]
        return np.einsum("kjmn,nk,nm->nj", np.array(second), self.v, np.roll(self.v, 1))

    def holds(self, function: Callable[[Array, Array], Array], wanted: Array, dtype: str) -> Finding:
        """The row's function against the formula's values; a row's largest entries set the scale of its products."""
        with np.errstate(all="ignore"):  # overflow is another claim's matter
            found = function(self.z.astype(dtype), self.v.astype(dtype))
        if wanted is self.value:
            conditioning = (np.abs(self.z)[:, None, :] * np.abs(self._jacobian)).sum(axis=2)
        else:
            largest = np.maximum(np.abs(self.value).max(axis=1), np.abs(self._jacobian).max(axis=(1, 2)))
            conditioning = np.broadcast_to((1 + np.abs(self.z).max(axis=1)) * largest, wanted.T.shape).T
        return equals_formula(found, wanted, conditioning, self._place)

    def _place(self, n: int, k: int) -> str:
        return f"unit {k} of z = {self.z[n].round(3).tolist()}"
