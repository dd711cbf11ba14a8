"""What the catalogue is made of: a mistake, its variants, and a mistake made at a certain layer (a slip)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from chainrule.marking.backward import Change, Changes, Place
from chainrule.marking.forward_context import Situation

GLOBAL_PLACES: tuple[Place, ...] = ("start", "rows", "sign", "factor")
"""Places that belong to no layer."""


class Variant(NamedTuple):
    """One way to make a mistake: its label, such as ``"tanh"``, and what is computed instead."""

    label: str
    change: Change


@dataclass(frozen=True, eq=False)
class Mistake:
    r"""One row of the catalogue: a small change of the backward pass, and what a learner is told of it.

    Attributes:
        code: its name, such as ``"missing-activation-derivative"``.
        place: where in the backward pass it is made; see ``chainrule.marking.backward``.
        explanation: what was done, why it is wrong and what to write instead; ``{v}`` is the variant's label, ``{l}``
            the number of the layer at whose place it is made, ``{k}`` the one below, ``{phi}`` its activation.
        right, wrong: the line of mathematics as it is and as it was written, with the same placeholders.
        right_latex, wrong_latex: the same for a notebook.
        variants: from the place (a ``Site``; a ``Situation`` where the place belongs to no layer) to the ways of
            making it there; none where it does not apply.
        kind: ``"mistake"``, or ``"kink"`` for a choice at a kink, which is none.

    The changes are called by place: ``start(s)``, ``rows(s, dy)``, ``delta(at, da)``, ``input(at)``,
    ``weights(at, source, delta, da)``, ``bias(at, delta, da)``, ``update(at, gradient)``, ``down(at, delta, own)``
    with ``own`` the layer's gradients by key, ``sign(s, gradient)`` and ``factor(s, gradient)``.

    Example:
        >>> halved = Mistake(
        ...     code="halved-delta", place="delta", explanation="delta{l} is half of what it should be.",
        ...     right="delta{l} = da{l} {phi}'(z{l})", wrong="delta{l} = da{l} {phi}'(z{l})/2",
        ...     right_latex=r"\delta_{l}", wrong_latex=r"\delta_{l}/2",
        ...     variants=lambda at: [Variant("", lambda at, da: da * at.activation.derivative(at.z) / 2)],
        ... )
    """

    code: str
    place: Place
    explanation: str = field(kw_only=True)
    right: str = field(kw_only=True)
    wrong: str = field(kw_only=True)
    right_latex: str = field(kw_only=True)
    wrong_latex: str = field(kw_only=True)
    variants: Callable[[Any], Iterable[Variant]] = field(kw_only=True)
    kind: Literal["mistake", "kink"] = field(default="mistake", kw_only=True)


@dataclass(frozen=True, eq=False)
class Slip:
    """A mistake made in one way at one place.

    Attributes:
        mistake: which.
        label: its variant.
        change: what is computed instead.
        at: the number of the layer whose site it is made at; 0 if the place belongs to no layer.
    """

    mistake: Mistake
    label: str
    change: Change
    at: int

    @property
    def key(self) -> tuple[Place, int]:
        """The place it takes: two slips at one place do not compose."""
        return self.mistake.place, self.at

    @property
    def what(self) -> tuple[str, str]:
        """The mistake and its variant: made at several layers it is still one."""
        return self.mistake.code, self.label

    @property
    def layer(self) -> int | None:
        """The layer whose numbers it spoils first; on the way down that is the one below."""
        if self.mistake.place in GLOBAL_PLACES:
            return None
        return self.at - 1 if self.mistake.place == "down" else self.at

    @property
    def identity(self) -> tuple[str, str, Place, int]:
        """Equal for the same slip found twice."""
        return (*self.what, *self.key)


def changes_of(slips: Iterable[Slip]) -> Changes:
    """The recipe that makes these mistakes together."""
    return {slip.key: slip.change for slip in slips}


def compose(slips: Iterable[Slip]) -> bool:
    """Whether they can be made together: each at a place of its own."""
    keys = [slip.key for slip in slips]
    return len(set(keys)) == len(keys)


def slips_in(s: Situation, catalogue: Iterable[Mistake]) -> dict[tuple[Place, int], list[Slip]]:
    """Every slip that can be made in this situation, by its place."""
    found: dict[tuple[Place, int], list[Slip]] = {}
    for mistake in catalogue:
        for where in (s,) if mistake.place in GLOBAL_PLACES else s.sites:
            at = 0 if isinstance(where, Situation) else where.l
            if mistake.place == "down" and at == 1:
                continue  # below the first layer there is nothing to learn
            for label, change in mistake.variants(where):
                found.setdefault((mistake.place, at), []).append(Slip(mistake, label, change, at))
    return found


def all_slips(s: Situation, catalogue: Iterable[Mistake]) -> list[Slip]:
    """Every single mistake that can be made here."""
    return [slip for slips in slips_in(s, catalogue).values() for slip in slips]
