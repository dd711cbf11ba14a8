"""How to train on a table: the settings, and what follows from them, from the task and from the table's size."""

from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NamedTuple

from chainrule.core.activations import activation as find_activation
from chainrule.core.arrays import Array
from chainrule.core.layers import Dense, Dropout, Layer
from chainrule.core.layers.checks import check_count
from chainrule.core.lookup import is_number, look_up, make_fields_plain
from chainrule.core.seeds import chosen_seed
from chainrule.errors import InputError
from chainrule.network import Network
from chainrule.optimizers import OPTIMIZERS, Adam, AdamW, Optimizer
from chainrule.optimizers.schedules import CosLog
from chainrule.tables.smoothing import NO_SMOOTHING, Smoothing
from chainrule.tables.target import Task


class TaskDefaults(NamedTuple):
    """What a task is best trained with, unless the settings say otherwise."""

    loss: str
    activation: str
    learning_rate: float


TASK_DEFAULTS: dict[Task, TaskDefaults] = {
    "regression": TaskDefaults("squared_error", "mish", 0.004),
    "binary": TaskDefaults("binary_cross_entropy_from_logits", "selu", 0.01),
    "multiclass": TaskDefaults("categorical_cross_entropy_from_logits", "selu", 0.01),
}

MOST_PARAMETERS = 20_000_000
"""Of a network on a table: these, and what training keeps beside them, still fit into a laptop's memory."""

ROWS_IN_ALL = 2_560_000
"""Rows that a network goes through, all epochs together, where the epochs would otherwise take long."""


@dataclass(frozen=True)
class TableConfig:
    """How to train on a table; the recipe is RealMLP's, as far as it helps without a GPU.

    Attributes:
        hidden: units of each hidden layer.
        activation: of the hidden layers; None takes selu for classes and mish for numbers.
        optimizer: its name.
        learning_rate: the height of the schedule's waves (``CosLog``); None takes 0.01 for classes and 0.004 for
            numbers.
        weight_decay: decoupled, of the optimizer.
        dropout: share of each hidden layer's units dropped in training.
        label_smoothing: share of each row's target spread over the classes in training; undone in probabilities
            (``chainrule.tables.smoothing``). For numbers it has no meaning.
        epochs: None takes as many as go through about 2,560,000 rows, at least 16 and at most 128.
        batch_size: None takes a twentieth of the rows, at least 16 and at most 256.
        patience: epochs without a better validation loss after which to stop; None goes through all of them, for the
            schedule is best at its end. The best epoch's parameters are kept either way.
        test: share of the rows set aside to judge by.
        validation: share of the other rows set aside to choose the best epoch by.
        seed: of every draw.
        progress: whether to show a bar; None decides as ``Network.fit`` does.

    Raises:
        InputError, UnknownComponentError: an attribute cannot be used.

    References:
        Holzmüller, Grinsztajn & Steinwart 2024, Better by Default, NeurIPS (arXiv 2407.04491).
    """

    hidden: tuple[int, ...] = (64, 64)
    activation: Any = None
    optimizer: str = "adamw"
    learning_rate: float | None = None
    weight_decay: float = 0.01
    dropout: float = 0.0
    label_smoothing: float = 0.03
    epochs: int | None = None
    batch_size: int | None = None
    patience: int | None = None
    test: float = 0.2
    validation: float = 0.2
    seed: int = 0
    progress: bool | None = None

    def __post_init__(self) -> None:
        make_fields_plain(self)
        units = tuple(check_count("units of a hidden layer", count) for count in self.hidden)
        object.__setattr__(self, "hidden", units)
        for name in ("epochs", "batch_size", "patience"):
            if (value := getattr(self, name)) is not None:
                object.__setattr__(self, name, check_count(name, value))
        for name in ("test", "validation"):
            share = getattr(self, name)
            if not is_number(share) or not 0 < share < 1:
                raise InputError(f"{name} must be a share between 0 and 1, such as 0.2 for a fifth, got {share!r}.")
        for name in ("dropout", "label_smoothing"):
            share = getattr(self, name)
            if not is_number(share) or not 0 <= share < 1:
                raise InputError(f"{name} must be a share from 0 to below 1, such as 0.1, got {share!r}.")
        object.__setattr__(self, "seed", chosen_seed(self.seed))
        if self.activation is not None:
            find_activation(self.activation)
        self.rule("binary")

    def rule(self, task: Task) -> Optimizer:
        """The optimizer with its schedule."""
        rate = TASK_DEFAULTS[task].learning_rate if self.learning_rate is None else self.learning_rate
        made = look_up("optimizer", self.optimizer, OPTIMIZERS, type)(CosLog(rate))
        if isinstance(made, Adam | AdamW):
            made = replace(made, beta2=0.95)  # the waves change too fast for a memory of a thousand updates
        return replace(made, weight_decay=self.weight_decay)

    def pace(self, rows: int) -> tuple[int, int]:
        """Batch size and epochs for so many training rows."""
        batch = self.batch_size or min(max(rows // 20, 16), 256)
        return batch, self.epochs or min(max(ROWS_IN_ALL // rows, 16), 128)

    def network(self, inputs: int, task: Task, outputs: int, *, seed: int, dtype: str = "float32") -> Network:
        """The untrained network.

        Raises:
            InputError: it would be too large.
        """
        units = [inputs, *self.hidden, outputs]
        size = sum((below + 1) * above for below, above in pairwise(units))
        if size > MOST_PARAMETERS:
            raise InputError(
                f"a network of {' -> '.join(map(str, units))} units has {size:,} parameters, at most "
                f"{MOST_PARAMETERS:,} are allowed: choose smaller hidden layers, or leave columns out."
            )
        layers: list[Layer] = []
        for width in self.hidden:
            layers.append(Dense(width, self.activation or TASK_DEFAULTS[task].activation))
            layers += [Dropout(self.dropout)] * (self.dropout > 0)
        return Network(inputs, [*layers, Dense(outputs)], loss=TASK_DEFAULTS[task].loss, seed=seed, dtype=dtype)

    def smoothing(self, task: Task, rows: int) -> Smoothing:
        """How the targets of so many training rows are smoothed, and probabilities made of what was learned."""
        return NO_SMOOTHING if task == "regression" else Smoothing(float(self.label_smoothing), rows)

    def smoothed(self, t: Array, task: Task) -> Array:
        """Targets (N, outputs) to train on: those of classes moved a little towards all classes alike."""
        return self.smoothing(task, len(t)).apply(t)

    def settings(self, task: Task, rows: int) -> dict[str, Any]:
        """The arguments of ``Network.fit`` for so many training rows, but for the data and the seed."""
        batch_size, epochs = self.pace(rows)
        return {
            "epochs": epochs,
            "batch_size": batch_size,
            "optimizer": self.rule(task),
            "patience": self.patience,
            "progress": self.progress,
        }
