"""The base classes of losses: a row's value and derivatives, formulas as data, and the roles a loss can have."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal, Self, final

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.lookup import check_parameters
from chainrule.errors import InputError

Probabilities = Literal["independent", "exclusive"]
"""Outputs that are each a probability of their own, or those of a row that add up to 1."""

BestConstant = Literal["mean", "median", "quantile"]
"""What the best constant answer is of the targets."""


@dataclass(frozen=True, eq=False)
class Loss(ABC):
    """What every loss knows.

    The last six attributes are its roles: what the library does with a loss beyond its value and derivatives goes by
    them, never by its name.

    Attributes:
        name: the name a network is given, such as ``"huber"``.
        formula: in SymPy's syntax, with ``y``, ``t`` and the row's parameters.
        source: where the loss was published or is defined.
        parameters: constants of the formula and their values.
        link: the activation fused into the loss: apply it to the network's outputs to get predictions.
        target_range: the smallest and the largest target that the loss is meant for.
        unfused: of a fused loss, the one that does the same to the link's activations.
        output_activation: of a loss that is not fused, the activation that the output layer should have for it;
            identity if any will do.
        probabilities: whether the predictions that it compares with targets are probabilities, and of which kind.
        least_squares: whether it is a multiple of the squared distances ``(t - y)^2``.
        distance: whether it measures how far outputs are from targets of any size.
        best_constant: which constant answer leaves least of it; None if no formula gives it.
    """

    name: str
    formula: str
    source: str
    parameters: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    link: str = field(default="identity", kw_only=True)
    target_range: tuple[float, float] = field(default=(-np.inf, np.inf), kw_only=True)
    unfused: "Loss | None" = field(default=None, kw_only=True)
    output_activation: str = field(default="identity", kw_only=True)
    probabilities: Probabilities | None = field(default=None, kw_only=True)
    least_squares: bool = field(default=False, kw_only=True)
    distance: bool = field(default=False, kw_only=True)
    best_constant: BestConstant | None = field(default=None, kw_only=True)

    @property
    def is_fused(self) -> bool:
        """Whether it contains an activation, its link."""
        return self.link != "identity"

    @property
    def partner(self) -> str:
        """The activation that belongs to it: the one it contains, or the one that the output layer should have."""
        return self.link if self.is_fused else self.output_activation

    @abstractmethod
    def value(self, y: Array, t: Array) -> Array:
        """``e``, the loss of each row, shape (N,)."""

    @abstractmethod
    def derivative(self, y: Array, t: Array) -> Array:
        """``de/dy``, shape (N, outputs)."""

    @abstractmethod
    def second_derivative_product(self, y: Array, t: Array, v: Array) -> Array:
        """The Hessian of each row's loss by its outputs, times ``v``; shape (N, outputs)."""

    def check_targets(self, t: Array) -> None:
        """Refuse targets that the loss is not defined for.

        Raises:
            InputError: a target lies outside ``target_range``; names the first one.
        """
        low, high = self.target_range
        outside = (t < low) | (t > high)  # False where t is NaN: missing
        if outside.any():
            n, k = np.argwhere(outside)[0]
            raise InputError(
                f"{self.name} needs targets from {low:g} to {high:g}, got t[{n}, {k}] = {t[n, k]:g}: "
                "scale the targets, or choose another loss."
            )

    def draw_targets(self, rng: np.random.Generator, shape: tuple[int, int]) -> Array:
        """Random targets (N, outputs) that the loss is meant for: labels, counts, or numbers within its range."""
        low, high = self.target_range
        if self.probabilities == "exclusive":
            return np.eye(shape[1])[rng.integers(shape[1], size=shape[0])]
        if (low, high) == (0, 1):
            return rng.integers(2, size=shape).astype(np.float64)
        if (low, high) == (0, np.inf):
            return rng.poisson(2.0, size=shape).astype(np.float64)
        low = low if np.isfinite(low) else min(0.0, high - 1)
        high = high if np.isfinite(high) else max(1.0, low + 1)
        return rng.uniform(low, high, size=shape)

    def with_parameters(self, **parameters: float) -> Self:
        """The same row with other constants, such as ``huber`` with another delta."""
        return replace(self, parameters=check_parameters("loss", self.name, self.parameters, parameters))


