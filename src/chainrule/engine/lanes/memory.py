"""Lanes in memory: pointers, loads and stores, single numbers, one number in all lanes."""

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir
from numba.core import cgutils, types

from chainrule.engine.lanes.simd import (
    I32,
    I64,
    Pointer,
    _as_lanes,
    address_ir,
    intrinsic,
    lanes_ir,
    load_ir,
    scalar_ir,
    store_ir,
)

NUMBA_TYPES = {np.dtype("float32"): types.float32, np.dtype("float64"): types.float64}
"""Numba's type for each dtype of the library."""


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
