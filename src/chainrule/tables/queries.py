"""A query in DuckDB's SQL: refused unless it only reads, and read by the kinds that a model learned.

DuckDB parses the text into a tree. Every node of it must be on a closed list, so that what writes, changes a setting
or is new to DuckDB is refused unseen; a table is a file named in the text, or made of other tables. The references to
CSV and JSON files then become calls of their readers that leave as little as can be to what a file's rows look like.

A query that began as ``SELECT v FROM 'new.csv'`` is run, for a model to which ``v`` is a category, as
``SELECT v FROM read_csv('new.csv', types={'v': 'VARCHAR'}, ...)``.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from chainrule.errors import TableError
from chainrule.tables.sources import format_of, names_a_table, open_source, read_header
from chainrule.tables.table import Kind

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

Node = dict[str, Any]
"""A node of DuckDB's tree, as its JSON says it."""

_ONE_SELECT = "A query must be one SELECT, which only reads"

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

# DuckDB says which functions have side effects; these are random, which no other row and no file can see.
_HARMLESS = {"gen_random_uuid", "random", "uuid", "uuidv4", "uuidv7"}
_WITH_SIDE_EFFECTS = "SELECT DISTINCT lower(function_name) FROM duckdb_functions() WHERE has_side_effects"

# One spelling of dates, for DuckDB would choose the one that suits the file's other rows; times with a zone stay text.
_DATES = {"dateformat": "'%Y-%m-%d'", "timestampformat": "'%Y-%m-%d %H:%M:%S'"}
_CANDIDATES = "['NULL', 'BOOLEAN', 'BIGINT', 'DOUBLE', 'TIME', 'DATE', 'TIMESTAMP', 'VARCHAR']"
_TYPED_BY_USER = {"types", "dtypes", "column_types", "columns", "all_varchar", "auto_detect"}
_LAID_OUT_BY_USER = {"header", "names", "column_names", "columns", "auto_detect", "delim", "sep", "delimiter"}

_ADDRESS = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:")
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
    if len(statements) != 1 or statements[0].type.name != "SELECT":
        raise TableError(f"{_ONE_SELECT}: remove the other statements.")
    tree = _serialised(connection, text)
    found = list(_nodes(tree))
    for node in found:
        _refuse_what_may_write(node)
    _refuse_side_effects(connection, found)
    made = {name.lower() for node in found for name in _names_of_subqueries(node)}
    sources = [(_reader(node), path) for node in found for path in _paths(node, made)]
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


def settled_query(connection: "DuckDBPyConnection", query: Query, kinds: Mapping[str, Kind]) -> str:
    """The query's text, its CSV and JSON files read by one header, one spelling of dates and the known categories.

    Args:
        connection: looks for the files of a pattern.
        query: what to read.
        kinds: of the columns of the result that a model learned; a file's column that becomes a category or a boolean
            stays text, for DuckDB takes ``yes`` for true where a column holds nothing else. Numbers and dates do not,
            or a query could no longer compute with them.
    """
    learned = {name.lower() for name, kind in kinds.items() if kind in ("category", "boolean")}
    texts = _names_behind(query.tree, learned)
    made = {name.lower() for node in _nodes(query.tree) for name in _names_of_subqueries(node)}

    def settled(node: Any) -> Any:
        if isinstance(node, list):
            return [settled(entry) for entry in node]
        if not isinstance(node, dict):
            return node
        node = {key: settled(value) for key, value in node.items()}
        paths = list(_paths(node, made))
        return _settled_reader(connection, node, paths, texts) if paths else node

    return _text_of(connection, settled(query.tree))


# -------------------------------------------------------------------------------- what a query may hold
def _serialised(connection: "DuckDBPyConnection", text: str) -> Node:
    ((written,),) = connection.execute("SELECT json_serialize_sql(?)", [text]).fetchall()
    tree = json.loads(written)
    if tree["error"]:
        raise TableError(
            f"{_ONE_SELECT} ({tree['error_message']}): spell it as a plain SELECT, a PIVOT with its values: IN (...)."
        )
    return tree


