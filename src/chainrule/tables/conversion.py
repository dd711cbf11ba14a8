"""From what DuckDB read to columns of four kinds.

DuckDB knows some thirty types; here they become four, and text that is really numbers, booleans or dates
becomes that. DuckDB does all of it, column by column, before any cell becomes a Python object.

What a column of text is follows from all of its cells, but only where a model is yet to be trained: a model's own
columns are read as the kinds it learned, cell by cell, so that no row's answer depends on the other rows of its file.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.errors import TableError
from chainrule.tables.table import Column, Kind, Table

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
    "boolean": "CASE lower({0}) WHEN 'true' THEN 1.0 WHEN 'false' THEN 0.0 END",
    "date": "CASE WHEN regexp_matches({0}, '^\\s*\\d{{4}}[-/]\\d') THEN "
    + _NUMBER_OF_DATE.format("TRY_CAST({0} AS TIMESTAMP)")
    + " END",
    "category": "{0}",
}
# A model that learned true and false may find them written as 1 and 0.
_ALSO_BOOLEAN = "CASE WHEN TRY_CAST({0} AS DOUBLE) IN (0, 1) THEN TRY_CAST({0} AS DOUBLE) END"

# A cell of JSON as the text it would have in a CSV file; a whole number loses its .0, as everywhere.
_JSON_TEXT = (
    "CASE WHEN json_type({0}) = 'DOUBLE' AND abs(CAST({0} AS DOUBLE)) < 1e16 "
    "AND CAST({0} AS DOUBLE) = trunc(CAST({0} AS DOUBLE)) THEN CAST(CAST(CAST({0} AS DOUBLE) AS BIGINT) AS VARCHAR) "
    "ELSE json_extract_string({0}, '$') END"
)
_NESTED = "json_type({0}) IN ('ARRAY', 'OBJECT')"


@dataclass(frozen=True)
class Reading:
    """How cells of text become values.

    Attributes:
        kinds: of the columns that a model learned, by name; None infers them from the cells.
        decimal_comma: whether ``1,5`` is a number too.
        from_text: whether DuckDB itself inferred some types from texts, as it does for a query over CSV files.
    """

    kinds: Mapping[str, Kind] | None = None
    decimal_comma: bool = False
    from_text: bool = False

    def text_as(self, kind: Kind) -> str:
        """The SQL that reads a text as a kind, NULL where it cannot be."""
        if kind == "boolean" and self.kinds is not None:
            return f"coalesce({_TEXT_AS[kind]}, {_ALSO_BOOLEAN})"
        if kind == "number" and self.decimal_comma:
            return _TEXT_AS[kind].replace("TRY_CAST({0}", "TRY_CAST(replace({0}, ',', '.')")
        return _TEXT_AS[kind]


def table_of(
    connection: "DuckDBPyConnection", relation: "DuckDBPyRelation", names: Sequence[str], reading: Reading
) -> Table:
    """Read ``relation`` once and return its columns.

    Args:
        connection: an in-memory connection, which ``relation`` belongs to; it keeps a table afterwards.
        relation: what to read; its order of rows is kept.
        names: the name of each of its columns.
        reading: how texts are read; where a model's kinds are given, other columns that no table can hold are
            left out.

    Raises:
        TableError: a name stands twice, there are no rows, or a column holds lists, records or the like.
        duckdb.Error: DuckDB cannot read it.
    """
    _refuse_repeated(names)
    types = [str(type_) for type_ in relation.types]
    used = [i for i, name in enumerate(names) if _is_needed(name, reading) or _is_readable(types[i])]
    if not used:
        raise TableError("The table has no column of numbers, booleans, dates or text: select some.")
    names, places, types = [names[i] for i in used], [f"#{i + 1}" for i in used], [types[i] for i in used]
    kinds: list[Kind] = [_kind_of_type(name, type_) for name, type_ in zip(names, types, strict=True)]
    # Columns are meant by their place (#1) and named by it (c0): no name a user chose ever stands in the SQL.
    cells = [_cell(place, type_, kind) for place, type_, kind in zip(places, types, kinds, strict=True)]
    json = {i: names[i] for i in range(len(names)) if types[i] == "JSON" and _is_needed(names[i], reading)}
    select = [f"{cell} AS c{i}" for i, cell in enumerate(cells)]
    select += [f"CASE WHEN {_NESTED.format(places[i])} THEN json_type({places[i]}) END AS n{i}" for i in json]
    relation.project(", ".join(select)).create("cells")
    _refuse_nested(connection, json)
    columns = _columns(connection, names, kinds, reading)
    rows = len(columns[0].values)
    if not rows:
        raise TableError("The table has columns but no rows: at least one row is needed.")
    return Table({column.name: column for column in columns}, rows)


def _columns(
    connection: "DuckDBPyConnection", names: Sequence[str], types: list[Kind], reading: Reading
) -> list[Column]:
    """The columns of the table ``cells``, texts read as what they are or as what a model learned."""
    learned = reading.kinds or {}
    texts = [i for i, type_ in enumerate(types) if type_ == "category"]
    counts = _counts(connection, texts, reading)
    kinds = list(types)
    for i in texts:
        kinds[i] = learned.get(names[i]) or next(kind for kind in _TEXT_AS if counts[i][kind] == counts[i]["category"])
    read = {i: reading.text_as(kinds[i]).format(f"c{i}") for i in texts}
    odd = [i for i in texts if counts[i][kinds[i]] < counts[i]["category"]]
    select = [f"{read.get(i, f'c{i}')} AS c{i}" for i in range(len(names))]
    select += [f"CASE WHEN {read[i]} IS NULL THEN c{i} END AS u{i}" for i in odd]
    arrays = connection.execute(f"SELECT {', '.join(select)} FROM cells").fetchnumpy()  # noqa: S608 (no user's text)
    columns: list[Column] = []
    for i, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        inferred = name not in learned if i in counts else reading.from_text
        unread = _unread(arrays[f"u{i}"]) if i in odd else {}
        columns.append(_column(name, kind, arrays[f"c{i}"], inferred=inferred and kind != "category", unread=unread))
    return columns


def _is_needed(name: str, reading: Reading) -> bool:
    """Whether a model, or one that is yet to be trained, asks for the column."""
    return reading.kinds is None or name in reading.kinds


def _is_readable(type_: str) -> bool:
    """Whether DuckDB's type is a column's, and no list's (``DOUBLE[]``)."""
    return any(type_.startswith(beginnings) for beginnings in _TYPES.values()) and not type_.endswith("]")


