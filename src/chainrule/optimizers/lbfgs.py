"""L-BFGS: Newton's step with an inverse Hessian approximated from the last few steps and gradient changes."""

from dataclasses import dataclass
from typing import NamedTuple, cast, final

import numpy as np

from chainrule.core.arrays import Array
from chainrule.errors import InputError
from chainrule.optimizers.second_order import ROUNDING, Point, Problem, SecondOrderOptimizer, State


class Pair(NamedTuple):
    """One step and what it did to the gradient: ``s = p_new - p``, ``y = g_new - g``, and ``rho = 1/(y's)``."""

    s: Array
    y: Array
    rho: float


@dataclass(frozen=True, eq=False)
class Remembered(State):
    """A place, and the last pairs, the oldest first."""

    pairs: tuple[Pair, ...] = ()


@final
@dataclass(frozen=True)
class LBFGS(SecondOrderOptimizer):
    """``p <- p - alpha H g``, where ``H`` is built of the last ``memory`` steps, and ``alpha`` is searched for.

    Each pair ``s = p_new - p``, ``y = g_new - g`` turns ``H`` into ``(1 - rho s y') H (1 - rho y s') + rho s s'`` with
    ``rho = 1/(y's)``, beginning with ``(s'y)/(y'y)`` times the identity; ``H g`` is found without writing ``H`` down.
    The length ``alpha`` satisfies the strong Wolfe conditions ``E(alpha) <= E(0) + c1 alpha E'(0)`` and
    ``|E'(alpha)| <= c2 |E'(0)|``, from 1 on (from ``1/|g|`` in the first step, where nothing is known yet).

    For all rows at once, smooth losses and any number of parameters; an epoch is one iteration, which takes one
    gradient or a few.

    Args:
        memory: how many pairs are kept.
        c1: how much of the fall that the slope promises a step must bring.
        c2: how much of the slope may be left where it ends.
        tolerance: the largest entry of the gradient at which training has converged; 0: only rounding ends it.
        trials: how many lengths are tried before a step is given up.

    Raises:
        InputError: a setting is out of range.

    Example:
        >>> LBFGS(memory=5)
        LBFGS(tolerance=0.0, trials=30, memory=5, c1=0.0001, c2=0.9)

    References:
        Nocedal 1980, Mathematics of Computation 35, 773-782. Liu & Nocedal 1989, Mathematical Programming 45, 503-528.
        Nocedal & Wright 2006, Numerical Optimization, algorithms 3.5, 3.6, 7.4 and 7.5.
    """

    memory: int = 10
    c1: float = 1e-4
    c2: float = 0.9

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.c1 < self.c2 < 1:
            raise InputError(f"LBFGS needs 0 < c1 < c2 < 1, got c1 = {self.c1!r} and c2 = {self.c2!r}.")

    def start(self, problem: Problem, point: Point) -> Remembered:
        """Nothing remembered yet."""
        del problem
        return Remembered(point)

    def step(self, problem: Problem, state: State) -> Remembered | None:
        """A step along ``-H g``; if none lowers the loss, one along ``-g`` with nothing remembered; else None."""
        here = cast("Remembered", state)
        if self.is_at_rest(here.point):
            return None
        return self._along(problem, here) or (self._along(problem, Remembered(here.point)) if here.pairs else None)

    def _along(self, problem: Problem, state: Remembered) -> Remembered | None:
        """The line search along the direction that is remembered, and the pair it gives."""
        point, pairs = state.point, state.pairs
        direction = -inverse_hessian_product(pairs, point.gradient)
        first = 1.0 if pairs else 1.0 / float(np.linalg.norm(point.gradient))
        line = _Line(problem, point, direction, self)
        found = line.search(first)
        if found is None:
            return None
        s, y = found.point.p - point.p, found.point.gradient - point.gradient
        if float(s @ y) > ROUNDING * float(y @ y):
            pairs = (*pairs, Pair(s, y, 1.0 / float(s @ y)))[-self.memory :]
        return Remembered(found.point, found.alpha, {"trials": line.trials}, pairs)


