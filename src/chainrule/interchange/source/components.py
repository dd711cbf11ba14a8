"""The library's own rows by the names that written code calls them by; a user's own row cannot be written out."""

from types import FunctionType
from typing import NoReturn

from chainrule.core.activations import ACTIVATIONS, IDENTITY, Activation, RowActivation
from chainrule.core.builtin import is_builtin
from chainrule.core.chain import Chain
from chainrule.core.layers import LAYERS
from chainrule.core.losses import LOSSES, Loss
from chainrule.core.unitwise import rows_of
from chainrule.errors import InputError
from chainrule.explain.expression import Symbol, from_formula
from chainrule.explain.render.text import plain
from chainrule.interchange.source import activation_functions as written_activations
from chainrule.interchange.source import loss_functions as written_losses

LONGEST = 70
"""The longest formula that is written out in a comment."""


def check_components(chain: Chain) -> None:
    """Refuse layers, activations and losses that are not the library's: there is no code for them to write.

    Raises:
        InputError: names the first one.
    """
    for l, layer in enumerate(chain.layers, start=1):
        if type(layer) not in LAYERS.values():
            _refuse(f"layer {l} is a {type(layer).__name__}, a layer")
        for row in rows_of(layer.activation):
            if not is_builtin(row):
                _refuse(f"the activation {row.name!r} of layer {l} is one")
    if not is_builtin(chain.loss):
        _refuse(f"the loss {chain.loss.name!r} is one")


def _refuse(what: str) -> NoReturn:
    raise InputError(
        f"{what} of your own, whose code cannot be written out: build the network with one of the library's in its "
        "place, export that, and put your own function into the script."
    )


# -------------------------------------------------------------------------------- how they are called
def constants(row: Activation | Loss) -> str:
    """The constants that differ from the table's, as further arguments: ``", alpha=0.2"``."""
    usual = (ACTIVATIONS if isinstance(row, Activation) else LOSSES)[row.name].parameters
    return "".join(f", {name}={value!r}" for name, value in row.parameters.items() if value != usual[name])


def functions_of(row: Activation | Loss) -> list[FunctionType]:
    """The functions that written code calls for it: none for the identity."""
    if row is IDENTITY:
        return []
    if isinstance(row, RowActivation):
        return [written_activations.softmax, written_activations.softmax_pull_back]
    module = written_activations if isinstance(row, Activation) else written_losses
    name = function_name(row)
    return [getattr(module, name), getattr(module, f"{name}_prime")]


def function_name(row: Activation | Loss) -> str:
    """Its function's name: the mean of squared errors is made of squared errors."""
    return "squared_error" if row.name == "mean_squared_error" else row.name


# -------------------------------------------------------------------------------- how they are described
def row_formula(formula: str, fallback: str, **names: str) -> str:
    """A row's formula with its letters replaced; the fallback where it is too long to be read.

    Example:
        >>> row_formula("a*(1 - a)", "sigmoid'(z1)", z="z1", a="a1")
        'a1 (1 - a1)'
    """
    text = plain(from_formula(formula, {letter: Symbol(name) for letter, name in names.items()}))
    return text if len(text) <= LONGEST else fallback
