"""Three things that docstrings say plainly, and Sphinx would misread."""

import re

from sphinx.application import Sphinx

_VALUES = ("property", "attribute", "data")
_SECTION = re.compile(r"(Args|Returns|Raises|Example|References):")
_SEVERAL = re.compile(r":ivar \w+(, \w+)+:")
_CLAIM = re.compile(r"( *)([a-z_]+(?:, [a-z_]+)*): (.*)")


def _keep(app: Sphinx, what: str, name: str, _thing: object, _options: object, lines: list[str]) -> None:
    """Before napoleon: what is said of a value, whose words before a colon napoleon would take for a type."""
    if what in _VALUES:
        app.env.temp_data[f"said of {name}"] = list(lines)


def _put_back(app: Sphinx, what: str, name: str, _thing: object, _options: object, lines: list[str]) -> None:
    """After napoleon."""
    if what in _VALUES:
        lines[:] = app.env.temp_data.pop(f"said of {name}") or []


def _keep_together(_app: Sphinx, _what: str, _name: str, _thing: object, _options: object, lines: list[str]) -> None:
    """After napoleon: several attributes told in one line, of which Sphinx would take the first for a type."""
    lines[:] = [_SEVERAL.sub(lambda names: names[0].replace(", ", ",\N{NO-BREAK SPACE}"), line) for line in lines]


def _list_claims(_app: Sphinx, what: str, name: str, _thing: object, _options: object, lines: list[str]) -> None:
    """A check's claims stand below one another, each ``name: what it claims``: as a list, with the names as code."""
    if what != "function" or not name.rpartition(".")[2].startswith("check_"):
        return
    inside = 0  # how far a claim's further lines are indented
    for n, line in enumerate(lines):
        if _SECTION.fullmatch(line):
            return
        claim = _CLAIM.fullmatch(line)
        if claim:
            inside = len(claim[1]) + 4
            lines[n] = f"{claim[1]}- ``{claim[2]}``: {claim[3]}"
        elif inside and line.startswith(" " * inside):
            lines[n] = line[2:]
        else:
            inside = 0


def setup(app: Sphinx) -> dict[str, bool]:
    before, after = 400, 600  # napoleon listens at 500
    app.connect("autodoc-process-docstring", _keep, priority=before)
    app.connect("autodoc-process-docstring", _list_claims, priority=before)
    app.connect("autodoc-process-docstring", _put_back, priority=after)
    app.connect("autodoc-process-docstring", _keep_together, priority=after)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
