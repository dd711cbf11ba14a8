"""Directives that write reference pages from the library's own rows, so that no page can differ from the code."""

from collections.abc import Iterable
from dataclasses import fields
from typing import ClassVar

import numpy as np
from docutils import nodes
from formulas import Latex, aligned, latex, spelled
from pictures import draw_activation
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from chainrule.core.activations import ACTIVATIONS, Activation, ElementwiseActivation
from chainrule.core.format import number
from chainrule.core.initializers import INITIALIZERS, Initializer
from chainrule.core.losses import LOSSES, ElementwiseLoss, Loss
from chainrule.optimizers import OPTIMIZERS


class _Written(SphinxDirective):
    """A directive that is replaced by Markdown it writes; its argument says what."""

    required_arguments = 1

    def lines(self, wanted: str) -> Iterable[str]:
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        return self.parse_text_to_nodes("\n".join(self.lines(self.arguments[0])), allow_section_headings=True)


def _table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    cells = [list(header), *[list(row) for row in rows]]
    cells.insert(1, ["---"] * len(cells[0]))
    return ["", *("| " + " | ".join(row) + " |" for row in cells), ""]


def _plain(value: float) -> str:
    """A number for running text; infinity as people write it."""
    return number(value).replace("inf", "∞").replace("-", "−")


def _points(values: Iterable[float]) -> str:
    return ", ".join(_plain(value) for value in values)


def _constants(row: Activation | Loss | Initializer) -> str:
    return ", ".join(f"${spelled(name)} = {value!r}$" for name, value in row.parameters.items())


def _facts(facts: Iterable[tuple[str, str]]) -> list[str]:
    """A list of the facts there are."""
    return ["", *(f"- {name}: {value}" for name, value in facts if value), ""]


# -------------------------------------------------------------------------------- activations
class Activations(_Written):
    """A ``table`` of all activations, or ``sections``, one for each: formulas, kinks, range, source, picture."""

    def lines(self, wanted: str) -> Iterable[str]:
        rows = ACTIVATIONS.values()
        if wanted == "sections":
            return (line for row in rows for line in self._section(row))
        header = ("name", r"$\varphi(z)$", "range", r"kinks of $\varphi$")
        return _table(header, ([f"[`{row.name}`](#{_anchor(row.name)})", *self._summary(row)] for row in rows))

    def _formula(self, row: Activation, formula: str) -> Latex:
        indexed = () if isinstance(row, ElementwiseActivation) else ("z",)
        return latex(formula, ("z", "a", *row.parameters), indexed=indexed)

    def _summary(self, row: Activation) -> tuple[str, str, str]:
        kinks = row.kinks if isinstance(row, ElementwiseActivation) else ()
        return f"${self._formula(row, row.formula).whole}$", _span(row.range), _points(kinks)

    def _section(self, row: Activation) -> Iterable[str]:
        yield from ("", f"## {row.name}", "")
        if isinstance(row, ElementwiseActivation):
            named = (
                (r"\varphi(z)", row.formula),
                (r"\varphi'(z)", row.derivative_formula),
                (r"\varphi''(z)", row.second_derivative_formula),
            )
            yield aligned((left, "=", self._formula(row, formula)) for left, formula in named)
            jumps = [("φ′ jumps at", _points(row.kinks)), ("φ″ jumps at", _points(row.curvature_jumps))]
        else:
            yield aligned([("a_k", "=", self._formula(row, row.formula))])
            jumps = []
        facts = [("constants", _constants(row)), ("range", _span(row.range)), *jumps, ("source", row.source)]
        yield from _facts(facts)
        if isinstance(row, ElementwiseActivation):
            yield f"![{row.name} with its first two derivatives]({draw_activation(self.env.srcdir, row)})"


def _span(ends: tuple[float, float]) -> str:
    return f"{_plain(ends[0])} to {_plain(ends[1])}"


# -------------------------------------------------------------------------------- losses
class Losses(_Written):
    """A ``table`` of all losses, or ``sections``, one for each: formulas, kinks, targets, what is fused, source."""

    def lines(self, wanted: str) -> Iterable[str]:
        rows = LOSSES.values()
        if wanted == "sections":
            return (line for row in rows for line in self._section(row))
        header = ("name", "of one output, or of a row")
        return _table(header, ([f"[`{row.name}`](#{_anchor(row.name)})", self._summary(row)] for row in rows))

    def _formula(self, row: Loss, formula: str) -> Latex:
        indexed = () if isinstance(row, ElementwiseLoss) else ("y", "t")
        return latex(formula, ("y", "t", *row.parameters), indexed=indexed)

    def _summary(self, row: Loss) -> str:
        return f"${self._formula(row, row.formula).whole}$"

    def _section(self, row: Loss) -> Iterable[str]:
        yield from ("", f"## {row.name}", "")
        if isinstance(row, ElementwiseLoss):
            named = (("e_k", row.formula), ("e_k'", row.derivative_formula), ("e_k''", row.second_derivative_formula))
            yield aligned((left, "=", self._formula(row, formula)) for left, formula in named)
            row_loss = "the sum over its outputs" if row.reduction == "sum" else "the mean over its outputs"
            jumps = [
                ("e′ jumps where y − t is", _points(row.kinks(**row.parameters))),
                ("e″ jumps where y − t is", _points(row.curvature_jumps(**row.parameters))),
            ]
        else:
            yield aligned([("e", "=", self._formula(row, row.formula))])
            row_loss, jumps = "the formula, which takes its outputs together", []
        fused = "" if row.link == "identity" else f"`{row.link}`: put it on an `identity` output layer"
        facts = [("loss of a row", row_loss), ("constants", _constants(row)), ("targets", _targets(row))]
        yield from _facts([*facts, *jumps, ("fused with", fused), ("source", row.source)])


def _targets(row: Loss) -> str:
    low, high = row.target_range
    if np.isinf(low):
        return "any"
    return f"from {_plain(low)}" if np.isinf(high) else f"{_plain(low)} to {_plain(high)}"


def _anchor(name: str) -> str:
    """The address that a heading gets."""
    return name.replace("_", "-")


# -------------------------------------------------------------------------------- initialisers, optimizers
class Initializers(_Written):
    """A ``table`` of all initialisers."""

    def lines(self, wanted: str) -> Iterable[str]:
        del wanted
        rows = [
            (f"`{row.name}`", _math(row, row.mean), _math(row, row.variance), _constants(row), row.source)
            for row in INITIALIZERS.values()
        ]
        return _table(("name", "mean", "variance", "constants", "source"), rows)


def _math(row: Initializer, formula: str) -> str:
    return f"${latex(formula, ('fan_in', 'fan_out', *row.parameters)).whole}$"


class Equations(_Written):
    """The equations of the optimizer of that name, in the order in which they are computed."""

    names: ClassVar[tuple[str, ...]] = ("g", "eta", "count")

    def lines(self, wanted: str) -> Iterable[str]:
        kind = OPTIMIZERS[wanted]
        sides = [line.split(" = ", 1) for line in kind.equations]
        names = {*self.names, *(field.name for field in fields(kind)), *(left for left, _ in sides)}
        yield aligned((spelled(left), r"\leftarrow", latex(right, names)) for left, right in sides)


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("activations", Activations)
    app.add_directive("losses", Losses)
    app.add_directive("initializers", Initializers)
    app.add_directive("equations", Equations)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
