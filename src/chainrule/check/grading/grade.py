"""A learner's file, or a folder of them, marked."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from chainrule import chain as maths
from chainrule.check.grading.isolation import Limits, SubmissionError, run_file
from chainrule.check.marking import CATALOGUE, Marking, Mistake
from chainrule.check.marking.doors import inputs_to_try, mark_calls
from chainrule.check.marking.render import headline
from chainrule.check.marking.situation import Situation, situation
from chainrule.errors import InputError
from chainrule.layers import Run
from chainrule.model import Model

LEARNING_RATE = 0.5
"""Of the updates that a learner's ``step`` is asked for."""


@dataclass(frozen=True)
class Graded:
    """One submission.

    Attributes:
        file: its name.
        marking: what was found; None if the file could not be run.
        error: why it could not.
    """

    file: str
    marking: Marking | None
    error: str = ""

    @property
    def verdict(self) -> str:
        """The marking's, or ``"not run"``."""
        return "not run" if self.marking is None else self.marking.verdict

    @property
    def told(self) -> str:
        """One line."""
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
    """Mark each file's function on the same drawn rows.

    The function is ``gradients(parameters, x, t)``, which returns a dict of gradients by parameter name, or
    ``step(parameters, x, t, learning_rate)``, which returns the updated parameters or updates them in place.

    Args:
        files: Python files.
        model: the reference: architecture, parameters, loss.
        rows: how many rows to draw.
        seed: of the draw.
        function: its name; ``gradients``, else ``step``, unless given. Any name but ``step`` is taken for gradients.
        limits: of time and memory for each file.
        mistakes: of one's own, looked for besides those of the catalogue.
    """
    s = _drawn(model, rows, seed)
    return [_graded(file, s, function, limits or Limits(), (*CATALOGUE, *mistakes)) for file in files]


def counts(graded: Sequence[Graded]) -> Counter[str]:
    """How many submissions have each mistake, and how many have none or could not be run."""
    found: Counter[str] = Counter()
    for one in graded:
        found.update(one.marking.codes if one.marking is not None and one.marking.codes else [one.verdict])
    return found


def _graded(file: Path, s: Situation, function: str, limits: Limits, catalogue: Sequence[Mistake]) -> Graded:
    tried = inputs_to_try(s)
    try:
        kind, answers = run_file(file, tried, function, limits)
        marking = mark_calls(tried, answers, catalogue, updated=kind == "step")
    except (SubmissionError, InputError) as error:
        return Graded(file.name, None, str(error))
    return Graded(file.name, marking)


def _drawn(model: Model, rows: int, seed: int) -> Situation:
    """Rows and targets that suit the loss."""
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
    return situation(model, x, t, LEARNING_RATE)
