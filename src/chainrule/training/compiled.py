"""``fit`` with the compiled engine: the same run, made by machine code in calls of some tens of milliseconds.

Between calls the interpreter is back: Ctrl-C, the progress bar, the time limit. What a run does not need Python for
(epochs' losses, validation, the best parameters, patience) happens inside; where there are callbacks, or a schedule
that depends on losses, calls are as short as that needs.
"""

from collections.abc import Callable, Iterator
from typing import NoReturn

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.layers import Run
from chainrule.core.model import Model
from chainrule.core.seeds import streams
from chainrule.engine.cost import compiled_cost, products
from chainrule.engine.session import Rows, RunResult, Session, Stop, UpdateSpec
from chainrule.engine.threads import threads_for
from chainrule.engine.unrolled import program
from chainrule.optimizers import SGD, Optimizer
from chainrule.optimizers.schedules import Clock, Constant, Memory, Schedule
from chainrule.training.batches import counted
from chainrule.training.call import Call
from chainrule.training.data import Data
from chainrule.training.divergence import check_finite, check_update
from chainrule.training.progress import ProgressBar
from chainrule.training.run import FitRun
from chainrule.training.settings import EVENTS, Settings
from chainrule.training.update import Update

CALL_SECONDS = 0.05
"""How long a call shall take, about: soon enough for Ctrl-C, long enough to be worth it."""

MOST_UPDATES = 32_768
"""Updates of a call at most, if that is more than an epoch: what is written down of them stays in the cache."""


def session_rows(data: Data) -> Rows:
    """Data as a session takes them."""
    counts = counted(data.t, data.weights)
    return Rows(data.x, data.t, None if (counts == counts[0]).all() else counts)


def update_spec(call: Call, optimizer: Optimizer) -> UpdateSpec:
    """How a session updates parameters, by the call's settings."""
    settings = call.settings
    return UpdateSpec(
        optimizer, call.batch_size, settings.shuffle, settings.seed, settings.l1, settings.l2, settings.clip_norm,
        settings.clip_value,
    )  # fmt: skip


def open_session(call: Call, validation: Data | None, *, keep_updates: bool = False, judge: bool = False) -> Session:
    """A session for a call: a program written out where the network is small enough, else kernels.

    Args:
        call: what to train, and how.
        validation: rows to validate on.
        keep_updates: whether ``last_update`` will be called.
        judge: whether patience is judged inside.
    """
    from chainrule.engine.runtime.kernel_session import KernelSession  # noqa: PLC0415 - LLVM only where it compiles
    from chainrule.engine.unrolled.session import UnrolledSession  # noqa: PLC0415 - as above

    model, settings = call.model, call.settings
    threads = threads_for(settings.threads, 3 * call.batch_size * products(model.chain))
    written_out = program.unsupported_reason(model.chain, settings.rule) is None
    kind = UnrolledSession if written_out else KernelSession
    return kind(
        model, session_rows(call.data), None if validation is None else session_rows(validation),
        update_spec(call, settings.rule), threads, patience=(settings.patience or 0) if judge else 0,
        min_delta=settings.min_delta, keep_updates=keep_updates,
    )  # fmt: skip


def learning_rates(schedule: Schedule, memory: Memory, session: Session, count: int, epochs: int) -> Array:
    """The learning rates of the next ``count`` updates."""
    if isinstance(schedule, Constant):
        return np.full(count, float(schedule.eta))
    first = session.updates_done
    clocks = (Clock.at(update, session.per_epoch, epochs) for update in range(first, first + count))
    return np.array([float(schedule.rate(clock, memory)) for clock in clocks])


def train(run: FitRun) -> None:
    """Train until the epochs are over or something says stop.

    Raises:
        CompileError: a user's function cannot be compiled; nothing was changed.
    """
    settings, schedule = run.settings, run.settings.optimizer.schedule
    watches_losses = type(schedule).observe is not Schedule.observe
    events = {event for event in EVENTS if settings.listeners(event)}
    by_epoch = watches_losses or bool(events & {"epoch", "improvement"})
    session = open_session(run.call, run.validation, keep_updates=bool(events), judge=not by_epoch)
    pace = _pace(run, session)
    run.emit("start")
    run.begin_epoch()
    with ProgressBar(settings.epochs, settings.progress) as bar:
        while not run.history.stopped:
            ahead = session.per_epoch * settings.epochs - session.updates_done
            if ahead == 0:
                run.stop("all epochs")
                break
            to_epochs_end = session.per_epoch - session.updates_done % session.per_epoch
            count = 1 if "update" in events else to_epochs_end if by_epoch else min(pace, ahead)
            etas = learning_rates(schedule, run.schedule_state.memory, session, count, settings.epochs)
            ran = session.run(etas)
            run.last_call = lambda etas=etas, ran=ran: last_update(session, float(etas[max(ran.updates - 1, 0)]))
            if "update" in events and ran.updates:
                run.emit("update")
            _record_epochs(run, session, ran, etas, judged_inside=not by_epoch)
            if len(ran.losses):
                bar.show(run.history)
            if ran.stop == Stop.NOT_FINITE:
                name_divergence(session, run.data, settings, run.schedule_state.memory)
            run.check_time_limit()
    if not run.keeps_best and session.updates_done and not session.ends_finite():
        name_divergence(session, run.data, settings, run.schedule_state.memory)


