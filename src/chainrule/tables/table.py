"""A table in memory: named columns of equal length, each of one kind.

| kind | values |
|---|---|
| ``number`` | float64, NaN where the cell is missing |
| ``boolean`` | float64: 0, 1, NaN where the cell is missing |
| ``date`` | float64: days since 1970-01-01 (a time of day is a fraction), NaN where the cell is missing |
| ``category`` | objects: ``str``, ``None`` where the cell is missing |
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import TableError

Kind = Literal["number", "boolean", "category", "date"]

LONGEST_NAME = 1000
"""Characters a column's name may have: names are kept in model files, whose size is bounded."""

_MOST_NAMES = 30  # of columns that an error lists

# Up to here every whole float64 is printed without an exponent, so 3.0 is labelled "3" and 1e300 stays "1e+300".
_LARGEST_WHOLE_LABEL = 1e16


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a table.

    Args:
        name: what the header says.
        kind: ``"number"``, ``"boolean"``, ``"category"`` or ``"date"``.
        values: (N,) array, see the table at the top of this file.
        row_numbers: (N,) each row's place in the table that was read, counted from 1, so that an error
            can name it; ``None`` stands for 1, 2, ..., N.
        inferred: whether the cells were text and the kind follows from all of them together, so that the same
            cell in another file may be of another kind.
        unread: texts of the kind that a model learned ask for something else, by row (an index from 0): ``abc``
            among numbers. The value there is NaN, which must not pass for a missing cell.

    Raises:
        TableError: the name, the kind and the values do not fit one another.
    """

    name: str
    kind: Kind
    values: NDArray[Any]
    row_numbers: NDArray[np.int64] | None = None
    inferred: bool = False
    unread: Mapping[int, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not 0 < len(self.name) <= LONGEST_NAME:
            raise TableError(
                f"A column's name must have 1 to {LONGEST_NAME} characters, got {len(self.name)}: rename it."
            )
        if self.kind not in get_args(Kind):
            raise TableError(f"Column '{self.name}' must be one of {get_args(Kind)}, got kind '{self.kind}'.")
        wanted = np.dtype(object if self.kind == "category" else np.float64)
        if self.values.ndim != 1 or self.values.dtype != wanted:
            raise TableError(
                f"Column '{self.name}' of kind '{self.kind}' must be an (N,) array of {wanted}, "
                f"got shape {self.values.shape} of {self.values.dtype}: convert it with numpy.asarray."
            )

    @property
    def missing(self) -> NDArray[np.bool_]:
        """(N,) true where the cell is empty."""
        if self.kind == "category":
            return np.asarray(self.values == None, dtype=bool)  # noqa: E711 (compares each cell)
        empty = np.isnan(self.values)
        empty[list(self.unread)] = False
        return empty

    def row_number(self, row: int) -> int:
        """The place of ``row`` (an index from 0) in the table that was read, counted from 1."""
        return row + 1 if self.row_numbers is None else int(self.row_numbers[row])

    def texts(self) -> NDArray[Any]:
        """Every value as the text that names it, ``None`` where the cell is missing.

        Whole numbers lose their ``.0`` and booleans become ``"false"`` and ``"true"``.

        Raises:
            TableError: the column holds dates, which have no one spelling.

        Example:
            >>> Column("rings", "number", np.array([3.0, np.nan, 4.5])).texts().tolist()
            ['3', None, '4.5']
        """
        if self.kind == "category":
            return self.values
        if self.kind == "date":
            raise TableError(
                f"Column '{self.name}' holds dates where categories are needed: "
                "take a part of the date, for instance SELECT month(...)."
            )
        distinct, place = np.unique(self.values, return_inverse=True)
        labels = [None if np.isnan(value) else label_of(value, self.kind) for value in distinct.tolist()]
        texts = np.array(labels, object)[place]
        for row, text in self.unread.items():
            texts[row] = text
        return texts


@dataclass(frozen=True, eq=False)
class Table:
    """Columns of equal length, by name and in order.

    Args:
        columns: every column under its own name.
        rows: the number of rows N.

    Raises:
        TableError: a column stands under another name or has another length.

    Example:
        >>> wing = Column("wing", "number", np.array([181.0, 186.0, np.nan]))
        >>> sex = Column("sex", "category", np.array(["male", None, "female"], dtype=object))
        >>> table = Table({"wing": wing, "sex": sex}, rows=3)
        >>> table.names
        ['wing', 'sex']
        >>> table.select(np.array([2, 0]))["sex"].values.tolist()
        ['female', 'male']
    """

    columns: Mapping[str, Column]
    rows: int

    def __post_init__(self) -> None:
        for name, column in self.columns.items():
            if name != column.name or len(column.values) != self.rows:
                raise TableError(
                    f"Column '{name}' must have its own name and {self.rows} rows, got '{column.name}' "
                    f"with {len(column.values)}: build the table from columns of one length."
                )

    @property
    def names(self) -> list[str]:
        """The columns' names, in order."""
        return list(self.columns)

    def __getitem__(self, name: str) -> Column:
        if name not in self.columns:
            raise TableError(
                f"The table has no column '{name}'.{closest(name, self.columns)} "
                f"Its columns are: {_shortened(self.names)}."
            )
        return self.columns[name]

    def select(self, rows: NDArray[np.integer]) -> "Table":
        """The table of the given rows, in the given order; each keeps its number in the table that was read.

        Args:
            rows: (M,) integer indices from 0.

        Raises:
            TableError: an index is no integer or outside the table.
        """
        rows = np.asarray(rows)
        if rows.ndim != 1 or (rows.size and not np.issubdtype(rows.dtype, np.integer)):
            raise TableError(
                f"Rows are selected by an (M,) array of integer indices, got shape {rows.shape} of {rows.dtype}: "
                "turn a mask into indices with numpy.flatnonzero."
            )
        rows = rows.astype(np.int64)
        outside = rows[(rows < 0) | (rows >= self.rows)]
        if outside.size:
            raise TableError(f"Row index {outside[0]} is outside the table: use 0 to {self.rows - 1}.")
        numbers = [column.row_numbers for column in self.columns.values()]
        # Columns of one table share one array of row numbers: at a million rows a copy each would be a waste.
        shared = rows + 1 if not numbers or numbers[0] is None else numbers[0][rows]
        chosen = {
            name: replace(column, values=column.values[rows], row_numbers=shared, unread=_chosen(column.unread, rows))
            for name, column in self.columns.items()
        }
        return Table(chosen, len(rows))


