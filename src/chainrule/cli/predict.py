"""``chainrule predict``."""

from pathlib import Path

from chainrule.cli.output import beside, check_can_write, console
from chainrule.data import read_table, write_table
from chainrule.tabular import load_table_model


def run(model: Path, source: str, out: Path | None) -> None:
    """Read, predict, write."""
    out = out or beside(source, "-predictions.csv", "predictions.csv")
    check_can_write(out)
    trained = load_table_model(model)
    table = read_table(source)
    write_table(trained.predict(table), out)
    console.print(f"wrote {table.rows:,} predictions of {trained.target.name} to {out}")
