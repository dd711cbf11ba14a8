"""The constants by which losses of one form differ: 2, the number of rows N, the number of outputs K."""

import math
from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType

from chainrule.marking.forward_context import ForwardContext

_TWOS = {"": 1.0, "2": 2.0, "1/2": 0.5}


def constants(forward: ForwardContext) -> Mapping[str, float]:
    """By name, the values that a factor may have, the simplest first; of several names of one value the simplest.

    Example:
        >>> import chainrule as cr, numpy as np
        >>> from chainrule.marking.forward_context import run_forward
        >>> net = cr.Network(1, [cr.Dense(1)], seed=0)
        >>> constants(run_forward(net.model, np.zeros((3, 1)), np.zeros((3, 1))))["N"]
        3.0
    """
    return _constants(forward.rows, forward.chain.outputs)


def all_constants(forward: ForwardContext) -> Mapping[str, float]:
    """By name, the values that a factor may have, under all their names: for two rows both ``"2"`` and ``"N"``."""
    return _all(forward.rows, forward.chain.outputs)


def names_of(forward: ForwardContext, value: float) -> list[str]:
    """The simplest names of a value: for two rows, 2 is both ``"2"`` and ``"N"``."""
    named = [name for name, known in all_constants(forward).items() if abs(known - value) <= 1e-12 * value]
    simplest = min(map(_parts, named), default=0)
    return sorted((name for name in named if _parts(name) == simplest), key=_rank)


def value_of(forward: ForwardContext, name: str) -> float:
    """The value of a name such as ``"2 N/K"`` for this many rows and outputs."""
    top, _, under = name.partition("/")
    signs = {"1": 1.0, "2": 2.0, "N": float(forward.rows), "K": float(forward.chain.outputs)}
    over = math.prod(signs[sign] for sign in top.split())
    return over / math.prod(signs[sign] for sign in under.strip("()").split())


@lru_cache(maxsize=256)
def _constants(rows: int, outputs: int) -> Mapping[str, float]:
    by_value: dict[float, str] = {}
    for name, value in sorted(_all(rows, outputs).items(), key=lambda item: _rank(item[0])):
        if not any(abs(value - known) <= 1e-12 * known for known in by_value):
            by_value[value] = name
    return MappingProxyType({name: value for value, name in by_value.items()})


@lru_cache(maxsize=256)
def _all(rows: int, outputs: int) -> Mapping[str, float]:
    """Products of 2, N and K, each to the power 0, 1 or -1, by names such as ``"2 N/K"``."""
    powers = (0, 1, -1)
    by_rows = powers if rows > 1 else (0,)
    by_outputs = powers if outputs > 1 else (0,)
    values = {
        _name(two, n, k): _TWOS[two] * float(rows) ** n * float(outputs) ** k
        for two in _TWOS
        for n in by_rows
        for k in by_outputs
    }
    return MappingProxyType(values)


def _name(two: str, n: int, k: int) -> str:
    powers = (("2", {"": 0, "2": 1, "1/2": -1}[two]), ("N", n), ("K", k))
    over = [sign for sign, power in powers if power > 0]
    under = [sign for sign, power in powers if power < 0]
    top = " ".join(over) or "1"
    return top if not under else f"{top}/{under[0]}" if len(under) == 1 else f"{top}/({' '.join(under)})"


def _rank(name: str) -> tuple[int, bool]:
    """The simplest first; of equally simple ones those with a 2 (of a square), which are the commonest."""
    return _parts(name), "2" not in name


def _parts(name: str) -> int:
    return sum(name.count(sign) for sign in "2NK")
