"""One row's derivation as a tree of lines: each quantity with its formula, then the quantities in that formula."""

from dataclasses import dataclass

import numpy as np

from chainrule.core.activations import SOFTMAX, ElementwiseActivation
from chainrule.core.builtin import computes_like
from chainrule.core.losses import CATEGORICAL_CROSS_ENTROPY_FROM_LOGITS, ElementwiseLoss
from chainrule.explain.expression import (
    Expression,
    Leaf,
    Number,
    Partial,
    Product,
    Quotient,
    Rest,
    Slope,
    Symbol,
    from_formula,
    product,
    total,
)
from chainrule.explain.names import Wanted
from chainrule.explain.paths import Start
from chainrule.explain.row import RowPass

MOST_TERMS = 6
"""How many terms of a sum are written out; the rest is one term, the sum of those too small to be listed."""


@dataclass(frozen=True)
class Line:
    """One quantity of a derivation.

    Attributes:
        quantity: what the line is about.
        formula: in symbols, its leaves carrying their numbers; the quantity itself where it is not unfolded further.
        value: what it comes to.
        children: the lines of the formula's own quantities.
        note: what a reader should know: a kink, a fused derivative, a dead end.
    """

    quantity: Leaf
    formula: Expression
    value: float
    children: "tuple[Line, ...]" = ()
    note: str = ""


def unfold(row: RowPass, wanted: Wanted, starts: list[Start], value: float) -> Line:
    """The tree of ``dE/dquantity`` for one row."""
    tree = _Tree(row)
    quantity = Partial(Symbol("E"), wanted.symbol, value)
    if not starts:
        return Line(quantity, Number(0.0), 0.0, (), "this weight does not exist: the mask is 0 here")
    terms, children = [], []
    for start in starts:
        below = tree.delta(start.layer, start.unit) if start.kind == "z" else tree.activation(start.layer, start.unit)
        terms.append((product(start.factor, below.quantity), getattr(start.factor, "value", 1.0) * below.value))
        children.append(below)
        if wanted.key == "z":  # a net input's derivative is its delta
            return Line(quantity, below.quantity, value, (below,))
        if wanted.key == "a":
            return Line(quantity, below.formula, value, below.children, below.note)
    return Line(quantity, _largest(terms), value, tuple(_largest_lines(children, terms)))


def _largest(terms: list[tuple[Expression, float]]) -> Expression:
    """The sum with its largest terms written out, in their order, and the rest as one."""
    if len(terms) <= MOST_TERMS + 1:
        return total(*(term for term, _ in terms))
    kept = _indices(terms)
    rest = sum(value for i, (_, value) in enumerate(terms) if i not in kept)
    return total(*(terms[i][0] for i in kept), Rest(len(terms) - len(kept), rest))


def _indices(terms: list[tuple[Expression, float]]) -> list[int]:
    if len(terms) <= MOST_TERMS + 1:
        return list(range(len(terms)))
    largest = sorted(range(len(terms)), key=lambda i: -abs(terms[i][1]))[:MOST_TERMS]
    return sorted([i for i in largest if terms[i][1] != 0] or largest)


def _largest_lines(lines: list[Line], terms: list[tuple[Expression, float]]) -> list[Line]:
    return [lines[i] for i in _indices(terms)]


