"""``chainrule check`` from the shell."""

import pytest
from typer.testing import CliRunner

import chainrule as cr
from chainrule.cli.app import app
from chainrule.errors import InputError

RIGHT = """
def gradients(p, x, t):
    delta = 2 * (x @ p["W1"] + p["b1"] - t) / len(x)
    return {"W1": x.T @ delta, "b1": delta.sum(axis=0)}
"""
REFERENCE = "2 -> 1, squared_error"


def shell(*arguments):
    return CliRunner().invoke(app, ["check", *map(str, arguments)])


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "ada.py").write_text(RIGHT, encoding="utf-8")
    (tmp_path / "ben.py").write_text(RIGHT.replace("- t)", "- t) * -1"), encoding="utf-8")
    return tmp_path


def test_a_file_is_marked(folder):
    result = shell(folder / "ada.py", "--reference", REFERENCE)
    assert result.exit_code == 0, result.output
    assert result.output.startswith("right\n")


def test_a_mistake_is_printed_with_its_line(folder):
    result = shell(folder / "ben.py", "--reference", REFERENCE)
    assert "one mistake: sign-flipped" in result.output
    assert "W = W - eta" in result.output


def test_a_model_file_is_a_reference_too(folder):
    net = cr.Network(2, [cr.Dense(1)], loss="squared_error", seed=0)
    net.save(folder / "model.safetensors")
    assert shell(folder / "ada.py", "--reference", folder / "model.safetensors").output.startswith("right\n")


def test_a_folder_gives_a_table_with_counts(folder):
    result = shell(folder, "--reference", REFERENCE, "--out", folder / "grades")
    assert result.exit_code == 1, result.output
    assert "ada.py" in result.output
    assert "sign-flipped" in result.output
    assert (folder / "grades.csv").read_text(encoding="utf-8").startswith("file,verdict,mistakes")
    assert "2 submissions" in (folder / "grades.html").read_text(encoding="utf-8")


def test_a_file_that_cannot_be_run_is_told(folder):
    (folder / "cy.py").write_text("1 / 0\n", encoding="utf-8")
    assert "not run: ZeroDivisionError" in shell(folder / "cy.py", "--reference", REFERENCE).output


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"ada": RIGHT}, 0),
        ({"ada": RIGHT, "ben": RIGHT.replace("2 * ", "-2 * ")}, 1),
        ({"ada": RIGHT, "ben": RIGHT.replace("- t)", "- t) ** 3")}, 1),
        ({"ada": RIGHT, "ben": RIGHT.replace(', "b1": delta.sum(axis=0)', "")}, 1),
        (
            {
                "ada": RIGHT,
                "ben": RIGHT.replace("delta =", "calls.append(1 / (len(calls) == 0))\n    delta =") + "calls = []",
            },
            2,
        ),
        ({"ada": RIGHT, "ben": RIGHT.replace("2 * ", "-2 * "), "cy": "1 / 0\n"}, 2),
    ],
)
def test_the_exit_code_is_that_of_the_worst_file(tmp_path, files, code):
    for name, text in files.items():
        (tmp_path / f"{name}.py").write_text(text, encoding="utf-8")
    *_, last = files
    assert shell(tmp_path, "--reference", REFERENCE, "--out", tmp_path / "grades").exit_code == code
    assert shell(tmp_path / f"{last}.py", "--reference", REFERENCE).exit_code == code


def test_the_help_tells_the_exit_codes():
    assert "2 if it could not be marked" in " ".join(shell("--help").output.split())


def test_what_cannot_be_graded_is_refused(folder, tmp_path):
    (tmp_path / "empty").mkdir()
    assert isinstance(shell(tmp_path / "empty", "--reference", REFERENCE).exception, InputError)
    assert isinstance(shell(folder / "none.py", "--reference", REFERENCE).exception, FileNotFoundError)
    assert isinstance(shell(folder / "ada.py", "--reference", REFERENCE, "--rows", 0).exception, InputError)
    assert shell(folder, "--reference", REFERENCE, "--out", folder / "no" / "x").exception is not None
