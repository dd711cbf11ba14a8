"""``chainrule explain``: the trace of one row, and one of its derivatives by its numbers."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from chainrule.cli.derive import check_output, derivation
from chainrule.cli.output import figure_of, print_facts, print_table, say
from chainrule.cli.report import surprises
from chainrule.core.activations import ElementwiseActivation
from chainrule.core.format import number, numbers
from chainrule.core.layers import Dense
from chainrule.core.unitwise import UnitwiseActivation
from chainrule.errors import InputError
from chainrule.network import Network
from chainrule.tables import Column, Table, TableModel, load_table_model
from chainrule.trace import Trace
from chainrule.training import Data
from chainrule.verify.gradients import check_gradients

_MOST_PROBABILITIES = 5


def run(model: Path, source: str, row: int, of: str | None = None, form: str = "text", out: Path | None = None) -> None:
    """Read the model and the row, print its numbers, or one derivative unfolded."""
    if of is None and (form != "text" or out is not None):
        raise InputError("--format and --out belong to a derivative: say which with --of 'W1[0, 1]'.")
    check_output(form, out, reading=[model, source])
    trained = load_table_model(model)
    table = trained.read(source)
    if not 1 <= row <= table.rows:
        raise InputError(f"--row must be from 1 to {table.rows} (the table's rows, counted from 1), got {row}.")
    chosen = table.select(np.array([row - 1]))
    if of is not None:
        derivation(trained, chosen, of, form, out)
        return
    print_row(trained, chosen)


def print_row(model: TableModel, row: Table) -> None:
    """A row's prediction, inputs, trace, and one derivative."""
    net = model.network.astype("float64")  # numbers one can follow by hand need more digits than float32 has
    x, t = model.encoder.encode(row), _known_target(model, row)
    print_facts([*_prediction_facts(model, net.forward(x)), ("target", _target_text(model, row))])
    for surprise in surprises(model, row):
        say(f"note: {surprise}")
    say()
    cells = [_cell(row[feature.name]) for feature in model.encoder.features for _ in feature.names]
    names = model.encoder.names
    print_table(
        ["input", "name", "cell", "value"],
        [[f"x[{i}]", name, cells[i], number(x[0, i])] for i, name in enumerate(names)],
    )
    say()
    trace = net.trace(x, t)
    print_trace(trace)
    if t is not None:
        say()
        print_derivative(net, trace, names)


def _known_target(model: TableModel, row: Table) -> np.ndarray | None:
    """The target ``t`` (1, outputs); None if the row has none, or a class never seen in training."""
    target = model.target
    if target.name not in row.names or row[target.name].missing[0]:
        return None
    column = row[target.name]
    unseen = target.classes and target.texts(column)[0] not in target.classes
    return None if unseen else target.encode(column)


def _target_text(model: TableModel, row: Table) -> str:
    name = model.target.name
    if name not in row.names or row[name].missing[0]:
        return "not known: values only go up"
    unseen = _known_target(model, row) is None
    return _cell(row[name]) + (", a class never seen in training: values only go up" if unseen else "")


def _prediction_facts(model: TableModel, y: np.ndarray) -> Iterator[tuple[str, str]]:
    """The prediction, and how it follows from the output y."""
    target, said = model.target, model.target.decode(y)
    prediction = said["prediction"][0]
    if target.scaling is not None:
        mean, scale = number(target.scaling.mean), number(target.scaling.scale)
        yield (
            "prediction",
            f"{figure_of(prediction)} = {mean} + {scale} * y[0], by the target's mean and spread in training",
        )
        return
    link = "sigmoid" if target.task == "binary" else "softmax"
    yield "prediction", f"{prediction}, the class of the highest probability in {link}(y)"
    shares = target.probabilities(y)[0]
    order = np.argsort(-shares, kind="stable")[:_MOST_PROBABILITIES]
    yield "probability", ", ".join(f"{target.classes[k]} {number(shares[k], 4)}" for k in order)
    if s := target.smoothing.share:
        learned = f"{link}(y) is (1 - s) p + s/K, with s = {s:g} and K = {len(target.classes)}"
        yield "smoothing", f"undone in the probability p: {learned}"


def _cell(column: Column) -> str:
    """The first cell as the table has it."""
    value = column.values[0]
    if column.missing[0]:
        return "(missing)"
    if column.unread:
        return column.unread[0]
    if column.kind == "date":
        seconds = np.datetime64(round(value * 86400), "s")
        return str(seconds.astype("datetime64[D]") if value == np.floor(value) else seconds)
    return str(column.texts()[0]) if column.kind != "number" else number(value, 10)


def print_trace(trace: Trace) -> None:
    """Every quantity of the pass, in the order of computation."""
    rows: list[list[str]] = []
    part = ""
    for quantity in trace.quantities:
        head = "" if quantity.part == part else quantity.part
        part = quantity.part
        rows.append([head, quantity.name, quantity.formula, numbers(quantity.value)])
    print_table(["pass", "quantity", "formula", "value"], rows)


def print_derivative(net: Network, trace: Trace, names: Sequence[str]) -> None:
    """The largest derivative of the first layer's weights, as its factors, with its proof beside it."""
    first = net.layers[0]
    if not isinstance(first, Dense):
        return
    x, dW = trace["x"], trace["dW1"]
    i, j = (int(k) for k in np.unravel_index(np.abs(dW).argmax(), dW.shape))
    label = f"W1[{i}, {j}]"
    proof = check_gradients(net.model, Data(x, trace["t"]), only=label).entries[0]
    delta = number(trace["delta1"][0, j])
    say(f"One derivative by its numbers: the weight {label} from {names[i]} to unit {j} of layer 1.")
    say(f"  delta1[{j}] = {_delta_text(first, trace, j)} = {delta}")
    say(f"  dE/d{label} = x[{i}] * delta1[{j}] = {number(x[0, i])} * {delta} = {number(dW[i, j], 10)}")
    say(f"  by finite differences, in float64: {number(proof.difference, 10)}, so it is {proof.verdict}")


def _delta_text(layer: Dense, trace: Trace, j: int) -> str:
    """``da1[j] * phi'(z1[j])`` with its numbers; a sum over units where the activation mixes them."""
    phi = layer.activation
    if not isinstance(phi, ElementwiseActivation | UnitwiseActivation):
        return f"sum over units k of da1[k] * (the derivative of a1[k] by z1[{j}], {phi.name} mixing the units)"
    slope = phi.derivative(trace["z1"])[0, j]
    return f"da1[{j}] * {phi.name}'(z1[{j}]) = {number(trace['da1'][0, j])} * {number(slope)}"
