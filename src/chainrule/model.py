"""A chain with its numbers: what the rooms hand to each other."""

from dataclasses import dataclass

from chainrule.chain import Chain
from chainrule.layers import Record
from chainrule.parameters import Parameters


@dataclass
class Model:
    """A chain, its parameters and its layers' state; training changes the last two.

    Attributes:
        chain: the declaration.
        parameters: by name, views of one vector.
        state: for each layer, what it keeps besides parameters (running statistics).
    """

    chain: Chain
    parameters: Parameters
    state: tuple[Record, ...]