def updates(call: Call) -> Iterator[Update]:
    """Train the call's model in place, one update after the other.

    Raises:
        DivergenceError: values left the finite numbers.
    """
    settings = call.settings
    session = open_session(call, None, keep_updates=True)
    for _ in range(session.per_epoch * settings.epochs):
        etas = learning_rates(settings.optimizer.schedule, Memory(), session, 1, settings.epochs)
        if session.run(etas).stop == Stop.NOT_FINITE:
            name_divergence(session, call.data, settings, Memory())
        yield last_update(session, float(etas[0]))


def loss_and_gradient(model: Model, data: Data, threads: int | None) -> Callable[[Array], tuple[float, Array]]:
    """E over all rows and its gradient, a flat vector, as a function of the parameters.

    Raises:
        CompileError: a user's function cannot be compiled.
    """
    from chainrule.engine.runtime.kernel_session import KernelSession  # noqa: PLC0415 - LLVM only where it compiles

    rows = len(data.x)
    count = threads_for(threads, 3 * rows * products(model.chain))
    twin, spec = model.copy(), UpdateSpec(SGD(1.0), rows, shuffle=False, seed=0)
    session = KernelSession(twin, session_rows(data), None, spec, count, keep_updates=True)

    def at(vector: Array) -> tuple[float, Array]:
        twin.parameters.vector[...] = vector
        return session.loss_and_gradient()

    return at


def _pace(run: FitRun, session: Session) -> int:
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


def _record_epochs(run: FitRun, session: Session, ran: RunResult, etas: Array, *, judged_inside: bool) -> None:
    """Write down the epochs that ended during a call."""
    done = len(ran.losses)
    if not done:
        return
    validation = ran.validation_losses if session.validation is not None else None
    if not judged_inside:
        epoch, eta = (session.updates_done - 1) // session.per_epoch, float(etas[ran.updates - 1])
        validation_loss = None if validation is None else float(validation[0])
        run.after_epoch(epoch, float(ran.losses[0]), validation_loss, eta, float(ran.norms[0]))
        return
    end = session.updates_done - (session.updates_done % session.per_epoch)
    first = session.updates_done - ran.updates
    last_of_each = np.arange(end - (done - 1) * session.per_epoch, end + 1, session.per_epoch) - 1 - first
    run.history.extend(ran.losses, validation, etas[last_of_each], ran.norms, run.seconds())
    if (best := session.best()) is not None:
        run.best_from(best.loss, best.epoch, best.vector, best.state)
    if ran.stop == Stop.PATIENCE:
        run.stop("patience")


def last_update(session: Session, eta: float) -> Update:
    """The last update, as ``training`` hands it out."""
    number, parameters = session.updates_done - 1, session.model.parameters
    rows, gradient, update = session.last_update()
    return Update(
        number // session.per_epoch, number, rows, session.batch_loss, eta, parameters.with_vector(gradient),
        parameters.with_vector(update), parameters, ends_epoch=(number + 1) % session.per_epoch == 0,
    )  # fmt: skip


def name_divergence(session: Session, data: Data, settings: Settings, memory: Memory) -> NoReturn:
    """Name what left the finite numbers, by running the batch in question with the reference.

    Raises:
        DivergenceError: always.
    """
    model, number = session.model, session.updates_done
    epoch = number // session.per_epoch
    batches = session.restart_epoch()
    update = min(number, session.per_epoch * settings.epochs - 1)  # the last one, where its effect was found afterwards
    eta = float(settings.optimizer.schedule.rate(Clock.at(update, session.per_epoch, settings.epochs), memory))
    free = maths.free_entries(model.chain)
    rng = streams(settings.seed).initial  # drops other units than the run: how far its stream had come is not kept
    for rows in batches:
        weights = None if data.weights is None else data.weights[rows]
        with np.errstate(all="ignore"):
            run = Run(True, model.state, rng)
            done = maths.forward_backward(model.chain, model.parameters, data.x[rows], data.t[rows], run, weights)
            check_finite(model.chain, done, done.gradient, epoch, number)
            after = model.parameters.vector - eta * np.where(free, done.gradient, 0)
            check_update(model.chain, after, epoch, number)
        model.parameters.vector[...] = after
    # the reference just escapes it: then it is the parameters, which rounding has kept finite there
    check_update(model.chain, np.full(model.chain.size, np.nan), epoch, number)
    raise AssertionError
