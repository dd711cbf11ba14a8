"""The commands and their options."""

from pathlib import Path
from typing import Annotated

import typer

from chainrule import __version__
from chainrule.cli.table_options import with_table_options
from chainrule.tables import TableConfig

app = typer.Typer(
    name="chainrule",
    help="Small neural networks you can understand: train on a table, predict, and see every number of a prediction.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_TABLE = typer.Argument(
    metavar="TABLE", help="A .csv, .tsv, .parquet or .jsonl file, or a SQL query over such files: SELECT ..."
)
_MODEL = typer.Argument(metavar="MODEL", help="A model file that `chainrule fit` wrote.")

_Target = Annotated[str, typer.Option(help="The column to predict.")]
_Task = Annotated[
    str | None,
    typer.Option(help="regression, classification, binary or multiclass; by the target unless given."),
]
_Exclude = Annotated[
    list[str] | None, typer.Option("--exclude", "--without", help="A column not to use; may be given again.")
]


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"chainrule {__version__}")
        raise typer.Exit


@app.callback()
def common(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Small neural networks you can understand."""


@app.command()
def demo(
    out: Annotated[Path, typer.Option(help="Folder for the picture, the model file and the table.")] = Path(),
    seed: Annotated[int, typer.Option(help="Seed of every draw.")] = 0,
) -> None:
    """Train on real data (penguins), explain one derivative by its numbers, draw the network, diagnose the training."""
    from chainrule.cli.demo import run  # noqa: PLC0415 - each command imports only what it needs

    run(out, seed)


@app.command()
@with_table_options
def fit(
    table: Annotated[str, _TABLE],
    target: _Target,
    task: _Task = None,
    exclude: _Exclude = None,
    out: Annotated[Path | None, typer.Option(help="Model file to write; named after the table unless given.")] = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw the losses by epoch to this picture.")] = None,
    diagnose: Annotated[bool, typer.Option("--diagnose", help="Also say what keeps it from training better.")] = False,
    *,
    config: TableConfig,
) -> None:
    """Train a network to predict one column of a table from the others; judge it on rows it has not seen.

    Ctrl-C ends training early and keeps what was trained.

    Example: chainrule fit penguins.csv --target species
    """
    from chainrule.cli.fit import run  # noqa: PLC0415 - each command imports only what it needs

    run(table, target, task, exclude or [], config, out, plot, diagnose=diagnose)


@app.command()
@with_table_options
def diagnose(
    table: Annotated[str, _TABLE],
    target: _Target,
    task: _Task = None,
    exclude: _Exclude = None,
    plot: Annotated[Path | None, typer.Option(help="Also draw the diagnosis to this picture.")] = None,
    *,
    config: TableConfig,
) -> None:
    """Say why training on a table fails, and prove it by training again with only the cause removed.

    Example: chainrule diagnose penguins.csv --target species --learning-rate 3
    """
    from chainrule.cli.diagnose import run  # noqa: PLC0415 - as above

    run(table, target, task, exclude or [], config, plot)


@app.command()
def predict(
    model: Annotated[Path, _MODEL],
    table: Annotated[str, _TABLE],
    out: Annotated[
        Path | None,
        typer.Option(help="Table to write (.csv, .tsv, .parquet, .jsonl); named after the table unless given."),
    ] = None,
) -> None:
    """Write the prediction for each row of a table (and for classes the probability of each).

    Example: chainrule predict penguins.safetensors new.csv --out predicted.csv
    """
    from chainrule.cli.predict import run  # noqa: PLC0415 - as above

    run(model, table, out)


@app.command()
def explain(
    model: Annotated[Path, _MODEL],
    table: Annotated[str, _TABLE],
    row: Annotated[int, typer.Option(help="Which row of the table, counted from 1.")] = 1,
    of: Annotated[
        str | None, typer.Option(help="Unfold one derivative instead: of a weight 'W1[0, 1]', an input 'x[2]', ...")
    ] = None,
    form: Annotated[str, typer.Option("--format", help="With --of: text, latex, html or json.")] = "text",
    out: Annotated[Path | None, typer.Option(help="With --of: the file to write it to.")] = None,
) -> None:
    """Show every number behind one row: values going up and, if its target is known, deltas coming down.

    Example: chainrule explain penguins.safetensors penguins.csv --row 3
    """
    from chainrule.cli.explain import run  # noqa: PLC0415 - as above

    run(model, table, row, of, form, out)


@app.command()
def formula(
    model: Annotated[Path, _MODEL],
    form: Annotated[str, typer.Option("--format", help="text, latex, html or json.")] = "text",
    out: Annotated[Path | None, typer.Option(help="The file to write it to.")] = None,
) -> None:
    """Write the network as formulas, with the table's column names.

    Example: chainrule formula penguins.safetensors --format html --out penguins.html
    """
    from chainrule.cli.derive import formula as run  # noqa: PLC0415 - as above

    run(model, form, out)


@app.command()
def export(
    model: Annotated[Path, _MODEL],
    to: Annotated[str, typer.Option(help="python (NumPy alone) or pytorch.")],
    out: Annotated[Path | None, typer.Option(help="The file to write it to.")] = None,
) -> None:
    """Write the network as source code that needs this library no longer.

    Example: chainrule export penguins.safetensors --to python --out penguins.py
    """
    from chainrule.cli.derive import export as run  # noqa: PLC0415 - as above

    run(model, to, out)


@app.command()
def check(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="A Python file that defines gradients(parameters, x, t) or step(...); or a folder of them.",
        ),
    ],
    reference: Annotated[
        str, typer.Option(help="A model file, or a network: '2 -> 3 tanh -> 1 sigmoid, squared_error'.")
    ],
    function: Annotated[str, typer.Option(help="The function's name; gradients, else step, unless given.")] = "",
    rows: Annotated[int, typer.Option(help="Rows to draw.")] = 5,
    seed: Annotated[int, typer.Option(help="Seed of every draw.")] = 0,
    seconds: Annotated[int, typer.Option(help="Time limit for each file.")] = 10,
    megabytes: Annotated[int, typer.Option(help="Memory limit for each file (on Linux).")] = 2048,
    out: Annotated[Path, typer.Option(help="Where a folder's tables go: .csv and .html are put after it.")] = Path(
        "marking"
    ),
) -> None:
    """Mark hand-written backpropagation and name the mistake. The files are run: a separate process is no sandbox.

    Exit code: 0 if it is right, 1 if it is not, 2 if it could not be marked; of a folder that of the worst file.

    Example: chainrule check ada.py --reference "2 -> 3 tanh -> 1 sigmoid, squared_error"
    """
    from chainrule.cli.check import run  # noqa: PLC0415 - as above
    from chainrule.marking.grading import Limits  # noqa: PLC0415 - as above

    run(file, reference, function, rows, seed, Limits(seconds, megabytes), out)
