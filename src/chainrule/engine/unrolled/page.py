"""A program's text while it is being written: its lines, its variables' names, and its imports."""

from collections.abc import Mapping, Sequence

from chainrule.core import chain as maths
from chainrule.core.activations import Activation
from chainrule.core.chain import Chain
from chainrule.core.layers import Dense
from chainrule.core.losses import ElementwiseLoss
from chainrule.core.unitwise import rows_of
from chainrule.engine.unrolled.program import Unrolled

_ENGINE = "chainrule.engine"
KIT = f"{_ENGINE}.kernels.unrolled"
SIMD, MEMORY, TILES, SYNC, FUNCTIONS, ACTIVATIONS, LOSSES, OPTIMIZERS = (
    f"{_ENGINE}.lanes.{name}"
    for name in ("simd", "memory", "tiles", "sync", "functions", "activations", "losses", "optimizers")
)
"""Where the programs' own imports come from."""

WIDTH = 118
"""Signs in a line."""


class Page:
    """The lines of one program, and what its sections need to know of it."""

    def __init__(self, program: Unrolled) -> None:
        self.program, self.chain, self.form = program, program.chain, program.form
        self.names = parameter_names(self.chain)
        self.dense = [layer for layer in self.chain.layers if isinstance(layer, Dense)]
        self.trained = [l for l, layer in enumerate(self.dense, start=1) if layer.trainable]
        self.free = [self.names[k] for k in program.free]
        decayed = maths.decayed_entries(self.chain)
        self.decayed = {self.names[k] for k in program.free if decayed[k]}
        self.used: dict[str, set[str]] = {}
        self.lines: list[str] = []
        self.depth = 1

    def put(self, *lines: str) -> None:
        """Lines at the present depth; long ones are broken at commas."""
        indent = "    " * self.depth
        for line in lines:
            self.lines += [indent + part for part in broken(line, WIDTH - len(indent))] if line else [""]

    def use(self, module: str, *names: str) -> None:
        """Remember that names must be imported."""
        self.used.setdefault(module, set()).update(names)

    def section(self, title: str) -> None:
        """A line that says what comes."""
        self.put("", f"# ---- {title}")

    def tile(self, place: str, names: Sequence[str]) -> str:
        """Numbers read from a part of the group's memory."""
        at = self.program.places[place] * self.form.lanes
        return f"load_tile(memory, {at}, {len(names)}, LANES, 1)" if names else ""

    def load(self, place: str, names: Sequence[str]) -> None:
        """A line that reads them into registers."""
        if names:
            self.put(f"{as_tuple(names)} = {self.tile(place, names)}")

    def store(self, place: str, names: Sequence[str]) -> None:
        """A line that writes registers back."""
        if names:
            at = self.program.places[place] * self.form.lanes
            self.put(f"store_tile(memory, {at}, LANES, 1, {as_tuple(names)})")

    def moments(self) -> dict[str, list[str]]:
        """The names of the optimizer's moments, by kind."""
        return {kind: [f"{kind}_{name}" for name in self.free] for kind in "mv"[: len(self.program.moments)]}

    def activation_name(self, l: int, i: int) -> str:
        """``a1_0``, or ``x_0`` of layer 0."""
        return f"x_{i}" if l == 0 else f"a{l}_{i}"

    def wires(self, l: int) -> list[tuple[int, int]]:
        """The weights of a layer that exist."""
        layer, below = self.dense[l - 1], self.chain.units[l - 1]
        return [(i, j) for i in range(below) for j in range(layer.units) if layer.mask is None or layer.mask[i, j] > 0]

    def divisor(self) -> str:
        """What a row's loss is divided by in E, where all rows and outputs count alike."""
        outputs = self.chain.outputs if self.is_mean and not self.form.missing else 1
        return "count" if outputs == 1 else f"{outputs}.0*count"

    @property
    def is_mean(self) -> bool:
        """Whether a row's loss is a mean over several outputs."""
        loss = self.chain.loss
        return isinstance(loss, ElementwiseLoss) and loss.reduction == "mean" and self.chain.outputs > 1


def parameter_names(chain: Chain) -> list[str]:
    """``W1_0_1`` and so on, for each number of the flat vector; a shared bias is just ``b1``."""
    labels = [slot.label(k) for slot in chain.slots for k in range(slot.stop - slot.start)]
    return [label.replace("[", "_").replace(", ", "_").replace("]", "") for label in labels]


def as_tuple(names: Sequence[str]) -> str:
    """Names as a tuple, also a single one."""
    return f"({', '.join(names)}{',' if len(names) == 1 else ''})"


def sum_lines(first: str, products: Sequence[tuple[str, str]], name: str) -> list[str]:
    """Lines for ``name = first + a b + c d + ...``, a few terms a line; a long sum in two that run side by side."""
    if not products:
        return [f"{name} = {first}"]
    if len(products) >= 8:
        half = len(products) // 2
        upper = sum_lines("", products[half:], f"{name}_rest")
        return [*sum_lines(first, products[:half], name), *upper, f"{name} = {name} + {name}_rest"]
    lines, sum_ = [], first
    for begin in range(0, len(products), 3):
        for a, b in products[begin : begin + 3]:
            sum_ = f"fma({a}, {b}, {sum_})" if sum_ else f"{a}*{b}"
        lines.append(f"{name} = {sum_}")
        sum_ = name
    return lines


def constants(parameters: Mapping[str, float]) -> str:
    """A row's constants as the two numbers that its compiled form takes."""
    return as_tuple([repr(float(value)) for value in [*parameters.values(), 0.0, 0.0][:2]])


def unit_activations(row: Activation, units: int) -> list[Activation]:
    """Each unit's activation."""
    rows = rows_of(row)
    return [*rows] if len(rows) > 1 else [row] * units


def broken(line: str, width: int) -> list[str]:
    """A long line broken after commas or before signs, inside parentheses, where Python allows it."""
    parts, begin, space, depth = [], 0, 0, 0
    for k, sign in enumerate(line):
        if k - begin >= width and space > begin:
            parts.append(line[begin:space])
            begin = space + 1
            width = width - 4 if len(parts) == 1 else width
        depth += (sign in "([") - (sign in ")]")
        space = k if sign == " " and depth > 0 and "#" not in line[:k] else space
    parts.append(line[begin:])
    return [parts[0], *(f"    {part}" for part in parts[1:])]


def import_line(module: str, names: Sequence[str]) -> str:
    """An import, broken where it is long."""
    line = f"from {module} import {', '.join(names)}"
    return line if len(line) <= WIDTH else "\n".join(broken(f"from {module} import ({', '.join(names)})", WIDTH))
