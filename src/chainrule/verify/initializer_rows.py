"""``check_initializer``: draws compared with the mean and the variance that a row states."""

from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import number
from chainrule.core.initializers import Initializer
from chainrule.verify.formulas import evaluate, read
from chainrule.verify.proof import Finding, Proof, Test, first_failure, prove, same

_SHAPES = ((3, 5), (5, 3), (20, 30), (30, 20), (1, 40), (40,), ())  # of weights, of biases, of a shared bias
_NUMBERS, _DRAWS = 12_000, 1500  # drawn for each shape, at most
_SIGMAS = 6


def check_initializer(row: Initializer) -> Proof:
    """Prove a row of the table of initialisers, or one of your own.

    mean, variance: draws for weights (fan_in, fan_out), biases (units,) and shared biases () agree with the formulas
        within 6 standard errors, and exactly where the variance is 0; a bias counts as fan_in 1.
    shape: draws have the shape and dtype asked for, and are finite.
    repeatable: the same generator gives the same draw; another gives another, unless the variance is 0.

    Example:
        >>> from chainrule.core.initializers import initializer
        >>> check_initializer(initializer("he_normal")).passed
        True
    """
    return prove(f"initializer {row.name}", initializer_tests(row))


def initializer_tests(row: Initializer) -> dict[str, Test]:
    """The tests of ``check_initializer`` by the names of their claims, none of them run yet."""
    moments = _Moments(row)
    return {
        "mean": lambda: moments.agree("mean"),
        "variance": lambda: moments.agree("variance"),
        "shape": lambda: _shape(row),
        "repeatable": lambda: _repeatable(row, moments),
    }


def _draw(row: Initializer, seed: int, shape: tuple[int, ...], dtype: str = "float64") -> Array:
    return row(np.random.default_rng(seed), shape, np.dtype(dtype))


class _Moments:
    """What the row states of its draws, and what many draws say."""

    def __init__(self, row: Initializer) -> None:
        self.row = row

    def stated(self, name: str, shape: tuple[int, ...]) -> float:
        """``mean`` or ``variance`` of the draws for one shape, by its formula."""
        import sympy  # noqa: PLC0415 - only for those who check

        fans: tuple[Any, ...] = sympy.symbols("fan_in fan_out", positive=True)
        formula = read(getattr(self.row, name), {**self.row.parameters, "fan_in": fans[0], "fan_out": fans[1]})
        fan_in, fan_out = shape if len(shape) == 2 else (1, int(np.prod(shape)))
        return float(evaluate(formula, fans, np.array([fan_in]), np.array([fan_out]))[0])

    def agree(self, name: str) -> Finding:
        """One moment of the draws for every shape."""
        findings = {f"shape {shape}": self._agrees(name, shape) for shape in _SHAPES}
        return first_failure(findings, f"within {_SIGMAS} standard errors for {len(_SHAPES)} shapes")

    def _agrees(self, name: str, shape: tuple[int, ...]) -> Finding:
        rng = np.random.default_rng(0)
        repeats = min(-(-_NUMBERS // int(np.prod(shape))), _DRAWS)
        draws = np.stack([self.row(rng, shape, np.dtype(np.float64)) for _ in range(repeats)]).ravel()
        mean, variance = self.stated("mean", shape), self.stated("variance", shape)
        squares = (draws - mean) ** 2
        found, wanted, spread = {
            "mean": (draws.mean(), mean, draws.std()),
            "variance": (squares.mean(), variance, squares.std()),
        }[name]
        allowed = _SIGMAS * spread / np.sqrt(len(draws)) + 1e-12 * (abs(wanted) + variance)
        texts = f"{number(found)} over {len(draws)} numbers", f"{number(wanted)} +- {number(allowed, 2)}"
        return Finding(bool(abs(found - wanted) <= allowed), "", *texts)


def _shape(row: Initializer) -> Finding:
    findings = {}
    for shape in _SHAPES:
        for dtype in ("float64", "float32"):
            drawn = _draw(row, 0, shape, dtype)
            finite = "finite" if np.isfinite(drawn).all() else "not finite"
            findings[f"shape {shape}"] = same("", f"{finite} {drawn.dtype} {drawn.shape}", f"finite {dtype} {shape}")
    return first_failure(findings, f"kept for {len(_SHAPES)} shapes")


def _repeatable(row: Initializer, moments: _Moments) -> Finding:
    shape = (6, 4)
    first, again, other = (_draw(row, seed, shape) for seed in (0, 0, 1))
    findings = {
        "the same seed": same("", "equal" if np.array_equal(first, again) else "different", "equal"),
        "another seed": same(
            "",
            "equal" if np.array_equal(first, other) else "different",
            "different" if moments.stated("variance", shape) else "equal",
        ),
    }
    return first_failure(findings, "the generator alone decides")
