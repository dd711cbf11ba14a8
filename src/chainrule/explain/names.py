"""Names of what can be explained: ``"W1[0, 1]"``, ``"b2"``, ``"x[2]"``, ``"a1[0]"``, ``"z1[0]"``, ``"delta1[0]"``."""

import re
from dataclasses import dataclass

from chainrule.core.chain import Chain
from chainrule.errors import InputError
from chainrule.explain.expression import Symbol

_NAME = re.compile(r"\s*([A-Za-z]+?)(\d*)\s*(?:\[\s*(\d+)\s*(?:,\s*(\d+)\s*)?\])?\s*")


@dataclass(frozen=True)
class Wanted:
    """One quantity to be explained.

    Attributes:
        symbol: it, in the alphabet; ``x[2]`` is ``a0[2]``, ``y[0]`` the last layer's activation, ``delta`` its ``z``.
        key: its parameter's name within the layer (``"W"``), or ``"z"`` or ``"a"``.
        layer: its layer.
        index: which number of it.
    """

    symbol: Symbol
    key: str
    layer: int
    index: tuple[int, ...]

    @property
    def is_parameter(self) -> bool:
        """Whether training could change it: else it belongs to one row."""
        return self.key not in ("z", "a")


def parse(chain: Chain, name: str) -> Wanted:
    """The quantity of that name.

    Raises:
        InputError: there is none; the message lists what exists.
    """
    match = _NAME.fullmatch(name) if isinstance(name, str) else None
    if match is None:
        raise InputError(f"{name!r} is not a quantity's name. {_what_exists(chain)}")
    base, layer_text, *index_text = match.groups()
    index = tuple(int(part) for part in index_text if part is not None)
    top = len(chain.layers)
    if base in ("x", "y") and not layer_text:
        key, layer, shape = "a", 0 if base == "x" else top, (chain.units[0 if base == "x" else top],)
        symbol = Symbol(base, None, index)
    elif (
        base in ("z", "a", "delta")
        and layer_text
        and int(layer_text) <= top
        and not (base != "a" and layer_text == "0")
    ):
        layer = int(layer_text)
        key, shape = ("a" if base == "a" else "z"), (chain.units[layer],)
        symbol = Symbol("z" if base == "delta" else base, layer, index)
    else:
        slot = next((slot for slot in chain.slots if slot.name == base + layer_text), None)
        if slot is None:
            raise InputError(f"there is no {name!r} in this network. {_what_exists(chain)}")
        key, layer, shape = slot.key, slot.layer, slot.shape
        symbol = Symbol(slot.key, slot.layer, index)
    if len(index) != len(shape) or any(i >= n for i, n in zip(index, shape, strict=True)):
        raise InputError(f"{name!r} is out of range: {base}{layer_text} is {_range(shape)}. {_what_exists(chain)}")
    return Wanted(symbol, key, layer, index)


def _range(shape: tuple[int, ...]) -> str:
    if not shape:
        return "a single number without index"
    return "indexed from [" + ", ".join("0" for _ in shape) + "] to [" + ", ".join(str(n - 1) for n in shape) + "]"


def _what_exists(chain: Chain) -> str:
    """A line that lists what can be explained."""
    parameters = [f"{slot.name}{_last(slot.shape)}" for slot in chain.slots]
    units = [f"{kind}{l}[0..{chain.units[l] - 1}]" for l in range(1, len(chain.units)) for kind in ("z", "a", "delta")]
    return f"There are {', '.join([*parameters, f'x[0..{chain.inputs - 1}]', *units])}."


def _last(shape: tuple[int, ...]) -> str:
    return "[" + ", ".join(f"0..{n - 1}" for n in shape) + "]" if shape else ""
