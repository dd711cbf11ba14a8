"""Grading: mark the function in each of several learners' files on the same drawn inputs."""

import os
import stat
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.layers import Run
from chainrule.core.model import Model
from chainrule.errors import InputError
from chainrule.marking import CATALOGUE, Marking, Mistake
from chainrule.marking.calls import inputs_to_try, mark_answers
from chainrule.marking.forward_context import ForwardContext, run_forward
from chainrule.marking.grading.isolation import Limits, SubmissionError, one_line, run_file
from chainrule.marking.notes import headline

LEARNING_RATE = 0.5
"""The learning rate with which a learner's ``step`` is called."""

_LARGEST = 4 * 2**20
"""How many bytes a learner's file may have."""


@dataclass(frozen=True)
class Graded:
    """The grade of one submission.

    Attributes:
        file: the file's name.
        marking: what was found; None if the file could not be run.
        error: why it could not be run; else empty.
    """

    file: str
    marking: Marking | None
    error: str = ""

    @property
    def verdict(self) -> str:
        """The marking's verdict, or ``"not run"``."""
        return "not run" if self.marking is None else self.marking.verdict

    @property
    def right(self) -> bool:
        """Whether the function is right for every parameter and on every input."""
        return self.marking is not None and self.marking.correct and self.marking.complete

    @property
    def summary(self) -> str:
        """One line: the headline of the marking, or why there is none."""
        return self.error if self.marking is None else headline(self.marking)


def grade(
    files: Sequence[Path],
    model: Model,
    *,
    rows: int = 5,
    seed: int = 0,
    function: str = "",
    limits: Limits | None = None,
    mistakes: Sequence[Mistake] = (),
) -> list[Graded]:
    """Mark the function in each file on the same drawn rows.

    The function is ``gradients(parameters, x, t)``, which returns a dict of gradients by parameter name, or
    ``step(parameters, x, t, learning_rate)``, which returns the updated parameters or updates them in place.

    Args:
        files: Python files.
        model: the reference: architecture, parameters, loss.
        rows: how many rows to draw.
        seed: the seed of the drawn rows.
        function: the function's name; if empty ``gradients``, or else ``step``. A function of any other name returns
            gradients.
        limits: of time and memory for each file.
        mistakes: further mistakes to look for besides those of the catalogue.

    Returns:
        The grades, in the order of the files.
    """
    forward = _drawn(model, rows, seed)
    sources = [_source(file) for file in files]  # read before the first one is run, which could change the others
    catalogue = (*CATALOGUE, *mistakes)
    pairs = zip(files, sources, strict=True)
    return [_graded(file, source, forward, function, limits or Limits(), catalogue) for file, source in pairs]


def counts(graded: Sequence[Graded]) -> Counter[str]:
    """How many submissions have each mistake, and how many have none or could not be run."""
    found: Counter[str] = Counter()
    for one in graded:
        found.update(one.marking.codes if one.marking is not None and one.marking.codes else [one.verdict])
    return found


def _source(file: Path) -> bytes | str:
    """A file's content, or why it cannot be run: a path may name a folder, a pipe or a device."""
    try:
        descriptor = os.open(file, os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0))
        try:
            if not stat.S_ISREG(os.fstat(descriptor).st_mode):
                return "is not a file."
            source = os.read(descriptor, _LARGEST + 1)
        finally:
            os.close(descriptor)
    except OSError as error:
        return f"cannot be read: {error.strerror}."
    return source if len(source) <= _LARGEST else f"is larger than {_LARGEST} bytes."


def _graded(
    file: Path,
    source: bytes | str,
    forward: ForwardContext,
    function: str,
    limits: Limits,
    catalogue: Sequence[Mistake],
) -> Graded:
    name = one_line(file.name)
    inputs = inputs_to_try(forward)
    try:
        if isinstance(source, str):
            return Graded(name, None, source)
        kind, answers = run_file(file, source, inputs, function, limits)
        marking = mark_answers(inputs, answers, catalogue, are_updates=kind == "step")
    except (SubmissionError, InputError) as error:
        return Graded(name, None, one_line(str(error)))
    if marking.correct and marking.failures:  # right where it ran, but it did not run everywhere
        return Graded(name, None, one_line(" ".join(marking.failures)))
    return Graded(name, marking)


def _drawn(model: Model, rows: int, seed: int) -> ForwardContext:
    """Drawn rows, with targets that suit the loss."""
    rng = np.random.default_rng(seed)
    chain = model.chain
    x = rng.normal(size=(rows, chain.inputs))
    low, high = chain.loss.target_range
    if "categorical" in chain.loss.name:
        t = np.eye(chain.outputs)[rng.integers(0, chain.outputs, rows)]
    elif np.isfinite(low) and np.isfinite(high):
        t = rng.integers(int(low), int(high) + 1, (rows, chain.outputs)).astype(float)
    elif np.isfinite(low):
        t = low + rng.poisson(2.0, (rows, chain.outputs))
    else:
        y = maths.forward(chain, model.parameters, x.astype(chain.dtype), Run(state=model.state))[-1]["a"]
        t = y + rng.normal(size=y.shape)
    return run_forward(model, x, t, LEARNING_RATE)
