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

import numpy as np
from llvmlite import ir
from numba import extending
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import lower_builtin, models, register_model

I32, I64 = ir.IntType(32), ir.IntType(64)

intrinsic = cast("Callable[..., Any]", extending.intrinsic)
"""Numba's decorator: the function is called with fewer arguments than it is defined with."""


# -------------------------------------------------------------------------------- the types
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


# -------------------------------------------------------------------------------- what LLVM is made to emit
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


# -------------------------------------------------------------------------------- memory
def pointer_to(dtype: Any, count: int) -> Callable[[int], Any]:
    """The function that takes an address, a whole number, as a ``Pointer``."""
    kind = Pointer(dtype, count)

    @intrinsic
    def at(typing_context: Any, address: Any) -> Any:
        del typing_context

        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            whole = context.cast(builder, args[0], signature.args[0], types.int64)
            return builder.inttoptr(whole, scalar_ir(dtype).as_pointer())

        return kind(address), emit

    return at


@intrinsic
def load(typing_context: Any, pointer: Any, index: Any) -> Any:
    """The lanes that begin at ``pointer[index]``."""
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context
        return load_ir(builder, args[0], args[1], signature.args[0])

    return pointer.lanes(pointer, index), emit


@intrinsic
def store(typing_context: Any, pointer: Any, index: Any, value: Any) -> Any:
    """Put lanes to ``pointer[index]`` and the places after it."""
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = signature.args[0]
        store_ir(builder, args[0], args[1], _as_lanes(context, builder, args[2], signature.args[2], kind.lanes), kind)
        return context.get_dummy_value()

    return types.void(pointer, index, value), emit


