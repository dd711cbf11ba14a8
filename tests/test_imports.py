"""The house: imports run one way, and what is heavy is fetched only by those who need it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import chainrule

HOUSE = Path(chainrule.__file__).parent

ROOMS = [
    "errors", "core", "optimizers", "trace", "engine", "training", "verify", "explain", "interchange", "exercises",
    "marking", "diagnosis", "files", "plots", "sweeps", "extend", "neuron", "network", "tables", "estimators", "cli",
]  # fmt: skip
"""From the ground up: a room may import from those before it."""

UPWARD = {("training", "plots"), ("training", "diagnosis"), ("diagnosis", "plots")}
"""The exception: ``history.plot()`` fetches the room above when it is called."""

HEAVY = {
    "scipy", "sympy", "matplotlib", "rich", "duckdb", "typer", "click", "numba", "safetensors", "pandas", "sklearn",
    "narwhals", "pyarrow",
}  # fmt: skip


def imports(path):
    """The rooms that a file imports from, each with whether it does so only when a function is called."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for_types = {
        inner
        for outer in ast.walk(tree)
        if isinstance(outer, ast.If) and isinstance(outer.test, ast.Name) and outer.test.id == "TYPE_CHECKING"
        for inner in ast.walk(outer)
    }
    late = {
        inner
        for outer in ast.walk(tree)
        if isinstance(outer, ast.FunctionDef | ast.AsyncFunctionDef)
        for inner in ast.walk(outer)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        if node in for_types:  # read by type checkers only
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] == "chainrule":
                yield parts[1] if len(parts) > 1 and parts[1] in ROOMS else "chainrule", node in late


def room_of(path):
    return path.relative_to(HOUSE).with_suffix("").parts[0]


DOORS = {HOUSE / "__init__.py", HOUSE / "__main__.py"}
FILES = sorted(set(HOUSE.rglob("*.py")) - DOORS)


def test_every_room_has_its_place():
    assert {room_of(path) for path in FILES} <= set(ROOMS)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(HOUSE).as_posix())
def test_imports_run_one_way(path):
    here = room_of(path)
    for there, late in imports(path):
        if there == "chainrule":
            assert here in ("cli", "tables"), f"{here} imports the face of the whole house"
        elif (here, there) in UPWARD:
            assert late, f"{here} may import from {there} only where it is called"
        else:
            assert ROOMS.index(there) <= ROOMS.index(here), f"{here} imports from {there}, which stands above it"


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
