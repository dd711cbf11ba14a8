"""Any derivative of a network, unfolded by the chain rule: the data from which text, LaTeX and HTML are made.

For one row there is a tree of lines, each a quantity with its formula, the same formula in numbers, and its value; its
children unfold the quantities that the formula names. Beside the tree stand all paths from the quantity to the loss.
For a batch, E is the (weighted) mean over rows, so its derivative is the sum of each row's share.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.layers import Run
from chainrule.core.lookup import plain_number
from chainrule.core.model import Model
from chainrule.core.renderers import renderer
from chainrule.errors import InputError
from chainrule.explain.cross_check import CrossCheck, cross_check
from chainrule.explain.expression import Leaf, Number, Partial, Symbol, to_data
from chainrule.explain.names import Wanted, parse
from chainrule.explain.parameters import derivable
from chainrule.explain.paths import MOST, Path, Paths, Start, find_paths
from chainrule.explain.render.text import plain
from chainrule.explain.row import RowPass, run_row
from chainrule.explain.tree import Line, unfold
from chainrule.training import Data

SCHEMA = "chainrule/derivation"
VERSION = 1


@dataclass(frozen=True)
class Contribution:
    """One row's part in the derivative of a batch's E.

    Attributes:
        row: its number.
        share: how much of E the row makes up: 1/N, or ``w_n / sum w``.
        derivative: of the row's own loss.
        value: share times derivative: these add up to the whole.
    """

    row: int
    share: float
    derivative: float
    value: float


@dataclass(frozen=True)
class Derivation:
    """Why a derivative has its value.

    ``print`` shows it as text, a notebook as HTML; ``latex()``, ``html()``, ``text()`` and ``to_dict()`` give each.

    Attributes:
        quantity: what was derived: ``dE/dW1[0, 1]``.
        value: of the derivative, for the whole batch.
        row: the row whose chain rule is unfolded.
        tree: that row's lines, from the derivative down to the numbers it is made of.
        paths: from the quantity to that row's loss, the largest listed.
        contributions: of each row to the batch's derivative; a single one for a single row.
    """

    quantity: Partial
    value: float
    row: int
    tree: Line
    paths: Paths
    contributions: tuple[Contribution, ...]
    _wanted: Wanted = field(repr=False)
    _model: Model = field(repr=False)
    _data: Data = field(repr=False)

    @cached_property
    def proof(self) -> CrossCheck:
        """The same derivative by finite differences and, where the network is small, by computer algebra."""
        return cross_check(self._model, self._data, self._wanted, self.row, self.value)

    def text(self, *, names: dict[str, str] | None = None, colour: bool = False) -> str:
        """The derivation as aligned text; ``names`` puts other words in place of, say, ``x[3]``."""
        return renderer(self, "text")(self, names or {}, colour=colour)

    __str__ = text

    def latex(self, *, names: dict[str, str] | None = None) -> str:
        """The derivation as LaTeX (amsmath, KaTeX)."""
        return renderer(self, "latex")(self, names or {})

    def html(self, *, names: dict[str, str] | None = None, whole_page: bool = False) -> str:
        """The derivation as a self-contained page part that folds and unfolds, with MathML: no script, no network.

        ``whole_page`` puts a page of its own around it, to be kept as a file.
        """
        return renderer(self, "html")(self, names or {}, whole_page=whole_page)

    def _repr_html_(self) -> str:
        return self.html()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON; a quantity that comes again is written once, then referred to by its name."""
        return {
            "schema": SCHEMA,
            "version": VERSION,
            "quantity": plain(self.quantity),
            "value": self.value,
            "row": self.row,
            "tree": _line_data(self.tree, set()),
            "paths": {
                "count": self.paths.count,
                "rest": self.paths.rest,
                "listed": [_path_data(path) for path in self.paths.listed],
            },
            "contributions": [vars(contribution) for contribution in self.contributions],
            "proof": self.proof.to_dict(),
        }


def _line_data(line: Line, unfolded: set[Leaf]) -> dict[str, Any]:
    name = plain(line.quantity)
    if line.quantity in unfolded:
        return {"quantity": name, "again": True}
    unfolded.add(line.quantity)
    return {
        "quantity": name,
        "formula": plain(line.formula),
        "expression": to_data(line.formula),
        "numbers": plain(line.formula, numeric=True),
        "value": line.value,
        "note": line.note,
        "children": [_line_data(child, unfolded) for child in line.children],
    }


