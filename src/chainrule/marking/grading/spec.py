"""A network as one line of text: ``"2 -> 2 sigmoid -> 1 sigmoid, squared_error"``."""

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.layers import Dense
from chainrule.core.losses import loss as find_loss
from chainrule.core.model import Model
from chainrule.errors import InputError

_FORM = "write it as '2 -> 3 tanh -> 1 sigmoid, squared_error': inputs, then units and activation of each layer, loss"


def network_of(text: str, seed: int = 0) -> Model:
    """The model that a text describes; weights and biases are drawn, so that no bias is 0.

    Args:
        text: inputs, then units and activation of each layer, joined by ``->``; after a comma the loss.
        seed: the seed of the draw.

    Raises:
        InputError: the text does not have that form.
        UnknownComponentError: there is no activation or loss of that name.

    Example:
        >>> network_of("2 -> 3 tanh -> 1, half_squared_error").chain.units
        (2, 3, 1)
    """
    wiring, comma, name = text.partition(",")
    first, *rest = (part.split() for part in wiring.split("->"))
    if not comma or not rest or len(first) != 1 or any(len(part) not in (1, 2) for part in rest):
        raise InputError(f"{text!r} does not describe a network: {_FORM}.")
    layers = [Dense(_count(part[0], text), part[1] if len(part) == 2 else "identity") for part in rest]
    chain = maths.build(_count(first[0], text), layers, find_loss(name.strip()), np.dtype(np.float64))
    rng = np.random.default_rng(seed)
    parameters = maths.initial_parameters(chain, rng)
    for slot in chain.slots:
        if slot.key == "b":
            parameters[slot.name] = rng.normal(scale=0.3, size=slot.shape)
    return Model(chain, parameters, maths.initial_state(chain))


def _count(text: str, whole: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise InputError(f"{text!r} in {whole!r} is not a number of units: {_FORM}.")
    return int(text)
