"""Tables to files."""

import math
from pathlib import Path

import numpy as np
import pytest

from chainrule.errors import TableError
from chainrule.tables import read_table, write_table

COLUMNS = {
    "prediction": np.array([1.5, math.nan, 1 / 3]),
    "the 'kind'": np.array(["a", None, 'b, "c"'], dtype=object),
    'probability of "x"': [0.1, 0.2, 0.7],
    "small": np.array([0.5, math.nan, 2.0], dtype=np.float32),
    "right": np.array([True, False, True]),
    "n": [1, 2, 3],
    "name": np.array(["u", "v", "w"]),
}
ENDINGS = [".csv", ".tsv", ".jsonl", ".ndjson", ".parquet", ".csv.gz", ".tsv.gz", ".jsonl.gz"]


@pytest.mark.parametrize("ending", ENDINGS)
def test_what_is_written_is_read_again(tmp_path, ending):
    path = tmp_path / f"it's{ending}"
    write_table(COLUMNS, path)
    table = read_table(path)
    assert table.names == list(COLUMNS)
    np.testing.assert_array_equal(table["prediction"].values, COLUMNS["prediction"])
    assert table["the 'kind'"].values.tolist() == ["a", None, 'b, "c"']
    assert table['probability of "x"'].values.tolist() == [0.1, 0.2, 0.7]
    np.testing.assert_array_equal(table["small"].values, COLUMNS["small"])
    assert table["right"].kind == "boolean"
    assert table["n"].values.tolist() == [1.0, 2.0, 3.0]
    assert table["name"].values.tolist() == ["u", "v", "w"]
    assert [file.name for file in tmp_path.iterdir()] == [path.name]


def test_a_csv_file_looks_as_one_expects(tmp_path):
    write_table({"a,b": [0.5, math.nan], "c": ["x", "y z"]}, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text(encoding="utf-8") == '"a,b",c\n0.5,x\n,y z\n'


def test_names_that_differ_only_in_case_are_kept_in_csv_and_refused_elsewhere(tmp_path):
    write_table({"a": [1.0], "A": [2.0]}, tmp_path / "out.csv")
    assert read_table(tmp_path / "out.csv").names == ["a", "A"]
    with pytest.raises(TableError, match="Columns 'a' and 'A' differ only in case"):
        write_table({"a": [1.0], "A": [2.0]}, tmp_path / "out.parquet")


def test_every_number_keeps_all_its_digits(tmp_path):
    bits = np.random.default_rng(0).integers(0, 2**64, 2000, dtype=np.uint64)
    values = bits.view(np.float64)
    values = np.concatenate([values[np.isfinite(values)], [0.0, -0.0, 0.1, 5e-324, 1e16, 2.0**53 + 2]])
    write_table({"x": values}, tmp_path / "out.csv")
    np.testing.assert_array_equal(read_table(tmp_path / "out.csv")["x"].values, values)


def test_an_older_file_is_replaced(tmp_path):
    path = tmp_path / "out.csv"
    path.write_text("old", encoding="utf-8")
    write_table({"x": [1, 2]}, str(path))
    assert path.read_text(encoding="utf-8") == "x\n1\n2\n"


@pytest.mark.parametrize(
    ("columns", "name", "message"),
    [
        ({"x": [1]}, "out.xlsx", "names no table format"),
        ({"x": [1]}, "out", "names no table format"),
        ({"x": [1]}, "out.json", "give it the ending .jsonl"),
        ({"x": [1]}, "none/out.csv", "in a folder that exists"),
        ({}, "out.csv", "at least one column"),
        ({"x": [1], "y": [1, 2]}, "out.csv", r"'y' must have shape \(1,\) like the first column, got \(2,\)"),
        ({"x": [[1]]}, "out.csv", r"'x' must have shape"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_nothing(tmp_path, columns, name, message):
    with pytest.raises(TableError, match=message):
        write_table(columns, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_folder_is_not_replaced(tmp_path):
    (tmp_path / "out.csv").mkdir()
    with pytest.raises(TableError, match="cannot be written"):
        write_table({"x": [1]}, tmp_path / "out.csv")


def test_a_failure_leaves_the_older_file_and_nothing_else(tmp_path, monkeypatch):
    path = tmp_path / "out.csv"
    path.write_text("old", encoding="utf-8")

    def fail(self, target):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(TableError, match=r"out\.csv' cannot be written: .*Permission denied"):
        write_table({"x": [1]}, path)
    assert path.read_text(encoding="utf-8") == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["out.csv"]
