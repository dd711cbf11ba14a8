"""A marking told: mistakes by their rows, beside numbers, errors, and what this input does not show."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np

from chainrule.core.arrays import Array
from chainrule.marking.backward import run
from chainrule.marking.constants import value_of
from chainrule.marking.counterexample import (
    SeparatingInput,
    always_equal,
    distance,
    drawn,
    floor_of,
    separating_input,
)
from chainrule.marking.evidence import Case, Evidence
from chainrule.marking.forward_context import Situation
from chainrule.marking.hypothesis import Hypothesis, factor_slip, overall
from chainrule.marking.mistake import Mistake, Slip, all_slips, changes_of
from chainrule.marking.mistakes import FACTOR
from chainrule.marking.patterns import patterns
from chainrule.marking.quantity import NONE, Spoiled, is_gradient, spoiled, worst
from chainrule.marking.result import Confidence, Equation, GradientError, Marking, Named
from chainrule.marking.tolerance import FLOAT32

Made = Callable[[Sequence[Slip]], Mapping[str, Array]]
"""The gradients that a recipe makes."""

_COUNTS = {1: "one mistake", 2: "two mistakes", 3: "three mistakes"}
_UNSEEN = 1e-12
"""A mistake that changes the gradients by no more than this share does not show."""

_UNCERTAIN = 1e-3
"""Above this share of a gradient's size, its uncertainty is told."""


def tell(
    evidence: Evidence,
    cases: Sequence[Case],
    found: Sequence[Hypothesis],
    precision: float,
    *,
    lead: int = 0,
    made: Made | None = None,
) -> Marking:
    """The marking of what was found; the first explanation's mistakes are named, the others are alternatives.

    Args:
        evidence: as the learner gave it.
        cases: the same in units of our loss.
        found: the explanations.
        precision: the rounding with which they fit.
        lead: the number of the case whose numbers are told.
        made: the gradients of a recipe, if they are not those of one backward pass.
    """
    first, given = cases[lead], evidence.cases[lead].given
    make = made or partial(_made, first.s)
    right = {name: value for name, value in make(()).items() if made is None or name in given}
    best = found[0] if found else None
    nearest = _nearest(first, found, evidence.catalogue, make) if found and found[0].all_slips else ("none", 1.0)
    unit = value_of(first.s, evidence.loss or "1")
    named = [_named(first, h, found, nearest, make, unit) for h in found]
    mistakes, conventions, kinks = _sorted(named[0], best) if best else ((), (), ())
    if best is not None and evidence.loss is not None and evidence.loss != "1":
        slip = factor_slip(first.s, evidence.loss)
        conventions = (*conventions, _name(slip, first.s, NONE, _sure(first, make(best.all_slips))))
    wrong = best is None or bool(mistakes)
    missing = _missing(first)
    in_part = evidence.asked_for_all and bool(missing or evidence.failures)
    unseen, shown = ((), None) if wrong else _unseen(cases, evidence.catalogue, made)
    same = [h is not best and best is not None and not made and _is_one_computation(first, best, h) for h in found]
    others = [h for h, is_same in zip(found, same, strict=True) if h is not best and not is_same]
    if best is not None and others and not made:
        shown = separating_input(first.s, [h.all_slips for h in (best, *others)], first.given)
    return Marking(
        verdict="right in part" if in_part and not wrong else _verdict(best, mistakes, conventions, kinks, precision),
        correct=not wrong,
        mistakes=mistakes,
        conventions=conventions,
        kinks=kinks,
        alternatives=tuple(told for told, h in zip(named, found, strict=True) if h in others),
        equivalents=tuple(told for told, is_same in zip(named, same, strict=True) if is_same),
        separating_input=shown,
        unseen=unseen,
        errors=errors(first.given if best is None else given, right),
        right=right,
        patterns=() if best else patterns(first.s.chain, first.given, right),
        notes=(
            *evidence.notes,
            *_lead_told(first, lead),
            *_digits_left(first, precision),
            *_scale_told(best, evidence),
        ),
        missing=missing,
        failures=evidence.failures,
    )


def _missing(case: Case) -> tuple[str, ...]:
    """The parameters that were not given; those of layers that do not learn need no gradient."""
    learns = {at.l for at in case.s.sites if at.layer.trainable}
    return tuple(slot.name for slot in case.s.chain.slots if slot.name not in case.given and slot.layer in learns)


