"""Losses, a row each: the loss of a row, its first and second derivative by the outputs, formulas as data, source.

A loss compares outputs ``y`` with targets ``t``, both (N, outputs). The library's loss of a batch is the mean over
rows of each row's loss, ``E = sum_n w_n e_n / sum_n w_n`` with weights ``w_n`` (1 unless given); the rows here know
nothing of batches or weights: they give ``e_n`` and its derivatives by ``y_n``.

A missing target (NaN) takes its output out of the row's loss, as if the row did not have that output: nothing is
added, nothing flows back, and ``mean_squared_error`` averages over the outputs that remain.

*Fused* losses (``..._from_logits``) act on net inputs before the sigmoid, softmax or exponential that belongs to the
loss; put them on an identity output layer. They are numerically safe where the two-step form loses all digits.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self, final

import numpy as np

from chainrule.core.activations import SIGMOID, exponential, softmax
from chainrule.core.arrays import Array
from chainrule.core.lookup import check_parameters, look_up
from chainrule.errors import InputError


@dataclass(frozen=True, eq=False)
class Loss(ABC):
    """What every loss knows.

    Attributes:
        name: the name a network is given, such as ``"huber"``.
        formula: in SymPy's syntax, with ``y``, ``t`` and the row's parameters.
        source: where the loss was published or is defined.
        parameters: constants of the formula and their values.
        link: the activation fused into the loss: apply it to the network's outputs to get predictions.
        target_range: the smallest and the largest target that the loss is meant for.
    """

    name: str
    formula: str
    source: str
    parameters: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    link: str = field(default="identity", kw_only=True)
    target_range: tuple[float, float] = field(default=(-np.inf, np.inf), kw_only=True)

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


# -------------------------------------------------------------------------------- squared errors
SQUARED = ElementwiseLoss(
    "squared_error",
    "(t - y)**2",
    "least squares: Legendre 1805; summed over the outputs of a row",
    derivative_formula="2*(y - t)",
    second_derivative_formula="2",
    term=lambda y, t: (t - y) ** 2,
    term_prime=lambda y, t: 2 * (y - t),
    term_second=lambda y, t: np.full_like(y, 2),  # noqa: ARG005
)

HALF_SQUARED = ElementwiseLoss(
    "half_squared_error",
    "(t - y)**2/2",
    "Rumelhart, Hinton & Williams 1986: the half cancels the 2 of the derivative; summed over the outputs of a row",
    derivative_formula="y - t",
    second_derivative_formula="1",
    term=lambda y, t: (t - y) ** 2 / 2,
    term_prime=lambda y, t: y - t,
    term_second=lambda y, t: np.ones_like(y),  # noqa: ARG005
)

MEAN_SQUARED = replace(
    SQUARED,
    name="mean_squared_error",
    source="least squares: Legendre 1805; averaged over the outputs of a row",
    reduction="mean",
)


# -------------------------------------------------------------------------------- absolute errors
ABSOLUTE = ElementwiseLoss(
    "absolute_error",
    "Abs(t - y)",
    "least absolute deviations: Laplace 1793; the derivative at y = t is taken as 0",
    derivative_formula="sign(y - t)",
    second_derivative_formula="0",
    term=lambda y, t: np.abs(t - y),
    term_prime=lambda y, t: np.sign(y - t),
    term_second=lambda y, t: np.zeros_like(y),  # noqa: ARG005
    kinks=lambda: (0.0,),
)


def _huber(y: Array, t: Array, delta: float) -> Array:
    r = np.abs(t - y)
    inside = np.minimum(r, delta)
    return inside * (r - inside / 2)


HUBER = ElementwiseLoss(
    "huber",
    "Piecewise(((t - y)**2/2, Abs(t - y) <= delta), (delta*(Abs(t - y) - delta/2), True))",
    "Huber 1964, Annals of Mathematical Statistics 35(1)",
    parameters={"delta": 1.0},
    derivative_formula="Max(-delta, Min(delta, y - t))",
    second_derivative_formula="Piecewise((1, Abs(t - y) <= delta), (0, True))",
    term=_huber,
    term_prime=lambda y, t, delta: np.clip(y - t, -delta, delta),
    term_second=lambda y, t, delta: (np.abs(t - y) <= delta).astype(y.dtype),
    curvature_jumps=lambda delta: (-delta, delta),
)

QUANTILE = ElementwiseLoss(
    "quantile",
    "Max(quantile*(t - y), (quantile - 1)*(t - y))",
    "Koenker & Bassett 1978, Econometrica 46(1); the derivative at y = t is taken as 0",
    parameters={"quantile": 0.5},
    derivative_formula="Piecewise((-quantile, y < t), (1 - quantile, y > t), (0, True))",
    second_derivative_formula="0",
    term=lambda y, t, quantile: np.maximum(quantile * (t - y), (quantile - 1) * (t - y)),
    term_prime=lambda y, t, quantile: (1 - quantile) * (y > t).astype(y.dtype) - quantile * (y < t).astype(y.dtype),
    term_second=lambda y, t, quantile: np.zeros_like(y),  # noqa: ARG005
    kinks=lambda quantile: (0.0,),  # noqa: ARG005
)


def _log_cosh(y: Array, t: Array) -> Array:
    """log(cosh(r)) = |r| + log((1 + exp(-2|r|))/2); for small r by 2 sinh(r/2)^2 = cosh(r) - 1."""
    r = np.abs(y - t)
    near = np.log1p(2 * np.sinh(np.minimum(r, 1) / 2) ** 2)
    return np.where(r < 1, near, r + np.log1p(np.exp(-2 * r)) - y.dtype.type(np.log(2)))


LOG_COSH = ElementwiseLoss(
    "log_cosh",
    "log(cosh(y - t))",
    "the logarithm of the hyperbolic secant density: Perks 1932; squared error near 0, absolute error far away",
    derivative_formula="tanh(y - t)",
    second_derivative_formula="1 - tanh(y - t)**2",
    term=_log_cosh,
    term_prime=lambda y, t: np.tanh(y - t),
    term_second=lambda y, t: 4 * SIGMOID.derivative(2 * (y - t)),
)


# -------------------------------------------------------------------------------- poisson
def _tiny(y: Array) -> Array:
    """Outputs kept above the smallest normal number, so that their logarithm and inverse stay finite."""
    return np.maximum(y, np.finfo(y.dtype).tiny)


def _quotient(t: Array, y: Array, power: int = 1) -> Array:
    """t/y^power, with y kept so far from 0 that it stays finite (at most 1/tiny)."""
    smallest = (np.finfo(y.dtype).tiny * np.maximum(t, 1)) ** (1 / power)
    return t / np.maximum(y, smallest) ** power


POISSON = ElementwiseLoss(
    "poisson",
    "y - t*log(y)",
    "the Poisson likelihood without its constant: McCullagh & Nelder 1989; outputs must be positive (exponential)",
    target_range=(0.0, np.inf),
    derivative_formula="1 - t/y",
    second_derivative_formula="t/y**2",
    term=lambda y, t: y - t * np.log(_tiny(y)),
    term_prime=lambda y, t: 1 - _quotient(t, y),
    term_second=lambda y, t: _quotient(t, y, 2),
)

POISSON_FROM_LOGITS = ElementwiseLoss(
    "poisson_from_logits",
    "exp(y) - t*y",
    "the Poisson likelihood by its natural parameter: McCullagh & Nelder 1989",
    link="exponential",
    target_range=(0.0, np.inf),
    derivative_formula="exp(y) - t",
    second_derivative_formula="exp(y)",
    term=lambda y, t: exponential(y) - t * y,
    term_prime=lambda y, t: exponential(y) - t,
    term_second=lambda y, t: exponential(y),  # noqa: ARG005
)


# -------------------------------------------------------------------------------- cross-entropies
def _other(y: Array) -> Array:
    """1 - y, kept above zero so that its inverse stays finite."""
    return np.maximum(1 - y, np.finfo(y.dtype).epsneg / 2)


def _binary_cross_entropy(y: Array, t: Array) -> Array:
    """By log1p, as 1 - y rounds a small y away; y at most the largest number below 1."""
    below_one = np.minimum(y, 1 - np.finfo(y.dtype).epsneg)
    return -(t * np.log(_tiny(y)) + (1 - t) * np.log1p(-below_one))


BINARY_CROSS_ENTROPY = ElementwiseLoss(
    "binary_cross_entropy",
    "-t*log(y) - (1 - t)*log(1 - y)",
    "the Bernoulli likelihood: Cox 1958; outputs must lie between 0 and 1 (sigmoid)",
    target_range=(0.0, 1.0),
    derivative_formula="(1 - t)/(1 - y) - t/y",
    second_derivative_formula="t/y**2 + (1 - t)/(1 - y)**2",
    term=_binary_cross_entropy,
    term_prime=lambda y, t: (1 - t) / _other(y) - _quotient(t, y),
    term_second=lambda y, t: _quotient(t, y, 2) + (1 - t) / _other(y) ** 2,
)

BINARY_CROSS_ENTROPY_FROM_LOGITS = ElementwiseLoss(
    "binary_cross_entropy_from_logits",
    "log(1 + exp(y)) - t*y",
    "sigmoid and binary cross-entropy fused, so that dE/dz = sigmoid(z) - t: Bishop 1995, section 6.7",
    link="sigmoid",
    target_range=(0.0, 1.0),
    derivative_formula="1/(1 + exp(-y)) - t",
    second_derivative_formula="exp(-y)/(1 + exp(-y))**2",
    term=lambda y, t: (1 - t) * np.maximum(y, 0) + t * np.maximum(-y, 0) + np.log1p(np.exp(-np.abs(y))),
    term_prime=lambda y, t: (1 - t) * SIGMOID.value(y) - t * SIGMOID.value(-y),
    term_second=lambda y, t: SIGMOID.derivative(y),  # noqa: ARG005
)

CATEGORICAL_CROSS_ENTROPY = ElementwiseLoss(
    "categorical_cross_entropy",
    "-t*log(y)",
    "the multinomial likelihood: Bridle 1990; outputs must be positive and sum to 1 (softmax)",
    target_range=(0.0, 1.0),
    derivative_formula="-t/y",
    second_derivative_formula="t/y**2",
    term=lambda y, t: -t * np.log(_tiny(y)),
    term_prime=lambda y, t: -_quotient(t, y),
    term_second=lambda y, t: _quotient(t, y, 2),
)


def _without(values: Array, k: Array) -> Array:
    """The sum of each row without its entry ``k``, shape (N, 1): no cancellation, as nothing is subtracted."""
    kept = values.copy()
    np.put_along_axis(kept, k, 0, axis=1)
    return kept.sum(axis=1, keepdims=True)


def _softmax_cross_entropy(y: Array, t: Array) -> Array:
    """sum_k t_k (top - y_k) + sum(t) log(1 + sum of the others' exp(y_j - top)): exact where the top is the target."""
    top = y.argmax(axis=1)[:, None]
    gap = np.take_along_axis(y, top, axis=1) - y
    return (t * gap).sum(axis=1) + t.sum(axis=1) * np.log1p(_without(np.exp(-gap), top)[:, 0])


def _softmax_cross_entropy_prime(y: Array, t: Array) -> Array:
    """sum(t) p - t with p = softmax(y); at the likeliest class, where p is near 1, by the others."""
    p, top, total = softmax(y), y.argmax(axis=1)[:, None], t.sum(axis=1, keepdims=True)
    derivative = total * p - t
    np.put_along_axis(derivative, top, _without(t, top) - total * _without(p, top), axis=1)
    return derivative


def _softmax_hessian_product(y: Array, t: Array, v: Array) -> Array:
    """sum(t) (diag(p) - p p') v with p = softmax(y)."""
    p = softmax(y)
    return t.sum(axis=1, keepdims=True) * p * (v - (p * v).sum(axis=1, keepdims=True))


CATEGORICAL_CROSS_ENTROPY_FROM_LOGITS = RowLoss(
    "categorical_cross_entropy_from_logits",
    "Sum(t[j], (j, 0, K - 1))*log(Sum(exp(y[j]), (j, 0, K - 1))) - Sum(t[j]*y[j], (j, 0, K - 1))",
    "softmax and categorical cross-entropy fused, so that dE/dz = softmax(z) - t: Bridle 1990",
    link="softmax",
    target_range=(0.0, 1.0),
    row_value=_softmax_cross_entropy,
    row_derivative=_softmax_cross_entropy_prime,
    row_second_product=_softmax_hessian_product,
)


LOSSES: Mapping[str, Loss] = {
    row.name: row
    for row in (
        SQUARED, HALF_SQUARED, MEAN_SQUARED, ABSOLUTE, HUBER, QUANTILE, LOG_COSH, POISSON, POISSON_FROM_LOGITS,
        BINARY_CROSS_ENTROPY, BINARY_CROSS_ENTROPY_FROM_LOGITS, CATEGORICAL_CROSS_ENTROPY,
        CATEGORICAL_CROSS_ENTROPY_FROM_LOGITS,
    )
}  # fmt: skip
"""The table: every loss of the library by its name."""


def loss(name: str | Loss, **parameters: float) -> Loss:
    """The row of that name, with other constants if some are given.

    Args:
        name: a name of the table, or a row of one's own, which is handed back.
        parameters: constants of the row's formula, such as ``delta`` of ``huber``.

    Raises:
        UnknownComponentError: no such row; the message lists those there are.
        InputError: no such constant, or it is not a finite number.

    Example:
        >>> loss("huber", delta=0.5).value(np.array([[0.0]]), np.array([[2.0]]))
        array([0.875])
    """
    row = look_up("loss", name, LOSSES, Loss)
    return row.with_parameters(**parameters) if parameters else row
