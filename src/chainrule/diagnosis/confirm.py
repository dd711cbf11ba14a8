"""Re-runs from the same seed with one change alone, and what follows from them: causes told from bystanders.

A suspicion is confirmed if its change closes enough of what the run left. Of changes that close about the same, the one
nearest to the root is the cause; the others are looked at once more with that repaired, and are causes of their own
only if they still close something.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from chainrule.diagnosis.case import Case
from chainrule.diagnosis.measurements import Readings
from chainrule.diagnosis.result import Finding, Proof, Remedy, Rule, Suspicion
from chainrule.diagnosis.runs import Ran, observed, run
from chainrule.diagnosis.score import LOST, Yardstick
from chainrule.engine.dispatch import COSTS, compiled_cost
from chainrule.errors import InputError
from chainrule.training import split

ABOUT_THE_SAME = 0.75
"""A change that gains so much of the best change's gain explains about the same."""

THUMB = 0.6
"""How much a gain counts that a rule of thumb found, beside what is certain."""

MOST_CAUSES = 3

ENOUGH = 0.15
"""A remedy that leaves so small a part of what was left needs no better one."""

SPARED_FROM = 0.5
"""Seconds of a run, by the engine's cost model, from which runs that can change nothing are spared."""

CLEAR_GAIN, CLEAR_FACTOR = 0.1, 0.5
"""What a cause must gain behind another that is mended already."""

ONLY_AT_FIRST = ("too-early-stop", "learning-rate-too-small", "underfitting", "local-minimum", "overfitting")
"""Codes that are no second cause unless they were suspected of the run as it was made."""

MUST_HOLD = ("too-early-stop", "underfitting", "learning-rate-too-small")
"""Codes whose remedy must help on rows set aside too."""

ASIDE, FEWEST_TO_PART = 0.25, 80
"""The share of rows to set aside, and the fewest rows of which some can be."""

MOST_PAIRS = 6
"""Of suspicions that are tried together where none helps alone."""

USELESS = 1.2
"""A run that leaves more is as useless as any other that is worse than a constant answer."""

NOTHING_LEFT = 0.02
"""A run that leaves less has nothing more to explain."""


@dataclass(frozen=True, eq=False)
class Tried:
    """A remedy with its run and what that left."""

    remedy: Remedy
    ran: Ran
    left: float


@dataclass(frozen=True, eq=False)
class Trial:
    """A suspicion with the best of its remedies' runs."""

    suspicion: Suspicion
    before: float
    best: Tried | None
    spared: str = ""

    @property
    def gain(self) -> float:
        """What the best remedy gains; 0 without one."""
        return 0.0 if self.best is None else max(min(self.before, USELESS) - min(self.best.left, USELESS), 0.0)

    @property
    def confirmed(self) -> bool:
        """Whether that is enough for a cause."""
        s = self.suspicion
        return (
            not self.spared
            and self.best is not None
            and self.gain >= s.least
            and self.best.left <= s.factor * min(self.before, USELESS)
        )


def suspicions(readings: Readings, rules: Sequence[Rule]) -> list[Suspicion]:
    """What the rules hold against a run."""
    with np.errstate(all="ignore"):
        found = [rule(readings) for rule in rules]
    return [suspicion for suspicion in found if suspicion is not None]