def _made(s: Situation, slips: Sequence[Slip]) -> Mapping[str, Array]:
    return run(s, changes_of(slips)).gradients


def _is_one_computation(case: Case, one: Hypothesis, other: Hypothesis) -> bool:
    return always_equal(case.s, one.all_slips, other.all_slips, case.given)


def _lead_told(case: Case, lead: int) -> tuple[str, ...]:
    if not lead:
        return ()
    rows = "1 row" if case.s.rows == 1 else f"{case.s.rows} rows"
    return (f"The numbers told are those of drawn parameters and {rows}: for the given input yours do not show it.",)


def _scale_told(h: Hypothesis | None, evidence: Evidence) -> tuple[str, ...]:
    """Why the right gradient beside a mistake, or yours, is not that of the table."""
    if h is None:
        told = f"Your loss is {evidence.loss} times this one: your gradients were divided by that, then compared."
        return (told,) if evidence.loss not in (None, "1") else ()
    scale = overall(h)
    if not any(is_gradient(slip) for slip in h.mistakes) or not (scale or evidence.loss not in (None, "1")):
        return ()
    return ("Beside a mistake, a right gradient has the sign and factor of all yours; in the table it has its own.",)


def _digits_left(case: Case, eps: float) -> tuple[str, ...]:
    """A warning where the numbers are too uncertain to tell much."""
    tolerance, size = case.response.tolerance(eps), case.response.size
    shares = [np.max(tolerance.absolute[name]) / size[name] for name in case.given if size[name] > 0]
    if max(shares, default=0.0) < _UNCERTAIN:
        return ()
    told = (
        f"Some of these gradients are uncertain by {max(shares):.0e} of their size (rounding, or the digits printed): "
        "smaller mistakes would not show. A larger learning rate, or more digits, tells more."
    )
    return (told,)


def _verdict(
    best: Hypothesis | None,
    mistakes: Sequence[Named],
    conventions: Sequence[Named],
    kinks: Sequence[Named],
    precision: float,
) -> str:
    if best is None:
        return "unknown"
    if mistakes:
        return _COUNTS[len({(named.code, named.variant) for named in mistakes})]
    if conventions:
        return "right but for the loss's convention"
    if kinks:
        return "right but for a kink"
    return "right within float32" if precision == FLOAT32 else "right"


def _sorted(named: Sequence[Named], h: Hypothesis) -> tuple[tuple[Named, ...], tuple[Named, ...], tuple[Named, ...]]:
    """Mistakes, conventions and kinks apart."""
    pairs = list(zip(named, h.all_slips, strict=True))
    kinks = tuple(one for one, slip in pairs if slip.mistake.kind == "kink")
    conventions = tuple(one for one, slip in pairs if slip is h.convention)
    return tuple(one for one in named if one not in kinks and one not in conventions), conventions, kinks


def _named(
    case: Case, h: Hypothesis, found: Sequence[Hypothesis], nearest: tuple[str, float], make: Made, unit: float
) -> tuple[Named, ...]:
    numbers = sum(value.size for value in case.given.values())
    right = make(())
    agreement = distance(case.given, make(h.all_slips), floor_of(right))

    def confidence(slip: Slip) -> Confidence:
        sets = [{(s.mistake.code, s.layer) for s in other.all_slips} for other in found]
        share = sum((slip.mistake.code, slip.layer) in one for one in sets) / len(sets)
        return Confidence(share, numbers, agreement, *nearest)

    pairs = zip(h.all_slips, spoiled(case.s, h, run(case.s, changes_of(h.all_slips))), strict=True)
    return tuple(_name(slip, case.s, _shown(case, slip, one, right, unit), confidence(slip)) for slip, one in pairs)


def _shown(case: Case, slip: Slip, one: Spoiled, right: Mapping[str, Array], unit: float) -> Spoiled:
    """The numbers beside a mistake, gradients in the learner's units; if one pass does not show it, the sum of all."""
    if one.name and slip.mistake.kind == "mistake" and not one.differs:
        return worst(case.given, right)
    return Spoiled(one.name, unit * one.yours, unit * one.right) if is_gradient(slip) else one


def _sure(case: Case, mutant: Mapping[str, Array]) -> Confidence:
    """Of what the learner told us: the loss's constant."""
    numbers = sum(value.size for value in case.given.values())
    return Confidence(1.0, numbers, distance(case.given, mutant), "none", 1.0)


