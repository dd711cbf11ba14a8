"""Chooses the engine for some work, by a model of what each would cost (``chainrule.engine.cost``).

The costs of all the work ahead are compared, so short work starts at once. The same network, data and settings always
get the same engine, so the same seed gives the same bits.
"""

from typing import Literal

from chainrule.core.chain import Chain
from chainrule.engine import support
from chainrule.engine.cost import COSTS, compiled_cost
from chainrule.errors import InputError
from chainrule.optimizers import AnyOptimizer

Engine = Literal["auto", "compiled", "reference"]

ENGINES: tuple[Engine, ...] = ("auto", "compiled", "reference")
"""How updates are executed: the layers' own NumPy is the reference; compiled is machine code made by Numba for the same
mathematics; auto chooses for the work ahead."""


def choose(
    engine: str,
    chain: Chain,
    optimizer: AnyOptimizer | None,
    *,
    rows: int,
    batch: int = 0,
    epochs: int = 0,
    time_limit: float | None = None,
) -> Literal["compiled", "reference"]:
    """The engine for a run of so many epochs, that ends at the time limit if it has one; without epochs, a prediction.

    Raises:
        InputError: ``"compiled"`` is asked for, but the network or the optimizer cannot be compiled.
    """
    if engine == "reference":
        return "reference"
    reason = support.unsupported_reason(chain, optimizer)
    if engine == "compiled":
        if reason is not None:
            raise InputError(f"engine='compiled' cannot run this network: {reason}. Use engine='reference'.")
        return "compiled"
    if reason is not None:
        return "reference"
    ours, theirs = compiled_cost(chain, optimizer, training=epochs > 0), COSTS["reference"]
    if epochs:
        most = theirs.training(chain, rows, batch, epochs)
        quicker = ours.training(chain, rows, batch, epochs) < most
        if time_limit is not None:  # compiling shall not use it up
            quicker = quicker and ours.start < time_limit / 2
    else:
        quicker = ours.prediction(chain, rows) < theirs.prediction(chain, rows)
    return "compiled" if quicker else "reference"
