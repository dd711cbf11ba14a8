"""Across lanes: the sum and the largest of a register's numbers."""

from collections.abc import Callable
from typing import Any

from llvmlite import ir

from chainrule.engine.lanes.simd import I32, intrinsic


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
