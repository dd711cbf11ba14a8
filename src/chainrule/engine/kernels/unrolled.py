"""What programs written out unit by unit use besides lanes: rows that differ by lane, shuffles, checks of many numbers.

The programs themselves are text, written by ``chainrule.engine.unrolled.program``.
"""

from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types

from chainrule.engine.lanes.bits import exponent_of, power_of_two
from chainrule.engine.lanes.memory import load, spread, store
from chainrule.engine.lanes.polynomials import lane_function
from chainrule.engine.lanes.reductions import lane_sum
from chainrule.engine.lanes.simd import (
    I32,
    I64,
    Mask,
    address_ir,
    call_ir,
    fma_ir,
    intrinsic,
    lanes_ir,
    scalar_ir,
    select,
    spread_ir,
    sqrt,
)
from chainrule.engine.lanes.sync import draw_word


# -------------------------------------------------------------------------------- lanes that differ
@intrinsic
def gather(typing_context: Any, pointer: Any, order: Any, place: Any, step: Any, index: Any) -> Any:
    """A number for each lane from a row of its own: ``pointer[order[place + lane] step + index]``.

    Loads and insertions one by one: processors' own gathers are no faster, and on some much slower.
    """
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kind = signature.args[0].lanes
        place, step, index = (
            context.cast(builder, arg, found, types.int64)
            for arg, found in zip(args[2:], signature.args[2:], strict=True)
        )

        def one(lane: int) -> Any:
            row = builder.load(builder.gep(args[1], [builder.add(place, I64(lane))]))
            return builder.load(address_ir(builder, args[0], builder.add(builder.mul(row, step), index)))

        if kind.count == 1:
            return one(0)
        lanes = ir.Constant(lanes_ir(scalar_ir(kind.dtype), kind.count), ir.Undefined)
        for lane in range(kind.count):
            lanes = builder.insert_element(lanes, one(lane), I32(lane))
        return lanes

    return pointer.lanes(pointer, order, place, step, index), emit


@intrinsic
def first_lanes(typing_context: Any, pointer: Any, count: Any) -> Any:
    """True in the first ``count`` lanes of the kind that is read at ``pointer``."""
    del typing_context
    wanted = Mask(pointer.count)

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        many = context.cast(builder, args[1], signature.args[1], types.int64)
        if wanted.count == 1:
            return builder.icmp_signed("<", I64(0), many)
        numbers = ir.VectorType(I64, wanted.count)
        places = builder.insert_element(ir.Constant(numbers, ir.Undefined), many, I32(0))
        order = ir.Constant(ir.VectorType(I32, wanted.count), [0] * wanted.count)
        places = builder.shuffle_vector(places, ir.Constant(numbers, ir.Undefined), order)
        return builder.icmp_signed("<", ir.Constant(numbers, list(range(wanted.count))), places)

    return wanted(pointer, count), emit


def _joined(wanted: str) -> Any:
    """An intrinsic from a mask to one truth value."""

    @intrinsic
    def joined(typing_context: Any, mask: Any) -> Any:
        del typing_context

        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            del context, signature
            if mask.count == 1:
                return args[0]
            whole = ir.IntType(mask.count)
            bits = builder.bitcast(args[0], whole)
            sign, edge = ("!=", 0) if wanted == "some" else ("==", -1)
            return builder.icmp_unsigned(sign, bits, whole(edge))

        return types.boolean(mask), emit

    return joined


some = _joined("some")
"""Whether a mask is true in at least one lane."""

every = _joined("every")
"""Whether a mask is true in all lanes."""


@lane_function
def together(pointer: Any, v: Any) -> Any:
    """The sum of all lanes, in each of them."""
    return spread(pointer, lane_sum(v))


