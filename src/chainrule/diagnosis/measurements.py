"""What the rules read: one run, and what can be measured of it; computed when first asked for."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.activations import Activation
from chainrule.core.arrays import Array
from chainrule.core.chain import Pass
from chainrule.core.layers import Dense, Run
from chainrule.diagnosis.case import Case
from chainrule.diagnosis.learning_rate import LearningRate, is_falling, sample, verdict
from chainrule.diagnosis.runs import Ran, Snapshot
from chainrule.diagnosis.score import Yardstick
from chainrule.training import Data


@dataclass(frozen=True, eq=False)
class Readings:
    """One run and its measures.

    Attributes:
        ran: the run.
        yard: what its end is judged by.
    """

    ran: Ran
    yard: Yardstick

    @property
    def case(self) -> Case:
        """The call."""
        return self.ran.case

    @property
    def losses(self) -> Array:
        """Training loss by epoch."""
        return self.ran.losses

    @property
    def validation_losses(self) -> Array:
        """Validation loss by epoch; empty without."""
        return self.ran.history.validation_loss

    @cached_property
    def left(self) -> float:
        """What the trained network leaves of the best constant answer's loss, on the training rows."""
        return self.yard.left(self.case, self.ran.kept) if self.ran.error is None else lost(self)

    @cached_property
    def left_of_held(self) -> float:
        """The same on the validation rows, after the last epoch; NaN without them."""
        if self.case.held is None:
            return np.nan
        return self.yard.left_of_held(self.case, self.ran.last)

    @cached_property
    def learning_rate(self) -> LearningRate:
        """The verdict on the learning rate."""
        return verdict(self.ran, self.left)

    @cached_property
    def falling(self) -> bool:
        """Whether the loss still falls in the end."""
        return is_falling(self.losses)

    # ------------------------------------------------------------------ passes
    @cached_property
    def rows(self) -> Data:
        """The training rows, or as many as stand for them."""
        return sample(self.case.data)

    def pass_at(self, snapshot: Snapshot) -> Pass:
        """Forward and backward through all rows with the parameters of a snapshot."""
        layers = self.case.chain.layers
        norm = any(layer.mixes_rows for layer in layers)
        drop = any(layer.draws_random for layer in layers)
        model = snapshot.model(self.case)
        run = Run(training=norm and not drop and len(self.rows.x) > 1, state=model.state)
        with np.errstate(all="ignore"):
            return maths.forward_backward(
                self.case.chain, model.parameters, self.rows.x, self.rows.t, run, self.rows.weights
            )

    @cached_property
    def start(self) -> Pass:
        """With the first parameters."""
        return self.pass_at(self.ran.snapshots[0])

    @cached_property
    def end(self) -> Pass:
        """With the last."""
        return self.pass_at(self.ran.snapshots[-1])

    # ------------------------------------------------------------------ layers
    @property
    def dense(self) -> list[int]:
        """The numbers of the fully connected layers, from 1."""
        return [l for l, layer in enumerate(self.case.chain.layers, start=1) if isinstance(layer, Dense)]

    @property
    def hidden(self) -> list[int]:
        """Those of them that are not the last."""
        return self.dense[:-1]

    def activation(self, l: int) -> Activation | None:
        """The activation of a layer; None where it has none."""
        layer = self.case.chain.layers[l - 1]
        return layer.activation if layer.takes_activation else None

    @property
    def output_activation(self) -> Activation | None:
        """That of the last layer."""
        return self.activation(len(self.case.chain.layers))

    def gradient_norms(self, done: Pass) -> dict[int, float]:
        """By fully connected layer, the root mean square of ``dE/dW``."""
        return {l: float(np.sqrt(np.mean(done.backs[l - 1].gradients["W"] ** 2))) for l in self.dense}


def lost(readings: Readings) -> float:
    """What is left by a run that left the finite numbers: all, or more."""
    start = readings.yard.left(readings.case, readings.ran.snapshots[0].model(readings.case))
    return max(1.0, start)
