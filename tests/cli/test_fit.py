"""``chainrule fit``."""

import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest

from chainrule.tables import load_table_model, penguins_path, read_table


def files():
    return {path.name for path in Path().iterdir()}


# -------------------------------------------------------------------------------- what it does
@pytest.mark.parametrize("ending", ["csv", "tsv", "parquet", "jsonl", "csv.gz"])
def test_every_kind_of_table_gives_the_same_model(fit, table, ending, tmp_path):
    columns = {"x": np.arange(40.0), "kind": np.array(["a", "b"] * 20, object), "y": np.arange(40.0) % 7}
    name = table(f"numbers.{ending}", **columns)
    ran = fit(name, "y")
    assert ran.code == 0, ran.err
    assert "saved numbers.safetensors" in ran.out
    fit(table("plain.csv", **columns), "y")
    assert Path("numbers.safetensors").read_bytes() == Path("plain.safetensors").read_bytes()


def test_a_query_over_a_file_is_a_table_too(fit, table):
    name = table(a=np.arange(40.0), b=np.arange(40.0) ** 2)
    ran = fit(f"SELECT a, b AS squared FROM '{name}' WHERE a < 30", "squared")
    assert ran.code == 0, ran.err
    assert "30 rows, 2 columns" in ran.out
    assert files() == {name, "model.safetensors"}


def test_the_report_tells_rows_columns_metrics_and_file(fit, penguins):
    ran = fit(penguins, "sex", "--without", "year")
    assert re.sub(r"\d+\.\d+ s", "_ s", ran.out.split("training")[0]) == (
        """\
table   penguins.csv: 344 rows, 8 columns
target  sex: binary classification, 2 classes: female (165), male (168)
rows    213 to train on, 53 to choose the best epoch by, 67 to judge by; 11 without a target left out

column             kind      missing  becomes
-----------------  --------  -------  -----------------------------------
species            category           3 inputs: Adelie, Chinstrap, Gentoo
island             category           3 inputs: Biscoe, Dream, Torgersen
bill_length_mm     number             1 input
bill_depth_mm      number             1 input
flipper_length_mm  number             1 input
body_mass_g        number             1 input
year               number             not used: left out as asked

network   10 inputs -> 4 selu -> 1 output; 49 parameters; binary_cross_entropy_from_logits
"""
    )
    assert re.search(
        r"training  3 epochs in \d+\.\d s \(all epochs\); kept: epoch 2, validation loss 0\.\d+\n", ran.out
    )
    assert re.search(r"on 67 test rows    network  guess\n", ran.out)
    assert re.search(r"log loss           0\.\d+\s+0.6931\n", ran.out)
    assert "(guess: always the shares of the classes of the rows not tested, whatever the inputs)" in ran.out
    assert ran.out.endswith(
        "saved penguins.safetensors\nnext: chainrule explain penguins.safetensors penguins.csv --row 1\n"
    )
    assert ran.err == ""


def test_a_numeric_target_is_told_in_its_unit(fit, penguins):
    ran = fit(penguins, "body_mass_g")
    assert "body_mass_g: regression, numbers from 2700 to 6300, mean 4202" in ran.out
    assert re.search(r"RMSE +\S+ +829.9\n", ran.out)
    assert "always the mean of the rows not tested" in ran.out


def test_missing_cells_and_columns_of_no_use_are_told(fit, table):
    n = np.arange(60)
    name = table(
        one=np.ones(60),
        gaps=np.where(n % 10 == 0, np.nan, n),
        empty=np.full(60, np.nan),
        names=np.array([f"row {i}" for i in n], object),
        kind=np.array(["a", "b", None] * 20, object),
        y=n * 1.0,
    )
    ran = fit(name, "y")
    assert re.search(r"one +number +not used: all training rows have the same value", ran.out)
    assert re.search(r"gaps +number +6 +2 inputs: number, missing", ran.out)
    assert re.search(r"empty +\w+ +60 +not used: no cell of the training rows has a value", ran.out)
    assert re.search(r"kind +category +20 +3 inputs: a, b, missing", ran.out)


