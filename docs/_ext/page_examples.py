"""The examples of a page: what stands behind ``>>>`` and ``$`` in its code blocks.

``tests/test_docs.py`` runs them, and the ``picture`` directive draws from them: what a page shows is what its code
gives.
"""

import doctest
import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

_FENCE = re.compile(r" *(`{3,})(.*)")


class Block(NamedTuple):
    """A code block, without its fences; ``line`` is the number of its first line, from 0."""

    line: int
    lines: list[str]


class Command(NamedTuple):
    """What is typed into the shell, without the ``$``, and what the page says that it prints."""

    typed: str
    printed: str


def blocks(page: Path, language: str) -> Iterator[Block]:
    """The page's code blocks in that language."""
    closing, wanted, block = "", False, Block(0, [])
    for number, line in enumerate(page.read_text(encoding="utf-8").splitlines()):
        fence = _FENCE.fullmatch(line)
        if fence and not closing:
            closing, wanted, block = fence[1], fence[2].strip() == language, Block(number + 1, [])
        elif fence and fence[1] == closing and not fence[2]:
            if wanted:
                yield block
            closing = ""
        else:
            block.lines.append(line)


def examples(page: Path) -> list[doctest.Example]:
    """The Python examples of a page, which share one set of names; an example's ``lineno`` counts from 0."""
    return [
        doctest.Example(e.source, e.want, e.exc_msg, block.line + e.lineno, e.indent, e.options)
        for block in blocks(page, "pycon")
        for e in doctest.DocTestParser().get_examples("\n".join(block.lines) + "\n", page.name)
    ]


def commands(page: Path) -> list[Command]:
    """The shell's commands on a page, in order."""
    parts = [re.split(r"^\$ ", "\n".join(block.lines), flags=re.MULTILINE)[1:] for block in blocks(page, "console")]
    return [Command(typed, printed) for part in parts for typed, _, printed in (text.partition("\n") for text in part)]
