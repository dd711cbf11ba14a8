"""Training many copies of one network: side by side in lanes where that can be, else one after the other.

What a copy is: parameters to begin with, an optimizer, a seed for its shuffles. Each ends as ``fit`` would have left it
had it been trained alone.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, cast

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.chain import Chain
from chainrule.core.layers import Record, Run
from chainrule.core.model import Model
from chainrule.engine import dispatch
from chainrule.engine.optimizer_spec import optimizer_spec
from chainrule.engine.session import Stop
from chainrule.engine.unrolled import program
from chainrule.errors import DivergenceError
from chainrule.optimizers import AnyOptimizer, Optimizer, first_order
from chainrule.optimizers.schedules import Schedule
from chainrule.training import Data, History, Settings, fit
from chainrule.training.progress import ProgressBar
from chainrule.training.reference import check_run, check_targets, counted

if TYPE_CHECKING:
    from concurrent.futures import Future

    from chainrule.engine.session import Rows
    from chainrule.engine.unrolled.copies import CopiesSession

COMPILING = 2.0
"""Seconds that a program may have to be compiled for; work that the reference does sooner is left to it."""

CALL_SECONDS = 0.2
"""How long all copies together are trained before Python is back: soon enough for Ctrl-C and the progress bar."""

WORTH_THREADS = 1e-3
"""Seconds of work from which a second thread pays."""

Show = Callable[[int, Array], None]
"""Moves a progress bar on: by how many epochs, and the losses they ended with."""


@dataclass(frozen=True, eq=False)
class Copy:
    """One copy to be trained.

    Attributes:
        vector: its first parameters, (P,).
        optimizer: its own.
        seed: of its shuffles and dropout.
    """

    vector: Array
    optimizer: AnyOptimizer
    seed: int


@dataclass(eq=False)
class Trained:
    """What became of the copies.

    Attributes:
        losses, validation_losses, norms: by copy and epoch, (copies, epochs); NaN where there was no epoch any more,
            or no validation.
        vectors: parameters at the end, (copies, P); those of the best epoch with validation data or patience.
        states: by copy, its layers' running statistics.
        stopped: by copy, why: as ``History.stopped`` says it; empty if it was not begun.
        best_epochs: by copy, (copies,); -1 where none was kept.
        histories: those of the copies that were trained one by one.
        seconds: that all of it took.
    """

    losses: Array
    validation_losses: Array
    norms: Array
    vectors: Array
    states: list[tuple[Record, ...]]
    stopped: list[str]
    best_epochs: Array
    histories: dict[int, History] = field(default_factory=dict)
    seconds: float = 0.0
    begun: float = field(default_factory=time.perf_counter)

    def time_left(self, settings: Settings) -> float:
        """Seconds until the time limit; infinite without one."""
        limit = settings.time_limit
        return np.inf if limit is None else limit - (time.perf_counter() - self.begun)

    @property
    def epochs(self) -> Array:
        """How many epochs each copy has finished, (copies,)."""
        return np.isfinite(self.losses).sum(axis=1)

    @property
    def diverged(self) -> Array:
        """Which copies left the finite numbers, (copies,)."""
        return np.array([reason == "diverged" for reason in self.stopped], bool)

    def judged(self) -> Array:
        """The loss that each copy's parameters are judged by, (copies,): NaN if it has none or has diverged.

        The best validation loss if there is one, else the best training loss if the best parameters were kept, else
        the last training loss.
        """
        values = np.full(len(self.losses), np.nan)
        for k, epochs in enumerate(self.epochs):
            if epochs and self.stopped[k] != "diverged":
                held = self.validation_losses[k, :epochs]
                of = self.losses[k] if np.isnan(held).all() else held
                values[k] = of[self.best_epochs[k] if self.best_epochs[k] >= 0 else epochs - 1]
        return values


def train_copies(model: Model, data: Data, held: Data | None, settings: Settings, copies: Sequence[Copy]) -> Trained:
    """Train each copy as ``fit`` would; ``model`` itself is left alone.

    Args:
        model: whose chain it is.
        data: rows to train on.
        held: rows to validate on.
        settings: of all copies; optimizer and seed are the copies' own.
        copies: what to train.

    Raises:
        InputError: as for ``fit``; nothing was begun.

    Ctrl-C ends it; what was done until then is kept.
    """
    for one in {type(copy.optimizer): copy.optimizer for copy in copies}.values():
        check_run(model, *data, replace(settings, optimizer=one))
    if held is not None:
        check_targets("the validation's t", held.t, held.weights)
    count, epochs = len(copies), settings.epochs
    losses, validation_losses, norms = (np.full((count, epochs), np.nan) for _ in range(3))
    vectors = np.array([copy.vector for copy in copies]).reshape(count, model.chain.size)
    trained = Trained(
        losses, validation_losses, norms, vectors, [model.state] * count, [""] * count, np.full(count, -1)
    )
    lanes, alone = _shared_out(model.chain, data, settings, copies)
    with ProgressBar(count * epochs, settings.progress) as bar:
        seen = _Seen(settings.seed)

        def show(done: int, losses: Array) -> None:
            """So many epochs more of some copies, which ended with these losses."""
            seen.done += done
            finite = losses[np.isfinite(losses)]
            seen.losses = [float(finite.min(initial=seen.losses[0] if seen.losses else np.inf))]
            bar.show(seen)

        try:
            for group in lanes:
                _in_lanes(model.chain, data, held, settings, copies, group, trained, show)
            _one_by_one(model, data, held, settings, copies, alone, trained, show)
        except KeyboardInterrupt:
            pass
    trained.stopped = [reason or "interrupted" for reason in trained.stopped]
    trained.seconds = time.perf_counter() - trained.begun
    return trained


class _Seen(History):
    """What a progress bar is shown: epochs of all copies together, and the lowest loss."""

    done = 0

    @property
    def epochs(self) -> int:
        """Those of all copies."""
        return self.done


def _shared_out(
    chain: Chain, data: Data, settings: Settings, copies: Sequence[Copy]
) -> tuple[list[list[int]], list[int]]:
    """Which copies go side by side, by their optimizer's rule, and which alone: by the work ahead, not by the clock."""
    everyone = list(range(len(copies)))
    if (
        settings.engine == "reference"
        or settings.callbacks
        or program.unsupported_reason(chain) is not None
        or not copies
    ):
        return [], everyone
    rows, size = len(data.x), min(settings.batch_size or len(data.x), len(data.x))
    seconds = dispatch.COSTS["reference"].training(chain, rows, size, settings.epochs) * len(copies)
    if settings.engine == "auto" and seconds < COMPILING:
        return [], everyone
    groups: dict[str, list[int]] = {}
    rules: dict[AnyOptimizer, str] = {}
    for k, copy in enumerate(copies):
        if copy.optimizer not in rules:
            rules[copy.optimizer] = _rule(chain, copy.optimizer)
        groups.setdefault(rules[copy.optimizer], []).append(k)
    alone = groups.pop("", [])
    return list(groups.values()), alone


