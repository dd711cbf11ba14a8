"""``fit`` with the compiled engine: the same run, told to machine code in calls of some tens of milliseconds.

Between calls the interpreter is back: Ctrl-C, the progress bar, the time limit. What a run does not need Python for
(epochs' losses, validation, the best parameters, patience) happens inside; where callbacks want to be asked, or a
schedule wants to see losses, calls are as short as that needs.
"""

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, NoReturn

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.layers import Run
from chainrule.core.model import Model
from chainrule.engine.dispatch import choose, compiled_cost, products, threads_for
from chainrule.engine.session import Stop
from chainrule.optimizers import SGD, SecondOrderOptimizer
from chainrule.optimizers.schedules import Clock, Constant, Memory, Schedule
from chainrule.training import reference as loop
from chainrule.training.progress import ProgressBar

if TYPE_CHECKING:
    from chainrule.engine.session import Rows, RunResult, Session
    from chainrule.training.fit import Data, FitRun
    from chainrule.training.settings import Settings

CALL_SECONDS = 0.05
"""How long a call shall take, about: soon enough for Ctrl-C, long enough to be worth it."""

MOST_UPDATES = 32_768
"""Updates of a call at most, if that is more than an epoch: what is written down of them stays in the cache."""


def open_session(
    model: Model, data: "Data", held: "Data | None", settings: "Settings", *, keep_updates: bool = False,
    judge: bool = False,
) -> "Session":  # fmt: skip
    """A session for a run: a program written out where the network is small enough, else kernels.

    Args:
        model: to train.
        data: rows to train on.
        held: rows to validate on.
        settings: of the run.
        keep_updates: whether updates can be asked for.
        judge: whether patience is judged inside.
    """
    from chainrule.engine.runtime.kernel_session import KernelSession  # noqa: PLC0415 - as above
    from chainrule.engine.session import UpdateSpec  # noqa: PLC0415 - as above
    from chainrule.engine.unrolled.program import unsupported_reason  # noqa: PLC0415 - as above
    from chainrule.engine.unrolled.session import UnrolledSession  # noqa: PLC0415 - LLVM only where something is compiled

    size = min(settings.batch_size or len(data.x), len(data.x))
    spec = UpdateSpec(
        settings.rule, size, settings.shuffle, settings.seed, settings.l1, settings.l2, settings.clip_norm,
        settings.clip_value,
    )  # fmt: skip
    threads = threads_for(settings.threads, 3 * size * products(model.chain))
    written_out = unsupported_reason(model.chain, settings.rule) is None
    kind = UnrolledSession if written_out else KernelSession
    return kind(
        model, _rows(data), None if held is None else _rows(held), spec, threads,
        patience=(settings.patience or 0) if judge else 0, min_delta=settings.min_delta, keep_updates=keep_updates,
    )  # fmt: skip


