"""Second-order optimizers: rules that evaluate the loss of all rows at several parameters before each step.

An ``Optimizer`` makes one update of one gradient. The rules here ask a ``Problem``, the loss of the whole batch as a
function of the parameters, for losses, gradients and Jacobians at parameters of their own choice, and return a step
that is known to lower it. They hold settings, never state: ``start`` makes a ``State``, ``step`` takes one and returns
the next.
"""

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from types import MappingProxyType
from typing import Any, ClassVar, NamedTuple

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.lookup import is_number, make_fields_plain
from chainrule.errors import InputError
from chainrule.optimizers.schedules import Constant, Schedule

SMALLEST = np.finfo(np.float64).tiny
"""The smallest normal number: what stands in a denominator instead of 0."""

ROUNDING = np.finfo(np.float64).eps
"""How far apart two neighbouring numbers are, relative to their size."""


@dataclass(frozen=True, eq=False)
class Point:
    """The problem at one place.

    Attributes:
        p: the parameters that may change, one flat vector of float64.
        value: what is minimised: E and the penalty ``l2/2 sum W^2``.
        gradient: its derivative by ``p``.
        loss: E alone.
    """

    p: Array
    value: float
    gradient: Array
    loss: float


class Residuals(NamedTuple):
    """Some rows of a least-squares problem, ``E = sum r^2/2``: ``r`` (M,), and its Jacobian ``dr/dp`` (M, P)."""

    r: Array
    J: Array


class Problem(ABC):
    """The loss of the whole batch as a function of the parameters that may change, in float64.

    Attributes:
        size: how many parameters may change.
        residuals: how many residuals a least-squares loss has, ``rows * outputs``.
        curvature: the penalty's second derivative by each parameter, ``l2`` or 0, shape (size,).
    """

    size: int
    residuals: int
    curvature: Array

    @abstractmethod
    def held(self, p: Array) -> Array:
        """``p`` as the network can hold it: rounded to its dtype, in float64 again."""

    @abstractmethod
    def value(self, p: Array) -> float:
        """E and its penalty; not finite where the network's values are not."""

    @abstractmethod
    def at(self, p: Array) -> Point:
        """Value and gradient."""

    @abstractmethod
    def residual_rows(self, p: Array) -> Iterator[Residuals]:
        """Residuals and their Jacobians, some rows at a time; for least-squares losses."""


@dataclass(frozen=True, eq=False)
class State:
    """Where a rule has arrived, and how.

    Attributes:
        point: the place.
        length: of the last step, in units of the direction it was taken along.
        details: more numbers of the last step, by name.
    """

    point: Point
    length: float = 1.0
    details: Mapping[str, float] = field(default_factory=lambda: MappingProxyType({}))


@dataclass(frozen=True)
class SecondOrderOptimizer(ABC):
    """One rule.

    It trains on all rows at once, one *iteration* an epoch, and ends by itself ("converged") when the gradient has
    come down to ``tolerance`` or to rounding, or when no step lowers the loss. A step has the length it finds, so there
    is neither learning rate nor schedule.

    Attributes:
        tolerance: the largest entry of the gradient at which training has converged; 0: only rounding ends it.
        trials: how many places it looks at before it gives a step up.
        least_squares: whether it asks for residuals, which only least-squares losses have.
    """

    tolerance: float = field(default=0.0, kw_only=True)
    trials: int = field(default=30, kw_only=True)
    least_squares: ClassVar[bool] = False

    def __post_init__(self) -> None:
        make_fields_plain(self)
        for each in fields(self):
            whole, value = type(each.default) is int, getattr(self, each.name)
            self._check(each.name, value, whole=whole)
            object.__setattr__(self, each.name, int(value) if whole else value)

    def _check(self, name: str, value: Any, *, whole: bool) -> None:
        """Whole numbers are at least 1, others finite and not negative."""
        kind = type(self).__name__
        if whole and (not is_number(value) or not 1 <= value < np.inf or value != int(value)):
            raise InputError(f"{name} of {kind} must be a whole number from 1, got {value!r}.")
        if not is_number(value) or not 0 <= value < np.inf:
            raise InputError(f"{name} of {kind} must be a finite number from 0, got {value!r}.")

    @property
    def schedule(self) -> Schedule:
        """There is no learning rate: a step of the length that the rule finds is taken once."""
        return Constant(1.0)

    @property
    def decay(self) -> float:
        """No decoupled weight decay: ``l2`` is part of what is minimised."""
        return 0.0

    @abstractmethod
    def start(self, problem: Problem, point: Point) -> State:
        """The state before the first step from a place."""

    @abstractmethod
    def step(self, problem: Problem, state: State) -> State | None:
        """The state after one step that lowers the value; None if there is none."""

    def is_at_rest(self, point: Point) -> bool:
        """Whether the gradient is at most ``tolerance``, or too small to lower the value by more than its rounding.

        The second is Dennis and Schnabel's relative gradient, ``|g_i| max(|p_i|, 1) <= rounding |value|``.

        References:
            Dennis & Schnabel 1983, Numerical methods for unconstrained optimization, section 7.2.
        """
        g = np.abs(point.gradient)
        reach = (g * np.maximum(np.abs(point.p), 1.0)).max(initial=0.0)
        return bool(g.max(initial=0.0) <= self.tolerance or reach <= ROUNDING * abs(point.value))
