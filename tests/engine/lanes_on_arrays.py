"""Functions of lanes on arrays: a compiled loop around each, for tests."""

from functools import cache

import numpy as np
from numba import njit, types

from chainrule.engine.lanes.memory import load, pointer_to, store

KINDS = {"float32x16": (np.float32, 16), "float64x8": (np.float64, 8), "float64x1": (np.float64, 1)}
"""The lanes that tests are run on."""


@cache
def _loops(function, arguments, results, numbers):
    """A loop for each kind of lanes, all in one compiled function, as that takes less time than one for each.

    The source is put together, as Numba has no functions of as many arrays as are given.
    """
    given, places = [f"x{k}" for k in range(arguments)], [f"y{k}" for k in range(results)]
    lines = [f"def loops(kind, size, {', '.join([*given, *places])}, numbers):"]
    scope = {"function": function, "load": load, "store": store}
    for number, (dtype, count) in enumerate(KINDS.values()):
        scope[f"at{number}"] = pointer_to(types.float32 if dtype is np.float32 else types.float64, count)
        values = [f"load(at{number}({x}), i)" for x in given] + ["numbers"] * numbers
        lines += [
            f"    if kind == {number}:",
            f"        for i in range(0, size, {count}):",
            f"            {', '.join(f'v{number}{y}' for y in places)} = function({', '.join(values)})",
            *(f"            store(at{number}({y}), i, v{number}{y})" for y in places),
        ]
    exec("\n".join(lines), scope)
    return njit(error_model="numpy")(scope["loops"])


def apply(function, kind, *arrays, numbers=None, results=1):
    """``function`` on lanes of the arrays, all of one shape, and on a tuple of numbers if given.

    Returns an array, or a tuple of them if there are several results.
    """
    dtype, count = KINDS[kind]
    size, shape = arrays[0].size, arrays[0].shape
    padding = np.ones(-size % count)
    given = [np.concatenate([array.ravel(), padding]).astype(dtype) for array in arrays]
    wanted = [np.full_like(given[0], np.nan) for _ in range(results)]
    addresses = (array.ctypes.data for array in given + wanted)
    loops = _loops(function, len(arrays), results, numbers is not None)
    loops(list(KINDS).index(kind), len(given[0]), *addresses, numbers or (0.0,))
    values = tuple(array[:size].reshape(shape) for array in wanted)
    return values[0] if results == 1 else values
