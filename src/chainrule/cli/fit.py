"""``chainrule fit``."""

from collections.abc import Sequence
from pathlib import Path

from chainrule.cli.files import (
    MODEL_ENDING,
    beside,
    check_can_write,
    check_is_own,
    check_model_name,
    check_picture_name,
    is_model,
    write_picture,
)
from chainrule.cli.output import say, say_next
from chainrule.cli.report import print_prepared, print_trained
from chainrule.tables import TableConfig, prepare, read_table, train


def run(
    source: str,
    target: str,
    task: str | None,
    exclude: Sequence[str],
    config: TableConfig,
    out: Path | None,
    plot: Path | None,
    *,
    diagnose: bool = False,
) -> None:
    """Read, train, judge, save; the model is on the disk before its figures are printed, for a pipe may break."""
    named, out = out is not None, out or beside(source, MODEL_ENDING, "model" + MODEL_ENDING)
    check_model_name(out)
    if plot is not None:
        check_picture_name(plot)
    check_can_write(out, plot, reading=[source])
    if not named:
        check_is_own(out, is_model, "name a model file with --out")
    table = read_table(source)
    prepared = prepare(table, target, task=task, exclude=exclude, config=config)
    print_prepared(table, prepared, source)
    trained = train(prepared, config)
    trained.model.save(out)
    print_trained(trained)
    say()
    say(f"saved {out}")
    if plot is not None and trained.history.epochs:
        from matplotlib.figure import Figure  # noqa: PLC0415 - Matplotlib only for those who draw

        figure = Figure(figsize=(8, 4.5), layout="constrained", facecolor="white")
        trained.history.plot(figure.subplots())
        write_picture(figure, plot)
        say(f"drew {plot}")
    if diagnose and trained.history.epochs:
        say()
        say(str(trained.history.diagnose()))
        say()
    say_next("explain", str(out), source, "--row", "1")
