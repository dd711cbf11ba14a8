"""What the rules read: one run and what can be measured of it, each computed when it is first used."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.activations import Activation
from chainrule.core.arrays import Array
from chainrule.core.chain import Pass
from chainrule.core.layers import Dense, Run
from chainrule.diagnosis.case import Case
from chainrule.diagnosis.learning_rate import LearningRate, verdict
from chainrule.diagnosis.regimes import is_falling
from chainrule.diagnosis.runs import Snapshot, TrainingRun
from chainrule.diagnosis.score import Score
from chainrule.diagnosis.stability import sample
from chainrule.training import Data


@dataclass(frozen=True, eq=False)
class Measurements:
    """One run and what is measured of it.

    ``ran``, ``yard``, ``left`` and ``left_of_held`` are the former names of ``training``, ``score``, ``remaining_loss``
    and ``remaining_validation_loss``, for rules written with them.

    Attributes:
        training: the run: its history, snapshots and trained network.
        score: what its final loss is compared with.
    """

    training: TrainingRun
    score: Score

    @property
    def case(self) -> Case:
        """The call."""
        return self.training.case

    @property
    def losses(self) -> Array:
        """Training loss by epoch."""
        return self.training.losses

    @property
    def validation_losses(self) -> Array:
        """Validation loss by epoch; empty without validation rows."""
        return self.training.history.validation_loss

    @cached_property
    def remaining_loss(self) -> float:
        """The trained network's loss on the training rows, as a share of the best constant answer's loss."""
        if self.training.error is None:
            return self.score.remaining_loss(self.case, self.training.model)
        untrained = self.training.snapshots[0].model(self.case)
        return max(1.0, self.score.remaining_loss(self.case, untrained))

    @cached_property
    def remaining_validation_loss(self) -> float:
        """The same on the validation rows, after the last epoch; NaN without validation rows."""
        if self.case.validation is None:
            return np.nan
        return self.score.remaining_validation_loss(self.case, self.training.last_model)

    @cached_property
    def learning_rate(self) -> LearningRate:
        """The verdict on the learning rate."""
        return verdict(self.training, self.remaining_loss)

    @cached_property
    def falling(self) -> bool:
        """Whether the loss is still falling at the end."""
        return is_falling(self.losses)

    # ------------------------------------------------------------------ passes
    @cached_property
    def rows(self) -> Data:
        """The training rows; of more than 2000, that many evenly spread."""
        return sample(self.case.data)

    def pass_at(self, snapshot: Snapshot) -> Pass:
        """A forward and backward pass through ``rows`` with the parameters of a snapshot."""
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
        """The pass with the first parameters."""
        return self.pass_at(self.training.snapshots[0])

    @cached_property
    def end(self) -> Pass:
        """The pass with the last parameters."""
        return self.pass_at(self.training.snapshots[-1])

    # ------------------------------------------------------------------ layers
    @property
    def dense(self) -> list[int]:
        """The numbers of the fully connected layers, from 1."""
        return [l for l, layer in enumerate(self.case.chain.layers, start=1) if isinstance(layer, Dense)]

    @property
    def hidden(self) -> list[int]:
        """The same without the last of them."""
        return self.dense[:-1]

    def activation(self, l: int) -> Activation | None:
        """The activation of a layer (numbers from 1); None if it has none."""
        layer = self.case.chain.layers[l - 1]
        return layer.activation if layer.takes_activation else None

    @property
    def output_activation(self) -> Activation | None:
        """The activation of the last layer; None if it has none."""
        return self.activation(len(self.case.chain.layers))

    def gradient_norms(self, done: Pass) -> dict[int, float]:
        """By fully connected layer, the root mean square of ``dE/dW``."""
        return {l: float(np.sqrt(np.mean(done.backs[l - 1].gradients["W"] ** 2))) for l in self.dense}

    # ------------------------------------------------------------------ former names
    @property
    def ran(self) -> TrainingRun:
        """``training``."""
        return self.training

    @property
    def yard(self) -> Score:
        """``score``."""
        return self.score

    @property
    def left(self) -> float:
        """``remaining_loss``."""
        return self.remaining_loss

    @property
    def left_of_held(self) -> float:
        """``remaining_validation_loss``."""
        return self.remaining_validation_loss