def _refuse_repeated(names: Sequence[str]) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise TableError(f"Two columns are named '{name}': rename one, in SQL by SELECT ... AS another_name.")
        seen.add(name)


def _kind_of_type(name: str, type_: str) -> Kind:
    for kind, beginnings in _TYPES.items():
        if type_.startswith(beginnings) and _is_readable(type_):
            return kind
    raise _no_kind(name, type_)


def _no_kind(name: str, found: str) -> TableError:
    return TableError(
        f"Column '{name}' holds {found}, where numbers, booleans, dates or text are needed: "
        "leave it out with SELECT * EXCLUDE (...), or select a part of it."
    )


def _cell(place: str, type_: str, kind: Kind) -> str:
    """The SQL for a column as float64 or as text."""
    if kind == "category":
        text = _JSON_TEXT.format(place) if type_ == "JSON" else f"CAST({place} AS VARCHAR)"
        # Not trim(...) IN (...), nor list_contains: DuckDB turns both into joins, which may change the order of rows
        # and take minutes to plan for hundreds of columns.
        return f"CASE WHEN NOT regexp_full_match({text}, '{_MISSING}') THEN {text} END"
    if kind == "date":
        return _NUMBER_OF_DATE.format(place)
    return f"CAST({place} AS DOUBLE)"


def _refuse_nested(connection: "DuckDBPyConnection", names: Mapping[int, str]) -> None:
    """A cell of JSON must be a number, a text, true, false or null."""
    numbers = list(names)
    for start in range(0, len(numbers), _AT_ONCE):
        some = numbers[start : start + _AT_ONCE]
        select = ", ".join(f"max(n{i})" for i in some)
        (found,) = connection.execute(f"SELECT {select} FROM cells").fetchall()  # noqa: S608 (as above)
        for i, nested in zip(some, found, strict=True):
            if nested is not None:
                raise _no_kind(names[i], f"a JSON {nested.lower()}")


def _counts(connection: "DuckDBPyConnection", texts: list[int], reading: Reading) -> dict[int, dict[Kind, int]]:
    """How many cells of each text column can be read as each kind; as a category all that have a value."""
    counted: dict[int, dict[Kind, int]] = {}
    for start in range(0, len(texts), _AT_ONCE):
        some = texts[start : start + _AT_ONCE]
        counts = ", ".join(f"count({reading.text_as(kind).format(f'c{i}')})" for i in some for kind in _TEXT_AS)
        (row,) = connection.execute(f"SELECT {counts} FROM cells").fetchall()  # noqa: S608 (as above)
        found = np.reshape(row, (-1, len(_TEXT_AS))).tolist()
        counted |= {i: dict(zip(_TEXT_AS, readable, strict=True)) for i, readable in zip(some, found, strict=True)}
    return counted


def _unread(texts: Any) -> dict[int, str]:
    """The texts that could not be read, by row."""
    rows = np.flatnonzero(~np.ma.getmaskarray(texts))
    return {int(row): texts[row] for row in rows}


def _column(name: str, kind: Kind, values: Any, *, inferred: bool, unread: Mapping[int, str]) -> Column:
    empty, dtype = (None, object) if kind == "category" else (np.nan, np.float64)
    if isinstance(values, np.ma.MaskedArray):
        # Not values.filled(None): NumPy takes that to mean its own default, the text "?".
        mask, values = np.ma.getmaskarray(values), values.data.astype(dtype)
        values[mask] = empty
    return Column(name, kind, np.asarray(values, dtype), inferred=inferred, unread=unread)
