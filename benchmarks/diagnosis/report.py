"""The tables, in Markdown: reads verdicts, runs nothing."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from statistics import median

import rivals
import truth
from cases import HEALTHY, PAIRED, SEEDS, SINGLES, Case
from faults import CODES
from judging import OURS
from score import Counts, Verdict, by_code, of_kind, summary

Verdicts = Mapping[str, Sequence[Verdict]]

METHOD = f"""Every run is drawn by a seed fixed in `cases.py` ({SEEDS["tuning"]} for the part the rules may be tuned on,
{SEEDS["held"]} for the part they are judged on): a data set, a network, a loss, an optimizer and its rate, which train
well; then a fault is planted. Of each part: {SINGLES} runs of each of the {len(CODES)} codes, {PAIRED} with two faults,
{HEALTHY} healthy ones. A run is judged by its shortfall: the share of the targets' variance that it leaves
unexplained on the training rows (for classes: the Brier score over that of the classes' shares).

*A fault is one*: the same run without it gets to what is reachable on its data, gains less than 0.03 by three times the
epochs, and its shortfall is at most half of the spoilt run's and at least 0.1 lower. Of two, each hurts by itself.
Codes that speak of a state (dead, saturated, constant, not finite, a minimum, gradients) are checked for it besides
(`cases.py`, `CONSTRUCTION`). *A run is healthy* if it gets to what is reachable, its validation loss ends at most 1.25
times above its lowest, and neither three times the epochs, three times or a third of the rate, another start, nor
standardised inputs gain 0.03. Draws that are not what they are called are thrown away and the next seed is taken.

*Recall* is the share of planted codes that are named; *precision* the share of named codes that are true, by the table
below; *false alarms* the share of healthy runs in which anything is named; *first* the share of runs with one fault
whose first finding is the planted one."""


def report(parts: Mapping[str, Verdicts], environment: Mapping[str, str]) -> str:
    """The whole file."""
    versions = ", ".join(f"{name} {version}" for name, version in environment.items())
    sections = ["# Diagnosis beside other tools", f"By `python benchmarks/diagnosis`, with {versions}.", METHOD]
    for part, verdicts in parts.items():
        sections += [f"## The {part} part", summary_table(verdicts), times_line(verdicts[OURS])]
        sections += ["### By code: recall (precision)", codes_table(verdicts)]
    sections += ["## Draws that were thrown away", rejections([v.case for vs in parts.values() for v in vs[OURS]])]
    sections += ["## What else is true", truth_table(), "## The rules of the other tools", _table_of(rivals.__doc__)]
    return "\n\n".join(sections) + "\n"


def summary_table(verdicts: Verdicts) -> str:
    """A tool a row."""
    rows = [(tool, *(percent(value) for value in summary(said).values())) for tool, said in verdicts.items()]
    names = list(summary(verdicts[OURS]))
    return table(("", *names), rows)


def times_line(said: Sequence[Verdict]) -> str:
    """How long a diagnosis takes."""
    seconds = sorted(verdict.seconds for verdict in said)
    ninth = seconds[int(0.9 * (len(seconds) - 1))]
    failed = sum(bool(verdict.failed) for verdict in said)
    return (
        f"{len(seconds)} diagnoses with proofs: median {median(seconds):.2f} s, nine of ten below {ninth:.2f} s, "
        f"longest {seconds[-1]:.2f} s; {failed} ended with an error."
    )


def codes_table(verdicts: Verdicts) -> str:
    """A code a row, a tool a column."""
    scores = {tool: by_code(said) for tool, said in verdicts.items()}
    rows = []
    for code in (*CODES, "all"):
        mine = scores[OURS][code]
        first = f"{mine.first}/{mine.singles}"
        rows.append((code, mine.planted, first, *(_cell(scores[tool][code]) for tool in verdicts)))
    return table(("code", "planted", "first (ours)", *verdicts), rows)


def _cell(counts: Counts) -> str:
    return f"{percent(counts.recall)} ({percent(counts.precision)})"


def rejections(cases: Sequence[Case]) -> str:
    """By code, how many draws it took and why others were not taken."""
    found: dict[str, Counter[str]] = {}
    for case in cases:
        name = case.name if case.kind == "single" else {"pair": "two faults", "healthy": "healthy"}[case.kind]
        counts = found.setdefault(name, Counter())
        counts["taken"] += 1
        counts.update(case.rejected)
    reasons = sorted({reason for counts in found.values() for reason in counts} - {"taken"})
    total = Counter[str]()
    for counts in found.values():
        total.update(counts)
    rows = [(name, counts["taken"], *(counts[reason] or "" for reason in reasons)) for name, counts in found.items()]
    rows.append(("all", total["taken"], *(total[reason] for reason in reasons)))
    return table(("", "taken", *reasons), rows)


def truth_table() -> str:
    """Which codes are true beside a planted one, and on what it depends."""
    rows = [
        (code, ", ".join(f"{other} ({fact})" for other, fact in also.items()) or "-")
        for code, also in truth.ALSO_TRUE.items()
    ]
    return table(("planted", "also true (if)"), rows) + "\n\n" + _table_of(truth.__doc__)


def misses(verdicts: Verdicts) -> str:
    """What went wrong on the tuning part, run by run: for whoever writes the rules."""
    said = verdicts[OURS]
    lines = [summary_table(verdicts), times_line(said), codes_table(verdicts), "", "## Misses"]
    for verdict in said:
        case = verdict.case
        wrong = [code for code in verdict.named if code not in case.true]
        missed = [code for code in case.planted if code not in verdict.named]
        late = case.kind == "single" and not missed and verdict.named[:1] != case.planted
        if not (wrong or missed or late or verdict.failed):
            continue
        what = [f"MISSED {', '.join(missed)}"] if missed else []
        what += [f"WRONG {', '.join(wrong)}"] if wrong else []
        what += ["NOT FIRST"] if late else []
        what += [f"ERROR {verdict.failed}"] if verdict.failed else []
        lines.append(
            f"- `{case.key}` {'; '.join(what)}. Named: {list(verdict.named)}. Looked at: {list(verdict.aside)}. "
            f"Also true: {sorted(case.true - set(case.planted))}. Shortfall {case.shortfall:.3g}, without the fault "
            f"{case.control:.3g}. {case.setup().description()}"
        )
    return "\n".join(lines) + "\n"


def confusion(said: Sequence[Verdict]) -> dict[str, dict[str, int]]:
    """By planted code (single faults), what was named first."""
    found: dict[str, Counter[str]] = {}
    for verdict in of_kind(said, "single"):
        found.setdefault(verdict.case.name, Counter())[verdict.named[0] if verdict.named else "(healthy)"] += 1
    return {code: dict(counts.most_common()) for code, counts in found.items()}


def percent(share: float | None) -> str:
    """Without decimals, but never rounded up to 100."""
    if share is None:
        return "-"
    return f"{min(100 * share, 99.9 if share < 1 else 100):.3g} %"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)


def _table_of(text: str | None) -> str:
    """The table in a module's docstring, with what follows it."""
    found = re.search(r"^\|.*", text or "", flags=re.DOTALL | re.MULTILINE)
    return found.group(0).strip() if found else ""
