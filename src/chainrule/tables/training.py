"""Training on a prepared table, and judging beside a guess that ignores the inputs."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.diagnosis import Diagnosis, diagnose
from chainrule.errors import DivergenceError
from chainrule.network import Network
from chainrule.tables.config import TableConfig
from chainrule.tables.metrics import (
    baseline_classification_metrics,
    baseline_regression_metrics,
    classification_metrics,
    regression_metrics,
)
from chainrule.tables.model import TableModel
from chainrule.tables.preparing import PreparedTable, prepare
from chainrule.tables.table import Table
from chainrule.training import Event, History

_LOST = 1e6  # an epoch's loss that is so many times the untrained network's does not come back


@dataclass(frozen=True)
class Trained:
    """What training on a table gives.

    Attributes:
        model: the trained network with its encoder and target.
        history: of the training.
        metrics: on the test rows.
        baseline: the same of the best guess that ignores the inputs: the mean, or the shares of the classes.
        prepared: what it was trained on.
    """

    model: TableModel
    history: History
    metrics: dict[str, float]
    baseline: dict[str, float]
    prepared: PreparedTable


def train(prepared: PreparedTable, config: TableConfig | None = None) -> Trained:
    """Train a network on a prepared table and judge it by the test rows.

    Ctrl-C ends training early; what was trained so far is judged all the same, ``history.stopped`` says so.

    Raises:
        DivergenceError: the loss left the finite numbers, or all proportion.
        InputError: the network would be too large.
    """
    config = config or TableConfig()
    network, x, t, arguments = _run(prepared, config)
    history = network.fit(x, t, **arguments, callbacks={"epoch": _refuse_lost_losses(network.loss(x, t))})
    smoothing = config.smoothing(prepared.target.task, len(x))
    model = TableModel(network, prepared.encoder, replace(prepared.target, smoothing=smoothing))
    return Trained(model, history, *_judge(model, prepared), prepared)


def diagnose_training(prepared: PreparedTable, config: TableConfig | None = None) -> Diagnosis:
    """Why training on a prepared table goes as it does: the run that ``train`` would make, diagnosed.

    Raises:
        InputError: the network would be too large.
    """
    network, x, t, arguments = _run(prepared, config or TableConfig())
    return diagnose(network, x, t, **arguments)


def _run(prepared: PreparedTable, config: TableConfig) -> tuple[Network, Array, Array, dict[str, Any]]:
    """The untrained network, inputs and targets to train on, and the arguments of ``fit``."""
    task = prepared.target.task
    (x, t), (held_x, held_t) = prepared.part(prepared.training), prepared.part(prepared.validation)
    network = config.network(x.shape[1], task, t.shape[1], seed=config.seed)
    validation = held_x, config.smoothed(held_t, task)
    arguments = config.settings(task, len(x)) | {"seed": config.seed, "validation": validation}
    return network, x, config.smoothed(t, task), arguments


def train_on_table(
    table: Table,
    target: str,
    *,
    task: str | None = None,
    exclude: Sequence[str] = (),
    config: TableConfig | None = None,
) -> Trained:
    """Train a network to predict one column of a table from the others: ``prepare``, then ``train``.

    Arguments and errors are theirs.

    Example:
        >>> from chainrule.tables import penguins_path, read_table
        >>> trained = train_on_table(read_table(penguins_path()), "species", config=TableConfig(hidden=(8,), epochs=50))
        >>> trained.metrics["accuracy"] > 0.9 > trained.baseline["accuracy"]
        True
    """
    return train(prepare(table, target, task=task, exclude=exclude, config=config), config)


def _refuse_lost_losses(untrained: float) -> Callable[[Event], None]:
    """Inputs and targets are scaled, so a loss far above the untrained network's means steps far too long."""

    def refuse(event: Event) -> None:
        loss, epoch = event.history.losses[-1], event.history.epochs - 1
        if loss > _LOST * (1 + untrained):
            raise DivergenceError(
                f"training diverged in epoch {epoch}: the loss rose from {untrained:.3g} to {loss:.3g}. "
                "A smaller learning rate usually mends this.",
                epoch=epoch,
            )

    return refuse


def _judge(model: TableModel, prepared: PreparedTable) -> tuple[dict[str, float], dict[str, float]]:
    """The metrics on the test rows, of the model and of the guess that ignores the inputs."""
    target = model.target
    known = prepared.table.select(np.concatenate([prepared.training, prepared.validation]))[target.name]
    test = prepared.table.select(prepared.test)
    truth, y = test[target.name], model.outputs(test)
    if target.task == "regression":
        prediction = target.decode(y)["prediction"]
        return regression_metrics(truth.values, prediction), baseline_regression_metrics(known.values, truth.values)
    labels, classes = target.labels(truth), target.classes
    return (
        classification_metrics(labels, target.probabilities(y), classes),
        baseline_classification_metrics(target.labels(known), labels, classes),
    )
