"""A small constant beside the outputs in the loss, as in log(y + 1e-7): no mistake, told apart from one.

It keeps a logarithm or a quotient finite and changes dE/dy a little, more where an output is near 0 or 1. Which form it
has is tried; how large it is, is solved for, and the gradients that it gives must then be the given ones to rounding.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.builtin import is_builtin
from chainrule.core.losses import Loss
from chainrule.marking.backward import run
from chainrule.marking.constants import constants, value_of
from chainrule.marking.counterexample import distance
from chainrule.marking.evidence import Case, Evidence
from chainrule.marking.forward_context import Situation
from chainrule.marking.hypothesis import Hypothesis, agrees, comparable, factor_slip
from chainrule.marking.mistake import Slip, all_slips, changes_of
from chainrule.marking.mistakes import SIGN
from chainrule.marking.visible import is_visible

LARGEST = 1e-6
"""A larger one is no guard against zero any more."""

TINY = 1e-3
"""Above this share of a gradient's size the numbers are wrong, whatever made them so."""

_NEAR = 0.02
_PER_MISTAKE = 1e-3
_TRIED = 5
_STEP = 1e-9
_STEPS = 4
_USUAL = (*(10.0**-k for k in range(16, 5, -1)), *(float(np.finfo(dtype).eps) for dtype in (np.float64, np.float32)))

Form = Callable[[Loss, Array, Array, float], Array]
"""The derivative of each row's loss by the outputs, from the loss, y, t and epsilon."""


# -------------------------------------------------------------------------------- the forms
def _beside(loss: Loss, y: Array, t: Array, e: float) -> Array:
    return loss.derivative(y + e, t)


def _beside_both(loss: Loss, y: Array, t: Array, e: float) -> Array:
    return t * loss.derivative(y + e, np.ones_like(t)) + (1 - t) * loss.derivative(y - e, np.zeros_like(t))


def _beside_first(loss: Loss, y: Array, t: Array, e: float) -> Array:
    return t * loss.derivative(y + e, np.ones_like(t)) + (1 - t) * loss.derivative(y, np.zeros_like(t))


def _beside_second(loss: Loss, y: Array, t: Array, e: float) -> Array:
    return t * loss.derivative(y, np.ones_like(t)) + (1 - t) * loss.derivative(y - e, np.zeros_like(t))


def _beside_product(loss: Loss, y: Array, t: Array, e: float) -> Array:
    return loss.derivative(y, t) * (y * (1 - y)) / (y * (1 - y) + e)


def _clipped(loss: Loss, y: Array, t: Array, e: float) -> Array:
    return loss.derivative(np.clip(y, e, 1 - e), t)


def _clipped_below(loss: Loss, y: Array, t: Array, e: float) -> Array:
    return loss.derivative(np.maximum(y, e), t)


_FORMS: Mapping[str, Mapping[str, Form]] = {
    "binary_cross_entropy": {
        "added to y and to 1 - y": _beside_both,
        "added to y (1 - y)": _beside_product,
        "added to y": _beside_first,
        "added to 1 - y": _beside_second,
        "the bound that y and 1 - y are clipped to": _clipped,
    },
    "categorical_cross_entropy": {
        "added to y": _beside,
        "the bound that y is clipped to": _clipped_below,
        "the bound that y and 1 - y are clipped to": _clipped,
    },
    "poisson": {"added to y": _beside, "the bound that y is clipped to": _clipped_below},
}


# -------------------------------------------------------------------------------- is there one
@dataclass(frozen=True, eq=False)
class Epsilon:
    """What was found.

    Attributes:
        value: of epsilon.
        form: where it stands.
        away: by how much it moves the gradients at most, relative to the largest number of each array.
        hypothesis: what explains the numbers together with it.
    """

    value: float
    form: str
    away: float
    hypothesis: Hypothesis

    @property
    def found(self) -> list[Hypothesis]:
        """The explanation; none if gradients without a mistake are far off all the same."""
        return [self.hypothesis] if self.away <= TINY or self.hypothesis.mistakes else []

    def __str__(self) -> str:
        return (
            f"In your gradients the derivative of the loss has {self.value:.2g} {self.form}, against a division by "
            f"zero: that moves them by up to {self.away:.1e} of their size."
        )


