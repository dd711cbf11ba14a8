r"""Expressions and derivations as LaTeX for amsmath and KaTeX.

A quantity is written as in the alphabet, its layer as an index: ``W1[0, 1]`` is ``W_{1}[0, 1]``, ``delta2[0]`` is
``\delta_{2}[0]``. Signs that KaTeX keeps as macros (``\,``, ``\operatorname``) are not used: it expands at most 1,000.
"""

from collections.abc import Mapping, Sequence

from chainrule.core.format import number
from chainrule.explain.derivation import Derivation
from chainrule.explain.expression import Expression, Product, Symbol
from chainrule.explain.notation import ATOM, GREEK, POWER, PRODUCT, SUM, Writer, Written
from chainrule.explain.render.text import alphabet_name, plain
from chainrule.explain.summary import lines, path_product, percent, shown_paths, shown_rows
from chainrule.explain.tree import Line

_ESCAPES = {
    "\\": r"\textbackslash{}",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    **{sign: "\\" + sign for sign in "&%$#_{}"},
}
_FUNCTIONS = {"exp": r"\exp", "log": r"\ln", "tanh": r"\tanh", "cosh": r"\cosh", "Max": r"\max", "Min": r"\min"}
_SIGNS = {"": r"\ ", "*": r" \odot ", "·": r" \cdot ", "+": " + ", "-": " - "}
_COMPARED = {">=": r"\ge", "<=": r"\le"}
_LONG = 70
"""Formulas with more characters (as text) have their numbers on a line of their own."""


def latex(expression: Expression, names: Mapping[str, str] | None = None, *, numeric: bool = False) -> str:
    r"""An expression as LaTeX; ``numeric`` writes the numbers that its quantities carry.

    Example:
        >>> from chainrule.explain.expression import from_formula
        >>> print(latex(from_formula("a*(1 - a)", {"a": Symbol("a", 1, (0,))})))
        a_{1}[0]\ \left(1 - a_{1}[0]\right)
    """
    return LatexWriter(names, numeric=numeric).write(expression)


def escaped(words: str) -> str:
    r"""Words for ``\text{...}``, whatever signs they hold.

    Example:
        >>> print(escaped("bill_length 50%"))
        bill\_length 50\%
    """
    return "".join(_ESCAPES.get(sign, sign if sign.isprintable() else " ") for sign in words)


class LatexWriter(Writer):
    r"""``W_{1}[0, 1]``, ``\frac{a}{b}``, ``x^{2}``."""

    def number(self, value: float) -> Written:
        r"""``0.123457``; ``1.5 \times 10^{-9}``."""
        digits, _, power = number(value, self._digits).partition("e")
        digits = {"inf": r"\infty", "-inf": r"-\infty", "nan": r"\text{missing}"}.get(digits, digits)
        if not power:
            return digits, SUM if value < 0 else ATOM
        return rf"{digits} \times 10^{{{int(power)}}}", SUM if value < 0 else PRODUCT

    def symbol(self, symbol: Symbol) -> str:
        """``W_{1}[0, 1]``, or the words given for it."""
        given = self._names.get(alphabet_name(symbol))
        if given is not None:
            return rf"\text{{{escaped(given)}}}"
        base = symbol.base
        if base in GREEK:
            base = f"\\{base}"
        elif base == "xhat":
            base = r"\hat{x}"
        elif len(base) > 1:
            base = _upright(base)
        layer = "" if symbol.layer is None else f"_{{{symbol.layer}}}"
        return base + layer + (f"[{', '.join(map(str, symbol.index))}]" if symbol.index else "")

    def partial(self, of: Symbol, by: Symbol) -> str:
        r"""``\frac{\partial E}{\partial W_{1}[0, 1]}``."""
        return rf"\frac{{\partial {self.symbol(of)}}}{{\partial {self.symbol(by)}}}"

    def slope(self, name: str, at: Symbol) -> str:
        r"""``\mathrm{sigmoid}'(z_{1}[0])``."""
        return rf"{_upright(name)}'\left({self.symbol(at)}\right)"

    def words(self, text: str) -> str:
        r"""Upright; three dots as ``\cdots``."""
        return r"\cdots" if text == "..." else rf"\text{{{escaped(text)}}}"

    def joined(self, parts: Sequence[str], sign: str) -> str:
        r"""A space for the product of symbols, ``\cdot`` for those of numbers, ``\odot`` entry by entry."""
        return _SIGNS[sign].join(parts)

    def negative(self, text: str) -> str:
        """``-x``."""
        return f"-{text}"

    def bracketed(self, text: str) -> str:
        r"""``\left(x\right)``."""
        return rf"\left({text}\right)"

    def fraction(self, top: Expression, bottom: Expression) -> str:
        r"""``\frac{x}{y}``."""
        return rf"\frac{{{self.write(top)}}}{{{self.write(bottom)}}}"

    def power(self, base: str, exponent: Expression) -> str:
        """``x^{2}``."""
        return f"{base}^{{{self.write(exponent)}}}"

    def transposed(self, of: Symbol) -> str:
        r"""``W_{2}^{\top}``, below which the layer stays."""
        return rf"{self.symbol(of)}^{{\top}}"

    def function(self, name: str, arguments: Sequence[Expression]) -> Written:
        r"""``e^{z}``, ``\sqrt{z}``, ``\left|z\right|``, or the name upright."""
        written = ", ".join(self.write(part) for part in arguments)
        match name:
            case "exp":
                return f"e^{{{written}}}", POWER
            case "sqrt":
                return rf"\sqrt{{{written}}}", ATOM
            case "Abs":
                return rf"\left|{written}\right|", ATOM
        return rf"{_FUNCTIONS.get(name, _upright(name))}\left({written}\right)", ATOM

    def over(self, kind: str, axis: str, of: Expression) -> str:
        r"""``\mathrm{sum}_{\text{rows}}(x)``."""
        return rf"{_upright(kind)}_{{\text{{{axis}}}}}\left({self.write(of)}\right)"

    def compared(self, left: str, sign: str, right: str) -> str:
        r"""``z \ge 0``."""
        return f"{left} {_COMPARED.get(sign, sign)} {right}"

    def cases(self, pieces: Sequence[tuple[str, Sequence[str]]]) -> str:
        r"""``\begin{cases} ... \end{cases}``."""
        together = r" \text{ and } "
        cases = (
            rf"{value} & \text{{if }} {together.join(when)}" if when else rf"{value} & \text{{otherwise}}"
            for value, when in pieces
        )
        return r"\begin{cases} " + r" \\ ".join(cases) + r" \end{cases}"


