"""Parameters of estimators: a row each, with its default, what it must be, and its documentation.

An estimator is a dataclass of such rows. ``dataclasses`` writes the ``__init__`` that scikit-learn asks for: it takes
each parameter by name and does nothing but store it. The words of the constraints are scikit-learn's.
"""

import inspect
import math
import textwrap
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from functools import wraps
from numbers import Integral, Real
from typing import Any, TypeVar, cast

import numpy as np

from chainrule.core.lookup import plain_number
from chainrule.errors import InputError

Fit = TypeVar("Fit", bound=Callable[..., Any])
Class = TypeVar("Class", bound=type)


# -------------------------------------------------------------------------------- constraints
@dataclass(frozen=True)
class Constraint:
    """What a parameter must be.

    Attributes:
        description: as an error names it.
        fits: whether a value is that.
    """

    description: str
    fits: Callable[[Any], bool]

    def __or__(self, other: "Constraint") -> "Constraint":
        return Constraint(f"{self.description} or {other.description}", lambda v: self.fits(v) or other.fits(v))


def one_of(options: Sequence[str]) -> Constraint:
    """One of these texts."""
    return Constraint(f"a str among {{{', '.join(map(repr, options))}}}", lambda v: isinstance(v, str) and v in options)


def real(interval: str, fits: Callable[[float], bool]) -> Constraint:
    """A number, neither NaN nor a boolean."""
    return Constraint(f"a float in the range {interval}", lambda v: is_a(v, Real) and not math.isnan(v) and fits(v))


def whole(least: int) -> Constraint:
    """A whole number from ``least``."""
    return Constraint(f"an int in the range [{least}, inf)", lambda v: is_a(v, Integral) and v >= least)


def instance(kind: Any, description: str) -> Constraint:
    """An instance of a class."""
    return Constraint(description, lambda v: isinstance(v, kind))


def list_of(each: Constraint, description: str) -> Constraint:
    """A list or an array of such values."""
    return Constraint(
        description,
        lambda v: isinstance(v, Sequence | np.ndarray) and not isinstance(v, str) and all(map(each.fits, v)),
    )


def is_a(value: Any, kind: type) -> bool:
    """Whether the value is a number of that kind; a boolean is none."""
    return isinstance(value, kind) and not isinstance(value, bool | np.bool_)


ANYTHING = Constraint("anything", lambda v: True)  # noqa: ARG005 - whoever uses the parameter checks it
NONE = Constraint("None", lambda v: v is None)
BOOLEAN = Constraint("an instance of 'bool'", lambda v: isinstance(v, bool | np.bool_))
POSITIVE = real("(0.0, inf)", lambda v: v > 0)
NOT_NEGATIVE = real("[0.0, inf)", lambda v: v >= 0)
BELOW_ONE = real("[0.0, 1.0)", lambda v: 0 <= v < 1)
FRACTION = real("(0.0, 1.0)", lambda v: 0 < v < 1)
CALLABLE = Constraint("a callable", callable)


# -------------------------------------------------------------------------------- rows
def parameter(default: Any, constraint: Constraint, documentation: str) -> Any:
    """A row: a field of an estimator, which is a dataclass."""
    return field(default=default, metadata={"constraint": constraint, "documentation": documentation})


def documented(attributes: str = "") -> Callable[[Class], Class]:
    """A decorator that fills in a docstring: ``{parameters}`` by the rows, ``{attributes}`` by what several share.

    Args:
        attributes: the documentation of fitted attributes that several estimators share.

    Example:
        >>> @documented()
        ... @dataclass
        ... class Estimator:
        ...     '''{parameters}'''
        ...     alpha: float = parameter(0.1, POSITIVE, "the penalty.")
        >>> Estimator.__doc__
        'alpha: the penalty.'
    """

    def fill_in(cls: Class) -> Class:
        rows = {row.name: row.metadata["documentation"] for row in fields(cls)}
        signature = [name for name in inspect.signature(cls.__init__).parameters if name in rows]
        texts = {"{parameters}": "\n".join(map(_entry, signature, map(rows.__getitem__, signature))),
                 "{attributes}": inspect.cleandoc(attributes)}  # fmt: skip
        lines = [_indented(texts, line) for line in (cls.__doc__ or "").split("\n")]  # no docstrings with python -OO
        cls.__doc__ = "\n".join(lines) if cls.__doc__ else None
        return cls

    return fill_in


def _entry(name: str, documentation: str) -> str:
    """A parameter's lines in a docstring."""
    return textwrap.fill(
        f"{name}: {documentation}", 110, subsequent_indent="    ", break_long_words=False, break_on_hyphens=False
    )


def _indented(texts: dict[str, str], line: str) -> str:
    """The text in the place of its name, as far to the right as that stood; any other line as it is."""
    text = texts.get(line.strip())
    return line if text is None else textwrap.indent(text, line[: len(line) - len(line.lstrip())])


# -------------------------------------------------------------------------------- fitting
def check_parameters(estimator: Any) -> None:
    """Refuse parameters that cannot be used, before anything is changed.

    Raises:
        InputError: one of them is not what its row says.
    """
    constraints = {row.name: row.metadata["constraint"] for row in fields(estimator)}
    for name, value in estimator.get_params(deep=False).items():
        constraint = constraints.get(name, ANYTHING)
        if not constraint.fits(value):
            raise InputError(
                f"The {name!r} parameter of {type(estimator).__name__} must be {constraint.description}. "
                f"Got {value!r} instead."
            )


@contextmanager
def unchanged_if_refused(estimator: Any) -> Iterator[None]:
    """What was learned of rows that are then refused is forgotten: the estimator is as it was before."""
    before = dict(vars(estimator))
    try:
        yield
    except Exception:
        vars(estimator).clear()
        vars(estimator).update(before)
        raise


def with_plain_numbers(fit: Fit) -> Fit:
    """A method that computes with the parameters' numbers as Python's own; afterwards they are what was passed.

    scikit-learn asks that parameters stay the very objects that were passed, so they cannot be converted for good.
    """

    @wraps(fit)
    def fitted(self: Any, *args: Any, **kwargs: Any) -> Any:
        given = self.get_params(deep=False)
        numbers = {name: value for name, value in given.items() if plain_number(value) is not value}
        vars(self).update({name: plain_number(value) for name, value in numbers.items()})
        try:
            return fit(self, *args, **kwargs)
        finally:
            vars(self).update(numbers)

    return cast("Fit", fitted)
