"""Re-runs: the same training from the same seed with one change alone, for each remedy of a suspicion.

A suspicion is confirmed if its best remedy lowers the remaining loss enough.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from chainrule.diagnosis.case import Case
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.rule import Remedy, Suspicion
from chainrule.diagnosis.runs import TrainingRun, train
from chainrule.diagnosis.score import LOST, Score
from chainrule.engine.cost import COSTS, compiled_cost
from chainrule.errors import InputError
from chainrule.training import Data, split

ENOUGH = 0.15
"""A remedy that leaves at most this share of the remaining loss needs no better one."""

EXPENSIVE = 0.5
"""Seconds of a run, by the engine's cost model, from which re-runs that can change nothing are skipped."""

ASIDE, FEWEST_TO_SPLIT = 0.25, 80
"""The share of rows to set aside, and the fewest rows of which some can be."""

USELESS = 1.2
"""Remaining losses above this count as equal: worse than a constant answer."""

NOTHING_LEFT = 0.02
"""A run with a lower remaining loss has nothing more to explain."""


@dataclass(frozen=True, eq=False)
class RemedyRun:
    """A remedy, the run with it, and that run's remaining loss."""

    remedy: Remedy
    run: TrainingRun
    remaining_loss: float


@dataclass(frozen=True, eq=False)
class Trial:
    """A suspicion with the best of its remedies' runs.

    Attributes:
        suspicion: what was tried.
        before: the remaining loss without a remedy.
        best: the best remedy's run; None if none was made.
        dismissed: why it is no cause whatever the runs say; empty otherwise.
    """

    suspicion: Suspicion
    before: float
    best: RemedyRun | None
    dismissed: str = ""

    @property
    def gain(self) -> float:
        """By how much the best remedy lowers the remaining loss; 0 without one."""
        if self.best is None:
            return 0.0
        return max(min(self.before, USELESS) - min(self.best.remaining_loss, USELESS), 0.0)

    @property
    def confirmed(self) -> bool:
        """Whether that is enough for a cause."""
        s = self.suspicion
        return (
            not self.dismissed
            and self.best is not None
            and self.gain >= s.least
            and self.best.remaining_loss <= s.factor * min(self.before, USELESS)
        )

    @property
    def solved(self) -> bool:
        """Whether it is confirmed and next to nothing is left."""
        enough = max(ENOUGH * min(self.before, USELESS), NOTHING_LEFT)
        return self.confirmed and self.best is not None and self.best.remaining_loss < enough


class Rerunner:
    """Makes the re-runs of one diagnosis; ``tick`` is called after each."""

    def __init__(self, score: Score, tick: Callable[[], None]) -> None:
        self.score, self.tick = score, tick

    def trials(self, suspected: Sequence[Suspicion], measurements: Measurements) -> list[Trial]:
        """A trial of each suspicion, by their ``order``.

        Once a confirmed one leaves next to nothing, the others could only explain the same: expensive re-runs are then
        skipped. A model of their cost decides that and never the clock, so that the same call gives the same diagnosis.
        """
        done: list[Trial] = []
        explained_by = ""
        expensive = seconds(measurements.case) > EXPENSIVE
        for suspicion in sorted(suspected, key=lambda s: s.order):
            if explained_by and expensive:
                before = loss_before(suspicion, measurements)
                done.append(Trial(suspicion, before, None, f"explained by {explained_by}"))
                continue
            done.append(self.trial(suspicion, measurements))
            if done[-1].solved:
                explained_by = explained_by or suspicion.code
        return done

    def trial(self, suspicion: Suspicion, measurements: Measurements) -> Trial:
        """Run the remedies, up to one that leaves next to nothing; the best counts."""
        before = loss_before(suspicion, measurements)
        if before < suspicion.least:
            return Trial(suspicion, before, None, f"not the cause: the run leaves only {before:.1%}, nothing to gain")
        best: RemedyRun | None = None
        for remedy in suspicion.remedies:
            try:
                case = remedy.change(measurements.case)
                run = train(case)
            except InputError:
                continue
            finally:
                self.tick()
            remaining_loss = self.loss_after(suspicion, case, run)
            if best is None or remaining_loss < best.remaining_loss:
                best = RemedyRun(remedy, run, remaining_loss)
            if best.remaining_loss < ENOUGH * min(before, USELESS):
                break
        trial = Trial(suspicion, before, best)
        if trial.confirmed and suspicion.must_generalize and not self.generalizes(trial, measurements):
            return replace(trial, dismissed="not the cause: the training rows gain by it, rows set aside do not")
        return trial

    def generalizes(self, trial: Trial, measurements: Measurements) -> bool:
        """Whether rows set aside gain too: more epochs and units always fit the training rows better.

        They are the validation rows if there are any; else a quarter of the rows, and both runs are repeated on the
        rest.
        """
        assert trial.best is not None
        case = measurements.case
        if case.validation is not None:
            runs = (measurements.training, trial.best.run)
            before, after = (self.score.remaining_validation_loss(run.case, run.model) for run in runs)
        elif case.rows < FEWEST_TO_SPLIT or case.data.weights is not None or case.original_t is not None:
            return True
        else:
            before, after = self._losses_on_rows_set_aside(case, trial.best.remedy)
        return after < min(before, USELESS) - 0.5 * trial.suspicion.least

    def _losses_on_rows_set_aside(self, case: Case, remedy: Remedy) -> tuple[float, float]:
        """Remaining losses without and with a remedy."""
        rest, aside = split(case.data, ASIDE, case.settings.seed)
        part = replace(case, data=rest, original_t=None, changes=())
        return self._loss_on(part, aside), self._loss_on(remedy.change(part), aside)

    def _loss_on(self, case: Case, rows: Data) -> float:
        run = train(case)
        self.tick()
        return LOST if run.error is not None else self.score.remaining_loss(case, run.model, rows, rows.t)

    def loss_after(self, suspicion: Suspicion, case: Case, run: TrainingRun) -> float:
        """The remaining loss of a re-run, on the rows that the suspicion is judged by."""
        if run.error is not None:
            return LOST
        if suspicion.judged_by == "validation":
            return self.score.remaining_validation_loss(case, run.model)
        return self.score.remaining_loss(case, run.model)


def seconds(case: Case) -> float:
    """About how long a run takes, by the engine's cost model."""
    compiled = case.settings.engine == "compiled"
    cost = compiled_cost(case.chain, case.settings.rule) if compiled else COSTS["reference"]
    return cost.training(case.chain, case.rows, case.batch_size, case.settings.epochs) - cost.start


def loss_before(suspicion: Suspicion, measurements: Measurements) -> float:
    """The remaining loss of the run itself, on the rows that the suspicion is judged by."""
    if suspicion.judged_by == "validation":
        return measurements.remaining_validation_loss
    return measurements.remaining_loss
