"""A network and its training as a self-contained NumPy script: each partial derivative is a line beside its formula.

The script is made for reading: one function ``train`` in the order in which a step happens, one ``predict``, and the
activations, loss and optimizer it needs, copied from functions that tests compare with the library's own. It computes
in float64 what the reference engine computes, from the same seed.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from types import FunctionType

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.chain import Chain
from chainrule.core.model import Model
from chainrule.core.parameters import Slot
from chainrule.core.unitwise import rows_of
from chainrule.errors import InputError
from chainrule.explain.equations import equations_of, names_in
from chainrule.interchange.source import components
from chainrule.interchange.source import update as update_lines
from chainrule.interchange.source.layers import backward_lines, forward_lines, state_lines
from chainrule.interchange.source.listing import WIDTH, Line, array_literal, block, sources
from chainrule.interchange.source.loss import loss_lines, output_lines
from chainrule.training import Data, Settings

MOST = 5000
"""How many numbers, of the parameters and of the data, are written into the script; more are handed to ``train``."""


@dataclass(frozen=True)
class _Script:
    """What is written out, and what of it the lines depend on."""

    model: Model
    data: Data | None
    settings: Settings

    @property
    def chain(self) -> Chain:
        return self.model.chain

    @property
    def inline_data(self) -> bool:
        return self.data is not None and self.data.x.size + self.data.t.size <= MOST

    @property
    def inline_parameters(self) -> bool:
        return self.chain.size <= MOST

    @property
    def slots(self) -> list[Slot]:
        """The parameters that training changes."""
        return [slot for slot in self.chain.slots if self.chain.layers[slot.layer - 1].trainable]

    @property
    def lowest(self) -> int:
        """The lowest layer that has something to learn: deltas need not come further down."""
        return min((slot.layer for slot in self.slots), default=len(self.chain.layers) + 1)

    @property
    def decayed(self) -> list[str]:
        return [slot.name for slot in self.slots if slot.key in self.chain.layers[slot.layer - 1].decayed]

    @property
    def batch_size(self) -> int | None:
        """None where all rows are one batch, which then keeps their order."""
        size = self.settings.batch_size
        return None if size is None or (self.data is not None and size >= len(self.data.x)) else size

    @property
    def drops(self) -> bool:
        return any(layer.draws_random for layer in self.chain.layers)

    @property
    def shuffles(self) -> bool:
        return self.batch_size is not None and self.settings.shuffle

    @property
    def weighted(self) -> bool:
        return self.data is not None and self.data.weights is not None

    @property
    def missing(self) -> bool:
        return self.data is not None and bool(np.isnan(self.data.t).any())

    def uses(self, name: str) -> bool:
        """Whether the update's lines name ``epoch``, ``progress``, ``count`` or ``updates``."""
        rate = update_lines.rate_lines(self.settings.rule.schedule)
        equations = equations_of(self.settings.rule)
        return any(name in line.code for line in rate) or any(
            name in names_in(equation.formula) for equation in equations
        )

    @property
    def counts(self) -> bool:
        """Whether the updates are counted."""
        return any(map(self.uses, ("count", "progress")))


def to_python(model: Model, data: Data | None, settings: Settings) -> str:
    """The script.

    Args:
        model: the network.
        data: rows to train on, written into the script where they are few; None leaves them to the caller of ``train``.
        settings: of the training.

    Raises:
        InputError: a component of a user's own, or a learning rate that depends on losses.
    """
    script = _Script(model, data, settings)
    components.check_components(script.chain)
    if not script.slots:
        raise InputError("no layer of this network is trainable: there is no training to write out.")
    parts = [_docstring(script), "import numpy as np\n", *_data(script), _parameters(script)]
    functions = sources(_functions(script))
    if not update_lines.is_plain(settings.rule):
        functions.append(update_lines.optimizer_function(settings.rule))
    parts += [f"\n{function}" for function in [*functions, _train(script), _predict(script)]]
    if script.inline_data and script.inline_parameters:
        parts.append("\n" + _main(weighted=script.weighted))
    return "\n".join(parts)