def _nearest(case: Case, found: Sequence[Hypothesis], catalogue: Sequence[Mistake], make: Made) -> tuple[str, float]:
    """The single mistake (or none) nearest to the numbers among those that are not an explanation themselves."""
    taken = {h.identity for h in found}
    right = make(())
    floor = floor_of(right)
    explained = [make(h.all_slips) for h in found]
    best = ("none", distance(case.given, right, floor))
    for slip in all_slips(case.s, catalogue):
        if frozenset([slip.identity]) not in taken:
            mutant = make([slip])
            away = distance(case.given, mutant, floor)
            if _UNSEEN < away < best[1] and all(distance(one, mutant, floor) > _UNSEEN for one in explained):
                best = (_title(slip), away)
    return best


def _title(slip: Slip) -> str:
    return slip.mistake.code + ("" if slip.layer is None else f" at layer {slip.layer}")


def _name(slip: Slip, s: Situation, numbers: Spoiled, confidence: Confidence) -> Named:
    """A slip in the words of its row."""
    m = slip.mistake
    phi = s.chain.layers[slip.at - 1].activation.name if slip.at else "phi"
    words = {"l": str(slip.at), "k": str(slip.at - 1), "v": slip.label, "phi": phi}
    equation = Equation(
        _filled(m.right, words), _filled(m.wrong, words), _latex(m.right_latex, words), _latex(m.wrong_latex, words)
    )
    return Named(
        m.code,
        slip.layer,
        slip.label,
        _filled(m.explanation, words),
        equation,
        *numbers,
        confidence,
    )


def _filled(template: str, words: Mapping[str, str]) -> str:
    for key, word in words.items():
        template = template.replace("{" + key + "}", word)
    return template


def _latex(template: str, words: Mapping[str, str]) -> str:
    """Braces stay, so that an index of two digits is one index."""
    for key, word in words.items():
        template = template.replace("{" + key + "}", "{" + word + "}")
    return template


# -------------------------------------------------------------------------------- errors, and what does not show
def errors(given: Mapping[str, Array], right: Mapping[str, Array]) -> dict[str, GradientError]:
    """By parameter, the largest relative error."""
    return {name: _error(given[name], value) for name, value in right.items() if name in given}


def _error(given: Array, right: Array) -> GradientError:
    if given.ndim == 0:
        given = np.broadcast_to(given, right.shape)
    if given.shape != right.shape:
        return GradientError(np.inf, (), np.nan, np.nan, (given.shape, right.shape))
    gap = np.abs(given - right)
    size = np.maximum(np.abs(given), np.abs(right))
    with np.errstate(all="ignore"):
        relative = np.where(gap == 0, 0.0, gap / size)
    relative = np.where(np.isfinite(given), relative, np.inf)
    flat = int(np.argmax(relative)) if relative.size else 0
    index = tuple(int(i) for i in np.unravel_index(flat, relative.shape)) if relative.shape else ()
    return GradientError(float(relative[index]), index, float(given[index]), float(right[index]))


def _unseen(
    cases: Sequence[Case], catalogue: Sequence[Mistake], made: Made | None
) -> tuple[tuple[str, ...], SeparatingInput | None]:
    """Mistakes that leave all cases' gradients as they are but not another input's, and an input that shows most."""
    first = cases[0]
    hidden = [slip for slip in all_slips(first.s, catalogue) if all(_leaves(c, slip, made) for c in cases)]
    others = [drawn(first.s, np.random.default_rng(k), max(first.s.rows, 2), parameters=k > 0) for k in range(2)]
    shown = [slip for slip in hidden if slip.mistake is not FACTOR and any(not _same_there(o, slip) for o in others)]
    if not shown:
        return (), None
    return tuple(dict.fromkeys(map(_title, shown))), separating_input(
        first.s, [(), *([slip] for slip in shown)], first.given
    )


def _leaves(case: Case, slip: Slip, made: Made | None) -> bool:
    make = made or partial(_made, case.s)
    mutant, right = make([slip]), make(())
    return distance({name: right[name] for name in case.given}, mutant, floor_of(right)) <= _UNSEEN


def _same_there(other: Situation, slip: Slip) -> bool:
    with np.errstate(all="ignore"):  # a drawn network may overflow: it then shows nothing
        right = run(other, {}).gradients
        return distance(right, run(other, changes_of([slip])).gradients, floor_of(right)) <= _UNSEEN
