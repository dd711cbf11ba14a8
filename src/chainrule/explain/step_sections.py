"""A step laid out as sections of tables, which text and HTML both show: cells are short texts, abridged if many."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import number, numbers
from chainrule.core.layers.checks import at
from chainrule.explain.step import ParameterStep, Step

MOST_NUMBERS = 24
"""How many numbers of the parameters are shown one by one: those with the largest updates."""

MOST_ROWS = 6
"""How many rows' parts stand beside each other before the rest are summed."""


@dataclass(frozen=True)
class Section:
    """One part of the story.

    Attributes:
        title: its heading.
        about: a line or two above the table.
        header, rows: the table.
        note: what was left out.
    """

    title: str
    about: tuple[str, ...]
    header: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    note: str = ""


def sections(step: Step) -> list[Section]:
    """Forward, loss, backward, gradients over the rows, update, change of the loss."""
    parts = {part: [q for q in step.trace.quantities if q.part == part] for part in ("data", "forward", "backward")}
    losses = [q for q in parts["forward"] if q.name in ("e", "share", "E")]
    forward = [q for q in [*parts["data"], *parts["forward"]] if q not in losses]
    header = ("quantity", "formula", "value")

    def table(quantities: Sequence) -> tuple[tuple[str, ...], ...]:
        return tuple((q.name, q.formula, numbers(q.value)) for q in quantities)

    sections_shown = [
        Section("Forward: values go up", (), header, table(forward)),
        Section("Loss", (), header, table(losses)),
        Section("Backward: deltas come down", (), header, table(parts["backward"])),
    ]
    chosen = _chosen(step)
    if len(step.rows) > 1:
        sections_shown.append(_adding_up(step, chosen))
    return [*sections_shown, _update(step, chosen), _change(step)]


# -------------------------------------------------------------------------------- number by number
_Entry = tuple[ParameterStep, tuple[int, ...]]


def _chosen(step: Step) -> list[_Entry]:
    """The numbers that are shown one by one: those with the largest updates, in their order."""
    entries = [
        (parameter, index) for parameter in step.parameters.values() for index in np.ndindex(parameter.before.shape)
    ]
    sizes = -np.concatenate(
        [np.abs(parameter.update).ravel() for parameter in step.parameters.values()] or [np.zeros(0)]
    )
    return [entries[k] for k in sorted(np.argsort(sizes, kind="stable")[:MOST_NUMBERS])]


def _left_out(step: Step, chosen: Sequence[_Entry]) -> str:
    size = sum(parameter.before.size for parameter in step.parameters.values())
    return "" if size == len(chosen) else f"abridged: the {len(chosen)} largest updates of {size:,} numbers"


def _label(entry: _Entry, prefix: str = "") -> str:
    parameter, index = entry
    return at(prefix + parameter.name, index)


def _pick(value: Array, index: tuple[int, ...]) -> str:
    return number(value[index] if value.ndim else value.item())


def _adding_up(step: Step, chosen: Sequence[_Entry]) -> Section:
    """Each row's part in each gradient: what ``+=`` does."""
    shown = len(step.rows) if len(step.rows) <= MOST_ROWS + 1 else MOST_ROWS
    rest = len(step.rows) - shown
    header = [f"{'+= ' * (k > 0)}row {n}" for k, n in enumerate(step.rows[:shown])]
    header += [f"+= {rest:,} more rows"] * bool(rest)
    rows = []
    for entry in chosen:
        parameter, index = entry
        if parameter.parts is not None:
            parts = parameter.parts[(slice(None), *index)]
            cells = [number(part) for part in parts[:shown]] + [number(parts[shown:].sum())] * bool(rest)
            rows.append((_label(entry, "d"), *cells, _pick(parameter.gradient, index)))
    about = ("Every row has a part in each gradient: its share of E times its own derivative. They are added up, +=.",)
    header = ["", *header, "= gradient"]
    return Section("Gradients add up over the rows", about, tuple(header), tuple(rows), _left_out(step, chosen))


def _update(step: Step, chosen: Sequence[_Entry]) -> Section:
    """Old value, gradient, what each part of the optimizer makes of it, update, new value."""
    names, equations = _columns(step)
    header = ("", "before", "gradient g", *names, "after")
    rows = []
    for entry in chosen:
        parameter, index = entry
        values = {c.name: c.value for c in parameter.contributions}
        values["update"] = parameter.update
        cells = [_pick(values[name], index) for name in names]
        rows.append(
            (
                _label(entry),
                _pick(parameter.before, index),
                _pick(parameter.gradient, index),
                *cells,
                _pick(parameter.after, index),
            )
        )
    about = (
        f"{step.optimizer!r}, update {step.count}, eta = {number(step.learning_rate)}",
        *equations,
        "after = before - update",
    )
    return Section("Update: downhill", about, header, tuple(rows), _left_out(step, chosen))


def _columns(step: Step) -> tuple[list[str], list[str]]:
    """The contributions' names, and their equations; those of a weight, which may also decay, are the most.

    What was kept from before and is the same number everywhere, as in a first step, is a line and not a column.
    """
    most = max(step.parameters.values(), key=lambda parameter: len(parameter.contributions), default=None)
    if most is None:
        return [], []
    names, lines = [], []
    for contribution in most.contributions:
        same = None if contribution.formula else _same_everywhere(step, contribution.name)
        if same is not None:
            lines.append(f"{contribution.name} = {number(same)}")
        elif contribution.name not in names:
            names.append(contribution.name)
    return names, lines + [f"{c.name} = {c.formula}" for c in most.contributions if c.formula]


def _same_everywhere(step: Step, name: str) -> float | None:
    """The one number that all values of that name have, if they do."""
    kept = [
        c.value.ravel() for parameter in step.parameters.values() for c in parameter.contributions if c.name == name
    ]
    values = np.concatenate(kept)
    return float(values[0]) if (values == values[0]).all() else None


def _change(step: Step) -> Section:
    """What E did, beside what slope and bend led one to expect."""
    change = step.change
    rows = (
        ("E before", "", number(change.before, 8)),
        ("E after", "on the same rows", number(change.after, 8)),
        ("change", "E after - E before", number(change.real)),
        ("to first order", "-g . u, if the loss were a plane", number(change.first_order)),
        ("the bend adds", "u' H u/2", number(change.curvature)),
        ("to second order", "-g . u + u' H u/2", number(change.second_order)),
    )
    about = ("u is the update of all parameters together, g their gradient, H the Hessian.",)
    return Section("What the loss did", about, ("", "formula", "value"), rows, _verdict(step))


def _verdict(step: Step) -> str:
    """Whether the step was small enough for the gradient to predict the change."""
    change = step.change
    if change.first_order >= 0:
        return "The gradient promises no fall: it is 0 where anything may change, or the optimizer went another way."
    if change.real > 0:
        return "E rose although the gradient promised a fall: the step is too long for the bend of the loss."
    off = abs(change.real - change.first_order)
    if off <= 0.1 * abs(change.first_order):
        return "The gradient alone predicts the change to a tenth: a short step."
    if abs(change.real - change.second_order) < off:
        return "The bend matters: with it the prediction is closer."
    return "The step is so long that even slope and bend together do not predict the change."
