"""A diagnosis in one sentence."""

from collections.abc import Iterator

import numpy as np

from chainrule.core.format import number, numbers
from chainrule.diagnosis.constant_answer import same_target
from chainrule.diagnosis.outcome import MUCH
from chainrule.diagnosis.result import Diagnosis
from chainrule.diagnosis.score import LOST, ReferenceLoss

HARDLY = 0.01
"""A run whose loss differs by less from the constant answer's does no better than that answer."""


def headline(d: Diagnosis) -> str:
    """``"one cause: learning-rate-too-large"``, or what is not explained, and what each remedy reached."""
    tried = trials(d) if d.outcome == "not explained" else ""
    return f"{verdict(d)}; {tried}" if tried else verdict(d)


def verdict(d: Diagnosis) -> str:
    """The headline without what was tried."""
    if d.outcome == "healthy":
        sentence = f"healthy: nothing found that keeps this network from training{_in_spite(d)}"
    elif d.outcome == "cause found":
        sentence = f"{_counted(d, 'cause')}: {', '.join(d.codes)}{_still_left(d)}"
    elif d.remaining.much:
        sentence = f"not explained: {'; '.join(_unexplained(d))}"
    else:
        sentence = f"not explained: {_untested(d)}; only {_training(d)}"
    return f"{sentence}{_one_target(d)}"


def trials(d: Diagnosis) -> str:
    """What was tried if nothing is explained, and the remaining loss that each remedy reached."""
    if not d.proved:
        return _untested(d) if d.remaining.much else ""
    proofs = sorted((f.proof for f in d.ruled_out if f.proof is not None), key=lambda proof: proof.after)
    if not proofs:
        return "nothing could be tried" if d.ruled_out else "nothing was tried: none of the rules suspects anything"
    where = {"training": "", "validation": " on the validation rows"}
    return "tried: " + ", ".join(f"{p.changed} (reached {share(p.after)}{where[p.rows]})" for p in proofs)


def share(value: float) -> str:
    """``"22.3 %"``."""
    return f"{100 * LOST:.0f} % or more" if value > 0.999 * LOST else f"{100 * value:.3g} %"


def of_what(reference: ReferenceLoss) -> str:
    """What a share is a share of: ``"what the best constant answer leaves"``."""
    if reference.by_labels:
        return reference.unit
    return f"what the {'best constant answer' if reference.answer else 'untrained network'} leaves{reference.among}"


# -------------------------------------------------------------------------------- the parts
def _counted(d: Diagnosis, word: str) -> str:
    count = {1: "one", 2: "two", 3: "three"}.get(len(d.findings), str(len(d.findings)))
    return f"{count} {word}{'s' * (len(d.findings) > 1)}"


def _untested(d: Diagnosis) -> str:
    if not d.findings:
        return "none of the rules suspects anything"
    return f"{_counted(d, 'suspicion')}, not put to the test: {', '.join(d.codes)}"


def _unexplained(d: Diagnosis) -> Iterator[str]:
    """What needs an explanation."""
    left, score = d.remaining, d.measurements.score
    if not left.finite:
        yield "the run reached inf or NaN"
        return
    if left.training > MUCH:
        yield _compared(left.training, score.training, "")
    if left.validation is not None and left.validation > MUCH:
        yield _compared(left.validation, score.reference("validation"), "on the validation rows ")
    for rows, (loss, constant) in left.above.items():
        where = "on the validation rows " if rows == "validation" else ""
        what = f"{'their' if where else 'the'} classes' shares"
        yield f"{where}the loss is {number(loss, 4)}, above the {number(constant, 4)} of always answering {what}"
    if left.risen is not None:
        before, after = left.risen
        yield f"the validation loss is {number(after, 4)} in the end, above the {number(before, 4)} before training"


def _compared(left: float, reference: ReferenceLoss, where: str) -> str:
    """The remaining loss beside the best constant answer's."""
    plain = reference.answer and not reference.among
    answering = f"always answering {reference.answer.replace('the ', 'their ') if where else reference.answer}"
    if plain and left > 1 + HARDLY:
        return f"{where}it does worse than {answering}: {share(left)} of what that leaves is left"
    if plain and left > 1 - HARDLY:
        return f"{where}it does no better than {answering}"
    return f"{where}{share(left)} of {f'what {answering} leaves' if plain else of_what(reference)} is left"


def _training(d: Diagnosis) -> str:
    return f"{share(d.remaining.training)} of {of_what(d.measurements.score.training)} is left"


def _in_spite(d: Diagnosis) -> str:
    """A remark on a verdict on the learning rate that does not fit a healthy run."""
    if d.learning_rate.normal:
        return ""
    return f"; its learning rate is called {d.learning_rate.regime} below, but only {_training(d)}"


def _still_left(d: Diagnosis) -> str:
    """The remaining loss with all causes repaired, if it is high."""
    last = max(d.findings, key=lambda finding: len(finding.case.changes)).proof
    if last is None or last.after <= MUCH:
        return ""
    mended = "them" if len(d.findings) > 1 else "it"
    return f"; with {mended} mended {share(last.after)} of {last.whole} is still left, which is not explained"


def _one_target(d: Diagnosis) -> str:
    """A remark on targets that are all equal."""
    same = same_target(d.case.data)
    if same is None:
        return ""
    same = same[~np.isnan(same)]
    value = number(float(same[0])) if same.size == 1 else numbers(same)
    return f"; every target is {value}, so there is nothing to learn but this answer"
