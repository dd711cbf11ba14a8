"""Writes the programs of ``unrolled.program``: Python source, section by section, a line for every unit."""

import textwrap
from collections.abc import Iterator, Mapping, Sequence

from chainrule.core import chain as maths
from chainrule.core.activations import Activation
from chainrule.core.chain import Chain
from chainrule.core.layers import Dense
from chainrule.core.losses import ElementwiseLoss
from chainrule.core.unitwise import rows_of
from chainrule.engine.unrolled import program as u
from chainrule.engine.unrolled.program import Unrolled

_ENGINE = "chainrule.engine"
KIT = f"{_ENGINE}.kernels.unrolled"
SIMD, SYNC, FUNCTIONS = f"{_ENGINE}.lanes.simd", f"{_ENGINE}.lanes.sync", f"{_ENGINE}.lanes.functions"
ACTIVATIONS, LOSSES, OPTIMIZERS = (f"{_ENGINE}.lanes.{name}" for name in ("activations", "losses", "optimizers"))
"""Where the programs' own imports come from."""

WIDTH = 118
"""Signs in a line."""


def write(program: Unrolled) -> str:
    """The program's text."""
    return _Writer(program).text()


def _names(chain: Chain) -> list[str]:
    """``W1_0_1`` and so on, for each number of the flat vector; a shared bias is just ``b1``."""
    labels = [slot.label(k) for slot in chain.slots for k in range(slot.stop - slot.start)]
    return [label.replace("[", "_").replace(", ", "_").replace("]", "") for label in labels]


def _tuple(names: Sequence[str]) -> str:
    """Names as a tuple, also a single one."""
    return f"({', '.join(names)}{',' if len(names) == 1 else ''})"


def _terms(first: str, products: Sequence[tuple[str, str]], name: str) -> list[str]:
    """Lines for ``name = first + a b + c d + ...``, a few terms a line; a long sum in two that run side by side."""
    if not products:
        return [f"{name} = {first}"]
    if len(products) >= 8:
        half = len(products) // 2
        upper = _terms("", products[half:], f"{name}_rest")
        return [*_terms(first, products[:half], name), *upper, f"{name} = {name} + {name}_rest"]
    lines, sum_ = [], first
    for begin in range(0, len(products), 3):
        for a, b in products[begin : begin + 3]:
            sum_ = f"fma({a}, {b}, {sum_})" if sum_ else f"{a}*{b}"
        lines.append(f"{name} = {sum_}")
        sum_ = name
    return lines


def _constants(parameters: Mapping[str, float]) -> str:
    """A row's constants as the two numbers that its twin takes."""
    return _tuple([repr(float(value)) for value in [*parameters.values(), 0.0, 0.0][:2]])


def _of_units(row: Activation, units: int) -> list[Activation]:
    """Each unit's activation."""
    rows = rows_of(row)
    return [*rows] if len(rows) > 1 else [row] * units


def _broken(line: str, width: int) -> list[str]:
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


def _import(module: str, names: Sequence[str]) -> str:
    line = f"from {module} import {', '.join(names)}"
    return line if len(line) <= WIDTH else "\n".join(_broken(f"from {module} import ({', '.join(names)})", WIDTH))


