"""NumPy's random streams for compiled code: a bit generator's function and state by their addresses."""

import ctypes

import numpy as np


def stream(generator: np.random.Generator, name: str) -> tuple[int, int]:
    """The addresses of a bit generator's function and of its state."""
    interface = generator.bit_generator.ctypes
    function = ctypes.cast(getattr(interface, name), ctypes.c_void_p).value
    return int(function or 0), int(interface.state_address)
