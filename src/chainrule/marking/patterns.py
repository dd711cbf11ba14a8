"""If no mistake explains the gradients: what the ratios of wrong to right numbers have in common, in sentences."""

from collections.abc import Iterator, Mapping

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.chain import Chain
from chainrule.core.format import number

_CLOSE = 1e-6


def patterns(chain: Chain, given: Mapping[str, Array], right: Mapping[str, Array]) -> tuple[str, ...]:
    """Where, from the top down, the first wrong gradients are; then a sentence for each parameter that is off.

    Args:
        chain: the network.
        given: the learner's gradients by name.
        right: the right gradients by name.
    """
    names = [slot.name for slot in chain.slots if slot.name in given]
    wrong = [name for name in names if not _close(given[name], right[name])]
    return (*_where(chain, names, wrong), *(f"{name}: {_pattern(given[name], right[name])}" for name in wrong))


def _where(chain: Chain, names: list[str], wrong: list[str]) -> Iterator[str]:
    """The lowest layer above which all is right."""
    layers = {slot.name: slot.layer for slot in chain.slots}
    top = max((layers[name] for name in wrong), default=0)
    above = sorted({layers[name] for name in names if layers[name] > top})
    if not wrong:
        yield "All numbers agree to six digits, but not to rounding: look for single precision or a rounded constant."
    elif above:
        which = f"layer {above[0]}" if len(above) == 1 else f"layers {above[0]} to {above[-1]}"
        yield f"The gradients of {which} are right: on the way down, the first wrong ones are those of layer {top}."


def _pattern(given: Array, right: Array) -> str:
    """The simplest description of one array."""
    if not np.isfinite(given).all():
        return "not all numbers are finite"
    if given.shape == right.shape[::-1] and _close(given.T, right):
        return "the transpose of what it should be"
    if given.shape != right.shape:
        return f"has the shape {given.shape}, not {right.shape}"
    if not given.any():
        return "all zero"
    with np.errstate(all="ignore"):
        ratio = given / right
    return _multiple(ratio) or _rearranged(given, right) or _spread(ratio)


def _multiple(ratio: Array) -> str:
    """One factor for all, for each column, or for each row."""
    factor = _constant(ratio)
    if factor:
        return f"{factor} times what it should be"
    if ratio.ndim == 2:
        for lines, word in ((ratio.T, "column"), (ratio, "row")):
            factors = [_constant(line) for line in lines]
            if min(lines.shape) > 1 and all(factors):
                return f"each {word} is a multiple of what it should be: {', '.join(factors)} times"
    return ""


def _rearranged(given: Array, right: Array) -> str:
    """The right numbers elsewhere, or some of them in place."""
    if _close(np.sort(given.ravel()), np.sort(right.ravel())):
        return "the right numbers in another order"
    same = int(np.isclose(given, right, rtol=_CLOSE, atol=0).sum())
    return f"{same} of {given.size} numbers are right" if same else ""


def _spread(ratio: Array) -> str:
    known = ratio[np.isfinite(ratio)]
    span = f": ratios from {number(known.min(), 4)} to {number(known.max(), 4)}" if known.size else ""
    return "no simple pattern" + span


def _constant(ratio: Array) -> str:
    """The value that all ratios have in common, as text; empty if there is none. 0/0 agrees with any value."""
    known = ratio[~np.isnan(ratio)]
    if known.size and np.isfinite(known).all() and np.ptp(known) <= _CLOSE * np.abs(known).max():
        return number(float(known.mean()), 6)
    return ""


def _close(given: Array, right: Array) -> bool:
    if given.ndim and given.shape != right.shape:
        return False
    return bool(np.abs(given - right).max(initial=0.0) <= _CLOSE * np.abs(right).max(initial=0.0))