class _Writer:
    """Writes one program, section by section."""

    def __init__(self, program: Unrolled) -> None:
        self.program, self.chain, self.form = program, program.chain, program.form
        self.names = _names(self.chain)
        self.dense = [layer for layer in self.chain.layers if isinstance(layer, Dense)]
        self.trained = [l for l, layer in enumerate(self.dense, start=1) if layer.trainable]
        self.free = [self.names[k] for k in program.free]
        decayed = maths.decayed_entries(self.chain)
        self.decayed = {self.names[k] for k in program.free if decayed[k]}
        self.used: dict[str, set[str]] = {}
        self.lines: list[str] = []
        self.depth = 1

    # ------------------------------------------------------------------ lines
    def put(self, *lines: str) -> None:
        """Lines at the present depth; long ones are broken at commas."""
        indent = "    " * self.depth
        for line in lines:
            self.lines += [indent + part for part in _broken(line, WIDTH - len(indent))] if line else [""]

    def use(self, module: str, *names: str) -> None:
        """Remember that names must be imported."""
        self.used.setdefault(module, set()).update(names)

    def section(self, title: str) -> None:
        """A line that says what comes."""
        self.put("", f"# ---- {title}")

    # ------------------------------------------------------------------ the whole
    def text(self) -> str:
        """The module."""
        self.kernel()
        body = "\n".join(self.lines)
        self.use(SIMD, "pointer_to")
        imports = "\n".join(_import(module, sorted(names)) for module, names in sorted(self.used.items()))
        dtype = self.chain.dtype.name
        return (
            f'"""{self.header()}"""\n\nfrom numba import {dtype}\n\n{imports}\n\nLANES = {self.form.lanes}\n'
            f"numbers = pointer_to({dtype}, LANES)\n\n\ndef kernel(job):\n{body}\n"
        )

    def header(self) -> str:
        """What a reader has to know."""
        layers = "; ".join(
            f"layer {l}: {layer.units} {'unit' if layer.units == 1 else 'units'}, {layer.activation.name}"
            for l, layer in enumerate(self.dense, start=1)
        )
        lanes = {
            "one": "There is one lane: every value is a plain number.",
            "copies": f"Every value is {self.form.lanes} lanes: as many copies of the network, side by side.",
            "rows": f"Every value is {self.form.lanes} lanes: as many rows of the batch, side by side.",
        }[self.form.across]
        moments = "".join(f"; {kind}_...: its {name}" for kind, name in zip("mv", self.program.moments, strict=False))
        inputs = f"{self.chain.inputs} {'input' if self.chain.inputs == 1 else 'inputs'}"
        what = f"{inputs}; {layers}; loss {self.chain.loss.name}; optimizer {self.form.rule}{moments}. {lanes}"
        alphabet = (
            "z: net input; a: activation; s: its slope phi'(z); e: a row's loss; de: its derivative by an output; "
            "delta: dE/dz; da: dE/da; dW, db: gradients. W1_0_1 is W1[0, 1]; fma(a, b, c) is a b + c; "
            "select(mask, a, b) is a where the mask is true and b elsewhere."
        )
        parts = [textwrap.fill(part, WIDTH) for part in (what, alphabet)]
        return "A network's training written out, unit by unit: this text is what runs.\n\n" + "\n\n".join(parts) + "\n"

    def kernel(self) -> None:
        """The function's body."""
        self.told()
        self.put("for group in range(first, last):")
        self.depth += 1
        self.begin()
        self.put("while update < end:")
        self.depth += 1
        self.epoch_begins()
        self.batch()
        self.update()
        self.put("update, batch = update + 1, batch + 1")
        self.epoch_ends()
        self.depth -= 1
        self.end()
        self.depth -= 1

    def told(self) -> None:
        """The job's words by their names."""
        form = self.form
        self.use(SIMD, "spread", "load_tile", "store_tile", "fma", "select")
        self.use(SYNC, "words", "reals")
        self.put(
            f"x, t, counts = numbers(job[{u.X}]), numbers(job[{u.T}]), numbers(job[{u.COUNTS}])",
            f"rows, columns, size, order = job[{u.ROWS}], job[{u.COLUMNS}], job[{u.BATCH}], words(job[{u.ORDER}])",
            f"first, last, limits = job[{u.FIRST}], job[{u.LAST}], reals(job[{u.LIMITS}])",
            f"losses, norms = numbers(job[{u.LOSSES}]), numbers(job[{u.NORMS}])",
            f"first_update, end = job[{u.UPDATE}], job[{u.UPDATE}] + job[{u.UPDATES}]",
            "batches = (rows + size - 1)//size",
        )
        if form.scheduled:
            self.put(f"etas = {'numbers' if form.across == 'copies' else 'reals'}(job[{u.ETAS}])")
        if form.scheduled and form.across == "copies":
            self.put(f"eta_starts = words(job[{u.ETA_STARTS}])")
        if form.across != "copies":
            self.put(f"apply = job[{u.APPLY}]")
        if form.held:
            self.put(
                f"held_x, held_t = numbers(job[{u.HELD_X}]), numbers(job[{u.HELD_T}])",
                f"held_counts, held_losses = numbers(job[{u.HELD_COUNTS}]), numbers(job[{u.HELD_LOSSES}])",
                f"held_rows, held_columns = job[{u.HELD_ROWS}], job[{u.HELD_COLUMNS}]",
            )
        if form.penalises:
            self.put(f"l1, l2 = limits[{u.L1}], limits[{u.L2}]")
        if form.clips_value:
            self.put(f"clip_value = limits[{u.CLIP_VALUE}]")
        if form.clips_norm:
            self.put(f"clip_norm = limits[{u.CLIP_NORM}]")
        if form.judges:
            self.put(f"patience, min_delta = limits[{u.PATIENCE}], limits[{u.MIN_DELTA}]")

    # ------------------------------------------------------------------ from memory and back
    def _tile(self, place: str, names: Sequence[str]) -> str:
        at = self.program.places[place] * self.form.lanes
        return f"load_tile(memory, {at}, {len(names)}, LANES, 1)" if names else ""

    def _load(self, place: str, names: Sequence[str]) -> None:
        if names:
            self.put(f"{_tuple(names)} = {self._tile(place, names)}")

    def _store(self, place: str, names: Sequence[str]) -> None:
        if names:
            at = self.program.places[place] * self.form.lanes
            self.put(f"store_tile(memory, {at}, LANES, 1, {_tuple(names)})")

    def _moments(self) -> dict[str, list[str]]:
        return {kind: [f"{kind}_{name}" for name in self.free] for kind in "mv"[: len(self.program.moments)]}

    def begin(self) -> None:
        """A group's numbers come into registers."""
        self.put(f"memory = numbers(job[{u.MEMORY}] + group*job[{u.STRIDE}])")
        self._load("parameters", self.names)
        for kind, names in self._moments().items():
            self._load(kind, names)
        self._load("settings", self.program.settings)
        self._load("kept", self.program.shared.kept)
        self._load("state", u.STATE)
        self.put(
            "zero, norm = spread(memory, 0.0), spread(memory, 0.0)",
            f"update, batch, done = first_update, job[{u.BATCH_NUMBER}], 0",
            f"record = group*job[{u.RECORDS}]*LANES",
        )

    def end(self) -> None:
        """And back into memory."""
        self.section("the end: back into memory")
        self._store("parameters", self.names)
        for kind, names in self._moments().items():
            self._store(kind, names)
        self._store("kept", self.program.shared.kept)
        self._store("state", u.STATE)
        if self.form.across != "copies":
            self.put(f"job[{u.UPDATE}], job[{u.BATCH_NUMBER}], job[{u.DONE}] = update, batch, done")

    # ------------------------------------------------------------------ an epoch begins
    def epoch_begins(self) -> None:
        """Its parameters are kept, its rows shuffled."""
        form = self.form
        self.section("an epoch begins")
        self.put("if batch == 0:")
        self.depth += 1
        self._store("entered", self.names)
        self.put("loss = zero")
        if form.across == "one" or form.differs:
            self.use(KIT, "shuffle")
            orders, group = ("LANES", " + group*(8*LANES)") if form.across == "copies" else ("1", "")
            self.put(f"if job[{u.STREAMS}] != 0:")
            self.put(f"    shuffle(order, rows, {orders}, job[{u.FUNCTION}], words(job[{u.STREAMS}]{group}))")
        self.depth -= 1

    # ------------------------------------------------------------------ a batch
    def batch(self) -> None:
        """Loss and gradients of a batch."""
        form = self.form
        if form.scheduled and form.across == "copies":
            self.use(KIT, "gather")
            self.put("eta = gather(etas, eta_starts, group*LANES, 1, update - first_update)")
        elif form.scheduled:
            self.put("eta = spread(memory, etas[update - first_update])")
        if form.single:
            self.section("a batch: a single row")
            self.put("k = batch", "count = 1")
            self.row()
        else:
            self.section("a batch")
            self.put("begin = batch*size", "count = min(size, rows - begin)", "E = zero")
            if form.counts:
                self.put("weight = zero", "standing = rows/(1.0*count)")
            elif (outputs := self._divisor()) != "count":
                self.put(f"part = 1.0/({outputs})")
            else:
                self.put("part = 1.0/count")
            self.use(SIMD, "zero_tile")
            self.put(f"{_tuple([f'd{name}' for name in self.free])} = zero_tile(memory, {len(self.free)}, 1)")
            step = ", LANES" if form.across == "rows" else ""
            self.put(f"for k in range(begin, begin + count{step}):")
            self.depth += 1
            self.row()
            self.depth -= 1
            if form.across == "rows":
                self.use(KIT, "together")
                self.put("# the lanes' rows together", "E = together(memory, E)")
                self.put(*(["weight = together(memory, weight)"] if form.counts else []))
                self.put(*(f"d{name} = together(memory, d{name})" for name in self.free))
            if not form.counts:
                self.put("E = E*part")
        if form.across != "copies":
            self.use(KIT, "every")
            self.put("if not every(E - E == 0.0):  # not finite: before anything is changed")
            self.put("    stopped = zero + 2.0", "    break")
        self.put("loss = loss + E" if form.counts else "loss = fma(E, count/(1.0*rows), loss)")

    def _divisor(self) -> str:
        """What a row's loss is divided by in E, where all rows and outputs count alike."""
        outputs = self.chain.outputs if self._is_mean and not self.form.missing else 1
        return "count" if outputs == 1 else f"{outputs}.0*count"

    @property
    def _is_mean(self) -> bool:
        loss = self.chain.loss
        return isinstance(loss, ElementwiseLoss) and loss.reduction == "mean" and self.chain.outputs > 1

    def row(self) -> None:
        """One row: up, loss, down, gradients."""
        form = self.form
        for line in self._fetch(held=False):
            self.put(line)
        self.put("# up")
        self.up()
        self.put("# loss")
        self.loss(form.missing, form.counts, held=False)
        self.put("# down")
        self.down()
        self.put("# gradients")
        self.gradients()

    def _fetch(self, *, held: bool) -> Iterator[str]:
        """A row's inputs and targets, and how much it counts."""
        form, inputs, outputs = self.form, self.chain.inputs, self.chain.outputs
        x, t, counts = ("held_x", "held_t", "held_counts") if held else ("x", "t", "counts")
        counted = form.held_counts if held else form.counts
        many = [(f"x_{i}", x, inputs, i) for i in range(inputs)] + [(f"t_{k}", t, outputs, k) for k in range(outputs)]
        many += [("c", counts, 1, 0)] if counted else []
        if form.across == "rows":
            self.use(KIT, "first_lanes")
            left = "held_rows - k" if held else "begin + count - k"
            yield f"here = first_lanes(memory, {left})"
        if form.across == "rows" and (held or not form.differs):
            self.use(SIMD, "load")
            columns = "held_columns" if held else "columns"
            for name, of, _, i in many:
                yield f"{name} = load({of}, {f'{i}*{columns} + ' if i else ''}k)"
        elif form.differs and not held:
            self.use(KIT, "gather")
            place = "k*LANES" if form.across == "copies" else "k"
            for name, of, step, i in many:
                yield f"{name} = gather({of}, order, {place}, {step}, {i})"
        else:
            self.use(SIMD, "number")
            if form.across == "one" and not held:
                yield "n = order[k]"
            n = "n" if form.across == "one" and not held else "k"
            for name, of, step, i in many:
                place = n if step == 1 else f"{step}*{n}" + (f" + {i}" if i else "")
                yield f"{name} = spread(memory, number({of}, {place}))"

    # ------------------------------------------------------------------ values go up
    def _a(self, l: int, i: int) -> str:
        return f"x_{i}" if l == 0 else f"a{l}_{i}"

    def _wires(self, l: int) -> list[tuple[int, int]]:
        """The weights of a layer that exist."""
        layer, below = self.dense[l - 1], self.chain.units[l - 1]
        return [(i, j) for i in range(below) for j in range(layer.units) if layer.mask is None or layer.mask[i, j] > 0]

    def up(self) -> None:
        """Each layer's net inputs, activations and slopes."""
        for l, layer in enumerate(self.dense, start=1):
            wires = self._wires(l)
            for j in range(layer.units):
                bias = {"per-unit": f"b{l}_{j}", "shared": f"b{l}", None: ""}[layer.bias]
                products = [(self._a(l - 1, i), f"W{l}_{i}_{j}") for i, k in wires if k == j]
                self.put(*_terms(bias or ("" if products else "zero"), products, f"z{l}_{j}"))
            if layer.activation.name == "softmax":
                self._softmax_up(l, layer.units)
                continue
            for j, row in enumerate(_of_units(layer.activation, layer.units)):
                self._activation(l, j, row)

    def _activation(self, l: int, j: int, row: Activation) -> None:
        if row.name == "identity":
            self.put(f"a{l}_{j} = z{l}_{j}")
            return
        self.use(ACTIVATIONS, row.name)
        self.put(f"a{l}_{j}, s{l}_{j} = {row.name}(z{l}_{j}, {_constants(row.parameters)})")

    def _largest(self, name: str, of: Sequence[str]) -> None:
        self.use(FUNCTIONS, "maximum")
        self.put(f"{name} = {of[0]}", *(f"{name} = maximum({name}, {other})" for other in of[1:]))

    def _softmax_up(self, l: int, units: int) -> None:
        self.use(FUNCTIONS, "exp_of_negative")
        self._largest("top", [f"z{l}_{j}" for j in range(units)])
        self.put(*(f"h_{j} = exp_of_negative(z{l}_{j} - top)" for j in range(units)))
        self.put(f"r = 1.0/({' + '.join(f'h_{j}' for j in range(units))})")
        self.put(*(f"a{l}_{j} = h_{j}*r" for j in range(units)))

    # ------------------------------------------------------------------ the loss
    def loss(self, missing: bool, counted: bool, *, held: bool) -> None:
        """A row's loss joins the batch's; its derivatives by the outputs."""
        form, outputs = self.form, self.chain.outputs
        here = form.across == "rows"
        if missing or here:
            for k in range(outputs):
                there = " & ".join((["here"] if here else []) + ([f"(t_{k} == t_{k})"] if missing else []))
                self.put(f"there_{k} = {there}")
                self.put(*([f"t_{k} = select(there_{k}, t_{k}, 0.0)"] if missing else []))
        if isinstance(self.chain.loss, ElementwiseLoss):
            e = self._elementwise(missing or here)
        else:
            e = self._cross_entropy(missing or here)
        if self._is_mean and missing:
            self.use(FUNCTIONS, "maximum")
            ones = " + ".join(f"select(there_{k}, zero + 1.0, 0.0)" for k in range(outputs))
            self.put(f"r = 1.0/maximum({ones}, 1.0)")
            e = f"({e})*r" if outputs > 1 else f"{e}*r"
            self.put(*(f"de_{k} = de_{k}*r" for k in range(outputs)))
        if counted and here:
            self.put("c = select(here, c, 0.0)")
        by_hand = held or counted or form.single  # else ``part`` divides the whole batch's sum
        mean = f"*{1 / outputs!r}" if self._is_mean and not missing and by_hand else ""
        e = f"({e}){mean}" if mean else e
        total = "held" if held else "E"
        if held or not form.single:
            self.put(f"{total} = fma(c, {e}, {total})" if counted else f"{total} = {total} + {e}")
            self.put(*(["weight = weight + c"] if counted and not held else []))
        else:
            self.put(f"E, weight = c*({e}), c" if counted else f"E = {e}")
        if counted and not held:
            self.put(f"part = c*({'rows' if form.single else 'standing'}{mean})")

    def _elementwise(self, selected: bool) -> str:
        """The terms of all outputs and their derivatives; their sum."""
        loss, l = self.chain.loss, len(self.dense)
        twin = "squared_error" if loss.name == "mean_squared_error" else loss.name
        self.use(LOSSES, twin)
        for k in range(self.chain.outputs):
            constants = _constants(loss.parameters)
            self.put(f"e_{k}, de_{k} = {twin}({self._a(l, k)}, t_{k}, {constants})")
            if selected:
                self.put(f"e_{k}, de_{k} = select(there_{k}, e_{k}, 0.0), select(there_{k}, de_{k}, 0.0)")
        return " + ".join(f"e_{k}" for k in range(self.chain.outputs))

    def _cross_entropy(self, selected: bool) -> str:
        """Softmax and cross-entropy fused; at the likeliest class the derivative comes from the others."""
        y, K = [self._a(len(self.dense), k) for k in range(self.chain.outputs)], self.chain.outputs
        self.use(FUNCTIONS, "exp_of_negative", "log1p")
        self._largest("top", y)
        for k in range(K):
            earlier = "".join(f" & ({y[j]} < top)" for j in range(k))
            self.put(f"is_top_{k} = ({y[k]} == top){earlier}")
        self.put(*(f"h_{k} = select(is_top_{k}, 0.0, exp_of_negative({y[k]} - top))" for k in range(K)))
        self.put(f"others = {' + '.join(f'h_{k}' for k in range(K))}")
        self.put(f"sum_t = {' + '.join(f't_{k}' for k in range(K))}")
        self.put(f"e_0 = {' + '.join(f't_{k}*(top - {y[k]})' for k in range(K))} + sum_t*log1p(others)")
        self.put("share = sum_t/(1.0 + others)")
        for k in range(K):
            rest = " + ".join(f"t_{j}" for j in range(K) if j != k) or "zero"
            self.put(f"de_{k} = select(is_top_{k}, ({rest}) - share*others, share*h_{k} - t_{k})")
        if selected:
            self.put("e_0 = select(there_0, e_0, 0.0)")
            self.put(*(f"de_{k} = select(there_{k}, de_{k}, 0.0)" for k in range(K)))
        return "e_0"

    # ------------------------------------------------------------------ deltas come down
    def _part(self) -> str:
        """What an output's derivative is multiplied by to be that of E; empty for 1."""
        form = self.form
        if form.counts or not form.single:
            return "part"
        return repr(1 / self.chain.outputs) if self._is_mean and not form.missing else ""

    def down(self) -> None:
        """``delta`` and ``da`` of each layer down to the lowest that is trained."""
        part, top = self._part(), len(self.dense)
        for l in range(top, self.trained[0] - 1, -1):
            layer = self.dense[l - 1]
            wires = [] if l == top else self._wires(l + 1)
            for i in range(layer.units):
                products = [(f"delta{l + 1}_{j}", f"W{l + 1}_{k}_{j}") for k, j in wires if k == i]
                if l < top:
                    self.put(*_terms("" if products else "zero", products, f"da{l}_{i}"))
            if layer.activation.name == "softmax":
                self._softmax_down(l, layer.units, part if l == top else "")
                continue
            for i, row in enumerate(_of_units(layer.activation, layer.units)):
                from_above = f"de_{i}" if l == top else f"da{l}_{i}"
                factors = ([] if row.name == "identity" else [f"s{l}_{i}"]) + ([part] if l == top and part else [])
                factor = f"({'*'.join(factors)})" if len(factors) > 1 else "".join(factors)
                self.put(f"delta{l}_{i} = {from_above}*{factor}" if factor else f"delta{l}_{i} = {from_above}")

    def _softmax_down(self, l: int, units: int, part: str) -> None:
        from_above = [f"de_{i}" if l == len(self.dense) else f"da{l}_{i}" for i in range(units)]
        self.put(*_terms("", [(f"a{l}_{i}", from_above[i]) for i in range(units)], "dot"))
        factor = f"*{part}" if part else ""
        self.put(*(f"delta{l}_{i} = a{l}_{i}*({from_above[i]} - dot){factor}" for i in range(units)))

    def gradients(self) -> None:
        """``dW`` and ``db``, added to those of the batch's earlier rows."""
        for l in self.trained:
            layer = self.dense[l - 1]
            for i, j in self._wires(l):
                name, a, delta = f"dW{l}_{i}_{j}", self._a(l - 1, i), f"delta{l}_{j}"
                self.put(f"{name} = {a}*{delta}" if self.form.single else f"{name} = fma({a}, {delta}, {name})")
            if layer.bias is None:
                continue
            if layer.bias == "per-unit":
                sums = {f"db{l}_{j}": f"delta{l}_{j}" for j in range(layer.units)}
            else:
                sums = {f"db{l}": " + ".join(f"delta{l}_{j}" for j in range(layer.units))}
            for name, summand in sums.items():
                self.put(f"{name} = {summand}" if self.form.single else f"{name} = {name} + {summand}")

    # ------------------------------------------------------------------ the update
    def update(self) -> None:
        """Penalties, clipping, the optimizer's rule."""
        form = self.form
        gradients = [f"d{name}" for name in self.free]
        if form.penalises:
            self.use(FUNCTIONS, "sign")
            self.section("penalties")
            self.put(*(f"d{w} = fma(l2, {w}, fma(l1, sign({w}), d{w}))" for w in self.free if w in self.decayed))
        if form.clips_value:
            self.use(FUNCTIONS, "clip")
            self.section("no entry too large")
            self.put(*(f"{g} = clip({g}, -clip_value, clip_value)" for g in gradients))
        if form.clips_norm:
            self.use(KIT, "norm_of")
            self.section("no gradient too long")
            self.put(f"norm = norm_of({_tuple(gradients)})")
            self.put("factor = select(norm > clip_norm, clip_norm/norm, zero + 1.0)", "norm = norm*factor")
            self.put(*(f"{g} = {g}*factor" for g in gradients))
        elif form.norms:
            self.use(KIT, "norm_of")
            self.put("if batch == batches - 1:", f"    norm = norm_of({_tuple(gradients)})")
        self.section("the update")
        if form.shows:
            self._store("gradient", gradients)
        if form.across != "copies":
            self.put("if apply == 0:", "    break")
        self._rule()

    def _rule(self) -> None:
        form, shared = self.form, self.program.shared
        if form.rule == "sgd" and not form.decays and not form.shows:
            self.put(*(f"{w} = fma(-eta, d{w}, {w})" for w in self.free))
            return
        twin = u.TWIN_OF.get(form.rule, form.rule)
        self.use(OPTIMIZERS, twin)
        if "exp" in "".join(shared.lines):
            self.use(FUNCTIONS, "exp")
        self.put(*shared.lines)
        self.put(f"q = {_tuple([*shared.q, *['zero'] * (8 - len(shared.q))])}")
        count = len(self.program.moments)
        for w in self.free:
            m, v = f"m_{w}" if count > 0 else "_", f"v_{w}" if count > 1 else "_"
            given = [f"m_{w}" if count > 0 else "zero", f"v_{w}" if count > 1 else "zero"]
            self.put(f"step_{w}, {m}, {v} = {twin}(d{w}, {', '.join(given)}, q)")
            if form.decays and w in self.decayed:
                self.put(f"step_{w} = fma(eta*decay, {w}, step_{w})")
        if form.shows:
            self._store("update", [f"step_{w}" for w in self.free])
        self.put(*(f"{w} = {w} - step_{w}" for w in self.free))

    # ------------------------------------------------------------------ an epoch ends
    def epoch_ends(self) -> None:
        """Is all still finite; validation; the best parameters; patience."""
        form = self.form
        self.use(KIT, "finite", "some")
        self.use(SIMD, "store")
        self.section("an epoch ends")
        self.put("if batch == batches:")
        self.depth += 1
        self.put("batch = 0", f"fine = finite({_tuple([*self.free, 'loss'])})")
        if form.across == "copies":
            self.use(KIT, "every")
            self.put("stopped = select(stopped == 0.0, select(fine, zero, 2.0), stopped)", "alive = stopped < 2.0")
            self.put("if not every(alive):  # a copy that diverged keeps what it began this epoch with")
            self.use(KIT, "select_tile")
            now, before = _tuple(self.names), self._tile("entered", self.names)
            self.put(f"    {now} = select_tile(alive, {now}, {before})")
            self.put("    loss = select(alive, loss, loss - loss + zero/zero)")
        else:
            self.put("if not some(fine):", "    stopped = zero + 2.0", "    update = update - 1", "    break")
        self.put("store(losses, record, loss)")
        if form.norms:
            self.put("store(norms, record, norm)")
        if form.held:
            self.validation()
        if form.judges:
            self.judge()
        self.put("record = record + LANES", "done = done + 1")
        self.put("if not some(stopped == 0.0):", "    break")
        self.depth -= 1

    def validation(self) -> None:
        """The loss of the rows set aside."""
        form = self.form
        self.put("held = zero")
        self.put(f"for k in range(0, held_rows, {'LANES' if form.across == 'rows' else '1'}):")
        self.depth += 1
        for line in self._fetch(held=True):
            self.put(line)
        self.up()
        self.loss(form.held_missing, form.held_counts, held=True)
        self.depth -= 1
        if form.across == "rows":
            self.use(KIT, "together")
            self.put("held = together(memory, held)")
        if not form.held_counts:
            self.put("held = held/(1.0*held_rows)")
        if form.across == "copies":
            self.put("held = select(alive, held, loss)")
        self.put("store(held_losses, record, held)")

    def judge(self) -> None:
        """The best parameters are kept; patience is watched."""
        form, places, lanes = self.form, self.program.places, self.form.lanes
        self.use(KIT, "keep")
        if form.held:
            self._store("parameters", self.names)
        kept = "parameters" if form.held else "entered"
        self.put(
            f"judged, now = {'held' if form.held else 'loss'}, spread(memory, job[{u.EPOCH}] + done)",
            "better = (judged < to_beat - min_delta) & (stopped == 0.0)",
            "to_beat, bettered = select(better, judged, to_beat), select(better, now, bettered)",
            "better = (judged < best) & (stopped == 0.0)",
            "if some(better):",
            f"    keep(memory, {places[kept] * lanes}, {places['best'] * lanes}, {self.chain.size}, LANES, better)",
            "    best, best_epoch = select(better, judged, best), select(better, now, best_epoch)",
            "stopped = select((stopped == 0.0) & (now - bettered >= patience), zero + 1.0, stopped)",
        )
