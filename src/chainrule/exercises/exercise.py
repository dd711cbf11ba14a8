"""What an exercise is: a question, perhaps with answers to choose from, and its worked answer."""

from dataclasses import dataclass, field
from typing import Any

LETTERS = "abcdefgh"


@dataclass(frozen=True)
class Choice:
    """One answer to choose from.

    Attributes:
        text: the answer.
        right: whether it is the right one.
        why: what leads to it; of a wrong one the mistake that gives it.
        mistake: that mistake's code in the catalogue of ``chainrule.verify``; empty if it has none.
    """

    text: str
    right: bool
    why: str = ""
    mistake: str = ""


@dataclass(frozen=True)
class Exercise:
    """One question about a network.

    Attributes:
        kind: such as ``"delta"``; see ``KINDS`` in ``chainrule.exercises.drawing``.
        title: its heading.
        question: in Markdown.
        answer: in Markdown, short.
        working: how it is worked out, line by line, as text.
        value: the number asked for; None where none is.
        choices: the answers to choose from; none where the answer is to be found.
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
        """The answer, what is behind each choice, and how it is worked out."""
        parts = [self.answer]
        told = [
            f"- ({letter}) {choice.text}{' is right' if choice.right else ''}{': ' + choice.why if choice.why else ''}"
            for letter, choice in zip(LETTERS, self.choices, strict=False)
        ]
        if told:
            parts.append("\n".join(told))
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
