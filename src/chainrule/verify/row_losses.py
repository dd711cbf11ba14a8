"""The claims of a loss that mixes the outputs of a row: its gradient and Hessian against SymPy's."""

from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.losses import RowLoss
from chainrule.verify.formulas import evaluate
from chainrule.verify.loss_points import OUTPUTS, domain, middle_outputs, middle_targets, three_outputs
from chainrule.verify.precision import equals_formula, is_pure, stays_finite
from chainrule.verify.proof import Finding, Test


def row_tests(row: RowLoss) -> dict[str, Test]:
    """Tests by the names of their claims."""
    truth = _Truth(row)
    return {
        "value": lambda: truth.value("float64"),
        "derivative": lambda: truth.derivative("float64"),
        "second_derivative": lambda: truth.second_derivative("float64"),
        "value_float32": lambda: truth.value("float32"),
        "derivative_float32": lambda: truth.derivative("float32"),
        "second_derivative_float32": lambda: truth.second_derivative("float32"),
        "finite": lambda: stays_finite(truth.functions, (truth.y, truth.t), truth.place),
        "pure": lambda: is_pure(
            truth.functions,
            (truth.y, truth.t),
            {"value": (), "derivative": (OUTPUTS,), "second derivative": (OUTPUTS,)},
        ),
    }


class _Truth:
    """What SymPy makes of the row's formula, at outputs from small to as far as 1e4 where the domain allows."""

    def __init__(self, row: RowLoss) -> None:
        self.row = row
        self.functions = {
            "value": row.value,
            "derivative": row.derivative,
            "second derivative": lambda y, t: row.second_derivative_product(y, t, self.v[: len(y)].astype(y.dtype)),
        }

    @cached_property
    def y(self) -> Array:
        """Outputs that are float32 numbers."""
        y = middle_outputs(self.row, (24, OUTPUTS))
        if domain(self.row) == "any":
            y = y * np.repeat([1e-3, 0.5, 1.0, 10.0, 100.0, 4000.0], 4)[:, None]
        return y.astype(np.float32).astype(np.float64)

    @cached_property
    def t(self) -> Array:
        """Targets that are float32 numbers; where they are shares, one-hot rows among them."""
        t = middle_targets(self.row, self.y.shape)
        if self.row.target_range == (0.0, 1.0):
            t[::2] = np.eye(OUTPUTS)[np.arange(len(t[::2])) % OUTPUTS]
        return t.astype(np.float32).astype(np.float64)

    @cached_property
    def v(self) -> Array:
        """A direction of the outputs."""
        return np.random.default_rng(7).normal(size=self.y.shape).astype(np.float32).astype(np.float64)

    def place(self, n: int, *_: int) -> str:
        """A row of outputs and targets."""
        return f"y = {self.y[n].round(3).tolist()}, t = {self.t[n].round(3).tolist()}"

    @cached_property
    def _formula(self) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]]:
        return three_outputs(self.row)

    def _evaluate(self, expression: Any) -> Array:
        _, outputs, targets = self._formula
        return evaluate(expression, (*outputs, *targets), *self.y.T, *self.t.T)

    def _gradient(self, expression: Any, symbols: Sequence[Any]) -> Array:
        """The derivatives by each symbol, (points, symbols)."""
        return np.stack([self._evaluate(expression.diff(symbol)) for symbol in symbols], axis=1)

    @cached_property
    def _by_outputs(self) -> Array:
        return self._gradient(self._formula[0], self._formula[1])

    @cached_property
    def _second(self) -> tuple[Array, Array]:
        """d2e/dy_k dy_j and d2e/dy_k dt_j, each (points, k, j)."""
        formula, outputs, targets = self._formula
        first = [formula.diff(y) for y in outputs]
        return tuple(np.stack([self._gradient(e, s) for e in first], axis=1) for s in (outputs, targets))  # pyright: ignore[reportReturnType] - two

    def _against(self, function: Callable[..., Array], wanted: Array, conditioning: Array, dtype: str) -> Finding:
        with np.errstate(all="ignore"):  # overflow is another claim's matter
            found = function(self.y.astype(dtype), self.t.astype(dtype))
        return equals_formula(found, wanted, conditioning, self.place)

    def value(self, dtype: str) -> Finding:
        """e."""
        formula, _, targets = self._formula
        by_targets = self._gradient(formula, targets)
        conditioning = (np.abs(self.y * self._by_outputs) + np.abs(self.t * by_targets)).sum(axis=1)
        return self._against(self.functions["value"], self._evaluate(formula), conditioning, dtype)

    def derivative(self, dtype: str) -> Finding:
        """de/dy."""
        hessian, mixed = self._second
        conditioning = np.einsum("nkj,nj->nk", np.abs(hessian), np.abs(self.y))
        conditioning += np.einsum("nkj,nj->nk", np.abs(mixed), np.abs(self.t))
        return self._against(self.functions["derivative"], self._by_outputs, conditioning, dtype)

    def second_derivative(self, dtype: str) -> Finding:
        """The Hessian times v; a row's largest entries set the scale."""
        hessian, mixed = self._second
        largest = np.maximum(np.abs(hessian), np.abs(mixed)).max(axis=(1, 2))
        conditioning = np.repeat(((1 + np.abs(self.y).max(axis=1)) * largest)[:, None], OUTPUTS, axis=1)
        wanted = np.einsum("nkj,nj->nk", hessian, self.v)
        return self._against(self.functions["second derivative"], wanted, conditioning, dtype)
