"""The structure of the code in figures: long files and functions, imports inside functions, circles of files.

``python benchmarks/structure.py`` measures this tree; ``python benchmarks/structure.py before/src src`` shows two trees
side by side. ``--list`` names the files and functions that are counted.
"""

import argparse
import ast
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

LONG_FILE, LONG_FUNCTION = 300, 50


@dataclass(frozen=True)
class Import:
    """One module imported by another.

    Attributes:
        importer, imported: dotted names; ``imported`` is a file's where it is the tree's own.
        line: in the importing file.
        kind: ``"own"``, ``"third party"`` or ``"standard library"``.
        in_function: whether it happens only when a function is called.
        for_types: whether only type checkers read it.
    """

    importer: str
    imported: str
    line: int
    kind: str
    in_function: bool
    for_types: bool


@dataclass
class Tree:
    """What was measured of a tree.

    Attributes:
        lines: of each file.
        functions: lines of each function, by file, line and name, with its docstring and without.
        imports: all of them.
    """

    lines: dict[str, int] = field(default_factory=dict)
    functions: dict[str, tuple[int, int]] = field(default_factory=dict)
    imports: list[Import] = field(default_factory=list)


def measure(src: Path) -> Tree:
    """Everything that is counted below, of the Python files under ``src``."""
    files = {_module(path, src): path for path in sorted(src.rglob("*.py"))}
    if not files:
        sys.exit(f"no Python files in {src}")
    tree = Tree()
    for module, path in files.items():
        text = path.read_text(encoding="utf-8")
        parsed = ast.parse(text)
        tree.lines[module] = text.count("\n")
        for function in _functions(parsed):
            tree.functions[f"{module}:{function.lineno} {function.name}"] = _function_lines(function)
        tree.imports.extend(_imports(module, parsed, set(files)))
    return tree


def _module(path: Path, src: Path) -> str:
    parts = path.relative_to(src).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# -------------------------------------------------------------------------------- functions
Function = ast.FunctionDef | ast.AsyncFunctionDef


def _functions(parsed: ast.Module) -> Iterator[Function]:
    return (node for node in ast.walk(parsed) if isinstance(node, Function))


def _function_lines(function: Function) -> tuple[int, int]:
    """From ``def`` to the last line, with the docstring and without."""
    lines = _lines(function)
    return lines, lines - (0 if ast.get_docstring(function) is None else _lines(function.body[0]))


def _lines(node: ast.stmt) -> int:
    return (node.end_lineno or node.lineno) - node.lineno + 1


# -------------------------------------------------------------------------------- imports
def _imports(importer: str, parsed: ast.Module, files: set[str]) -> Iterator[Import]:
    in_function = {inner for function in _functions(parsed) for inner in ast.walk(function)}
    for_types = {
        inner
        for node in ast.walk(parsed)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    own = {name.partition(".")[0] for name in files}
    for node in ast.walk(parsed):
        if isinstance(node, ast.ImportFrom):
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        # names from one module are one import, unless they are modules themselves
        for name in sorted(
            {_file(name, files) if name.partition(".")[0] in own else name.partition(".")[0] for name in names}
        ):
            yield Import(importer, name, node.lineno, _kind(name, own), node in in_function, node in for_types)


def _file(name: str, files: set[str]) -> str:
    """The file that a dotted name comes from."""
    while name not in files and "." in name:
        name = name.rpartition(".")[0]
    return name


def _kind(name: str, own: set[str]) -> str:
    top = name.partition(".")[0]
    if top in own:
        return "own"
    return "standard library" if top in sys.stdlib_module_names else "third party"


# -------------------------------------------------------------------------------- circles
def circles(tree: Tree, *, with_types: bool) -> list[list[str]]:
    """Files that import each other, directly or through others; the largest circle first.

    Imports inside functions count, those for type checkers if ``with_types``.
    """
    edges: dict[str, set[str]] = {module: set() for module in tree.lines}
    for found in tree.imports:
        if found.kind == "own" and (with_types or not found.for_types):
            edges[found.importer].add(found.imported)
    reached = {module: _reached(module, edges) for module in edges}
    found_circles = {
        tuple(sorted(other for other in reached[module] if module in reached[other]))
        for module in edges
        if module in reached[module]
    }
    return sorted((list(circle) for circle in found_circles), key=lambda circle: (-len(circle), circle))


def _reached(start: str, edges: dict[str, set[str]]) -> set[str]:
    """All files that ``start`` imports, directly or through others."""
    seen: set[str] = set()
    waiting = list(edges[start])
    while waiting:
        module = waiting.pop()
        if module not in seen:
            seen.add(module)
            waiting.extend(edges.get(module, ()))
    return seen


# -------------------------------------------------------------------------------- what is printed
def listed(tree: Tree) -> dict[str, list[str]]:
    """What each counted figure counts."""
    late = {kind: [i for i in tree.imports if i.in_function and i.kind == kind] for kind in ("own", "third party")}

    def longest(lines: dict[str, int], limit: int) -> list[str]:
        return [f"{lines[name]:5} {name}" for name in sorted(lines, key=lines.__getitem__, reverse=True)
                if lines[name] > limit]  # fmt: skip

    with_docstring = {name: lines for name, (lines, _) in tree.functions.items()}
    without = {name: lines for name, (_, lines) in tree.functions.items()}
    return {
        f"files above {LONG_FILE} lines": longest(tree.lines, LONG_FILE),
        f"functions above {LONG_FUNCTION} lines": longest(with_docstring, LONG_FUNCTION),
        "  not counting docstrings": longest(without, LONG_FUNCTION),
        **{
            f"imports inside functions: {kind}": [f"{i.importer}:{i.line} {i.imported}" for i in late[kind]]
            for kind in late
        },
        "circles of files": [", ".join(circle) for circle in circles(tree, with_types=False)],
        "circles of files, TYPE_CHECKING too": [", ".join(circle) for circle in circles(tree, with_types=True)],
    }


def figures(tree: Tree) -> dict[str, int]:
    """The figures, by what they count."""

    def largest(*, with_types: bool) -> int:
        return max((len(circle) for circle in circles(tree, with_types=with_types)), default=0)

    return {
        "files": len(tree.lines),
        "lines": sum(tree.lines.values()),
        **{what: len(which) for what, which in listed(tree).items()},
        "largest circle of files": largest(with_types=False),
        "largest circle of files, TYPE_CHECKING too": largest(with_types=True),
    }


def main() -> None:
    """Measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    here = Path(__file__).parents[1] / "src"
    parser.add_argument("src", nargs="*", type=Path, default=[here], help="folders of sources; this project's if none")
    parser.add_argument("--list", action="store_true", help="name what is counted, of the last folder")
    asked = parser.parse_args()
    trees = [measure(src) for src in asked.src]
    columns = [figures(tree) for tree in trees]
    for what in columns[0]:
        print(f"{what:44}" + "".join(f"{column[what]:9,}" for column in columns))
    if asked.list:
        for what, which in listed(trees[-1]).items():
            print(f"\n{what.strip()}:", *which, sep="\n  ")


if __name__ == "__main__":
    main()
