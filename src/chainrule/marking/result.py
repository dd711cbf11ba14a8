"""The marking: what was found, with its evidence; printed, shown in a notebook, or as plain data."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chainrule.core.arrays import Array
from chainrule.core.format import plain
from chainrule.marking.counterexample import SeparatingInput


@dataclass(frozen=True)
class Equation:
    """One line of mathematics, as it is and as it was written.

    Attributes:
        right, wrong: as text.
        right_latex, wrong_latex: for a notebook.
    """

    right: str
    wrong: str
    right_latex: str
    wrong_latex: str

    def __str__(self) -> str:
        return f"right:  {self.right}\nyours:  {self.wrong}"

    def _repr_latex_(self) -> str:
        return rf"$\text{{right: }} {self.right_latex} \qquad \text{{yours: }} {self.wrong_latex}$"


@dataclass(frozen=True)
class Confidence:
    """Why this mistake and no other.

    Attributes:
        value: the share of the equally simple explanations that name this mistake: 1 if there is no other.
        numbers: how many numbers were compared.
        agreement: the largest distance from what the mistake gives, relative to the largest number of its array.
        nearest: the single mistake, or ``"none"``, that comes nearest among those that do not fit.
        nearest_distance: how near, in the same measure.
    """

    value: float
    numbers: int
    agreement: float
    nearest: str
    nearest_distance: float

    def __str__(self) -> str:
        sure = (
            "no other explanation is as simple" if self.value == 1 else f"named by {self.value:.0%} of the explanations"
        )
        return (
            f"{self.numbers} numbers fit to {self.agreement:.1e} of their size; the nearest that does not fit, "
            f"{self.nearest}, is {self.nearest_distance:.1e} away; {sure}"
        )


@dataclass(frozen=True)
class Named:
    """One mistake (or convention, or choice at a kink) that was found.

    Attributes:
        code: its name in the catalogue.
        layer: the layer whose numbers it spoils first; None if it concerns them all.
        variant: in which way it was made, such as ``"tanh'(z)"``; may be empty.
        explanation: what was done, why it is wrong, what to write instead.
        equation: the line it breaks.
        quantity: the name of the first quantity of the backward pass that it spoils, such as ``"delta1"``.
        yours, right: that quantity as it was computed, and as it is without any mistake but a sign or factor that all
            gradients have (which is named for itself).
        confidence: why this one.
    """

    code: str
    layer: int | None
    variant: str
    explanation: str
    equation: Equation
    quantity: str
    yours: Array
    right: Array
    confidence: Confidence

    @property
    def title(self) -> str:
        """``"missing-activation-derivative at layer 1"``."""
        variant = f" ({self.variant})" if self.variant else ""
        return self.code + variant + ("" if self.layer is None else f" at layer {self.layer}")

    def __str__(self) -> str:
        return self.title

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "code": self.code,
            "layer": self.layer,
            "variant": self.variant,
            "explanation": self.explanation,
            "equation": vars(self.equation),
            "quantity": self.quantity,
            "yours": plain(self.yours),
            "right": plain(self.right),
            "confidence": _numbers_plain(self.confidence),
        }


@dataclass(frozen=True)
class GradientError:
    """One parameter's gradient beside the right one.

    Attributes:
        relative: the largest error, relative to the larger of the two numbers; infinite where the shape is another.
        index: where.
        yours, right: both numbers there; NaN where the shape is another.
        shapes: yours and the right one, where the shape is another; else None.
    """

    relative: float
    index: tuple[int, ...]
    yours: float
    right: float
    shapes: tuple[tuple[int, ...], tuple[int, ...]] | None = None

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON: None for what it cannot write."""
        shapes = None if self.shapes is None else [list(shape) for shape in self.shapes]
        return _numbers_plain(self) | {"index": list(self.index), "shapes": shapes}


@dataclass(frozen=True, eq=False)
class Marking:
    """A learner's gradients, marked; truthy if there is no mistake in them.

    Attributes:
        verdict: ``"right"``, ``"right within float32"``, ``"right but for a kink"``, ``"right but for the loss's
            convention"``, ``"right in part"`` (of a function: what it gave is right, but see ``failures`` and
            ``missing``), ``"one mistake"``, ``"two mistakes"``, ``"three mistakes"`` or ``"unknown"``.
        correct: whether there is no mistake in what was given: the first five.
        mistakes: what was found, from the top of the network down; the same mistake at two layers stands there twice
            and counts as one.
        conventions: by what the learner's loss differs from this one: no mistake.
        kinks: choices at kinks that differ from the library's: no mistake.
        alternatives: other explanations, as simple as the first and with the same numbers on this input.
        equivalents: other names for the first explanation: in this network, and for the parameters given, they are
            the same computation, so no input tells them apart.
        separating_input: rows on which the alternatives differ; None if there are none.
        unseen: of right gradients, mistakes that would not show on this input; the separating input shows them.
        errors: by parameter, the largest relative error.
        right: by parameter, the right gradients.
        patterns: if unknown, what the ratios say.
        notes: what else the marker should tell.
        missing: the parameters whose gradients were not given, so they were not marked.
        failures: of a function, for which inputs it gave nothing usable, and why.
    """

    verdict: str
    correct: bool
    mistakes: tuple[Named, ...]
    conventions: tuple[Named, ...]
    kinks: tuple[Named, ...]
    alternatives: tuple[tuple[Named, ...], ...]
    equivalents: tuple[tuple[Named, ...], ...]
    separating_input: SeparatingInput | None
    unseen: tuple[str, ...]
    errors: Mapping[str, GradientError]
    right: Mapping[str, Array]
    patterns: tuple[str, ...] = ()
    notes: tuple[str, ...] = field(default=())
    missing: tuple[str, ...] = field(default=())
    failures: tuple[str, ...] = field(default=())

    @property
    def complete(self) -> bool:
        """Whether every gradient was marked, on every input."""
        return not self.missing and not self.failures

    @property
    def codes(self) -> tuple[str, ...]:
        """The mistakes' codes, each once."""
        return tuple(dict.fromkeys(mistake.code for mistake in self.mistakes))

    def __bool__(self) -> bool:
        return self.correct

    def __str__(self) -> str:
        from chainrule.marking.render import text  # noqa: PLC0415 - the record does not know its pictures

        return text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from chainrule.marking.render import html  # noqa: PLC0415 - as above

        return html(self)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "schema": "chainrule/marking",
            "version": 1,
            "verdict": self.verdict,
            "correct": self.correct,
            "mistakes": [mistake.to_dict() for mistake in self.mistakes],
            "conventions": [convention.to_dict() for convention in self.conventions],
            "kinks": [kink.to_dict() for kink in self.kinks],
            "alternatives": [[mistake.to_dict() for mistake in other] for other in self.alternatives],
            "equivalents": [[mistake.to_dict() for mistake in other] for other in self.equivalents],
            "separating_input": None if self.separating_input is None else self.separating_input.to_dict(),
            "unseen": list(self.unseen),
            "errors": {name: error.to_dict() for name, error in self.errors.items()},
            "right": {name: plain(value) for name, value in self.right.items()},
            "patterns": list(self.patterns),
            "notes": list(self.notes),
            "missing": list(self.missing),
            "failures": list(self.failures),
        }


def _numbers_plain(record: Any) -> dict[str, Any]:
    """The fields of a record, its numbers ready for JSON."""
    return {name: plain(value) if isinstance(value, float) else value for name, value in vars(record).items()}