# -------------------------------------------------------------------------------- head
def _docstring(script: _Script) -> str:
    chain, settings = script.chain, script.settings
    units = "-".join(map(str, chain.units))
    lines = [f'"""A {units} network and its training by backpropagation, written out in NumPy.', ""]
    for l, layer in enumerate(chain.layers, start=1):
        lines.append(f"layer {l}: {layer!r}, from {chain.units[l - 1]} to {chain.units[l]} units")
    lines += [f"loss: {chain.loss.name}, the mean over rows", f"optimizer: {settings.rule!r}", ""]
    lines += [
        "x are the inputs (N rows), t the targets, a0 = x. Layer l has net inputs zl and activations al; the last",
        "activations are the outputs y, and E is the loss. A name that begins with d is a derivative of E:",
        "dW1 = dE/dW1, da1 = dE/da1; deltal = dE/dzl; da1_dz1 is the one derivative within a layer. The @ is the",
        "matrix product, .T the transpose.",
    ]
    if chain.loss.is_fused:
        lines.append(f"The loss contains the {chain.loss.link}: apply it to the outputs to get predictions.")
    if chain.dtype != np.dtype(np.float64):
        lines.append(f"The network computed in {chain.dtype.name}, this script in float64: last digits will differ.")
    if not script.inline_parameters:
        lines.append(f"Its {chain.size} parameters are too many to be written here: hand them to train, by name.")
    if not script.inline_data:
        lines.append("Hand the data to train: x (N, inputs) and t (N, outputs), no target missing.")
    wrapped = [part for line in lines for part in textwrap.wrap(line, WIDTH, subsequent_indent="    ") or [""]]
    return "\n".join([*wrapped, '"""', ""])


def _data(script: _Script) -> list[str]:
    if not script.inline_data or script.data is None:
        return []
    lines = [f"X = {array_literal(script.data.x)}", f"T = {array_literal(script.data.t)}"]
    if script.data.weights is not None:
        lines.append(f"WEIGHTS = {array_literal(script.data.weights)}")
    return ["\n".join([*lines, ""])]


def _state(script: _Script) -> list[tuple[str, Array]]:
    """The running statistics, by the names the script gives them."""
    return [
        (f"running_{key}{l}", values)
        for l, kept in enumerate(script.model.state, start=1)
        for key, values in kept.items()
    ]


def _parameters(script: _Script) -> str:
    """The parameters and the wiring at the top of the script."""
    lines = []
    if script.inline_parameters:
        values = {slot.name: _value(script, slot) for slot in script.chain.slots} | dict(_state(script))
        body = "\n".join(f'    "{name}": {array_literal(value)},' for name, value in values.items())
        lines.append(f"PARAMETERS = {{\n{body}\n}}")
    for l, layer in enumerate(script.chain.layers, start=1):
        if layer.mask is not None and layer.trainable:
            lines.append(f"wired{l} = {array_literal(layer.mask)}  # 0 where there is no weight")
    return "\n".join([*lines, ""])


def _value(script: _Script, slot: Slot) -> Array:
    p = script.model.parameters.of_layer(slot.layer)
    return script.chain.layers[slot.layer - 1].effective(p)[slot.key] + 0.0  # so that no masked weight reads -0.0


def _functions(script: _Script) -> list[FunctionType]:
    rows = [row for layer in script.chain.layers for row in rows_of(layer.activation)]
    found = [function for row in rows for function in components.functions_of(row)]
    return [*found, *components.functions_of(script.chain.loss)]


# -------------------------------------------------------------------------------- training
def _train(script: _Script) -> str:
    """The function ``train``."""
    default = "=PARAMETERS" if script.inline_parameters else ""
    weights = ", weights" if script.weighted else ""
    arguments = f"x, t{weights}, parameters{default}, epochs={script.settings.epochs}"
    head = [f"def train({arguments}):", '    """The parameters after training, by name, and the loss of each epoch."""']
    body = block(_before(script), 1)
    inner = [*_row_lines(script), *_step(script)]
    loop = [f"for {'epoch' if script.uses('epoch') else '_'} in range(epochs):"]
    if script.batch_size is None:
        loop += [f"    {line}".rstrip() for line in [*inner, "losses.append(float(E))"]]
    else:
        loop += _batches(script, inner)
    kept = [slot.name for slot in script.chain.slots] + [name for name, _ in _state(script)]
    tail = ["", "trained = {", *(f'    "{name}": {name},' for name in kept), "}", "return trained, losses"]
    return "\n".join([*head, *body, *(f"    {line}".rstrip() for line in [*loop, *tail])]) + "\n"


def _before(script: _Script) -> list[Line]:
    """What stands before the loop."""
    names = [slot.name for slot in script.chain.slots] + [name for name, _ in _state(script)]
    lines = [Line(f'{name} = parameters["{name}"]') for name in names]
    if script.shuffles or script.drops:
        streams = "(np.random.default_rng(s) for s in np.random.SeedSequence(" + f"{script.settings.seed}).spawn(2))"
        names = f"{'shuffling' if script.shuffles else '_'}, {'dropping' if script.drops else '_'}"
        lines.append(Line(f"{names} = {streams}"))
    lines += update_lines.moments_lines(script.settings, script.slots)
    if update_lines.is_constant(script.settings.rule):
        lines += update_lines.rate_lines(script.settings.rule.schedule)
    if script.uses("progress") or script.uses("updates"):
        per_epoch = "1" if script.batch_size is None else f"-(-len(x) // {script.batch_size})"
        lines.append(Line("updates = epochs" if per_epoch == "1" else f"updates = epochs * {per_epoch}"))
    if script.counts:
        lines.append(Line("count = 0", "of the updates"))
    if script.batch_size is not None and (script.weighted or script.missing):
        lines.append(Line(f"mean_count = {_counts(script)}.mean()", "how much a row counts on the mean"))
    return [*lines, Line("losses = []")]


