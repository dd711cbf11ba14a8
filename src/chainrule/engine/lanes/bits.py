"""Inside a number: its exponent and mantissa, powers of two; functions of LLVM that act lane by lane."""

from typing import Any

from llvmlite import ir
from numba.core import cgutils, types

from chainrule.engine.lanes.simd import I32, Lanes, intrinsic, lanes_ir


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
