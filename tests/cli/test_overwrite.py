"""No command writes over a file that it reads, by whatever path: enumerated, so that a new command cannot forget."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, get_args, get_origin, get_type_hints

import pytest
from typer.models import OptionInfo

from chainrule.cli.app import app
from chainrule.tables import penguins_path

QUICK = ("--hidden", "4", "--epochs", "1")
QUERY = "SELECT * FROM 'penguins.csv'"
SUBMISSION = "def gradients(parameters, x, t):\n    return {}\n"


@dataclass
class Way:
    """One way to call a command.

    Attributes:
        arguments: all but the option that names the output.
        reads: the files it reads.
        writes: by option, what to give it and which file is then written.
    """

    arguments: tuple[str, ...]
    reads: tuple[str, ...]
    writes: dict[str, tuple[str, str]] = field(default_factory=dict)


WAYS = {
    "demo": [
        Way((), (str(penguins_path()),), {"--out": (".", "penguins.png")}),
        Way((), (str(penguins_path()),), {"--out": (".", "penguins.safetensors")}),
    ],
    "fit": [
        Way(
            (source, "--target", "species", *QUICK),
            ("penguins.csv",),
            {"--out": ("o.safetensors", "o.safetensors"), "--plot": ("o.png", "o.png")},
        )
        for source in ("penguins.csv", QUERY)
    ],
    "diagnose": [
        Way((source, "--target", "species", *QUICK), ("penguins.csv",), {"--plot": ("o.svg", "o.svg")})
        for source in ("penguins.csv", QUERY)
    ],
    "predict": [
        Way(("species.safetensors", source), ("species.safetensors", "penguins.csv"), {"--out": ("o.csv", "o.csv")})
        for source in ("penguins.csv", QUERY, "SELECT * FROM read_csv(['penguins.csv'])", "SELECT * FROM 'pengu*.csv'")
    ],
    "explain": [
        Way(
            ("species.safetensors", source, "--of", "W1[0, 1]"),
            ("species.safetensors", "penguins.csv"),
            {"--out": ("o.txt", "o.txt")},
        )
        for source in ("penguins.csv", QUERY)
    ],
    "formula": [Way(("species.safetensors",), ("species.safetensors",), {"--out": ("o.txt", "o.txt")})],
    "export": [
        Way(("species.safetensors", "--to", "python"), ("species.safetensors",), {"--out": ("o.py", "o.py")}),
        Way(("species.safetensors", "--to", "pytorch"), ("species.safetensors",), {"--out": ("o.py", "o.py")}),
    ],
    "check": [
        Way(
            ("handed", "--reference", "species.safetensors"),
            ("handed/a.py", "species.safetensors"),
            {"--out": ("o", written)},
        )
        for written in ("o.csv", "o.html")
    ],
}
READ_OPTIONS: set[str] = set()
"""Options of type Path that name a file to read."""


def outputs_of(function):
    """The options of a command that are paths: files to write, unless they are listed above."""
    for name, annotation in get_type_hints(function, include_extras=True).items():
        kind, *extras = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
        is_path = Path in (kind, *get_args(kind))
        if is_path and any(isinstance(extra, OptionInfo) for extra in extras) and name not in READ_OPTIONS:
            yield "--" + name.replace("_", "-")


def test_every_command_and_every_output_of_it_is_tried_here():
    functions = {command.name or command.callback.__name__: command.callback for command in app.registered_commands}
    assert set(functions) == set(WAYS)
    for name, function in functions.items():
        assert set(outputs_of(function)) == {option for way in WAYS[name] for option in way.writes}, name


def linked(kind, read, written):
    """Make the output lead to a file that is read."""
    if kind == "a symbolic link":
        written.symlink_to(read.resolve())
    elif kind == "a chain of links":
        Path("between").symlink_to(read.resolve())
        written.symlink_to("between")
    else:
        written.hardlink_to(read)


CASES = [
    pytest.param(name, way, option, id=f"{name}-{i}-{option}")
    for name, ways in WAYS.items()
    for i, way in enumerate(ways)
    for option in way.writes
]


@pytest.fixture
def files(model, tmp_path):
    """The files that commands read; what they hold must be the same afterwards."""
    (tmp_path / "handed").mkdir()
    (tmp_path / "handed" / "a.py").write_text(SUBMISSION)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    yield
    after = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file() and not path.is_symlink()}
    assert {path: after[path] for path in before} == before


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("kind", ["a symbolic link", "a chain of links", "a hard link"])
@pytest.mark.parametrize(("name", "way", "option"), CASES)
def test_an_output_that_leads_to_an_input_is_refused(shell, name, way, option, kind):
    given, written = way.writes[option]
    for read in map(Path, way.reads):
        if kind == "a hard link" and read.is_absolute():
            continue  # the package's own table may lie on another disk
        linked(kind, read, Path(written))
        there = set(Path().iterdir())
        ran = shell(name, *way.arguments, option, given)
        assert "that this command reads, and would be lost: name another file to write to" in ran.error
        assert written in ran.error
        assert ran.out == ""
        assert set(Path().iterdir()) == there
        Path(written).unlink()
        Path("between").unlink(missing_ok=True)


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize("spelling", ["{}", "./{}", "handed/../{}", "{here}/{}", "linked/{}"])
@pytest.mark.parametrize(
    ("command", "read"),
    [
        (("formula", "species.safetensors"), "species.safetensors"),
        (("export", "species.safetensors", "--to", "python"), "species.safetensors"),
        (("explain", "species.safetensors", "penguins.csv", "--of", "W1[0, 1]"), "penguins.csv"),
        (("predict", "species.safetensors", "penguins.csv"), "penguins.csv"),
        (("predict", "species.safetensors", QUERY), "penguins.csv"),
        (("predict", "species.safetensors", "SELECT * FROM './handed/../penguins.csv'"), "penguins.csv"),
    ],
)
def test_an_input_named_as_the_output_is_refused(shell, command, read, spelling):
    Path("linked").symlink_to(".", target_is_directory=True)
    ran = shell(*command, "--out", spelling.format(read, here=Path.cwd()))
    assert (
        "is a file that this command reads" in ran.error or f"is the file {read}" in ran.error or "is the" in ran.error
    )
    assert ran.out == ""


@pytest.mark.usefixtures("files")
def test_an_output_that_nobody_asked_for_is_refused_too(shell):
    Path("predictions.csv").symlink_to("penguins.csv")
    assert "predictions.csv is the file penguins.csv" in shell("predict", "species.safetensors", QUERY).error


@pytest.mark.usefixtures("files")
def test_two_outputs_are_two_files(shell):
    Path("o.png").symlink_to("o.safetensors")
    ran = shell("fit", "penguins.csv", "--target", "species", *QUICK, "--out", "o.safetensors", "--plot", "o.png")
    assert "o.safetensors and o.png would be written to one file: name two." in ran.error


@pytest.mark.usefixtures("files")
def test_an_older_output_is_replaced(shell):
    for _ in range(2):
        assert shell("formula", "species.safetensors", "--out", "o.txt").code == 0


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("command", "name", "ending"),
    [
        (("export", "species.safetensors", "--to", "python"), "t.csv", ".py"),
        (("formula", "species.safetensors"), "t.csv", ".txt or .md"),
        (("formula", "species.safetensors", "--format", "latex"), "t.txt", ".tex"),
        (("formula", "species.safetensors", "--format", "html"), "t.py", ".html or .htm"),
        (("explain", "species.safetensors", "penguins.csv", "--of", "x[0]", "--format", "json"), "t", ".json"),
    ],
)
def test_a_file_of_another_kind_is_not_written_over(shell, command, name, ending):
    Path(name).write_text("of another kind")
    ran = shell(*command, "--out", name)
    assert f"{name} is there already, and its name is not that of" in ran.error
    assert f"name a file that ends with {ending}, or one that is not there yet" in ran.error
    assert (ran.out, Path(name).read_text()) == ("", "of another kind")


@pytest.mark.usefixtures("files")
@pytest.mark.parametrize(
    ("command", "name"),
    [
        (("fit", "penguins.csv", "--target", "species", *QUICK), "penguins.safetensors"),
        (("predict", "species.safetensors", "penguins.csv"), "penguins-predictions.csv"),
        (("predict", "species.safetensors", QUERY), "predictions.csv"),
        (("demo",), "penguins.png"),
        (("demo",), "penguins.safetensors"),
    ],
)
def test_a_name_that_the_command_chose_is_written_over_only_by_itself(shell, command, name):
    Path(name).write_text("somebody's own\n1\n")
    there = set(Path().iterdir())
    ran = shell(*command)
    assert f"{name} is there already and is not what this command writes: " in ran.error
    assert (ran.out, Path(name).read_text()) == ("", "somebody's own\n1\n")
    assert set(Path().iterdir()) == there
    Path(name).unlink()
    for _ in range(2):
        ran = shell(*command)
        assert ran.code == 0, ran.err


@pytest.mark.usefixtures("files")
def test_predictions_are_not_written_to_what_is_no_table(shell):
    Path("mine.py").write_text("print()")
    assert "names no table format" in shell("predict", "species.safetensors", "penguins.csv", "--out", "mine.py").error
    assert Path("mine.py").read_text() == "print()"