def _nodes(tree: Any) -> Iterator[Node]:
    """Every record of the tree."""
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if isinstance(node, dict):
            yield node
            waiting += node.values()
        elif isinstance(node, list):
            waiting += node


def _refuse_what_may_write(node: Node) -> None:
    kind = node.get("class") or node.get("type") or node.get("info_type")
    known = _EXPRESSIONS if node.get("class") else _TYPES
    if isinstance(kind, str) and kind not in known:
        told = kind.removesuffix("_QUERY_NODE").removesuffix("_NODE").removesuffix("_REF").replace("_", " ")
        raise TableError(f"{_ONE_SELECT}; this one holds {told}: remove it.")


def _refuse_side_effects(connection: "DuckDBPyConnection", nodes: list[Node]) -> None:
    refused = {name for (name,) in connection.execute(_WITH_SIDE_EFFECTS).fetchall()} - _HARMLESS
    called = {str(node["function_name"]).lower() for node in nodes if "function_name" in node}
    for name in sorted(called & refused):
        raise TableError(f"{_ONE_SELECT}; the function {name} does more: remove it.")


# -------------------------------------------------------------------------------- the files it names
def _names_of_subqueries(node: Node) -> Iterator[str]:
    """The names that WITH gives."""
    for entry in (node.get("cte_map") or {}).get("map", ()):
        yield entry["key"]
    if node.get("type") in ("CTE_NODE", "RECURSIVE_CTE_NODE"):
        yield node.get("cte_name", "")


def _reader(node: Node) -> Reader:
    """Which kind of file a table reads."""
    if node["type"] == "TABLE_FUNCTION":
        return _READERS[node["function"]["function_name"].lower()]
    format_ = format_of(Path(node["table_name"]))[0]
    return "parquet" if format_ == "parquet" else "json" if format_ in ("json", "jsonl") else "csv"


