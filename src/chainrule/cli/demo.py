"""``chainrule demo``: real data, a trained network, one derivative explained, a picture, a diagnosis."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chainrule.cli.explain import print_derivative
from chainrule.cli.files import check_can_write, check_is_own, is_model, write_picture
from chainrule.cli.output import print_table, say, say_next
from chainrule.cli.report import print_prepared, print_trained
from chainrule.core.format import number
from chainrule.tables import TableConfig, Trained, penguins_path, prepare, read_table, train
from chainrule.training import History

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_EPOCHS_SHOWN = (0, 1, 2, 5, 10, 20, 50, 100, 200)

_TITLE = "chainrule demo"
"""Stands in the picture's file, which is known again by it."""


def run(out: Path, seed: int) -> None:
    """Train, judge, explain, draw, diagnose."""
    started = time.perf_counter()
    picture, model_file, csv = (out / f"penguins.{kind}" for kind in ("png", "safetensors", "csv"))
    check_can_write(picture, model_file, csv, reading=[penguins_path()])
    elsewhere = "choose another folder with --out"
    check_is_own(model_file, is_model, elsewhere)
    check_is_own(picture, _is_demo_picture, elsewhere)
    check_is_own(csv, lambda path: path.read_bytes() == penguins_path().read_bytes(), elsewhere)
    csv.write_bytes(penguins_path().read_bytes())
    table = read_table(csv)
    say("Palmer penguins, measured in Antarctica from 2007 to 2009 (Gorman et al. 2014, CC0): which species is it?\n")
    config = TableConfig(hidden=(6,), activation="tanh", learning_rate=0.03, label_smoothing=0.0, epochs=120, seed=seed)
    prepared = prepare(table, "species", exclude=["island", "year"], config=config)  # the measurements alone
    print_prepared(table, prepared, csv.name)
    trained = train(prepared, config)
    _print_epochs(trained.history)
    print_trained(trained)

    model = trained.model
    net = model.network.astype("float64")
    x, t = prepared.part(prepared.test)
    n = int(net.loss_function.value(net.forward(x), t).argmax())
    x, t = x[[n]], t[[n]]
    species = prepared.table["species"].values[prepared.test[n]]
    said = model.target.decode(net.forward(x))
    said_of_it = f"its prediction: {said['prediction'][0]}; probability of {species}: " + number(
        said[f"probability of {species}"][0], 3
    )
    say(f"\nThe test penguin it is least sure of is a {species} ({said_of_it}).")
    print_derivative(net, net.trace(x, t), model.encoder.names)

    model.save(model_file)
    title = f"A {species} penguin passes through the network ({said_of_it})"
    _draw(trained, x, title, picture)
    say("\nWhat keeps it from training better?")
    say(str(trained.history.diagnose()))
    say(f"\nsaved {model_file}, drew {picture}, left the table in {csv} ({time.perf_counter() - started:.1f} s)")
    say_next("explain", str(model_file), str(csv), "--row", "1")


def _is_demo_picture(path: Path) -> bool:
    """Whether an earlier run drew it."""
    return path.is_file() and b"Title\0" + _TITLE.encode() in path.read_bytes()[:1000]


def _print_epochs(history: History) -> None:
    """The losses of a few epochs, the kept and the last among them."""
    shown = sorted({*(e for e in _EPOCHS_SHOWN if e < history.epochs), history.best_epoch, history.epochs - 1})
    rows = [[str(e), number(history.losses[e], 4), number(history.validation_losses[e], 4)] for e in shown]
    print_table(["epoch", "training loss", "validation loss"], rows)
    say()


def _draw(trained: Trained, x: np.ndarray, title: str, path: Path) -> None:
    """The network with one penguin's values, its inputs and outputs named, beside the losses by epoch."""
    from matplotlib.figure import Figure  # noqa: PLC0415 - Matplotlib only for those who draw

    figure = Figure(figsize=(14, 7), facecolor="white")
    left = figure.add_axes((0.09, 0.0, 0.5, 0.92))
    right = figure.add_axes((0.68, 0.12, 0.25, 0.74))
    trained.model.network.plot(x, ax=left)
    _name_units(left, 0, trained.model.encoder.names)
    _name_units(left, len(trained.model.network.layers), trained.model.target.classes)
    trained.history.plot(right)
    figure.text(0.02, 0.95, title, fontsize=13)
    right.set_title("Training", fontsize=13, loc="left")
    write_picture(figure, path, title=_TITLE)


def _name_units(ax: "Axes", layer: int, names: Sequence[str]) -> None:
    """Write each name outside of its unit, beyond the letter that stands there."""
    from matplotlib.patches import Circle  # noqa: PLC0415

    places = {circle.get_gid(): circle.center for circle in ax.patches if isinstance(circle, Circle)}
    side, align = (-1, "right") if layer == 0 else (1, "left")
    for k, name in enumerate(names):
        x, y = places[f"a{layer}[{k}]"]
        ax.text(x + side * 0.85, y, name, ha=align, va="center", fontsize=9)
