"""Tables from files, queries and DataFrames."""

import gzip
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from chainrule.errors import TableError
from chainrule.tables import penguins_path, read_table

TABLE = "size,kind,open\n1,a,true\n2.5,,false\nNA,b,\n"


def cells(table):
    """Every column's values as plain Python, NaN as None."""
    return {
        name: [None if empty else value for value, empty in zip(c.values.tolist(), c.missing, strict=True)]
        for name, c in table.columns.items()
    }


def kinds(table):
    return {name: column.kind for name, column in table.columns.items()}


EXPECTED = {"size": [1.0, 2.5, None], "kind": ["a", None, "b"], "open": [1.0, 0.0, None]}


# Files that are read


def test_numbers_text_and_booleans_are_told_apart(file):
    table = read_table(file(TABLE))
    assert kinds(table) == {"size": "number", "kind": "category", "open": "boolean"}
    assert cells(table) == EXPECTED
    assert table.rows == 3
    assert table.names == ["size", "kind", "open"]


def test_a_path_may_be_a_text(file):
    assert cells(read_table(str(file(TABLE)))) == EXPECTED


@pytest.mark.parametrize("delimiter", [";", "|", "\t"])
def test_the_separator_is_found_in_the_header(file, delimiter):
    assert cells(read_table(file(TABLE.replace(",", delimiter)))) == EXPECTED


def test_a_separator_in_quotes_does_not_count(file):
    assert read_table(file('"a,b,c,d";e\n1;2\n')).names == ["a,b,c,d", "e"]


def test_tsv_is_separated_by_tabs(file):
    table = read_table(file("a,x\tb\n1\t2\n", "table.tsv"))
    assert cells(table) == {"a,x": [1.0], "b": [2.0]}


def test_decimal_commas_are_numbers_where_semicolons_separate(file):
    table = read_table(file("a;b\n1,5;x,5\n-2;y\n"))
    assert cells(table) == {"a": [1.5, -2.0], "b": ["x,5", "y"]}


@pytest.mark.parametrize("name", ["table.csv.gz", "TABLE.CSV.GZ"])
def test_a_compressed_file_is_read(file, name):
    assert cells(read_table(file(gzip.compress(TABLE.encode()), name))) == EXPECTED


def test_quotes_line_breaks_and_a_byte_order_mark_are_understood(file):
    content = '\ufeff"name, quoted",b\r\n"x, ""y""\nz",1\r\n'
    assert cells(read_table(file(content))) == {"name, quoted": ['x, "y"\nz'], "b": [1.0]}


@pytest.mark.parametrize("name", ["it's.csv", "penguins [1].csv", "what?.csv", "a*.csv", "with space.csv"])
def test_any_file_name_is_read_as_it_stands(file, tmp_path, monkeypatch, name):
    file("other\n1\n", "penguins 1.csv")
    file("other\n1\n", "ab.csv")
    file(TABLE, name)
    monkeypatch.chdir(tmp_path)
    assert cells(read_table(name)) == EXPECTED


def test_json_lines_may_leave_fields_out(file):
    lines = '{"a": 1, "b": "x"}\n{"a": 2.5, "day": "2020-01-02"}\n'
    table = read_table(file(lines, "table.jsonl"))
    assert kinds(table) == {"a": "number", "b": "category", "day": "date"}
    assert cells(table) == {"a": [1.0, 2.5], "b": ["x", None], "day": [None, 18263.0]}


def test_json_is_a_list_of_records(file):
    records = [{"a": 1, "b": True}, {"a": None, "b": False}]
    table = read_table(file(json.dumps(records), "table.json"))
    assert cells(table) == {"a": [1.0, None], "b": [1.0, 0.0]}


def test_mixed_json_values_become_text(file):
    table = read_table(file('{"a": 1}\n{"a": "x"}\n{"a": "NA"}\n', "table.ndjson"))
    assert cells(table) == {"a": ["1", "x", None]}


def test_parquet_is_read_with_its_types(tmp_path):
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "table.parquet"
    columns = {"x": [1, None], "s": ["a", " ? "], "d": np.array(["1970-01-02T12", "NaT"], "datetime64[s]")}
    parquet.write_table(arrow.table(columns), path)
    table = read_table(path)
    assert kinds(table) == {"x": "number", "s": "category", "d": "date"}
    assert cells(table) == {"x": [1.0, None], "s": ["a", None], "d": [1.5, None]}


