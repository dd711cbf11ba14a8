"""The outputs and targets at which a loss is tested: where its formula is real and its targets are valid."""

from typing import Any, Literal

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.losses import ElementwiseLoss, Loss, RowLoss
from chainrule.verify.formulas import is_real, read
from chainrule.verify.precision import real_line

Domain = Literal["any", "positive", "share"]

_NEAR_ZERO = (0.0, 1e-300, 1e-160, 1e-100, 1e-37, 1e-30, 1e-20, 1e-10, 1e-5, 1e-3, 0.1, 0.25, 0.5)
_TARGETS = (-1000.0, -0.375, 0.0, 0.75, 3.0, 1000.0)

OUTPUTS = 3
"""Outputs of the rows that formulas are derived for."""


def three_outputs(row: RowLoss) -> tuple[Any, tuple[Any, ...], tuple[Any, ...]]:
    """The formula for a row of three outputs, and the symbols of its outputs and targets."""
    import sympy  # noqa: PLC0415 - only for those who check

    bases: dict[str, Any] = {"y": sympy.IndexedBase("y"), "t": sympy.IndexedBase("t")}
    units = sympy.Symbol("K", integer=True)
    general = read(row.formula, {**row.parameters, **bases, "K": units}).subs(units, OUTPUTS).doit()
    symbols = {name: sympy.symbols(f"{name}_:{OUTPUTS}", real=True) for name in bases}
    entries = {bases[name][k]: symbols[name][k] for name in bases for k in range(OUTPUTS)}
    return general.subs(entries), symbols["y"], symbols["t"]


def domain(row: Loss) -> Domain:
    """Which outputs the loss is for: where its formula does not leave the real line."""
    if isinstance(row, ElementwiseLoss):
        import sympy  # noqa: PLC0415 - only for those who check

        symbols = sympy.symbols("y t", real=True)
        formula = read(row.formula, {**row.parameters, "y": symbols[0], "t": symbols[1]})
        real = is_real(formula, symbols, np.array([-2.0, 2.0]), np.full(2, float(middle_targets(row, (1, 1))[0, 0])))
    elif isinstance(row, RowLoss):
        formula, outputs, targets = three_outputs(row)
        t = middle_targets(row, (2, len(targets)))
        real = is_real(formula, (*outputs, *targets), *np.repeat([[-2.0, 2.0]], 3, axis=0), *t.T)
    else:
        return "any"
    return "any" if real[0] else "positive" if real[1] else "share"


def output_grid(row: ElementwiseLoss, t: float, corners: tuple[float, ...]) -> Array:
    """Outputs for one target: the domain's extremes, its middle, and both sides of every ``y - t`` in ``corners``."""
    kind = domain(row)
    beside = [t + corner + offset for corner in corners for offset in (-1e-3, -1e-6, 0.0, 1e-6, 1e-3)]
    near_one = [1 - 2.0**-53, 1 - 2.0**-33, 1 - 2.0**-24, *(1 - y for y in _NEAR_ZERO)]
    points = {
        "share": [y for y in (*_NEAR_ZERO, *near_one, *beside) if 0 <= y <= 1],
        "positive": [y for y in (*_NEAR_ZERO, *real_line(), *beside) if y >= 0],
        "any": [*real_line(), *beside],
    }[kind]
    single = np.array(points, dtype=np.float32).astype(np.float64)
    return np.unique([*points, *single[single >= np.finfo(np.float32).tiny]])


def target_ends(row: Loss) -> tuple[float, ...]:
    """The finite ends of the target range."""
    return tuple(end for end in row.target_range if np.isfinite(end))


def target_grid(row: Loss) -> tuple[float, ...]:
    """Targets within the range, its ends among them."""
    low, high = row.target_range
    return tuple(sorted({*(t for t in _TARGETS if low <= t <= high), *target_ends(row)}))


def middle_targets(row: Loss, shape: tuple[int, int]) -> Array:
    """Random targets well within the range."""
    low, high = row.target_range
    rng = np.random.default_rng(5)
    if np.isfinite(low) and np.isfinite(high):
        return rng.uniform(low + 0.1 * (high - low), high - 0.1 * (high - low), size=shape)
    above = rng.gamma(2.0, size=shape)
    return low + above if np.isfinite(low) else high - above if np.isfinite(high) else rng.normal(size=shape)


def middle_outputs(row: Loss, shape: tuple[int, int]) -> Array:
    """Random outputs well within the domain; of shares each row sums to 1."""
    kind = domain(row)
    numbers = np.random.default_rng(6).normal(size=shape)
    if kind == "any":
        return 2 * numbers
    positive = np.exp(numbers)
    return positive / positive.sum(axis=1, keepdims=True) if kind == "share" else positive
