"""The sentences of a marking: what is said besides the mistakes, about the search and about the finished marking."""

from collections.abc import Iterator

import numpy as np

from chainrule.marking.epsilon import Epsilon
from chainrule.marking.evidence import CallFailure, Case, Evidence
from chainrule.marking.explanations import SearchResult
from chainrule.marking.hypothesis import Hypothesis
from chainrule.marking.quantity import is_gradient
from chainrule.marking.result import Marking

_MOST_UNSEEN = 6
"""How many of the mistakes that this input does not show are listed."""

_UNCERTAIN = 1e-3
"""Above this share of a gradient's size, its uncertainty is reported."""

_ONE_ROW = " It was marked for one row, like the given input."


# -------------------------------------------------------------------------------- from evidence and search
def notes(evidence: Evidence, case: Case, result: SearchResult) -> tuple[str, ...]:
    """What the marking says besides mistakes and numbers.

    Args:
        evidence: all that the learner gave.
        case: the case whose numbers are shown.
        result: what the search found.
    """
    return tuple(_notes(evidence, case, result))


def _notes(evidence: Evidence, case: Case, result: SearchResult) -> Iterator[str]:
    yield from failure_texts(evidence)
    yield from (_failure(failure) + _ONE_ROW for failure in evidence.failures if failure.is_excused)
    if evidence.is_unmoved:
        yield "The parameters after the update are those before it: was the update made, and on a copy?"
    if evidence.one_row == "reads one row":
        yield "Of several rows your function reads one only." + _ONE_ROW
    elif evidence.one_row == "fits one row":
        yield "Several rows do not fit what was found." + _ONE_ROW
    if result.epsilon is not None:
        yield _epsilon(result.epsilon)
    if result.distance is not None:
        yield (
            f"The numbers fit to {result.distance:.0e} of each gradient's size, which is more than rounding does: a "
            "small constant, such as an epsilon in a logarithm or a denominator, or a rounded number would do that."
        )
    if result.is_given_right:
        yield f"For the given input, of {_rows(evidence.cases[0].forward.rows)}, your gradients are right."
    if result.lead:
        drawn = f"drawn parameters and {_rows(case.forward.rows)}"
        yield f"The numbers shown are those of {drawn}: for the given input yours do not show it."
    yield from _uncertainty(case, result.precision)
    yield from _scale(result.hypotheses[0] if result.hypotheses else None, evidence)


def failure_texts(evidence: Evidence) -> tuple[str, ...]:
    """For each input on which a function failed without an excuse, why."""
    return tuple(_failure(failure) for failure in evidence.failures if not failure.is_excused)


def _failure(failure: CallFailure) -> str:
    return f"On drawn parameters and {_rows(failure.rows)}: {failure.reason}"


def _epsilon(epsilon: Epsilon) -> str:
    return (
        f"In your gradients the derivative of the loss has {epsilon.value:.2g} {epsilon.form}, against a division by "
        f"zero: that moves them by up to {epsilon.shift:.1e} of their size."
    )


def _uncertainty(case: Case, eps: float) -> Iterator[str]:
    """A warning where the numbers are too uncertain to show small mistakes."""
    tolerance, size = case.response.tolerance(eps), case.response.size
    shares = [np.max(tolerance.absolute[name]) / size[name] for name in case.given if size[name] > 0]
    if max(shares, default=0.0) < _UNCERTAIN:
        return
    yield (
        f"Some of these gradients are uncertain by {max(shares):.0e} of their size (rounding, or the digits printed): "
        "smaller mistakes would not show. A larger learning rate, or more digits, shows more."
    )


def _scale(h: Hypothesis | None, evidence: Evidence) -> Iterator[str]:
    """Why the right gradient beside a mistake, or yours, is not that of the table."""
    other_loss = evidence.loss not in (None, "1")
    if h is None:
        if other_loss:
            yield f"Your loss is {evidence.loss} times this one: your gradients were divided by that, then compared."
    elif any(is_gradient(instance) for instance in h.mistakes) and (h.overall or other_loss):
        yield "Beside a mistake, a right gradient has the sign and factor of all yours; in the table it has its own."


def _rows(count: int) -> str:
    return "1 row" if count == 1 else f"{count} rows"


# -------------------------------------------------------------------------------- from the finished marking
def headline(marking: Marking) -> str:
    """One line: ``"two mistakes: missing-activation-derivative at layer 1; ..."``."""
    parts = [one.title for one in marking.mistakes or marking.conventions or marking.kinks]
    if marking.verdict == "right in part":
        parts += gaps(marking)
    return marking.verdict + (": " + "; ".join(parts) if parts else "")


def gaps(marking: Marking) -> list[str]:
    """What was not marked: parameters that were not given, inputs for which a function gave nothing usable."""
    missing = [f"nothing was given for {', '.join(marking.missing)}"] if marking.missing else []
    return [*missing, *(failure[0].lower() + failure[1:].rstrip(".") for failure in marking.failures)]


def remarks(marking: Marking) -> Iterator[str]:
    """The sentences below the mistakes: other explanations, what would not show, what is missing, and the notes."""
    for other in marking.alternatives:
        yield "The same numbers on this input come from: " + "; ".join(named.title for named in other) + "."
    if marking.alternatives and marking.separating_input is not None:
        yield "The explanations differ on .separating_input: run your code on it and mark again."
    for other in marking.equivalents:
        yield "In this network, for the parameters given, this is the same: " + "; ".join(n.title for n in other) + "."
    if marking.unseen:
        more = len(marking.unseen) - _MOST_UNSEEN
        listed = "; ".join(marking.unseen[:_MOST_UNSEEN]) + (f"; and {more} more" if more > 0 else "")
        yield f"This input would not show: {listed}. The one in .separating_input shows more."
    if marking.missing:
        yield f"Not marked, as nothing was given for them: {', '.join(marking.missing)}."
    yield from marking.patterns
    yield from marking.notes
