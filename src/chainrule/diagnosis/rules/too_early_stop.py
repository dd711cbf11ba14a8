"""A run that ended while its loss was still falling.

Prechelt 1998, Early stopping - but when?: how long to wait is a choice between time and loss.
"""

from dataclasses import dataclass

from chainrule.core.format import number
from chainrule.diagnosis import remedies
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.rule import Rule, Suspicion

FALLS = 0.003  # of the loss, over the last fifth of the run
LONGER = (4, 20, 60)
FEWEST_EPOCHS = 40
MOST_UPDATES = 4000
FEW_UPDATES = 150


@dataclass(frozen=True)
class RunEnd:
    """How the run ended.

    Attributes:
        epochs: how many were made.
        stopped: why it ended.
        fall: by how much the loss fell over the last fifth of the run, relative to it.
    """

    epochs: int
    stopped: str
    fall: float


def measure(run: Measurements) -> RunEnd | None:
    """For runs that did not diverge."""
    losses = run.losses
    if run.training.error is not None or losses.size < 1:
        return None
    if losses.size < 3:
        return RunEnd(losses.size, run.training.history.stopped, 1.0)
    k = max(losses.size // 5, 1)
    before = float(losses[-2 * k : -k].mean()) if losses.size >= 2 * k else float(losses[0])
    return RunEnd(losses.size, run.training.history.stopped, float(1 - losses[-k:].mean() / max(before, 1e-300)))


def judge(found: RunEnd, run: Measurements) -> Suspicion | None:
    """The loss was still falling, or patience ended the run long before its epochs were over."""
    early = found.stopped == "patience" and found.epochs < 0.5 * run.case.settings.epochs
    if not (found.fall > FALLS or early or _few(run)) or run.remaining_loss < 0.05:
        return None
    how = (
        f"while the loss was still falling, by {found.fall:.1%} over its last fifth, to"
        if found.fall > 0
        else "at a loss of"
    )
    updates = found.epochs * run.case.updates_per_epoch
    explanation = (
        f"Training ended after {found.epochs} epochs, {updates} updates ({found.stopped}), {how} "
        f"{number(run.losses[-1], 4)}. " + ("Wait longer before you stop." if early else "Train longer.")
    )
    evidence = dict(vars(found))
    patience = {"patience": None, "min_delta": 0.0}
    tried = [remedies.settings("patience=None", **patience)] if early else []
    for longer in LONGER if _few(run) else LONGER[:1]:
        more = max(longer * run.case.settings.epochs, FEWEST_EPOCHS)
        also = ", patience=None" if run.case.settings.patience is not None else ""
        tried.append(remedies.settings(f"epochs={more}{also}", epochs=more, **patience))
        if more * run.case.updates_per_epoch > MOST_UPDATES:
            break
    plain = early or _few(run)  # a run of few updates, or one that gave up, is short whatever the rate
    return Suspicion(
        "too-early-stop", "error" if plain else "warning", "exact" if early else "rule of thumb", evidence,
        explanation, tuple(tried), order=41 if plain else 50, must_generalize=not plain,
        follows="if suspected at first" if plain else "never",
    )  # fmt: skip


def _few(run: Measurements) -> bool:
    return run.losses.size * run.case.updates_per_epoch < FEW_UPDATES


RULE = Rule("too-early-stop", "Prechelt 1998", measure, judge)
