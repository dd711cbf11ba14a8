"""Users' own functions compiled for lanes: the NumPy functions that activations and losses use.

A user-defined activation is written for arrays: ``np.where(z > 0, z, alpha * np.expm1(z))``. Here each of these
functions gets a meaning for ``Lanes``, so that the same function compiles into the same loop as the library's own.
Functions that it calls are compiled with it.
"""

import operator
import types as python
from collections.abc import Callable
from typing import Any

import numpy as np
from numba import njit
from numba.core import types
from numba.core.typing.templates import AbstractTemplate, AttributeTemplate, infer_getattr
from numba.extending import (
    lower_builtin,
    lower_getattr,
    models,
    overload,
    overload_method,
    register_model,
)

from chainrule.engine.lanes import functions as f
from chainrule.engine.lanes.bits import lane_wise
from chainrule.engine.lanes.simd import Lanes, Mask, define, intrinsic, select, sqrt

# -------------------------------------------------------------------------------- words for which there is a function
_SAME = {
    np.exp: f.exp, np.expm1: f.expm1, np.log: f.log, np.log1p: f.log1p, np.tanh: f.tanh, np.sqrt: sqrt, np.sign: f.sign,
    **{
        getattr(np, name): lane_wise(c_name)
        for name, c_name in (
            ("sin", "sin"), ("cos", "cos"), ("tan", "tan"), ("arctan", "atan"), ("arcsin", "asin"), ("arccos", "acos"),
            ("sinh", "sinh"), ("cosh", "cosh"), ("arcsinh", "asinh"), ("log2", "log2"), ("log10", "log10"),
            ("exp2", "exp2"), ("cbrt", "cbrt"),
        )
    },
}  # fmt: skip


def _one(word: Any, function: Any) -> None:
    @overload(word, strict=False)
    def meaning(v: Any) -> Any:
        return (lambda v: function(v)) if isinstance(v, Lanes) else None


for _word, _function in _SAME.items():
    _one(_word, _function)


def _absolute(word: Any) -> None:
    @overload(word, strict=False)
    def meaning(v: Any) -> Any:
        return (lambda v: abs(v)) if isinstance(v, Lanes) else None


_absolute(np.abs)
_absolute(np.fabs)


def _is_plain(kind: Any) -> bool:
    return isinstance(kind, types.Number | types.Literal | types.Boolean)


def _two(word: Any, function: Any) -> None:
    """A word for two operands, at least one of them lanes."""

    @overload(word, strict=False)
    def meaning(a: Any, b: Any) -> Any:
        if isinstance(a, Lanes) and (a == b or _is_plain(b)):
            return lambda a, b: function(a, b)
        if isinstance(b, Lanes) and _is_plain(a):
            return lambda a, b: function(b, a)
        return None


_two(np.maximum, f.maximum)
_two(np.minimum, f.minimum)


@overload(np.square, strict=False)
def _square(v: Any) -> Any:
    return (lambda v: v * v) if isinstance(v, Lanes) else None


@overload(np.clip, strict=False)
def _clip(v: Any, low: Any, high: Any) -> Any:
    return (lambda v, low, high: f.clip(v, low, high)) if isinstance(v, Lanes) else None


@overload(np.where, strict=False)
def _where(mask: Any, a: Any, b: Any) -> Any:
    if not isinstance(mask, Mask):
        return None
    if isinstance(a, Lanes) or isinstance(b, Lanes):
        return lambda mask, a, b: select(mask, a, b)
    return None


@overload(np.zeros_like, strict=False)
def _zeros_like(v: Any) -> Any:
    return (lambda v: f.like(v, 0.0)) if isinstance(v, Lanes) else None


@overload(np.ones_like, strict=False)
def _ones_like(v: Any) -> Any:
    return (lambda v: f.like(v, 1.0)) if isinstance(v, Lanes) else None


@overload(np.full_like, strict=False)
def _full_like(v: Any, number: Any) -> Any:
    return (lambda v, number: f.like(v, number)) if isinstance(v, Lanes) else None


@overload_method(Lanes, "copy")
def _copy(v):  # noqa: ANN001 - as Numba compares the two signatures
    return lambda v: v


# -------------------------------------------------------------------------------- powers
class _PowerTyping(AbstractTemplate):
    key = operator.pow

    def generic(self, args: Any, kws: Any) -> Any:
        del kws
        base, power = args
        return base(*args) if isinstance(base, Lanes) and _is_plain(power) else None


define(operator.pow, _PowerTyping)


def _power(v: Any, power: Any) -> Any:
    """Whole powers by multiplying; others by exp and log, as ``v`` must then be positive."""
    whole = int(power)
    if whole == power and abs(whole) <= 64:
        result = f.like(v, 1.0)
        for _ in range(abs(whole)):
            result = result * v
        return result if whole >= 0 else 1.0 / result
    return f.exp(f.log(v) * power)


