"""From what was named and what is true to precision, recall, false alarms and first findings."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from cases import Case
from faults import CODES


@dataclass(frozen=True)
class Verdict:
    """What one tool said of one case.

    Attributes:
        case: which.
        named: codes in the tool's order.
        seconds: that it took; 0 where it was not timed.
        aside: codes that it looked at and dismissed.
        failed: the error, if it raised one.
    """

    case: Case
    named: tuple[str, ...]
    seconds: float = 0.0
    aside: tuple[str, ...] = ()
    failed: str = ""


@dataclass(frozen=True)
class Counts:
    """Of one code, or of all.

    Attributes:
        planted: runs in which it was planted.
        found: of them, those in which it was named.
        first: of single faults, those in which it was named first.
        singles: how many those are.
        named: runs in which it was named.
        right: of them, those in which it is true.
    """

    planted: int
    found: int
    first: int
    singles: int
    named: int
    right: int

    @property
    def recall(self) -> float | None:
        """Of planted faults, the share that was named."""
        return self.found / self.planted if self.planted else None

    @property
    def precision(self) -> float | None:
        """Of named codes, the share that is true."""
        return self.right / self.named if self.named else None


def by_code(verdicts: Sequence[Verdict]) -> dict[str, Counts]:
    """For each code, and ``"all"``."""
    rows = {code: count(verdicts, [code]) for code in CODES}
    return rows | {"all": count(verdicts, CODES)}


def count(verdicts: Iterable[Verdict], codes: Iterable[str]) -> Counts:
    """Over the runs, what concerns these codes."""
    totals = dict.fromkeys(("planted", "found", "first", "singles", "named", "right"), 0)
    wanted = set(codes)
    for verdict in verdicts:
        planted, named = wanted & set(verdict.case.planted), wanted & set(verdict.named)
        totals["planted"] += len(planted)
        totals["found"] += len(planted & named)
        totals["named"] += len(named)
        totals["right"] += len(named & verdict.case.true)
        if verdict.case.kind == "single" and planted:
            totals["singles"] += 1
            totals["first"] += verdict.named[:1] == verdict.case.planted
    return Counts(**totals)


def of_kind(verdicts: Iterable[Verdict], kind: str) -> list[Verdict]:
    """Those of single faults, pairs, or healthy runs."""
    return [verdict for verdict in verdicts if verdict.case.kind == kind]


def summary(verdicts: Sequence[Verdict]) -> dict[str, float | None]:
    """The numbers that the goals are set for."""
    total = count(verdicts, CODES)
    single, pair, healthy = (of_kind(verdicts, kind) for kind in ("single", "pair", "healthy"))
    return {
        "recall": total.recall,
        "precision": total.precision,
        "false alarms": _share([bool(v.named) for v in healthy]),
        "first": _share([v.named[:1] == v.case.planted for v in single]),
        "first is true": _share([bool(v.named) and v.named[0] in v.case.true for v in single + pair]),
        "recall of single faults": count(single, CODES).recall,
        "recall of two faults": count(pair, CODES).recall,
        "both of two": _share([set(v.case.planted) <= set(v.named) for v in pair]),
    }


def _share(held: Sequence[bool]) -> float | None:
    return sum(held) / len(held) if held else None