def test_the_order_of_rows_is_kept(file):
    many = np.random.default_rng(0).permutation(300_000)
    table = read_table(file("x\n" + "\n".join(map(str, many)) + "\n"))
    np.testing.assert_array_equal(table["x"].values, many)


# What a cell means


@pytest.mark.parametrize("marker", ["", "NA", "N/A", "NaN", "nan", "null", "NULL", "?", '"?"', " NA "])
def test_a_marker_of_missing_leaves_a_number_column_a_number_column(file, marker):
    table = read_table(file(f"x,y\n1,u\n{marker},v\n"))
    assert table["x"].kind == "number"
    assert cells(table)["x"] == [1.0, None]


def test_integers_with_few_values_stay_numbers(file):
    assert read_table(file("x\n0\n1\n1\n"))["x"].kind == "number"


def test_a_column_without_any_value_is_a_number_column(file):
    table = read_table(file("x,y\nNA,1\n,2\n"))
    assert table["x"].kind == "number"
    assert table["x"].missing.all()


@pytest.mark.parametrize("text", ["1_000", "epoch", "today", "12:30", "0x10", "1,5"])
def test_what_people_mean_as_text_stays_text(file, text):
    assert cells(read_table(file(f'x,y\n"{text}",1\n'))) == {"x": [text], "y": [1.0]}


@pytest.mark.parametrize(
    ("text", "days"), [("1970-01-03", 2.0), ("1970/01/03", 2.0), ("1970-01-01 06:00:00", 0.25), ("1969-12-31", -1.0)]
)
def test_dates_are_days_since_1970(file, text, days):
    table = read_table(file(f"when\n{text}\nNA\n"))
    assert table["when"].kind == "date"
    assert cells(table)["when"] == [days, None]


def test_one_odd_cell_makes_a_column_text(file):
    rows = "\n".join(["1"] * 50_000)
    table = read_table(file(f"x\n{rows}\nodd\n"))
    assert table["x"].kind == "category"
    assert table["x"].values[-1] == "odd"


def test_a_column_without_a_name_is_named_by_its_place(file):
    assert read_table(file(",size\n0,1\n")).names == ["column 1", "size"]


def test_names_that_differ_only_in_case_are_two_columns(file):
    assert cells(read_table(file("a,A\n1,2\n"))) == {"a": [1.0], "A": [2.0]}


def test_columns_may_be_counted(file):
    assert read_table(file("0,1,2\n5,6,7\n")).names == ["0", "1", "2"]


# Queries


def test_a_query_filters_and_orders(file):
    path = file("x,name\n1,a\n3,c\n2,b\n")
    table = read_table(f"select name, x * 10 as tens from '{path}' where x > 1 order by x desc")
    assert cells(table) == {"name": ["c", "b"], "tens": [30.0, 20.0]}


@pytest.mark.parametrize(
    "query", ["SELECT 1 AS a;", "  select\n1 as a -- done", "WITH b AS (SELECT 1 AS a) SELECT * FROM b"]
)
def test_a_text_that_begins_with_select_or_with_is_a_query(query):
    assert cells(read_table(query)) == {"a": [1.0]}


def test_a_query_may_give_any_plain_type():
    table = read_table(
        "SELECT 1::utinyint AS u, 2.5::decimal(4, 2) AS d, true AS b, 'x'::enum('x') AS e, NULL AS n, "
        "uuid() AS id, timestamptz '1970-01-02 00:00:00+00' AS t, 7::hugeint AS h, 'infinity'::double AS i"
    )
    assert "".join(column.kind[0] for column in table.columns.values()) == "nnbcncdnn"
    assert table["t"].values.tolist() == [1.0]
    assert table["i"].values.tolist() == [np.inf]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT * FRO x", r"The query cannot be read: .*syntax error"),
        ("SELECT * FROM 'none.csv'", "There is no file 'none.csv'"),
        ("SELECT * FROM 'none*.csv'", "No files found"),
        ("SELECT 1 AS a, 2 AS a", "Two columns are named 'a'.* AS another_name"),
        ("SELECT 1 AS a WHERE false", "no rows"),
        ("SELECT INTERVAL 1 DAY AS a", "'a' holds INTERVAL"),
        ("SELECT 1; SELECT 2", "must be one SELECT"),
        ("SELECT 1; COPY (SELECT 1) TO 'written.csv'", "must be one SELECT"),
        ("WITH a AS (SELECT 1) INSERT INTO b SELECT * FROM a", "must be one SELECT"),
        ("SELECT ", "cannot be read"),
    ],
)
def test_a_bad_query_is_refused(query, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TableError, match=message) as refusal:
        read_table(query)
    assert "\n" not in str(refusal.value)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("variable", ["statements", "query", "pytest"])
