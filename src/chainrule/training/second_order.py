"""Training by a second-order optimizer as a plain generator: one ``Update`` after each accepted step.

The optimizer evaluates the loss wherever it needs to; the network's parameters change only when it has found a step.
"""

from collections.abc import Generator

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.losses import LOSSES
from chainrule.core.model import Model
from chainrule.errors import CompileError, InputError
from chainrule.optimizers.second_order import SecondOrderOptimizer, State
from chainrule.training import compiled
from chainrule.training.call import Call
from chainrule.training.divergence import check_finite
from chainrule.training.network_problem import NetworkProblem
from chainrule.training.settings import Settings
from chainrule.training.update import Update

CONVERGED = "converged"
"""Why training ended where the gradient vanishes or no step lowers the loss."""


def updates(
    call: Call, rule: SecondOrderOptimizer, *, compile_gradients: bool = False
) -> Generator[Update, None, str | None]:
    """Train the call's model in place, yielding after each step; returns why it ended before the epochs were over.

    Args:
        call: what to train, and how.
        rule: the call's optimizer.
        compile_gradients: whether the compiled engine gives the gradients, where it can.

    Raises:
        DivergenceError: loss or gradient are not finite where a step should begin.
    """
    model, settings = call.model, call.settings
    rows, vector = np.arange(len(call.data.x)), model.parameters.vector
    problem = _problem(call, compile_gradients=compile_gradients)
    state: State | None = None
    reached = vector.copy()
    for epoch in range(settings.epochs):
        with np.errstate(all="ignore"):  # trials may overflow: they are judged by what comes out
            if state is None or not np.array_equal(reached, vector):  # the first, or a callback changed the parameters
                problem.vector[...] = vector
                state = _started(problem, rule, vector[problem.free].astype(np.float64), epoch)
            after = rule.step(problem, state)
        if after is None:
            return CONVERGED
        gradient, update = np.zeros_like(vector), np.zeros_like(vector)
        gradient[problem.free] = state.point.gradient
        update[problem.free] = state.point.p - after.point.p
        vector[problem.free] = after.point.p
        reached = vector.copy()
        yield Update(
            epoch,
            epoch,
            rows,
            state.point.loss,
            after.length,
            model.parameters.with_vector(gradient),
            model.parameters.with_vector(update),
            model.parameters,
            ends_epoch=True,
            details=after.details,
        )
        state = after
    return None


def _problem(call: Call, *, compile_gradients: bool) -> NetworkProblem:
    """The problem, its gradients compiled if wanted and possible.

    Raises:
        CompileError: they must be compiled, and a user's function cannot.
    """
    settings = call.settings
    if compile_gradients:
        try:
            return NetworkProblem(
                call.model, call.data, settings.l2,
                lambda model, data: compiled.loss_and_gradient(model, data, settings.threads),
            )  # fmt: skip
        except CompileError:
            if settings.engine == "compiled":
                raise
    return NetworkProblem(call.model, call.data, settings.l2)


def _started(problem: NetworkProblem, rule: SecondOrderOptimizer, p: Array, epoch: int) -> State:
    """The rule's state at ``p``.

    Raises:
        DivergenceError: loss or gradient are not finite there.
    """
    point = problem.at(p)
    if not np.isfinite(point.value) or not np.isfinite(point.gradient).all():
        check_finite(problem.chain, problem.passed(p), point.gradient, epoch, epoch)
    return rule.start(problem, point)


# -------------------------------------------------------------------------------- what it can train
def check_network(model: Model, rows: int, settings: Settings, rule: SecondOrderOptimizer) -> None:
    """Refuse what a second-order optimizer cannot train.

    Raises:
        InputError: batches, penalties, clipping, a layer or a loss that it is not made for.
    """
    name, chain = type(rule).__name__, model.chain
    if settings.batch_size is not None and settings.batch_size < rows:
        raise InputError(
            f"{name} needs all rows at once, but batch_size={settings.batch_size} of {rows} rows: leave "
            "batch_size out, or use an optimizer for batches such as Adam()."
        )
    if settings.l1:
        raise InputError(f"{name} needs a smooth loss, but l1={settings.l1:g} has a kink where a weight is 0: use l2.")
    for clip in ("clip_norm", "clip_value"):
        if getattr(settings, clip) is not None:
            raise InputError(
                f"{name} compares losses before it steps, and a clipped gradient is that of no loss: leave {clip} out."
            )
    for l, layer in enumerate(chain.layers, start=1):
        if layer.draws_random:
            raise InputError(
                f"{name} needs the same loss each time it looks, but layer {l}, {type(layer).__name__}, draws at "
                "random: leave the layer out, and use l2 against overfitting."
            )
        if layer.mixes_rows:
            raise InputError(
                f"{name} needs rows that do not touch one another, but layer {l}, {type(layer).__name__}, mixes "
                "the rows of a batch: use LayerNorm."
            )
    if rule.least_squares and not chain.loss.least_squares:
        suited = ", ".join(row.name for row in LOSSES.values() if row.least_squares)
        raise InputError(
            f"{name} needs a least-squares loss, but the loss is {chain.loss.name}: choose one of "
            f"{suited}, or use LBFGS(), which takes any smooth loss."
        )
