"""A run that ended while its loss was still falling.

Prechelt 1998, Early stopping - but when?: how long to wait is a choice between time and loss.
"""

from dataclasses import dataclass

from chainrule.core.format import number
from chainrule.diagnosis import remedies
from chainrule.diagnosis.measurements import Readings
from chainrule.diagnosis.result import Rule, Suspicion

FALLS = 0.003  # of the loss, over the last fifth of the run
LONGER = (4, 20, 60)
FEWEST_EPOCHS = 40
MOST_UPDATES = 4000
FEW_UPDATES = 150


@dataclass(frozen=True)
class Measured:
    """How the run ended.

    Attributes:
        epochs: that were made.
        stopped: why it ended.
        fall: by how much the loss fell over the last fifth of the run, relative to it.
    """

    epochs: int
    stopped: str
    fall: float


def measure(r: Readings) -> Measured | None:
    """For runs that ended in good order."""
    losses = r.losses
    if r.ran.error is not None or losses.size < 1:
        return None
    if losses.size < 3:
        return Measured(losses.size, r.ran.history.stopped, 1.0)
    k = max(losses.size // 5, 1)
    before = float(losses[-2 * k : -k].mean()) if losses.size >= 2 * k else float(losses[0])
    return Measured(losses.size, r.ran.history.stopped, float(1 - losses[-k:].mean() / max(before, 1e-300)))


def judge(m: Measured, r: Readings) -> Suspicion | None:
    """Still falling, or ended by patience long before its epochs were over."""
    early = m.stopped == "patience" and m.epochs < 0.5 * r.case.settings.epochs
    if not (m.fall > FALLS or early or _few(r)) or r.left < 0.05:
        return None
    how = f"while the loss was still falling, by {m.fall:.1%} over its last fifth, to" if m.fall > 0 else "at a loss of"
    updates = m.epochs * r.case.updates_per_epoch
    told = (
        f"Training ended after {m.epochs} epochs, {updates} updates ({m.stopped}), {how} {number(r.losses[-1], 4)}. "
        + ("Wait longer before you stop." if early else "Train longer.")
    )
    evidence = dict(vars(m))
    patience = {"patience": None, "min_delta": 0.0}
    tried = [remedies.settings("patience=None", **patience)] if early else []
    for longer in LONGER if _few(r) else LONGER[:1]:
        more = max(longer * r.case.settings.epochs, FEWEST_EPOCHS)
        also = ", patience=None" if r.case.settings.patience is not None else ""
        tried.append(remedies.settings(f"epochs={more}{also}", epochs=more, **patience))
        if more * r.case.updates_per_epoch > MOST_UPDATES:
            break
    plain = early or _few(r)  # a run of few updates, or one that gave up, is short whatever the rate
    severity, certainty = "error" if plain else "warning", "exact" if early else "rule of thumb"
    order = 41 if plain else 50
    return Suspicion("too-early-stop", severity, certainty, evidence, told, tuple(tried), order=order)


def _few(r: Readings) -> bool:
    return r.losses.size * r.case.updates_per_epoch < FEW_UPDATES


RULE = Rule("too-early-stop", "Prechelt 1998", measure, judge)