def test_a_query_sees_no_python_variables(variable):
    with pytest.raises(TableError, match=f"{variable} does not exist"):
        read_table(f"SELECT * FROM {variable}")


def test_a_query_fetches_nothing_from_the_network():
    with pytest.raises(TableError, match="extension"):
        read_table("SELECT * FROM 'https://example.org/table.csv'")


# DataFrames


def test_a_pandas_frame_is_read():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(
        {
            "x": [1, 2],
            "m": pandas.array([None, 3], dtype="Int64"),
            "s": ["a", None],
            "c": pandas.Categorical(["u", "v"]),
            "b": [True, False],
            "d": pandas.to_datetime(["1970-01-02", None]),
            "z": pandas.to_datetime(["1970-01-02", None]).tz_localize("UTC"),
            7: ["1", "NA"],
        }
    )
    table = read_table(frame)
    assert "".join(column.kind[0] for column in table.columns.values()) == "nnccbddn"
    assert cells(table) == {
        "x": [1.0, 2.0],
        "m": [None, 3.0],
        "s": ["a", None],
        "c": ["u", "v"],
        "b": [1.0, 0.0],
        "d": [1.0, None],
        "z": [1.0, None],
        "7": [1.0, None],
    }


def test_a_frame_keeps_names_that_differ_only_in_case():
    pandas = pytest.importorskip("pandas")
    assert read_table(pandas.DataFrame([[1, 2]], columns=["a", "A"])).names == ["a", "A"]
    with pytest.raises(TableError, match="Two columns are named 'a'"):
        read_table(pandas.DataFrame([[1, 2]], columns=["a", "a"]))


def test_an_empty_frame_is_refused():
    pandas = pytest.importorskip("pandas")
    with pytest.raises(TableError, match="The DataFrame cannot be read"):
        read_table(pandas.DataFrame())
    with pytest.raises(TableError, match="no rows"):
        read_table(pandas.DataFrame({"a": []}))


def test_an_arrow_table_is_read():
    arrow = pytest.importorskip("pyarrow")
    table = arrow.table({"a": [1, None], "b": ["x", "y"]})
    assert cells(read_table(table)) == {"a": [1.0, None], "b": ["x", "y"]}
    assert cells(read_table(table.to_reader())) == {"a": [1.0, None], "b": ["x", "y"]}


def test_a_polars_frame_is_read():
    polars = pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    assert cells(read_table(polars.DataFrame({"a": [1.5, None]}))) == {"a": [1.5, None]}


def test_a_package_that_a_frame_needs_is_named():
    class Frame:
        def __arrow_c_stream__(self, requested_schema=None):
            raise ModuleNotFoundError("No module named 'pyarrow'")

    with pytest.raises(TableError, match="The Frame cannot be read: the package pyarrow is needed for that"):
        read_table(Frame())


@pytest.mark.parametrize("thing", [5, [1, 2], None, np.eye(2)])
def test_a_thing_that_is_no_table_is_refused(thing):
    with pytest.raises(TableError, match="path, a SELECT or a DataFrame"):
        read_table(thing)


# The package


def test_the_penguins_come_with_the_package():
    table = read_table(penguins_path())
    assert (table.rows, len(table.names)) == (344, 8)
    assert table["sex"].missing.sum() == 11
    assert table["body_mass_g"].missing.sum() == 2


def said_by(code):
    """All that a fresh interpreter prints."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    run = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return (run.stdout + run.stderr).strip()


def test_importing_the_room_leaves_heavy_packages_alone():
    code = "import sys, chainrule.tables; print([m for m in ('duckdb', 'pandas', 'pyarrow') if m in sys.modules])"
    assert said_by(code) == "[]"


def test_reading_says_nothing_on_the_side(file):
    assert said_by(f"from chainrule.tables import read_table; read_table({str(file(TABLE))!r})") == ""
