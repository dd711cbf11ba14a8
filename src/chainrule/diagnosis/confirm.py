"""From suspicions to findings: re-runs decide which are causes, and which are explained by a cause.

Of remedies that gain about the same, the one whose suspicion comes first by ``order`` is the cause. With it applied the
run is measured again, and what is then still suspected is a cause of its own only if its remedy still gains. If no
suspicion is confirmed alone, pairs are tried together.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.reruns import NOTHING_LEFT, USELESS, Rerunner, Trial
from chainrule.diagnosis.result import Finding, Rerun
from chainrule.diagnosis.rule import Rule, Suspicion
from chainrule.diagnosis.runs import train_with_snapshots

ABOUT_THE_SAME = 0.75
"""A remedy with at least this share of the best gain explains about the same."""

RULE_OF_THUMB = 0.6
"""Weight of the gain of a suspicion that is only a rule of thumb."""

MOST_CAUSES = 3

CLEAR_GAIN, CLEAR_FACTOR = 0.1, 0.5
"""``least`` and ``factor`` of a suspicion behind a cause that is already found, unless it sets its own."""

MOST_PAIRS = 6
"""Pairs of suspicions that are tried together."""

CERTAINTIES = {"structural": 0, "exact": 1, "rule of thumb": 2}
"""The most certain first."""


@dataclass(frozen=True, eq=False)
class Judged:
    """A trial, the measurements it started from, and what was decided: "cause", or why it is none."""

    trial: Trial
    measurements: Measurements
    verdict: str


def suspicions(measurements: Measurements, rules: Sequence[Rule]) -> list[Suspicion]:
    """What the rules suspect of a run."""
    with np.errstate(all="ignore"):
        found = [rule(measurements) for rule in rules]
    return [suspicion for suspicion in found if suspicion is not None]


def suspected(measurements: Measurements, rules: Sequence[Rule]) -> list[Finding]:
    """The suspicions as findings without proof, the most certain first."""
    found = sorted(suspicions(measurements, rules), key=lambda s: (CERTAINTIES[s.certainty], s.order))
    return [
        Finding(
            s.code, s.severity, s.certainty, s.evidence, s.explanation, s.remedies[0] if s.remedies else None, None,
            measurements.case, "suspected",
        )
        for s in found
    ]  # fmt: skip


def confirm(
    measurements: Measurements, rules: Sequence[Rule], rerunner: Rerunner
) -> tuple[list[Finding], list[Finding]]:
    """Test the suspicions.

    Returns:
        The causes, those that explain most first; and the suspicions that are ruled out.
    """
    first = suspicions(measurements, rules)
    trials = rerunner.trials(first, measurements)
    ruled_out = {t.suspicion.code: Judged(t, measurements, _why_not(t)) for t in trials}
    if any(trial.confirmed for trial in trials):
        causes = _causes(trials, first, measurements, rules, rerunner, ruled_out)
    else:
        causes = _pair(trials, measurements, rerunner)
    for cause in causes:
        ruled_out.pop(cause.trial.suspicion.code, None)
    ends = [cause.trial.best.remaining_loss for cause in causes if cause.trial.best is not None]
    gap = max(min(measurements.remaining_loss, USELESS) - min(ends, default=0.0), 1e-300)
    findings = [_finding(cause, gap) for cause in causes]
    findings.sort(key=lambda finding: -finding.proof.share if finding.proof else 0.0)
    return findings, [_finding(judged, gap) for judged in ruled_out.values()]


def _causes(
    trials: Sequence[Trial],
    first: Sequence[Suspicion],
    measurements: Measurements,
    rules: Sequence[Rule],
    rerunner: Rerunner,
    ruled_out: dict[str, Judged],
) -> list[Judged]:
    """Causes one behind the other, each found in the run with those before it repaired; the others are noted."""
    codes = {suspicion.code for suspicion in first}
    causes: list[Judged] = []
    here = measurements
    confirmed = [trial for trial in trials if trial.confirmed]
    while confirmed and len(causes) < MOST_CAUSES:
        cause = _root(confirmed)
        causes.append(Judged(cause, here, "cause"))
        for trial in confirmed:
            former = ruled_out.get(trial.suspicion.code, Judged(trial, here, ""))
            ruled_out[trial.suspicion.code] = replace(former, verdict=f"explained by {cause.suspicion.code}")
        assert cause.best is not None
        if cause.best.remaining_loss < NOTHING_LEFT:
            break
        here = Measurements(train_with_snapshots(cause.best.run.case), rerunner.score)
        named = {judged.trial.suspicion.code for judged in causes}
        behind = [
            _strict(s)
            for s in suspicions(here, rules)
            if s.code not in named and _may_follow(s, codes, cause.suspicion)
        ]
        confirmed = [trial for trial in rerunner.trials(behind, here) if trial.confirmed]
    return causes


def _may_follow(suspicion: Suspicion, codes: set[str], cause: Suspicion) -> bool:
    """Whether it may be a cause behind another; ``codes`` are those that were suspected of the run as it was made."""
    if suspicion.follows == "always":
        return True
    return suspicion.follows != "never" and suspicion.code in codes and cause.follows == "always"


def _strict(suspicion: Suspicion) -> Suspicion:
    """Behind another cause it must make a clear difference, unless it has limits of its own."""
    own = (suspicion.least, suspicion.factor) != (Suspicion.least, Suspicion.factor)
    return suspicion if own else replace(suspicion, least=CLEAR_GAIN, factor=CLEAR_FACTOR)


def _pair(trials: Sequence[Trial], measurements: Measurements, rerunner: Rerunner) -> list[Judged]:
    """Two causes of which neither helps alone: both repaired must gain what neither does by itself."""
    for tried, (one, other) in enumerate(_pairs(trials)):
        if tried == MOST_PAIRS:
            break
        assert one.best is not None
        here = Measurements(train_with_snapshots(one.best.run.case), rerunner.score)
        both = rerunner.trial(other.suspicion, here)
        if both.best is None or not both.confirmed:
            continue
        alone = [measurements.remaining_loss, *(t.best.remaining_loss for t in (one, other) if t.best is not None)]
        after, before = both.best.remaining_loss, min(alone)
        suspicion = both.suspicion
        if after <= suspicion.factor * min(before, USELESS) and after <= before - suspicion.least:
            return [Judged(one, measurements, "cause"), Judged(both, here, "cause")]
    return []


def _pairs(trials: Sequence[Trial]) -> Iterator[tuple[Trial, Trial]]:
    """Pairs of trials worth trying together, by ``order``."""
    joining = [trial for trial in trials if trial.best is not None and _joins(trial.suspicion)]
    joining.sort(key=lambda trial: trial.suspicion.order)
    for k, one in enumerate(joining):
        for other in joining[k + 1 :]:
            yield one, other


def _joins(s: Suspicion) -> bool:
    return (s.certainty != "rule of thumb" or s.severity == "error" or s.joins) and s.severity != "note"


def _root(confirmed: Sequence[Trial]) -> Trial:
    """Of those that gain about as much as the best, the first by ``order``."""
    most = max(_weighted_gain(trial) for trial in confirmed)
    close = [trial for trial in confirmed if _weighted_gain(trial) >= ABOUT_THE_SAME * most]
    return min(close, key=lambda t: (t.suspicion.order, -t.gain))


def _weighted_gain(trial: Trial) -> float:
    """The gain; a rule of thumb's counts less, as more epochs or more units help most runs a little."""
    s = trial.suspicion
    thumb = s.certainty == "rule of thumb" and s.severity != "error"
    return trial.gain * s.worth * (RULE_OF_THUMB if thumb else 1.0)


