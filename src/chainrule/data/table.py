"""A table in memory: named columns of equal length, each of one kind.

| kind | values |
|---|---|
| ``number`` | float64, NaN where the cell is missing |
| ``boolean`` | float64: 0, 1, NaN where the cell is missing |
| ``date`` | float64: days since 1970-01-01 (a time of day is a fraction), NaN where the cell is missing |
| ``category`` | objects: ``str``, ``None`` where the cell is missing |
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
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

    Raises:
        TableError: the name, the kind and the values do not fit one another.
    """

    name: str
    kind: Kind
    values: NDArray[Any]
    row_numbers: NDArray[np.int64] | None = None

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
        return np.isnan(self.values)

    def row_number(self, row: int) -> int:
        """The place of ``row`` (an index from 0) in the table that was read, counted from 1."""
        return row + 1 if self.row_numbers is None else int(self.row_numbers[row])

    def texts(self, known: Sequence[str] = ()) -> NDArray[Any]:
        """Every value as the text that names it, ``None`` where the cell is missing.

        Whole numbers lose their ``.0`` and booleans become ``"false"`` and ``"true"``, unless ``known`` spells
        them otherwise: a column of ``01`` and ``A1`` is text, yet its rows of ``01`` alone read as numbers.

        Args:
            known: texts met before, whose spelling is kept.

        Raises:
            TableError: the column holds dates, which have no one spelling.

        Example:
            >>> Column("rings", "number", np.array([3.0, np.nan, 4.5])).texts(["03"]).tolist()
            ['03', None, '4.5']
        """
        if self.kind == "category":
            return self.values
        if self.kind == "date":
            raise TableError(
                f"Column '{self.name}' holds dates where categories are needed: "
                "take a part of the date, for instance SELECT month(...)."
            )
        spelling = {_value(text, self.kind): text for text in reversed(known)}
        distinct, place = np.unique(self.values, return_inverse=True)
        labels = [
            None if np.isnan(value) else spelling.get(value, _label(value, self.kind)) for value in distinct.tolist()
        ]
        return np.array(labels, object)[place]


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
                    f"Column '{name}' must bear its own name and have {self.rows} rows, got '{column.name}' "
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
        chosen = {name: Column(name, column.kind, column.values[rows], shared) for name, column in self.columns.items()}
        return Table(chosen, len(rows))


def closest(name: str, names: Iterable[str]) -> str:
    """`` Did you mean '...'?`` for the nearest of ``names``, empty when none is near."""
    near = get_close_matches(name, list(names), n=1)
    return f" Did you mean '{near[0]}'?" if near else ""


def _shortened(names: Sequence[str]) -> str:
    """Names with commas between, those beyond the longest list one can read only counted."""
    more = f" and {len(names) - _MOST_NAMES:,} more" if len(names) > _MOST_NAMES else ""
    return ", ".join(names[:_MOST_NAMES]) + more


def is_number(text: str) -> bool:
    """Whether the text spells a number."""
    try:
        float(text)
    except ValueError:
        return False
    return True


def _label(value: float, kind: Kind) -> str:
    if kind == "boolean":
        return "true" if value else "false"
    return str(int(value)) if value.is_integer() and abs(value) < _LARGEST_WHOLE_LABEL else repr(value)


def _value(text: str, kind: Kind) -> float | None:
    """The number or boolean that a text spells."""
    if kind == "boolean":
        return {"false": 0.0, "true": 1.0}.get(text.lower())
    return float(text) if is_number(text) else None
