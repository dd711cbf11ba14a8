"""The options that say how to train on a table: declared once, for each command that trains."""

import inspect
import re
from collections.abc import Callable
from functools import wraps
from typing import Annotated, Any, get_type_hints

import typer

from chainrule.core.activations import ACTIVATIONS
from chainrule.errors import InputError
from chainrule.optimizers import OPTIMIZERS
from chainrule.tables import TASK_DEFAULTS, TableConfig

_TRAINING = "Network and training"

OPTIONS: dict[str, Any] = {
    "test": Annotated[float, typer.Option(help="Share of the rows set aside to judge by.")],
    "validation": Annotated[float, typer.Option(help="Share of the other rows set aside to choose the best epoch by.")],
    "seed": Annotated[int, typer.Option(help="Seed of every draw.")],
    "hidden": Annotated[str, typer.Option(help="Units of the hidden layers; '' for none.", rich_help_panel=_TRAINING)],
    "activation": Annotated[
        str | None,
        typer.Option(
            help=f"Of the hidden layers: {', '.join(ACTIVATIONS)}; {TASK_DEFAULTS['multiclass'].activation} for "
            f"classes and {TASK_DEFAULTS['regression'].activation} for numbers unless given.",
            rich_help_panel=_TRAINING,
        ),
    ],
    "optimizer": Annotated[str, typer.Option(help=f"One of {', '.join(OPTIMIZERS)}.", rich_help_panel=_TRAINING)],
    "learning_rate": Annotated[
        float | None,
        typer.Option(
            help="The height of the waves in which it rises and falls (CosLog); "
            f"{TASK_DEFAULTS['multiclass'].learning_rate} for classes and "
            f"{TASK_DEFAULTS['regression'].learning_rate} for numbers unless given.",
            rich_help_panel=_TRAINING,
        ),
    ],
    "weight_decay": Annotated[float, typer.Option(help="Of the weights, decoupled.", rich_help_panel=_TRAINING)],
    "dropout": Annotated[
        float, typer.Option(help="Share of the hidden units dropped in training.", rich_help_panel=_TRAINING)
    ],
    "label_smoothing": Annotated[
        float, typer.Option(help="Share of each row's target spread over the classes.", rich_help_panel=_TRAINING)
    ],
    "epochs": Annotated[
        int | None, typer.Option(help="At most; by the number of rows unless given.", rich_help_panel=_TRAINING)
    ],
    "batch_size": Annotated[
        int | None, typer.Option(help="Rows an update; by their number unless given.", rich_help_panel=_TRAINING)
    ],
    "patience": Annotated[
        int | None,
        typer.Option(
            help="Epochs without a better validation loss before it stops; all epochs are trained unless given.",
            rich_help_panel=_TRAINING,
        ),
    ],
}
"""By the field of ``TableConfig`` that each sets; its default is the field's."""


def with_table_options(command: Callable[..., None]) -> Callable[..., None]:
    """A command with these options after its own; it is called with the ``config`` that they mean."""

    @wraps(command)
    def run(**given: Any) -> None:
        settings: dict[str, Any] = {name: given.pop(name) for name in OPTIONS}
        settings["hidden"] = _units(settings["hidden"])
        command(**given, config=TableConfig(**settings))

    own = [each for each in inspect.signature(command).parameters.values() if each.name != "config"]
    options = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=_default(name), annotation=option)
        for name, option in OPTIONS.items()
    ]
    hints = {name: hint for name, hint in get_type_hints(command, include_extras=True).items() if name != "config"}
    vars(run)["__signature__"] = inspect.Signature([*own, *options])
    run.__annotations__ = hints | OPTIONS
    return run


def _default(name: str) -> Any:
    value = getattr(TableConfig, name)
    return ",".join(map(str, value)) if name == "hidden" else value


def _units(text: str) -> tuple[int, ...]:
    """``"64,32"`` as (64, 32)."""
    parts = text.split(",") if text.strip() else []
    if not all(re.fullmatch(r"\s*[1-9][0-9]{0,8}\s*", part) for part in parts):
        raise InputError(f"--hidden must be whole numbers from 1 with commas between, such as 64,32, got {text!r}.")
    return tuple(map(int, parts))
