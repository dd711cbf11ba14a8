"""A query only reads: whatever else it asks for is refused before any of it is run."""

import tempfile

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chainrule.errors import TableError
from chainrule.tables import read_table
from chainrule.tables.queries import parse_query
from chainrule.tables.reading import _lock, files_of

# Each a table or a query of its own that does more than read tables, or reads what is none.
QUERIES = [
    "COPY (SELECT 'x') TO '{out}' (FORMAT csv)",
    "COPY (SELECT 'x') TO '{out}' (FORMAT parquet)",
    "INSERT INTO t VALUES (1) RETURNING *",
    "DELETE FROM t RETURNING *",
    "UPDATE t SET a = 1 RETURNING *",
    "FROM (DESCRIBE SELECT 1)",
    "FROM (SHOW TABLES)",
    "FROM (SUMMARIZE SELECT 1)",
    "SELECT write_log('x')",
    "SELECT setseed(0.5)",
    "SELECT nextval('s')",
    "SELECT sleep_ms(1)",
    "SELECT * FROM information_schema.tables",
    "SELECT * FROM sqlite_master",
    "SELECT * FROM other.main.t",
    "SELECT * FROM 'https://example.org/table.csv'",
    "SELECT * FROM 's3://bucket/table.parquet'",
    "SELECT * FROM read_csv('https://example.org/table.csv')",
    "SELECT * FROM '{secret}'",
    "SELECT * FROM read_csv('a' || '.csv')",
    "SELECT * FROM read_csv(getvariable('a'))",
]
FUNCTIONS = [
    "enable_logging(storage='file', storage_path='{out}')",
    "enable_profiling()",
    "checkpoint()",
    "force_checkpoint()",
    "read_text('{secret}')",
    "read_blob('{secret}')",
    "glob('{folder}/*')",
    "sniff_csv('{secret}')",
    "parquet_metadata('{secret}')",
    "read_duckdb('{secret}')",
    "query('SELECT 1')",
    "query_table('t')",
    "json_execute_serialized_sql(json_serialize_sql('SELECT 1'))",
    "duckdb_settings()",
    "duckdb_secrets()",
    "which_secret('a', 's3')",
    "pragma_database_size()",
    "system.main.read_text('{secret}')",
    "test_all_types()",
]
STATEMENTS = [
    "COPY (SELECT 1) TO '{out}'",
    "EXPORT DATABASE '{out}'",
    "IMPORT DATABASE '{folder}'",
    "ATTACH '{out}' AS a",
    "CREATE TABLE t AS SELECT 1",
    "CREATE TEMP TABLE t AS SELECT 1",
    "INSTALL httpfs",
    "LOAD httpfs",
    "SET temp_directory = '{out}'",
    "PRAGMA enable_profiling",
    "PRAGMA profiling_output = '{out}'",
    "CALL enable_logging(storage='file', storage_path='{out}')",
    "CREATE SECRET s (TYPE s3)",
    "EXPLAIN ANALYZE SELECT 1",
    "VACUUM",
    "CHECKPOINT",
    "USE memory",
    "PREPARE p AS SELECT 1",
    "BEGIN TRANSACTION",
]
CORES = [*QUERIES, *(f"SELECT * FROM {function}" for function in FUNCTIONS)]
PLACES = [
    "WITH t AS ({}) SELECT * FROM t",
    "WITH t AS MATERIALIZED ({}) SELECT * FROM t",
    "WITH u AS (WITH t AS ({}) SELECT * FROM t) SELECT * FROM u",
    "SELECT * FROM (WITH t AS ({}) SELECT * FROM t)",
    "SELECT (WITH t AS ({}) SELECT count(*) FROM t) AS a",
    "SELECT 1 AS a WHERE EXISTS (WITH t AS ({}) SELECT * FROM t)",
    "SELECT 1 AS a UNION ALL (WITH t AS ({}) SELECT 1 FROM t)",
    "WITH RECURSIVE r AS (SELECT 1 AS a UNION ALL (WITH t AS ({}) SELECT 1 FROM t)) SELECT * FROM r",
    "SELECT * FROM (VALUES (1)) v(a), LATERAL (WITH t AS ({}) SELECT * FROM t)",
    "WITH t AS (/* a comment */ {} -- another\n) SELECT 1 AS a",
    "SELECT sum(a) OVER (ORDER BY (WITH t AS ({}) SELECT count(*) FROM t)) AS s FROM (VALUES (1)) v(a)",
    "SELECT a FROM (VALUES (1)) v(a) LIMIT (WITH t AS ({}) SELECT count(*) FROM t)",
]


@pytest.fixture
def places(tmp_path, monkeypatch):
    """A folder to work in, a file that no query may read, and an audit: nothing is created, in no place."""
    for name in ("work", "home", "tmp", "elsewhere"):
        (tmp_path / name).mkdir()
    secret = tmp_path / "elsewhere" / "secret.txt"
    secret.write_text("swordfish\n")
    monkeypatch.chdir(tmp_path / "work")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    before = snapshot(tmp_path)
    yield {"out": tmp_path / "elsewhere" / "out", "secret": secret, "folder": secret.parent}
    assert snapshot(tmp_path) == before