def _rule(chain: Chain, optimizer: AnyOptimizer) -> str:
    """The rule that copies side by side share; empty if they must be trained alone."""
    if not isinstance(optimizer, Optimizer) or program.unsupported_reason(chain, optimizer) is not None:
        return ""
    watches = type(optimizer.schedule).observe is not Schedule.observe  # it wants to see each copy's losses
    return "" if watches else optimizer_spec(optimizer).name


def _rows(data: Data) -> "Rows":
    """Data as a session takes them."""
    from chainrule.engine.session import Rows  # noqa: PLC0415 - LLVM only where something is compiled

    counts = counted(data.t, data.weights)
    return Rows(data.x, data.t, None if (counts == counts[0]).all() else counts)


# -------------------------------------------------------------------------------- side by side
def _in_lanes(
    chain: Chain, data: Data, held: Data | None, settings: Settings, copies: Sequence[Copy], group: Sequence[int],
    trained: Trained, show: Show,
) -> None:  # fmt: skip
    """Train copies of one rule side by side, some epochs at a time."""
    from chainrule.engine.session import UpdateSpec  # noqa: PLC0415 - as above
    from chainrule.engine.unrolled.copies import CopiesSession  # noqa: PLC0415 - LLVM only where something is compiled

    optimizers = [first_order(copies[k].optimizer, "training side by side") for k in group]
    size = min(settings.batch_size or len(data.x), len(data.x))
    spec = UpdateSpec(
        optimizers[0], size, settings.shuffle, settings.seed, settings.l1, settings.l2, settings.clip_norm,
        settings.clip_value,
    )  # fmt: skip
    session = CopiesSession(
        chain, trained.vectors[group], _rows(data), None if held is None else _rows(held), spec,
        optimizers, [copies[k].seed for k in group], settings.epochs,
        _threads(settings, chain, len(data.x), len(group)), patience=settings.patience or 0,
        min_delta=settings.min_delta, judges=held is not None, norms=True,
    )  # fmt: skip
    try:
        for begin, epochs in _pieces(settings.epochs):
            ran = session.run(epochs)
            end = begin + epochs
            trained.losses[group, begin:end], trained.norms[group, begin:end] = ran.losses, ran.norms
            if ran.validation_losses is not None:
                trained.validation_losses[group, begin:end] = ran.validation_losses
            show(epochs * len(group), ran.losses[:, -1])
            if ran.interrupted:
                raise KeyboardInterrupt
            if session.stopped.all() or trained.time_left(settings) < 0:
                break
    finally:
        _settle(session, data, settings, group, trained)


def _threads(settings: Settings, chain: Chain, rows: int, copies: int) -> int:
    """As many as are asked for, or as pay."""
    if settings.threads is not None:
        return settings.threads
    seconds = 1e-9 * chain.size * rows * settings.epochs * copies
    return dispatch.available_threads() if seconds > WORTH_THREADS else 1


