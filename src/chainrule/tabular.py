"""A network on a table: columns encoded, rows parted, trained, judged beside a trivial baseline, kept in one file."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.arrays import Array
from chainrule.data import (
    Encoder,
    Table,
    Target,
    baseline_classification_metrics,
    baseline_regression_metrics,
    classification_metrics,
    regression_metrics,
    split_rows,
)
from chainrule.errors import FormatError, InputError, TableError
from chainrule.layers import Dense
from chainrule.network import Network, load
from chainrule.optimizers import OPTIMIZERS, Optimizer
from chainrule.optimizers.schedules import OneCycle
from chainrule.training import History

LOSSES_BY_TASK = {
    "regression": "squared_error",
    "binary": "binary_cross_entropy_from_logits",
    "multiclass": "categorical_cross_entropy_from_logits",
}


@dataclass(frozen=True)
class TableModel:
    """A trained network with what it needs to read a table and to speak in the target's words.

    Attributes:
        network: from encoded inputs to scaled numbers or logits.
        encoder: from columns to inputs.
        target: from outputs to predictions.
    """

    network: Network
    encoder: Encoder
    target: Target

    def outputs(self, table: Table) -> Array:
        """The network's outputs (N, outputs) for each row of a table."""
        return self.network.forward(self.encoder.encode(table))

    def predict(self, table: Table) -> dict[str, Array]:
        """The prediction for each row, and for classes the probability of each: columns by name."""
        return self.target.decode(self.outputs(table))

    def save(self, path: str | Path) -> None:
        """Write network, encoder and target to one file."""
        self.network.metadata["table"] = {"encoder": self.encoder.to_dict(), "target": self.target.to_dict()}
        self.network.save(path)


