"""The evidence of a marking: the learner's gradients as cases, and what else is known about them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from chainrule.core.arrays import Array
from chainrule.marking.agreement import agrees, comparable
from chainrule.marking.constants import value_of
from chainrule.marking.forward_context import ForwardContext
from chainrule.marking.hypothesis import Hypothesis
from chainrule.marking.instance import gradients_with
from chainrule.marking.mistake import Mistake
from chainrule.marking.tolerance import Response


@dataclass(frozen=True, eq=False)
class Case:
    """The learner's gradients for one forward pass.

    Attributes:
        forward: the forward pass.
        given: the learner's gradients by name.
        response: how much rounding changes gradients here.
    """

    forward: ForwardContext
    given: Mapping[str, Array]
    response: Response

    def fits(self, h: Hypothesis, eps: float, earlier: Mapping[str, Array] | None = None) -> bool:
        """Whether the hypothesis gives these gradients, with those of an earlier case added if there are any."""
        computed = gradients_with(self.forward, h.recipe)
        tolerance = self.response.tolerance(eps)
        for name, given in self.given.items():
            value = computed[name] if earlier is None else computed[name] + earlier[name]
            if not comparable(given, value) or not agrees(given, value, 1.0, tolerance, name):
                return False
        return True

    def divided_by(self, value: float) -> "Case":
        """The gradients divided by a value; the update stays the same if the learning rate is multiplied by it."""
        given = {name: array / value for name, array in self.given.items()}
        rate = self.forward.learning_rate
        forward = self.forward if rate is None else self.forward.with_learning_rate(rate * value)
        return Case(forward, given, self.response.divided_by(value))


@dataclass(frozen=True)
class CallFailure:
    """An input for which the learner's function gave nothing usable.

    Attributes:
        rows: how many rows it had.
        reason: what went wrong.
        is_excused: whether the function may be written for one row, as the given input has only one.
    """

    rows: int
    reason: str
    is_excused: bool


OneRow = Literal["reads one row", "fits one row"]
"""Why a function was marked on inputs of one row alone: it reads no other row, or several rows had no explanation."""


@dataclass(frozen=True, eq=False)
class Evidence:
    """All that the learner gave.

    Attributes:
        cases: gradients, each for a forward pass of its own.
        catalogue: the mistakes to look for.
        single_precision: whether the numbers are float32.
        loss: the constant by which the learner's loss is a multiple of this one, ``"1"`` if it is the same; None if the
            learner's loss is unknown.
        is_unmoved: whether the parameters after an update are those before it.
        asked_for_all: whether the learner was to give every gradient, as a function is.
        failures: the inputs for which a function gave nothing usable.
        one_row: why only inputs of one row were marked; None if all were.
    """

    cases: tuple[Case, ...]
    catalogue: Sequence[Mistake]
    single_precision: bool = False
    loss: str | None = None
    is_unmoved: bool = False
    asked_for_all: bool = False
    failures: tuple[CallFailure, ...] = ()
    one_row: OneRow | None = None

    def in_units_of_our_loss(self) -> "Evidence":
        """The same evidence with all gradients divided by the constant of the learner's loss, if one is known."""
        if self.loss is None or self.loss == "1":
            return self
        cases = tuple(case.divided_by(value_of(case.forward, self.loss)) for case in self.cases)
        return replace(self, cases=cases)

    @property
    def earlier_gradients(self) -> list[Mapping[str, Array] | None]:
        """For each case, the gradients of the one before it: they are added if gradients are never reset to zero."""
        return [None, *(case.given for case in self.cases[:-1])]