def _lower_power(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    return context.compile_internal(builder, _power, signature, args)


for _kind in (types.Integer, types.Float, types.Literal):
    lower_builtin(operator.pow, Lanes, _kind)(_lower_power)


# -------------------------------------------------------------------------------- z.dtype, z.dtype.type(1), astype
class _DtypeOf(types.Type):
    """What ``z.dtype`` is: it serves to make numbers and masks into that dtype."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        super().__init__(f"DtypeOf({lanes})")


class _Maker(types.Callable):
    """What ``z.dtype.type`` is: a function that makes a number of that dtype."""

    def __init__(self, lanes: Lanes) -> None:
        self.lanes = lanes
        super().__init__(f"Maker({lanes})")

    def get_call_type(self, context: Any, args: Any, kws: Any) -> Any:
        del context, kws
        return self.lanes.dtype(args[0])

    def get_call_signatures(self) -> Any:
        return [], False

    def get_impl_key(self, sig: Any) -> Any:
        del sig
        return _Maker


register_model(_DtypeOf)(models.OpaqueModel)
register_model(_Maker)(models.OpaqueModel)


@infer_getattr
class _LanesAttributes(AttributeTemplate):
    key = Lanes

    def resolve_dtype(self, lanes: Any) -> Any:
        return _DtypeOf(lanes)


@infer_getattr
class _DtypeAttributes(AttributeTemplate):
    key = _DtypeOf

    def resolve_type(self, dtype: Any) -> Any:
        return _Maker(dtype.lanes)


@lower_getattr(Lanes, "dtype")
@lower_getattr(_DtypeOf, "type")
def _nothing(context: Any, builder: Any, kind: Any, value: Any) -> Any:
    del builder, kind, value
    return context.get_dummy_value()


@lower_builtin(_Maker, types.Any)
def _make(context: Any, builder: Any, signature: Any, args: Any) -> Any:
    return context.cast(builder, args[-1], signature.args[-1], signature.return_type)


@intrinsic
def _as_numbers(typing_context: Any, mask: Any, dtype: Any) -> Any:
    """A mask as 1 and 0."""
    del typing_context
    lanes = dtype.lanes

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.uitofp(args[0], context.get_value_type(signature.return_type))

    return lanes(mask, dtype), emit


@overload_method(Mask, "astype")
def _mask_astype(mask, dtype):  # noqa: ANN001 - as above
    return (lambda mask, dtype: _as_numbers(mask, dtype)) if isinstance(dtype, _DtypeOf) else None


@overload_method(Lanes, "astype")
def _lanes_astype(v, dtype):  # noqa: ANN001 - as above
    return (lambda v, dtype: v) if isinstance(dtype, _DtypeOf) else None  # noqa: ARG005


# -------------------------------------------------------------------------------- functions that call functions
def compiled(function: Callable[..., Any], known: dict[Any, Any] | None = None) -> Any:
    """A Python function ready to be called from a kernel, and with it the Python functions that it calls."""
    known = {} if known is None else known
    if not isinstance(function, python.FunctionType):
        return function
    if function not in known:
        known[function] = None  # a function that calls itself is left to Numba, which refuses it
        names = {
            name: compiled(value, known) if isinstance(value, python.FunctionType) else value
            for name, value in function.__globals__.items()
            if name in function.__code__.co_names or name == "__builtins__"
        }
        cells = tuple(
            python.CellType(
                compiled(cell.cell_contents, known)
                if isinstance(cell.cell_contents, python.FunctionType)
                else cell.cell_contents
            )
            for cell in function.__closure__ or ()
        )
        copy = python.FunctionType(function.__code__, names, function.__name__, function.__defaults__, cells or None)
        copy.__kwdefaults__ = function.__kwdefaults__
        known[function] = njit(error_model="numpy")(copy)
    return known[function]


def called(function: Callable[..., Any], arguments: tuple[str, ...], names: tuple[str, ...]) -> Any:
    """``call(*arguments, p)``: the function with its constants handed by name from the tuple ``p``."""
    passed = ", ".join([*arguments, *(f"{name}=p[{k}]" for k, name in enumerate(names))])
    made: dict[str, Any] = {"inner": compiled(function)}
    exec(f"def call({', '.join(arguments)}, p):\n    return inner({passed})", made)  # noqa: S102 - identifiers, as keywords are
    return njit(error_model="numpy", forceinline=True)(made["call"])


def activation(phi: Callable[..., Any], phi_prime: Callable[..., Any], names: tuple[str, ...]) -> Any:
    """An own activation as the library's twins are: ``(z, p) -> (a, slope)``."""
    value, prime = called(phi, ("z",), names), called(phi_prime, ("z",), names)

    @f.lane_function
    def both(z: Any, p: Any) -> Any:
        return f.like(z, 0.0) + value(z, p), f.like(z, 0.0) + prime(z, p)

    return both


def loss(term: Callable[..., Any], term_prime: Callable[..., Any], names: tuple[str, ...]) -> Any:
    """An own loss's term as the library's twins are: ``(y, t, p) -> (e, slope)``."""
    value, prime = called(term, ("y", "t"), names), called(term_prime, ("y", "t"), names)

    @f.lane_function
    def both(y: Any, t: Any, p: Any) -> Any:
        return f.like(y, 0.0) + value(y, t, p), f.like(y, 0.0) + prime(y, t, p)

    return both
