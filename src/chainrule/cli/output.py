"""What the commands print with: tables that are aligned on a terminal and plain when piped."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from rich.console import Console

from chainrule.show import number, text_table
from chainrule.tabular import Trained

console = Console(highlight=False, soft_wrap=True)


def print_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Aligned columns."""
    console.print(text_table(header, rows), markup=False)


def print_rows(counts: Mapping[str, int]) -> None:
    """How the rows were parted."""
    parts = [f"{count:,} {name}" for name, count in counts.items() if count]
    console.print(f"rows: {', '.join(parts)}")


def print_metrics(trained: Trained) -> None:
    """The metrics on the test rows beside those of the guess that ignores the inputs."""
    guess = "always the mean" if trained.model.target.task == "regression" else "always the commonest"
    rows = [[name, number(value, 4), number(trained.baseline[name], 4)] for name, value in trained.metrics.items()]
    print_table(["on the test rows", "network", guess], rows)


def check_can_write(path: Path) -> None:
    """Fail before long work, not after it."""
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder: name a file in it.")
    if not path.absolute().parent.is_dir():
        raise FileNotFoundError(f"there is no folder {path.absolute().parent}: make it first.")


def beside(table: str, ending: str, otherwise: str) -> Path:
    """A file named after the table, in the folder one stands in; ``otherwise`` for a query."""
    from chainrule.data.reading import is_query  # noqa: PLC0415

    return Path(otherwise) if is_query(table) else Path(Path(table).name.split(".")[0] + ending)
