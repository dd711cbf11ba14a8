"""How the files of a query are read: by one header, one spelling of dates and the kinds that a model learned.

A query that began as ``SELECT v FROM 'new.csv'`` is run, for a model to which ``v`` is a category, as
``SELECT v FROM read_csv('new.csv', types={'v': 'VARCHAR'}, ...)``.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from chainrule.tables.queries import Query, matching_files
from chainrule.tables.query_tree import Node, nodes, paths_of, reader_of, serialised, subquery_names, text_of
from chainrule.tables.sources import names_a_table, open_source, read_header
from chainrule.tables.table import Kind

if TYPE_CHECKING:
    from duckdb import DuckDBPyConnection

# One spelling of dates, for DuckDB would choose the one that suits the file's other rows; times with a zone stay text.
_DATES = {"dateformat": "'%Y-%m-%d'", "timestampformat": "'%Y-%m-%d %H:%M:%S'"}
_CANDIDATES = "['NULL', 'BOOLEAN', 'BIGINT', 'DOUBLE', 'TIME', 'DATE', 'TIMESTAMP', 'VARCHAR']"
_TYPED_BY_USER = {"types", "dtypes", "column_types", "columns", "all_varchar", "auto_detect"}
_LAID_OUT_BY_USER = {"header", "names", "column_names", "columns", "auto_detect", "delim", "sep", "delimiter"}


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
    made = {name.lower() for node in nodes(query.tree) for name in subquery_names(node)}

    def settled(node: Any) -> Any:
        if isinstance(node, list):
            return [settled(entry) for entry in node]
        if not isinstance(node, dict):
            return node
        node = {key: settled(value) for key, value in node.items()}
        paths = list(paths_of(node, made))
        return _settled_reader(connection, node, paths, texts) if paths else node

    return text_of(connection, settled(query.tree))


def _names_behind(tree: Node, names: set[str]) -> set[str]:
    """The names, and those that ``SELECT b AS a`` or ``CAST(b AS ...) AS a`` renames to one of them.

    A name that anything else is called by, as in ``SELECT b + 1 AS a``, is no column of a file.
    """
    renamed: set[tuple[str, str]] = set()
    computed: set[str] = set()
    for node in nodes(tree):
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
    """The same table, its reader given what it would otherwise guess from the rows."""
    reader, given = reader_of(node), _given(node)
    if reader == "parquet":
        return node
    options = _csv_options(connection, paths, given) if reader == "csv" else _json_options()
    settled = _with_options(connection, node, paths, {name: options[name] for name in options if name not in given})
    if not texts or given & _TYPED_BY_USER:
        return settled
    relation = connection.sql(text_of(connection, _select_all(connection, settled)))
    as_text = dict.fromkeys(_wanted(relation.columns, node, texts), "VARCHAR")
    if not as_text:
        return settled
    if reader == "csv":
        return _with_options(connection, settled, paths, {"types": _record(as_text)})
    types = dict(zip(relation.columns, map(str, relation.types), strict=True))
    return _with_options(connection, settled, paths, {"columns": _record(types | as_text)})


def _with_options(connection: "DuckDBPyConnection", node: Node, paths: list[str], options: Mapping[str, str]) -> Node:
    """A table of files as the call of its reader, with these options added."""
    function = "read_json" if reader_of(node) == "json" else "read_csv"
    given = "".join(f", {name}={value}" for name, value in options.items())
    call = f"SELECT * FROM {function}({quoted(paths[0])}{given})"  # noqa: S608 (only parsed, and quoted)
    table = serialised(connection, call)["statements"][0]["node"]["from_table"]
    if node["type"] == "TABLE_FUNCTION":
        settled = node["function"] | {"arguments": node["function"]["arguments"] + table["function"]["arguments"][1:]}
        return node | {"function": settled}
    shared = {key: node[key] for key in ("sample", "column_name_alias") if key in node}
    # DuckDB calls a file's table by its name up to the first full stop.
    return table | shared | {"alias": node["alias"] or Path(paths[0]).name.split(".")[0]}


def _select_all(connection: "DuckDBPyConnection", table: Node) -> Node:
    tree = serialised(connection, "SELECT * FROM x")
    tree["statements"][0]["node"]["from_table"] = table | {"column_name_alias": [], "sample": None}
    return tree


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
