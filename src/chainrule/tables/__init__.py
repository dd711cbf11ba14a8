"""Networks on tables: reading, encoding, splitting, training, judging beside a trivial baseline, writing, one file.

``prepare`` parts the rows and learns the encoding, ``train`` trains and judges; ``train_on_table`` does both. Nothing
is learned from test rows: not a median, not a category, not when to stop.
"""

from chainrule.tables.bundled import penguins_path
from chainrule.tables.config import TASK_DEFAULTS, TableConfig
from chainrule.tables.encoding import Encoder
from chainrule.tables.metrics import (
    baseline_classification_metrics,
    baseline_regression_metrics,
    classification_metrics,
    regression_metrics,
)
from chainrule.tables.model import TableModel, load_table_model
from chainrule.tables.preparing import PreparedTable, prepare
from chainrule.tables.reading import read_table
from chainrule.tables.scaling import Scaling
from chainrule.tables.splitting import split_rows
from chainrule.tables.table import Column, Table
from chainrule.tables.target import Target
from chainrule.tables.training import Trained, diagnose_training, train, train_on_table
from chainrule.tables.writing import write_table

__all__ = [
    "TASK_DEFAULTS",
    "Column",
    "Encoder",
    "PreparedTable",
    "Scaling",
    "Table",
    "TableConfig",
    "TableModel",
    "Target",
    "Trained",
    "baseline_classification_metrics",
    "baseline_regression_metrics",
    "classification_metrics",
    "diagnose_training",
    "load_table_model",
    "penguins_path",
    "prepare",
    "read_table",
    "regression_metrics",
    "split_rows",
    "train",
    "train_on_table",
    "write_table",
]
