"""A mistake made in one variant at one layer, and all that a network offers."""

from collections.abc import Iterable
from dataclasses import dataclass

from chainrule.core.arrays import Array
from chainrule.marking.backward import Change, Changes, Place, run_backward
from chainrule.marking.forward_context import ForwardContext
from chainrule.marking.mistake import Mistake

GLOBAL_PLACES: tuple[Place, ...] = ("start", "rows", "sign", "factor")
"""Places that belong to no layer."""


@dataclass(frozen=True, eq=False)
class MistakeInstance:
    """A mistake made in one variant at one place.

    Attributes:
        mistake: its entry in the catalogue.
        label: the variant's label.
        change: what is computed instead.
        made_at: the number of the layer at which it is made; 0 if its place belongs to no layer.
    """

    mistake: Mistake
    label: str
    change: Change
    made_at: int

    @property
    def where(self) -> tuple[Place, int]:
        """Place and layer: two mistakes cannot be made together at the same one."""
        return self.mistake.place, self.made_at

    @property
    def variant_id(self) -> tuple[str, str]:
        """The mistake's code and the variant: the same at several layers counts as one mistake."""
        return self.mistake.code, self.label

    @property
    def layer(self) -> int | None:
        """The layer whose numbers are wrong first: on the way down that is the one below; None for all layers."""
        if self.mistake.place in GLOBAL_PLACES:
            return None
        return self.made_at - 1 if self.mistake.place == "down" else self.made_at

    @property
    def identity(self) -> tuple[str, str, Place, int]:
        """Equal for two objects that stand for the same mistake at the same place."""
        return (*self.variant_id, *self.where)

    @property
    def name(self) -> str:
        """``"missing-activation-derivative at layer 1"``."""
        return self.mistake.code + ("" if self.layer is None else f" at layer {self.layer}")


def changes_of(instances: Iterable[MistakeInstance]) -> Changes:
    """The changes of the backward pass that make these mistakes together."""
    return {instance.where: instance.change for instance in instances}


def compose(instances: Iterable[MistakeInstance]) -> bool:
    """Whether these mistakes can be made together: each at a place of its own."""
    places = [instance.where for instance in instances]
    return len(set(places)) == len(places)


def instances_by_place(
    forward: ForwardContext, catalogue: Iterable[Mistake]
) -> dict[tuple[Place, int], list[MistakeInstance]]:
    """Every mistake of the catalogue that can be made in this network, by place and layer."""
    found: dict[tuple[Place, int], list[MistakeInstance]] = {}
    for mistake in catalogue:
        for context in (forward,) if mistake.place in GLOBAL_PLACES else forward.layers:
            l = 0 if isinstance(context, ForwardContext) else context.l
            if mistake.place == "down" and l == 1:
                continue  # below the first layer there is nothing to learn
            for label, change in mistake.variants(context):
                found.setdefault((mistake.place, l), []).append(MistakeInstance(mistake, label, change, l))
    return found


def all_instances(forward: ForwardContext, catalogue: Iterable[Mistake]) -> list[MistakeInstance]:
    """Every mistake of the catalogue that can be made in this network, as one list."""
    return [instance for instances in instances_by_place(forward, catalogue).values() for instance in instances]


def gradients_with(forward: ForwardContext, recipe: Iterable[MistakeInstance]) -> dict[str, Array]:
    """By parameter, the gradients of a backward pass in which these mistakes are made; none for the right ones."""
    return run_backward(forward, changes_of(recipe)).gradients
