"""Any DataFrame as a table of the library, by Narwhals; arrays too."""

import datetime as dt
from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import scipy.sparse

from chainrule.arrays import Array
from chainrule.data import Column, Table
from chainrule.errors import TableError

SECONDS_A_DAY = 86_400.0


def table_of(X: Any) -> Table:
    """The columns of a DataFrame (Polars, pandas, Arrow, ...) or of an array (N, columns).

    Numbers and booleans stay what they are, dates become days, everything else is a category named by its text. A
    column of objects that are all numbers is a column of numbers.

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
        return _of_array(np.asarray(X))
    if len(set(frame.columns)) < len(frame.columns):
        raise TableError("Two columns have the same name: rename one.")
    columns = [_column(str(series.name), series) for series in frame.iter_columns()]
    return Table({column.name: column for column in columns}, len(frame))


def _of_array(X: Array) -> Table:
    if X.ndim != 2:
        raise TableError(f"A table has rows and columns, shape (N, columns), got shape {X.shape}: reshape your data.")
    columns = [_of_values(f"x{j}", X[:, j]) for j in range(X.shape[1])]
    return Table({column.name: column for column in columns}, len(X))


def _column(name: str, series: Any) -> Column:
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
    return _of_values(name, np.asarray(series.to_list(), dtype=object))


def _days(name: str, moments: Array) -> Column:
    """Moments as days since 1970."""
    days = moments.astype(np.int64) / (SECONDS_A_DAY * 1e6)
    return Column(name, "date", np.where(np.isnat(moments), np.nan, days))


def _of_values(name: str, values: Array) -> Column:
    """One column of an array: numbers and booleans as they are, objects by what they hold."""
    if values.dtype.kind in "biuf":
        return Column(name, "boolean" if values.dtype.kind == "b" else "number", values.astype(np.float64))
    if values.dtype.kind == "M":
        return _days(name, values.astype("datetime64[us]"))
    missing = np.array([v is None or (isinstance(v, float) and v != v) for v in values.tolist()], bool)  # noqa: PLR0124 - NaN
    wrong = [v for v in values[~missing].tolist() if isinstance(v, dict | list | set | complex)]
    if wrong:
        raise TypeError(
            f"Column '{name}': argument must be a string or a real number, not {type(wrong[0]).__name__!r}."
        )
    if all(isinstance(v, int | float | np.number) and not isinstance(v, bool) for v in values[~missing].tolist()):
        return Column(name, "number", np.where(missing, np.nan, values).astype(np.float64))
    if all(isinstance(v, bool | np.bool_) for v in values[~missing].tolist()):
        return Column(name, "boolean", np.where(missing, np.nan, values).astype(np.float64))
    if not missing.all() and all(isinstance(v, dt.date) for v in values[~missing].tolist()):
        moments = np.array([None if gone else v for v, gone in zip(values, missing, strict=True)], "datetime64[us]")
        return _days(name, moments)
    texts = np.empty(len(values), object)
    texts[:] = [None if gone else str(v) for v, gone in zip(values.tolist(), missing.tolist(), strict=True)]
    return Column(name, "category", texts)
