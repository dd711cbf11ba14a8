"""Training as a generator of updates, by whichever engine and order of optimizer, and what it refuses beforehand."""

from collections.abc import Generator, Iterator

from chainrule.engine.choose import choose
from chainrule.optimizers import SecondOrderOptimizer
from chainrule.training import compiled, reference, second_order
from chainrule.training.batches import check_batches, check_targets
from chainrule.training.call import Call
from chainrule.training.update import ScheduleState, Update


def check_call(call: Call) -> None:
    """Refuse what cannot be trained, before anything is changed.

    Raises:
        InputError: a layer cannot be trained on batches as small as these, no row has a target, or the optimizer is of
            second order and not made for this network.
    """
    rows, settings = len(call.data.x), call.settings
    check_targets("t", call.data.t, call.data.weights)
    if isinstance(settings.optimizer, SecondOrderOptimizer):
        second_order.check_network(call.model, rows, settings, settings.optimizer)
    check_batches(call.model.chain, rows, settings.batch_size)
    if call.validation is not None:
        check_targets("the validation's t", call.validation.t, call.validation.weights)


def training(call: Call) -> Generator[Update, None, str | None]:
    """Train the call's model in place with the reference, yielding after each update; stop taking and it has stopped.

    Returns why it ended if that was before the epochs were over, as a generator does.

    Args:
        call: what to train, and how; rows to validate on and everything else that belongs to ``fit``'s loop are left
            to who takes the updates.

    Raises:
        InputError: as for ``check_call``.
        DivergenceError: a loss, gradient or update is not finite; raised before the parameters are touched by it.
    """
    check_call(call)
    return updates(call, ScheduleState(), compile_gradients=False)


def updates(call: Call, state: ScheduleState, *, compile_gradients: bool) -> Generator[Update, None, str | None]:
    """The updates of ``training`` for a call that has been checked.

    Args:
        call: what to train, and how.
        state: the schedule's memory of the losses, which the taker moves on.
        compile_gradients: whether a second-order optimizer gets its gradients from the compiled engine.
    """
    rule = call.settings.optimizer
    if isinstance(rule, SecondOrderOptimizer):
        return second_order.updates(call, rule, compile_gradients=compile_gradients)
    return reference.updates(call, state)


def training_by_engine(call: Call) -> Iterator[Update]:
    """The same by the engine that the call names; ``"auto"`` is the reference, as nobody knows how many will be taken.

    Raises:
        InputError: as for ``training``, and where the call names the compiled engine, which cannot train it.
    """
    if call.settings.engine != "compiled":
        return training(call)
    check_call(call)
    choose("compiled", call.model.chain, call.settings.optimizer, rows=len(call.data.x))
    if isinstance(call.settings.optimizer, SecondOrderOptimizer):
        return updates(call, ScheduleState(), compile_gradients=True)
    return compiled.updates(call)
