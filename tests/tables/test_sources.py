"""Files that are no tables: each is refused for what it is."""

import gzip

import pytest

from chainrule.errors import TableError
from chainrule.tables import read_table


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        ("", "t.csv", "is empty"),
        (" \n\n", "t.csv", "is empty"),
        ("a,b\n", "t.csv", "no rows"),
        ("a,b", "t.csv", "no rows"),
        ("a,b\n1,2\n3\n", "t.csv", r"t\.csv' cannot be read: line 3 has 1 cells where 2 columns are named"),
        ("a,b\n1,2,3\n", "t.csv", "line 2 has 3 cells where 2 columns"),
        ("a,b,a\n1,2,3\n", "t.csv", "Two columns are named 'a': rename"),
        (b"a,b\n1,\xff\xfe\n", "t.csv", "line 2 is not UTF-8: save"),
        (b"a\xff,b\n1,2\n", "t.csv", "not text in UTF-8"),
        ('a,b\n"1,2\n', "t.csv", "line 2 has a double quote that is not closed"),
        ("a,b\n1,2\r\n3,4\n", "t.csv", "its line endings are mixed"),
        ('"a\nb",c\n1,2\n', "t.csv", "name all columns on one line"),
        ("a,b\r1,2\r", "t.csv", "is no header"),
        ('a,"b\n1,2\n', "t.csv", "is no header"),
        ("\na,b\n1,2\n", "t.csv", "first line .* is blank"),
        ("5.1,3.5\n4.9,3.0\n", "t.csv", r"first line .* holds numbers \(5.1, 3.5"),
        ("1,1\n1,2\n", "t.csv", "holds numbers"),
        ("x" * 1001 + "\n1\n", "t.csv", "1 to 1000 characters"),
        (b"PK\x03\x04zip", "t.csv", r"zip archive .* save the table as CSV or Parquet"),
        (b"\x80\x04\x95pickle", "t.csv", "Python pickle, which could run code"),
        (b"\x89HDF\r\n\x1a\n", "t.csv", "HDF5"),
        (b"\x93NUMPY\x01", "t.tsv", "not tsv but a NumPy"),
        (b"SQLite format 3\0", "t.json", "SQLite"),
        (b"\xd0\xcf\x11\xe0", "t.csv", "old Excel"),
        ("a\n1\n".encode("utf-16"), "t.csv", "UTF-16"),
        (b"a\0b\n1\n", "t.csv", "binary data"),
        (b"PAR1", "t.csv", "give it the ending .parquet"),
        (gzip.compress(b"a\n1\n", mtime=0), "t.csv", "give it the ending .gz"),
        (gzip.compress(b"\x80\x04pickle", mtime=0), "t.csv.gz", "pickle"),
        (b"a\n1\n", "t.csv.gz", "not compressed by gzip"),
        (gzip.compress(b"a\n1\n", mtime=0)[:-9], "t.csv.gz", "damaged"),
        ("a\n1\n", "t.parquet", "no Parquet file"),
        (b"PAR1 and no more", "t.parquet", "cannot be read"),
        ("[1, 2]", "t.json", "cannot be read"),
        ('{"a": 1}\n{"a":\n', "t.jsonl", "cannot be read"),
        ('{"a": {"b": 1}}\n', "t.jsonl", r"'a' holds a JSON object, .* SELECT \* EXCLUDE"),
        ('{"a": [1.5]}\n', "t.jsonl", "'a' holds a JSON array"),
        ("a\n1\n", "t.xlsx", r"names no table format.*from Excel save as CSV"),
        ("a\n1\n", "t.cvs", r"Did you mean '\.csv'\?"),
        ("a\n1\n", "t", "names no table format"),
        ("a\n1\n", "t.parquet.gz", "names no table format"),
    ],
)
def test_a_file_that_is_no_table_is_refused(file, content, name, message):
    with pytest.raises(TableError, match=message) as refusal:
        read_table(file(content, name))
    assert refusal.value.__suppress_context__ or refusal.value.__context__ is None


def test_a_missing_file_is_refused(tmp_path):
    with pytest.raises(TableError, match=r"no file '.*none\.csv'"):
        read_table(tmp_path / "none.csv")


def test_a_folder_is_refused(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(TableError, match="is a folder"):
        read_table(tmp_path / "folder.csv")


def test_an_impossible_path_is_refused():
    with pytest.raises(TableError, match="cannot be read"):
        read_table("x" * 5000 + ".csv")
    with pytest.raises(TableError, match="no file"):
        read_table("a\0b.csv")
