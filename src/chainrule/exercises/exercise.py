"""An exercise: a question, perhaps with answers to choose from, and its worked answer."""

from dataclasses import dataclass, field
from typing import Any

LETTERS = "abcdefgh"
"""The labels of the choices."""


@dataclass(frozen=True)
class Choice:
    """One answer to choose from.

    Attributes:
        text: the answer.
        right: whether it is the right one.
        why: how one arrives at it; for a wrong answer, the mistake that leads to it.
        mistake: that mistake's code in the catalogue of ``chainrule.marking``; empty if it has none.
    """

    text: str
    right: bool
    why: str = ""
    mistake: str = ""


@dataclass(frozen=True)
class Exercise:
    """One question about a network.

    Attributes:
        kind: the name of its kind, such as ``"delta"`` (``KINDS`` in ``chainrule.exercises.drawing`` lists them).
        title: its heading.
        question: the question, in Markdown.
        answer: the answer in short, in Markdown.
        working: how the answer is worked out, line by line, as plain text.
        value: the number asked for; None if the answer is not a number.
        choices: the answers to choose from; empty if it is not multiple choice.
    """

    kind: str
    title: str
    question: str
    answer: str
    working: tuple[str, ...]
    value: float | None = None
    choices: tuple[Choice, ...] = field(default=())

    def question_markdown(self) -> str:
        """The question with its choices."""
        listed = [f"- ({letter}) {choice.text}" for letter, choice in zip(LETTERS, self.choices, strict=False)]
        return "\n".join([self.question, *([""] if listed else []), *listed])

    def answer_markdown(self) -> str:
        """The answer, the reason for each choice, and the working."""
        parts = [self.answer]
        reasons = [
            f"- ({letter}) {choice.text}{' is right' if choice.right else ''}{': ' + choice.why if choice.why else ''}"
            for letter, choice in zip(LETTERS, self.choices, strict=False)
        ]
        if reasons:
            parts.append("\n".join(reasons))
        if self.working:
            parts.append("\n".join(["```text", *self.working, "```"]))
        return "\n\n".join(parts)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "kind": self.kind,
            "title": self.title,
            "question": self.question,
            "answer": self.answer,
            "working": list(self.working),
            "value": self.value,
            "choices": [vars(choice) for choice in self.choices],
        }
