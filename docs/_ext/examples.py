"""The examples of a page: what stands behind ``>>>`` in its code blocks, in order, sharing one set of names.

``tests/test_docs.py`` runs them, and the ``picture`` directive draws from them: what a page shows is what its code gives.
"""

import doctest
import re
from pathlib import Path

_FENCE = re.compile(r"^ *(`{3,})(.*)$")


def code_only(page: str, language: str = "pycon") -> str:
    """The page with every line outside code blocks of that language left blank: line numbers stay."""
    kept, closing, wanted = [], "", False
    for line in page.splitlines():
        fence = _FENCE.match(line)
        if not closing and fence:
            closing, wanted = fence[1], fence[2].strip() == language
        elif closing and fence and fence[1] == closing and not fence[2]:
            closing, wanted = "", False
        elif wanted:
            kept.append(line)
            continue
        kept.append("")
    return "\n".join(kept) + "\n"


def examples(path: Path) -> list[doctest.Example]:
    """A page's examples; an example's ``lineno`` counts from 0."""
    return doctest.DocTestParser().get_examples(code_only(path.read_text(encoding="utf-8")), path.name)
