"""``sweep``: many copies of one network trained at once, from other seeds, by other optimizers, at other rates."""

import itertools
from collections.abc import Iterable
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.chain import Chain
from chainrule.core.format import html_table, number, plain, text_table
from chainrule.core.inputs import as_inputs, as_targets, as_weights
from chainrule.core.layers import Record
from chainrule.core.lookup import is_number, plain_number
from chainrule.core.seeds import chosen_seed
from chainrule.errors import InputError
from chainrule.optimizers import SGD, AnyOptimizer, Optimizer, SecondOrderOptimizer, first_order
from chainrule.optimizers import optimizer as find_optimizer
from chainrule.optimizers.schedules import Schedule
from chainrule.sweeps.ensemble import Copy, Trained, train_copies
from chainrule.training import Data, Settings, split

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
    """What ``sweep`` hands back: how each run went, and all their parameters.

    Attributes:
        net: the network that was swept, left as it was.
        runs: what sets each run apart, in the order of all arrays here.
        loss: training loss by run and epoch, (runs, epochs): as ``History.loss``; NaN from where a run diverged or was
            interrupted.
        validation_loss: as ``loss``, after each epoch; (runs, 0) without validation data.
        vectors: all parameters of each run, (runs, P), in the order of ``net.parameters.vector``: those at the end,
            with validation data those of the best epoch; of a run that diverged, those from before.
        final: the loss that each run's parameters are judged by, (runs,): the best validation loss if there is one,
            else the last training loss; NaN if it diverged.
        stopped: by run, why it ended: "all epochs", "converged", "diverged" or "interrupted".
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

    # ------------------------------------------------------------------ what came of it
    @property
    def parameters(self) -> dict[str, Array]:
        """The parameters by name, each with a first axis for the runs."""
        slots = self.net.model.chain.slots
        return {slot.name: self.vectors[:, slot.start : slot.stop].reshape(-1, *slot.shape) for slot in slots}

    @property
    def finished(self) -> Array:
        """Which runs went through all their epochs, or converged before, (runs,)."""
        return np.array([reason in ("all epochs", "converged") for reason in self.stopped], bool)

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

    # ------------------------------------------------------------------ told
    def _columns(self) -> dict[str, list[str]]:
        """What tells the runs apart; what is the same for all is left out."""
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
        text = f"{_many(runs, 'run')} of {_many(epochs, 'epoch')} in {self.seconds:.3g} s"
        for reason in ("diverged", "interrupted", "time limit"):
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
        from chainrule.plots.sweep import plot_sweep  # noqa: PLC0415 - Matplotlib is fetched only by those who draw

        return plot_sweep(self, ax=ax)


def _many(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _rate(rate: float | Schedule | None) -> str:
    return "" if rate is None else number(rate, 4) if is_number(rate) else repr(rate)


def _constants(optimizer: AnyOptimizer) -> str:
    """``SGD(momentum=0.9)``: what is not as usual; the learning rate is told apart."""
    told = [
        f"{field.name}={getattr(optimizer, field.name)!r}"
        for field in fields(optimizer)
        if field.name != "learning_rate" and getattr(optimizer, field.name) != field.default
    ]
    return f"{type(optimizer).__name__}({', '.join(told)})" if told else type(optimizer).__name__


# -------------------------------------------------------------------------------- the sweep
def sweep(
    net: "Network",
    x: Any,
    t: Any,
    *,
    seeds: Iterable[int] | None = None,
    optimizers: Any = None,
    learning_rates: Iterable[float] | None = None,
    scales: Iterable[float] | None = None,
    epochs: int = 100,
    batch_size: int | None = None,
    shuffle: bool = True,
    validation: Any = None,
    weights: Any = None,
    l1: float = 0.0,
    l2: float = 0.0,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    threads: int | None = None,
    progress: bool | None = None,
    engine: str = "auto",
) -> Sweep:
    """Train many copies of a network at once: each of the seeds with each optimizer, learning rate and scale.

    Each run goes as if the network had been built with that seed and trained alone: ``fit(..., seed=seed)`` with that
    optimizer gives the same to rounding. Small networks are trained side by side, each in a lane of the processor's
    vector registers, thousands at hardly more than the cost of one; ``net`` itself is left alone.

    Args:
        net: the network to copy.
        x: inputs (N, inputs).
        t: targets (N, outputs); NaN marks a missing one.
        seeds: of the runs' first parameters, and of their shuffles; None begins all runs with the network's own
            parameters and one seed for the shuffles.
        optimizers: one, or a list of them, as ``fit`` takes them.
        learning_rates: each optimizer with each of these in place of its own.
        scales: what the first weights are multiplied by, biases left out.
        epochs: how often all rows are gone through.
        batch_size: rows an update; None takes all.
        shuffle: whether each epoch goes through the rows in a new order.
        validation: ``(x, t)``, ``(x, t, weights)``, or the share of rows to set aside, the same for all runs. Each run
            ends with the parameters of its best validation loss.
        weights: how much each row counts (N,).
        l1: as for ``fit``, like the next three.
        l2: see there.
        clip_norm: see there.
        clip_value: see there.
        threads: how many work together; None takes as many as pay. Their number does not change a bit.
        progress: whether to show a bar; None shows one on a terminal once a second has passed.
        engine: ``"compiled"`` or ``"reference"``; ``"auto"`` chooses for the work ahead.

    Raises:
        InputError: an argument cannot be used.

    A run that diverges is given up, the others go on. Ctrl-C ends all and keeps what is done.

    Example:
        >>> from chainrule import Dense, Network
        >>> net = Network(1, [Dense(1)], loss="squared_error")
        >>> runs = sweep(net, [[1.0], [2.0]], [2.0, 4.0], seeds=range(3), learning_rates=[0.01, 0.1], epochs=50)
        >>> runs.loss.shape
        (6, 50)
        >>> runs.runs[runs.best].learning_rate
        0.1
    """
    chain = net.model.chain
    wanted = _seeds(seeds)
    choices = _optimizers(optimizers, learning_rates)
    factors = _scales(scales)
    settings = Settings(
        epochs=epochs, batch_size=batch_size, optimizer=choices[0], shuffle=shuffle, seed=wanted[0], l1=l1, l2=l2,
        clip_norm=clip_norm, clip_value=clip_value, progress=progress, threads=threads, engine=engine,
    )  # fmt: skip
    data, held = as_data(chain, x, t, weights, validation, settings.seed)
    runs = tuple(SweepRun(*parts) for parts in itertools.product(wanted, choices, factors))
    starts = {seed: net.parameters.vector if seeds is None else drawn(chain, seed) for seed in wanted}
    weighty = maths.decayed_entries(chain)

    def start(run: SweepRun) -> Array:
        vector = starts[run.seed]
        return vector if run.scale == 1 else np.where(weighty, vector * vector.dtype.type(run.scale), vector)

    copies = [Copy(start(run), run.optimizer, run.seed) for run in runs]
    trained = train_copies(net.model, data, held, settings, copies)
    return _sweep(net.copy(), runs, trained, held is not None, seeds is not None)


def _sweep(net: "Network", runs: tuple[SweepRun, ...], trained: Trained, validated: bool, seeded: bool) -> Sweep:
    validation = trained.validation_losses if validated else trained.validation_losses[:, :0]
    return Sweep(
        net, runs, trained.losses, validation, trained.vectors, trained.judged(), tuple(trained.stopped),
        trained.seconds, tuple(trained.states), seeded,
    )  # fmt: skip


def drawn(chain: Chain, seed: int) -> Array:
    """The parameters a network built with that seed begins with."""
    return maths.initial_parameters(chain, np.random.default_rng(seed)).vector


# -------------------------------------------------------------------------------- at the door
def as_data(chain: Chain, x: Any, t: Any, weights: Any, validation: Any, seed: int) -> tuple[Data, Data | None]:
    """The rows to train on and those to validate on, checked.

    Raises:
        InputError: they cannot be used.
    """

    def rows(x: Any, t: Any, weights: Any = None) -> Data:
        inputs = as_inputs(chain, x)
        targets = as_targets(chain, t, len(inputs))
        return Data(inputs, targets, as_weights(chain, weights, None, targets))

    data, validation = rows(x, t, weights), plain_number(validation)
    if validation is None:
        return data, None
    if isinstance(validation, tuple | list) and len(validation) in (2, 3):
        try:
            return data, rows(*validation)
        except InputError as error:
            raise InputError(f"validation: {error}") from None
    if isinstance(validation, float) and 0 < validation < 1 and len(data.x) > 1:
        return split(data, validation, seed)
    found = f"an array of shape {validation.shape}" if isinstance(validation, np.ndarray) else f"{validation!r:.60}"
    raise InputError(
        f"validation must be (x, t), (x, t, weights) or a share of at least two rows between 0 and 1, got {found}."
    )


def _list(name: str, values: Any, what: str) -> list[Any]:
    """Several values, at least one."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InputError(f"{name} must be a list of {what}, got {values!r:.60}.")
    several = list(values)
    if not several:
        raise InputError(f"{name} is empty: give at least one, or leave it out.")
    return several


