"""Any DataFrame as a table of the library, by Narwhals; arrays too."""

import datetime as dt
from collections.abc import Callable, Mapping
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import scipy.sparse

from chainrule.core.arrays import Array
from chainrule.errors import TableError
from chainrule.tables import Column, Table
from chainrule.tables.table import Kind, label_of

SECONDS_A_DAY = 86_400.0


def table_of(X: Any, kinds: Mapping[str, Kind] | None = None) -> Table:
    """The columns of a DataFrame (Polars, pandas, Arrow, ...) or of an array (N, columns).

    Numbers and booleans stay what they are, dates become days, everything else is a category named by its text. A
    column of objects that are all numbers is a column of numbers, unless a model learned it as something else: then
    each cell is read as that, whatever the other rows hold.

    Args:
        X: the table.
        kinds: of the columns that a model learned, by name.

    Raises:
        TableError: sparse, not two-dimensional, a column of lists or records, two columns of one name.

    Example:
        >>> table_of(np.array([[1.0, 2.0]])).names
        ['x0', 'x1']
    """
    if isinstance(X, Table):
        return X
    if scipy.sparse.issparse(X):
        raise TableError("A sparse matrix is no table: pass X.toarray(), or use MLPClassifier or MLPRegressor.")
    frame = nw.from_native(X, eager_only=True, pass_through=True)
    if not isinstance(frame, nw.DataFrame):
        return _of_array(np.asarray(X), kinds or {})
    if len(set(frame.columns)) < len(frame.columns):
        raise TableError("Two columns have the same name: rename one.")
    columns = [_column(str(series.name), series, kinds or {}) for series in frame.iter_columns()]
    return Table({column.name: column for column in columns}, len(frame))


def _of_array(X: Array, kinds: Mapping[str, Kind]) -> Table:
    if X.ndim != 2:
        raise TableError(f"A table has rows and columns, shape (N, columns), got shape {X.shape}: reshape your data.")
    columns = [_of_values(f"x{j}", X[:, j], kinds.get(f"x{j}")) for j in range(X.shape[1])]
    return Table({column.name: column for column in columns}, len(X))


def _column(name: str, series: Any, kinds: Mapping[str, Kind]) -> Column:
    """One column, by its dtype."""
    dtype = series.dtype
    if dtype.is_numeric():
        return Column(name, "number", np.asarray(series.cast(nw.Float64).to_numpy(), np.float64).copy())
    if dtype == nw.Boolean:
        return Column(name, "boolean", np.asarray(series.cast(nw.Float64).to_numpy(), np.float64).copy())
    if dtype.is_temporal() and dtype not in (nw.Duration, nw.Time):
        moments = np.asarray(series.cast(nw.Datetime("us")).to_numpy()).astype("datetime64[us]")
        return _days(name, moments)
    if dtype.is_nested():
        raise TableError(f"Column '{name}' holds {dtype}, where numbers, booleans, dates or text are needed.")
    return _of_values(name, np.fromiter(series.to_list(), object, len(series)), kinds.get(name))


def _days(name: str, moments: Array) -> Column:
    """Moments as days since 1970."""
    days = moments.astype(np.int64) / (SECONDS_A_DAY * 1e6)
    return Column(name, "date", np.where(np.isnat(moments), np.nan, days))


def _of_values(name: str, values: Array, kind: Kind | None) -> Column:
    """One column of an array: numbers and booleans as they are, objects as a model learned them or as they come."""
    if values.dtype.kind in "biuf":
        return Column(name, "boolean" if values.dtype.kind == "b" else "number", values.astype(np.float64))
    if values.dtype.kind == "M":
        return _days(name, values.astype("datetime64[us]"))
    cells = [None if _is_missing(value) else value for value in values.tolist()]
    present = [value for value in cells if value is not None]
    wrong = [value for value in present if isinstance(value, dict | list | set | complex)]
    if wrong:
        raise TypeError(
            f"Column '{name}': argument must be a string or a real number, not {type(wrong[0]).__name__!r}."
        )
    kind = kind or _kind_of(present)
    read = [None if value is None else _READ[kind](value) for value in cells]
    if kind == "category":
        return Column(name, kind, np.fromiter(read, object, len(read)))
    unread = {row: _text(cells[row]) for row, value in enumerate(read) if value is None and cells[row] is not None}
    numbers = np.array([np.nan if value is None else value for value in read], np.float64)
    return Column(name, kind, numbers, unread=unread)


def _is_missing(value: Any) -> bool:
    """None, NaN, and what pandas calls NA and NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def _kind_of(present: list[Any]) -> Kind:
    """What the cells of a column of objects are, all of them."""
    if all(map(_is_number, present)):
        return "number"
    if all(isinstance(value, bool | np.bool_) for value in present):
        return "boolean"
    return "date" if all(isinstance(value, dt.date) for value in present) else "category"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float | np.number) and not isinstance(value, bool)


def _number(value: Any) -> float | None:
    return float(value) if _is_number(value) or isinstance(value, bool | np.bool_) else None


def _boolean(value: Any) -> float | None:
    number = _number(value)
    return number if number in (0.0, 1.0) else None


def _day(value: Any) -> float | None:
    if not isinstance(value, dt.date):
        return None
    return float(np.datetime64(value, "us").astype(np.int64) / (SECONDS_A_DAY * 1e6))


def _text(value: Any) -> str:
    """As a column of its own would name it, so that it is one category beside whatever else."""
    if isinstance(value, bool | np.bool_):
        return label_of(float(value), "boolean")
    return label_of(float(value)) if _is_number(value) else str(value)


_READ: dict[Kind, Callable[[Any], Any]] = {"number": _number, "boolean": _boolean, "date": _day, "category": _text}
"""From a cell to its value as a kind; None where it is none."""
