"""How work is shared out among threads."""

from typing import Any

from numba import njit

from chainrule.engine.memory import Context


@njit(forceinline=True, error_model="numpy")
def share(total, unit, context) -> Any:
    """``(begin, end)``: this thread's part of ``total``, in whole ``unit`` s but for the very last."""
    units = (total + unit - 1) // unit
    begin = units * context[Context.THREAD] // context[Context.THREADS] * unit
    end = units * (context[Context.THREAD] + 1) // context[Context.THREADS] * unit
    return begin, min(end, total)