@final
@dataclass(frozen=True, eq=False)
class ElementwiseLoss(Loss):
    """A loss that adds up (or averages) one term for each output: its Hessian is diagonal.

    Attributes:
        reduction: ``"sum"`` or ``"mean"`` of the terms over the outputs of a row.
        derivative_formula, second_derivative_formula: of a term by y.
        term, term_prime, term_second: the functions, called as ``term(y, t, **parameters)``.
        kinks: the ``y - t`` at which the term's derivative jumps.
        curvature_jumps: the ``y - t`` at which its second derivative jumps.
    """

    reduction: str = field(default="sum", kw_only=True)
    derivative_formula: str = field(kw_only=True)
    second_derivative_formula: str = field(kw_only=True)
    term: Callable[..., Array] = field(kw_only=True)
    term_prime: Callable[..., Array] = field(kw_only=True)
    term_second: Callable[..., Array] = field(kw_only=True)
    kinks: Callable[..., tuple[float, ...]] = field(default=lambda **parameters: (), kw_only=True)  # noqa: ARG005
    curvature_jumps: Callable[..., tuple[float, ...]] = field(default=lambda **parameters: (), kw_only=True)  # noqa: ARG005

    def _reduce(self, function: Callable[..., Array], y: Array, t: Array) -> Array:
        """The function's value for each output, 0 where the target is missing, divided by the outputs for a mean."""
        present = ~np.isnan(t)
        if present.all():
            values = function(y, t, **self.parameters)
        else:
            values = np.zeros_like(y)
            values[present] = function(y[present], t[present], **self.parameters)
        if self.reduction == "mean":
            values = values / np.maximum(present.sum(axis=1, keepdims=True), 1).astype(y.dtype)
        return values

    def value(self, y: Array, t: Array) -> Array:
        """``e``: the terms of each row, summed or averaged."""
        return self._reduce(self.term, y, t).sum(axis=1)

    def derivative(self, y: Array, t: Array) -> Array:
        """``de/dy``."""
        return self._reduce(self.term_prime, y, t)

    def second_derivative_product(self, y: Array, t: Array, v: Array) -> Array:
        """``d2e/dy2 v``: the Hessian is diagonal."""
        return self._reduce(self.term_second, y, t) * v


@final
@dataclass(frozen=True, eq=False)
class RowLoss(Loss):
    """A loss that mixes the outputs of a row; a target row is either wholly there or wholly missing.

    Its formula gives the row's loss from ``y[0] ... y[K - 1]`` and ``t[0] ... t[K - 1]``.

    Attributes:
        row_value, row_derivative, row_second_product: called as ``f(y, t[, v], **parameters)``.
    """

    row_value: Callable[..., Array] = field(kw_only=True)
    row_derivative: Callable[..., Array] = field(kw_only=True)
    row_second_product: Callable[..., Array] = field(kw_only=True)

    def _present_rows(self, function: Callable[..., Array], y: Array, t: Array, *v: Array) -> Array:
        """The function's value for each row, 0 where the row's targets are missing."""
        present = ~np.isnan(t).all(axis=1)
        if present.all():
            return function(y, t, *v, **self.parameters)
        part = function(*(array[present] for array in (y, t, *v)), **self.parameters)
        values = np.zeros((len(y), *part.shape[1:]), part.dtype)
        values[present] = part
        return values

    def value(self, y: Array, t: Array) -> Array:
        """``e``, the loss of each row."""
        return self._present_rows(self.row_value, y, t)

    def derivative(self, y: Array, t: Array) -> Array:
        """``de/dy``."""
        return self._present_rows(self.row_derivative, y, t)

    def second_derivative_product(self, y: Array, t: Array, v: Array) -> Array:
        """``d2e/dy2 v``."""
        return self._present_rows(self.row_second_product, y, t, v)

    def check_targets(self, t: Array) -> None:
        """Refuse targets out of range, and rows of which only a part is missing."""
        super().check_targets(t)
        partly = np.isnan(t).any(axis=1) & ~np.isnan(t).all(axis=1)
        if partly.any():
            n = int(np.flatnonzero(partly)[0])
            raise InputError(
                f"{self.name} compares a row's outputs together, but t[{n}] is missing in part: "
                "make the whole row NaN to leave it out, or fill it."
            )
