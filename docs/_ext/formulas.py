"""The rows' formulas, written in SymPy's syntax, as LaTeX that keeps the order in which they were written."""

from collections.abc import Iterable
from typing import Any, NamedTuple

import sympy
from sympy.parsing.sympy_parser import parse_expr

_LONG = 220  # characters of LaTeX, from which on repeated parts of a formula get names of their own
_PARTS = ("u", "v", "s", "q", "r", "w")


class Latex(NamedTuple):
    """A formula, and the definitions of the names that stand for its repeated parts."""

    whole: str
    parts: tuple[str, ...] = ()


def latex(formula: str, names: Iterable[str], *, indexed: Iterable[str] = ()) -> Latex:
    """The formula as LaTeX.

    Args:
        formula: in SymPy's syntax.
        names: what may stand in it: variables and constants.
        indexed: the names that are written with an index, such as ``z[j]``.
    """
    symbols = {name: sympy.Symbol(name) for name in (*names, "j", "k", "K")}
    symbols |= {name: sympy.IndexedBase(name) for name in indexed}
    spelling = {symbol: spelled(name) for name, symbol in symbols.items() if name not in indexed}
    whole = _written(_tidy(parse_expr(formula, local_dict=symbols, evaluate=False)), spelling)
    if len(whole) <= _LONG:
        return Latex(whole)
    parts, (short,) = sympy.cse(parse_expr(formula, local_dict=symbols), symbols=map(sympy.Symbol, _PARTS))
    return Latex(_written(short, spelling), tuple(f"{symbol} = {_written(part, spelling)}" for symbol, part in parts))


def aligned(lines: Iterable[tuple[str, str, Latex]]) -> str:
    """Equations below one another, as a MyST block: left side, relation, right side; parts are told after ``where``."""
    rows = []
    for left, relation, right in lines:
        rows.append(rf"{left} &{relation} {right.whole}")
        if right.parts:
            rows.append(r"&\quad\text{where } " + r",\quad ".join(right.parts))
    return "$$\n\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}\n$$"


def spelled(name: str) -> str:
    """Greek letters and single letters as mathematics writes them; words upright."""
    automatic = sympy.latex(sympy.Symbol(name))
    return rf"\text{{{name.replace('_', ' ')}}}" if _is_word(name, automatic) else automatic


def _is_word(name: str, automatic: str) -> bool:
    return len(name) > 1 and not automatic.startswith("\\")


def _written(expression: Any, spelling: dict[Any, str]) -> str:
    words = any(spelling.get(symbol, "").startswith(r"\text") for symbol in expression.free_symbols)
    text = sympy.latex(expression, order="none", symbol_names=spelling, mul_symbol="dot" if words else None)
    text = text.replace(r"\text{for}\:", r"\text{if }").replace(r"\wedge", r"\text{ and }")
    return text.replace("|", r"\vert ")  # a bar would part the cells of a table


def _tidy(expression: Any) -> Any:
    """Without the factors 1 and the unmultiplied -1 that a reading without evaluation leaves behind."""
    if not expression.args or isinstance(expression, sympy.Indexed):
        return expression
    parts = [_tidy(part) for part in expression.args]
    if isinstance(expression, sympy.Sum):
        return sympy.Sum(*parts)
    if not isinstance(expression, sympy.Mul):
        with sympy.evaluate(False):
            return expression.func(*parts)
    factors = [factor for part in parts for factor in (part.args if part.is_Mul else (part,))]
    signs = sum(factor == -1 for factor in factors)
    factors = [factor for factor in factors if abs(factor) != 1]
    product = sympy.Mul(*factors, evaluate=False) if len(factors) != 1 else factors[0]
    return sympy.Mul(-1, product, evaluate=False) if signs % 2 else product
