"""The record of one forward and backward pass: every quantity of the alphabet, by name, with its formula."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array, shape_text
from chainrule.core.chain import Pass
from chainrule.core.format import html_table, numbers, plain, text_table
from chainrule.core.layers import Run
from chainrule.core.model import Model
from chainrule.errors import UnknownNameError


@dataclass(frozen=True)
class Quantity:
    """One named quantity of a pass.

    Attributes:
        name: in the alphabet, such as ``"delta2"``.
        formula: how it was computed from the others.
        value: its numbers; those with a row axis have it first.
        part: ``"data"``, ``"forward"`` or ``"backward"``.
    """

    name: str
    formula: str
    value: Array
    part: str


class Trace(Mapping[str, Array]):
    """Everything one pass computed: ``trace["z1"]``, ``trace["delta2"]``, ``trace["dW1"]``, ``trace["E"]``.

    It prints as an aligned table, shows as one in a notebook, and keeps its own copies: later training does not
    change it. Quantities stand in the order in which they were computed.
    """

    def __init__(self, quantities: tuple[Quantity, ...]) -> None:
        self.quantities = quantities
        self._by_name = {quantity.name: quantity for quantity in quantities}

    def __getitem__(self, name: str) -> Array:
        if name not in self._by_name:
            raise UnknownNameError(f"no quantity {name!r} in this trace: it has {', '.join(self._by_name)}.")
        return self._by_name[name].value

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def formula(self, name: str) -> str:
        """The formula of one quantity, as text."""
        self[name]
        return self._by_name[name].formula

    def _rows(self) -> list[list[str]]:
        return [[q.part, q.name, q.formula, shape_text(q.value.shape), numbers(q.value)] for q in self.quantities]

    def __str__(self) -> str:
        rows = self._rows()
        for row, above in zip(rows[:0:-1], rows[-2::-1], strict=True):
            row[0] = "" if row[0] == above[0] else row[0]
        return text_table(["pass", "quantity", "formula", "shape", "value"], rows)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(["pass", "quantity", "formula", "shape", "value"], self._rows())

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON; a missing target is None."""
        return {
            "schema": "chainrule/trace",
            "version": 1,
            "quantities": [
                {"name": q.name, "formula": q.formula, "part": q.part, "value": plain(q.value)} for q in self.quantities
            ],
        }


def trace(model: Model, x: Array, t: Array | None, run: Run, weights: Array | None = None) -> Trace:
    """One pass, everything kept; without targets only its forward half."""
    if t is None:
        records = maths.forward(model.chain, model.parameters, x, run)
        return Trace((Quantity("x", "the inputs", x.copy(), "data"), *_forward(model, records)))
    done = maths.forward_backward(model.chain, model.parameters, x, t, run, weights)
    data = (Quantity("x", "the inputs", x.copy(), "data"), Quantity("t", "the targets", t.copy(), "data"))
    return Trace((*data, *_forward(model, done.records), *_losses(model, done, t, weights), *_backward(model, done)))


def _forward(model: Model, records: list[dict[str, Array]]) -> Iterator[Quantity]:
    for l, (layer, record) in enumerate(zip(model.chain.layers, records, strict=True), start=1):
        formulas = layer.formulas(l)
        for key, value in layer.effective(model.parameters.of_layer(l)).items():
            yield Quantity(f"{key}{l}", "parameter", value.copy(), "forward")
        for key, value in record.items():
            if key in formulas:  # some are kept for the backward pass only
                yield Quantity(f"{key}{l}", formulas[key], value.copy(), "forward")
    yield Quantity("y", f"a{len(records)}", records[-1]["a"].copy(), "forward")


def _losses(model: Model, done: Pass, t: Array, weights: Array | None) -> Iterator[Quantity]:
    loss = model.chain.loss
    y = done.records[-1]["a"]
    yield Quantity("e", f"{loss.name}(y, t) of each row", loss.value(y, t), "forward")
    shares, how = maths.row_shares(t, weights), "mean over rows of e"
    if shares is not None:
        how = "sum over rows of share e"
        yield Quantity("share", "the row's weight (0 without a target) over all rows' weights", shares, "forward")
    yield Quantity("E", how, np.asarray(done.loss), "forward")


def _backward(model: Model, done: Pass) -> Iterator[Quantity]:
    top = len(model.chain.layers)
    yield Quantity(f"da{top}", f"dE/dy of {model.chain.loss.name}", done.dy.copy(), "backward")
    for l in range(top, 0, -1):
        back, formulas = done.backs[l - 1], model.chain.layers[l - 1].formulas(l)
        if "delta" in formulas:
            yield Quantity(f"delta{l}", formulas["delta"], back.delta.copy(), "backward")
        for key, value in back.gradients.items():
            yield Quantity(f"d{key}{l}", formulas[f"d{key}"], np.array(value), "backward")
        yield Quantity(f"da{l - 1}", formulas["da_in"], back.da_in.copy(), "backward")