def _seeds(seeds: Any) -> list[int]:
    if seeds is None:
        return [chosen_seed(None)]
    several = _list("seeds", seeds, "whole numbers such as range(10)")
    if None in several:
        raise InputError("seeds must be whole numbers, got None among them.")
    return [chosen_seed(seed) for seed in several]


def _optimizers(optimizers: Any, learning_rates: Any) -> list[AnyOptimizer]:
    if optimizers is None:
        found: list[AnyOptimizer] = [SGD()]
    elif isinstance(optimizers, str | Optimizer | SecondOrderOptimizer | type):
        found = [find_optimizer(optimizers)]
    else:
        several = _list("optimizers", optimizers, "optimizers such as [SGD(0.1), Adam()]")
        found = [find_optimizer(one) for one in several]
    if learning_rates is None:
        return found
    rates = _list("learning_rates", learning_rates, "numbers such as [0.01, 0.1]")
    stepping = [first_order(one, "a sweep over learning_rates") for one in found]
    return [replace(one, learning_rate=_plain_rate(rate)) for one in stepping for rate in rates]


def _plain_rate(rate: Any) -> Any:
    return plain_number(rate)


def _scales(scales: Any) -> list[float]:
    if scales is None:
        return [1.0]
    several = [plain_number(scale) for scale in _list("scales", scales, "numbers such as [0.5, 1, 2]")]
    for scale in several:
        if not is_number(scale) or not 0 <= scale < np.inf:
            raise InputError(f"scales must be finite numbers from 0, got {scale!r} among them.")
    return [float(scale) for scale in several]