def test_whole_numbers_that_may_be_classes_are_pointed_out(fit, table):
    name = table(x=np.arange(60.0), c=np.repeat([0.0, 1.0, 2.0], 20))
    assert "note: c holds only 3 different whole numbers, taken as quantities" in fit(name, "c").out
    ran = fit(name, "c", "--task", "classification")
    assert "multiclass classification, 3 classes: 0 (20), 1 (20), 2 (20)" in ran.out
    assert "note: c holds" not in ran.out


def test_a_column_spoilt_by_one_text_is_pointed_out(fit, table):
    name = table(x=np.array([*map(str, range(49)), "long"], object), z=np.arange(50.0), y=np.arange(50.0) ** 2)
    assert "note: x counts as text because of 1 cell without a number, such as 'long' in row 50" in fit(name, "y").out


def test_a_network_no_better_than_a_guess_says_so(fit, table):
    rng = np.random.default_rng(1)
    name = table(x=rng.normal(size=200), y=rng.normal(size=200))
    ran = fit(name, "y", "--epochs", "100", "--hidden", "64", "--learning-rate", "0.05")
    assert "note: by RMSE the network is no better than the guess" in ran.out


def test_few_test_rows_are_warned_of(fit, table):
    ran = fit(table(x=np.arange(6.0), y=np.arange(6.0)), "y")
    assert "on 1 test row " in ran.out
    assert "undefined" in ran.out  # R2 of a single row
    assert "note: so few test rows say little" in ran.out


def test_a_wide_table_is_not_listed_in_full(fit, table):
    ran = fit(table(**{f"c{i}": np.arange(20.0) + i for i in range(60)}), "c0")
    assert "c40  " in ran.out
    assert "c41  " not in ran.out
    assert "... and 19 columns more" in ran.out


def test_names_of_any_script_are_kept_and_markup_in_them_is_just_text(fit, table):
    rng = np.random.default_rng(0)
    columns = {name: rng.normal(size=40) for name in ("длина 🐧", "[/red]", ":smile:", "[bold]y")}
    ran = fit(table(**columns), "[bold]y")
    assert ran.code == 0, ran.err
    for name in columns:
        assert name in ran.out


def test_control_characters_in_a_table_do_not_reach_the_terminal(fit, table):
    columns = {"x\x1b[31m": np.arange(40.0), "y": np.array(["a\x1b]0;t\x07", "b\rc"] * 20, object)}
    ran = fit(table("evil.parquet", **columns), "y")
    assert ran.code == 0, ran.err
    assert not set("\x1b\x07\r") & set(ran.out)


def test_dates_and_booleans_are_inputs(fit, tmp_path):
    days = np.arange(40).astype("datetime64[D]").astype(str)
    lines = ["when,flag,y", *(f"{day},{'true' if i % 3 else 'false'},{i}" for i, day in enumerate(days))]
    (tmp_path / "dates.csv").write_text("\n".join(lines), encoding="utf-8")
    ran = fit("dates.csv", "y")
    assert re.search(r"when +date +1 input\nflag +boolean +1 input\n", ran.out)


