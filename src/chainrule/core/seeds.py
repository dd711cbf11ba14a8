"""Seeds, and the random streams that one seed gives, so that every run can be repeated."""

import operator
from dataclasses import dataclass
from functools import cached_property
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


@dataclass(frozen=True)
class Streams:
    """The random streams of one seed: drawing from one does not move the others.

    Each is made when it is first used. It is then the same generator every time, and goes on where it stood.

    Attributes:
        seed: what all of them come from.
    """

    seed: int

    @cached_property
    def initial(self) -> np.random.Generator:
        """For the first parameters of a network: the seed's own generator."""
        return np.random.default_rng(self.seed)

    @cached_property
    def shuffle(self) -> np.random.Generator:
        """For the order of the rows in each epoch."""
        return np.random.default_rng(_child(self.seed, 0))

    @cached_property
    def dropout(self) -> np.random.Generator:
        """For the units that are dropped in each batch."""
        return np.random.default_rng(_child(self.seed, 1))

    @cached_property
    def validation(self) -> np.random.Generator:
        """For the rows that are set aside to validate on."""
        return np.random.default_rng(_child(self.seed, 2))

    def restart(self, k: int) -> int:
        """The seed of restart ``k``, which has streams of its own; restart 0 is the run itself."""
        return self.seed if k == 0 else int(_child(self.seed, 3, k).generate_state(1)[0])


def streams(seed: int) -> Streams:
    """The random streams of a seed, all at their beginning.

    Example:
        >>> streams(0).shuffle.permutation(5)
        array([0, 3, 2, 1, 4])
    """
    return Streams(seed)


def _child(seed: int, *place: int) -> np.random.SeedSequence:
    """What ``SeedSequence(seed).spawn(n)[place]`` gives."""
    return np.random.SeedSequence(seed, spawn_key=place)
