"""``chainrule explain``: the trace of one row, and one of its derivatives told by its numbers."""

from pathlib import Path

import numpy as np

from chainrule.check.gradients import check_gradients
from chainrule.cli.output import console, print_table
from chainrule.data import Table, read_table
from chainrule.errors import InputError
from chainrule.layers import Dense
from chainrule.network import Network
from chainrule.show import number
from chainrule.tabular import TableModel, load_table_model
from chainrule.trace import Trace
from chainrule.training import Data


def run(model: Path, source: str, row: int) -> None:
    """Read the model and the row, print its numbers."""
    trained, table = load_table_model(model), read_table(source)
    if not 1 <= row <= table.rows:
        raise InputError(f"--row must be from 1 to {table.rows} (the table's rows, counted from 1), got {row}.")
    print_row(trained, table.select(np.array([row - 1])))


def print_row(model: TableModel, row: Table) -> None:
    """A row's cells, prediction, trace, and one derivative."""
    net = model.network.astype("float64")  # numbers one can follow by hand need more digits than float32 has
    x = model.encoder.encode(row)
    known = model.target.name in row.names and bool(model.target.present(row[model.target.name])[0])
    t = model.target.encode(row[model.target.name]) if known else None
    prediction = {name: values[0] for name, values in model.predict(row).items()}
    said = [value if isinstance(value, str) else number(value, 4) for value in prediction.values()]
    print_table(list(prediction), [said])
    console.print()
    print_table(
        ["input", "name", "value"], [[f"x[{i}]", name, number(x[0, i])] for i, name in enumerate(model.encoder.names)]
    )
    console.print()
    trace = net.trace(x, t)
    console.print(str(trace), markup=False)
    if t is not None:
        console.print()
        console.print("\n".join(derivative_lines(net, trace, model.encoder.names)), markup=False)


def derivative_lines(net: Network, trace: Trace, names: list[str]) -> list[str]:
    """The largest derivative of the first layer's weights, as its two factors, with its proof beside it."""
    x, dW = trace["x"], trace["dW1"]
    i, j = (int(k) for k in np.unravel_index(np.abs(dW).argmax(), dW.shape))
    first = net.layers[0]
    assert isinstance(first, Dense)
    label = f"W1[{i}, {j}]"
    proof = check_gradients(net.model, Data(x, trace["t"]), only=label).entries[0]
    phi = first.activation.name
    slope = first.activation.pull_back(trace["z1"], trace["a1"], np.ones_like(trace["a1"]))[0, j]
    da, delta = trace["da1"][0, j], trace["delta1"][0, j]
    return [
        f"One derivative by its numbers: the weight {label} from {names[i]} to unit {j} of layer 1.",
        f"  delta1[{j}] = da1[{j}] * {phi}'(z1[{j}]) = {number(da)} * {number(slope)} = {number(delta)}",
        f"  dE/d{label} = x[{i}] * delta1[{j}] = {number(x[0, i])} * {number(delta)} = {number(dW[i, j])}",
        f"  by finite differences, in float64: {number(proof.difference)}, so it is {proof.verdict}",
    ]