def test_a_network_hardly_trained_is_said_to_be(fit, penguins, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(import_module("chainrule.training.run"), "evaluate", interrupt)
    ran = fit(penguins, "species", "--plot", "losses.png")
    assert "training  interrupted before the first epoch was finished: this network is hardly trained" in ran.out
    assert "saved penguins.safetensors" in ran.out
    assert "drew" not in ran.out


def test_a_picture_of_the_losses_is_drawn_on_request(fit, penguins):
    ran = fit(penguins, "species", "--plot", "losses.png")
    assert "drew losses.png" in ran.out
    assert Path("losses.png").read_bytes().startswith(b"\x89PNG")


def test_settings_reach_the_network(shell, penguins):
    options = (
        "--hidden 5,3 --activation tanh --optimizer sgd --learning-rate 0.1 --epochs 2 --batch-size 50 --patience 1"
    )
    more = "--seed 7 --test 0.3 --validation 0.2 --out mine.safetensors"
    ran = shell("fit", penguins, "--target", "species", *options.split(), *more.split())
    assert ran.code == 0, ran.err
    network = load_table_model("mine.safetensors").network
    assert [repr(layer) for layer in network.layers[:2]] == [
        "Dense(units=5, activation='tanh')",
        "Dense(units=3, activation='tanh')",
    ]
    assert "193 to train on, 48 to choose the best epoch by, 103 to judge by" in ran.out


def test_dropout_is_told_and_kept_in_the_model(fit, penguins):
    ran = fit(penguins, "species", "--dropout", "0.25", "--weight-decay", "0", "--label-smoothing", "0")
    assert "15 inputs -> 4 selu -> dropout -> 3 outputs" in ran.out
    network = load_table_model("penguins.safetensors").network
    assert repr(network.layers[1]) == "Dropout(rate=0.25)"


def test_no_hidden_layers(shell, penguins):
    ran = shell("fit", penguins, "--target", "species", "--hidden", "", "--epochs", "2")
    assert "15 inputs -> 3 outputs" in ran.out


# -------------------------------------------------------------------------------- what it refuses
@pytest.mark.parametrize(
    ("options", "told"),
    [
        ("--target specis", "no column 'specis'. Did you mean 'species'?"),
        ("--target species --without iland", "no column 'iland'. Did you mean 'island'?"),
        ("--target species --task regression", "Regression needs numbers"),
        ("--target species --task clasification", "Did you mean 'classification'?"),
        ("--target species --task binary", "has 3"),
        ("--target species --hidden garbage", "--hidden must be whole numbers from 1 with commas between"),
        ("--target species --hidden 64,0", "--hidden must be whole numbers"),
        ("--target species --hidden -3", "--hidden must be whole numbers"),
        ("--target species --hidden 1,,2", "--hidden must be whole numbers"),
        (f"--target species --hidden {'9' * 5000}", "--hidden must be whole numbers"),
        ("--target species --hidden 999999999", "at most 20,000,000 are allowed"),
        ("--target species --epochs 0", "epochs must be at least 1"),
        ("--target species --batch-size 0", "batch_size must be at least 1"),
        ("--target species --patience 0", "patience must be at least 1"),
        ("--target species --learning-rate 0", "learning_rate must be a positive finite number"),
        ("--target species --learning-rate nan", "learning_rate must be a positive finite number"),
        ("--target species --learning-rate 1e6", "training diverged in epoch 0"),
        ("--target species --learning-rate 1e300", "training diverged in epoch 0"),
        ("--target body_mass_g --learning-rate 1e6", "training diverged in epoch 0"),
        ("--target species --seed -1", "seed must be a whole number from 0"),
        ("--target species --dropout 1", "dropout must be a share from 0 to below 1"),
        ("--target species --label-smoothing 2", "label_smoothing must be a share from 0 to below 1"),
        ("--target species --weight-decay -1", "weight_decay of AdamW must be from 0"),
        ("--target species --test 0", "test must be a share"),
        ("--target species --validation 2", "validation must be a share"),
        ("--target species --activation reluu", "Did you mean 'relu'?"),
        ("--target species --optimizer adm", "Did you mean 'adam'?"),
        ("--target species --out nowhere/m.safetensors", "there is no folder"),
        ("--target species --out penguins.csv", "must end with .safetensors"),
        ("--target species --out folder.safetensors", "is a folder"),
        ("--target species --plot nowhere/losses.png", "there is no folder"),
        ("--target species --plot losses.foo", "the picture's name must end with one of"),
    ],
)
def test_what_cannot_be_done_is_refused_and_nothing_written(shell, penguins, options, told):
    Path("folder.safetensors").mkdir()
    before = files()
    ran = shell("fit", penguins, *options.split(" "))
    assert told in ran.error
    assert files() == before
    assert Path(penguins).read_bytes() == penguins_path().read_bytes()


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("empty.csv", b"", "is empty"),
        ("header.csv", b"x,y\n", "no rows"),
        ("one.csv", b"x,y\n1,2\n", "has a value in 1 of 1 rows"),
        ("twice.csv", b"y,y\n" + b"1,2\n" * 9, "Two columns are named 'y'"),
        ("constant.csv", b"x,y\n" + b"".join(b"%d,5\n" % i for i in range(9)), "is 5 in every row"),
        ("class.csv", b"x,y\n" + b"".join(b"%d,a\n" % i for i in range(9)), "has 1: choose another column"),
        ("void.csv", b"x,y\n" + b"".join(b"%d,\n" % i for i in range(9)), "has a value in 0 of 9 rows"),
        ("alone.csv", b"y\n" + b"".join(b"%d\n" % i for i in range(9)), "No column is left"),
        ("same.csv", b"x,y\n" + b"".join(b"1,%d\n" % i for i in range(9)), "No column is left"),
        ("pickle.csv", b"\x80\x04\x95\x0b\x00", "a Python pickle, which could run code"),
        ("sheet.xlsx", b"PK\x03\x04", "names no table format"),
        ("zip.csv", b"PK\x03\x04", "a zip archive"),
        ("ragged.csv", b"x,y\n1,2\n1,2,3\n", "line 3 has 3 cells where 2 columns are named"),
        ("latin.csv", b"x,y\n1,\xe9\n2,a\n", "UTF-8"),
    ],
)
def test_a_table_that_is_none_is_refused(shell, tmp_path, name, content, told):
    (tmp_path / name).write_bytes(content)
    assert told in shell("fit", name, "--target", "y").error
    assert files() == {name}


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("nothing.csv", "There is no file 'nothing.csv'"),
        ("SELECT * FROM nothing", "The query cannot be read"),
        ("SELECT 1 AS a; SELECT 2 AS b", "one SELECT"),
        ("SELEC * FROM 'a.csv'", "names no table format"),
    ],
)
def test_a_source_that_leads_nowhere_is_refused(shell, source, told):
    assert told in shell("fit", source, "--target", "y").error
    assert files() == set()