def _upright(name: str) -> str:
    return rf"\mathrm{{{escaped(name)}}}"


# -------------------------------------------------------------------------------- a whole derivation
def aligned(rows: Sequence[str]) -> str:
    r"""One formula of several lines, to be put between dollars or ``\[ \]``."""
    return "\\begin{aligned}\n" + " \\\\\n".join(rows) + "\n\\end{aligned}"


def derivation_latex(derivation: Derivation, names: Mapping[str, str]) -> str:
    """The tree, the paths as a sum, the rows and the proof, below one another in one formula."""
    rows: list[str] = []
    if len(derivation.contributions) > 1:
        rows.append(rf"&\text{{row {derivation.row}, whose own loss is }} E \text{{ here:}}")
    for _, line in lines(derivation.tree):
        rows += _line(line, names)
    rows += _paths(derivation, names)
    if len(derivation.contributions) > 1:
        rows += _rows(derivation, names)
    return aligned([*rows, *_proof(derivation)])


def _line(line: Line, names: Mapping[str, str]) -> list[str]:
    """A quantity = its formula = numbers = value; the numbers on a line of their own where the formula is long."""
    forms = [latex(line.formula, names), latex(line.formula, names, numeric=True), latex_number(line.value)]
    quantity = latex(line.quantity, names)
    shown = [form for i, form in enumerate(forms) if form not in (quantity, *forms[i + 1 :])]
    note = rf" \quad \text{{({escaped(line.note)})}}" if line.note else ""
    if len(plain(line.formula, names)) <= _LONG:
        return [f"{quantity} &= {' = '.join(shown)}{note}"]
    first, *rest = shown
    return [f"{quantity} &= {first}", f"&= {' = '.join(rest)}{note}"]


def latex_number(value: float, digits: int = 6) -> str:
    """A number as LaTeX."""
    return LatexWriter(digits=digits).number(value)[0]


def _heading(words: str) -> str:
    return rf"&\text{{{escaped(words)}}}"


def _paths(derivation: Derivation, names: Mapping[str, str]) -> list[str]:
    shown = shown_paths(derivation.paths)
    rows = [_heading(shown.heading + (":" if shown.listed else ""))]
    quantity = latex(derivation.quantity, names)
    for p in shown.listed:
        below = latex_number(p.value) + (rf"\text{{ ({escaped(percent(p.share))})}}" if p.share is not None else "")
        sign = f"{quantity} &= " if len(rows) == 1 else "&+ "
        rows.append(rf"{sign}\underbrace{{{latex(path_product(p), names)}}}_{{{below}}}")
    if shown.smaller:
        count, rest, _ = shown.smaller
        rows.append(rf"&+ \underbrace{{{latex_number(rest)}}}_{{\text{{{count:,} smaller paths together}}}}")
    if shown.zero:
        reasons = r" \text{ or } ".join(f"{latex(reason, names)} = 0" for reason in shown.reasons)
        more = r" \text{ or others}" if shown.more_reasons else ""
        rows.append(_heading(shown.zero_text) + (rf"\text{{, as }} {reasons}{more}" if reasons else ""))
    return rows


def _rows(derivation: Derivation, names: Mapping[str, str]) -> list[str]:
    shown, others = shown_rows(derivation)
    rows = [_heading("each row's share of E times its own derivative:")]
    for c in shown:
        sign = f"{latex(derivation.quantity, names)} &= " if len(rows) == 1 else "&+ "
        rows.append(
            rf"{sign}\underbrace{{{latex(_product(c.share, c.derivative), numeric=True)}}}_{{\text{{row {c.row}}}}}"
        )
    if others:
        rows.append(rf"&+ \underbrace{{{latex_number(others[1])}}}_{{\text{{{others[0]:,} other rows}}}}")
    return [*rows, f"&= {latex_number(derivation.value)}"]


def _product(share: float, derivative: float) -> Product:
    return Product((Symbol("share", None, (), share), Symbol("e", None, (), derivative)))


def _proof(derivation: Derivation) -> list[str]:
    proof = derivation.proof
    found = [("by finite differences", proof.difference, proof.error, rf"\text{{: {proof.verdict}}}")]
    if proof.symbolic is not None:
        found.append(("by computer algebra", proof.symbolic, proof.symbolic_error or 0.0, ""))
    return [
        rf"&\text{{{how}: }} {latex_number(value, 10)} \text{{, relative error }} {latex_number(error, 2)}{verdict}"
        for how, value, error, verdict in found
    ]
