"""Tables in: from a file, a query or a DataFrame, by way of DuckDB.

DuckDB is imported in the function that needs it (hence PLC0415): it is heavy, and most of the package never
reads a table. Its connection lives in memory, for one table; it neither downloads nor loads an extension, and before
anything is read it is locked: only the files that were named can be opened, and no setting can be changed.
"""

import re
import secrets
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.errors import TableError
from chainrule.tables.conversion import Reading, table_of
from chainrule.tables.queries import folder_of, is_pattern, matching_files, parse_query
from chainrule.tables.query_reading import quoted, settled_query
from chainrule.tables.sources import Source, names_a_table, open_source, read_header
from chainrule.tables.table import Kind, Table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

_SQL = re.compile(r"(\s|\(|--[^\n]*\n|/\*.*?\*/)*(SELECT|WITH|FROM)(?=\s|/\*|--)", re.IGNORECASE | re.DOTALL)
# What DuckDB says, mostly of damaged CSV files, and what that means for whoever has to repair it.
_EXPLANATIONS = {
    r"Line: (\d+).*Expected Number of Columns: (\d+) Found: (\d+)": "line {0} has {2} cells where {1} columns are "
    "named: correct the line; a cell that holds the separator must stand in double quotes.",
    r"Line: (\d+).*Invalid unicode": "line {0} is not UTF-8: save the file as UTF-8 (in Excel, 'CSV UTF-8').",
    r"Line: (\d+).*unterminated quote": "line {0} has a double quote that is not closed: close it; inside a quoted "
    "cell a double quote is written twice.",
    "state machine": "its line endings are mixed: save it again with one kind of line ending.",
    r"No module named '(\w+)'": "the package {0} is needed for that: install it, or write the frame to a file first.",
}
_SETTINGS: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": "false",
    "autoload_known_extensions": "false",
    "allow_community_extensions": "false",
    "allow_persistent_secrets": "false",
    "preserve_insertion_order": "true",
    # A name in a query means a file or a table, never a Python variable that happens to be in sight.
    "python_enable_replacements": "false",
}


def read_table(source: object, kinds: Mapping[str, Kind] | None = None) -> Table:
    """Read a table.

    What a column of text holds is inferred from all of its cells. For a trained model that would be wrong: in a file
    that holds nothing but ``1.10``, its category ``1.10`` would be the number 1.1. Give the model's ``kinds``, and
    every cell is read as what the model learned, whatever the other rows hold.

    Args:
        source: a path to a ``.csv``, ``.tsv``, ``.parquet``, ``.json``, ``.jsonl`` or ``.ndjson`` file (text
            files also with ``.gz``); or a query over such files in DuckDB's SQL, a text that begins with
            ``SELECT`` or ``WITH``; or a DataFrame of pandas or Polars, or an Arrow table. A query only reads, and
            only tables: files named in it after ``FROM`` or given to ``read_csv``, ``read_json`` or ``read_parquet``.
        kinds: ``"number"``, ``"boolean"``, ``"date"`` or ``"category"`` of the columns that a model learned
            (``TableModel.kinds``); its missing columns are no error here.

    Returns:
        The table, its rows in the order of the source. Cells of text that are empty or say ``NA``, ``N/A``,
        ``NaN``, ``null`` or ``?`` are missing. Text columns whose other cells are all numbers, booleans or
        dates become that.

    Raises:
        TableError: the source is no table, or a damaged one, or a query that does more than read; the message says
            what was found and what to do.

    Example:
        >>> from chainrule.tables import penguins_path
        >>> penguins = read_table(penguins_path())
        >>> penguins.rows, penguins["sex"].kind, penguins["body_mass_g"].values[:2].tolist()
        (344, 'category', [3750.0, 3800.0])
        >>> heavy = read_table(f"SELECT species FROM '{penguins_path()}' WHERE try_cast(body_mass_g AS int) > 6000")
        >>> heavy["species"].values.tolist()
        ['Gentoo', 'Gentoo']
    """
    import duckdb  # noqa: PLC0415

    where, read = _way_to_read(source)
    with _explained(where), duckdb.connect(":memory:", config=_settings()) as connection:
        return read(connection, kinds=kinds)


def files_of(source: object) -> list[Path]:
    """The files that ``read_table`` would read: the path, or those that a query names.

    Raises:
        TableError: the source is a query that does more than read.
    """
    import duckdb  # noqa: PLC0415

    if not isinstance(source, str | PathLike):
        return []
    if not isinstance(source, str) or not is_query(source):
        return [Path(source)]
    with _explained("the query"), duckdb.connect(":memory:", config=_settings()) as connection:
        paths = parse_query(connection, source).paths
        return [file for path in paths for file in matching_files(connection, path)]


def is_query(source: object) -> bool:
    """Whether ``read_table`` takes it for SQL and not for a file's name."""
    return isinstance(source, str) and _SQL.match(source) is not None and not names_a_table(Path(source))