def rates(schedule: Schedule, memory: Memory, session: "Session", count: int, epochs: int) -> Array:
    """The learning rates of the next ``count`` updates."""
    if isinstance(schedule, Constant):
        return np.full(count, float(schedule.eta))
    first, per_epoch = session.updates_done, session.per_epoch
    clocks = (Clock(u, u // per_epoch, per_epoch * epochs, epochs) for u in range(first, first + count))
    return np.array([float(schedule.rate(clock, memory)) for clock in clocks])


def train(run: "FitRun") -> None:
    """Train until the epochs are over or something says stop.

    Raises:
        CompileError: somebody's own function cannot be compiled; nothing was changed.
    """
    settings, model = run.settings, run.model
    schedule = settings.optimizer.schedule
    watches = type(schedule).observe is not Schedule.observe
    asked = {event for event in ("update", "epoch", "improvement", "stop", "start") if settings.listeners(event)}
    by_epoch = watches or bool(asked & {"epoch", "improvement"})
    keeps = bool(asked)
    session = open_session(model, run.data, run.validation, settings, keep_updates=keeps, judge=not by_epoch)
    pace = _pace(run, session)
    run.tell("start")
    run.enter()
    with ProgressBar(settings.epochs, settings.progress) as bar:
        while not run.history.stopped:
            left = session.per_epoch * settings.epochs - session.updates_done
            if left == 0:
                run.stop("all epochs")
                break
            to_epochs_end = session.per_epoch - session.updates_done % session.per_epoch
            count = 1 if "update" in asked else to_epochs_end if by_epoch else min(pace, left)
            etas = rates(schedule, run.watched.memory, session, count, settings.epochs)
            ran = session.run(etas)
            run.last_call = lambda etas=etas, ran=ran: last_update(session, float(etas[max(ran.updates - 1, 0)]))
            if "update" in asked and ran.updates:
                run.tell("update")
            _epochs(run, session, ran, etas, judged_inside=not by_epoch)
            if len(ran.losses):
                bar.show(run.history)
            if ran.stop == Stop.NOT_FINITE:
                name_divergence(session, run.data, settings, run.watched.memory)
            run.watch_the_clock()
    if not run.keeps_best and session.updates_done and not session.ends_finite():
        name_divergence(session, run.data, settings, run.watched.memory)


def steps(model: Model, data: "Data", settings: "Settings") -> Iterator[loop.Update]:
    """``training`` by the compiled engine: one update after the other.

    Raises:
        InputError, DivergenceError: as for ``training``; also if something stands in the way of compiling.
    """
    loop.check_run(model, *data, settings)
    choose("compiled", model.chain, settings.optimizer, rows=len(data.x))
    if isinstance(settings.optimizer, SecondOrderOptimizer):
        return loop.training(model, *data, settings, compiled=True)
    return _steps(model, data, settings)


def _steps(model: Model, data: "Data", settings: "Settings") -> Iterator[loop.Update]:
    session = open_session(model, data, None, settings, keep_updates=True)
    for _ in range(session.per_epoch * settings.epochs):
        etas = rates(settings.optimizer.schedule, Memory(), session, 1, settings.epochs)
        if session.run(etas).stop == Stop.NOT_FINITE:
            name_divergence(session, data, settings, Memory())
        yield last_update(session, float(etas[0]))


def gradient(model: Model, data: "Data", threads: int | None) -> Array:
    """The gradient of E over all rows as one flat vector."""
    return gradients(model, data, threads)(model.parameters.vector)[1]


def gradients(model: Model, data: "Data", threads: int | None) -> Callable[[Array], tuple[float, Array]]:
    """E over all rows and its gradient, both as flat vectors, as a function of the parameters.

    Raises:
        CompileError: somebody's own function cannot be compiled.
    """
    from chainrule.engine.runtime.kernel_session import KernelSession  # noqa: PLC0415 - LLVM only where something is compiled
    from chainrule.engine.session import UpdateSpec  # noqa: PLC0415 - as above

    rows = len(data.x)
    count = threads_for(threads, 3 * rows * products(model.chain))
    twin, spec = model.copy(), UpdateSpec(SGD(1.0), rows, shuffle=False, seed=0)
    session = KernelSession(twin, _rows(data), None, spec, count, keep_updates=True)

    def at(vector: Array) -> tuple[float, Array]:
        twin.parameters.vector[...] = vector
        return session.loss_and_gradient()

    return at


def _rows(part: "Data") -> "Rows":
    """Data as a session takes them."""
    from chainrule.engine.session import Rows  # noqa: PLC0415 - as above

    counts = loop.counted(part.t, part.weights)
    return Rows(part.x, part.t, None if (counts == counts[0]).all() else counts)


def _pace(run: "FitRun", session: "Session") -> int:
    """Updates a call: whole epochs if some fit into its time."""
    settings, chain = run.settings, run.model.chain
    seconds = CALL_SECONDS if settings.time_limit is None else min(CALL_SECONDS, settings.time_limit / 10)
    cost = compiled_cost(chain, settings.rule)
    epoch = cost.training(chain, len(run.data.x), session.batch, 1) - cost.start
    if run.validation is not None:
        epoch += cost.prediction(chain, len(run.validation.x)) - cost.start
    if epoch <= seconds:
        return session.per_epoch * min(int(seconds / epoch), max(1, MOST_UPDATES // session.per_epoch))
    return max(1, int(seconds / epoch * session.per_epoch))


def _epochs(run: "FitRun", session: "Session", ran: "RunResult", etas: Array, *, judged_inside: bool) -> None:
    """Write down the epochs that ended during a call."""
    done = len(ran.losses)
    if not done:
        return
    held = ran.validation_losses if session.validation is not None else None
    if not judged_inside:
        epoch, eta = (session.updates_done - 1) // session.per_epoch, float(etas[ran.updates - 1])
        run.after_epoch(epoch, float(ran.losses[0]), None if held is None else float(held[0]), eta, float(ran.norms[0]))
        return
    end = session.updates_done - (session.updates_done % session.per_epoch)
    first = session.updates_done - ran.updates
    last_of_each = np.arange(end - (done - 1) * session.per_epoch, end + 1, session.per_epoch) - 1 - first
    run.history.extend(ran.losses, held, etas[last_of_each], ran.norms, run.seconds())
    if (best := session.best()) is not None:
        run.best_from(best.loss, best.epoch, best.vector, best.state)
    if ran.stop == Stop.PATIENCE:
        run.stop("patience")


def last_update(session: "Session", eta: float) -> loop.Update:
    """The last update as ``training`` would have told it."""
    number, parameters = session.updates_done - 1, session.model.parameters
    rows, gradient, update = session.last_update()
    return loop.Update(
        number // session.per_epoch, number, rows, session.batch_loss, eta, parameters.with_vector(gradient),
        parameters.with_vector(update), parameters, ends_epoch=(number + 1) % session.per_epoch == 0,
    )  # fmt: skip


def name_divergence(session: "Session", data: "Data", settings: "Settings", memory: Memory) -> NoReturn:
    """Name what left the finite numbers, by running the batch in question with the reference.

    Raises:
        DivergenceError: always.
    """
    model, number = session.model, session.updates_done
    epoch = number // session.per_epoch
    batches = session.restart_epoch()
    eta = float(settings.optimizer.schedule.rate(Clock(number, epoch, number + 1, epoch + 1), memory))
    rng, free = np.random.default_rng(settings.seed), maths.free_entries(model.chain)
    for rows in batches:
        weights = None if data.weights is None else data.weights[rows]
        with np.errstate(all="ignore"):
            run = Run(True, model.state, rng)
            done = maths.forward_backward(model.chain, model.parameters, data.x[rows], data.t[rows], run, weights)
            loop.check_finite(model.chain, done, done.gradient, epoch, number)
            after = model.parameters.vector - eta * np.where(free, done.gradient, 0)
            loop.check_update(model.chain, after, epoch, number)
        model.parameters.vector[...] = after
    # the reference just escapes it: then it is the parameters, which rounding has kept finite there
    loop.check_update(model.chain, np.full(model.chain.size, np.nan), epoch, number)
    raise AssertionError
