"""``learning_rate_test``: which learning rates learn and which diverge, by trying many of them at once."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import number, plain
from chainrule.core.layers.checks import check_count
from chainrule.core.lookup import is_number, plain_number
from chainrule.core.renderers import renderer
from chainrule.errors import InputError
from chainrule.optimizers import Optimizer, first_order
from chainrule.sweeps.ensemble import train_copies
from chainrule.sweeps.trained import Copy
from chainrule.training import parse_call

if TYPE_CHECKING:
    from chainrule.network import Network


@dataclass(frozen=True, eq=False, repr=False)
class LearningRateTest:
    """What ``learning_rate_test`` found.

    Attributes:
        optimizer: whose rates were tried.
        rates: the learning rates, from the smallest up, (count,).
        loss: training loss by rate and epoch, (count, epochs); NaN from where a run diverged.
        stopped: "all epochs", or "interrupted" by Ctrl-C, then after fewer of them.
    """

    optimizer: Optimizer
    rates: Array
    loss: Array
    stopped: str = "all epochs"

    @property
    def last(self) -> Array:
        """The last loss of each rate, (count,); NaN where it diverged."""
        return self.loss[:, -1]

    @property
    def begin(self) -> float:
        """The loss that all began with: of the first epoch at the smallest rate, which has hardly moved."""
        return float(self.loss[0, 0])

    @property
    def stable(self) -> Array:
        """Which rates end with a finite loss no higher than the one that all began with, (count,)."""
        return np.nan_to_num(self.last, nan=np.inf) <= self.begin

    @property
    def largest_stable(self) -> float | None:
        """The largest rate below all that diverge or end higher than they began; None if even the smallest does."""
        count = len(self.rates) if self.stable.all() else int(np.argmin(self.stable))
        return float(self.rates[count - 1]) if count else None

    @property
    def best(self) -> float | None:
        """The rate with the lowest last loss; None if all diverged."""
        return None if np.isnan(self.last).all() else float(self.rates[np.nanargmin(self.last)])

    @property
    def suggested(self) -> float | None:
        """Half the largest stable rate, or the best rate if that is smaller; None if no rate is stable.

        A rate that is good for some epochs is often too large for many, and the best one is usually within a factor of
        two of the largest that does not diverge (Bengio 2012, section 3.1.1; taken up by Smith 2017, section 3.3).
        """
        if self.largest_stable is None or self.best is None:
            return None
        return min(self.largest_stable / 2, self.best)

    def __str__(self) -> str:
        low, high, epochs = self.rates[0], self.rates[-1], self.loss.shape[1]
        head = f"{len(self.rates)} learning rates of {type(self.optimizer).__name__} from {number(low, 3)} to "
        lines = [f"{head}{number(high, 3)}, {epochs} epochs each"]
        lines[0] += "" if self.stopped == "all epochs" else f" ({self.stopped})"
        if self.best is None:
            return f"{lines[0]}\nall of them diverged: try lower ones"
        lines.append(f"lowest loss: {number(np.nanmin(self.last), 4)} at {number(self.best, 3)}")
        if self.largest_stable is None:
            lines.append("no rate is stable: even the smallest ends with a higher loss than it began with")
        else:
            lines.append(f"largest stable rate: {number(self.largest_stable, 3)}")
            lines.append(f"suggested: {number(self.suggested or 0.0, 3)}")
        return "\n".join(lines)

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON; None for a loss that is not finite."""
        return {
            "schema": "chainrule/learning-rate-test",
            "version": 1,
            "optimizer": type(self.optimizer).__name__,
            "rates": plain(self.rates),
            "loss": plain(self.loss),
            "best": self.best,
            "largest_stable": self.largest_stable,
            "suggested": self.suggested,
            "stopped": self.stopped,
        }

    def plot(self, ax: Any = None) -> Any:
        """The last loss by rate as a picture; see ``chainrule.plots.plot_learning_rates``."""
        return renderer(self, "plot")(self, ax=ax)


def learning_rate_test(
    net: "Network",
    x: Any,
    t: Any,
    *,
    low: float = 1e-6,
    high: float = 10.0,
    count: int = 64,
    epochs: int = 20,
    optimizer: str | Optimizer = "sgd",
    batch_size: int | None = None,
    shuffle: bool = True,
    seed: int | None = None,
    weights: Any = None,
    class_weight: Any = None,
    l1: float = 0.0,
    l2: float = 0.0,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    threads: int | None = None,
    progress: bool | None = None,
    engine: str = "auto",
) -> LearningRateTest:
    """Try many constant learning rates at once, each on a copy of the network of its own.

    All copies begin with the network's parameters and see the rows in the same order; ``net`` itself is left alone.

    Args:
        net: the network to copy.
        x: inputs (N, inputs).
        t: targets (N, outputs); NaN marks a missing one.
        low: the smallest rate.
        high: the largest; the others lie between them evenly on a logarithmic axis.
        count: how many.
        epochs: how often all rows are gone through with each.
        optimizer: whose learning rate it is.
        batch_size: rows an update; None takes all.
        shuffle: whether each epoch goes through the rows in a new order.
        seed: of the shuffles and dropout; None draws one.
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

    Example:
        >>> from chainrule import Dense, Network
        >>> net = Network(1, [Dense(1)], loss="squared_error", seed=0)
        >>> test = learning_rate_test(net, [[1.0], [2.0]], [2.0, 4.0], low=1e-3, high=10, count=9)
        >>> print(test)
        9 learning rates of SGD from 0.001 to 10, 20 epochs each
        lowest loss: ... at 0.1
        largest stable rate: 0.1
        suggested: 0.05

    References:
        Smith 2017, WACV, arXiv 1506.01186, section 3.3: the range test, there within one run whose rate grows; here
        each rate has a run of its own, so that none suffers from those before it. Bengio 2012, arXiv 1206.5533.
    """
    count, low, high = check_count("count", count), plain_number(low), plain_number(high)
    for name, value in (("low", low), ("high", high)):
        if not is_number(value) or not 0 < value < np.inf:
            raise InputError(f"{name} must be a positive finite number, got {value!r}.")
    if low >= high:
        raise InputError(f"low must be below high, got low={low!r} and high={high!r}.")
    check_count("epochs", epochs)
    chosen = first_order(optimizer, "learning_rate_test")
    call = parse_call(
        net, x, t, weights=weights, class_weight=class_weight, epochs=epochs, batch_size=batch_size, optimizer=chosen,
        shuffle=shuffle, seed=seed, l1=l1, l2=l2, clip_norm=clip_norm, clip_value=clip_value, progress=progress,
        engine=engine, threads=threads,
    )  # fmt: skip
    rates = np.geomspace(low, high, count)
    start, seed = call.model.parameters.vector, call.settings.seed
    trained = train_copies(call, [Copy(start, replace(chosen, learning_rate=float(rate)), seed) for rate in rates])
    interrupted, done = "interrupted" in trained.stopped, int(trained.epochs.max())
    if not done and interrupted:
        raise KeyboardInterrupt
    losses = trained.losses[:, : max(done, 1)].copy()
    losses[trained.diverged, -1] = np.nan  # also where only the very last update led out of the finite numbers
    return LearningRateTest(chosen, rates, losses, "interrupted" if interrupted else "all epochs")