@intrinsic
def load_first(typing_context: Any, pointer: Any, index: Any, count: Any, other: Any) -> Any:
    """Like ``load``, but only ``count`` lanes are read; the rest are ``other``. Nothing beyond them is touched."""
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = signature.args[0]
        rest = _as_lanes(context, builder, args[3], signature.args[3], kind.lanes)
        wanted = context.cast(builder, args[2], signature.args[2], types.int64)
        if kind.count == 1:
            there = builder.icmp_signed(">", wanted, I64(0))
            with builder.if_else(there) as (then, otherwise):
                with then:
                    value, first = load_ir(builder, args[0], args[1], kind), builder.block
                with otherwise:
                    second = builder.block
            joined = builder.phi(value.type)
            joined.add_incoming(value, first)
            joined.add_incoming(rest, second)
            return joined
        numbers = ir.VectorType(I64, kind.count)
        counted = ir.Constant(numbers, list(range(kind.count)))
        places = builder.insert_element(ir.Constant(numbers, ir.Undefined), wanted, I32(0))
        order = ir.Constant(ir.VectorType(I32, kind.count), [0] * kind.count)
        wanted = builder.shuffle_vector(places, ir.Constant(numbers, ir.Undefined), order)
        mask = builder.icmp_signed("<", counted, wanted)
        begin = builder.bitcast(address_ir(builder, args[0], args[1]), rest.type.as_pointer())
        letters = f"v{kind.count}{'f32' if kind.dtype == types.float32 else 'f64'}"
        shape = ir.FunctionType(rest.type, [begin.type, I32, mask.type, rest.type])
        function = cgutils.get_or_insert_function(builder.module, shape, f"llvm.masked.load.{letters}.p0")
        return builder.call(function, [begin, I32(kind.dtype.bitwidth // 8), mask, rest])

    return pointer.lanes(pointer, index, count, other), emit


@intrinsic
def number(typing_context: Any, pointer: Any, index: Any) -> Any:
    """The single number ``pointer[index]``."""
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context, signature
        return builder.load(address_ir(builder, args[0], args[1]))

    return pointer.dtype(pointer, index), emit


@intrinsic
def put(typing_context: Any, pointer: Any, index: Any, value: Any) -> Any:
    """Write the single number ``pointer[index]``."""
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        one = context.cast(builder, args[2], signature.args[2], signature.args[0].dtype)
        builder.store(one, address_ir(builder, args[0], args[1]))
        return context.get_dummy_value()

    return types.void(pointer, index, value), emit


@intrinsic
def moved(typing_context: Any, pointer: Any, count: Any) -> Any:
    """The pointer ``count`` numbers further on."""
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context, signature
        return address_ir(builder, args[0], args[1])

    return pointer(pointer, count), emit


@intrinsic
def spread(typing_context: Any, pointer: Any, value: Any) -> Any:
    """A single number in every lane, of the kind that is read at ``pointer``."""
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _as_lanes(context, builder, args[1], signature.args[1], signature.args[0].lanes)

    return pointer.lanes(pointer, value), emit


@intrinsic
def lane_numbers(typing_context: Any, pointer: Any) -> Any:
    """0, 1, 2, ... in the lanes that are read at ``pointer``: which lane is which."""
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context, builder, args
        kind = signature.args[0].lanes
        element = scalar_ir(kind.dtype)
        return (
            ir.Constant(element, 0.0)
            if kind.count == 1
            else ir.Constant(lanes_ir(element, kind.count), [float(k) for k in range(kind.count)])
        )

    return pointer.lanes(pointer), emit


# -------------------------------------------------------------------------------- arithmetic
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


# -------------------------------------------------------------------------------- inside a number
def _bits(kind: Lanes) -> tuple[Any, int, int]:
    """The whole numbers as wide as a lane, where the exponent begins in it, and what is added to the exponent."""
    wide = kind.dtype.bitwidth
    return lanes_ir(ir.IntType(wide), kind.count), (23 if wide == 32 else 52), (127 if wide == 32 else 1023)


def _same(whole: Any, value: int) -> Any:
    """A whole number in every lane."""
    return ir.Constant(whole, [value] * whole.count if isinstance(whole, ir.VectorType) else value)


@intrinsic
def power_of_two(typing_context: Any, k: Any) -> Any:
    """``2^k`` for whole ``k`` of normal exponents: ``k`` plus the bias, moved to where the exponent stands."""
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context, signature
        whole, place, bias = _bits(k)
        exponent = builder.add(builder.fptosi(args[0], whole), _same(whole, bias))
        return builder.bitcast(builder.shl(exponent, _same(whole, place)), args[0].type)

    return k(k), emit


@intrinsic
def exponent_of(typing_context: Any, v: Any) -> Any:
    """The whole ``k`` with ``2^k <= v < 2^(k + 1)``, for positive normal ``v``."""
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context, signature
        whole, place, bias = _bits(v)
        shifted = builder.lshr(builder.bitcast(args[0], whole), _same(whole, place))
        return builder.sitofp(builder.sub(shifted, _same(whole, bias)), args[0].type)

    return v(v), emit


@intrinsic
def mantissa_of(typing_context: Any, v: Any) -> Any:
    """``v / 2^exponent_of(v)``: from 1 to below 2."""
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context, signature
        whole, place, bias = _bits(v)
        kept = builder.and_(builder.bitcast(args[0], whole), _same(whole, (1 << place) - 1))
        return builder.bitcast(builder.or_(kept, _same(whole, bias << place)), args[0].type)

    return v(v), emit


def lane_wise(name: str) -> Any:
    """A function of the C library (double to double), called for one lane after the other: right, but slow."""

    @intrinsic
    def call(typing_context: Any, v: Any) -> Any:
        del typing_context

        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            del context, signature
            function = cgutils.get_or_insert_function(
                builder.module, ir.FunctionType(ir.DoubleType(), [ir.DoubleType()]), name
            )

            def one(lane: Any) -> Any:
                wide = builder.fpext(lane, ir.DoubleType()) if v.dtype == types.float32 else lane
                result = builder.call(function, [wide])
                return builder.fptrunc(result, ir.FloatType()) if v.dtype == types.float32 else result

            if v.count == 1:
                return one(args[0])
            result = args[0]
            for k in range(v.count):
                result = builder.insert_element(result, one(builder.extract_element(args[0], I32(k))), I32(k))
            return result

        return v(v), emit

    return call


@intrinsic
def power_from_low_bits(typing_context: Any, v: Any) -> Any:
    """``2^k`` for ``v = 1.5 2^23 + 127 + k`` (float64: ``1.5 2^52 + 1023 + k``): the lowest bits become the exponent.

    Beside so large a number only whole ones count, so that an addition has rounded ``k`` already; nothing is converted.
    At the ends ``k = -127`` (``-1023``) gives 0 and ``k = 128`` (``1024``) infinity.
    """
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context, signature
        whole, place, _ = _bits(v)
        return builder.bitcast(builder.shl(builder.bitcast(args[0], whole), _same(whole, place)), args[0].type)

    return v(v), emit


# -------------------------------------------------------------------------------- across lanes
def _halving(join: Callable[[Any, Any, Any], Any]) -> Any:
    """All lanes joined into one number: the upper half onto the lower, again and again; the order is always the same.

    LLVM would be free to choose another tree; this one is the same on every processor.
    """

    @intrinsic
    def across(typing_context: Any, v: Any) -> Any:
        del typing_context

        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            del context, signature
            rest, count = args[0], v.count
            while count > 1:
                count //= 2
                none = ir.Constant(rest.type, ir.Undefined)
                order = ir.VectorType(I32, count)
                low = builder.shuffle_vector(rest, none, ir.Constant(order, list(range(count))))
                high = builder.shuffle_vector(rest, none, ir.Constant(order, list(range(count, 2 * count))))
                rest = join(builder, low, high)
            return builder.extract_element(rest, I32(0)) if v.count > 1 else rest

        return v.dtype(v), emit

    return across


def _larger(builder: Any, a: Any, b: Any) -> Any:
    """The larger; NaN if ``b`` is NaN."""
    return builder.select(builder.fcmp_ordered(">", a, b), a, b)


lane_sum = _halving(lambda builder, a, b: builder.fadd(a, b))
"""The sum of all lanes."""

lane_max = _halving(_larger)
"""The largest of all lanes."""


# -------------------------------------------------------------------------------- tiles: tuples of lanes
@intrinsic(prefer_literal=True)
def load_tile(typing_context: Any, pointer: Any, index: Any, rows: Any, step: Any, columns: Any) -> Any:
    """``rows`` x ``columns`` lanes as a tuple: row r begins at ``pointer[index + r step]``, columns side by side."""
    del typing_context
    many = types.UniTuple(pointer.lanes, rows.literal_value * columns.literal_value)

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind, values, row = signature.args[0], [], args[1]
        for _ in range(rows.literal_value):
            across = [builder.add(row, I64(c * kind.count)) for c in range(columns.literal_value)]
            values += [load_ir(builder, args[0], place, kind) for place in across]
            row = builder.add(row, args[3])
        return context.make_tuple(builder, many, values)

    return many(pointer, index, rows, step, columns), emit


@intrinsic(prefer_literal=True)
def store_tile(typing_context: Any, pointer: Any, index: Any, step: Any, columns: Any, tile: Any) -> Any:
    """Put a tile of ``columns`` columns where ``load_tile`` would find it."""
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind, row, wide = signature.args[0], args[1], columns.literal_value
        values = cgutils.unpack_tuple(builder, args[4], tile.count)
        for r in range(tile.count // wide):
            for c in range(wide):
                store_ir(builder, args[0], builder.add(row, I64(c * kind.count)), values[r * wide + c], kind)
            row = builder.add(row, args[2])
        return context.get_dummy_value()

    return types.void(pointer, index, step, columns, tile), emit


@intrinsic(prefer_literal=True)
def zero_tile(typing_context: Any, pointer: Any, rows: Any, columns: Any) -> Any:
    """``rows`` x ``columns`` lanes of 0, of the kind that is read at ``pointer``."""
    del typing_context
    many = types.UniTuple(pointer.lanes, rows.literal_value * columns.literal_value)

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del args
        kind = signature.args[0].lanes
        zero = spread_ir(builder, ir.Constant(scalar_ir(kind.dtype), 0.0), kind)
        return context.make_tuple(builder, many, [zero] * many.count)

    return many(pointer, rows, columns), emit


@intrinsic
def outer(typing_context: Any, tile: Any, column: Any, row: Any) -> Any:
    """``tile[r][c] + column[r] row[c]``: the outer product of a few numbers with a few lanes, added to a tile.

    ``column`` is a tuple of plain numbers, ``row`` a tuple of lanes. This is the heart of a matrix product: each
    number and each lane that is fetched from memory serves several multiplications.
    """
    del typing_context
    kind = row.dtype

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del signature
        tiles, numbers, lanes = (
            cgutils.unpack_tuple(builder, arg, of.count) for arg, of in zip(args, (tile, column, row), strict=True)
        )
        many = [spread_ir(builder, number, kind) for number in numbers]
        values = [
            fma_ir(builder, many[r], lanes[c], tiles[r * row.count + c])
            for r in range(column.count)
            for c in range(row.count)
        ]
        return context.make_tuple(builder, tile, values)

    return tile(tile, column, row), emit


@intrinsic
def numbers_down(typing_context: Any, pointer: Any, offsets: Any, index: Any) -> Any:
    """A number from each of several rows: ``pointer[offsets[r] + index]`` as a tuple."""
    del typing_context
    many = types.UniTuple(pointer.dtype, offsets.count)

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del signature
        places = cgutils.unpack_tuple(builder, args[1], offsets.count)
        values = [builder.load(address_ir(builder, args[0], builder.add(place, args[2]))) for place in places]
        return context.make_tuple(builder, many, values)

    return many(pointer, offsets, index), emit


@intrinsic(prefer_literal=True)
def numbers_along(typing_context: Any, pointer: Any, index: Any, count: Any) -> Any:
    """``count`` neighbouring numbers as a tuple: ``pointer[index], pointer[index + 1], ...``."""
    del typing_context
    many = types.UniTuple(pointer.dtype, count.literal_value)

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del signature
        values = [builder.load(address_ir(builder, args[0], builder.add(args[1], I64(k)))) for k in range(many.count)]
        return context.make_tuple(builder, many, values)

    return many(pointer, index, count), emit


@intrinsic
def tile_times(typing_context: Any, tile: Any, other: Any) -> Any:
    """The product of two tiles of one size, lane by lane."""
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del signature
        u, v = (cgutils.unpack_tuple(builder, arg, tile.count) for arg in args)
        return context.make_tuple(builder, tile, [builder.fmul(a, b) for a, b in zip(u, v, strict=True)])

    return tile(tile, other), emit


@intrinsic
def tile_scaled_from(typing_context: Any, tile: Any, factor: Any, start: Any) -> Any:
    """``start - factor tile``, lane by lane: a step of gradient descent on a tile of weights."""
    del typing_context
    kind = tile.dtype

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        number = context.cast(builder, args[1], signature.args[1], kind.dtype)
        minus = spread_ir(builder, builder.fneg(number), kind)
        u, v = cgutils.unpack_tuple(builder, args[0], tile.count), cgutils.unpack_tuple(builder, args[2], tile.count)
        values = [fma_ir(builder, minus, a, b) for a, b in zip(u, v, strict=True)]
        return context.make_tuple(builder, tile, values)

    return tile(tile, factor, start), emit


@intrinsic
def turn(typing_context: Any, source: Any, begin: Any, step: Any, target: Any, to: Any, width: Any) -> Any:
    """Transpose a square of as many rows as there are lanes: ``target[to + c width + r] = source[begin + r step + c]``.

    In stages: first neighbouring rows exchange single numbers, then rows two apart exchange pairs, then four apart.
    """
    del typing_context
    size = source.count

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind, here = signature.args[0], args[1]
        rows = []
        for _ in range(size):
            rows.append(load_ir(builder, args[0], here, kind))
            here = builder.add(here, args[2])
        apart = 1
        while apart < size:
            low = [c if not c & apart else size + c - apart for c in range(size)]
            high = [c + apart if not c & apart else size + c for c in range(size)]
            for r in range(size):
                if not r & apart:
                    one, other = rows[r], rows[r + apart]
                    order = ir.VectorType(I32, size)
                    rows[r] = builder.shuffle_vector(one, other, ir.Constant(order, low))
                    rows[r + apart] = builder.shuffle_vector(one, other, ir.Constant(order, high))
            apart *= 2
        there = args[4]
        for row in rows:
            store_ir(builder, args[3], there, row, kind)
            there = builder.add(there, args[5])
        return context.get_dummy_value()

    return types.void(source, begin, step, target, to, width), emit


np_lanes = {np.dtype("float32"): types.float32, np.dtype("float64"): types.float64}
"""Numba's name for each dtype of the library."""