class Prover:
    """Makes the re-runs of one diagnosis and remembers them; ``tick`` is called after each."""

    def __init__(self, yard: Yardstick, tick: Callable[[], None]) -> None:
        self.yard, self.tick = yard, tick

    def trials(self, held: Sequence[Suspicion], readings: Readings) -> list[Trial]:
        """A trial of each suspicion, those nearest to the root first.

        Once one has been confirmed that leaves next to nothing, the others could only explain the same: dear runs are
        then spared, by a model of their cost and never by the clock.
        """
        done: list[Trial] = []
        explained = ""
        dear = seconds(readings.case) > SPARED_FROM
        for suspicion in sorted(held, key=lambda s: s.order):
            if explained and dear:
                done.append(Trial(suspicion, before_of(suspicion, readings), None, f"explained by {explained}"))
                continue
            trial = self.trial(suspicion, readings)
            done.append(trial)
            best = trial.best
            if (
                trial.confirmed
                and best is not None
                and best.left < max(ENOUGH * min(trial.before, USELESS), NOTHING_LEFT)
            ):
                explained = explained or suspicion.code
        return done

    def trial(self, suspicion: Suspicion, readings: Readings) -> Trial:
        """Run each remedy; the best counts. It ends early where next to nothing is left."""
        before = before_of(suspicion, readings)
        if before < suspicion.least:
            return Trial(suspicion, before, None, f"not the cause: the run leaves only {before:.1%}, nothing to gain")
        best: Tried | None = None
        for remedy in suspicion.remedies:
            try:
                case = remedy.change(readings.case)
                ran = run(case)
            except InputError:
                continue
            finally:
                self.tick()
            tried = Tried(remedy, ran, self.left(suspicion, case, ran))
            if best is None or tried.left < best.left:
                best = tried
            if best.left < ENOUGH * min(before, USELESS):
                break
        trial = Trial(suspicion, before, best)
        if (
            trial.confirmed
            and suspicion.code in MUST_HOLD
            and suspicion.severity != "error"
            and not self.holds(trial, readings)
        ):
            return replace(trial, spared="not the cause: the training rows gain by it, rows set aside do not")
        return trial

    def holds(self, trial: Trial, readings: Readings) -> bool:
        """Whether rows that are set aside gain too: more epochs and units always fit the training rows better.

        They are the validation rows if there are any; else a quarter of the rows, and both runs are made on the rest.
        """
        assert trial.best is not None
        case, remedy = readings.case, trial.best.remedy
        if case.held is not None:
            before, after = (self.yard.left_of_held(ran.case, ran.kept) for ran in (readings.ran, trial.best.ran))
        elif case.rows < FEWEST_TO_PART or case.data.weights is not None:
            return True
        else:
            kept, aside = split(case.data, ASIDE, case.settings.seed)
            part = replace(case, data=kept, original_t=None, changes=())
            if case.original_t is not None:
                return True
            lefts = []
            for one in (part, remedy.change(part)):
                ran = run(one)
                self.tick()
                lefts.append(LOST if ran.error is not None else self.yard.left(one, ran.kept, aside, aside.t))
            before, after = lefts
        return after < min(before, USELESS) - 0.5 * trial.suspicion.least

    def left(self, suspicion: Suspicion, case: Case, ran: Ran) -> float:
        """What a run left, by what the suspicion is judged by."""
        if ran.error is not None:
            return 10.0
        if suspicion.judged_by == "validation":
            return self.yard.left_of_held(case, ran.kept)
        return self.yard.left(case, ran.kept)


def seconds(case: Case) -> float:
    """What a run costs, about."""
    compiled = case.settings.engine == "compiled"
    cost = compiled_cost(case.chain, case.settings.rule) if compiled else COSTS["reference"]
    return cost.training(case.chain, case.rows, case.batch_size, case.settings.epochs) - cost.start


def before_of(suspicion: Suspicion, readings: Readings) -> float:
    """What the run itself left."""
    return readings.left_of_held if suspicion.judged_by == "validation" else readings.left


def prove(readings: Readings, rules: Sequence[Rule], prover: Prover) -> tuple[list[Finding], list[Finding]]:
    """(causes in the order in which they explain most, what was looked at and is not a cause)."""
    held = suspicions(readings, rules)
    codes = {suspicion.code for suspicion in held}
    trials = prover.trials(held, readings)
    aside = {t.suspicion.code: (t, readings, _why_not(t)) for t in trials}
    confirmed = [trial for trial in trials if trial.confirmed]
    causes: list[tuple[Trial, Readings]] = []
    if not confirmed:
        causes = together(trials, readings, prover)
    here = readings
    while confirmed and len(causes) < MOST_CAUSES:
        cause = _root(confirmed)
        causes.append((cause, here))
        for trial in confirmed:
            former = aside.get(trial.suspicion.code, (trial, here, ""))
            aside[trial.suspicion.code] = (former[0], former[1], f"explained by {cause.suspicion.code}")
        assert cause.best is not None
        if cause.best.left < NOTHING_LEFT:
            break
        here = Readings(observed(cause.best.ran.case), prover.yard)
        named = {trial.suspicion.code for trial, _ in causes}
        left = [
            _strict(s)
            for s in suspicions(here, rules)
            if s.code not in named and _may_follow(s, codes, cause.suspicion.code)
        ]
        confirmed = [trial for trial in prover.trials(left, here) if trial.confirmed]
    for cause, _ in causes:
        aside.pop(cause.suspicion.code, None)
    ends = [trial.best.left for trial, _ in causes if trial.best is not None]
    whole = max(min(readings.left, USELESS) - min(ends, default=0.0), 1e-300)
    findings = [_finding(trial, at, "cause", whole) for trial, at in causes]
    findings.sort(key=lambda finding: -finding.proof.share if finding.proof else 0.0)
    return findings, [_finding(trial, at, why, whole) for trial, at, why in aside.values()]


