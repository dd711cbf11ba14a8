"""``chainrule check``: mark a learner's backward pass, or a folder of them."""

from pathlib import Path

import typer

from chainrule.cli.files import check_can_write
from chainrule.cli.output import print_table, say
from chainrule.core.model import Model
from chainrule.errors import InputError
from chainrule.files.atomic import write_atomically
from chainrule.marking.grading import Graded, Limits, grade, network_of
from chainrule.marking.grading.grade import counts
from chainrule.marking.grading.table import csv_text, html_text, rows_of


def run(file: Path, reference: str, function: str, rows: int, seed: int, limits: Limits, out: Path) -> None:
    """Print the marking of a file, or a folder's table, which is also written as CSV and HTML.

    Raises:
        typer.Exit: always, with the exit code of the file or of the folder's worst file.
        InputError: an option cannot be used, or the folder has no Python files.
        FileNotFoundError: there is no such file.
    """
    model = _reference(reference, seed)
    if rows < 1:
        raise InputError(f"--rows must be at least 1, got {rows}.")
    if not file.is_dir():
        if not file.is_file():
            raise FileNotFoundError(f"there is no file {file}.")
        (one,) = grade([file], model, rows=rows, seed=seed, function=function, limits=limits)
        say(f"not run: {one.error}" if one.marking is None else str(one.marking))
        raise typer.Exit(_exit_code(one))
    files = sorted(file.glob("*.py"))
    if not files:
        raise InputError(f"there are no .py files in {file}.")
    name = out.with_suffix("") if out.suffix in (".csv", ".html") else out
    tables = (Path(f"{name}.csv"), Path(f"{name}.html"))
    check_can_write(*tables, reading=[*files, *([] if "->" in reference else [Path(reference)])])
    graded = grade(files, model, rows=rows, seed=seed, function=function, limits=limits)
    print_table(["file", "verdict", "mistakes", "layers"], [row[:4] for row in rows_of(graded)])
    say()
    print_table(["mistake or verdict", "submissions"], [[c, str(n)] for c, n in counts(graded).most_common()])
    write_atomically(tables[0], [csv_text(graded).encode()])
    write_atomically(tables[1], [html_text(graded).encode()])
    say(f"\nwritten: {tables[0]}, {tables[1]}")
    raise typer.Exit(max(map(_exit_code, graded)))


def _exit_code(one: Graded) -> int:
    """0 if the function is right, 1 if it is not, 2 if it could not be marked."""
    return 2 if one.marking is None else 0 if one.right else 1


def _reference(text: str, seed: int) -> Model:
    """The reference network: a model file, or a network written as text."""
    if "->" in text:
        return network_of(text, seed)
    from chainrule.files import load  # noqa: PLC0415 - imports safetensors, which is heavy

    return load(Path(text))[0]
