"""Threads inside compiled code: waiting for each other without the operating system, as long as that is short.

All threads of a run execute the same kernel, each with its own number. A *barrier* is a counter in memory: each
thread adds one to it, and waits until all have. The waiting reads the counter in a loop (0.1 to 0.2 us between two
cores, where waking a sleeping thread takes 50); after some thousand looks it lets others have the processor, so that
more threads than cores are slow but never stuck.
"""

import operator
import sys
from typing import Any

from llvmlite import ir
from numba import njit
from numba.core import cgutils, types
from numba.core.typing.templates import AbstractTemplate, infer_global, signature

from chainrule.engine.lanes.simd import I64, intrinsic

LOOKS = 4000
"""How often a thread looks before it offers the processor to others."""


@intrinsic
def words(typing_context: Any, address: Any) -> Any:
    """An address, a whole number, as that of 64-bit words: ``words(address)[i]``."""
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context, signature
        return builder.inttoptr(args[0], I64.as_pointer())

    return types.CPointer(types.int64)(types.int64), emit


@intrinsic
def reals(typing_context: Any, address: Any) -> Any:
    """An address, a whole number, as that of float64 numbers: ``reals(address)[i]``."""
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context, signature
        return builder.inttoptr(args[0], ir.DoubleType().as_pointer())

    return types.CPointer(types.float64)(types.int64), emit


@infer_global(operator.getitem)  # pyright: ignore[reportOptionalCall] - a decorator that Numba does not type
class _ReadPlace(AbstractTemplate):
    """``array[Job.ROWS]``: a member of an enumeration names a place among words or numbers."""

    def generic(self, args: Any, kws: Any) -> Any:
        del kws
        array, place = args
        if isinstance(array, types.CPointer) and isinstance(place, types.IntEnumMember):
            return signature(array.dtype, array, types.intp)
        return None


@infer_global(operator.setitem)  # pyright: ignore[reportOptionalCall] - a decorator that Numba does not type
class _WritePlace(AbstractTemplate):
    """``array[Job.ROWS] = number``."""

    def generic(self, args: Any, kws: Any) -> Any:
        del kws
        array, place, _ = args
        if isinstance(array, types.CPointer) and isinstance(place, types.IntEnumMember):
            return signature(types.none, array, types.intp, array.dtype)
        return None


@intrinsic
def address_of(typing_context: Any, pointer: Any, index: Any) -> Any:
    """The address of ``pointer[index]`` as a whole number."""
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context, signature
        return builder.ptrtoint(builder.gep(args[0], [args[1]]), I64)

    return types.int64(pointer, index), emit


@intrinsic
def call_kernel(typing_context: Any, address: Any, op: Any, now: Any) -> Any:
    """Call the kernel at ``address`` with two addresses."""
    del typing_context, address
    shape = ir.FunctionType(ir.IntType(32), [I64.as_pointer(), I64.as_pointer()])

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del signature
        builder.call(builder.inttoptr(args[0], shape.as_pointer()), [args[1], args[2]])
        return context.get_dummy_value()

    return types.void(types.int64, op, now), emit


@intrinsic
def draw_word(typing_context: Any, function: Any, state: Any) -> Any:
    """The next 32 random bits of NumPy's bit generator, by the address of its function and of its state."""
    del typing_context, function, state
    shape = ir.FunctionType(ir.IntType(32), [I64])

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        drawn = builder.call(builder.inttoptr(args[0], shape.as_pointer()), [args[1]])
        return context.cast(builder, drawn, types.uint32, signature.return_type)

    return types.uint64(types.int64, types.int64), emit


@intrinsic
def _arrive(typing_context: Any, counter: Any) -> Any:
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context, signature
        return builder.atomic_rmw("add", args[0], I64(1), "seq_cst")

    return types.int64(counter), emit


@intrinsic
def _look(typing_context: Any, counter: Any) -> Any:
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del context, signature
        return builder.load_atomic(args[0], "acquire", 8)

    return types.int64(counter), emit


@intrinsic
def _give_way(typing_context: Any) -> Any:
    """Offer the processor to another thread."""
    del typing_context
    name = "SwitchToThread" if sys.platform == "win32" else "sched_yield"

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        del signature, args
        function = cgutils.get_or_insert_function(builder.module, ir.FunctionType(ir.IntType(32), []), name)
        builder.call(function, [])
        return context.get_dummy_value()

    return types.void(), emit


@njit(error_model="numpy")
def _wait(counter: Any, wanted: Any) -> None:
    looks = 0
    while _look(counter) < wanted:
        looks += 1
        if looks > LOOKS:
            _give_way()


@njit(error_model="numpy")
def barrier(counter: Any, passed: Any, threads: Any) -> Any:
    """Go on only when all threads have come here; the result is handed in as ``passed`` next time."""
    if threads > 1:
        _arrive(counter)
        passed += threads
        _wait(counter, passed)
    return passed