def _pieces(epochs: int) -> Iterator[tuple[int, int]]:
    """Epochs in pieces that take about ``CALL_SECONDS`` each: where each begins, and how many."""
    begin, size = 0, 1
    while begin < epochs:
        started = time.perf_counter()
        yield begin, min(size, epochs - begin)
        begin += size
        seconds = max(time.perf_counter() - started, 1e-6)
        size = max(1, min(int(size * CALL_SECONDS / seconds), 16 * size))


def _settle(session: "CopiesSession", data: Data, settings: Settings, group: Sequence[int], trained: Trained) -> None:
    """How each copy of a group ended, and with which parameters."""
    stopped, done = session.stopped, session.epochs_done
    keeps = session.form.judges
    last, best = session.vectors, session.best_vectors if keeps else None
    escaped = np.abs(last).max(axis=1, initial=0) > np.finfo(last.dtype).max ** 0.25  # seldom: then it is looked into
    bettered, best_epochs = session.last_improved, session.best_epochs
    for place, k in enumerate(group):
        trained.vectors[k] = last[place]
        if stopped[place] == Stop.PATIENCE:
            trained.stopped[k] = "patience"
            end = bettered[place] + (settings.patience or 0) + 1  # the lane went on until all others had stopped
            for of in (trained.losses, trained.validation_losses, trained.norms):
                of[k, end:] = np.nan
        elif stopped[place] == Stop.NOT_FINITE or (
            escaped[place] and not keeps and not _ends_finite(session.chain, data, last[place])
        ):
            trained.stopped[k] = "diverged"
        elif done == settings.epochs:
            trained.stopped[k] = "all epochs"
        elif trained.time_left(settings) < 0:
            trained.stopped[k] = "time limit"
        if best is not None and best_epochs[place] >= 0:
            trained.vectors[k], trained.best_epochs[k] = best[place], best_epochs[place]


def _ends_finite(chain: Chain, data: Data, vector: Array) -> bool:
    """Whether outputs are finite under the last parameters: no update came after them to see it."""
    parameters = maths.initial_parameters(chain, np.random.default_rng(0)).with_vector(vector)
    with np.errstate(all="ignore"):
        y = maths.forward(chain, parameters, data.x, Run(state=maths.initial_state(chain)))[-1]["a"]
    return bool(np.isfinite(y).all())


# -------------------------------------------------------------------------------- one by one
def _one_by_one(
    model: Model, data: Data, held: Data | None, settings: Settings, copies: Sequence[Copy], group: Sequence[int],
    trained: Trained, show: Show,
) -> None:  # fmt: skip
    """Train copies each by ``fit``; compiled runs are shared out among threads, each with one of its own."""
    if not group:
        return
    rows = len(data.x)
    engine: Literal["compiled", "reference"] = "reference"
    for k in group:  # refused before anything is begun
        engine = dispatch.choose(
            settings.engine, model.chain, copies[k].optimizer, rows=rows,
            batch=min(settings.batch_size or rows, rows), epochs=max(settings.epochs, 1) * len(group),
        )  # fmt: skip

    def one(k: int) -> int:
        copy, left = copies[k], trained.time_left(settings)
        if left <= 0:
            trained.stopped[k] = "time limit"
            return k
        limit = None if left == np.inf else left
        mine = model.with_vector(copy.vector).copy()
        how = replace(settings, optimizer=copy.optimizer, seed=copy.seed, engine=engine, threads=1, progress=False)
        how = replace(how, time_limit=limit)
        try:
            history = fit(mine, data, held, how)
        except DivergenceError as diverged:
            history = cast("History", diverged.history)
            history.stopped = "diverged"  # also where all epochs were over when it was found
        _write_down(trained, k, mine, history)
        return k

    shared_out = engine == "compiled" and not settings.callbacks  # which are told of one training after the other
    threads = min(settings.threads or dispatch.available_threads(), len(group)) if shared_out else 1
    for k in map(one, group) if threads == 1 else _in_threads(one, group, threads):
        show(settings.epochs, trained.losses[k, -1:])
        if trained.stopped[k] == "interrupted":
            raise KeyboardInterrupt


def _write_down(trained: Trained, k: int, model: Model, history: History) -> None:
    """What ``fit`` told of one copy."""
    epochs = history.epochs
    trained.losses[k, :epochs], trained.norms[k, :epochs] = history.losses, history.gradient_norms
    if history.validation_losses:
        trained.validation_losses[k, :epochs] = history.validation_losses
    trained.vectors[k], trained.states[k] = model.parameters.vector, model.state
    trained.stopped[k], trained.histories[k] = history.stopped, history
    trained.best_epochs[k] = history.best_epoch if history.restored else -1


def _in_threads(one: Callable[[int], int], group: Sequence[int], threads: int) -> Iterator[int]:
    """As the copies end; Ctrl-C lets those that have begun end."""
    from concurrent.futures import FIRST_COMPLETED, ThreadPoolExecutor, wait  # noqa: PLC0415 - only where it is used

    pool = ThreadPoolExecutor(threads)
    waiting: set[Future[int]] = {pool.submit(one, k) for k in group}
    try:
        while waiting:
            done, waiting = wait(waiting, return_when=FIRST_COMPLETED)
            for future in done:
                yield future.result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
