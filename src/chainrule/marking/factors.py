"""The sign and the factor of all gradients, as instances of the catalogue's entries."""

from chainrule.marking.constants import constants, names_of
from chainrule.marking.forward_context import ForwardContext
from chainrule.marking.instance import MistakeInstance
from chainrule.marking.mistakes import FACTOR, SIGN
from chainrule.marking.mistakes.scale import FIXED_ROWS, scaling


def sign_instance(forward: ForwardContext) -> MistakeInstance:
    """All gradients times -1."""
    return MistakeInstance(SIGN, "", next(iter(SIGN.variants(forward))).change, 0)


def factor_instance(forward: ForwardContext, name: str, *, alone: bool = False) -> MistakeInstance:
    """All gradients times a constant, labelled by its name or, unless ``alone``, all its names: ``"2 (or N)"``."""
    first, *rest = [name] if alone else names_of(forward, constants(forward)[name])
    label = f"{first} (or {', '.join(rest)})" if rest else first
    return MistakeInstance(FACTOR, label, scaling(name).change, 0)


def free_factor(ratio: float) -> MistakeInstance:
    """All gradients times a number that is none of the constants."""
    return MistakeInstance(FACTOR, f"{ratio:.6g}", lambda forward, gradient: ratio * gradient, 0)  # noqa: ARG005


def rows_factor(value: float, power: int) -> MistakeInstance:
    """A factor that is a number times the rows (power 1), divided by them (-1), or does not depend on them (0)."""
    if not power:
        return free_factor(value)
    under = f"-N/{-1 / value:.6g}" if value < 0 else f"N/{1 / value:.6g}"
    label = f"{value:.6g}/N" if power < 0 else under if abs(value) < 1 else f"{value:.6g} N"
    entry = FIXED_ROWS if power > 0 else FACTOR
    return MistakeInstance(entry, label, lambda forward, gradient: value * float(forward.rows) ** power * gradient, 0)