def epsilon_in(evidence: Evidence, eps: float) -> Epsilon | None:
    """The epsilon with which right gradients, or those of one mistake, are the given ones to rounding, if any."""
    first = evidence.cases[0]
    loss = first.s.chain.loss
    forms = _FORMS.get(loss.name, {}) if is_builtin(loss) else {}
    for h in _nearest(evidence) if forms else ():
        if not is_visible(first, h, eps):
            continue
        for told, form in forms.items():
            for value in _candidates(first, form, h):
                if all(_fits(case, _gradients(case.s, form, value, h), eps) for case in evidence.cases):
                    away = max(_moved(case, form, value, h) for case in evidence.cases)
                    return Epsilon(value, told, away, h)
    return None


def _nearest(evidence: Evidence) -> list[Hypothesis]:
    """Right and every single mistake, with every sign and convention: those that come near the numbers."""
    case = evidence.cases[0]
    starts = ("start", "sign", "factor") if evidence.loss is None else ("start", "sign")
    singles = [slip for slip in all_slips(case.s, evidence.catalogue) if slip.mistake.place not in starts]
    flip = Slip(SIGN, "", next(iter(SIGN.variants(case.s))).change, 0)
    names = ["1"] if evidence.loss is not None else list(constants(case.s))
    near: list[tuple[float, Hypothesis]] = []
    for slips in ((), *((slip,) for slip in singles if slip.mistake.kind == "mistake")):
        made = run(case.s, changes_of(slips)).gradients
        for name, sign in product(names, (1.0, -1.0)):
            scale = sign * value_of(case.s, name)
            away = distance(case.given, {key: scale * value for key, value in made.items()})
            if away <= _NEAR or (not slips and scale == 1):
                near.append((away + _PER_MISTAKE * (len(slips) + (sign < 0)), _of(case, slips, name, flip, sign)))
    return [h for _, h in sorted(near, key=lambda pair: pair[0])[:_TRIED]]


def _of(case: Case, slips: tuple[Slip, ...], name: str, flip: Slip, sign: float) -> Hypothesis:
    convention = None if name == "1" else factor_slip(case.s, name)
    return Hypothesis((flip, *slips) if sign < 0 else slips, convention)


def _candidates(case: Case, form: Form, h: Hypothesis) -> Iterator[float]:
    """The epsilon that is solved for, then the usual ones: a bound that y is clipped to cannot be solved for."""
    found = _solved(case, form, h)
    if found is not None:
        yield found
    yield from _USUAL


def _solved(case: Case, form: Form, h: Hypothesis) -> float | None:
    """Newton's steps for the epsilon whose gradients are nearest, with the slope at a small one kept."""
    given = _flat(case, case.given)
    start = _flat(case, _gradients(case.s, form, 0.0, h))
    slope = (_flat(case, _gradients(case.s, form, _STEP, h)) - start) / _STEP if given.shape == start.shape else start
    size = float(slope @ slope)
    if given.shape != start.shape or not np.isfinite(size) or size == 0:
        return None
    value = 0.0
    for _ in range(_STEPS):
        value += float((given - _flat(case, _gradients(case.s, form, value, h))) @ slope) / size
        if not 0 < value <= LARGEST:
            return None
    return value


def _gradients(s: Situation, form: Form, value: float, h: Hypothesis) -> dict[str, Array]:
    by_row = form(s.chain.loss, s.y, s.t, value)
    changes = {**changes_of(h.all_slips), ("start", 0): lambda s: s.shared_out(by_row)}
    return run(s, changes).gradients


def _moved(case: Case, form: Form, value: float, h: Hypothesis) -> float:
    given = {name: array for name, array in _gradients(case.s, form, value, h).items() if name in case.given}
    return distance(given, run(case.s, changes_of(h.all_slips)).gradients)


def _flat(case: Case, gradients: Mapping[str, Array]) -> Array:
    return np.concatenate([np.ravel(gradients[name]) for name in case.given])


def _fits(case: Case, gradients: Mapping[str, Array], eps: float) -> bool:
    tolerance = case.response.tolerance(eps)
    return all(
        comparable(given, gradients[name]) and agrees(given, gradients[name], 1.0, tolerance, name)
        for name, given in case.given.items()
    )
