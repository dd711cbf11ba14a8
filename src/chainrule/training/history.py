"""The record of one training run: a number an epoch for each thing that was measured."""

from array import array
from collections.abc import MutableSequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import number, plain
from chainrule.core.renderers import renderer

if TYPE_CHECKING:
    from chainrule.training.call import Call


def _numbers(kept: bytes = b"") -> "array[float]":
    """A list of float64 numbers that takes thousands at once."""
    return array("d", kept)


@dataclass
class History:
    """What ``fit`` returns.

    ``loss[e]`` is the mean loss of epoch ``e``'s batches, each weighted by its rows (by their weights, if rows have
    any; rows without a target do not count) and taken before its update: with a full batch it is the loss before
    update ``e``. ``validation_loss[e]`` is taken after epoch ``e``'s last update.

    Attributes:
        loss, validation_loss: by epoch; the second is empty without validation data.
        learning_rate: of each epoch's last update.
        gradient_norm: Euclidean, of each epoch's last update, after clipping.
        seconds: since the start, at the end of each epoch; epochs that ran in one compiled call share its time evenly.
        best_epoch: the epoch with the lowest loss (validation loss where there is one); -1 before the first.
        stopped: why training ended: "all epochs", "patience", "time limit", "callback", "interrupted", "diverged", or
            "converged" with a second-order optimizer.
        seed: the seed of shuffling, splitting and dropout, also where none was given: ``fit(..., seed=history.seed)``
            repeats the run.
        restored: whether the parameters were put back to those of the best epoch.
    """

    seed: int
    losses: MutableSequence[float] = field(default_factory=_numbers, repr=False)
    validation_losses: MutableSequence[float] = field(default_factory=_numbers, repr=False)
    learning_rates: MutableSequence[float] = field(default_factory=_numbers, repr=False)
    gradient_norms: MutableSequence[float] = field(default_factory=_numbers, repr=False)
    times: MutableSequence[float] = field(default_factory=_numbers, repr=False)
    best_epoch: int = -1
    stopped: str = ""
    restored: bool = False
    call: "Call | None" = field(default=None, repr=False, compare=False)  # what ``diagnose`` repeats; in no file

    def record(
        self, loss: float, validation_loss: float | None, learning_rate: float, gradient_norm: float, seconds: float
    ) -> None:
        """Write one epoch down."""
        self.losses.append(loss)
        if validation_loss is not None:
            self.validation_losses.append(validation_loss)
        self.learning_rates.append(learning_rate)
        self.gradient_norms.append(gradient_norm)
        self.times.append(seconds)

    def extend(
        self,
        losses: Array,
        validation_losses: Array | None,
        learning_rates: Array,
        gradient_norms: Array,
        seconds: float,
    ) -> None:
        """Write several epochs down that were trained in one go; they share its time evenly."""
        begin = self.times[-1] if self.times else 0.0
        self.losses.extend(_numbers(losses.tobytes()))
        if validation_losses is not None:
            self.validation_losses.extend(_numbers(validation_losses.tobytes()))
        self.learning_rates.extend(_numbers(learning_rates.tobytes()))
        self.gradient_norms.extend(_numbers(gradient_norms.tobytes()))
        self.times.extend(_numbers(np.linspace(begin, seconds, len(losses) + 1)[1:].tobytes()))

    @property
    def loss(self) -> Array:
        """Training loss by epoch, shape (epochs,)."""
        return np.array(self.losses)

    @property
    def validation_loss(self) -> Array:
        """Validation loss by epoch, shape (epochs,); empty without validation data."""
        return np.array(self.validation_losses)

    @property
    def learning_rate(self) -> Array:
        """Learning rate by epoch, shape (epochs,)."""
        return np.array(self.learning_rates)

    @property
    def gradient_norm(self) -> Array:
        """Gradient norm by epoch, shape (epochs,)."""
        return np.array(self.gradient_norms)

    @property
    def seconds(self) -> Array:
        """Seconds since the start by epoch, shape (epochs,)."""
        return np.array(self.times)

    @property
    def epochs(self) -> int:
        """How many epochs were finished."""
        return len(self.losses)

    def __str__(self) -> str:
        if not self.losses:
            return f"no epoch finished ({self.stopped})"
        text = f"{self.epochs} epochs, loss {number(self.losses[0])} to {number(self.losses[-1])}"
        if self.validation_losses and self.best_epoch >= 0:
            best = self.validation_losses[self.best_epoch]
            text += f", best validation loss {number(best)} at epoch {self.best_epoch}"
        return f"{text}, {self.times[-1]:.2f} s, stopped: {self.stopped}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON; a validation loss that is not finite is None."""
        return {
            "schema": "chainrule/history",
            "version": 1,
            "loss": plain(self.losses),
            "validation_loss": plain(self.validation_losses),
            "learning_rate": plain(self.learning_rates),
            "gradient_norm": plain(self.gradient_norms),
            "seconds": plain(self.times),
            "best_epoch": self.best_epoch,
            "stopped": self.stopped,
            "restored": self.restored,
            "seed": self.seed,
        }

    def diagnose(self, *, prove: bool = True, progress: bool | None = None, rules: Any = ()) -> Any:
        """Why the run went as it did; see ``chainrule.diagnose``, which this calls with the arguments of the run.

        Raises:
            InputError: the history does not come from ``fit`` (it was copied through a file, or made by hand).
        """
        return renderer(self, "diagnose")(self, with_proofs=prove, progress=progress, rules=rules)

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"call": None}

    def plot(self, ax: Any = None) -> Any:
        """The losses by epoch as a picture; see ``chainrule.plots.plot_history``."""
        return renderer(self, "plot")(self, ax=ax)
