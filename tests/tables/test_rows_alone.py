"""A row's answer is the row's alone: what the other rows of its file hold changes neither a cell nor a bit."""

import csv
import io
import json

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chainrule import Dense, Network
from chainrule.errors import TableError
from chainrule.tables import Encoder, TableModel, Target, read_table

NAMES = ("version", "zip", "size", "open", "day", "grade")
TRAINING = """version,zip,size,open,day,grade,y
1.1,01234,1.5,true,2020-01-02,true,a
1.10,1234,2,false,2020-02-01,yes,b
2.0-beta,AB12,,True,2021-12-31T06:00:00,maybe,a
1.1,01234,-3e2,FALSE,2019/05/06,1,b
1.10,1e3,4,,,NA,c
"""

# Whatever may stand in a cell: what was seen in training, what looks like another kind, what looks like nothing.
MISSING = ("", " ", "NA", "null", "NaN", "?")
NUMBERS = ("1.5", "-3e2", "0", "1", "1234.0", "1e3", "01234", " 1.10", *MISSING)
BOOLEANS = ("true", "TRUE", "False", "0", "1", "1.0", *MISSING)
DAYS = ("2020-01-02", "2020/01/02", "2020-01-02 03:04:05", "2020-01-02T03:04:05Z", *MISSING)
TEXTS = (
    *NUMBERS, *BOOLEANS, *DAYS, "1.1", "1.10", "1.100", "2.0-beta", "1234", "AB12", "1,5", "yes", "maybe", "01/02/2020",
    "13/02/2020", "12:30", "-", "1_000", "inf", "0x10", "é", 'x"y',
)  # fmt: skip

