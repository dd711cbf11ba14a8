"""``Sweep``: how each run of a sweep went, and all their parameters."""

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import html_table, number, plain, text_table
from chainrule.core.layers import Record
from chainrule.core.lookup import is_number, plain_number
from chainrule.core.renderers import renderer
from chainrule.errors import InputError
from chainrule.optimizers import AnyOptimizer, Optimizer
from chainrule.optimizers.schedules import Schedule

if TYPE_CHECKING:
    from chainrule.network import Network

SHOWN = 10
"""Runs that a printed sweep lists."""


@dataclass(frozen=True)
class SweepRun:
    """What sets one run of a sweep apart.

    Attributes:
        seed: of its first parameters (if seeds were given) and of its shuffles.
        optimizer: with its learning rate or schedule, if it has one.
        scale: what its first weights were multiplied by.
    """

    seed: int
    optimizer: AnyOptimizer
    scale: float

    @property
    def learning_rate(self) -> float | Schedule | None:
        """The optimizer's; None for one of second order, which finds the length of its steps."""
        return self.optimizer.learning_rate if isinstance(self.optimizer, Optimizer) else None


@dataclass(frozen=True, eq=False, repr=False)
class Sweep:
    """What ``sweep`` returns: how each run went, and all their parameters.

    Attributes:
        net: the network that was swept, left as it was.
        runs: what sets each run apart, in the order of all arrays here.
        loss: training loss by run and epoch, (runs, epochs): as ``History.loss``; NaN from where a run diverged or was
            stopped.
        validation_loss: as ``loss``, after each epoch; (runs, 0) without validation data.
        vectors: all parameters of each run, (runs, P), in the order of ``net.parameters.vector``: those at the end,
            with validation data or patience those of the best epoch; of a run that diverged, those from before.
        final: the loss that each run's parameters are judged by, (runs,): the best validation loss if there is one,
            else with patience the best training loss, else the last; NaN if it diverged.
        stopped: by run, why it ended: "all epochs", "patience", "time limit", "converged", "diverged" or "interrupted".
        seconds: that all of it took.
    """

    net: "Network"
    runs: tuple[SweepRun, ...]
    loss: Array
    validation_loss: Array
    vectors: Array
    final: Array
    stopped: tuple[str, ...]
    seconds: float
    states: tuple[tuple[Record, ...], ...]
    seeded: bool

    # ------------------------------------------------------------------ results
    @property
    def parameters(self) -> dict[str, Array]:
        """The parameters by name, each with a first axis for the runs."""
        slots = self.net.model.chain.slots
        return {slot.name: self.vectors[:, slot.start : slot.stop].reshape(-1, *slot.shape) for slot in slots}

    @property
    def finished(self) -> Array:
        """Which runs went through all their epochs, or ended before by patience or as they had converged, (runs,)."""
        return np.array([reason in ("all epochs", "patience", "converged") for reason in self.stopped], bool)

    @property
    def diverged(self) -> Array:
        """Which runs left the finite numbers, (runs,)."""
        return np.array([reason == "diverged" for reason in self.stopped], bool)

    @property
    def ranking(self) -> Array:
        """The runs' numbers by their final loss, the best first; runs without one are left out."""
        order = np.argsort(self.final, kind="stable")
        return order[: np.isfinite(self.final).sum()]

    @property
    def best(self) -> int:
        """The number of the run with the lowest final loss.

        Raises:
            InputError: no run has a finite loss.
        """
        if not len(self.ranking):
            reasons = ", ".join(sorted(set(self.stopped)))
            raise InputError(
                f"no run of this sweep has a finite loss ({reasons}): smaller learning rates, scaled inputs and "
                "targets, or clip_norm usually mend it."
            )
        return int(self.ranking[0])

    def network(self, run: int | None = None) -> "Network":
        """A network of its own with a run's parameters: the best run's, or that of the number given.

        Raises:
            InputError: no such run.
        """
        k = plain_number(self.best if run is None else run)
        if not -len(self.runs) <= k < len(self.runs):
            raise InputError(f"run must be from 0 to {len(self.runs) - 1}, got {run!r}.")
        net = self.net.copy()
        net.model = replace(net.model.with_vector(self.vectors[k]), state=self.states[k]).copy()
        if self.seeded:
            net.seed = self.runs[k].seed
        return net

    # ------------------------------------------------------------------ as text
    def _columns(self) -> dict[str, list[str]]:
        """What the runs differ in; what is the same for all is left out."""
        constants = [_constants(run.optimizer) for run in self.runs]
        columns = {
            "seed": [str(run.seed) for run in self.runs],
            "optimizer": constants,
            "learning rate": [_rate(run.learning_rate) for run in self.runs],
            "scale": [number(run.scale, 4) for run in self.runs],
        }
        return {name: values for name, values in columns.items() if len(set(values)) > 1}

    def _table(self) -> tuple[list[str], list[list[str]]]:
        columns = self._columns()
        validated = self.validation_loss.shape[1] > 0
        header = ["run", *columns, "validation loss" if validated else "loss"]
        best = self.ranking[:SHOWN]
        return header, [
            [str(k), *(values[k] for values in columns.values()), number(float(self.final[k]))] for k in best
        ]

    @property
    def summary(self) -> str:
        """How many runs there were and how they ended, in a line."""
        runs, epochs = self.loss.shape
        text = f"{_counted(runs, 'run')} of {_counted(epochs, 'epoch')} in {self.seconds:.3g} s"
        for reason in ("diverged", "interrupted", "time limit", "patience"):
            if count := self.stopped.count(reason):
                text += f", {count} {reason}"
        return text

    def __str__(self) -> str:
        if not len(self.ranking):
            return self.summary
        rest = len(self.ranking) - SHOWN
        return "\n".join([self.summary, text_table(*self._table()), *([f"and {rest} more"] if rest > 0 else [])])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(*self._table(), caption=self.summary)

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON; None for a loss that is not finite. Parameters are left out."""
        return {
            "schema": "chainrule/sweep",
            "version": 1,
            "runs": [
                {
                    "seed": run.seed,
                    "optimizer": _constants(run.optimizer),
                    "learning_rate": repr(rate) if isinstance(rate := run.learning_rate, Schedule) else rate,
                    "scale": run.scale,
                    "stopped": reason,
                }
                for run, reason in zip(self.runs, self.stopped, strict=True)
            ],
            "loss": plain(self.loss),
            "validation_loss": plain(self.validation_loss),
            "final": plain(self.final),
            "best": self.best if len(self.ranking) else None,
            "seconds": self.seconds,
        }

    def plot(self, ax: Any = None) -> Any:
        """The losses of all runs by epoch as a picture; see ``chainrule.plots.plot_sweep``."""
        return renderer(self, "plot")(self, ax=ax)


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _rate(rate: float | Schedule | None) -> str:
    return "" if rate is None else number(rate, 4) if is_number(rate) else repr(rate)


def _constants(optimizer: AnyOptimizer) -> str:
    """``SGD(momentum=0.9)``: settings that are not the defaults; the learning rate has a column of its own."""
    changed = [
        f"{field.name}={getattr(optimizer, field.name)!r}"
        for field in fields(optimizer)
        if field.name != "learning_rate" and getattr(optimizer, field.name) != field.default
    ]
    return f"{type(optimizer).__name__}({', '.join(changed)})" if changed else type(optimizer).__name__
