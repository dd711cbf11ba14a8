"""How work is shared out among threads."""

from typing import Any

from numba import njit

from chainrule.engine.runtime.memory import THREAD, THREADS


@njit(forceinline=True, error_model="numpy")
def share(total, unit, now) -> Any:
    """``(begin, end)``: this thread's part of ``total``, in whole ``unit`` s but for the very last."""
    units = (total + unit - 1) // unit
    begin = units * now[THREAD] // now[THREADS] * unit
    end = units * (now[THREAD] + 1) // now[THREADS] * unit
    return begin, min(end, total)
