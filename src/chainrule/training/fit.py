"""``fit``: updates by the engine that suits, and what belongs to an epoch: validation, best parameters, stopping."""

from chainrule.engine.choose import choose
from chainrule.errors import CompileError, DivergenceError
from chainrule.optimizers import SecondOrderOptimizer
from chainrule.training import compiled
from chainrule.training.call import Call
from chainrule.training.history import History
from chainrule.training.progress import ProgressBar
from chainrule.training.run import FitRun
from chainrule.training.stepwise import check_call, updates
from chainrule.training.threads import suitable_threads


def fit(call: Call) -> History:
    """Train the call's model in place.

    With validation data, or with ``patience``, the parameters are put back in the end to those of the best epoch:
    with validation data those after it, without those that entered it (its loss is taken before its updates).

    Raises:
        InputError: as for ``check_call``; nothing was changed.
        DivergenceError: values left the finite numbers. The parameters are those of the best epoch before that, the
            history so far is the error's ``history``.
    """
    check_call(call)
    settings, chain = call.settings, call.model.chain
    engine = choose(
        settings.engine, chain, settings.optimizer, rows=len(call.data.x), batch=call.batch_size,
        epochs=max(settings.epochs, 1), time_limit=settings.time_limit,
    )  # fmt: skip
    run = FitRun(call)
    try:
        second_order = isinstance(settings.optimizer, SecondOrderOptimizer)
        if engine == "reference" or second_order or not _train_compiled(run):
            with suitable_threads(chain, call.batch_size):
                _train(run, compile_gradients=engine == "compiled")
    except KeyboardInterrupt:
        run.stop("interrupted")
    except DivergenceError as error:
        run.history.stopped = "diverged"  # also where all epochs were over when it was found
        run.put_best_back()
        run.emit("stop")
        error.history = run.history
        raise
    if run.keeps_best:
        run.put_best_back()
    run.emit("stop")
    return run.history


def _train_compiled(run: FitRun) -> bool:
    """Train with the compiled engine; False if a user's function cannot be compiled and need not be."""
    try:
        compiled.train(run)
    except CompileError:
        if run.settings.engine == "compiled":
            raise
        return False
    return True


def _train(run: FitRun, *, compile_gradients: bool) -> None:
    """Take updates of the reference, or steps of a second-order optimizer, until they end or something says stop."""
    steps = updates(run.call, run.schedule_state, compile_gradients=compile_gradients)
    run.emit("start")
    run.begin_epoch()
    with ProgressBar(run.settings.epochs, run.settings.progress) as bar:
        while not run.history.stopped:
            try:
                update = next(steps)
            except StopIteration as end:
                run.stop(end.value or "all epochs")
                break
            run.after_update(update)
            if update.ends_epoch:
                run.end_epoch(update)
                bar.show(run.history)
    run.check_last()
