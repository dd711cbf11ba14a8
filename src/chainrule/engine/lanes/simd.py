"""Lanes: several numbers side by side in one register, and the handful of instructions that kernels are written with.

A processor's vector register holds several numbers, its *lanes*: 16 of float32 in 512 bits, 8 in 256, 4 in 128. One
instruction acts on all lanes at once (SIMD: single instruction, multiple data), so a loop over 16 numbers is one step
instead of 16. Languages leave it to the compiler to find such loops; here they are written down::

    v = load(p, i)           # lanes p[i], p[i + 1], ..., p[i + lanes - 1]
    v = fma(v, w, v)         # v*w + v in each lane, rounded once: what the units of a processor are built to do
    store(p, i, v)

``Lanes`` is a type that Numba did not know: its values are LLVM vectors, and LLVM turns operations on them into the
instructions of the processor at hand, or into several where its registers are narrower. With a single lane the same
code is ordinary scalar code. ``+ - * /`` and comparisons act lane by lane; a plain number beside lanes stands for
itself in each of them. A comparison gives a ``Mask``, a true or false in each lane; there are no branches, as lanes
may disagree: ``select(mask, a, b)`` takes each lane from ``a`` or from ``b``, and both have been computed.

``Pointer`` is an address in memory together with the kind of lanes that are read there. Everything is defined by what
it makes LLVM emit: the functions named after the instruction are the ones that emit it.

References: the LLVM language reference, for each instruction; Fog, Optimizing software in C++, for how to think of it.
"""

import operator
from collections.abc import Callable
from typing import Any, cast

from llvmlite import ir
from numba import extending
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import lower_builtin, models, register_model

I32, I64 = ir.IntType(32), ir.IntType(64)

intrinsic = cast("Callable[..., Any]", extending.intrinsic)
"""Numba's decorator: the function is called with fewer arguments than it is defined with."""


class Lanes(types.Type):
    """``count`` numbers of one dtype, side by side."""

    def __init__(self, dtype: Any, count: int) -> None:
        self.dtype, self.count = dtype, count
        super().__init__(f"Lanes({dtype}, {count})")


class Mask(types.Type):
    """True or false in each of ``count`` lanes."""

    def __init__(self, count: int) -> None:
        self.count = count
        super().__init__(f"Mask({count})")


class Pointer(types.Type):
    """The address of numbers of one dtype, that are read and written ``count`` lanes at a time."""

    def __init__(self, dtype: Any, count: int) -> None:
        self.dtype, self.count = dtype, count
        super().__init__(f"Pointer({dtype}, {count})")

    @property
    def lanes(self) -> Lanes:
        """What is read there."""
        return Lanes(self.dtype, self.count)


def scalar_ir(dtype: Any) -> Any:
    """LLVM's name for one number."""
    return ir.FloatType() if dtype == types.float32 else ir.DoubleType()


def lanes_ir(element: Any, count: int) -> Any:
    """LLVM's name for so many of them; one lane is the number itself."""
    return element if count == 1 else ir.VectorType(element, count)


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Lanes) -> None:
        super().__init__(manager, kind, lanes_ir(scalar_ir(kind.dtype), kind.count))


@register_model(Mask)
class _MaskModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Mask) -> None:
        super().__init__(manager, kind, lanes_ir(ir.IntType(1), kind.count))


@register_model(Pointer)
class _PointerModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Pointer) -> None:
        super().__init__(manager, kind, scalar_ir(kind.dtype).as_pointer())


def define(operation: Any, template: Any) -> None:
    """Tell Numba of one more meaning of an operator or a builtin function."""
    decorator = cast("Callable[..., Any]", infer_global(operation))
    decorator(template)


def _is_number(kind: Any) -> bool:
    return isinstance(kind, types.Number | types.IntegerLiteral | types.Boolean)


def spread_ir(builder: Any, number: Any, kind: Lanes) -> Any:
    """The same number in every lane."""
    if kind.count == 1:
        return number
    vector = lanes_ir(number.type, kind.count)
    first = builder.insert_element(ir.Constant(vector, ir.Undefined), number, I32(0))
    order = ir.Constant(ir.VectorType(I32, kind.count), [0] * kind.count)
    return builder.shuffle_vector(first, ir.Constant(vector, ir.Undefined), order)


def _as_lanes(context: Any, builder: Any, value: Any, found: Any, kind: Lanes) -> Any:
    """Lanes as they are; a plain number in every lane."""
    if isinstance(found, Lanes):
        return value
    return spread_ir(builder, context.cast(builder, value, found, kind.dtype), kind)


def call_ir(builder: Any, name: str, result: Any, arguments: list[Any]) -> Any:
    """A call of one of LLVM's own functions, such as ``llvm.floor.v16f32``."""
    kind = result.element if isinstance(result, ir.VectorType) else result
    letters = "f32" if isinstance(kind, ir.FloatType) else "f64"
    suffix = f"v{result.count}{letters}" if isinstance(result, ir.VectorType) else letters
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(result, [a.type for a in arguments]), f"{name}.{suffix}"
    )
    return builder.call(function, arguments)


def fma_ir(builder: Any, a: Any, b: Any, c: Any) -> Any:
    """``a*b + c``, in one rounding where the processor can."""
    return call_ir(builder, "llvm.fmuladd", a.type, [a, b, c])


def address_ir(builder: Any, pointer: Any, index: Any) -> Any:
    """The address ``index`` numbers further on."""
    return builder.gep(pointer, [index], inbounds=True)


