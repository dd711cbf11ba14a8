"""Ratios, and whether the goals are met: reads measurements, measures nothing."""

from collections.abc import Sequence
from statistics import median

from contestants import CONTESTANTS
from records import Entry, Goal, Judgement, Measurement, Row, Work

SECONDS = {
    ("predict", "1 row, from Python"): 20e-6,
    ("predict", "1 row, inside a compiled call"): 5e-6,
    ("start", "2-2-1, 1000 epochs"): 0.7,
    ("start", "784-128-10, 9984 rows, 50 epochs"): 2.0,
    ("start", "every kernel, nothing cached"): 20.0,
}
"""Goals in seconds, by work and what was done."""


def ratios(entry: Entry, ours: Entry) -> list[float]:
    """Their time over ours, round by round: what slows a whole round down cancels."""
    return [theirs / mine for theirs, mine in zip(entry.seconds, ours.seconds, strict=True)]


def entry_of(measurement: Measurement, contestant: str) -> Entry | None:
    """A contestant's part, if it took part."""
    return next((entry for entry in measurement.entries if entry.contestant == contestant and entry.seconds), None)


def judge_race(work: Work, measurement: Measurement) -> list[Judgement]:
    """Each goal of the work at this thread count."""
    goals = [goal for goal in work.goals if measurement.threads in (goal.threads or work.threads)]
    return [_judge(work, measurement, goal) for goal in goals]


def _judge(work: Work, measurement: Measurement, goal: Goal) -> Judgement:
    theirs, ours = entry_of(measurement, goal.against), entry_of(measurement, goal.measured)
    label, mine = CONTESTANTS[goal.against].label, CONTESTANTS[goal.measured].label
    wish = (
        f"at least {goal.at_least:g} x as fast as {label}" if goal.at_least else f"at most {goal.at_most:g} x {label}"
    )
    judgement = Judgement(work.name, measurement.threads, f"{mine}: {wish}", None, "not measured", None)
    if theirs is None or ours is None:
        return judgement
    ratio = median(ratios(theirs, ours))
    judgement.found = ratio if goal.at_least else 1 / ratio
    judgement.met = judgement.found >= goal.at_least if goal.at_least else judgement.found <= goal.at_most
    judgement.text = f"{judgement.found:.3g} x"
    floor = entry_of(measurement, "floor")
    if floor is not None and not judgement.met:
        allowed = median(theirs.seconds) / goal.at_least if goal.at_least else goal.at_most * median(theirs.seconds)
        if allowed < median(floor.seconds):
            judgement.text += "; out of reach here: the multiply-adds alone take longer"
    return judgement


def judge_rows(rows: Sequence[Row]) -> list[Judgement]:
    """Goals in seconds, and that a million rows are predicted no slower than by torch."""
    found = []
    for row in rows:
        limit = SECONDS.get((row.work, row.what))
        if row.contestant == "chainrule" and limit is not None:
            found.append(_within(row, limit))
    many = {(row.contestant, row.threads): row for row in rows if row.what.startswith("1,000,000")}
    for (contestant, threads), row in many.items():
        theirs = many.get(("torch", threads))
        if contestant == "chainrule" and row.values and theirs and theirs.values:
            ratio = median(theirs.values) / median(row.values)
            text, wish = f"{ratio:.3g} x", f"{row.what}: at least as fast as {CONTESTANTS['torch'].label}"
            found.append(Judgement(row.work, threads, wish, ratio, text, ratio >= 1))
    return found


def _within(row: Row, limit: float) -> Judgement:
    goal = f"{row.what}: under {limit * 1e6:g} us" if limit < 1e-3 else f"{row.what}: under {limit:g} s"
    if not row.values:
        return Judgement(row.work, row.threads, goal, None, row.missing, None)
    seconds = median(row.values)
    text = f"{seconds * 1e6:.3g} us" if limit < 1e-3 else f"{seconds:.3g} s"
    return Judgement(row.work, row.threads, goal, seconds, text, seconds < limit)


def slope(sizes: Sequence[int], seconds: Sequence[float]) -> float:
    """Of the logarithm of time by that of size, by least squares over the upper half: 1 is linear.

    Below, what a call costs by itself flattens the line.
    """
    import numpy as np

    half = len(sizes) // 2
    return float(np.polyfit(np.log(sizes[half:]), np.log(seconds[half:]), 1)[0])
