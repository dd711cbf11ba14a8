"""The house as a picture and a table, both from what the files really import: pages cannot differ from the code."""

import ast
from collections.abc import Iterable
from functools import cache
from html import escape
from pathlib import Path
from types import MappingProxyType

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

HOUSE = Path(__file__).parents[2] / "src" / "chainrule"

FLOORS = (
    ("shell", {"cli": "the commands"}),
    ("tables", {"tables": "tables in, predictions out", "estimators": "in scikit-learn's place"}),
    ("what you hold", {"extend": "your own parts", "neuron": "one neuron", "network": "a network"}),
    ("keep and vary", {"files": "model files", "sweeps": "many networks", "plots": "pictures"}),
    (
        "learn from it",
        {
            "interchange": "as source code",
            "exercises": "questions",
            "marking": "mistakes named",
            "diagnosis": "failures explained",
        },
    ),
    ("prove, explain", {"verify": "against differences", "explain": "chain rules unfolded"}),
    ("train", {"engine": "machine code", "training": "fit and its reference"}),
    ("step", {"optimizers": "rules and schedules", "trace": "a pass, quantity by quantity"}),
    ("compute", {"errors": "one family", "core": "activations, losses, layers, the chain"}),
)
"""From the roof down: each floor's name, and its rooms with what they are for."""

ROOMS = MappingProxyType({room: words for _, floor in FLOORS for room, words in floor.items()})


# -------------------------------------------------------------------------------- what imports what
@cache
def imports_of(room: str) -> frozenset[str]:
    """The rooms that a room's files import from, when they are loaded or later."""
    files = [HOUSE / f"{room}.py"] if (HOUSE / f"{room}.py").exists() else (HOUSE / room).rglob("*.py")
    found = {name for path in files for name in _imported(path)}
    return frozenset({name.split(".")[1] for name in found if name.startswith("chainrule.")} & set(ROOMS) - {room})


def _imported(path: Path) -> Iterable[str]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        inner
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if node in for_types:
            continue
        if isinstance(node, ast.ImportFrom):
            yield from (f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


# -------------------------------------------------------------------------------- the picture
WIDTH, ROOF, FLOOR, LEFT, GAP = 760, 64, 62, 128, 10

STYLE = """
.house text { font-family: inherit, sans-serif; text-anchor: middle; fill: var(--color-foreground-primary, #222); }
.house .room { font-weight: 600; font-size: 15px; }
.house .words { font-size: 11.5px; fill: var(--color-foreground-secondary, #555); }
.house .floor { font-size: 12px; text-anchor: end; fill: var(--color-foreground-muted, #777); }
.house rect, .house .roof { stroke: var(--color-brand-primary, #0072b2); fill: var(--color-brand-primary, #0072b2);
  fill-opacity: 0.1; stroke-width: 1.2; stroke-linejoin: round; }
.house a:hover rect { fill-opacity: 0.25; }
.house .way { stroke: var(--color-foreground-muted, #777); fill: none; stroke-width: 1.5; }
.house .tip { fill: var(--color-foreground-muted, #777); stroke: none; }
"""


def picture() -> str:
    """The house as SVG that takes its colours from the page, light or dark."""
    height = ROOF + FLOOR * len(FLOORS) + 4
    box = f'viewBox="0 0 {WIDTH} {height}" style="width: 100%; height: auto"'
    title = "The rooms of chainrule on their floors: a room imports from below, or from its left on its own floor"
    parts = [
        f'<svg class="house" {box} role="img" aria-labelledby="house-title" xmlns="http://www.w3.org/2000/svg">',
        f'<title id="house-title">{title}</title>',
        f"<style>{STYLE}</style>",
        f'<path class="roof" d="M {LEFT} {ROOF - GAP} L {(LEFT + WIDTH) / 2} 4 L {WIDTH - 2} {ROOF - GAP} Z"/>',
        _text((LEFT + WIDTH) / 2, ROOF - 20, "room", "import chainrule"),
    ]
    for number, (name, rooms) in enumerate(FLOORS):
        top = ROOF + number * FLOOR
        parts.append(_text(LEFT - 14, top + (FLOOR - GAP) / 2 + 4, "floor", name))
        each = (WIDTH - 2 - LEFT + GAP) / len(rooms)
        parts += [_room(LEFT + i * each, top, each - GAP, room, words) for i, (room, words) in enumerate(rooms.items())]
    down = f"M 8 {ROOF + 6} V {height - 18}"
    tip = f"M 3 {height - 20} L 13 {height - 20} L 8 {height - 8} Z"
    return "\n".join([*parts, f'<path class="way" d="{down}"/>', f'<path class="tip" d="{tip}"/>', "</svg>"])


def _room(x: float, y: float, width: float, room: str, words: str) -> str:
    height, middle = FLOOR - GAP, x + width / 2
    below = ", ".join(_in_order(imports_of(room))) or "nothing"
    return (
        f'<a href="#the-rooms"><title>{room} imports {below}</title>'
        f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" rx="5"/>'
        f"{_text(middle, y + 22, 'room', room)}{_text(middle, y + 40, 'words', words)}</a>"
    )


def _text(x: float, y: float, kind: str, words: str) -> str:
    return f'<text class="{kind}" x="{x:.1f}" y="{y:.1f}">{escape(words)}</text>'


def _in_order(rooms: Iterable[str]) -> list[str]:
    """From the top of the house down."""
    return sorted(rooms, key=list(ROOMS).index)


# -------------------------------------------------------------------------------- the directives
class House(SphinxDirective):
    """The picture."""

    def run(self) -> list[nodes.Node]:
        return [nodes.raw("", f"<div>{picture()}</div>", format="html")]


class Rooms(SphinxDirective):
    """A table of the rooms: what each is for, and what it imports."""

    def run(self) -> list[nodes.Node]:
        lines = ["| room | what it is for | imports from |", "| --- | --- | --- |"]
        for room, words in ROOMS.items():
            below = ", ".join(f"`{other}`" for other in _in_order(imports_of(room)))
            lines.append(f"| `{room}` | {words} | {below} |")
        return self.parse_text_to_nodes("\n".join(lines))


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_directive("house", House)
    app.add_directive("rooms", Rooms)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