def _counts(script: _Script) -> str:
    """How much each of all rows counts: its weight, 0 without any target."""
    weights = "weights" if script.weighted else "1.0"
    return f"np.where(np.isnan(t).all(axis=1), 0.0, {weights})" if script.missing else weights


def _batches(script: _Script, inner: Sequence[str]) -> list[str]:
    """The loop over an epoch's batches; its loss is the mean of theirs, by the rows in each."""
    counts = "counted.sum()" if script.weighted or script.missing else "N"
    step = "" if script.batch_size == 1 else f", {script.batch_size}"
    lines = [
        *["order = shuffling.permutation(len(x))"] * script.shuffles,
        "total, rows_seen = 0.0, 0.0",
        f"for n in range({'0, ' if step else ''}len(x){step}):",
        *(f"    {line}" for line in inner),
        f"    total += float(E * {counts})",
        f"    rows_seen += float({counts})",
        "losses.append(total / rows_seen)",
    ]
    return [f"    {line}".rstrip() for line in lines]


def _row_lines(script: _Script) -> list[str]:
    """The rows of this update."""
    if script.batch_size is None:
        return ["a0, targets = x, t"] + ["row_weights = weights"] * script.weighted
    rows = f"{'order[' * script.shuffles}n : n + {script.batch_size}{']' * script.shuffles}"
    weights = [f"row_weights = weights[{rows}]"] * script.weighted
    return [f"a0, targets = x[{rows}], t[{rows}]", *weights]


def _step(script: _Script) -> list[str]:
    """Forward, loss, backward, update."""
    layers, top = script.chain.layers, len(script.chain.layers)
    forward = [line for l, layer in enumerate(layers, start=1) for line in forward_lines(l, layer, training=True)]
    shares, batches = script.weighted or script.missing, script.batch_size is not None
    backward = [*output_lines(script.chain, top, shares=shares, missing=script.missing, batches=batches)]
    for l in range(top, script.lowest - 1, -1):
        backward += backward_lines(l, layers[l - 1], down=l > script.lowest)
    counting = [Line("count += 1")] if script.counts else []
    if script.uses("progress"):
        counting.append(Line("progress = (count - 1) / max(updates - 1, 1)", "from 0 to 1"))
    return [
        "",
        "# forward: values go up",
        *block([*forward, Line(f"y = a{top}", "the outputs")]),
        "",
        "# loss",
        *block(loss_lines(script.chain, weighted=script.weighted, missing=script.missing)),
        "",
        "# backward: deltas come down",
        *block(backward),
        "",
        "# update: downhill",
        *block([*counting, *update_lines.update_lines(script.settings, script.slots, script.decayed)]),
        *block(_running(script)),
    ]


def _running(script: _Script) -> list[Line]:
    """The state that layers keep moves on."""
    return [line for l, layer in enumerate(script.chain.layers, start=1) for line in state_lines(l, layer)]


# -------------------------------------------------------------------------------- prediction
def _predict(script: _Script) -> str:
    """The function ``predict``."""
    layers = script.chain.layers
    names = [slot.name for slot in script.chain.slots] + [name for name, _ in _state(script)]
    lines = [Line("a0 = x"), *(Line(f'{name} = parameters["{name}"]') for name in names)]
    for l, layer in enumerate(layers, start=1):
        lines += [Line(line.code) for line in forward_lines(l, layer, training=False)]
    lines.append(Line(f"return a{len(layers)}"))
    default = "=PARAMETERS" if script.inline_parameters else ""
    head = [f"def predict(x, parameters{default}):", '    """The outputs y for rows x."""']
    return "\n".join([*head, *block(lines, 1)]) + "\n"


def _main(*, weighted: bool) -> str:
    """What the script does when it is run."""
    lines = [
        'if __name__ == "__main__":',
        f"    trained, losses = train(X, T{', WEIGHTS' if weighted else ''})",
        '    print("loss of the first and of the last epoch:", *losses[:1], *losses[-1:])',
        "    for name, value in trained.items():",
        '        print(f"{name} =\\n{value}")',
        '    print(f"outputs =\\n{predict(X, trained)}")',
    ]
    return "\n".join(lines) + "\n"
