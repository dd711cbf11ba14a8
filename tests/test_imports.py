"""The house: imports run one way, and what is heavy is fetched only by those who need it."""

import ast
import subprocess
import sys
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import chainrule

HOUSE = Path(chainrule.__file__).parent

ROOMS = [
    "errors", "core", "optimizers", "trace", "engine", "training", "verify", "explain", "interchange", "exercises",
    "marking", "diagnosis", "files", "sweeps", "plots", "extend", "neuron", "network", "tables", "estimators", "cli",
]  # fmt: skip
"""From the ground up: a room may import from those before it."""

TYPES_FROM_ABOVE = {
    ("sweeps", "network"): "a result holds networks, made by the function that it was given",
}
"""Where a room names a type of a room above it, read by type checkers only, and why."""

HEAVY = {
    "scipy", "sympy", "matplotlib", "rich", "duckdb", "typer", "click", "numba", "safetensors", "pandas", "sklearn",
    "narwhals", "pyarrow",
}  # fmt: skip


PACKAGE = {
    HOUSE / "__init__.py": "what users import",
    HOUSE / "__main__.py": "the command",
}
FILES = {
    ".".join(path.relative_to(HOUSE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(HOUSE.rglob("*.py"))
}
"""By module, every file of the library."""


def inside(tree, kinds, condition=lambda node: True):
    return {
        inner for outer in ast.walk(tree) if isinstance(outer, kinds) and condition(outer) for inner in ast.walk(outer)
    }


def imports(path):
    """The files that a file imports, each with whether only type checkers read it; those of functions too."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = inside(tree, ast.If, lambda node: isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING")
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            assert not any(alias.name == "*" for alias in node.names), f"{path}: names are imported one by one"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        for name in names:
            module = name if name in FILES else name.rpartition(".")[0]
            if module in FILES:
                yield module, node in for_types


def room_of(module):
    return module.split(".")[1] if "." in module else ""


GRAPH = {module: list(imports(path)) for module, path in FILES.items()}
INSIDE = {module: path for module, path in FILES.items() if path not in PACKAGE}


def test_every_room_has_its_place():
    assert {room_of(module) for module in INSIDE} <= set(ROOMS)


@pytest.mark.parametrize("module", INSIDE)
def test_imports_run_one_way(module):
    here = room_of(module)
    for target, for_types in GRAPH[module]:
        there = room_of(target)
        if not there:
            assert here in ("cli", "tables"), f"{module} imports the face of the whole house"
        elif not (for_types and (here, there) in TYPES_FROM_ABOVE):
            assert ROOMS.index(there) <= ROOMS.index(here), f"{module} imports {target}, which stands above it"


def test_types_from_above_are_those_listed():
    used = {(room_of(module), room_of(target)) for module in INSIDE for target, for_types in GRAPH[module] if for_types}
    above = {(here, there) for here, there in used if ROOMS.index(there) > ROOMS.index(here)}
    assert above == set(TYPES_FROM_ABOVE)


def test_no_file_imports_itself_by_way_of_others():
    """Imports inside functions count as well, but for types from above."""
    order = TopologicalSorter()
    for module in INSIDE:
        wanted = [target for target, for_types in GRAPH[module]
                  if target in INSIDE and target != module
                  and not (for_types and (room_of(module), room_of(target)) in TYPES_FROM_ABOVE)]  # fmt: skip
        order.add(module, *wanted)
    assert len(list(order.static_order())) == len(INSIDE)


def run(code):
    """The output of a program of its own."""
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, timeout=60,
        cwd=HOUSE.parent,
    ).stdout.split()  # fmt: skip


def test_importing_fetches_nothing_heavy():
    loaded = run("import sys, chainrule; print(*{name.partition('.')[0] for name in sys.modules})")
    assert "chainrule" in loaded
    assert not set(loaded) & HEAVY


def test_building_training_and_tracing_a_network_needs_numpy_alone():
    loaded = run(
        "import sys, chainrule as cr\n"
        "net = cr.Network(2, [cr.Dense(3, 'tanh'), cr.BatchNorm(), cr.Dense(1)], loss='squared_error', seed=0)\n"
        "net.fit([[0.0, 1.0], [1.0, 0.0]], [0.0, 1.0], epochs=2)\n"
        "x, t = [[0.0, 1.0]], [1.0]\n"
        "str(net.trace(x, t)), net.hessian(x, t), net.check_gradients(x, t)\n"
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    assert not set(loaded) & HEAVY


def test_the_door_offers_what_it_says():
    assert sorted(chainrule.__all__) == sorted(set(chainrule.__all__))
    assert all(hasattr(chainrule, name) for name in chainrule.__all__)
