"""Drawing a sheet: the kinds of questions alternate until there are enough."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.core.inputs import as_inputs, as_targets
from chainrule.core.layers.checks import check_count
from chainrule.core.model import Model
from chainrule.core.seeds import chosen_seed
from chainrule.errors import InputError
from chainrule.exercises import judgements, values
from chainrule.exercises.exercise import Exercise
from chainrule.exercises.setting import Setting, make_setting
from chainrule.exercises.sheet import ExerciseSheet

Maker = Callable[[Setting, np.random.Generator], Exercise | None]

KINDS: Mapping[str, Maker] = {
    "net input": values.net_input,
    "activation": values.activation,
    "loss": values.loss,
    "delta": values.delta,
    "gradient": values.gradient,
    "sign": judgements.sign,
    "update": values.update,
    "path": judgements.path,
    "dead units": judgements.dead_units,
    "batch gradient": values.batch_gradient,
    "loss fall": values.loss_fall,
}
"""Every kind of question by its name, in the order in which they alternate."""

_TRIES = 20
"""How often a kind is drawn again before it counts as exhausted."""


def draw(model: Model, n: int, seed: int | None, x: Any, t: Any) -> ExerciseSheet:
    """Check the arguments of ``chainrule.exercises`` and draw the sheet.

    Raises:
        InputError: an argument cannot be used, or there are not enough different questions.
    """
    n = check_count("n", n)
    chosen = chosen_seed(seed)
    rng = np.random.default_rng(chosen)
    if x is None and t is not None:
        raise InputError("exercises were given targets t without inputs x: pass both, or x alone.")
    rows = None if x is None else as_inputs(model.chain, x)
    targets = None if t is None or rows is None else as_targets(model.chain, t, len(rows))
    if targets is not None and np.isnan(targets).any():
        raise InputError("exercises need every target, but one is missing (NaN): fill it, or leave the row out.")
    setting = make_setting(model, rows, targets, rng)
    return ExerciseSheet(tuple(_drawn(setting, n, rng)), chosen, setting)


def _drawn(setting: Setting, n: int, rng: np.random.Generator) -> list[Exercise]:
    """Different questions of alternating kinds; a kind without a new question is left out from then on."""
    asked: dict[str, Exercise] = {}
    kinds = list(KINDS.values())
    while kinds and len(asked) < n:
        for make in list(kinds):
            found = next(
                (e for e in (make(setting, rng) for _ in range(_TRIES)) if e and e.question not in asked), None
            )
            if found is None:
                kinds.remove(make)
            elif len(asked) < n:
                asked[found.question] = found
    if len(asked) < n:
        raise InputError(
            f"only {len(asked)} different questions were found for this network, not {n}: ask for fewer, or pass more "
            "rows x."
        )
    return list(asked.values())
