"""``chainrule fit``."""

from collections.abc import Sequence
from pathlib import Path

from chainrule.cli.output import beside, check_can_write, console, print_metrics, print_rows
from chainrule.data import read_table
from chainrule.tabular import Plan, train_on_table


def run(
    source: str, target: str, task: str | None, without: Sequence[str], plan: Plan, out: Path | None, plot: Path | None
) -> None:
    """Read, train, judge, save."""
    out = out or beside(source, ".safetensors", "model.safetensors")
    for path in (out, *([plot] if plot else [])):
        check_can_write(path)
    table = read_table(source)
    trained = train_on_table(table, target, task=task, without=without, plan=plan)
    model, history = trained.model, trained.history
    print_rows(trained.rows)
    classes = f" ({', '.join(model.target.classes)})" if model.target.classes else ""
    console.print(f"target: {target}, {model.target.task}{classes}")
    for name, reason in model.encoder.dropped.items():
        console.print(f"not used: {name}, {reason}")
    console.print(f"inputs: {len(model.encoder.names)} from {len(model.encoder.features)} columns")
    console.print(f"network: {model.network!r}")
    console.print(f"training: {history}")
    print_metrics(trained)
    model.save(out)
    console.print(f"saved {out}")
    if plot is not None:
        history.plot().figure.savefig(plot, dpi=150, bbox_inches="tight")
        console.print(f"drew {plot}")
