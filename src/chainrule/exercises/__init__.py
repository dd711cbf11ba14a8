"""Exercises about a network: questions drawn by a seed, with worked answers taken from its own derivations."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from chainrule.exercises.sheet import ExerciseSheet
    from chainrule.network import Network


def exercises(net: "Network", n: int = 10, seed: int | None = 0, *, x: Any = None, t: Any = None) -> "ExerciseSheet":
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
        What is the net input `z1[1]` on the row?
        >>> print(sheet.exercises[0].working[0])
        z1[1] = W1[0, 1] x[0] + W1[1, 1] x[1] + b1[1] = -0.13 * 1 + 0.1 * 2 + 0 = 0.07
    """
    from chainrule.exercises.drawing import draw  # noqa: PLC0415 - only for those who ask for exercises

    return draw(net.model, n, seed, x, t)
