"""DuckDB's tree of a query, and the files that its tables name."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from chainrule.errors import TableError
from chainrule.tables.sources import format_of, names_a_table

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Node = dict[str, Any]
"""A node of DuckDB's tree, as its JSON says it."""

ONE_SELECT = "A query must be one SELECT, which only reads"

Reader = Literal["csv", "json", "parquet"]
_READERS: dict[str, Reader] = {
    "read_csv": "csv",
    "read_csv_auto": "csv",
    "read_json": "json",
    "read_json_auto": "json",
    "read_ndjson": "json",
    "read_ndjson_auto": "json",
    "read_parquet": "parquet",
    "parquet_scan": "parquet",
}
_MAKERS = {"generate_series", "range", "unnest"}  # tables made of numbers and lists

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")


def serialised(connection: "DuckDBPyConnection", text: str) -> Node:
    """The tree of a query's text.

    Raises:
        TableError: it is not one SELECT.
    """
    ((written,),) = connection.execute("SELECT json_serialize_sql(?)", [text]).fetchall()
    tree = json.loads(written)
    if tree["error"]:
        raise TableError(
            f"{ONE_SELECT} ({tree['error_message']}): spell it as a plain SELECT, a PIVOT with its values: IN (...)."
        )
    return tree


def text_of(connection: "DuckDBPyConnection", tree: Node) -> str:
    """The text of a query's tree."""
    ((text,),) = connection.execute("SELECT json_deserialize_sql(?)", [json.dumps(tree)]).fetchall()
    return text


def nodes(tree: Any) -> Iterator[Node]:
    """Every record of the tree."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def subquery_names(node: Node) -> Iterator[str]:
    """The names that WITH gives."""
    for entry in (node.get("cte_map") or {}).get("map", ()):
        yield entry["key"]
    if node.get("type") in ("CTE_NODE", "RECURSIVE_CTE_NODE"):
        yield node.get("cte_name", "")


def reader_of(node: Node) -> Reader:
    """Which kind of file a table reads."""
    if node["type"] == "TABLE_FUNCTION":
        return _READERS[node["function"]["function_name"].lower()]
    format_ = format_of(Path(node["table_name"]))[0]
    return "parquet" if format_ == "parquet" else "json" if format_ in ("json", "jsonl") else "csv"


def paths_of(node: Node, made: set[str]) -> Iterator[str]:
    """The files that a table reads, if it reads any.

    Raises:
        TableError: it is no file of a table, an address, or a function that reads anything else.
    """
    if node.get("type") == "BASE_TABLE":
        name = node["table_name"]
        within = [part for part in node["qualified_name"]["path"] if part not in ("", name)]
        if within or (name.lower() not in made and not names_a_table(Path(name))):
            full = ".".join([*within, name])
            raise TableError(
                f"The query cannot be read: table {full} does not exist; write a file's name in quotes, such as "
                "FROM 'table.csv'."
            )
        if name.lower() not in made:
            yield _place(name)
    elif node.get("type") == "TABLE_FUNCTION":
        name = node["function"]["function_name"].lower()
        if name not in _READERS and name not in _MAKERS:
            raise TableError(
                f"{ONE_SELECT}; {name}(...) is no reader of tables: use FROM 'table.csv' or one of "
                f"{', '.join(_READERS)}."
            )
        if name in _READERS:
            yield from map(_place, _written_paths(node["function"]))


def _place(path: str) -> str:
    if _ADDRESS.match(path):
        raise TableError(
            f"The query names the address '{path}', and nothing is fetched from a network (no extension is loaded): "
            "download the file first."
        )
    return path


def _written_paths(function: Node) -> list[str]:
    """The first argument of a reader: a path, or a list of them."""
    first = function["arguments"][0]["expression"] if function["arguments"] else {}
    inner = first.get("arguments", ()) if first.get("function_name") == "list_value" else [{"expression": first}]
    literals = [entry["expression"].get("literal") or {} for entry in inner]
    if not literals or any(literal.get("kind") != "STRING" for literal in literals):
        raise TableError(
            f"{function['function_name']}(...) takes a file's name in quotes, or a list of such names, in a query: "
            "write them out."
        )
    return [literal["text"] for literal in literals]
