"""``chainrule diagnose``: why training on a table fails, proved by training again with only the cause removed."""

from collections.abc import Sequence
from pathlib import Path

from chainrule.cli.files import check_can_write, check_picture_name, write_picture
from chainrule.cli.output import say
from chainrule.cli.report import print_prepared
from chainrule.tables import TableConfig, diagnose_training, prepare, read_table


def run(
    source: str, target: str, task: str | None, exclude: Sequence[str], config: TableConfig, plot: Path | None
) -> None:
    """Read, train on a copy, diagnose, print."""
    if plot is not None:
        check_picture_name(plot)
    check_can_write(plot, reading=[source])
    table = read_table(source)
    prepared = prepare(table, target, task=task, exclude=exclude, config=config)
    print_prepared(table, prepared, source)
    diagnosis = diagnose_training(prepared, config)
    say(str(diagnosis))
    if plot is not None:
        import matplotlib as mpl  # noqa: PLC0415 - Matplotlib only for those who draw

        mpl.use("Agg")
        write_picture(diagnosis.plot(), plot)
        say(f"\ndrew {plot}")
