"""A small constant beside the outputs in the loss, as in log(y + 1e-7): no mistake, to be told apart from one.

It keeps a logarithm or a quotient finite and changes dE/dy a little, more where an output is near 0 or 1. The forms it
can have are tried in turn; its size is solved for, and the gradients with it must then be the given ones to rounding.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.builtin import is_builtin
from chainrule.core.losses import Loss
from chainrule.marking.agreement import all_agree
from chainrule.marking.backward import run_backward
from chainrule.marking.constants import constants, value_of
from chainrule.marking.distance import distance
from chainrule.marking.evidence import Case, Evidence
from chainrule.marking.factors import factor_instance, sign_instance
from chainrule.marking.forward_context import ForwardContext
from chainrule.marking.hypothesis import Hypothesis
from chainrule.marking.instance import MistakeInstance, all_instances, changes_of, gradients_with
from chainrule.marking.visible import is_visible

LARGEST = 1e-6
"""A larger constant is no guard against a division by zero any more."""

TINY = 1e-3
"""If the constant moves a gradient by more than this share of its size, the gradient is wrong."""

_NEAR = 0.02
"""How near right gradients, or those of one mistake, must come for an epsilon to be solved for."""

_PER_MISTAKE = 1e-3
"""What a mistake or a sign adds to the distance: of two explanations equally near, the simpler is tried first."""

_TRIED = 5
"""How many explanations are tried, the nearest first."""

_STEP = 1e-9
_STEPS = 4
_USUAL = (*(10.0**-k for k in range(16, 5, -1)), *(float(np.finfo(dtype).eps) for dtype in (np.float64, np.float32)))
"""The constants that people write."""

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


# -------------------------------------------------------------------------------- the search
@dataclass(frozen=True, eq=False)
class Epsilon:
    """A small constant in the derivative of the loss.

    Attributes:
        value: its size.
        form: where it stands, such as ``"added to y"``.
        shift: how far it moves the gradients at most, relative to the largest number of each array.
        hypothesis: what explains the numbers together with it.
    """

    value: float
    form: str
    shift: float
    hypothesis: Hypothesis

    @property
    def explanations(self) -> list[Hypothesis]:
        """The hypothesis; none if the constant alone moves the gradients too far to call them right."""
        return [self.hypothesis] if self.shift <= TINY or self.hypothesis.mistakes else []


def epsilon_in(evidence: Evidence, eps: float) -> Epsilon | None:
    """The epsilon with which right gradients, or those of one mistake, are the given ones to rounding, if any."""
    first = evidence.cases[0]
    loss = first.forward.chain.loss
    forms = _FORMS.get(loss.name, {}) if is_builtin(loss) else {}
    for h in _nearest(evidence) if forms else ():
        if not is_visible(first, h, eps):
            continue
        for name, form in forms.items():
            for value in _candidates(first, form, h):
                if all(_fits(case, form, value, h, eps) for case in evidence.cases):
                    return Epsilon(value, name, max(_shift(case, form, value, h) for case in evidence.cases), h)
    return None


def _nearest(evidence: Evidence) -> list[Hypothesis]:
    """Right and every single mistake, with every sign and convention: those that come near the numbers."""
    case = evidence.cases[0]
    excluded = ("start", "sign", "factor") if evidence.loss is None else ("start", "sign")
    singles = [
        (instance,)
        for instance in all_instances(case.forward, evidence.catalogue)
        if instance.mistake.place not in excluded and instance.mistake.kind == "mistake"
    ]
    names = ["1"] if evidence.loss is not None else list(constants(case.forward))
    near: list[tuple[float, Hypothesis]] = []
    for instances in ((), *singles):
        computed = gradients_with(case.forward, instances)
        for name, sign in product(names, (1.0, -1.0)):
            scale = sign * value_of(case.forward, name)
            away = distance(case.given, {key: scale * value for key, value in computed.items()})
            if away <= _NEAR or (not instances and scale == 1):
                h = _hypothesis(case.forward, instances, name, sign)
                near.append((away + _PER_MISTAKE * len(h.instances), h))
    return [h for _, h in sorted(near, key=lambda pair: pair[0])[:_TRIED]]


def _hypothesis(forward: ForwardContext, instances: tuple[MistakeInstance, ...], name: str, sign: float) -> Hypothesis:
    convention = None if name == "1" else factor_instance(forward, name)
    return Hypothesis((sign_instance(forward), *instances) if sign < 0 else instances, convention)


def _candidates(case: Case, form: Form, h: Hypothesis) -> Iterator[float]:
    """The epsilon that is solved for, then the usual ones: a bound that y is clipped to cannot be solved for."""
    found = _solve(case, form, h)
    if found is not None:
        yield found
    yield from _USUAL


def _solve(case: Case, form: Form, h: Hypothesis) -> float | None:
    """The epsilon whose gradients are nearest, by Newton's steps with the slope at a small epsilon."""
    given = _flat(case, case.given)
    start = _flat(case, _gradients(case.forward, form, 0.0, h))
    if given.shape != start.shape:
        return None
    slope = (_flat(case, _gradients(case.forward, form, _STEP, h)) - start) / _STEP
    size = float(slope @ slope)
    if not np.isfinite(size) or size == 0:
        return None
    value = 0.0
    for _ in range(_STEPS):
        value += float((given - _flat(case, _gradients(case.forward, form, value, h))) @ slope) / size
        if not 0 < value <= LARGEST:
            return None
    return value


def _gradients(forward: ForwardContext, form: Form, value: float, h: Hypothesis) -> dict[str, Array]:
    """The gradients of a hypothesis with an epsilon in the derivative of the loss."""
    by_row = form(forward.chain.loss, forward.y, forward.t, value)
    changes = {**changes_of(h.recipe), ("start", 0): lambda forward: forward.batch_derivative(by_row)}
    return run_backward(forward, changes).gradients


def _fits(case: Case, form: Form, value: float, h: Hypothesis, eps: float) -> bool:
    return all_agree(case.given, _gradients(case.forward, form, value, h), case.response.tolerance(eps))


def _shift(case: Case, form: Form, value: float, h: Hypothesis) -> float:
    """How far the epsilon moves the gradients that were given."""
    moved = {name: array for name, array in _gradients(case.forward, form, value, h).items() if name in case.given}
    return distance(moved, gradients_with(case.forward, h.recipe))


def _flat(case: Case, gradients: Mapping[str, Array]) -> Array:
    return np.concatenate([np.ravel(gradients[name]) for name in case.given])