def load_ir(builder: Any, pointer: Any, index: Any, kind: Pointer) -> Any:
    """Lanes from memory, wherever they lie."""
    vector = lanes_ir(scalar_ir(kind.dtype), kind.count)
    loaded = builder.load(builder.bitcast(address_ir(builder, pointer, index), vector.as_pointer()))
    loaded.align = kind.dtype.bitwidth // 8
    return loaded


def store_ir(builder: Any, pointer: Any, index: Any, value: Any, kind: Pointer) -> None:
    """Lanes to memory, wherever they shall lie."""
    stored = builder.store(value, builder.bitcast(address_ir(builder, pointer, index), value.type.as_pointer()))
    stored.align = kind.dtype.bitwidth // 8


def _operator(operation: Any, result_of: Callable[[Lanes], Any], emit_for: Callable[[Any, Any, Any], Any]) -> None:
    """Define an operator for lanes beside lanes, and for lanes beside a plain number."""

    class _Typing(AbstractTemplate):
        key = operation

        def generic(self, args: Any, kws: Any) -> Any:
            del kws
            if len(args) != 2:
                return None
            a, b = args
            if (isinstance(a, Lanes) and (a == b or _is_number(b))) or (isinstance(b, Lanes) and _is_number(a)):
                return result_of(a if isinstance(a, Lanes) else b)(a, b)
            return None

    define(operation, _Typing)

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = next(k for k in signature.args if isinstance(k, Lanes))
        return emit_for(
            builder, *(_as_lanes(context, builder, x, k, kind) for x, k in zip(args, signature.args, strict=True))
        )

    for kinds in (
        (Lanes, Lanes),
        (Lanes, types.Number),
        (types.Number, Lanes),
        (Lanes, types.Literal),
        (types.Literal, Lanes),
    ):
        lower_builtin(operation, *kinds)(emit)


def _emitted(method: str, *before: Any) -> Callable[[Any, Any, Any], Any]:
    """What a builder's method of that name emits."""
    return lambda builder, a, b: getattr(builder, method)(*before, a, b)


for _operation, _method in (
    (operator.add, "fadd"), (operator.sub, "fsub"), (operator.mul, "fmul"), (operator.truediv, "fdiv"),
):  # fmt: skip
    _operator(_operation, lambda kind: kind, _emitted(_method))

for _operation, _sign in (
    (operator.lt, "<"), (operator.le, "<="), (operator.gt, ">"), (operator.ge, ">="), (operator.eq, "=="),
):  # fmt: skip
    # a comparison is false in lanes where either side is NaN, but for !=, true there
    _operator(_operation, lambda kind: Mask(kind.count), _emitted("fcmp_ordered", _sign))
_operator(operator.ne, lambda kind: Mask(kind.count), _emitted("fcmp_unordered", "!="))


def _one_kind(operation: Any, of: Any, operands: int, emit_for: Callable[..., Any]) -> None:
    """Define an operator whose operands are all of one kind of lanes or masks, and whose result is, too."""

    class _Typing(AbstractTemplate):
        key = operation

        def generic(self, args: Any, kws: Any) -> Any:
            del kws
            fits = len(args) == operands and all(isinstance(arg, of) and arg == args[0] for arg in args)
            return args[0](*args) if fits else None

    define(operation, _Typing)

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context, signature
        return emit_for(builder, *args)

    lower_builtin(operation, *[of] * operands)(emit)


_one_kind(operator.and_, Mask, 2, lambda builder, a, b: builder.and_(a, b))
_one_kind(operator.or_, Mask, 2, lambda builder, a, b: builder.or_(a, b))
_one_kind(operator.neg, Lanes, 1, lambda builder, v: builder.fneg(v))
_one_kind(abs, Lanes, 1, lambda builder, v: call_ir(builder, "llvm.fabs", v.type, [v]))


def _unary(emit_for: Callable[[Any, Any], Any]) -> Any:
    """An intrinsic from lanes to lanes of the same kind."""

    @intrinsic
    def lane_by_lane(typing_context: Any, v: Any) -> Any:
        del typing_context

        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            del context, signature
            return emit_for(builder, args[0])

        return v(v), emit

    return lane_by_lane


sqrt = _unary(lambda builder, v: call_ir(builder, "llvm.sqrt", v.type, [v]))
floor = _unary(lambda builder, v: call_ir(builder, "llvm.floor", v.type, [v]))


@intrinsic
def fma(typing_context: Any, a: Any, b: Any, c: Any) -> Any:
    """``a*b + c`` in each lane, rounded once where the processor can; any of them may be a plain number."""
    del typing_context
    kind = next(k for k in (a, b, c) if isinstance(k, Lanes))

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return fma_ir(
            builder, *(_as_lanes(context, builder, x, k, kind) for x, k in zip(args, signature.args, strict=True))
        )

    return kind(a, b, c), emit


@intrinsic
def select(typing_context: Any, mask: Any, a: Any, b: Any) -> Any:
    """``a`` in the lanes where the mask is true, ``b`` in the others; one of them may be a plain number."""
    del typing_context
    kind = a if isinstance(a, Lanes) else b

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        u, v = (_as_lanes(context, builder, x, k, kind) for x, k in zip(args[1:], signature.args[1:], strict=True))
        return builder.select(args[0], u, v)

    return kind(mask, a, b), emit
