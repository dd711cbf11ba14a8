"""What the commands print with: tables that are aligned when piped and fit the terminal otherwise.

Rich's tables are imported where they are needed (hence PLC0415): most of what a command prints is plain text.
"""

import os
import shlex
import sys
from collections.abc import Sequence

from rich.console import Console

from chainrule.core.format import number, text_table


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
