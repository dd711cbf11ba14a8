"""The marking as plain data: the mistakes with their evidence, the errors, and the right gradients.

How it is printed or shown in a notebook is in ``render``, which ``core/renderers.py`` finds.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from chainrule.core.arrays import Array
from chainrule.core.format import plain
from chainrule.core.renderers import renderer
from chainrule.marking.counterexample import SeparatingInput


@dataclass(frozen=True)
class Equation:
    """One line of the backward pass, as it is and as the learner wrote it.

    Attributes:
        right: the right line, as text.
        wrong: the learner's line, as text.
        right_latex: the right line in LaTeX.
        wrong_latex: the learner's line in LaTeX.
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
        agreement: the largest difference from the gradients that the mistake gives, relative to the largest number of
            each array.
        nearest: the single mistake that comes nearest without fitting, or ``"none"`` if right gradients do.
        nearest_distance: its difference, in the same measure.
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
class NamedMistake:
    """One mistake that was found, or a convention, or a choice at a kink.

    Attributes:
        code: its name in the catalogue.
        layer: the layer whose numbers are wrong first; None if it concerns all layers.
        variant: in which way it was made, such as ``"tanh'(z)"``; may be empty.
        explanation: what was done, why it is wrong, what to write instead.
        equation: the line of the backward pass that is wrong.
        quantity: the name of the first wrong quantity of the backward pass, such as ``"delta1"``; may be empty.
        yours: that quantity as the learner's code computed it.
        right: that quantity as it should be; it keeps a wrong sign or factor of all gradients, which is named on its
            own.
        confidence: why this mistake and no other.
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
        """Code, variant and layer: ``"wrong-activation-derivative (tanh'(z)) at layer 1"``."""
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
        relative: the largest error, relative to the larger of the two numbers; infinite if the shapes differ.
        index: where in the array.
        yours: the learner's number there; NaN if the shapes differ.
        right: the right number there; NaN if the shapes differ.
        shapes: the learner's shape and the right one if they differ; else None.
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
    """A learner's gradients, marked; true in a condition if there is no mistake in them.

    Attributes:
        verdict: ``"right"``, ``"right within float32"``, ``"right but for a kink"``, ``"right but for the loss's
            convention"``, ``"right in part"`` (a function whose gradients are right, but with ``failures`` or
            ``missing``), ``"one mistake"``, ``"two mistakes"``, ``"three mistakes"`` or ``"unknown"``.
        correct: whether there is no mistake in what was given: true for the first five verdicts.
        mistakes: what was found, from the top of the network down; the same mistake at two layers is listed twice and
            counts as one.
        conventions: the constant by which the learner's loss differs from this one: no mistake.
        kinks: choices at kinks that differ from the library's: no mistake.
        alternatives: other explanations, as simple as the first and with the same numbers on this input.
        equivalents: other names of the first explanation: for this network and these parameters they compute the same,
            so no input tells them apart.
        separating_input: rows on which the alternatives differ; None if there are none.
        unseen: if the gradients are right, mistakes that would not show on this input; the separating input shows them.
        errors: by parameter, the largest relative error.
        right: by parameter, the right gradients.
        patterns: if the verdict is ``"unknown"``, what the ratios of wrong to right numbers have in common.
        notes: further remarks, as sentences.
        missing: the parameters whose gradients were not given, so that they were not marked.
        failures: the inputs for which a function gave nothing usable, and why.
    """

    verdict: str
    correct: bool
    mistakes: tuple[NamedMistake, ...]
    conventions: tuple[NamedMistake, ...]
    kinks: tuple[NamedMistake, ...]
    alternatives: tuple[tuple[NamedMistake, ...], ...]
    equivalents: tuple[tuple[NamedMistake, ...], ...]
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
        """The codes of the mistakes, each once."""
        return tuple(dict.fromkeys(mistake.code for mistake in self.mistakes))

    def __bool__(self) -> bool:
        return self.correct

    def __str__(self) -> str:
        return renderer(self, "text")(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return renderer(self, "html")(self)

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
