"""Exercises about a network: questions drawn by a seed, with worked answers taken from its own derivations."""

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.errors import InputError
from chainrule.explain.exercises import judgements, values
from chainrule.explain.exercises.exercise import Choice, Exercise
from chainrule.explain.exercises.setting import Setting, make_setting
from chainrule.explain.exercises.sheet import ExerciseSheet
from chainrule.layers.checks import check_count
from chainrule.rows import as_inputs, as_targets
from chainrule.seeds import chosen_seed

if TYPE_CHECKING:
    from chainrule.network import Network

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
"""The table: every kind of question by its name, in the order in which a sheet asks."""

_TRIES = 20
"""How often a kind is drawn anew before it counts as used up."""


def exercises(net: "Network", n: int = 10, seed: int | None = 0, *, x: Any = None, t: Any = None) -> ExerciseSheet:
    """``n`` questions about a network, with worked answers; the kinds take turns.

    The questions are about a copy of the network whose parameters are rounded to two decimals, so that they can be
    worked out by hand; the rows are rounded too. The network itself stays as it is.

    Args:
        net: a network of at most 200 parameters.
        n: how many questions.
        seed: of the draw; the same seed gives the same sheet.
        x: inputs (N, inputs); two rows are drawn unless given.
        t: targets (N, outputs); drawn unless given.

    Raises:
        InputError: an argument cannot be used; the network is too large, or has not so many different questions.

    Example:
        >>> from chainrule import Dense, Network
        >>> net = Network(2, [Dense(2, "relu"), Dense(1)], loss="squared_error", seed=0)
        >>> sheet = exercises(net, 3, seed=1, x=[[1.0, 2.0]], t=[[1.0]])
        >>> print(sheet.exercises[0].question)
        What is the net input `z2[0]` on the row?
        >>> print(sheet.exercises[0].answer)
        `z2[0] = 0`
    """
    check_count("n", n)
    chosen = chosen_seed(seed)
    rng = np.random.default_rng(chosen)
    if x is None and t is not None:
        raise InputError("exercises were given targets t without inputs x: pass both, or x alone.")
    rows = None if x is None else as_inputs(net.model.chain, x)
    targets = None if t is None or rows is None else as_targets(net.model.chain, t, len(rows))
    if targets is not None and np.isnan(targets).any():
        raise InputError("exercises need every target, but one is missing (NaN): fill it, or leave the row out.")
    setting = make_setting(net.model, rows, targets, rng)
    return ExerciseSheet(tuple(_drawn(setting, n, rng)), chosen, setting)


def _drawn(setting: Setting, n: int, rng: np.random.Generator) -> list[Exercise]:
    """Different questions, the kinds in turn; a kind that gives no new one drops out."""
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
            f"this network gives {len(asked)} different questions, not {n}: ask for fewer, or pass more rows x."
        )
    return list(asked.values())


__all__ = ["KINDS", "Choice", "Exercise", "ExerciseSheet", "exercises"]