def snapshot(folder):
    return {path: path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


@pytest.mark.parametrize("core", CORES)
def test_a_query_that_does_more_than_read_is_refused(places, core):
    told = core.format(**places)
    queries = [told] * told.startswith("SELECT") + [place.format(told) for place in PLACES]
    for read in (read_table, files_of):
        with pytest.raises(TableError):
            read(queries[0])
    with duckdb.connect(":memory:") as connection:
        for query in queries:
            with pytest.raises((TableError, duckdb.Error)):
                parse_query(connection, query)


@settings(max_examples=25, deadline=None)
@given(core=st.sampled_from(CORES), nested=st.lists(st.sampled_from(PLACES), min_size=1, max_size=4))
def test_no_nesting_hides_it(core, nested):
    names = {"out": "/nowhere/out", "secret": "/nowhere/secret.txt", "folder": "/nowhere"}
    query = core.format(**names)
    for place in nested:
        query = place.format(query)
    with duckdb.connect(":memory:") as connection, pytest.raises((TableError, duckdb.Error)):
        parse_query(connection, query)


@pytest.mark.parametrize("statement", STATEMENTS)
@pytest.mark.parametrize(
    "form", ["SELECT 1 AS a; {}", "WITH a AS (SELECT 1) {}", "SELECT 1 AS a\n;;{};", "SELECT * FROM ({})"]
)
def test_a_statement_beside_a_select_is_refused(places, statement, form):
    with pytest.raises(TableError):
        read_table(form.format(statement.format(**places)))


@pytest.mark.parametrize("core", [*STATEMENTS, *CORES])
def test_the_connection_alone_would_not_let_it_out(places, core):
    """A second door behind the first: even unparsed, nothing is written and no other file is read."""
    with duckdb.connect(":memory:", config={"autoload_known_extensions": "false"}) as connection:
        _lock(connection, [])
        try:
            found = connection.execute(core.format(**places)).fetchall()
        except duckdb.Error:
            return
    assert "swordfish" not in str(found)


@pytest.fixture
def tables(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text("v,x,d\n1.10,1,2020-01-02\n2.0-b,2,2020-01-03\n")
    (tmp_path / "a b.csv").write_text("v,x,d\n1.1,3,2021-01-02\n")
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "c.csv").write_text("v,x\nq,9\n")
    (tmp_path / "j.jsonl").write_text('{"v":"1.10","x":1,"n":{"a":1}}\n{"v":"u","x":2}\n')
    duckdb.sql("COPY (SELECT 1 AS v, 2.5 AS x) TO 'p.parquet'")
    (tmp_path / "link.csv").symlink_to("a.csv")
    return tmp_path


AB = ["1.10", "2.0-b"]


@pytest.mark.parametrize("kinds", [None, {"v": "category", "x": "number"}], ids=["to train", "to predict"])
@pytest.mark.parametrize(
    ("query", "v", "x"),
    [
        ("SELECT * FROM 'a.csv'", AB, [1, 2]),
        ('SELECT a.v, a.x FROM "a.csv"', AB, [1, 2]),
        ("SELECT * FROM './link.csv'", AB, [1, 2]),
        ("SELECT * FROM 'a*.csv' ORDER BY x", [*AB, "1.1"], [1, 2, 3]),
        ("SELECT * FROM '**/c.csv'", ["q"], [9]),
        ("SELECT * FROM read_csv(['a.csv', 'a b.csv'])", [*AB, "1.1"], [1, 2, 3]),
        ("SELECT * FROM read_csv('a.csv', header=false, skip=1, names=['v', 'x', 'd'])", AB, [1, 2]),
        ("SELECT v, x FROM read_parquet('p.parquet') UNION ALL SELECT 'b', 3", ["1", "b"], [2.5, 3]),
        ("SELECT v, x FROM 'j.jsonl'", ["1.10", "u"], [1, 2]),
        ("SELECT v, x + coalesce(n.a, 0) AS x FROM read_json('j.jsonl') WHERE x < 9", ["1.10", "u"], [2, 2]),
        ("WITH a AS (SELECT * FROM 'a.csv') SELECT v, max(x) AS x FROM a GROUP BY v ORDER BY v", AB, [1, 2]),
        (
            "WITH RECURSIVE r(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM r WHERE x < 3) SELECT 'a' AS v, x FROM r",
            ["a"] * 3,
            [1, 2, 3],
        ),
        (
            "SELECT *, row_number() OVER (PARTITION BY v ORDER BY x) AS r FROM 'a.csv' QUALIFY r = 1 ORDER BY x",
            AB,
            [1, 2],
        ),
        ("SELECT 'a' AS v, q AS x FROM (PIVOT 'sub/c.csv' ON v IN ('q') USING sum(x))", ["a"], [9]),
        ("SELECT a.v, b.x FROM 'a.csv' a, LATERAL (SELECT a.x + 1 AS x) b ORDER BY x", AB, [2, 3]),
        ("SELECT a.v, b.x FROM 'a.csv' a ASOF JOIN 'a b.csv' b ON a.x <= b.x ORDER BY v", AB, [3, 3]),
        ("SELECT 'a' AS v, x FROM range(2) t(x) ORDER BY random() * 0, x", ["a", "a"], [0, 1]),
        ("SELECT * FROM (VALUES ('a', 1), ('b', 2)) t(v, x)", ["a", "b"], [1, 2]),
        ("SELECT DISTINCT ON (v) v, x FROM 'a.csv' ORDER BY v COLLATE NOCASE DESC", AB[::-1], [2, 1]),
        (
            "SELECT v, CASE WHEN x > 1 THEN 5 ELSE 3 END AS x FROM 'a.csv' WHERE x IN (SELECT 1 UNION SELECT 2)",
            AB,
            [3, 5],
        ),
        ("SELECT v, list_sum([z * 2 for z in [x] if z > 0]) AS x FROM 'a.csv' TABLESAMPLE 100%", AB, [2, 4]),
        ("SELECT v, date_diff('day', d, date '2020-02-01') + month(d) AS x FROM 'a.csv'", AB, [31, 30]),
        ("SELECT COLUMNS('v|x') FROM 'a.csv'", AB, [1, 2]),
        ("SELECT * EXCLUDE (d) REPLACE (x + 1 AS x) FROM 'a.csv'", AB, [2, 3]),
        ("-- of both\nSELECT v, x FROM 'a.csv'", AB, [1, 2]),
        ("/* of\nboth */ SELECT/**/v, x FROM 'a.csv'", AB, [1, 2]),
        ("(SELECT v, x FROM 'a.csv' WHERE x = 1) UNION ALL (SELECT v, x FROM 'a.csv' WHERE x = 2)", AB, [1, 2]),
        ("FROM 'a.csv'", AB, [1, 2]),
        (
            "SELECT v /* COPY (SELECT 1) TO 'w' */, x, 'COPY x TO y; DROP' AS w FROM 'a.csv' -- INSTALL httpfs",
            AB,
            [1, 2],
        ),
    ],
)
def test_a_query_may_do_all_that_reads(tables, query, v, x, kinds):
    before = snapshot(tables)
    table = read_table(query, kinds)
    assert table["v"].texts().tolist() == v
    assert table["x"].values.tolist() == x
    assert snapshot(tables) == before


@pytest.mark.parametrize(
    ("source", "names"),
    [
        ("a.csv", {"a.csv"}),
        ("SELECT 1 AS a", set()),
        (
            "SELECT * FROM 'a.csv' JOIN './sub/c.csv' USING (v) WHERE x IN (SELECT x FROM read_json('j.jsonl'))",
            {"a.csv", "sub/c.csv", "j.jsonl"},
        ),
        ("SELECT * FROM '*.csv'", {"a.csv", "a b.csv", "link.csv"}),
        ('WITH "a.csv" AS (SELECT 1 AS a) SELECT * FROM "a.csv"', set()),
    ],
)
def test_the_files_of_a_source_are_known_before_it_is_read(tables, source, names):
    assert {path.as_posix() for path in files_of(source)} == names


def test_only_the_files_that_a_query_names_can_be_opened(tables):
    (tables / "other").mkdir()
    (tables / "other" / "o.csv").write_text("x\n1\n")
    with duckdb.connect(":memory:") as connection:
        _lock(connection, ["a.csv"], ["sub"])
        assert len(connection.sql("FROM 'a.csv'").fetchall()) == 2
        assert len(connection.sql("FROM 'sub/*.csv'").fetchall()) == 1
        for closed in ("FROM 'other/o.csv'", "FROM '*.csv'", "FROM read_text('j.jsonl')", "COPY (SELECT 1) TO 'n.csv'"):
            with pytest.raises(duckdb.Error, match="disabled by configuration"):
                connection.sql(closed).fetchall()


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("PIVOT 'a.csv' ON v USING sum(x)", "a PIVOT needs its values written out: ON column IN"),
        ("SELECT * FROM (PIVOT 'a.csv' ON v USING sum(x))", "a PIVOT needs its values written out"),
        ("SELECT 1 AS a; SELECT 2 AS a", "this text holds 2 statements: leave one"),
        ("INSERT INTO a VALUES (1)", "this one is INSERT: write a SELECT"),
    ],
)
def test_a_refusal_says_what_is_in_the_way(query, message):
    with duckdb.connect(":memory:") as connection, pytest.raises(TableError, match=message):
        parse_query(connection, query)