# -------------------------------------------------------------------------------- many numbers at once
@intrinsic
def finite(typing_context: Any, many: Any) -> Any:
    """Where all lanes of a tuple are finite: 0 times a finite number is 0."""
    del typing_context
    kind = many.dtype

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context, signature
        zero = spread_ir(builder, ir.Constant(scalar_ir(kind.dtype), 0.0), kind)
        sums = [zero, zero]  # two chains that run beside each other
        for k in range(many.count):
            sums[k % 2] = fma_ir(builder, builder.extract_value(args[0], k), zero, sums[k % 2])
        return builder.fcmp_ordered("==", builder.fadd(*sums), zero)

    return Mask(kind.count)(many), emit


@intrinsic
def largest(typing_context: Any, many: Any) -> Any:
    """The largest absolute value of a tuple of lanes."""
    del typing_context
    kind = many.dtype

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context, signature
        sizes = [builder.extract_value(args[0], k) for k in range(many.count)]
        sizes = [call_ir(builder, "llvm.fabs", v.type, [v]) for v in sizes]
        while len(sizes) > 1:
            pairs = zip(sizes[::2], sizes[1::2], strict=False)
            joined = [builder.select(builder.fcmp_ordered(">", a, b), a, b) for a, b in pairs]
            sizes = joined + sizes[len(sizes) // 2 * 2 :]
        return sizes[0]

    return kind(many), emit


@intrinsic
def squares(typing_context: Any, many: Any, factor: Any) -> Any:
    """The sum of ``(factor v)^2`` over a tuple of lanes."""
    del typing_context
    kind = many.dtype

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context, signature
        zero = spread_ir(builder, ir.Constant(scalar_ir(kind.dtype), 0.0), kind)
        sums = [zero, zero]
        for k in range(many.count):
            v = builder.fmul(builder.extract_value(args[0], k), args[1])
            sums[k % 2] = fma_ir(builder, v, v, sums[k % 2])
        return builder.fadd(*sums)

    return kind(many, factor), emit


@intrinsic
def select_tile(typing_context: Any, mask: Any, many: Any, others: Any) -> Any:
    """``select`` for each of a tuple of lanes."""
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del signature
        pairs = [[builder.extract_value(of, k) for of in args[1:]] for k in range(many.count)]
        return context.make_tuple(builder, many, [builder.select(args[0], a, b) for a, b in pairs])

    return many(mask, many, others), emit


@lane_function
def norm_of(many: Any) -> Any:
    """The Euclidean norm; squares are taken of shares of the largest number, as its own might overflow."""
    k = exponent_of(largest(many))
    return sqrt(squares(many, power_of_two(-k))) * power_of_two(k)


@njit(error_model="numpy")
def keep(memory: Any, source: int, target: int, count: int, lanes: int, mask: Any) -> None:
    """Copy ``count`` numbers within memory, in the lanes where the mask is true."""
    for k in range(0, count * lanes, lanes):
        store(memory, target + k, select(mask, load(memory, source + k), load(memory, target + k)))


# -------------------------------------------------------------------------------- shuffles
@njit(error_model="numpy")
def shuffle(order: Any, count: int, lanes: int, function: int, streams: Any) -> None:
    """NumPy's own shuffle of 0 .. count - 1 for each lane, from a stream of its own; element k of all lanes together.

    Fisher & Yates, numbers below k by rejection. A lane without a stream (0) repeats the first one's order.
    """
    top = np.int64(1)
    while top < count:
        top = 2 * top
    for lane in range(lanes):
        state, mask = streams[lane], top
        if state == 0:
            for k in range(count):
                order[k * lanes + lane] = order[k * lanes]
            continue
        for k in range(count):
            order[k * lanes + lane] = k
        for k in range(count - 1, 0, -1):
            while mask // 2 > k:
                mask //= 2
            j = np.int64(draw_word(function, state)) & (mask - 1)
            while j > k:
                j = np.int64(draw_word(function, state)) & (mask - 1)
            here, there = k * lanes + lane, j * lanes + lane
            order[here], order[there] = order[there], order[here]
