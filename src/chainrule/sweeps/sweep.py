"""``sweep``: many copies of one network trained at once, from other seeds, by other optimizers, at other rates."""

import itertools
from collections.abc import Iterable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.lookup import is_number, plain_number
from chainrule.core.seeds import chosen_seed
from chainrule.errors import InputError
from chainrule.optimizers import SGD, AnyOptimizer, Optimizer, SecondOrderOptimizer, first_order
from chainrule.optimizers import optimizer as find_optimizer
from chainrule.sweeps.ensemble import train_copies
from chainrule.sweeps.result import Sweep, SweepRun
from chainrule.sweeps.trained import Copy, TrainedCopies, initial_vector
from chainrule.training import Call, parse_call

if TYPE_CHECKING:
    from chainrule.network import Network


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
    patience: int | None = None,
    min_delta: float = 0.0,
    time_limit: float | None = None,
    weights: Any = None,
    class_weight: Any = None,
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
        patience: a run stops after so many epochs without a better loss, and ends with its best parameters.
        min_delta: by how much a loss must be lower to count as better for ``patience``.
        time_limit: seconds after which all runs stop.
        weights: how much each row counts (N,).
        class_weight: ``"balanced"`` or a dict from class number to weight; multiplies the rows' weights.
        l1: adds the penalty ``l1 sum |W|`` on the weights, biases left out.
        l2: adds the penalty ``l2/2 sum W^2``.
        clip_norm: longest gradient (Euclidean, all parameters together).
        clip_value: largest entry of the gradient; applied before ``clip_norm``.
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
    seed_list = _parse_seeds(seeds)
    optimizer_list = _parse_optimizers(optimizers, learning_rates)
    scale_list = _parse_scales(scales)
    call = parse_call(
        net, x, t, weights=weights, class_weight=class_weight, validation=validation, epochs=epochs,
        batch_size=batch_size, optimizer=optimizer_list[0], shuffle=shuffle, seed=seed_list[0], patience=patience,
        min_delta=min_delta, time_limit=time_limit, l1=l1, l2=l2, clip_norm=clip_norm, clip_value=clip_value,
        progress=progress, engine=engine, threads=threads,
    )  # fmt: skip
    runs = tuple(SweepRun(*parts) for parts in itertools.product(seed_list, optimizer_list, scale_list))
    chain = call.model.chain
    starts = {seed: net.parameters.vector if seeds is None else initial_vector(chain, seed) for seed in seed_list}
    decayed = maths.decayed_entries(chain)

    def start(run: SweepRun) -> Array:
        vector = starts[run.seed]
        return vector if run.scale == 1 else np.where(decayed, vector * vector.dtype.type(run.scale), vector)

    copies = [Copy(start(run), run.optimizer, run.seed) for run in runs]
    return _result(net.copy(), runs, train_copies(call, copies), call, seeded=seeds is not None)


def _result(net: "Network", runs: tuple[SweepRun, ...], trained: TrainedCopies, call: Call, *, seeded: bool) -> Sweep:
    validation = trained.validation_losses if call.validation is not None else trained.validation_losses[:, :0]
    return Sweep(
        net, runs, trained.losses, validation, trained.vectors, trained.final_losses(), tuple(trained.stopped),
        trained.seconds, tuple(trained.states), seeded,
    )  # fmt: skip


# -------------------------------------------------------------------------------- what is varied
def _list(name: str, values: Any, what: str) -> list[Any]:
    """Several values, at least one."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise InputError(f"{name} must be a list of {what}, got {values!r:.60}.")
    several = list(values)
    if not several:
        raise InputError(f"{name} is empty: give at least one, or leave it out.")
    return several


def _parse_seeds(seeds: Any) -> list[int]:
    if seeds is None:
        return [chosen_seed(None)]
    several = _list("seeds", seeds, "whole numbers such as range(10)")
    if None in several:
        raise InputError("seeds must be whole numbers, got None among them.")
    return [chosen_seed(seed) for seed in several]


def _parse_optimizers(optimizers: Any, learning_rates: Any) -> list[AnyOptimizer]:
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
    return [replace(one, learning_rate=plain_number(rate)) for one in stepping for rate in rates]


def _parse_scales(scales: Any) -> list[float]:
    if scales is None:
        return [1.0]
    several = [plain_number(scale) for scale in _list("scales", scales, "numbers such as [0.5, 1, 2]")]
    for scale in several:
        if not is_number(scale) or not 0 <= scale < np.inf:
            raise InputError(f"scales must be finite numbers from 0, got {scale!r} among them.")
    return [float(scale) for scale in several]
