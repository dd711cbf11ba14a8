"""``chainrule explain --of``, ``formula`` and ``export``: formulas of a trained network, with the table's own names."""

import json
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Protocol

from chainrule.cli.files import check_can_write, check_ending
from chainrule.cli.output import say
from chainrule.errors import InputError
from chainrule.files.atomic import write_atomically
from chainrule.tables import Table, TableModel, Target, load_table_model
from chainrule.tables.class_probabilities import probability_source

FORMATS = {"text": (".txt", ".md"), "latex": (".tex",), "html": (".html", ".htm"), "json": (".json",)}
"""By name, the endings of files of that format."""
TARGETS = ("python", "pytorch")


class Rendered(Protocol):
    """What a derivation and a sheet of formulas have in common."""

    def text(self, *, names: dict[str, str] | None = None, colour: bool = False) -> str:
        """For the terminal."""
        ...

    def latex(self, *, names: dict[str, str] | None = None) -> str:
        """For a document."""
        ...

    def html(self, *, names: dict[str, str] | None = None, whole_page: bool = False) -> str:
        """For a browser."""
        ...

    def to_dict(self) -> dict[str, object]:
        """For a program."""
        ...


def check_output(form: str, out: Path | None, reading: Sequence[str | Path]) -> None:
    """Fail before anything is read: an unknown format, or a file that cannot or must not be written."""
    _check_word("--format", form, FORMATS)
    check_can_write(out, reading=reading)
    check_ending(out, FORMATS[form], f"{form} formulas")


def derivation(model: TableModel, row: Table, of: str, form: str, out: Path | None) -> None:
    """One derivative of a row's loss, unfolded to its last factor.

    Raises:
        InputError: the row's target is missing, or there is no such quantity.
    """
    name = model.target.name
    if name not in row.names or row[name].missing[0]:
        raise InputError(
            f"a derivative needs the row's target, but {name!r} is missing: choose another row, or no --of."
        )
    net = model.network.astype("float64")
    why = net.explain(of, model.encoder.encode(row), model.target.encode(row[name]))
    _write(why, form, _names(model), out)


def formula(path: Path, form: str, out: Path | None) -> None:
    """The network as formulas."""
    check_output(form, out, reading=[path])
    model = load_table_model(path)
    _write(model.network.formula(), form, _names(model), out)


def export(path: Path, to: str, out: Path | None) -> None:
    """The network as source code."""
    _check_word("--to", to, TARGETS)
    check_can_write(out, reading=[path])
    check_ending(out, (".py",), "source code")
    model = load_table_model(path)
    source = model.network.to_python() if to == "python" else model.network.to_pytorch()
    _put(source.rstrip("\n") + "\n" + _probabilities(model.target, to), out)


def _probabilities(target: Target, to: str) -> str:
    """The source of a function of the probabilities; nothing where there are no classes."""
    return probability_source(target.classes, target.outputs, target.smoothing, to)


def _names(model: TableModel) -> dict[str, str]:
    """The table's names in place of ``x[3]``."""
    return {f"x[{i}]": name for i, name in enumerate(model.encoder.names)}


def _write(result: Rendered, form: str, names: dict[str, str], out: Path | None) -> None:
    if form == "text":
        text = result.text(names=names, colour=out is None and sys.stdout.isatty())
    elif form == "latex":
        text = result.latex(names=names)
    elif form == "html":
        text = result.html(names=names, whole_page=True)
    else:
        text = json.dumps(result.to_dict(), indent=1)
    _put(text, out)


def _put(text: str, out: Path | None) -> None:
    """To the file, or to the standard output as it is: it may be meant for another program."""
    if out is None:
        sys.stdout.write(text.rstrip("\n") + "\n")
        return
    write_atomically(out, [text.encode()])
    say(f"wrote {out}")


def _check_word(option: str, given: str, known: Collection[str]) -> None:
    if given not in known:
        raise InputError(f"{option} must be one of {', '.join(known)}, got {given!r}.")
