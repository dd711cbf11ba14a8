"""A program written by hand in C, built on the spot by the system's compiler: plain loops; 2-2-1 number by number."""

import ctypes
import subprocess
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from records import Array, Task, Trainer, Work

HERE = Path(__file__).parent
FLAGS = (
    "-O3",
    "-march=native",
    "-ffast-math",
    "-fno-tree-slp-vectorize",
    "-fPIC",
    "-shared",
)  # without SLP 2-2-1 is quicker


def trainer(task: Task) -> Trainer:
    """The program of the 2-2-1 network, or the one written for these sizes."""
    if task.work.sizes == (2, 2, 1):
        return Unrolled(task, build((HERE / "two_two_one.c").read_text()))
    return Loops(task, build(source_of(task.work)))


def build(source: str) -> ctypes.CDLL:
    """Compile and load; nothing is left behind."""
    with tempfile.TemporaryDirectory() as folder:
        code, library = Path(folder) / "program.c", Path(folder) / "program.so"
        code.write_text(source)
        subprocess.run(["cc", *FLAGS, str(code), "-o", str(library), "-lm"], check=True)
        return ctypes.CDLL(str(library))


def address(array: Array) -> ctypes.c_void_p:
    """Of its first number."""
    return ctypes.c_void_p(array.ctypes.data)


@dataclass
class Unrolled:
    """2-2-1, once or in copies."""

    task: Task
    library: ctypes.CDLL
    p: list[Array] = field(default_factory=list)
    epochs: int = 0

    def begin(self, epochs: int) -> None:
        """Each network's nine numbers in a row."""
        self.epochs = epochs
        copies = self.task.work.copies
        self.p = np.concatenate([array.reshape(copies, -1) for array in self.task.parameters], axis=1)

    def train(self) -> None:
        """One network after the other."""
        work, x, t = self.task.work, address(self.task.x), address(self.task.t)
        rows, epochs, eta = ctypes.c_long(work.rows), ctypes.c_long(self.epochs), ctypes.c_double(work.learning_rate)
        for network in self.p:
            self.library.train(x, t, address(network), rows, epochs, eta)

    def parameters(self) -> list[Array]:
        """In their own shapes again."""
        parts = np.split(self.p, [4, 6, 8], axis=1)
        return [part.reshape(array.shape) for part, array in zip(parts, self.task.parameters, strict=True)]


@dataclass
class Loops:
    """Any sizes: parameters, gradients and moments are the program's own arrays, lent to NumPy."""

    task: Task
    library: ctypes.CDLL
    epochs: int = 0

    def arrays(self, kind: str) -> list[Array]:
        """The program's arrays of one kind, by layer W and b."""
        found = []
        for k, like in enumerate(self.task.parameters):
            place = (ctypes.c_float * like.size).in_dll(self.library, f"{kind}{k}")
            found.append(np.frombuffer(place, np.float32).reshape(like.shape))
        return found

    def begin(self, epochs: int) -> None:
        """Fresh parameters and moments."""
        self.epochs = epochs
        for array, start in zip(self.arrays("p"), self.task.parameters, strict=True):
            array[...] = start
        for moment in self.arrays("m") + self.arrays("v"):
            moment[...] = 0

    def train(self) -> None:
        """The whole run in one call."""
        self.library.train(address(self.task.x), address(self.task.t), ctypes.c_long(self.epochs))

    def parameters(self) -> list[Array]:
        """After training."""
        return [array.copy() for array in self.arrays("p")]


def source_of(work: Work) -> str:
    """The loops of ``dense.c`` and under them the program of one network: an array a quantity, a call a layer."""
    arrays = []
    for l, (below, here) in enumerate(zip(work.sizes, work.sizes[1:], strict=False)):
        for k, size in ((2 * l, below * here), (2 * l + 1, here)):
            arrays += [f"float {kind}{k}[{size}] __attribute__((aligned(64)));" for kind in "pgmv"]
        arrays += [f"static float {kind}{l + 1}[{work.batch * here}] __attribute__((aligned(64)));" for kind in "ad"]
    body = "\n            ".join(forward_lines(work) + backward_lines(work) + update_lines(work))
    return f"""{(HERE / "dense.c").read_text()}
{chr(10).join(arrays)}

void train(in x, in t, long epochs)
{{
    long count = 0;
    for (long epoch = 0; epoch < epochs; epoch++)
        for (long start = 0; start < {work.rows}; start += {work.batch}) {{
            in a0 = x + start * {work.sizes[0]}, target = t + start * {work.sizes[-1]};
            count++;
            {body}
        }}
}}
"""


def forward_lines(work: Work) -> list[str]:
    """Net inputs and activations, layer by layer."""
    lines = []
    for l, (below, here) in enumerate(zip(work.sizes, work.sizes[1:], strict=False)):
        name = work.output if l == work.layers - 1 else work.hidden
        size = f"{work.batch}, {here}" if name == "softmax" else f"{work.batch * here}"
        lines.append(f"net_inputs(a{l}, p{2 * l}, p{2 * l + 1}, a{l + 1}, {work.batch}, {below}, {here});")
        lines.append(f"{'tanh_' if name == 'tanh' else name}(a{l + 1}, {size});")
    return lines


def backward_lines(work: Work) -> list[str]:
    """The last delta, then gradients and the delta handed down, from the last layer to the first."""
    L = work.layers
    lines = [f"last_delta(a{L}, target, d{L}, {work.batch}, {work.sizes[-1]});"]
    for l in range(L, 0, -1):
        sizes = f"{work.batch}, {work.sizes[l - 1]}, {work.sizes[l]}"
        lines.append(f"gradients(a{l - 1}, d{l}, g{2 * l - 2}, g{2 * l - 1}, {sizes});")
        if l > 1:
            lines.append(f"delta_below(d{l}, p{2 * l - 2}, d{l - 1}, {sizes});")
            lines.append(f"times_{work.hidden}_slope(a{l - 1}, d{l - 1}, {work.batch * work.sizes[l - 1]});")
    return lines


def update_lines(work: Work) -> list[str]:
    """The optimizer's rule on each array."""
    sizes = [size for below, here in zip(work.sizes, work.sizes[1:], strict=False) for size in (below * here, here)]
    rule, eta = work.optimizer, work.learning_rate
    return [f"{rule}(p{k}, g{k}, m{k}, v{k}, count, {eta}f, {size});" for k, size in enumerate(sizes)]
