"""A query in DuckDB's SQL: refused unless it only reads.

DuckDB parses the text into a tree. Every node of it must be on a closed list, so that what writes, changes a setting
or is new to DuckDB is refused unseen; a table is a file named in the text, or made of other tables. ``query_reading``
says how the files are then read.
"""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.errors import TableError
from chainrule.tables.query_tree import ONE_SELECT, Node, nodes, paths_of, reader_of, serialised, subquery_names

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# What a tree may be made of. Each expression has a class; queries, tables and the order of rows have a type alone.
_EXPRESSIONS = {
    "BETWEEN", "CASE", "CAST", "COLLATE", "COLUMN_REF", "COMPARISON", "CONJUNCTION", "CONSTANT", "FUNCTION", "LAMBDA",
    "LAMBDA_REF", "OPERATOR", "POSITIONAL_REFERENCE", "STAR", "SUBQUERY", "TYPE", "WINDOW",
}  # fmt: skip
_TABLES = {"BASE_TABLE", "EMPTY", "EXPRESSION_LIST", "JOIN", "PIVOT", "SUBQUERY", "TABLE_FUNCTION"}
_QUERIES = {"CTE_NODE", "RECURSIVE_CTE_NODE", "SELECT_NODE", "SET_OPERATION_NODE"}
_MODIFIERS = {
    "ASCENDING", "DESCENDING", "DISTINCT_MODIFIER", "LIMIT_MODIFIER", "LIMIT_PERCENT_MODIFIER", "ORDER_DEFAULT",
    "ORDER_MODIFIER",
}  # fmt: skip
_TYPES = _TABLES | _QUERIES | _MODIFIERS

# DuckDB says which functions have side effects; these are random, which no other row and no file can see.
_HARMLESS = {"gen_random_uuid", "random", "uuid", "uuidv4", "uuidv7"}
_WITH_SIDE_EFFECTS = "SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE has_side_effects"

_PATTERN = re.compile(r"[*?\[]")


@dataclass(frozen=True)
class Query:
    """One SELECT that only reads.

    Attributes:
        tree: DuckDB's.
        paths: the files it names, as they stand there: paths or patterns of them.
        reads_text: whether CSV or JSON files are among them, whose columns get their types from their cells.
    """

    tree: Node
    paths: tuple[str, ...]
    reads_text: bool


def parse_query(connection: "DuckDBPyConnection", text: str) -> Query:
    """Take a query apart without running any of it.

    Raises:
        TableError: it is not one SELECT that only reads, or names no table's file where one belongs.
        duckdb.Error: it cannot be parsed.
    """
    statements = connection.extract_statements(text)
    if len(statements) != 1:
        raise TableError(f"{ONE_SELECT}; this text holds {len(statements)} statements: leave one.")
    if (kind := statements[0].type.name) == "MULTI":  # DuckDB would first look for the values in the table
        raise TableError(f"{ONE_SELECT}; a PIVOT needs its values written out: ON column IN ('a', 'b').")
    if kind != "SELECT":
        raise TableError(f"{ONE_SELECT}; this one is {kind}: write a SELECT.")
    tree = serialised(connection, text)
    found = list(nodes(tree))
    for node in found:
        _refuse_what_may_write(node)
    _refuse_side_effects(connection, found)
    made = {name.lower() for node in found for name in subquery_names(node)}
    sources = [(reader_of(node), path) for node in found for path in paths_of(node, made)]
    reads_text = any(reader in ("csv", "json") for reader, _ in sources)
    return Query(tree, tuple(dict.fromkeys(path for _, path in sources)), reads_text)


def matching_files(connection: "DuckDBPyConnection", path: str) -> list[Path]:
    """The files that a path or a pattern such as ``data/*.csv`` stands for; none if there are none."""
    if not is_pattern(path):
        return [Path(path)]
    return [Path(file) for (file,) in connection.execute("SELECT file FROM glob(?)", [path]).fetchall()]


def is_pattern(path: str) -> bool:
    """Whether the path may stand for several files."""
    return _PATTERN.search(path) is not None


def folder_of(pattern: str) -> Path:
    """The folder in which the files of a pattern are looked for."""
    whole = Path(pattern).parts[:-1]
    first = next((i for i, part in enumerate(whole) if is_pattern(part)), len(whole))
    return Path(*whole[:first])


def _refuse_what_may_write(node: Node) -> None:
    kind = node.get("class") or node.get("type") or node.get("info_type")
    known = _EXPRESSIONS if node.get("class") else _TYPES
    if isinstance(kind, str) and kind not in known:
        what = kind.removesuffix("_QUERY_NODE").removesuffix("_NODE").removesuffix("_REF").replace("_", " ")
        raise TableError(f"{ONE_SELECT}; this one holds {what}: remove it.")


def _refuse_side_effects(connection: "DuckDBPyConnection", nodes: list[Node]) -> None:
    refused = {name for (name,) in connection.execute(_WITH_SIDE_EFFECTS).fetchall()} - _HARMLESS
    called = {str(node["function_name"]).lower() for node in nodes if "function_name" in node}
    for name in sorted(called & refused):
        raise TableError(f"{ONE_SELECT}; the function {name} does more: remove it.")
