"""The type of arrays, and how arrays are written in messages."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
"""A NumPy array of real numbers; the docstrings give its shape in the alphabet's letters."""


def shape_text(shape: tuple[int, ...]) -> str:
    """``(4, 2)`` as people write it; ``()`` is called a single number."""
    return "a single number" if shape == () else str(tuple(int(n) for n in shape))


def largest(dtype: np.dtype[Any]) -> float:
    """The largest finite number of a float dtype, where formulas that overflow saturate."""
    return float(np.finfo(dtype).max)
