"""``chainrule predict``."""

from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.tables import load_table_model, penguins_path, read_table, write_table


def write(name, edit):
    """The penguins after ``edit`` has changed their cells."""
    penguins = read_table(penguins_path())
    columns = {column: penguins[column].values.copy() for column in penguins.names}
    edit(columns)
    write_table(columns, name)
    return name


@pytest.mark.parametrize("name", ["p.csv", "p.tsv", "p.parquet", "p.jsonl", "p.csv.gz"])
def test_predictions_are_written_as_the_ending_says(shell, model, penguins, name):
    ran = shell("predict", model, penguins, "--out", name)
    assert ran.code == 0, ran.err
    written = read_table(name)
    expected = load_table_model(model).predict(read_table(penguins))
    assert written.names == ["prediction", *(f"probability of {s}" for s in ("Adelie", "Chinstrap", "Gentoo"))]
    assert written["prediction"].values.tolist() == expected["prediction"].tolist()
    assert np.allclose(written["probability of Gentoo"].values, expected["probability of Gentoo"], rtol=1e-12)


def test_the_predictions_are_told_at_a_glance(shell, fit, model, penguins):
    ran = shell("predict", model, penguins)
    assert ran.out.startswith("wrote 344 predictions of species to penguins-predictions.csv: ")
    assert sum(int(part.split()[-1]) for part in ran.out.split(": ")[1].split(",")) == 344
    fit(penguins, "body_mass_g")
    ran = shell("predict", "penguins.safetensors", f"SELECT * FROM '{penguins}' WHERE body_mass_g > '6000' LIMIT 1")
    assert ran.code == 0, ran.err
    assert "wrote 1 prediction of body_mass_g to predictions.csv: from " in ran.out


def test_other_columns_and_the_target_are_not_needed(shell, model):
    def edit(columns):
        del columns["species"]
        columns["extra"] = np.arange(344.0)

    assert shell("predict", model, write("new.csv", edit)).code == 0


def test_cells_unlike_any_in_training_are_pointed_out(shell, fit, model, penguins):
    name = write("new.csv", lambda columns: columns["island"].__setitem__([0, 4], "Atlantis"))
    ran = shell("predict", model, name)
    assert (
        "note: island is 'Atlantis' or the like in 2 rows and never was in training: no category is taken.\n" in ran.out
    )

    def edit(columns):
        columns["year"][:3] = np.nan
        columns["island"][:1] = None

    ran = shell("predict", model, write("gaps.csv", edit))
    assert "note: island is missing in 1 row and never was in training: no category is taken." in ran.out
    assert "note: year is missing in 3 rows and never was in training: the median 2008 is taken." in ran.out


@pytest.mark.parametrize(
    ("edit", "told"),
    [
        (lambda columns: columns.pop("island"), "no column 'island'"),
        (
            lambda columns: columns.update(year=np.array(["2007"] * 343 + ["long ago"], object)),
            "Column 'year', row 344: a number is needed, got the text 'long ago'",
        ),
        (lambda columns: columns["year"].__setitem__(3, np.inf), "row 4: numbers must be finite"),
    ],
)
def test_a_table_that_does_not_fit_the_model_is_refused(shell, model, edit, told):
    name = write("other.parquet", edit)
    assert told in shell("predict", model, name, "--out", "out.csv").error
    assert not Path("out.csv").exists()


@pytest.mark.parametrize(
    ("out", "told"),
    [
        ("nowhere/out.csv", "there is no folder"),
        ("out.foo", "names no table format"),
        ("out.json", "give it the ending .jsonl"),
        ("penguins.csv", "is a file that this command reads"),
        (".", "is a folder"),
    ],
)
def test_an_output_that_cannot_be_is_refused(shell, model, penguins, out, told):
    assert told in shell("predict", model, penguins, "--out", out).error
    assert Path(penguins).read_bytes() == penguins_path().read_bytes()


@pytest.fixture
def bad_models(tmp_path, model):
    good = (tmp_path / model).read_bytes()
    cr.Network(2, [cr.Dense(1)], seed=0).save(tmp_path / "plain.safetensors")
    for name, content in {
        "pickle": b"\x80\x04\x95\x0b\x00\x00\x00\x00\x00\x00\x00cos\nsystem\n",
        "empty": b"",
        "short": good[:5],
        "cut": good[:-9],
        "flipped": good[:-1] + bytes([good[-1] ^ 1]),
    }.items():
        (tmp_path / f"{name}.safetensors").write_bytes(content)


@pytest.mark.parametrize("command", ["predict", "explain"])
@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("pickle", "looks like a Python pickle"),
        ("empty", "is truncated"),
        ("short", "is truncated"),
        ("cut", "checksum does not match"),
        ("flipped", "checksum does not match"),
        ("plain", "without a table's columns"),
        ("nothing", "nothing.safetensors: "),
    ],
)
def test_a_file_that_is_no_table_model_is_refused(shell, bad_models, penguins, command, name, told):
    assert told in shell(command, f"{name}.safetensors", penguins).error
    assert not Path("penguins-predictions.csv").exists()


def test_a_table_given_for_the_model_is_refused(shell, penguins):
    assert "is no chainrule model file" in shell("predict", penguins, penguins).error
    assert "is not a regular file" in shell("predict", ".", penguins).error


@pytest.fixture
def versions(shell):
    """A model of what a version is called, and the lines of its table."""
    names = {"1.1": "old", "1.10": "new", "2.0-beta": "beta"}
    lines = [f"{version},{i / 7},{names[version]}" for i, version in enumerate([*names] * 40)]
    Path("versions.csv").write_text("\n".join(["version,size,name", *lines]) + "\n")
    told = ("--target", "name", "--hidden", "8", "--epochs", "40", "--out", "versions.safetensors")
    assert shell("fit", "versions.csv", *told).code == 0
    return names


def test_a_file_of_one_row_is_answered_as_the_row_is_among_others(shell, versions):
    Path("all.csv").write_text("version,size\n" + "".join(f"{version},1\n" for version in versions))
    assert shell("predict", "versions.safetensors", "all.csv", "--out", "together.csv").code == 0
    together = Path("together.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in together[1:]] == list(versions.values())
    for line, version in zip(together[1:], versions, strict=True):
        Path("one.csv").write_text(f"version,size\n{version},1\n")
        Path("one.jsonl").write_text(f'{{"version": "{version}", "size": 1}}\n')
        for source in ("one.csv", "one.jsonl", "SELECT * FROM 'one.csv'", "SELECT * FROM 'one.jsonl'"):
            assert shell("predict", "versions.safetensors", source, "--out", "alone.csv").code == 0
            assert Path("alone.csv").read_text().splitlines() == [together[0], line]


def test_a_row_is_explained_whatever_stands_in_the_others(shell, versions):
    Path("odd.csv").write_text("version,size\n1.10,1\n1.10,a lot\n")
    ran = shell("explain", "versions.safetensors", "odd.csv", "--row", "1")
    assert "prediction   new" in ran.out, ran.err
    assert (
        "Column 'size', row 2: a number is needed, got the text 'a lot'"
        in shell("explain", "versions.safetensors", "odd.csv", "--row", "2").error
    )


def test_a_query_that_would_write_is_refused(shell, versions):
    query = "WITH t AS (COPY (SELECT 'x') TO 'written.csv' (FORMAT csv)) SELECT '1.10' AS version, 1 AS size"
    before = set(Path().iterdir())
    assert "which only reads; this one holds COPY" in shell("predict", "versions.safetensors", query).error
    assert set(Path().iterdir()) == before
