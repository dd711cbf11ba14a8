"""What a gradient check found: each gradient, its finite difference, and a verdict."""

from dataclasses import asdict, dataclass
from typing import Any

from chainrule.core.format import html_table, number, plain, text_table

_HEADER = ["parameter", "gradient", "difference", "relative error", "verdict"]


@dataclass(frozen=True)
class Checked:
    """One parameter's gradient beside its difference.

    Attributes:
        name: such as ``"W1"``.
        index: which number of it, such as ``(0, 1)``; ``()`` for a shared bias.
        gradient: by backpropagation.
        difference: by finite differences; on a kink the nearer side's.
        error: relative: the distance over the larger of both, or over the scale below which rounding hides them.
        verdict: ``"right"``, ``"kink"`` or ``"wrong"``.
    """

    name: str
    index: tuple[int, ...]
    gradient: float
    difference: float
    error: float
    verdict: str

    @property
    def label(self) -> str:
        """``"W1[0, 1]"``."""
        return f"{self.name}[{', '.join(map(str, self.index))}]" if self.index else self.name


@dataclass(frozen=True)
class GradientCheck:
    """The report of a gradient check: truthy if every gradient is right (or on a kink).

    Attributes:
        entries: every parameter, in the order of ``parameters.vector``.
    """

    entries: tuple[Checked, ...]

    @property
    def passed(self) -> bool:
        """Whether no gradient is wrong."""
        return not self.wrong

    def __bool__(self) -> bool:
        return self.passed

    @property
    def wrong(self) -> tuple[Checked, ...]:
        """The gradients that differ, the largest error first."""
        return tuple(sorted((e for e in self.entries if e.verdict == "wrong"), key=lambda e: -e.error))

    @property
    def kinks(self) -> tuple[Checked, ...]:
        """The gradients taken on a kink, where both sides' are as good."""
        return tuple(e for e in self.entries if e.verdict == "kink")

    @property
    def largest_error(self) -> float:
        """The largest relative error away from kinks; 0 if there is none."""
        return max((e.error for e in self.entries if e.verdict != "kink"), default=0.0)

    def _rows(self) -> list[list[str]]:
        by_interest = [*self.wrong, *self.kinks, *sorted(self.entries, key=lambda e: -e.error)]
        rows = list(dict.fromkeys(by_interest))[: max(5, len(self.wrong))]
        return [
            [e.label, number(e.gradient, 10), number(e.difference, 10), number(e.error, 2), e.verdict] for e in rows
        ]

    def __str__(self) -> str:
        counts = f"{len(self.entries)} gradients checked, {len(self.wrong)} wrong, {len(self.kinks)} on a kink"
        return f"{counts}, largest relative error {number(self.largest_error, 2)}\n" + text_table(_HEADER, self._rows())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(_HEADER, self._rows(), caption=str(self).splitlines()[0])

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "schema": "chainrule/gradient-check",
            "version": 1,
            "passed": self.passed,
            "entries": [
                asdict(e) | {name: plain(getattr(e, name)) for name in ("index", "gradient", "difference", "error")}
                for e in self.entries
            ],
        }
