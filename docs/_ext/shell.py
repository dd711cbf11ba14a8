"""A directive that tells the commands of the shell from their own declarations."""

from collections.abc import Iterator
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from typer.main import get_command

from chainrule.cli.app import app as shell


class Commands(SphinxDirective):
    """A section for each command: what it does, its arguments, its options with their defaults."""

    def run(self) -> list[nodes.Node]:
        commands: dict[str, Any] = getattr(get_command(shell), "commands")  # noqa: B009 - of the group that it is
        lines = [line for name, command in commands.items() for line in _told(name, command)]
        return self.parse_text_to_nodes("\n".join(lines), allow_section_headings=True)


def _told(name: str, command: Any) -> Iterator[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    needed = [f"{p.opts[-1]} {p.name.upper()}" for p in options if p.required]
    usage = ["chainrule", name, *(p.name.upper() for p in arguments), *needed, "[options]"]
    yield from (f"## {name}", "", command.help, "", "```sh", " ".join(usage), "```", "")
    for p in arguments:
        yield from (f"`{p.name.upper()}`", f": {p.help}", "")
    for p in options:
        value = "" if p.is_flag else f" {p.name.upper()}"
        yield from (f"`{p.opts[-1]}{value}`{_usual(p)}", f": {p.help}", "")


def _usual(option: Any) -> str:
    if option.required:
        return " (needed)"
    return "" if option.default is None else f" (usually `{option.default}`)"


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("commands", Commands)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
