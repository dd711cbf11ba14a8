"""A directive that tells a command of the shell from its own declaration."""

from collections.abc import Iterable, Iterator
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective
from typer.main import get_command

from chainrule.cli.app import app as shell


class Command(SphinxDirective):
    """What a command does, its arguments and its options with their defaults."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        commands: dict[str, Any] = getattr(get_command(shell), "commands")  # noqa: B009 - of the group that it is
        return self.parse_text_to_nodes("\n".join(_told(self.arguments[0], commands[self.arguments[0]])))


def _told(name: str, command: Any) -> Iterator[str]:
    arguments = [p for p in command.params if p.param_type_name == "argument"]
    options = [p for p in command.params if p.param_type_name == "option"]
    needed = [f"--{p.name.replace('_', '-')} {p.name.upper()}" for p in options if p.required]
    usage = ["chainrule", name, *(p.name.upper() for p in arguments), *needed, "[options]"]
    yield from (command.help, "", "```sh", " ".join(usage), "```", "")
    for p in arguments:
        yield from _item(f"`{p.name.upper()}`", p.help)
    for p in options:
        value = "" if p.is_flag else f" {p.name.upper()}"
        yield from _item(f"`{p.opts[-1]}{value}`{_usual(p)}", p.help)


def _usual(option: Any) -> str:
    if option.required:
        return " (needed)"
    return "" if option.default is None else f" (usually `{option.default}`)"


def _item(term: str, meaning: str) -> Iterable[str]:
    return (term, f": {meaning}", "")


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("command", Command)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
