"""Before training: rows are split, and how columns become inputs is learned from the training rows alone."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from chainrule.core.arrays import Array
from chainrule.errors import TableError
from chainrule.tables.config import TableConfig
from chainrule.tables.encoding import Encoder
from chainrule.tables.scaling import Scaling
from chainrule.tables.splitting import split_rows
from chainrule.tables.table import Table
from chainrule.tables.target import Target

FEWEST_ROWS = 5
"""Rows with a target that are needed to train, to stop and to judge by."""


@dataclass(frozen=True)
class PreparedTable:
    """A table ready to train on.

    Attributes:
        table: the rows that have a target.
        encoder: how columns become inputs, learned from the training rows.
        target: the classes, or the scaling learned from the training rows.
        training: indices of the table's rows to train on.
        validation: of those that say when to stop and which epoch was best.
        test: of those to judge by; nothing else sees them.
        left_out: how many rows were left out because they have no target.
    """

    table: Table
    encoder: Encoder
    target: Target
    training: Array
    validation: Array
    test: Array
    left_out: int

    def part(self, rows: Array) -> tuple[Array, Array]:
        """Inputs ``x`` and targets ``t`` of some of the table's rows."""
        part = self.table.select(rows)
        return self.encoder.encode(part), self.target.encode(part[self.target.name])


def prepare(
    table: Table,
    target: str,
    *,
    task: str | None = None,
    exclude: Sequence[str] = (),
    config: TableConfig | None = None,
) -> PreparedTable:
    """Split a table's rows and learn from the training rows how to encode them.

    Args:
        table: see ``chainrule.tables.read_table``.
        target: the column to predict.
        task: ``"regression"``, ``"classification"``, ``"binary"`` or ``"multiclass"``; None infers it from the column.
        exclude: columns not to use.
        config: says the shares of the parts and the seed.

    Raises:
        InputError: no such task.
        TableError: no such column, too few rows, a target without variety, no column left to learn from.
    """
    config = config or TableConfig()
    column = table[target]
    for name in exclude:
        table[name]  # an error that lists the columns, if there is none of that name
    names = [name for name in table.names if name != target and name not in exclude]
    if not names:
        raise TableError(f"No column is left to predict '{target}' from: the table needs at least one more.")
    present = np.flatnonzero(Target.present(column))
    if len(present) < FEWEST_ROWS:
        raise TableError(
            f"The target '{target}' has a value in {len(present)} of {table.rows} rows: at least {FEWEST_ROWS} are "
            "needed to train and to judge."
        )
    kept = table.select(present)
    answer = Target.learn(kept[target], task)  # which task it is, and which classes there are
    groups = None if answer.task == "regression" else answer.labels(kept[target])
    rest, test = split_rows(kept.rows, config.test, config.seed, groups)
    held = split_rows(len(rest), config.validation, config.seed + 1, None if groups is None else groups[rest])
    training, validation = rest[held[0]], rest[held[1]]
    seen = kept.select(training)
    if answer.task == "regression":
        answer = Target.learn(seen[target], answer.task)
    encoder = Encoder.learn(seen, names, scale=Scaling.robust)
    return PreparedTable(kept, encoder, answer, training, validation, test, table.rows - kept.rows)