def _path_data(path: Path) -> dict[str, Any]:
    return {
        "through": [f"z{l}[{j}]" for l, j in path.units],
        "factors": [plain(factor) for factor in path.factors],
        "numbers": [getattr(factor, "value", None) for factor in path.factors],
        "value": path.value,
        "share": path.share,
    }


# -------------------------------------------------------------------------------- making one
def derive(model: Model, name: str, data: Data, row: int | None = None, most: int | None = MOST) -> Derivation:
    """The derivation of ``dE/dname``.

    Args:
        model: the network.
        name: see ``chainrule.explain.names``.
        data: the rows.
        row: whose chain rule to unfold; the one with the largest part in the derivative unless given.
        most: how many paths to list; None lists all.

    Raises:
        InputError: no such quantity; no such row; or a row's own quantity (``x[2]``, ``z1[0]``) without a row.
    """
    model, data = model.copy(), data.copy()
    wanted = parse(model.chain, name)
    rows = len(data.x)
    row = plain_number(row)
    if row is not None and not 0 <= row < rows:
        raise InputError(f"row must be from 0 to {rows - 1}, got {row!r}.")
    if row is None and rows > 1 and not wanted.is_parameter:
        raise InputError(f"{name} belongs to one row, but there are {rows}: say which with row=0.")
    contributions = _contributions(model, wanted, data, row)
    chosen = row if row is not None else max(contributions, key=lambda c: abs(c.value)).row
    one = run_row(model, data.x[[chosen]], data.t[[chosen]])
    starts = starts_of(one, wanted)
    quantity = Partial(Symbol("E"), wanted.symbol)
    mine = next(c for c in contributions if c.row == chosen)
    whole = mine.derivative if not wanted.is_parameter else sum(c.value for c in contributions)
    tree = unfold(one, wanted, starts, mine.derivative)
    paths = find_paths(one, starts, most)
    return Derivation(quantity, whole, chosen, tree, paths, tuple(contributions), wanted, model, data)


def starts_of(row: RowPass, wanted: Wanted) -> list[Start]:
    """Where the paths from a quantity begin, each after its leading factor."""
    if wanted.is_parameter:
        return derivable(row.model.chain, wanted).starts(row, wanted.layer, wanted.index)
    return [Start(wanted.key, wanted.layer, wanted.index[0], Number(1.0))]


def _contributions(model: Model, wanted: Wanted, data: Data, row: int | None) -> list[Contribution]:
    """Each row's part, from one pass over the batch (a row's own quantity: that row alone)."""
    chosen = np.arange(len(data.x)) if wanted.is_parameter else np.array([row or 0])
    x, t = data.x[chosen], data.t[chosen]
    ones = Data(x, t, None)
    done = maths.forward_backward(model.chain, model.parameters, ones.x, ones.t, Run(state=model.state))
    missing = np.isnan(t).all(axis=1)
    shares = maths.row_shares(t, data.weights if wanted.is_parameter else None)
    if shares is None:
        shares = np.full(len(x), 1 / len(x))
    own = np.where(missing, 0.0, 1 / max(int((~missing).sum()), 1))  # how the pass above shared E out
    scaled = _by_row(model, done, wanted)
    derivatives = np.divide(scaled, own, out=np.zeros_like(scaled), where=own > 0)
    return [
        Contribution(int(n), float(s), float(d), float(s * d))
        for n, s, d in zip(chosen, shares, derivatives, strict=True)
    ]


def _by_row(model: Model, done: maths.Pass, wanted: Wanted) -> Array:
    """``dE/dquantity`` before it is summed over the rows, shape (N,)."""
    l, index = wanted.layer, wanted.index
    if wanted.key == "a":
        da = done.dy if l == len(model.chain.layers) else done.backs[l].da_in
        return da[:, index[0]]
    back = done.backs[l - 1]
    if wanted.key == "z":
        return back.delta[:, index[0]]
    return derivable(model.chain, wanted).by_row(model.chain.layers[l - 1], done.records[l - 1], back.delta, index)