def closest(name: str, names: Iterable[str]) -> str:
    """`` Did you mean '...'?`` for the nearest of ``names``, empty when none is near."""
    near = get_close_matches(name, list(names), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""


def _shortened(names: Sequence[str]) -> str:
    """Names with commas between, those beyond the longest list one can read only counted."""
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def spellings(column: Column) -> NDArray[Any]:
    """A column's values as the texts that name categories, ``None`` where the cell is missing.

    Raises:
        TableError: it holds dates; or its texts were taken for numbers because all of them look so, and what was
            written is no longer known: ``1.10`` and ``1.1`` are two texts and one number.
    """
    if column.missing.all():
        return np.full(len(column.values), None, object)
    if column.inferred and column.kind != "category":
        raise TableError(
            f"Column '{column.name}' was text in training, and here it was taken for a {column.kind} since all of its "
            "cells look so: read the table with kinds=model.kinds in Python; in SQL name the column's type, as in "
            f"read_csv('table.csv', types={{'{column.name}': 'VARCHAR'}})."
        )
    return column.texts()


def is_number(text: str) -> bool:
    """Whether the text spells a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def label_of(value: float, kind: Kind = "number") -> str:
    """A number or boolean as the text that names it: ``3`` for 3.0, ``true`` for 1.0 of a boolean."""
    if kind == "boolean":
        return "true" if value else "false"
    return str(int(value)) if value.is_integer() and abs(value) < _LARGEST_WHOLE_LABEL else repr(value)


def _chosen(texts: Mapping[int, str], rows: NDArray[np.int64]) -> Mapping[int, str]:
    """Texts by their rows' places among the chosen rows."""
    return {i: texts[row] for i, row in enumerate(rows.tolist()) if row in texts} if texts else texts
