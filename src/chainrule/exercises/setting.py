"""What the questions are about: a network and rows with rounded numbers, and lines of working on them."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from chainrule.core.activations import SOFTMAX, ElementwiseActivation
from chainrule.core.arrays import Array
from chainrule.core.builtin import computes_like
from chainrule.core.format import number
from chainrule.core.layers import Dense
from chainrule.core.layers.checks import at
from chainrule.core.model import Model
from chainrule.errors import InputError
from chainrule.explain.derivation import Derivation, derive
from chainrule.explain.expression import Call, Expression, Product, Quotient, Symbol, from_formula, total
from chainrule.explain.render.text import plain
from chainrule.explain.row import RowPass, run_row
from chainrule.explain.summary import lines
from chainrule.explain.tree import Line
from chainrule.training import Data

DIGITS = 4
"""Significant digits of answers and of the numbers on the way to them."""

DECIMALS = 2
"""Decimals of parameters, inputs and targets."""

LARGEST = 200
"""The most parameters that can be followed by hand."""


def short(value: float) -> str:
    """A number as answers show it."""
    return number(value, DIGITS)


@dataclass(frozen=True)
class Setting:
    """A network and rows to ask about.

    Attributes:
        model: the network, its numbers rounded.
        data: the rows, rounded too.
    """

    model: Model
    data: Data

    @property
    def rows(self) -> int:
        """How many rows there are."""
        return len(self.data.x)

    @property
    def dense(self) -> list[int]:
        """The numbers of the fully connected layers, whose units questions can be about."""
        return [l for l, layer in enumerate(self.model.chain.layers, start=1) if isinstance(layer, Dense)]

    def only(self, n: int) -> Data:
        """The data of one row."""
        return Data(self.data.x[[n]], self.data.t[[n]])

    def run(self, n: int) -> RowPass:
        """The forward and backward pass of one row."""
        return run_row(self.model, self.data.x[[n]], self.data.t[[n]])

    def derive(self, name: str, n: int) -> Derivation:
        """The derivation of a quantity on one row, whose own loss is E."""
        return derive(self.model, name, self.only(n))

    def which(self, n: int) -> str:
        """``"on row 0"``, or ``"on the row"`` if there is only one."""
        return f"on row {n}" if self.rows > 1 else "on the row"

    # ------------------------------------------------------------------ lines of working
    def tree(self, name: str, n: int) -> list[str]:
        """The lines of a derivation, from the derivative to the numbers it is computed from."""
        return [_line(line) for _, line in lines(self.derive(name, n).tree)]

    def net_input(self, row: RowPass, l: int, j: int) -> str:
        """``z1[0] = W1[0, 0] x[0] + ... + b1[0] = ... = 0.3``."""
        layer, p = self.model.chain.layers[l - 1], self.model.parameters.of_layer(l)
        assert isinstance(layer, Dense)
        terms: list[Expression] = [
            Product((Symbol("W", l, (i, j), float(p["W"][i, j])), row.a(l - 1, i)))
            for i in range(len(p["W"]))
            if row.wired[l - 1][i, j]
        ]
        if layer.bias is not None:
            index = (j,) if layer.bias == "per-unit" else ()
            terms.append(Symbol("b", l, index, float(p["b"][index])))
        z = row.z(l, j)
        return _line(Line(z, total(*terms), float(z.value or 0.0)))

    def activation(self, row: RowPass, l: int, j: int) -> str:
        """``a1[0] = sigmoid(z1[0]) = 1/(1 + exp(-0.3)) = 0.57``."""
        phi, a, z = row.activation_of(l, j), row.a(l, j), row.z(l, j)
        value = float(a.value or 0.0)
        if not isinstance(phi, ElementwiseActivation):
            powers = tuple(Call("exp", (row.z(l, k),)) for k in range(self.model.chain.units[l]))
            share = Quotient(powers[j], total(*powers))
            return _line(Line(a, share if computes_like(phi, SOFTMAX) else Call(phi.name, (z,)), value))
        constants = {name: Symbol(name, None, (), float(c)) for name, c in phi.parameters.items()}
        formula = from_formula(phi.formula, {"z": z, **constants})
        return f"{plain(a)} = {phi.name}({plain(z)}) = {plain(formula, digits=DIGITS, numeric=True)} = {short(value)}"

    def forward(self, row: RowPass, l: int, j: int) -> Iterator[str]:
        """The lines of all units below layer l, then that of ``z_l[j]``."""
        for below in range(1, l):
            for unit in range(self.model.chain.units[below]):
                if below in self.dense:
                    yield self.net_input(row, below, unit)
                    yield self.activation(row, below, unit)
                else:
                    yield f"{plain(row.a(below, unit))} = {short(float(row.a(below, unit).value or 0.0))}"
        yield self.net_input(row, l, j)


def _line(line: Line) -> str:
    """Quantity, formula, formula in numbers, value; repetitions are left out."""
    forms = [
        plain(line.quantity),
        plain(line.formula, digits=DIGITS),
        plain(line.formula, digits=DIGITS, numeric=True),
        short(line.value),
    ]
    kept = list(dict.fromkeys(forms))
    return " = ".join(kept) + (f"   ({line.note})" if line.note else "")


# -------------------------------------------------------------------------------- making one
def make_setting(model: Model, x: Array | None, t: Array | None, rng: np.random.Generator) -> Setting:
    """Round a network and its rows; draw rows that were not given.

    Raises:
        InputError: the network is too large to be followed by hand.
    """
    chain = model.chain
    if chain.size > LARGEST:
        raise InputError(
            f"exercises are for networks that can be followed by hand, up to {LARGEST} parameters; this one has "
            f"{chain.size}: make a smaller one of the same kind."
        )
    vector = np.concatenate([np.ravel(v) for v in _effective(model)] or [np.zeros(0)])
    state = tuple({key: _rounded(value) for key, value in kept.items()} for kept in model.state)
    copy = replace(model.with_vector(_rounded(vector)), state=state)
    if x is None:
        x = rng.normal(size=(2, chain.inputs))
    x = _rounded(x)
    t = _targets(model, len(x), rng) if t is None else _rounded(t)
    chain.loss.check_targets(t)
    return Setting(copy, Data(x, t))


def _effective(model: Model) -> list[Array]:
    """The parameters in order, with 0 where a mask has no weight."""
    layers = [layer.effective(model.parameters.of_layer(l)) for l, layer in enumerate(model.chain.layers, start=1)]
    return [layers[slot.layer - 1][slot.key] for slot in model.chain.slots]


def _rounded(values: Array) -> Array:
    return np.round(values.astype(np.float64), DECIMALS) + 0.0  # + 0.0 makes -0 a plain 0


def _targets(model: Model, rows: int, rng: np.random.Generator) -> Array:
    """Drawn targets of the kind that the loss is meant for."""
    return _rounded(model.chain.loss.draw_targets(rng, (rows, model.chain.outputs)))


def entry(rng: np.random.Generator, name: str, shape: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """A random entry of an array: its name, such as ``"W1[0, 1]"``, and its index."""
    index = tuple(int(rng.integers(size)) for size in shape)
    return at(name, index), index