class _Tree:
    """Builds lines, each quantity once: a delta that several sums name is one and the same line."""

    def __init__(self, row: RowPass) -> None:
        self._row = row
        self._deltas: dict[tuple[int, int], Line] = {}
        self._activations: dict[tuple[int, int], Line] = {}

    def delta(self, l: int, j: int) -> Line:
        """``delta_l[j] = (sum_k delta_{l+1}[k] W_{l+1}[j, k]) phi'(z_l[j])``."""
        if (l, j) not in self._deltas:
            self._deltas[l, j] = self._make_delta(l, j)
        return self._deltas[l, j]

    def activation(self, l: int, k: int) -> Line:
        """``dE/da_l[k]``: the sum over the units above, or the loss's own derivative at the output."""
        if (l, k) not in self._activations:
            self._activations[l, k] = self._make_activation(l, k)
        return self._activations[l, k]

    def _make_delta(self, l: int, j: int) -> Line:
        row = self._row
        quantity = row.delta(l, j)
        value = float(quantity.value or 0.0)
        if not row.mixes(l):
            above, slope = self.activation(l, j), row.slope(l, j, j)
            upper = above.quantity if l == row.top else above.formula
            children = (above,) if l == row.top else above.children
            if isinstance(slope, Slope):
                children = (*children, self._slope(l, j, slope))
            return Line(quantity, product(upper, slope), value, children, above.note if l < row.top else "")
        terms, lines = [], []
        for k in range(row.model.chain.units[l]):
            above, factor = self.activation(l, k), row.slope(l, j, k)
            terms.append((product(above.quantity, factor), above.value * float(factor.value or 0.0)))
            lines += [above, self._softmax_entry(l, j, k, factor)]
        kept = _indices(terms)
        return Line(quantity, _largest(terms), value, tuple(line for i in kept for line in lines[2 * i : 2 * i + 2]))

    def _make_activation(self, l: int, k: int) -> Line:
        row = self._row
        if l == row.top:
            return self._loss_slope(k)
        quantity = Partial(Symbol("E"), row.a(l, k), row.da(l, k))
        terms, lines = [], []
        for j in range(row.model.chain.units[l + 1]):
            if row.wired[l][k, j]:
                below, edge = self.delta(l + 1, j), row.edge(l + 1, k, j)
                terms.append((product(below.quantity, edge), below.value * float(edge.value or 0.0)))
                lines.append(below)
        note = "" if terms else f"no wire leads on from unit {k} of layer {l}"
        return Line(quantity, _largest(terms), row.da(l, k), tuple(_largest_lines(lines, terms)), note)

    def _slope(self, l: int, j: int, slope: Slope) -> Line:
        """``phi'(z)`` by the row's formula."""
        row = self._row
        activation = row.activation_of(l, j)
        assert isinstance(activation, ElementwiseActivation)
        constants = {name: Symbol(name, None, (), float(value)) for name, value in activation.parameters.items()}
        names: dict[str, Expression] = {"z": row.z(l, j), "a": row.a(l, j), **constants}
        value = float(slope.value or 0.0)
        note = ""
        if slope.at.value in activation.kinks:
            note = f"{activation.name} has a kink at {slope.at.value:g}: its derivative there is taken as {value:g}"
        elif value == 0 and activation.kinks:
            note = f"flat here: nothing flows back through unit {j} of layer {l} on this row"
        return Line(slope, from_formula(activation.derivative_formula, names), value, (), note)

    def _softmax_entry(self, l: int, j: int, k: int, factor: Leaf | Number) -> Line:
        """``da_k/dz_j`` of an activation that mixes units; softmax's is ``a_k (1[k = j] - a_j)``."""
        row = self._row
        assert isinstance(factor, Partial)
        value = float(factor.value or 0.0)
        if not computes_like(row.activation_of(l, j), SOFTMAX):
            return Line(factor, factor, value)
        ours, other = row.a(l, k), row.a(l, j)
        one = from_formula("a*(1 - a)", {"a": ours}) if j == k else Product((Number(-1.0), ours, other))
        return Line(factor, one, value)

    def _loss_slope(self, k: int) -> Line:
        """``dE/dy`` by the loss's formula."""
        row, loss = self._row, self._row.model.chain.loss
        quantity = row.loss_slope(k)
        value = float(quantity.value or 0.0)
        t = row.target(k)
        if t.value is None or np.isnan(t.value):
            return Line(quantity, Number(0.0), value, (), f"t[{k}] is missing: nothing flows back from output {k}")
        if isinstance(loss, ElementwiseLoss):
            constants = {name: Symbol(name, None, (), float(v)) for name, v in loss.parameters.items()}
            formula = from_formula(loss.derivative_formula, {"y": row.y(k), "t": t, **constants})
            if loss.reduction == "mean":
                outputs = int((~np.isnan(row.t)).sum())
                formula = Quotient(formula, Number(float(outputs))) if outputs > 1 else formula
            on_kink = (row.y(k).value or 0.0) - t.value in loss.kinks(**loss.parameters)
            note = f"{loss.name} has a kink where y = t: its derivative there is taken as {value:g}" if on_kink else ""
            return Line(quantity, formula, value, (), note)
        if computes_like(loss, CATEGORICAL_CROSS_ENTROPY_FROM_LOGITS):
            return self._fused_softmax(quantity, k, t)
        return Line(quantity, quantity, value)

    def _fused_softmax(self, quantity: Partial, k: int, t: Symbol) -> Line:
        """``p[k] - t[k]`` with ``p = softmax(y)``: softmax and cross-entropy fused into one derivative."""
        row = self._row
        value, whole = float(quantity.value or 0.0), float(row.t.sum())
        p = Symbol("p", None, (k,), (value + float(t.value or 0.0)) / whole if whole else 0.0)
        share: Expression = p if whole == 1 else product(Number(whole), p)
        return Line(quantity, total(share, product(Number(-1.0), t)), value, (), f"p[{k}] is softmax(y)[{k}]: fused")
