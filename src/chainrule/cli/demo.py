"""``chainrule demo``: real data, a trained network, one derivative explained, a picture."""

import time
from pathlib import Path

import numpy as np

from chainrule.cli.explain import derivative_lines
from chainrule.cli.output import check_can_write, console, print_metrics, print_rows
from chainrule.data import penguins_path, read_table
from chainrule.show import number
from chainrule.tabular import Plan, Trained, train_on_table


def run(out: Path, seed: int) -> None:
    """Train, judge, explain, draw."""
    started = time.perf_counter()
    picture, model_file = out / "penguins.png", out / "penguins.safetensors"
    for path in (picture, model_file):
        check_can_write(path)
    table = read_table(penguins_path())
    console.print("Palmer penguins: the species of 344 penguins from their measurements (Gorman et al. 2014, CC0).\n")
    plan = Plan(hidden=(6,), activation="tanh", learning_rate=0.03, epochs=120, seed=seed)
    trained = train_on_table(table, "species", without=["year"], plan=plan)
    print_rows(trained.rows)
    console.print(f"training: {trained.history}")
    print_metrics(trained)

    model, tested = trained.model, table.select(trained.test_rows)
    net = model.network.astype("float64")
    x, t = model.encoder.encode(tested), model.target.encode(tested["species"])
    doubtful = int(net.loss_function.value(net.forward(x), t).argmax())
    x, t = x[[doubtful]], t[[doubtful]]
    said = model.target.decode(net.forward(x))
    species, prediction = tested["species"].values[doubtful], said["prediction"][0]
    console.print(
        f"\nThe penguin it is least sure of: {species}, predicted {prediction} "
        f"(probability of {species}: {number(said[f'probability of {species}'][0], 3)})."
    )
    console.print("\n".join(derivative_lines(net, net.trace(x, t), model.encoder.names)), markup=False)

    model.save(model_file)
    draw(trained, x, picture)
    console.print(f"\nsaved {model_file}, drew {picture} ({time.perf_counter() - started:.1f} s)")
    console.print(f"next: chainrule explain {model_file} {penguins_path()} --row 1")


def draw(trained: Trained, x: np.ndarray, path: Path) -> None:
    """The network with one penguin's values, and the losses by epoch, side by side."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - the only command part that draws

    figure = Figure(figsize=(13, 6), layout="constrained", facecolor="white")
    left, right = figure.subplots(1, 2, width_ratios=[1.6, 1])
    trained.model.network.plot(x, ax=left)
    trained.history.plot(ax=right)
    figure.savefig(path, dpi=150)