texts = st.one_of(st.sampled_from(TEXTS), st.text("01.,-/:aeTNA ", max_size=6))
row = st.tuples(texts, texts, *map(st.sampled_from, (NUMBERS, BOOLEANS, DAYS)), texts)
rows = st.lists(row, min_size=2, max_size=4)
odd = st.none() | st.tuples(st.sampled_from(range(2)), st.sampled_from((2, 3, 4)), texts)
"""A place, in one of the first rows and a column that is no category, and what stands there instead."""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A network as it began: that it was trained makes no difference here."""
    path = tmp_path_factory.mktemp("training") / "training.csv"
    path.write_text(TRAINING)
    table = read_table(path)
    encoder, target = Encoder.learn(table, NAMES), Target.learn(table["y"])
    assert [feature.kind for feature in encoder.features] == [
        "category", "category", "number", "boolean", "date", "category",
    ]  # fmt: skip
    return TableModel(Network(len(encoder.names), [Dense(5, "tanh"), Dense(3)], seed=0), encoder, target)


def as_csv(rows, delimiter=","):
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, lineterminator="\n").writerows([NAMES, *rows])
    return text.getvalue()


def as_json(rows, read=str):
    return "".join(json.dumps(dict(zip(NAMES, map(read, row), strict=True))) + "\n" for row in rows)


def scalar(cell):
    """The cell as JSON would have it: 1.10 as a number, true, null, else a text."""
    try:
        return json.loads(cell, parse_constant=str)
    except ValueError:
        return cell


WRITERS = {
    "comma.csv": as_csv,
    "semicolon.csv": lambda rows: as_csv(rows, ";"),
    "tab.tsv": lambda rows: as_csv(rows, "\t"),
    "texts.jsonl": as_json,
    "scalars.jsonl": lambda rows: as_json(rows, scalar),
}


def answer(model, source):
    """The predictions as numbers, or what was wrong with a cell."""
    try:
        return np.stack([values for name, values in model.predict(model.read(source)).items() if name != "prediction"])
    except TableError as error:
        return str(error)


def compare(model, path, write, rows, source):
    """Every row alone in a file beside all of them together."""
    alone = []
    for row in rows:
        path.write_text(write([row]))
        alone.append(answer(model, source))
    path.write_text(write(rows))
    together = answer(model, source)
    if any(isinstance(answered, str) for answered in alone):
        assert isinstance(together, str), "a cell that is refused alone is refused among others"
    else:
        np.testing.assert_array_equal(together, np.hstack(alone))


def with_odd(rows, odd):
    rows = [list(row) for row in rows]
    if odd is not None:
        rows[odd[0]][odd[1]] = odd[2]
    return rows


@pytest.mark.parametrize("name", WRITERS)
@settings(max_examples=6, deadline=None)
@given(rows=rows, odd=odd)
def test_a_row_is_answered_alone_as_among_others(model, tmp_path_factory, name, rows, odd):
    path = tmp_path_factory.getbasetemp() / name
    compare(model, path, WRITERS[name], with_odd(rows, odd), path)


@pytest.mark.parametrize("name", ["comma.csv", "tab.tsv", "texts.jsonl", "scalars.jsonl"])
@settings(max_examples=6, deadline=None)
@given(rows=rows, odd=odd)
def test_a_row_of_a_query_is_answered_alone_as_among_others(model, tmp_path_factory, name, rows, odd):
    assume(odd is None or odd[2].strip()[:2] not in ("0x", "0b"))  # numbers to DuckDB where a column holds no text
    path = tmp_path_factory.getbasetemp() / f"query-{name}"
    compare(model, path, WRITERS[name], with_odd(rows, odd), f"SELECT * FROM '{path}'")


def kept(model, path, *versions):
    """What becomes of version cells, as the texts that name categories."""
    path.write_text("".join(f"{line}\n" for line in ("version", *versions)))
    return read_table(path, model.kinds)["version"].values.tolist()


def test_a_file_of_one_version_keeps_its_spelling(model, tmp_path):
    path = tmp_path / "new.csv"
    assert kept(model, path, "1.10") == ["1.10"]
    assert kept(model, path, "true", "false") == ["true", "false"]
    assert kept(model, path, "2020-01-02") == ["2020-01-02"]
    assert kept(model, path, "01234", "", "NA") == ["01234", None, None]


@pytest.mark.parametrize(
    "query",
    [
        "SELECT * FROM '{}'",
        'SELECT * FROM "{}"',
        "SELECT new.version FROM '{}'",
        "SELECT v AS version FROM (SELECT version AS v FROM '{}')",
        "SELECT CAST(v AS VARCHAR) AS version FROM '{}' AS t(v)",
        "WITH a AS (SELECT * FROM read_csv('{}')) SELECT * FROM a",
        "SELECT * FROM read_csv(['{}'], header=true)",
    ],
)
def test_a_query_keeps_the_spelling_of_a_category(model, tmp_path, query):
    path = tmp_path / "new.csv"
    path.write_text("version\n1.10\n")
    assert read_table(query.format(path), model.kinds)["version"].values.tolist() == ["1.10"]


def test_a_query_that_computes_a_category_sees_the_column_as_it_was(model, tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("version,size\n3,1\n1,2\n")
    query = f"SELECT CASE WHEN version > 2 THEN '1.10' ELSE '1.1' END AS version, size FROM '{path}'"
    assert read_table(query, model.kinds)["version"].values.tolist() == ["1.10", "1.1"]


def test_a_query_that_loses_the_spelling_is_refused(model, tmp_path):
    path = tmp_path / "new.csv"
    path.write_text("v,zip,size,open,day,grade\n1.10,1,1,true,2020-01-02,yes\n")
    table = model.read(f"SELECT greatest(v, v) AS version, * FROM '{path}'")
    with pytest.raises(
        TableError, match=r"'version' was text in training.* taken for a number .* types={'version': 'VAR"
    ):
        model.predict(table)


def test_a_table_read_without_the_models_kinds_is_refused_where_its_spelling_is_lost(model, tmp_path):
    path = tmp_path / "new.csv"
    path.write_text(as_csv([("1.10", "AB12", "1", "true", "2020-01-02", "yes")]))
    with pytest.raises(TableError, match=r"'version' was text in training.* kinds=model\.kinds"):
        model.predict(read_table(path))


@pytest.mark.parametrize("date", ["01/02/2020", "01-02-2020"])
def test_the_spelling_of_dates_is_not_chosen_by_other_rows(tmp_path, date):
    path = tmp_path / "days.csv"
    for beside in ("13/02/2020", "12/31/2020"):
        path.write_text(f"day,n\n{date},1\n{beside},2\n")
        assert read_table(f"SELECT * FROM '{path}'")["day"].kind == "category"


@pytest.mark.parametrize(
    ("name", "cell", "told"),
    [
        ("size", "abc", "a number is needed, got the text 'abc'"),
        ("open", "2", "true, false, 1 or 0 is needed, got the text '2'"),
        ("day", "soon", "a date such as 2020-01-31 is needed, got the text 'soon'"),
    ],
)
def test_a_cell_that_is_not_of_its_kind_is_refused_with_its_row_and_no_other_row_is(model, tmp_path, name, cell, told):
    good = dict(zip(NAMES, ("1.1", "AB12", "1.5", "1", "2020-01-02", "yes"), strict=True))
    path = tmp_path / "new.csv"
    path.write_text(as_csv([good.values(), (good | {name: cell}).values(), good.values()]))
    table = model.read(path)
    with pytest.raises(TableError, match=f"Column '{name}', row 2: {told}"):
        model.predict(table)
    assert model.outputs(table.select(np.array([0, 2]))).shape == (2, 3)
    assert not table[name].missing.any()


def test_columns_that_the_model_does_not_use_may_hold_anything(model, tmp_path):
    path = tmp_path / "new.jsonl"
    good = dict(zip(NAMES, ("1.1", "AB12", 1.5, True, "2020-01-02", "yes"), strict=True))
    path.write_text(json.dumps(good | {"list": [1, 2]}) + "\n")
    assert model.outputs(model.read(path)).shape == (1, 3)


def test_no_bit_depends_on_the_number_of_rows(model, tmp_path):
    rng = np.random.default_rng(0)
    rows = [("1.1", "AB12", repr(x), "1", "2020-01-02", "yes") for x in rng.normal(size=600).tolist()]
    path = tmp_path / "new.csv"
    path.write_text(as_csv(rows))
    together = model.outputs(model.read(path))
    for i in (0, 1, 255, 256, 599):
        path.write_text(as_csv([rows[i]]))
        np.testing.assert_array_equal(model.outputs(model.read(path))[0], together[i])


@pytest.mark.parametrize(
    ("values", "kind"),
    [(["1", "2", "10"], "number"), (["true", "FALSE"], "boolean"), (["01", "A"], "category"), (["a", "b"], "category")],
)
def test_a_target_knows_what_its_column_held(tmp_path, values, kind):
    path = tmp_path / "t.csv"
    path.write_text("y\n" + "\n".join(values) + "\n")
    target = Target.learn(read_table(path)["y"], "classification")
    assert target.kind == kind
    assert Target.from_dict(target.to_dict()).kind == kind
    path.write_text(f"y\n{values[0]}\n")
    assert target.labels(read_table(path, {"y": target.kind})["y"]).tolist() == [values[0]]
