"""``chainrule predict``."""

from collections import Counter
from pathlib import Path

from chainrule.cli.files import beside, check_can_write, check_is_own, is_prediction
from chainrule.cli.output import counted, figure_of, say, shortened
from chainrule.cli.report import surprises
from chainrule.core.arrays import Array
from chainrule.tables import TableModel, load_table_model, write_table
from chainrule.tables.sources import format_of


def run(model: Path, source: str, out: Path | None) -> None:
    """Read, predict, write."""
    named, out = out is not None, out or beside(source, "-predictions.csv", "predictions.csv")
    check_can_write(out, reading=[model, source])
    if named:
        format_of(out)  # refuses a name that is not a table's
    else:
        check_is_own(out, is_prediction, "name a table with --out")
    trained = load_table_model(model)
    table = trained.read(source)
    columns = trained.predict(table)
    write_table(columns, out)
    for surprise in surprises(trained, table):
        say(f"note: {surprise}")
    say(f"wrote {counted(table.rows, 'prediction')} of {trained.target.name} to {out}: {_summary(trained, columns)}")


def _summary(model: TableModel, columns: dict[str, Array]) -> str:
    """The predictions at a glance."""
    prediction = columns["prediction"]
    if model.target.task == "regression":
        low, mean, high = (figure_of(value) for value in (prediction.min(), prediction.mean(), prediction.max()))
        return f"from {low} to {high}, mean {mean}"
    return shortened([f"{name} {count:,}" for name, count in Counter(prediction.tolist()).most_common()])
