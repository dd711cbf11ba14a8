"""Levenberg-Marquardt: Gauss-Newton steps, damped where the linear model of the network is inaccurate."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import ClassVar, Literal, cast, final

import numpy as np

from chainrule.core.arrays import Array
from chainrule.errors import InputError
from chainrule.optimizers.second_order import ROUNDING, SMALLEST, Point, Problem, SecondOrderOptimizer, State

LARGEST = 2**28
"""Numbers that its matrices may have: 2 GiB of them."""

Scaling = Literal["identity", "diagonal"]


@dataclass(frozen=True, eq=False)
class Damped(State):
    """A place, and the damping that the next step begins with."""

    damping: float = 0.0


@final
@dataclass(frozen=True)
class LevenbergMarquardt(SecondOrderOptimizer):
    """``(J'J + mu D) s = -g``, ``p <- p + s``: the best fit of the linearised network, ``s`` kept short by ``mu``.

    ``J`` holds each residual's derivative by each parameter, one row for each row of the batch and output. ``mu`` falls
    after a step that lowers the loss as much as predicted, and grows until one lowers the loss; see ``damping``.

    For least-squares losses, all rows at once, and networks of up to a few thousand parameters; an epoch is one
    iteration. It is solved in the parameters, or in the residuals where these are fewer.

    Args:
        damping: ``mu`` of the first trial, a share of the scaling. After a step with gain ratio ``q`` (what the value
            fell by over what the model predicted) it is multiplied by ``max(1/3, 1 - (2 q - 1)^3)``; after a trial that
            does not lower the value by 2, then 4, 8, ...
        scaling: ``D``: ``"identity"`` (Levenberg) times the mean of the diagonal of ``J'J``, which keeps parameters
            that have hardly an effect from running away; or ``"diagonal"``, that diagonal itself (Marquardt), which
            makes steps independent of the units that parameters are measured in.
        tolerance: the largest entry of the gradient at which training has converged; 0: only rounding ends it.
        trials: how many dampings are tried before a step is given up.

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> LevenbergMarquardt()
        LevenbergMarquardt(tolerance=0.0, trials=30, damping=0.01, scaling='identity')

    References:
        Levenberg 1944, Quarterly of Applied Mathematics 2(2), 164-168. Marquardt 1963, Journal of SIAM 11(2), 431-441.
        Hagan & Menhaj 1994, IEEE Transactions on Neural Networks 5(6), 989-993. Nielsen 1999, Damping parameter in
        Marquardt's method, IMM-REP-1999-05, Technical University of Denmark.
    """

    damping: float = 0.01
    scaling: Scaling = "identity"
    least_squares: ClassVar[bool] = True

    def _check(self, name: str, value: object, *, whole: bool) -> None:
        if name != "scaling":
            super()._check(name, value, whole=whole)
        elif value not in ("diagonal", "identity"):
            raise InputError(f"scaling of LevenbergMarquardt must be 'identity' or 'diagonal', got {value!r}.")
        if name == "damping" and not value:
            raise InputError("damping of LevenbergMarquardt must be above 0, got 0: without, a step may have no end.")

    def start(self, problem: Problem, point: Point) -> Damped:
        """The first damping.

        Raises:
            InputError: the matrices would be too large.
        """
        numbers = problem.size * min(problem.size, problem.residuals)
        if numbers > LARGEST:
            raise InputError(
                f"LevenbergMarquardt would need matrices of {8 * numbers / 2**30:.1f} GiB for {problem.size} "
                f"parameters and {problem.residuals} residuals: use LBFGS(), which keeps a few vectors only."
            )
        return Damped(point, damping=self.damping)

    def step(self, problem: Problem, state: State) -> Damped | None:
        """The first of the steps with growing damping that lowers the value."""
        point, mu, growth = state.point, cast("Damped", state).damping, 2.0
        if self.is_at_rest(point):
            return None
        system = _system(problem, point, self.scaling)
        for trial in range(1, self.trials + 1):
            s = system.step(mu)
            if s is not None:
                p = problem.held(point.p + s)
                s = p - point.p
                if not s.any():
                    return None
                value = problem.value(p)
                if value < point.value:
                    gain = (point.value - value) / max(system.predicted_fall(s), SMALLEST)
                    after = max(mu * max(1 / 3, 1 - (2 * min(gain, 1.0) - 1) ** 3), ROUNDING)
                    details = {"damping": mu, "gain_ratio": gain, "trials": trial}
                    return Damped(problem.at(p), 1.0, details, after)
            mu, growth = mu * growth, 2 * growth
        return None


# -------------------------------------------------------------------------------- the damped linear system
class _System(ABC):
    """The linearised problem at a point: ``min |r + J s|^2/2 + (p + s)' L (p + s)/2 + mu s' D s/2`` over ``s``.

    ``L`` is the penalty's curvature, ``D`` the scaling; both are diagonal.
    """

    D: Array

    @abstractmethod
    def step(self, mu: float) -> Array | None:
        """``s`` for a damping; None where rounding leaves none."""

    @abstractmethod
    def predicted_fall(self, s: Array) -> float:
        """By how much the undamped model falls along ``s``: ``-g's - s'Bs/2``."""


def _system(problem: Problem, point: Point, scaling: Scaling) -> _System:
    """In the parameters, or in the residuals where these are fewer."""
    kind = _Primal if problem.size <= problem.residuals else _Dual
    return kind(problem, point, scaling)


def _scale(diagonal: Array, scaling: Scaling) -> Array:
    """``D``, kept away from 0, where a parameter has no effect and would be divided by nothing."""
    if scaling == "identity":
        return np.full_like(diagonal, max(float(diagonal.mean()), SMALLEST))
    return np.maximum(diagonal, max(ROUNDING * float(diagonal.max(initial=0.0)), SMALLEST))


@final
class _Primal(_System):
    """``B = J'J + L`` added up over chunks of rows, and ``(B + mu D) s = -g`` by Cholesky, scaled by ``D^(-1/2)``."""

    def __init__(self, problem: Problem, point: Point, scaling: Scaling) -> None:
        self.g = point.gradient
        self.B = np.diag(problem.curvature)
        for rows in problem.residual_rows(point.p):
            self.B += rows.J.T @ rows.J
        self.D = _scale(np.diag(self.B), scaling)
        root = np.sqrt(self.D)
        self.root, self.scaled = root, self.B / root[:, None] / root

    def step(self, mu: float) -> Array | None:
        """``D^(-1/2) (D^(-1/2) B D^(-1/2) + mu)^-1 (-D^(-1/2) g)``."""
        s = _solve(self.scaled, mu, -self.g / self.root)
        return None if s is None else s / self.root

    def predicted_fall(self, s: Array) -> float:
        """With ``B`` at hand."""
        return float(-self.g @ s - s @ (self.B @ s) / 2)


@final
class _Dual(_System):
    """The same by the matrix inversion lemma, a system as large as the residuals are many.

    With ``Q = L + mu D`` and ``s = u - Q^-1 L p`` the squares are completed, and
    ``u = -Q^-1 J' (J Q^-1 J' + 1)^-1 (r - J Q^-1 L p)``.
    """

    def __init__(self, problem: Problem, point: Point, scaling: Scaling) -> None:
        parts = list(problem.residual_rows(point.p))
        self.r = np.concatenate([part.r for part in parts])
        self.J = np.concatenate([part.J for part in parts])
        self.g, self.L, self.Lp = point.gradient, problem.curvature, problem.curvature * point.p
        self.D = _scale((self.J**2).sum(axis=0) + self.L, scaling)

    def step(self, mu: float) -> Array | None:
        """``u - Q^-1 L p``."""
        Q = self.L + mu * self.D
        still = self.Lp / Q
        v = _solve((self.J / Q) @ self.J.T, 1.0, self.r - self.J @ still)
        return None if v is None else -(self.J.T @ v) / Q - still

    def predicted_fall(self, s: Array) -> float:
        """With ``B s = J'J s + L s``."""
        Js = self.J @ s
        return float(-self.g @ s - (Js @ Js + s @ (self.L * s)) / 2)


def _solve(A: Array, mu: float, b: Array) -> Array | None:
    """``(A + mu)^-1 b`` by Cholesky; None where ``A + mu`` is not positive definite to rounding."""
    from scipy.linalg import LinAlgError, cho_factor, cho_solve  # noqa: PLC0415 - imported only to solve

    damped = A + mu * np.eye(len(A))
    if not np.isfinite(damped).all():
        return None
    try:
        return cho_solve(cho_factor(damped, overwrite_a=True, check_finite=False), b, check_finite=False)
    except LinAlgError:
        return None
