"""The records that the parts of the suite hand to one another; all but ``Trainer`` are plain data, ready for JSON."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Goal:
    """What the project promises of a work.

    Attributes:
        against: the contestant we are measured by; None for a goal in seconds.
        at_least: their time over ours.
        at_most: our time over theirs; without ``against``, our seconds.
        threads: the thread counts it is judged at; all that were measured unless given.
        measured: whose time is "ours": a contestant's name.
    """

    against: str | None
    at_least: float | None = None
    at_most: float | None = None
    threads: tuple[int, ...] = ()
    measured: str = "chainrule"


@dataclass(frozen=True)
class Work:
    """One training run that every contestant does, with the same numbers from the same start.

    Attributes:
        name: what ``--only`` calls it.
        title: what the tables call it.
        sizes: units from the inputs to the outputs.
        hidden, output: activations; a softmax output means cross-entropy from logits.
        loss: our name of it.
        optimizer, learning_rate: ``"sgd"`` or ``"adam"`` (beta 0.9 and 0.999, epsilon 1e-8).
        dtype: of data and parameters.
        rows, batch: how many, in order, in each epoch and each step; ``batch`` divides ``rows``.
        epochs: of a timed run.
        check_epochs: of the run whose parameters are held against the reference.
        unit: what times are given by: ``"step"``, ``"epoch"``, or ``"network-step"``.
        threads: thread counts it is measured at.
        tolerance: of the parameters after the check, relative to how far training moved them.
        contestants: who takes part, in the order of their turns.
        scaled: epochs of a timed run for contestants that would take too long otherwise.
        copies: networks trained at once, from the seeds 0, 1, ...
        goals: what the project promises.
    """

    name: str
    title: str
    sizes: tuple[int, ...]
    hidden: Literal["sigmoid", "tanh", "relu"]
    output: Literal["sigmoid", "identity", "softmax"]
    loss: str
    optimizer: Literal["sgd", "adam"]
    learning_rate: float
    dtype: Literal["float64", "float32"]
    rows: int
    batch: int
    epochs: int
    check_epochs: int
    unit: Literal["step", "epoch", "network-step"]
    threads: tuple[int, ...]
    tolerance: float
    contestants: tuple[str, ...]
    scaled: dict[str, int] = field(default_factory=dict)
    copies: int = 1
    goals: tuple[Goal, ...] = ()

    @property
    def layers(self) -> int:
        """How many layers of weights."""
        return len(self.sizes) - 1

    @property
    def steps(self) -> int:
        """Updates in an epoch."""
        return self.rows // self.batch

    @property
    def units_per_epoch(self) -> int:
        """How many units of time an epoch is divided by."""
        return {"step": self.steps, "epoch": 1, "network-step": self.steps * self.copies}[self.unit]

    def epochs_of(self, contestant: str) -> int:
        """The epochs of a contestant's timed run."""
        return self.scaled.get(contestant, self.epochs)


@dataclass(frozen=True)
class Task:
    """A work's numbers, as one contestant is given them.

    Attributes:
        work: what is to be done.
        threads: how many the contestant may use.
        x: inputs (rows, inputs).
        t: targets (rows, outputs); one-hot for a softmax output.
        parameters: W1, b1, W2, b2, ... at the start; W is (in, out). With copies each has them as first axis.
    """

    work: Work
    threads: int
    x: Array
    t: Array
    parameters: Sequence[Array]

    @property
    def labels(self) -> Array:
        """The class of each row of one-hot targets."""
        return self.t.argmax(axis=1)


class Trainer(Protocol):
    """What a contestant's module hands back: a run in three parts, of which the second is timed."""

    def begin(self, epochs: int) -> None:
        """Put the parameters back to the start; compile what needs compiling for so many epochs."""

    def train(self) -> None:
        """Do the epochs."""

    def parameters(self) -> list[Array] | None:
        """The parameters after training in the order of ``Task.parameters``; None if nothing is trained."""


@dataclass
class Entry:
    """One contestant's part in a work at one thread count.

    Attributes:
        contestant: its name.
        epochs: of each timed run.
        seconds: by round, the median time of a unit.
        missing: why it did not take part; the other fields are then empty.
        preparation: seconds of import, compilation and first run together.
        difference: of the parameters from our reference, relative to how far training moved them; None if none are
            trained.
    """

    contestant: str
    epochs: int = 0
    seconds: list[float] = field(default_factory=list)
    missing: str = ""
    preparation: float = 0.0
    difference: float | None = None


@dataclass
class Measurement:
    """All contestants of one work at one thread count."""

    work: str
    threads: int
    entries: list[Entry]


@dataclass
class Row:
    """One number of a work that is not a race of training runs: a start, a prediction, a peak of memory.

    Attributes:
        work: which part of the suite it belongs to.
        what: what was done.
        contestant: by whom.
        threads: how many it may use; 0 where it is left to the contestant.
        values: by round.
        unit: seconds or bytes.
        missing: why there is none.
        difference: from our reference's results; None where there is nothing to compare.
    """

    work: str
    what: str
    contestant: str
    threads: int
    values: list[float] = field(default_factory=list)
    unit: Literal["s", "B"] = "s"
    missing: str = ""
    difference: float | None = None


@dataclass
class Line:
    """Our time against one size, all else kept: one panel of the picture of scaling."""

    name: str
    label: str
    per: str
    sizes: list[int]
    seconds: list[float]


@dataclass
class Judgement:
    """A goal beside what was measured."""

    work: str
    threads: int
    goal: str
    found: float | None
    text: str
    met: bool | None
