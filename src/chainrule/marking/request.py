"""The arguments that ``check_backprop``, ``check_step`` and ``check_object`` share, parsed once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.inputs import as_inputs, as_targets
from chainrule.core.layers.checks import check_number
from chainrule.core.lookup import plain_number
from chainrule.core.model import model_of
from chainrule.errors import InputError
from chainrule.marking.constants import constants, names_of
from chainrule.marking.forward_context import ForwardContext, run_forward
from chainrule.marking.mistake import Mistake
from chainrule.marking.mistakes import CATALOGUE
from chainrule.marking.reading import Layout

Rows = Literal["together", "one by one"]
"""Whether a step makes one update from all rows, or one after each row."""


@dataclass(frozen=True, eq=False)
class Request:
    """What the learner asks to have marked, without the numbers to be marked.

    Attributes:
        forward: the forward pass of the network on the given rows.
        catalogue: the mistakes to look for: the library's and the caller's own.
        loss: the constant by which the learner's loss is a multiple of the network's; None if it was not given.
        digits: decimals to which printed numbers are known; None for all.
        layout: how the learner stores weights.
    """

    forward: ForwardContext
    catalogue: tuple[Mistake, ...]
    loss: str | None
    digits: int | None
    layout: Layout

    @property
    def half_digit(self) -> float:
        """Half a unit of the last printed decimal; 0 if numbers are known in full."""
        return 0.0 if self.digits is None else 0.5 * 10.0**-self.digits


def parse_request(
    net: Any,
    x: Any,
    t: Any,
    *,
    learning_rate: float | None,
    loss: Any,
    digits: Any,
    layout: Layout,
    mistakes: Sequence[Mistake],
    is_step: bool = False,
) -> Request:
    """Check the arguments of ``check_backprop`` or ``check_step`` and run the network forward.

    Args:
        net: the network, still to be checked, like all that follows.
        x: inputs (N, inputs).
        t: targets (N, outputs).
        learning_rate: eta; None if it is not known.
        loss: the learner's loss; None if it is not known.
        digits: number of printed decimals; None for all.
        layout: how the learner stores weights.
        mistakes: the caller's own, which are added to the catalogue.
        is_step: whether an update is marked, which needs its learning rate.

    Raises:
        InputError: an argument cannot be used.
    """
    model = model_of(net)
    if learning_rate is not None or is_step:
        learning_rate = check_number("learning_rate", learning_rate, 0.0, np.inf, low_open=True)
    inputs = as_inputs(model.chain, x)
    forward = run_forward(model, inputs, as_targets(model.chain, t, len(inputs)), learning_rate)
    constant = None if loss is None else loss_constant(forward, loss)
    return Request(forward, (*CATALOGUE, *mistakes), constant, _decimals(digits), layout)


def loss_constant(forward: ForwardContext, loss: Any) -> str:
    """The constant by which the learner's loss is a multiple of the network's, ``"1"`` if both are the same.

    Raises:
        InputError: there is none: the forward passes differ, so the backward passes cannot be compared.
    """
    ours = maths.batch_loss(forward.chain, forward.y, forward.t)
    try:
        ratio = float(loss) / ours if ours else 1.0
    except (TypeError, ValueError):
        raise InputError(f"loss must be the number that your code gives for x and t, got {loss!r}.") from None
    for value in constants(forward).values():
        if abs(ratio - value) <= 1e-5 * value:
            return names_of(forward, value)[0]
    raise InputError(
        f"your loss for x and t is {float(loss):.10g}, this network's is {ours:.10g}: the forward passes or the losses "
        "differ, so mark the backward pass against a network with your activations, parameters and loss."
    )


def _decimals(digits: Any) -> int | None:
    digits = plain_number(digits)
    if digits is not None and (isinstance(digits, bool) or not isinstance(digits, int) or not 0 <= digits <= 17):
        raise InputError(f"digits must be a whole number of decimals from 0 to 17, got {digits!r}.")
    return digits
