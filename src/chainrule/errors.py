"""Every error the library raises on purpose: one family, so that one ``except`` catches it.

An error says what is wrong, where, what was found and what to do about it.
"""


class ChainruleError(Exception):
    """The family: catch this to catch every error raised on purpose."""


class InputError(ChainruleError, ValueError):
    """An argument cannot be used as it is: a shape, a name, a number out of range."""


class UnknownComponentError(InputError):
    """A name stands for no activation, loss, layer, initialiser or optimizer that is known."""


class UnknownNameError(InputError, KeyError):
    """A mapping of the library has no such name; a ``KeyError`` too, as every mapping promises."""

    __str__ = Exception.__str__  # KeyError's own would put the message in quotes


class CompileError(InputError):
    """A user's function cannot be compiled; the reference engine runs it as it is."""


class FormatError(ChainruleError, ValueError):
    """A file is not what it should be: damaged, truncated, of another kind, or made to harm."""


class TableError(ChainruleError, ValueError):
    """A table cannot be used as it is: no rows, a missing column, a target without variety."""


class DivergenceError(ChainruleError, ArithmeticError):
    """Training left the finite numbers; the last good parameters are back in place.

    Attributes:
        history: what was recorded until then (a ``History``).
        epoch: the epoch, counted from 0, in which it happened.
        layer: the number of the first layer whose values are not finite (0: only the loss is not).
    """

    def __init__(self, message: str, *, history: object = None, epoch: int = 0, layer: int = 0) -> None:
        super().__init__(message)
        self.history = history
        self.epoch = epoch
        self.layer = layer
