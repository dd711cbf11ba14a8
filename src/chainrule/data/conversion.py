"""From what DuckDB read to columns of four kinds.

DuckDB knows some thirty types; here they become four, and text that is really numbers, booleans or dates
becomes that. DuckDB does all of it, column by column, before any cell becomes a Python object.
"""

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.data.table import Column, Kind, Table
from chainrule.errors import TableError

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection, DuckDBPyRelation

MISSING_TEXTS = ("", "NA", "N/A", "NaN", "nan", "null", "NULL", "?")
"""Cells of text that stand for "no value", with or without spaces around them."""

_MISSING = f" *({'|'.join(map(re.escape, MISSING_TEXTS))}) *"

# The beginnings of DuckDB's type names, as in DECIMAL(18,3) or TIMESTAMP WITH TIME ZONE.
_NUMBERS = ("TINYINT", "SMALLINT", "INTEGER", "BIGINT", "HUGEINT", "FLOAT", "DOUBLE", "DECIMAL", "BIGNUM", "VARINT")
_TYPES: dict[Kind, tuple[str, ...]] = {
    "number": (*_NUMBERS, *(f"U{number}" for number in _NUMBERS), '"NULL"'),
    "boolean": ("BOOLEAN",),
    "date": ("DATE", "TIMESTAMP"),
    "category": ("VARCHAR", "ENUM", "UUID", "JSON"),
}

_AT_ONCE = 100  # columns that one query looks at: what DuckDB takes to plan it grows faster than their number

_NUMBER_OF_DATE = "epoch({}) / 86400.0"
# How a text is read as each kind, NULL where it cannot be; what no other kind fits is a category. DuckDB would
# take 1_000 for a number and "epoch" for a date, but people who write these mean text.
_TEXT_AS: dict[Kind, str] = {
    "number": "CASE WHEN NOT contains({0}, '_') THEN TRY_CAST({0} AS DOUBLE) END",
    "boolean": "CASE lower({}) WHEN 'true' THEN 1.0 WHEN 'false' THEN 0.0 END",
    "date": "CASE WHEN regexp_matches({0}, '^\\s*\\d{{4}}[-/]\\d') THEN "
    + _NUMBER_OF_DATE.format("TRY_CAST({0} AS TIMESTAMP)")
    + " END",
    "category": "{}",
}


def table_of(
    connection: "DuckDBPyConnection",
    relation: "DuckDBPyRelation",
    names: Sequence[str],
    *,
    decimal_comma: bool = False,
) -> Table:
    """Read ``relation`` once and hand back its columns.

    Args:
        connection: an in-memory connection, which ``relation`` belongs to; it keeps a table afterwards.
        relation: what to read; its order of rows is kept.
        names: the name of each of its columns.
        decimal_comma: whether ``1,5`` in a text is a number too.

    Raises:
        TableError: a name stands twice, there are no rows, or a column holds lists, records or the like.
        duckdb.Error: DuckDB cannot read it.
    """
    _refuse_repeated(names)
    types = [str(type_) for type_ in relation.types]
    kinds: list[Kind] = [_kind_of_type(name, type_) for name, type_ in zip(names, types, strict=True)]
    # Columns are meant by their place (#1) and named by it (c0): no name a user chose ever stands in the SQL.
    cells = [_cell(f"#{i + 1}", types[i], kinds[i]) for i in range(len(names))]
    relation.project(", ".join(f"{cell} AS c{i}" for i, cell in enumerate(cells))).create("cells")

    text_as = dict(_TEXT_AS)
    if decimal_comma:
        text_as["number"] = text_as["number"].replace("TRY_CAST({0}", "TRY_CAST(replace({0}, ',', '.')")
    expressions = [f"c{i}" for i in range(len(names))]
    texts = [i for i, kind in enumerate(kinds) if kind == "category"]
    for i, kind in zip(texts, _kinds_of_texts(connection, texts, text_as), strict=True):
        kinds[i], expressions[i] = kind, text_as[kind].format(f"c{i}")
    select = ", ".join(f"{expression} AS c{i}" for i, expression in enumerate(expressions))
    arrays = connection.execute(f"SELECT {select} FROM cells").fetchnumpy()  # noqa: S608 (no user's text in it)
    columns = [_column(name, kind, arrays[f"c{i}"]) for i, (name, kind) in enumerate(zip(names, kinds, strict=True))]
    rows = len(columns[0].values)
    if not rows:
        raise TableError("The table has columns but no rows: at least one row is needed.")
    return Table({column.name: column for column in columns}, rows)


def _refuse_repeated(names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise TableError(f"Two columns are named '{name}': rename one, in SQL by SELECT ... AS another_name.")
        seen.add(name)


def _kind_of_type(name: str, type_: str) -> Kind:
    for kind, beginnings in _TYPES.items():
        if type_.startswith(beginnings) and not type_.endswith("]"):  # DOUBLE[] is a list
            return kind
    raise TableError(
        f"Column '{name}' holds {type_}, where numbers, booleans, dates or text are needed: "
        "leave it out with SELECT * EXCLUDE (...), or select a part of it."
    )


def _cell(place: str, type_: str, kind: Kind) -> str:
    """The SQL for a column as float64 or as text."""
    if kind == "category":
        text = f"json_extract_string({place}, '$')" if type_ == "JSON" else f"CAST({place} AS VARCHAR)"
        # Not trim(...) IN (...), nor list_contains: DuckDB turns both into joins, which may change the order of rows
        # and take minutes to plan for hundreds of columns.
        return f"CASE WHEN NOT regexp_full_match({text}, '{_MISSING}') THEN {text} END"
    if kind == "date":
        return _NUMBER_OF_DATE.format(place)
    return f"CAST({place} AS DOUBLE)"


def _kinds_of_texts(connection: "DuckDBPyConnection", texts: list[int], text_as: dict[Kind, str]) -> list[Kind]:
    """What each text column really is: the first kind that every one of its values can be read as."""
    counted: list[int] = []
    for start in range(0, len(texts), _AT_ONCE):
        columns = [f"c{i}" for i in texts[start : start + _AT_ONCE]]
        counts = ", ".join(f"count({reading.format(column)})" for column in columns for reading in text_as.values())
        (row,) = connection.execute(f"SELECT {counts} FROM cells").fetchall()  # noqa: S608 (as above)
        counted += row
    kinds = list(text_as)
    # The last count, that of the category, is of all cells with a value.
    return [kinds[readable.index(readable[-1])] for readable in np.reshape(counted, (-1, len(kinds))).tolist()]


def _column(name: str, kind: Kind, values: Any) -> Column:
    empty, dtype = (None, object) if kind == "category" else (np.nan, np.float64)
    if isinstance(values, np.ma.MaskedArray):
        # Not values.filled(None): NumPy takes that to mean its own default, the text "?".
        mask, values = np.ma.getmaskarray(values), values.data.astype(dtype)
        values[mask] = empty
    return Column(name, kind, np.asarray(values, dtype))
