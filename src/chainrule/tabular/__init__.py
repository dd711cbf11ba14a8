"""A network on a table: columns encoded, rows parted, trained, judged beside a trivial baseline, kept in one file.

``prepare`` parts the rows and learns the encoding, ``train`` trains and judges; ``train_on_table`` does both. Nothing
is learned from test rows: not a median, not a category, not when to stop.
"""

from chainrule.tabular.model import TableModel, load_table_model
from chainrule.tabular.plan import HABITS, Plan
from chainrule.tabular.preparing import Prepared, prepare
from chainrule.tabular.training import Trained, diagnose_training, train, train_on_table

__all__ = [
    "HABITS",
    "Plan",
    "Prepared",
    "TableModel",
    "Trained",
    "diagnose_training",
    "load_table_model",
    "prepare",
    "train",
    "train_on_table",
]