def _may_follow(suspicion: Suspicion, known: set[str], first: str) -> bool:
    """Whether it may be a cause behind another: that more epochs or units would help the mended run says nothing."""
    if suspicion.code not in ONLY_AT_FIRST:
        return True
    short = suspicion.code != "too-early-stop" or suspicion.severity == "error"
    return suspicion.code in known and first not in ONLY_AT_FIRST and short


def _strict(suspicion: Suspicion) -> Suspicion:
    """Behind another cause it must make a clear difference, half of what is left, unless it has measures of its own."""
    own = (suspicion.least, suspicion.factor) != (Suspicion.least, Suspicion.factor)
    return suspicion if own else replace(suspicion, least=CLEAR_GAIN, factor=CLEAR_FACTOR)


def together(trials: Sequence[Trial], readings: Readings, prover: Prover) -> list[tuple[Trial, Readings]]:
    """Two causes of which neither helps alone: both repaired must gain what each by itself does not."""
    sure = [
        t
        for t in trials
        if t.best is not None
        and (t.suspicion.certainty != "rule of thumb" or t.suspicion.severity == "error" or "rate" in t.suspicion.code)
        and t.suspicion.severity != "note"
    ]
    sure.sort(key=lambda t: t.suspicion.order)
    tried = 0
    for k, one in enumerate(sure):
        assert one.best is not None
        for other in sure[k + 1 :]:
            if tried == MOST_PAIRS:
                return []
            tried += 1
            here = Readings(observed(one.best.ran.case), prover.yard)
            again = prover.trial(other.suspicion, here)
            if again.best is None or not again.confirmed:
                continue
            least = min(readings.left, one.best.left, other.best.left if other.best else np.inf)
            if (
                again.best.left <= again.suspicion.factor * min(least, USELESS)
                and again.best.left <= least - again.suspicion.least
            ):
                return [(one, readings), (again, here)]
    return []


def _root(confirmed: Sequence[Trial]) -> Trial:
    """Of those that gain about as much as the best, the nearest to the root."""
    most = max(_worth(trial) for trial in confirmed)
    close = [trial for trial in confirmed if _worth(trial) >= ABOUT_THE_SAME * most]
    return min(close, key=lambda t: (t.suspicion.order, -t.gain))


def _worth(trial: Trial) -> float:
    """What a remedy gains; a threshold's is weighed less, as more epochs or more units help most runs a little."""
    s = trial.suspicion
    thumb = s.certainty == "rule of thumb" and s.severity != "error"
    return trial.gain * s.worth * (THUMB if thumb else 1.0)


def _why_not(trial: Trial) -> str:
    if trial.spared:
        return trial.spared
    if trial.best is None:
        return "not the cause: no change of the call could be tried"
    if trial.gain <= 0:
        return "not the cause: with it repaired the run ends no better"
    return "not the cause: with it repaired the run ends hardly better"


def _finding(trial: Trial, readings: Readings, verdict: str, whole: float) -> Finding:
    s = trial.suspicion
    proof = None
    if trial.best is not None:
        of = s.judged_by
        runs = (readings.ran.history, trial.best.ran.history)
        curves = [h.validation_loss if of == "validation" else h.loss for h in runs]
        proof = Proof(
            changed=trial.best.remedy.text, baseline=curves[0], remedied=curves[1], before=trial.before,
            after=trial.best.left, unit=f"{of} rows, share of {readings.yard.whole(of).unit}",
            share=min(trial.gain / whole, 1.0), confirmed=trial.confirmed, seed=readings.case.settings.seed,
        )  # fmt: skip
    remedy = trial.best.remedy if trial.best is not None else s.remedies[0] if s.remedies else None
    return Finding(s.code, s.severity, s.certainty, s.evidence, s.explanation, remedy, proof, readings.case, verdict)


def unproved(readings: Readings, rules: Sequence[Rule]) -> list[Finding]:
    """The suspicions themselves, where no re-run is wanted: the surest first."""
    rank = {"structural": 0, "exact": 1, "rule of thumb": 2}
    found = sorted(suspicions(readings, rules), key=lambda s: (rank[s.certainty], s.order))
    return [
        Finding(
            s.code, s.severity, s.certainty, s.evidence, s.explanation, s.remedies[0] if s.remedies else None, None,
            readings.case, "suspected",
        )
        for s in found
    ]  # fmt: skip
