"""How to train on a table: the settings, and what follows from them and from the table's size."""

import math
from dataclasses import dataclass
from itertools import pairwise

from chainrule.activations import activation as find_activation
from chainrule.components import look_up
from chainrule.data import Target
from chainrule.errors import InputError
from chainrule.layers import Dense
from chainrule.layers.checks import check_count
from chainrule.network import Network
from chainrule.optimizers import OPTIMIZERS, Optimizer
from chainrule.optimizers.schedules import OneCycle
from chainrule.seeds import chosen_seed

LOSSES_BY_TASK = {
    "regression": "squared_error",
    "binary": "binary_cross_entropy_from_logits",
    "multiclass": "categorical_cross_entropy_from_logits",
}

MOST_PARAMETERS = 20_000_000
"""Of a network on a table: these, and what training keeps beside them, still fit into a laptop's memory."""


@dataclass(frozen=True)
class Plan:
    """How to train on a table.

    Attributes:
        hidden: units of each hidden layer.
        activation: of the hidden layers.
        optimizer: its name.
        learning_rate: the highest of a one-cycle schedule.
        epochs: None takes as many as make about 6,000 updates, at least 20 and at most 300.
        batch_size: None takes a twentieth of the rows, at least 16 and at most 256.
        patience: epochs without a better validation loss after which to stop; None takes a quarter of the epochs,
            at least 10.
        test: share of the rows set aside to judge by.
        validation: share of the other rows set aside to stop by.
        seed: of every draw.
        progress: whether to show a bar; None decides as ``Network.fit`` does.

    Raises:
        InputError, UnknownComponentError: an attribute cannot be used.
    """

    hidden: tuple[int, ...] = (64, 64)
    activation: str = "relu"
    optimizer: str = "adam"
    learning_rate: float = 0.005
    epochs: int | None = None
    batch_size: int | None = None
    patience: int | None = None
    test: float = 0.2
    validation: float = 0.1
    seed: int = 0
    progress: bool | None = None

    def __post_init__(self) -> None:
        for units in self.hidden:
            check_count("units of a hidden layer", units)
        for name in ("epochs", "batch_size", "patience"):
            if getattr(self, name) is not None:
                check_count(name, getattr(self, name))
        for name in ("test", "validation"):
            share = getattr(self, name)
            if not 0 < share < 1:
                raise InputError(f"{name} must be a share between 0 and 1, such as 0.2 for a fifth, got {share!r}.")
        chosen_seed(self.seed)
        find_activation(self.activation)
        self.rule()

    def rule(self) -> Optimizer:
        """The optimizer with its schedule."""
        return look_up("optimizer", self.optimizer, OPTIMIZERS, type)(OneCycle(self.learning_rate))

    def pace(self, rows: int) -> tuple[int, int]:
        """Batch size and epochs for so many training rows."""
        batch = self.batch_size or min(max(rows // 20, 16), 256)
        updates = math.ceil(rows / batch)
        return batch, self.epochs or min(max(6000 // updates, 20), 300)

    def network(self, inputs: int, target: Target) -> Network:
        """The untrained network.

        Raises:
            InputError: it would be too large.
        """
        units = [inputs, *self.hidden, target.outputs]
        size = sum((below + 1) * above for below, above in pairwise(units))
        if size > MOST_PARAMETERS:
            raise InputError(
                f"a network of {' -> '.join(map(str, units))} units has {size:,} parameters, at most "
                f"{MOST_PARAMETERS:,} are allowed: choose smaller hidden layers, or leave columns out."
            )
        layers = [*(Dense(width, self.activation) for width in self.hidden), Dense(target.outputs)]
        return Network(inputs, layers, loss=LOSSES_BY_TASK[target.task], seed=self.seed, dtype="float32")