def _paths(node: Node, made: set[str]) -> Iterator[str]:
    """The files that a table reads, if it reads any.

    Raises:
        TableError: it is no file of a table, an address, or a function that reads anything else.
    """
    if node.get("type") == "BASE_TABLE":
        name = node["table_name"]
        within = [part for part in node["qualified_name"]["path"] if part not in ("", name)]
        if within or (name.lower() not in made and not names_a_table(Path(name))):
            told = ".".join([*within, name])
            raise TableError(
                f"The query cannot be read: table {told} does not exist; write a file's name in quotes, such as "
                "FROM 'table.csv'."
            )
        if name.lower() not in made:
            yield _place(name)
    elif node.get("type") == "TABLE_FUNCTION":
        name = node["function"]["function_name"].lower()
        if name not in _READERS and name not in _MAKERS:
            raise TableError(
                f"{_ONE_SELECT}; {name}(...) is no reader of tables: use FROM 'table.csv' or one of "
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


# -------------------------------------------------------------------------------- how they are read
def _names_behind(tree: Node, names: set[str]) -> set[str]:
    """The names, and those that ``SELECT b AS a`` or ``CAST(b AS ...) AS a`` renames to one of them.

    A name that anything else is called by, as in ``SELECT b + 1 AS a``, is no column of a file.
    """
    renamed: set[tuple[str, str]] = set()
    computed: set[str] = set()
    for node in _nodes(tree):
        inner = node.get("child", {}) if node.get("class") == "CAST" else node
        if not node.get("alias") or not node.get("class"):
            continue
        if inner.get("class") == "COLUMN_REF":
            renamed.add((node["alias"].lower(), inner["column_names"][-1].lower()))
        else:
            computed.add(node["alias"].lower())
    reached: set[str] = set()
    new = names - computed
    while new:
        reached |= new
        new = {before for after, before in renamed if after in new} - reached - computed
    return reached


def _settled_reader(connection: "DuckDBPyConnection", node: Node, paths: list[str], texts: set[str]) -> Node:
    """The same table, its reader told what it would otherwise guess from the rows."""
    reader, given = _reader(node), _given(node)
    if reader == "parquet":
        return node
    options = _csv_options(connection, paths, given) if reader == "csv" else _json_options()
    settled = _with_options(connection, node, paths, {name: options[name] for name in options if name not in given})
    if not texts or given & _TYPED_BY_USER:
        return settled
    relation = connection.sql(_text_of(connection, _select_all(connection, settled)))
    as_text = dict.fromkeys(_wanted(relation.columns, node, texts), "VARCHAR")
    if not as_text:
        return settled
    if reader == "csv":
        return _with_options(connection, settled, paths, {"types": _record(as_text)})
    types = dict(zip(relation.columns, map(str, relation.types), strict=True))
    return _with_options(connection, settled, paths, {"columns": _record(types | as_text)})


def _with_options(connection: "DuckDBPyConnection", node: Node, paths: list[str], options: Mapping[str, str]) -> Node:
    """A table of files as the call of its reader, with these options added."""
    function = "read_json" if _reader(node) == "json" else "read_csv"
    given = "".join(f", {name}={value}" for name, value in options.items())
    call = f"SELECT * FROM {function}({quoted(paths[0])}{given})"  # noqa: S608 (only parsed, and quoted)
    table = _serialised(connection, call)["statements"][0]["node"]["from_table"]
    if node["type"] == "TABLE_FUNCTION":
        settled = node["function"] | {"arguments": node["function"]["arguments"] + table["function"]["arguments"][1:]}
        return node | {"function": settled}
    shared = {key: node[key] for key in ("sample", "column_name_alias") if key in node}
    # DuckDB calls a file's table by its name up to the first full stop.
    return table | shared | {"alias": node["alias"] or Path(paths[0]).name.split(".")[0]}


def _select_all(connection: "DuckDBPyConnection", table: Node) -> Node:
    tree = _serialised(connection, "SELECT * FROM x")
    tree["statements"][0]["node"]["from_table"] = table | {"column_name_alias": [], "sample": None}
    return tree


def _text_of(connection: "DuckDBPyConnection", tree: Node) -> str:
    ((text,),) = connection.execute("SELECT json_deserialize_sql(?)", [json.dumps(tree)]).fetchall()
    return text


def _csv_options(connection: "DuckDBPyConnection", paths: list[str], given: set[str]) -> dict[str, str]:
    """The header as ``read_table`` understands it, and one spelling of dates."""
    options: dict[str, str] = {}
    first = next(iter(matching_files(connection, paths[0])), None)
    if first is not None and names_a_table(first) and not given & _LAID_OUT_BY_USER:
        delimiter = read_header(open_source(first)).delimiter
        options |= {"header": "true", "delim": quoted(delimiter), "skip": "0", "comment": "''"}
        options |= {"quote": "'\"'", "escape": "'\"'"}
    if not given & _TYPED_BY_USER:
        options |= _DATES | {"auto_type_candidates": _CANDIDATES}
    return options


def _json_options() -> dict[str, str]:
    return _DATES | {"sample_size": "-1", "map_inference_threshold": "-1"}


def _given(node: Node) -> set[str]:
    """The options that the user's call of a reader names."""
    if node["type"] == "BASE_TABLE":
        return set()
    named: set[str] = set()
    for argument in node["function"]["arguments"]:
        left = argument["expression"].get("left") or {}
        named |= {argument.get("name") or "", *left.get("column_names", ())}
    return {name.lower() for name in named}


def _wanted(names: list[str], node: Node, texts: set[str]) -> list[str]:
    """The file's columns that are to stay text, by their own names or by those that ``AS t(a, b)`` gives them."""
    renamed = node.get("column_name_alias") or []
    after = renamed + names[len(renamed) :]
    return [name for name, later in zip(names, after, strict=False) if {name.lower(), later.lower()} & texts]


def _record(values: Mapping[str, str]) -> str:
    return "{" + ", ".join(f"{quoted(name)}: {quoted(value)}" for name, value in values.items()) + "}"


def quoted(text: str) -> str:
    """A text as SQL writes it."""
    return "'" + text.replace("'", "''") + "'"
