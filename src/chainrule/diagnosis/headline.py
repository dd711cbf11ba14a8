"""A diagnosis in one sentence, every number in it measured."""

from collections.abc import Iterator

import numpy as np

from chainrule.core.format import number, numbers
from chainrule.diagnosis.outcome import MUCH
from chainrule.diagnosis.result import Diagnosis
from chainrule.diagnosis.score import LOST, Whole, same_target

HARDLY = 0.01
"""A run that leaves so nearly all of the constant answer's loss, or so little more, does no better than that answer."""


def headline(d: Diagnosis) -> str:
    """``"one cause: learning-rate-too-large"``, or what is not explained and what each change reached."""
    tried = trials(d) if d.outcome == "not explained" else ""
    return f"{verdict(d)}; {tried}" if tried else verdict(d)


def verdict(d: Diagnosis) -> str:
    """The same without what was tried."""
    if d.outcome == "healthy":
        told = f"healthy: nothing found that keeps this network from training{_in_spite(d)}"
    elif d.outcome == "cause found":
        told = f"{_counted(d, 'cause')}: {', '.join(d.codes)}{_still_left(d)}"
    elif d.remaining.much:
        told = f"not explained: {'; '.join(_wanting(d))}"
    else:
        told = f"not explained: {_untested(d)}; only {_training(d)}"
    return f"{told}{_one_target(d)}"


def trials(d: Diagnosis) -> str:
    """What was tried where nothing is explained, and what share of the loss each change left."""
    if not d.proved:
        return _untested(d) if d.remaining.much else ""
    proofs = sorted((f.proof for f in d.looked_at if f.proof is not None), key=lambda proof: proof.after)
    if not proofs:
        return "nothing could be tried" if d.looked_at else "nothing was tried: none of the rules suspects anything"
    where = {"training": "", "validation": " on the validation rows"}
    return "tried: " + ", ".join(f"{p.changed} (reached {share(p.after)}{where[p.rows]})" for p in proofs)


def share(value: float) -> str:
    """``"22.3 %"``."""
    return f"{100 * LOST:.0f} % or more" if value > 0.999 * LOST else f"{100 * value:.3g} %"


def of_what(whole: Whole) -> str:
    """What a share is a share of: ``"what the best constant answer leaves"``."""
    if whole.by_labels:
        return whole.unit
    return f"what the {'best constant answer' if whole.answer else 'untrained network'} leaves{whole.among}"


# -------------------------------------------------------------------------------- the parts
def _counted(d: Diagnosis, word: str) -> str:
    count = {1: "one", 2: "two", 3: "three"}.get(len(d.findings), str(len(d.findings)))
    return f"{count} {word}{'s' * (len(d.findings) > 1)}"


def _untested(d: Diagnosis) -> str:
    if not d.findings:
        return "none of the rules suspects anything"
    return f"{_counted(d, 'suspicion')}, not put to the test: {', '.join(d.codes)}"


def _wanting(d: Diagnosis) -> Iterator[str]:
    """What wants an explanation."""
    left, yard = d.remaining, d.readings.yard
    if not left.finite:
        yield "the run left the finite numbers"
        return
    if left.training > MUCH:
        yield _compared(left.training, yard.training, "")
    if left.validation is not None and left.validation > MUCH:
        yield _compared(left.validation, yard.whole("validation"), "on the validation rows ")
    for rows, (loss, constant) in left.above.items():
        where = "on the validation rows " if rows == "validation" else ""
        what = f"{'their' if where else 'the'} classes' shares"
        yield f"{where}the loss is {number(loss, 4)}, above the {number(constant, 4)} of always answering {what}"
    if left.risen is not None:
        before, after = left.risen
        yield f"the validation loss is {number(after, 4)} in the end, above the {number(before, 4)} before training"


def _compared(left: float, whole: Whole, where: str) -> str:
    """What is left, beside the best constant answer."""
    plain = whole.answer and not whole.among
    answering = f"always answering {whole.answer.replace('the ', 'their ') if where else whole.answer}"
    if plain and left > 1 + HARDLY:
        return f"{where}it does worse than {answering}: {share(left)} of what that leaves is left"
    if plain and left > 1 - HARDLY:
        return f"{where}it does no better than {answering}"
    return f"{where}{share(left)} of {f'what {answering} leaves' if plain else of_what(whole)} is left"


def _training(d: Diagnosis) -> str:
    return f"{share(d.remaining.training)} of {of_what(d.readings.yard.training)} is left"


def _in_spite(d: Diagnosis) -> str:
    """A verdict on the learning rate that does not go with a healthy run."""
    if d.learning_rate.normal:
        return ""
    return f"; its learning rate is called {d.learning_rate.regime} below, but only {_training(d)}"


def _still_left(d: Diagnosis) -> str:
    """What is left with all causes mended, if that is much."""
    last = max(d.findings, key=lambda finding: len(finding.case.changes)).proof
    if last is None or last.after <= MUCH:
        return ""
    mended = "them" if len(d.findings) > 1 else "it"
    return f"; with {mended} mended {share(last.after)} of {last.whole} is still left, which is not explained"


def _one_target(d: Diagnosis) -> str:
    """A word on targets that are all the same."""
    same = same_target(d.case.data)
    if same is None:
        return ""
    same = same[~np.isnan(same)]
    value = number(float(same[0])) if same.size == 1 else numbers(same)
    return f"; every target is {value}, so there is nothing to learn but this answer"