def load_table_model(path: str | Path) -> TableModel:
    """The model that ``TableModel.save`` wrote.

    Raises:
        FormatError: not a model file, damaged, or a network that was not trained on a table.
    """
    network = load(path)
    kept = network.metadata.get("table")
    if not isinstance(kept, Mapping) or set(kept) != {"encoder", "target"}:
        raise FormatError(
            f"{Path(path).name} holds a network without a table's columns: it was saved by net.save, load it in Python "
            "with chainrule.load; the shell reads what `chainrule fit` wrote."
        )
    encoder, target = Encoder.from_dict(kept["encoder"]), Target.from_dict(kept["target"])
    if network.inputs != len(encoder.names) or network.outputs != target.outputs:
        raise FormatError(f"{Path(path).name}: network, encoder and target do not fit each other.")
    return TableModel(network, encoder, target)


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
        patience: epochs without a better validation loss after which to stop; None takes a quarter of the epochs.
        test: share of rows set aside to judge by.
        validation: share of the training rows set aside to stop by.
        seed: of every draw.
        progress: whether to show a bar; None decides as ``Network.fit`` does.
    """

    hidden: tuple[int, ...] = (64, 64)
    activation: str = "relu"
    optimizer: str = "adam"
    learning_rate: float = 0.005
    epochs: int | None = None
    batch_size: int | None = None
    patience: int | None = None
    test: float = 0.2
    validation: float = 0.15
    seed: int = 0
    progress: bool | None = None


@dataclass(frozen=True)
class Trained:
    """What training on a table gives.

    Attributes:
        model: the trained network with its encoder and target.
        history: of the training.
        metrics: on the test rows.
        baseline: the same of the best guess that ignores the inputs.
        rows: how many rows trained, validated, tested, and were left out for want of a target.
        test_rows: which rows of the table tested.
    """

    model: TableModel
    history: History
    metrics: dict[str, float]
    baseline: dict[str, float]
    rows: dict[str, int]
    test_rows: Array


def train_on_table(
    table: Table, target: str, *, task: str | None = None, without: Sequence[str] = (), plan: Plan | None = None
) -> Trained:
    """Train a network to predict one column of a table from the others.

    Rows without a target are left out; a test part is set aside before anything is learned, and used once, at the end.

    Args:
        table: see ``chainrule.data.read_table``.
        target: the column to predict.
        task: ``"regression"``, ``"classification"``, ``"binary"`` or ``"multiclass"``; None tells from the column.
        without: columns not to use.
        plan: how to train.

    Raises:
        TableError: no such column, no rows, a target without variety.
        DivergenceError: training left the finite numbers.
    """
    plan = plan or Plan()
    column = table[target]
    for name in without:
        table[name]  # an error that lists the columns, if there is none of that name
    present = np.flatnonzero(Target.present(column))
    if len(present) < 5:
        raise TableError(f"only {len(present)} rows have a value in the target {target!r}: at least 5 are needed.")
    table = table.select(present)
    learned = Target.learn(table[target], task)  # what the task is and which classes there are; scaled below
    groups = None if learned.task == "regression" else learned.labels(table[target])
    rest, test = split_rows(table.rows, plan.test, plan.seed, groups)
    held = split_rows(len(rest), plan.validation, plan.seed + 1, None if groups is None else groups[rest])
    train, validation = rest[held[0]], rest[held[1]]

    seen = table.select(rest)
    names = [name for name in table.names if name != target and name not in without]
    if not names:
        raise TableError(f"no column is left to predict {target!r} from.")
    encoder = Encoder.learn(seen, names)
    answer = Target.learn(seen[target], learned.task) if learned.task == "regression" else learned
    x, t = encoder.encode(table), answer.encode(table[target])

    network = _network(x.shape[1], answer, plan)
    batch, epochs = _pace(len(train), plan)
    history = network.fit(
        x[train],
        t[train],
        epochs=epochs,
        batch_size=batch,
        optimizer=_optimizer(plan),
        seed=plan.seed,
        validation=(x[validation], t[validation]),
        patience=plan.patience or max(10, epochs // 4),
        progress=plan.progress,
    )
    model = TableModel(network, encoder, answer)
    metrics, baseline = _judge(model, table.select(rest), table.select(test))
    counts = {"training": len(train), "validation": len(validation), "test": len(test)}
    counts["without target"] = len(column.values) - len(present)
    return Trained(model, history, metrics, baseline, counts, present[test])


def _network(inputs: int, target: Target, plan: Plan) -> Network:
    hidden = [Dense(units, plan.activation) for units in plan.hidden]
    layers = [*hidden, Dense(target.outputs)]
    return Network(inputs, layers, loss=LOSSES_BY_TASK[target.task], seed=plan.seed, dtype="float32")


def _optimizer(plan: Plan) -> Optimizer:
    if plan.optimizer not in OPTIMIZERS:
        raise InputError(f"unknown optimizer {plan.optimizer!r}: the optimizers are {', '.join(OPTIMIZERS)}.")
    return OPTIMIZERS[plan.optimizer](OneCycle(plan.learning_rate))


def _pace(rows: int, plan: Plan) -> tuple[int, int]:
    """Batch size and epochs, as the plan says or by the number of rows."""
    batch = plan.batch_size or min(max(rows // 20, 16), 256)
    updates = math.ceil(rows / batch)
    return batch, plan.epochs if plan.epochs is not None else min(max(6000 // updates, 20), 300)


def _judge(model: TableModel, seen: Table, test: Table) -> tuple[dict[str, float], dict[str, float]]:
    """The metrics on the test rows, of the model and of the guess that ignores the inputs."""
    target = model.target
    y = model.outputs(test)
    if target.task == "regression":
        truth, known = test[target.name].values, seen[target.name].values
        return regression_metrics(truth, target.decode(y)["prediction"]), baseline_regression_metrics(known, truth)
    truth, known = target.labels(test[target.name]), target.labels(seen[target.name])
    metrics: dict[str, Any] = classification_metrics(truth, target.probabilities(y), target.classes)
    return metrics, baseline_classification_metrics(known, truth, target.classes)
