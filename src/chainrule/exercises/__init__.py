"""Exercises about a network: drawn questions, with worked answers taken from the network's own derivations."""

from typing import TYPE_CHECKING, Any, Protocol

from chainrule.core.model import Model

if TYPE_CHECKING:
    from chainrule.exercises.sheet import ExerciseSheet


class HasModel(Protocol):
    """A network: whatever holds a model."""

    @property
    def model(self) -> Model:
        """The chain with its numbers."""
        ...


def exercises(net: HasModel, n: int = 10, seed: int | None = 0, *, x: Any = None, t: Any = None) -> "ExerciseSheet":
    """Draw questions about a network, with worked answers; the kinds of questions alternate.

    The questions are about a copy of the network whose parameters are rounded to two decimals, so that the answers can
    be worked out by hand. The rows are rounded too. The network itself is not changed.

    Args:
        net: a network of at most 200 parameters.
        n: how many questions to draw.
        seed: the seed of the draw; the same seed gives the same sheet. None for a random one.
        x: inputs (N, inputs); None to draw two rows.
        t: targets (N, outputs); None to draw them.

    Returns:
        An ``ExerciseSheet``: the questions and answers, as Markdown, as a notebook, as files or as plain data.

    Raises:
        InputError: an argument cannot be used, the network is too large, or it does not have ``n`` different questions.

    Example:
        >>> from chainrule import Dense, Network
        >>> net = Network(2, [Dense(2, "relu"), Dense(1)], loss="squared_error", seed=0)
        >>> sheet = exercises(net, 3, seed=1, x=[[1.0, 2.0]], t=[[1.0]])
        >>> print(sheet.exercises[0].question)
        What is the net input `z1[1]` on the row?
        >>> print(sheet.exercises[0].working[0])
        z1[1] = W1[0, 1] x[0] + W1[1, 1] x[1] + b1[1] = -0.13 * 1 + 0.1 * 2 + 0 = 0.07
    """
    from chainrule.exercises.drawing import draw  # noqa: PLC0415 - ``import chainrule`` stays fast: drawing imports all of explain

    return draw(net.model, n, seed, x, t)