def _way_to_read(source: object) -> tuple[str, Callable[..., Table]]:
    """What error messages call the source, and the function that reads it."""
    if isinstance(source, str) and is_query(source):
        return "the query", partial(_read_query, query=source)
    if isinstance(source, str | PathLike):
        file = open_source(Path(source))
        return f"'{file.path}'", partial(_read_file, source=file)
    return f"the {type(source).__name__}", partial(_read_frame, frame=source)


def _settings() -> dict[str, str | bool | int | float | list[str]]:
    # What does not fit into memory goes to a folder of its own, which is there only while it is needed.
    return _SETTINGS | {"temp_directory": str(Path(tempfile.gettempdir()) / f"chainrule-{secrets.token_hex(8)}")}


def _lock(connection: "DuckDBPyConnection", paths: Sequence[str], folders: Sequence[str] = ()) -> None:
    """From here on only these files can be opened, and no setting can be changed."""
    for name, allowed in (("allowed_paths", paths), ("allowed_directories", folders)):
        connection.execute(f"SET {name} = [{', '.join(map(quoted, allowed))}]").fetchall()
    for setting in ("enable_external_access = false", "lock_configuration = true"):
        connection.execute(f"SET {setting}").fetchall()


def _read_query(connection: "DuckDBPyConnection", query: str, *, kinds: Mapping[str, Kind] | None) -> Table:
    parsed = parse_query(connection, query)
    folders = [str(folder_of(path)) for path in parsed.paths if is_pattern(path)]
    _lock(connection, parsed.paths, folders)
    relation = connection.sql(settled_query(connection, parsed, kinds or {}))
    return table_of(connection, relation, relation.columns, Reading(kinds, from_text=parsed.reads_text))


def _read_file(connection: "DuckDBPyConnection", source: Source, *, kinds: Mapping[str, Kind] | None) -> Table:
    # In brackets a sign of a glob pattern means itself, as in "penguins [1].csv".
    path = re.sub(r"([*?\[])", r"[\1]", str(source.path))
    _lock(connection, [path, str(source.path)])
    compression = "gzip" if source.compressed else "uncompressed"
    if source.format == "parquet":
        relation = connection.sql("FROM read_parquet(?)", params=[path])
        return table_of(connection, relation, relation.columns, Reading(kinds))
    if source.format in ("json", "jsonl"):
        # Every value stays JSON: DuckDB would infer its type from those of the other records.
        layout = "auto" if source.format == "json" else "newline_delimited"
        relation = connection.sql(
            "FROM read_json(?, format=?, compression=?, records='true', sample_size=-1, maximum_depth=1, "
            "map_inference_threshold=-1)",
            params=[path, layout, compression],
        )
        return table_of(connection, relation, relation.columns, Reading(kinds))
    # Nothing about a CSV file is guessed from a sample of its rows: the header is known, every cell is text
    # first, and what a column really is follows from all of its cells, or from what a model learned.
    header = read_header(source)
    columns = ", ".join(f"'c{i}': 'VARCHAR'" for i in range(len(header.names)))
    relation = connection.sql(
        f"FROM read_csv(?, delim=?, compression=?, columns={{{columns}}}, header=true, auto_detect=false, "
        """quote='"', escape='"', strict_mode=true)""",
        params=[path, header.delimiter, compression],
    )
    return table_of(connection, relation, header.names, Reading(kinds, decimal_comma=header.delimiter == ";"))


def _read_frame(connection: "DuckDBPyConnection", frame: Any, *, kinds: Mapping[str, Kind] | None) -> Table:
    if not hasattr(frame, "columns") and not hasattr(frame, "__arrow_c_stream__"):
        raise TableError(
            f"A table is read from a path, a SELECT or a DataFrame, got {type(frame).__name__}: "
            "build a DataFrame of it, or write it to a .csv file."
        )
    connection.register("frame", frame)
    _lock(connection, ())
    relation = connection.sql("FROM frame")
    # The frame's own names: DuckDB renames those that differ only in case. Arrow calls them column_names.
    names = getattr(frame, "column_names", None)
    if names is None:
        names = getattr(frame, "columns", relation.columns)
    return table_of(connection, relation, [str(name) for name in names], Reading(kinds))


@contextmanager
def _explained(where: str) -> Iterator[None]:
    """What DuckDB finds wrong becomes a TableError of one line."""
    import duckdb  # noqa: PLC0415

    try:
        yield
    except (duckdb.Error, ImportError) as error:
        raise TableError(f"{where[0].upper()}{where[1:]} cannot be read: {_explanation(str(error))}") from None


def _explanation(message: str) -> str:
    for pattern, explanation in _EXPLANATIONS.items():
        found = re.search(pattern, message, re.DOTALL)
        if found:
            return explanation.format(*found.groups())
    return message.strip().splitlines()[0]
