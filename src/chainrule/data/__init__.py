"""Tables in, arrays out, and back: reading, encoding, splitting, judging, writing."""

from chainrule.data.bundled import penguins_path
from chainrule.data.encoding import Encoder
from chainrule.data.metrics import (
    baseline_classification_metrics,
    baseline_regression_metrics,
    classification_metrics,
    regression_metrics,
)
from chainrule.data.reading import read_table
from chainrule.data.scaling import Scaling
from chainrule.data.splitting import split_rows
from chainrule.data.table import Column, Table
from chainrule.data.target import Target
from chainrule.data.writing import write_table

__all__ = [
    "Column",
    "Encoder",
    "Scaling",
    "Table",
    "Target",
    "baseline_classification_metrics",
    "baseline_regression_metrics",
    "classification_metrics",
    "penguins_path",
    "read_table",
    "regression_metrics",
    "split_rows",
    "write_table",
]
