"""The shell's formulas: explain --of, formula, export."""

import ast
import json
import sys

import pytest

from chainrule.cli import main
from chainrule.tables import TableConfig, penguins_path, read_table, train_on_table

PENGUINS = str(penguins_path())


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("models") / "penguins.safetensors"
    config = TableConfig(hidden=(3,), activation="tanh", epochs=2, progress=False)
    train_on_table(read_table(PENGUINS), "species", config=config).model.save(path)
    return str(path)


@pytest.fixture
def shell(monkeypatch, capsys):
    def run(*words):
        monkeypatch.setattr(sys, "argv", ["chainrule", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        return ended.value.code or 0, said.out, said.err

    return run


def test_a_derivative_is_unfolded_with_the_tables_names(shell, model):
    code, out, _ = shell("explain", model, PENGUINS, "--row", "3", "--of", "W1[3, 0]")
    assert code == 0
    assert out.startswith("dE/dW1[3, 0] = ")
    assert "bill_length_mm" in out
    assert "x[3]" not in out
    assert "by finite differences" in out


@pytest.mark.parametrize(
    ("form", "mark"), [("latex", r"\begin{aligned}"), ("html", "<math"), ("text", "paths to the loss")]
)
def test_each_format_is_written_to_a_file(shell, model, tmp_path, form, mark):
    path = tmp_path / "why"
    code, out, _ = shell("explain", model, PENGUINS, "--of", "delta1[0]", "--format", form, "--out", str(path))
    assert (code, out) == (0, f"wrote {path}\n")
    assert mark in path.read_text(encoding="utf-8")


def test_json_is_data_that_a_program_can_read(shell, model):
    _, out, _ = shell("explain", model, PENGUINS, "--of", "x[0]", "--format", "json")
    assert json.loads(out)["quantity"] == "dE/dx[0]"


def test_a_name_that_does_not_exist_gets_a_list(shell, model):
    code, out, err = shell("explain", model, PENGUINS, "--of", "W9[0, 0]")
    assert (code, out) == (2, "")
    assert err.startswith("error: there is no 'W9[0, 0]'")
    assert "W1[0.." in err


def test_a_derivative_needs_a_target(shell, model, tmp_path):
    table = tmp_path / "new.csv"
    lines = penguins_path().read_text(encoding="utf-8").splitlines()[:3]
    table.write_text("\n".join(line.replace("Adelie", "") for line in lines), encoding="utf-8")
    code, _, err = shell("explain", model, str(table), "--of", "x[0]")
    assert code == 2
    assert "'species' is missing" in err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--of", "x[0]", "--format", "pdf"], "--format must be one of text, latex, html, json, got 'pdf'"),
        (["--format", "html"], "say which with --of"),
        (["--of", "x[0]", "--out", "/no/such/folder/why.txt"], "there is no folder"),
    ],
)
def test_options_that_do_not_fit_are_refused(shell, model, words, message):
    code, out, err = shell("explain", model, PENGUINS, *words)
    assert (code, out) == (2, "")
    assert message in err


@pytest.mark.parametrize(
    ("form", "mark"), [("text", "z1[0]"), ("latex", "z_{1}[0]"), ("html", "<math"), ("json", '"schema"')]
)
def test_the_network_is_written_as_formulas(shell, model, form, mark):
    code, out, _ = shell("formula", model, "--format", form)
    assert code == 0
    assert mark in out


@pytest.mark.parametrize(("to", "library"), [("python", "numpy"), ("pytorch", "torch")])
def test_the_network_is_written_as_source_code(shell, model, tmp_path, to, library):
    path = tmp_path / "network.py"
    code, _, _ = shell("export", model, "--to", to, "--out", str(path))
    assert code == 0
    tree = ast.parse(path.read_text(encoding="utf-8"))
    assert library in {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}


def test_an_unknown_language_is_refused_and_nothing_written(shell, model, tmp_path):
    path = tmp_path / "network.jl"
    code, _, err = shell("export", model, "--to", "julia", "--out", str(path))
    assert code == 2
    assert "--to must be one of python, pytorch, got 'julia'" in err
    assert not path.exists()