def _why_not(trial: Trial) -> str:
    if trial.dismissed:
        return trial.dismissed
    if trial.best is None:
        return "not the cause: no change of the call could be tried"
    if trial.gain <= 0:
        return "not the cause: with it repaired the run ends no better"
    return "not the cause: with it repaired the run ends hardly better"


def _finding(judged: Judged, gap: float) -> Finding:
    """``gap``: by how much all causes together lower the remaining loss."""
    trial, measurements = judged.trial, judged.measurements
    s = trial.suspicion
    proof = None
    if trial.best is not None:
        rows = s.judged_by
        histories = (measurements.training.history, trial.best.run.history)
        curves = [h.validation_loss if rows == "validation" else h.loss for h in histories]
        proof = Rerun(
            changed=trial.best.remedy.text, baseline=curves[0], remedied=curves[1], before=trial.before,
            after=trial.best.remaining_loss,
            unit=f"{rows} rows, share of {measurements.score.reference(rows).unit}",
            share=min(trial.gain / gap, 1.0), confirmed=trial.confirmed, seed=measurements.case.settings.seed,
        )  # fmt: skip
    remedy = trial.best.remedy if trial.best is not None else s.remedies[0] if s.remedies else None
    return Finding(
        s.code, s.severity, s.certainty, s.evidence, s.explanation, remedy, proof, measurements.case, judged.verdict
    )
