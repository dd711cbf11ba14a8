"""What the commands print with: tables that are aligned when piped and fit the terminal otherwise, and pictures.

Rich and Matplotlib are fetched where they are needed (hence PLC0415): most of what a command prints is plain text.
"""

import io
import os
import shlex
import sys
import tempfile
from collections.abc import Iterable, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console

from chainrule.core.format import number, text_table
from chainrule.errors import InputError
from chainrule.files.atomic import write_atomically
from chainrule.tables.reading import files_of, is_query

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MODEL_ENDING = ".safetensors"


class _Console(Console):
    """Prints names and cells of strangers' tables, in which nothing is markup, an emoji's name or a colour."""

    def on_broken_pipe(self) -> None:
        """Whoever read our output has gone, as `head` does: say no more, but finish the work: its result is a file."""
        self.quiet = True
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


_console = _Console(highlight=False, markup=False, emoji=False)


def printable(text: str) -> str:
    """The text without control characters, which could move the cursor or break a line."""
    return "".join(" " if ord(letter) < 32 or 127 <= ord(letter) < 160 else letter for letter in text)


def say(text: str = "") -> None:
    """Print lines: on a terminal broken between words, when piped as they are."""
    _console.print("\n".join(map(printable, text.split("\n"))), soft_wrap=not _console.is_terminal)


def say_next(*command: str) -> None:
    """Print what one may want to run next, on one line that can be copied."""
    _console.print(printable(f"next: chainrule {shlex.join(command)}"), soft_wrap=True)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns; on a terminal too narrow for them, cells are broken into lines."""
    cells = [[printable(cell) for cell in row] for row in rows]
    text = text_table(header, cells)
    if not _console.is_terminal or max(map(len, text.split("\n"))) <= _console.width:
        _console.print(text, soft_wrap=True)
        return
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 2, 0, 0), header_style="")
    for title in header:
        table.add_column(title, overflow="fold")
    for row in cells:
        table.add_row(*row)
    _console.print(table)


def print_facts(facts: Sequence[tuple[str, str]]) -> None:
    """A word and what there is to say of it on each line, aligned; on a terminal broken between words."""
    width = max(len(word) for word, _ in facts) + 2
    if not _console.is_terminal:
        for word, text in facts:
            say(f"{word:{width}}{text}")
        return
    from rich.table import Table  # noqa: PLC0415

    grid = Table.grid()
    grid.add_column(width=width)
    grid.add_column(overflow="fold")
    for word, text in facts:
        grid.add_row(word, printable(text))
    _console.print(grid)


def figure_of(value: float) -> str:
    """A number of a table's unit: ``239``, ``0.8955``, ``31,240``."""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e15 else number(value, 4)


def counted(count: int, word: str) -> str:
    """``1 row``, ``1,024 rows``."""
    return f"{count:,} {word}{'' if count == 1 else 's'}"


def shortened(texts: Sequence[str], most: int = 8) -> str:
    """Texts with commas between, those beyond ``most`` only counted."""
    shown = [text if len(text) <= 40 else text[:39] + "…" for text in texts[:most]]
    return ", ".join(shown) + (f" and {len(texts) - most:,} more" if len(texts) > most else "")


# -------------------------------------------------------------------------------- files
def check_can_write(*outputs: Path | None, reading: Iterable[str | Path]) -> None:
    """Fail before long work, not after it, and before a file is lost that the command itself reads.

    Args:
        outputs: the files that the command will write; None is one that was not asked for.
        reading: what it reads: files, and tables as the user named them, queries too.

    Raises:
        InputError: an output is a folder, its folder is missing, nothing can be written there, or it is one of the
            files that are read or another output, by whatever path or link.
        TableError: a query does more than read.
    """
    wanted = [path for path in outputs if path is not None]
    for path in wanted:
        _check_place(path)
    for path in wanted:
        for file in (file for source in reading for file in files_of(source)):
            if _is_same_file(path, file):
                read = "is a file" if path == file else f"is the file {file}"
                raise InputError(
                    f"{path} {read} that this command reads, and would be lost: name another file to write to."
                )
    for first, second in combinations(wanted, 2):
        if _is_same_file(first, second):
            raise InputError(f"{first} and {second} would be written to one file: name two.")


def _check_place(path: Path) -> None:
    folder = path.absolute().parent
    if path.is_dir():
        raise InputError(f"{path} is a folder: name a file in it.")
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}: make it first.")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"nothing can be written in {folder} ({error.strerror}): choose another folder.") from None


def _is_same_file(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file, through links of either kind, or would once it is there."""
    try:
        return one.samefile(other)
    except OSError:  # one of them is not there
        return os.path.normcase(os.path.realpath(one)) == os.path.normcase(os.path.realpath(other))


def check_model_name(path: Path) -> None:
    """A model is not written over what may be a table."""
    if path.suffix != MODEL_ENDING:
        raise InputError(f"the model file's name must end with {MODEL_ENDING}, got {path.name!r}.")


def beside(table: str, ending: str, otherwise: str) -> Path:
    """A file named after the table, in the folder one stands in; ``otherwise`` for a query."""
    if is_query(table):
        return Path(otherwise)
    name = Path(table).name
    return Path(Path(name.removesuffix(".gz")).stem + ending)


def check_picture_name(path: Path) -> None:
    """Matplotlib must know the ending.

    Raises:
        InputError: it does not.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415

    known = Figure().canvas.get_supported_filetypes()
    if path.suffix[1:].lower() not in known:
        raise InputError(f"the picture's name must end with one of .{', .'.join(known)}, got {path.name!r}.")


def write_picture(figure: "Figure", path: Path) -> None:
    """Write a picture whole or not at all."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=150, format=path.suffix[1:].lower())
    write_atomically(path, [drawn.getvalue()])
