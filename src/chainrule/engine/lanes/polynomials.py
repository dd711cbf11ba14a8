"""Functions of lanes: the decorator, constants and polynomials that they are written with."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from llvmlite import ir
from numba import njit
from numba.core import types

from chainrule.engine.lanes.simd import Lanes, fma_ir, intrinsic, lanes_ir, scalar_ir, spread_ir

_ONLY_FOR_KERNELS: dict[str, Any] = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True}

lane_function: Any = njit(forceinline=True, error_model="numpy", **_ONLY_FOR_KERNELS)
"""Decorates a function of lanes: it becomes part of every kernel that uses it, and is not called from anywhere else."""


def _constant_ir(kind: Lanes, value: float) -> Any:
    """One number in every lane, known when the kernel is compiled."""
    one = lanes_ir(scalar_ir(kind.dtype), kind.count)
    return ir.Constant(one, float(value) if kind.count == 1 else [float(value)] * kind.count)


def constant(single: float, double: float) -> Any:
    """The function ``c(v)``: lanes like ``v``, all of them ``single`` if they are float32 and ``double`` if float64."""

    @intrinsic
    def lanes_like(typing_context: Any, v: Any) -> Any:
        del typing_context

        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            del context, builder, signature, args
            return _constant_ir(v, single if v.dtype == types.float32 else double)

        return v(v), emit

    return lanes_like


def polynomial(single: Sequence[float], double: Sequence[float]) -> Any:
    """The function ``c[0] + c[1] v + c[2] v^2 + ...``, with coefficients for float32 and for float64.

    Even and odd powers by Horner's rule each, in ``v^2``: two chains that run beside each other take half the time. A
    single lane has nothing else to do meanwhile, so long ones go by Estrin's rule: pairs first, then pairs of these by
    ``v^2``, then by ``v^4``, which takes a few more multiplications and the least time from ``v`` to the sum.
    """

    @intrinsic
    def of_lanes(typing_context: Any, v: Any) -> Any:
        del typing_context

        def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            del context, signature
            coefficients = [_constant_ir(v, c) for c in (single if v.dtype == types.float32 else double)]
            square = builder.fmul(args[0], args[0])

            def horner(part: list[Any]) -> Any:
                value = part[-1]
                for c in reversed(part[:-1]):
                    value = fma_ir(builder, value, square, c)
                return value

            if v.count == 1 and len(coefficients) > 6:
                return _estrin(builder, coefficients, args[0])
            return fma_ir(builder, horner(coefficients[1::2]), args[0], horner(coefficients[::2]))

        return v(v), emit

    return of_lanes


def _estrin(builder: Any, parts: list[Any], power: Any) -> Any:
    """``parts[0] + parts[1] power + parts[2] power^2 + ...``."""
    pairs = [fma_ir(builder, b, power, a) for a, b in zip(parts[::2], parts[1::2], strict=False)]
    pairs += parts[len(pairs) * 2 :]
    return pairs[0] if len(pairs) == 1 else _estrin(builder, pairs, builder.fmul(power, power))


@intrinsic
def like(typing_context: Any, v: Any, number: Any) -> Any:
    """A plain number in every lane, of the kind of ``v``; lanes stay as they are."""
    del typing_context

    def emit(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        if isinstance(number, Lanes):
            return args[1]
        return spread_ir(builder, context.cast(builder, args[1], signature.args[1], v.dtype), v)

    return v(v, number), emit


NAN, INFINITY = float("nan"), float("inf")
_SINGLE, _DOUBLE = np.finfo(np.float32), np.finfo(np.float64)

smallest_normal = constant(float(_SINGLE.tiny), float(_DOUBLE.tiny))
"""The smallest normal number of the lanes' dtype."""
