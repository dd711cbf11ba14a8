"""One training step in order, as data: forward, loss, backward, how gradients add up, update, change of the loss.

The loss's change is predicted from the gradient alone, ``-g . u`` for the update ``u`` that is taken off, and with the
curvature, ``+ u' H u/2``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, overload

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import plain
from chainrule.core.renderers import renderer
from chainrule.optimizers import Moments, Optimizer
from chainrule.trace import Trace

SCHEMA = "chainrule/step"
VERSION = 1

MOST_PARTS = 20_000
"""How many numbers of rows' parts ``to_dict`` holds; where there are more it leaves them out and says so."""


@dataclass(frozen=True)
class Contribution:
    """What a part of the optimizer makes of a parameter's gradient.

    Attributes:
        name: such as ``"velocity before"``, ``"first_moment"`` or ``"update"``.
        formula: the equation it comes from; empty for what was kept from earlier steps.
        value: in the parameter's shape, or one number for all.
    """

    name: str
    formula: str
    value: Array


@dataclass(frozen=True)
class ParameterStep:
    """What happens to one parameter: ``after = before - update``.

    Attributes:
        name: in the alphabet.
        before, gradient, update, after: in its shape.
        parts: each row's part in the gradient (N, ...), which add up to it; None for a user-defined layer.
        contributions: of the optimizer, in the order in which they are computed.
    """

    name: str
    before: Array
    gradient: Array
    parts: Array | None
    contributions: tuple[Contribution, ...]
    update: Array
    after: Array

    @property
    def running_sum(self) -> Array | None:
        """The gradient after each row's ``+=``, shape (N, ...)."""
        return None if self.parts is None else np.cumsum(self.parts, axis=0)


@dataclass(frozen=True)
class LossChange:
    """E of the same rows before and after, and the change as it was to be expected.

    Attributes:
        before, after: E.
        first_order: ``-g . u``: if the loss were a plane.
        curvature: ``u' H u/2``: what its bend adds.
    """

    before: float
    after: float
    first_order: float
    curvature: float

    @property
    def real(self) -> float:
        """By how much E changed."""
        return self.after - self.before

    @property
    def second_order(self) -> float:
        """Expected from slope and bend together."""
        return self.first_order + self.curvature


@dataclass(frozen=True)
class Step:
    """One training step as data; ``print`` shows it as text, a notebook shows it as HTML.

    Attributes:
        optimizer: whose rule it follows.
        learning_rate: eta.
        count: which update of the run it is, from 1.
        rows: the row numbers it was made on.
        trace: forward pass, loss and backward pass, every quantity by name.
        parameters: by name, what happens to each.
        change: of the loss.
        moments: what the optimizer remembers afterwards; ``after=step`` goes on from them.
    """

    optimizer: Optimizer
    learning_rate: float
    count: int
    rows: Array
    trace: Trace
    parameters: Mapping[str, ParameterStep]
    change: LossChange
    moments: Moments = field(repr=False)

    @cached_property
    def after(self) -> dict[str, Array]:
        """The new parameters by name, ready for ``net.set_parameters``."""
        return {name: step.after for name, step in self.parameters.items()}

    def text(self) -> str:
        """The step as aligned text; large arrays are abridged, and it says where."""
        return renderer(self, "text")(self)

    __str__ = text
    __repr__ = text

    def html(self, *, whole_page: bool = False) -> str:
        """The step as a self-contained page part that folds, without script; ``whole_page`` puts a page around it."""
        return renderer(self, "html")([self], whole_page=whole_page)

    def _repr_html_(self) -> str:
        return self.html()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "schema": SCHEMA,
            "version": VERSION,
            "optimizer": repr(self.optimizer),
            "learning_rate": self.learning_rate,
            "count": self.count,
            "rows": self.rows.tolist(),
            "trace": self.trace.to_dict(),
            "parameters": [_parameter_data(step) for step in self.parameters.values()],
            "loss": {
                "before": self.change.before,
                "after": self.change.after,
                "change": self.change.real,
                "first_order": self.change.first_order,
                "curvature": self.change.curvature,
                "second_order": self.change.second_order,
            },
        }


def _parameter_data(step: ParameterStep) -> dict[str, Any]:
    listed = step.parts is not None and step.parts.size <= MOST_PARTS
    return {
        "name": step.name,
        "before": plain(step.before),
        "rows": plain(step.parts) if listed else None,
        "rows_left_out": step.parts is not None and not listed,
        "gradient": plain(step.gradient),
        "optimizer": [{"name": c.name, "formula": c.formula, "value": plain(c.value)} for c in step.contributions],
        "update": plain(step.update),
        "after": plain(step.after),
    }


class Steps(Sequence[Step]):
    """Steps made one after the other, each on the parameters that the one before left."""

    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = tuple(steps)

    @overload
    def __getitem__(self, index: int) -> Step: ...

    @overload
    def __getitem__(self, index: slice) -> "Steps": ...

    def __getitem__(self, index: int | slice) -> "Step | Steps":
        return Steps(self._steps[index]) if isinstance(index, slice) else self._steps[index]

    def __len__(self) -> int:
        return len(self._steps)

    @property
    def after(self) -> dict[str, Array]:
        """The parameters after the last step."""
        return self._steps[-1].after

    def text(self) -> str:
        """Each step as text."""
        return "\n\n\n".join(step.text() for step in self._steps)

    __str__ = text
    __repr__ = text

    def html(self, *, whole_page: bool = False) -> str:
        """The steps as one page part; each folds, and the first is open."""
        return renderer(self, "html")(self._steps, whole_page=whole_page)

    def _repr_html_(self) -> str:
        return self.html()

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {"schema": f"{SCHEMA}s", "version": VERSION, "steps": [step.to_dict() for step in self._steps]}
