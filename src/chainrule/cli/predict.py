"""``chainrule predict``."""

from collections import Counter
from pathlib import Path

from chainrule.cli.output import beside, check_can_write, counted, figure_of, say, shortened
from chainrule.cli.report import surprises
from chainrule.core.arrays import Array
from chainrule.tables import TableModel, load_table_model, write_table


def run(model: Path, source: str, out: Path | None) -> None:
    """Read, predict, write."""
    out = out or beside(source, "-predictions.csv", "predictions.csv")
    check_can_write(out, reading=[model, source])
    trained = load_table_model(model)
    table = trained.read(source)
    columns = trained.predict(table)
    write_table(columns, out)
    for surprise in surprises(trained, table):
        say(f"note: {surprise}")
    say(f"wrote {counted(table.rows, 'prediction')} of {trained.target.name} to {out}: {_told(trained, columns)}")


def _told(model: TableModel, columns: dict[str, Array]) -> str:
    """The predictions at a glance."""
    prediction = columns["prediction"]
    if model.target.task == "regression":
        low, mean, high = (figure_of(value) for value in (prediction.min(), prediction.mean(), prediction.max()))
        return f"from {low} to {high}, mean {mean}"
    return shortened([f"{name} {count:,}" for name, count in Counter(prediction.tolist()).most_common()])
