"""Tables out: a file that is there in full or not at all.

DuckDB is imported in the function that needs it (hence PLC0415), see ``reading.py``.
"""

import csv
import io
from collections.abc import Mapping
from functools import partial
from os import PathLike
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import TableError
from chainrule.files.atomic import write_atomically
from chainrule.tables.sources import Format, format_of

_DELIMITERS: dict[Format, str] = {"csv": ",", "tsv": "\t"}
_PIECE = 1 << 20  # bytes copied at once


def write_table(columns: Mapping[str, ArrayLike], path: str | PathLike[str]) -> None:
    """Write columns as a table, replacing the file if there is one.

    Whoever reads ``path`` meanwhile sees the old table or the new one, never a half.

    Args:
        columns: (N,) arrays of numbers, booleans or texts by name; NaN and ``None`` become missing cells.
        path: ends with ``.csv``, ``.tsv``, ``.parquet``, ``.jsonl`` or ``.ndjson``; the text formats also
            with ``.gz`` after it.

    Raises:
        TableError: the ending names no such format, there are no columns, they differ in length, or the file
            cannot be written; nothing is left behind then.

    Example:
        >>> from chainrule.tables import read_table
        >>> from tempfile import TemporaryDirectory
        >>> with TemporaryDirectory() as folder:
        ...     write_table({"prediction": [1.5, float("nan")]}, f"{folder}/out.csv")
        ...     read_table(f"{folder}/out.csv")["prediction"].values
        array([1.5, nan])
    """
    import duckdb  # noqa: PLC0415

    path = Path(path)
    format_, compressed = format_of(path)
    if format_ == "json":
        raise TableError(f"'{path.name}': JSON is written a record per line, give it the ending .jsonl.")
    arrays = _arrays(columns)
    if format_ not in _DELIMITERS:
        _refuse_names_that_differ_in_case(columns, format_)
    if path.is_dir() or not path.parent.is_dir():
        raise TableError(f"'{path}' cannot be written: give a file's name in a folder that exists.")
    try:
        with TemporaryDirectory() as folder, duckdb.connect(":memory:") as connection:
            finished = Path(folder) / "table"
            connection.register("written", {f"c{i}": array for i, array in enumerate(arrays)})
            connection.execute(_copy(list(columns), finished, format_, compressed)).fetchall()
            with finished.open("rb") as file:
                write_atomically(path, iter(partial(file.read, _PIECE), b""))
    except (duckdb.Error, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise TableError(f"'{path}' cannot be written: {reason}") from None


def _arrays(columns: Mapping[str, ArrayLike]) -> list[NDArray[Any]]:
    arrays = [np.asarray(values) for values in columns.values()]
    if not arrays:
        raise TableError("A table needs at least one column, got none.")
    for name, array in zip(columns, arrays, strict=True):
        if array.ndim != 1 or len(array) != len(arrays[0]):
            raise TableError(
                f"Column '{name}' must have shape ({len(arrays[0])},) like the first column, got {array.shape}."
            )
    return [array.astype(object) if array.dtype.kind == "U" else array for array in arrays]


def _refuse_names_that_differ_in_case(names: Mapping[str, ArrayLike], format_: Format) -> None:
    """DuckDB takes ``a`` and ``A`` for one name and would rename the second; only CSV headers are our own."""
    met: dict[str, str] = {}
    for name in names:
        twin = met.setdefault(name.lower(), name)
        if twin != name:
            raise TableError(
                f"Columns '{twin}' and '{name}' differ only in case, which {format_} cannot hold here: "
                "rename one, or write CSV."
            )


def _copy(names: list[str], path: Path, format_: Format, compressed: bool) -> str:
    """The SQL that writes the registered arrays."""
    # DuckDB takes NaN in a NumPy array for a missing cell, as pandas does, so that both come out empty.
    titles = [name.replace('"', '""') for name in names]
    select = ", ".join(f'c{i} AS "{title}"' for i, title in enumerate(titles))
    # Names are quoted above and the path here, so that neither can leave its place in the statement (S608).
    options = _options(names, format_, compressed)
    return f"COPY (SELECT {select} FROM written) TO {_quoted(str(path))} ({options})"  # noqa: S608


def _options(names: list[str], format_: Format, compressed: bool) -> str:
    if format_ == "parquet":
        return "FORMAT parquet"
    compression = "gzip" if compressed else "uncompressed"
    if format_ == "jsonl":
        return f"FORMAT json, COMPRESSION {compression}"
    header = io.StringIO()
    csv.writer(header, delimiter=_DELIMITERS[format_], lineterminator="\n").writerow(names)
    return (
        f"FORMAT csv, DELIMITER {_quoted(_DELIMITERS[format_])}, COMPRESSION {compression}, "
        f"HEADER false, PREFIX {_quoted(header.getvalue())}, SUFFIX '\n'"
    )


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