def test_a_folder_that_cannot_be_written_is_found_out_before_training(fit, penguins, monkeypatch):
    def refuse(**_):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    ran = fit(penguins, "species")
    assert "nothing can be written in" in ran.error
    assert ran.out == ""


def test_a_disk_that_fills_up_leaves_no_file(fit, penguins, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device", "penguins.safetensors")

    monkeypatch.setattr("chainrule.files.container.write_atomically", full)
    assert fit(penguins, "species").error == "error: penguins.safetensors: No space left on device"
    assert files() == {penguins}


def test_a_failing_run_leaves_the_old_model_alone(shell, model, penguins):
    old = Path(model).read_bytes()
    ran = shell("fit", penguins, "--target", "species", "--learning-rate", "1e6", "--out", model)
    assert "diverged" in ran.error
    assert Path(model).read_bytes() == old


def test_the_model_file_holds_what_the_table_taught(fit, penguins):
    fit(penguins, "body_mass_g")
    model = load_table_model("penguins.safetensors")
    assert model.target.name == "body_mass_g"
    assert model.predict(read_table(penguins))["prediction"].shape == (344,)


def test_of_a_wide_table_not_all_columns_are_listed_in_an_error(shell, table):
    name = table(**{f"c{i}": np.arange(9.0) for i in range(500)})
    assert shell("fit", name, "--target", "d7").error.endswith("c28, c29 and 470 more.")