def inverse_hessian_product(pairs: tuple[Pair, ...], g: Array) -> Array:
    """``H g`` by the two-loop recursion: Nocedal & Wright 2006, algorithm 7.4.

    Example:
        >>> s, y = np.array([1.0, 0.0]), np.array([2.0, 0.0])  # along the first axis the curvature is 2
        >>> inverse_hessian_product((Pair(s, y, 0.5),), np.array([4.0, 4.0]))
        array([2., 2.])
    """
    q = g.copy()
    shares = []
    for pair in reversed(pairs):
        shares.append(pair.rho * float(pair.s @ q))
        q -= shares[-1] * pair.y
    if pairs:
        y, rho = pairs[-1].y, pairs[-1].rho
        q *= 1.0 / (rho * float(y @ y))
    for pair, share in zip(pairs, reversed(shares), strict=True):
        q += (share - pair.rho * float(pair.y @ q)) * pair.s
    return q


# -------------------------------------------------------------------------------- the line search
class _Trial(NamedTuple):
    """A length, the place it leads to, and the slope there along the direction."""

    alpha: float
    point: Point
    slope: float

    @property
    def value(self) -> float:
        """What is minimised; infinite where it is not a number."""
        return self.point.value if np.isfinite(self.point.value) and np.isfinite(self.slope) else np.inf


class _Line:
    """The value along one direction, ``phi(alpha) = value(p + alpha direction)``, and the search for a good length."""

    def __init__(self, problem: Problem, point: Point, direction: Array, rule: LBFGS) -> None:
        self.problem, self.direction, self.rule, self.trials = problem, direction, rule, 0
        self.origin = _Trial(0.0, point, float(point.gradient @ direction))
        self.best = self.origin

    def at(self, alpha: float) -> _Trial:
        """One trial; the lowest of all is kept."""
        self.trials += 1
        point = self.problem.at(self.problem.held(self.origin.point.p + alpha * self.direction))
        trial = _Trial(alpha, point, float(point.gradient @ self.direction))
        if trial.value < self.best.value:
            self.best = trial
        return trial

    def is_high(self, trial: _Trial) -> bool:
        """Whether it brings less than ``c1`` of the fall that the slope promises, or none at all by rounding."""
        enough = self.origin.value + self.rule.c1 * trial.alpha * self.origin.slope
        return not (trial.value <= enough and trial.value < self.origin.value)

    def is_flat(self, trial: _Trial) -> bool:
        """Whether at most ``c2`` of the slope is left."""
        return abs(trial.slope) <= -self.rule.c2 * self.origin.slope

    def search(self, first: float) -> _Trial | None:
        """A length that satisfies the strong Wolfe conditions: Nocedal & Wright 2006, algorithm 3.5.

        If rounding, or the number of trials, keeps it from being found, the lowest trial; None if none was lower than
        the origin.
        """
        if not self.origin.slope < 0:
            return None
        before, alpha = self.origin, first
        while self.trials < self.rule.trials and np.isfinite(alpha):
            trial = self.at(alpha)
            if self.is_high(trial) or (self.trials > 1 and trial.value >= before.value):
                return self.zoom(before, trial)
            if self.is_flat(trial):
                return trial
            if trial.slope >= 0:
                return self.zoom(trial, before)
            alpha = _between(before, trial, 2.0 * alpha, 10.0 * alpha)
            before = trial
        return self.lowest()

    def zoom(self, low: _Trial, high: _Trial) -> _Trial | None:
        """Closing in on a good length between two, of which ``low`` is the lower: algorithm 3.6."""
        while self.trials < self.rule.trials:
            width = high.alpha - low.alpha
            alpha = _between(low, high, low.alpha + 0.1 * width, high.alpha - 0.1 * width)
            if abs(width) <= 4 * ROUNDING * max(low.alpha, high.alpha):
                break
            trial = self.at(alpha)
            if self.is_high(trial) or trial.value >= low.value:
                high = trial
                continue
            if self.is_flat(trial):
                return trial
            if trial.slope * width >= 0:
                high = low
            low = trial
        return self.lowest()

    def lowest(self) -> _Trial | None:
        """The lowest trial, if it is lower than the origin."""
        return None if self.best is self.origin else self.best


def _between(a: _Trial, b: _Trial, near: float, far: float) -> float:
    """Where the cubic through both trials' values and slopes is lowest, held between two lengths; else their middle.

    References:
        Nocedal & Wright 2006, equation 3.59.
    """
    low, high = sorted((near, far))
    with np.errstate(all="ignore"):
        d1 = a.slope + b.slope - 3 * (a.value - b.value) / (a.alpha - b.alpha)
        d2 = np.copysign(np.sqrt(d1 * d1 - a.slope * b.slope), b.alpha - a.alpha)
        alpha = b.alpha - (b.alpha - a.alpha) * (b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2)
    return float(np.clip(alpha, low, high)) if np.isfinite(alpha) else (low + high) / 2
