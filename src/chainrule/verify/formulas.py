"""Formulas as data: read by SymPy, differentiated, and evaluated with so many digits that nothing cancels.

SymPy is imported only when something is checked (hence the imports inside the functions).
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import number
from chainrule.errors import InputError
from chainrule.verify.proof import Finding

DIGITS = 400
"""Of every evaluation: log(1 + exp(z)) at z = -700 is 1e-304, and 1 + 1e-304 needs that many to be seen."""

_SIMPLE = 60
"""Operations up to which SymPy simplifies a difference; beyond, or with cases, that may take minutes."""


def read(formula: str, names: Mapping[str, Any]) -> Any:
    """The formula as a SymPy expression.

    ``names`` says what each name in it stands for: a SymPy object, or a number, which then counts as exactly that
    double. Decimals written in the formula are exact.

    Raises:
        InputError: it uses a name that stands for nothing.
    """
    import sympy  # noqa: PLC0415
    from sympy.parsing.sympy_parser import parse_expr, rationalize, standard_transformations  # noqa: PLC0415

    known = {name: _exact(value) for name, value in names.items()}
    expression = parse_expr(formula, local_dict=known, transformations=(*standard_transformations, rationalize))
    allowed = set().union(*(value.free_symbols for value in known.values()))
    used = {symbol for symbol in expression.free_symbols if isinstance(symbol, sympy.Symbol)}
    unknown = sorted(str(symbol) for symbol in used - allowed)
    if unknown:
        raise InputError(f"the formula {formula!r} uses {unknown[0]}, but it can only use {', '.join(names)}.")
    return expression


def _exact(value: Any) -> Any:
    import sympy  # noqa: PLC0415

    if isinstance(value, bool):
        return sympy.true if value else sympy.false
    return sympy.Rational(value) if isinstance(value, (int, float)) else value


def evaluate(expression: Any, symbols: Sequence[Any], *columns: Array) -> Array:
    """The expression's value for each entry of the columns, one column a symbol; float64, rounded only in the end.

    Infinite where a value is beyond the largest double; NaN where there is none: at a pole, or off the real line.
    """
    values = _evaluate(expression, symbols, columns)
    return np.array([float("nan") if value is None or isinstance(value, complex) else value for value in values])


def equal_formulas(
    given: Any, derived: Any, symbols: Sequence[Any], columns: Sequence[Array], where: Callable[[int], str]
) -> Finding:
    """A formula against a derived one: by algebra where that is cheap, and to 25 digits at each point in any case."""
    import sympy  # noqa: PLC0415

    wanted = evaluate(derived, symbols, *columns)
    apart = evaluate(given - derived, symbols, *columns)
    with np.errstate(all="ignore"):
        off = np.abs(apart) / (1e-25 * np.abs(wanted) + 1e-300)
    off = np.where(np.isfinite(wanted), np.nan_to_num(off, nan=np.inf), 0.0)
    if not np.isfinite(wanted).any():
        return Finding(False, "", "no point at which the formula has a value", "at least one")
    if (off <= 1).all():
        difference = given - derived
        cases = (sympy.Piecewise, sympy.Max, sympy.Min, sympy.Abs, sympy.sign, sympy.Heaviside)
        cheap = difference.count_ops() <= _SIMPLE and not difference.has(*cases)
        algebra = cheap and sympy.simplify(difference) == 0
        return Finding(True, "", f"equal at {len(off)} points" + (" and by algebra" if algebra else ""))
    i = int(np.argmax(off))
    return Finding(False, where(i), number(wanted[i] + apart[i], 17), number(wanted[i], 17))


def is_real(expression: Any, symbols: Sequence[Any], *columns: Array) -> Array:
    """For each entry of the columns, whether the expression stays on the real line (poles included)."""
    return np.array([not isinstance(value, complex) for value in _evaluate(expression, symbols, columns)])


def _evaluate(expression: Any, symbols: Sequence[Any], columns: Sequence[Array]) -> list[float | complex | None]:
    """A float, ``1j`` for a value off the real line, or None for a pole."""
    import sympy  # noqa: PLC0415

    mp = multiprecision(DIGITS)
    # SymPy derives Max, Min, Abs and sign by steps and impulses: an impulse is 0 wherever there is a derivative
    steps = {
        "Heaviside": lambda x, at_0=0.5: at_0 if x == 0 else mp.mpf(x > 0),
        "DiracDelta": lambda *_: mp.mpf(0),
    }
    function = sympy.lambdify(list(symbols), expression, [steps, *functions_of(mp)], cse=True)

    def value(numbers: Sequence[float]) -> float | complex | None:
        try:
            result = mp.mpmathify(function(*(mp.mpf(float(number)) for number in numbers)))
        except ZeroDivisionError:
            return None
        if isinstance(result, mp.mpc):
            return 1j
        return float(result) if mp.isfinite(result) else None

    return [value(numbers) for numbers in zip(*columns, strict=True)]


def multiprecision(digits: int) -> Any:
    """Mpmath with a precision of its own: that of the module belongs to all threads at once."""
    import mpmath  # noqa: PLC0415

    context = mpmath.mp.clone()
    context.dps = digits
    return context


def functions_of(context: Any) -> list[Any]:
    """What ``sympy.lambdify`` takes as its modules to compute with the precision of a context."""
    return [{name: getattr(context, name) for name in dir(context) if not name.startswith("_")}, "mpmath"]
