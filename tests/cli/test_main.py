"""What all commands share: help, usage, errors, output on terminals and in pipes."""

import io
import runpy
import sys

import pytest

from chainrule import __version__
from chainrule.cli import files, output

COMMANDS = ["demo", "fit", "predict", "explain", "check"]


def test_the_commands_are_listed(shell):
    ran = shell("--help")
    assert ran.code == 0
    for command in COMMANDS:
        assert command in ran.out


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("columns", ["60", "200"])
def test_every_command_has_help_that_fits(shell, monkeypatch, command, columns):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.setenv("NO_COLOR", "1")
    ran = shell(command, "--help")
    assert ran.code == 0
    assert f"chainrule {command}" in ran.out
    assert max(map(len, ran.out.splitlines())) <= int(columns)
    assert "\x1b" not in ran.out


def test_the_version_is_told(shell):
    assert shell("--version").out == f"chainrule {__version__}\n"


@pytest.mark.parametrize(
    "arguments", [(), ("frobnicate",), ("fit",), ("fit", "a.csv"), ("fit", "--epochs", "x"), ("--nope",)]
)
def test_wrong_usage_exits_2_without_a_traceback(shell, arguments):
    ran = shell(*arguments)
    assert ran.code == 2
    assert "Usage" in ran.out + ran.err
    assert "Traceback" not in ran.err


def test_python_m_chainrule_is_the_same_shell(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["chainrule", "--version"])
    with pytest.raises(SystemExit) as stopped:
        runpy.run_module("chainrule", run_name="__main__")
    assert (stopped.value.code, capsys.readouterr().out) == (0, f"chainrule {__version__}\n")


def test_an_error_is_one_line_whatever_the_table_says(shell, tmp_path):
    (tmp_path / "t.csv").write_text("a\x1b[2J\tb,y\n1,2\n", encoding="utf-8")
    ran = shell("fit", "t.csv", "--target", "nope")
    assert "\x1b" not in ran.error
    assert "Its columns are: a [2J b, y." in ran.error


def test_too_little_memory_is_an_error_too(shell, table, monkeypatch):
    def fail(*_, **__):
        raise MemoryError

    monkeypatch.setattr("chainrule.cli.fit.train", fail)
    assert "the memory does not suffice" in shell("fit", table(), "--target", "y").error


# -------------------------------------------------------------------------------- on a terminal
@pytest.fixture
def terminal(monkeypatch):
    """A terminal of 40 columns; what is printed on it."""
    screen = io.StringIO()
    monkeypatch.setattr(
        output, "_console", output._Console(file=screen, force_terminal=True, width=40, color_system=None)
    )
    return screen


def test_a_table_too_wide_for_the_terminal_is_broken_into_lines(terminal):
    output.print_table(["name", "value"], [["a", "b " * 40]])
    lines = terminal.getvalue().splitlines()
    assert max(map(len, lines)) <= 40
    assert sum(line.count("b") for line in lines) == 40


def test_a_table_that_fits_is_the_same_as_in_a_pipe(terminal, capsys):
    output.print_table(["name", "value"], [["a", "b"]])
    assert terminal.getvalue() == "name  value\n----  -----\na     b\n"


def test_facts_hang_from_their_word(terminal):
    output.print_facts([("rows", "one two three four five six seven eight nine"), ("target", "y")])
    assert [line.rstrip() for line in terminal.getvalue().splitlines()] == [
        "rows    one two three four five six",
        "        seven eight nine",
        "target  y",
    ]


def test_sentences_are_broken_but_commands_to_copy_are_not(terminal):
    output.say("word " * 12)
    output.say_next("explain", "a file.safetensors", "a very long name of a table.csv")
    lines = terminal.getvalue().splitlines()
    assert max(map(len, lines[:-1])) <= 40
    assert lines[-1] == "next: chainrule explain 'a file.safetensors' 'a very long name of a table.csv'"


# -------------------------------------------------------------------------------- small things
@pytest.mark.parametrize(
    ("value", "told"), [(239.04, "239"), (0.89552, "0.8955"), (31240.7, "31,241"), (1e20, "1e+20"), (-0.0, "0")]
)
def test_figures_are_short(value, told):
    assert output.figure_of(value) == told


@pytest.mark.parametrize(
    ("table", "name"),
    [
        ("folder/penguins.csv", "penguins.x"),
        ("my.data.2024.csv", "my.data.2024.x"),
        ("penguins.csv.gz", "penguins.x"),
        ("SELECT 1", "else"),
    ],
)
def test_files_are_named_after_the_table(table, name):
    assert str(files.beside(table, ".x", "else")) == name


def test_long_lists_are_cut():
    assert output.shortened([*"abc"], 2) == "a, b and 1 more"
    assert output.shortened(["x" * 99]) == "x" * 39 + "…"
