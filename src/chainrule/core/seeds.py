"""Seeds: one that was given, or one drawn and kept, so that every run can be repeated."""

import operator
from typing import Any

import numpy as np

from chainrule.errors import InputError


def chosen_seed(seed: Any) -> int:
    """The seed itself, or a fresh one where it is None.

    Raises:
        InputError: not a whole number from 0.
    """
    if seed is None:
        return int(np.random.SeedSequence().generate_state(1)[0])
    try:
        whole = operator.index(seed)
    except TypeError:
        whole = -1
    if whole < 0:
        raise InputError(f"seed must be a whole number from 0, or None to draw one, got {seed!r}.")
    return whole
