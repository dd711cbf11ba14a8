"""Programs written out: a small network's whole training as one function in which every unit is a line.

For a handful of units a loop over units costs more than the units. So the network's own training program is written
as Python source, unit by unit, in the alphabet's names, and compiled: all parameters live in registers from the first
update to the last. The formula one reads, ``z1_0 = fma(x_1, W1_1_0, fma(x_0, W1_0_0, b1_0))``, is the one that runs.

Every value is a register of lanes (``chainrule.engine.lanes.simd``). What a lane stands for depends on the form:

* ``"one"``: a single lane, one network, one row after the other;
* ``"copies"``: each lane is a copy of the network with its own parameters, learning rate and settings, so that one
  instruction moves 16 trainings on;
* ``"rows"``: each lane is a row of the batch; all hold the same parameters, and gradients are added across lanes.

This file declares what such a program is; ``writer`` writes it, ``session`` and ``copies`` run it.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal
from weakref import WeakKeyDictionary

from chainrule.core import chain as maths
from chainrule.core.builtin import is_builtin
from chainrule.core.chain import Chain
from chainrule.core.layers import Dense
from chainrule.core.unitwise import rows_of
from chainrule.engine import support
from chainrule.engine.optimizer_spec import MOMENTS
from chainrule.engine.unrolled.memory import STATE
from chainrule.engine.unrolled.update_rules import SHARED, Shared
from chainrule.optimizers import AnyOptimizer

MOST_PARAMETERS = 100
"""A network with more parameters is not written out: compiling would take too long."""

Across = Literal["one", "copies", "rows"]


# -------------------------------------------------------------------------------- the form
@dataclass(frozen=True)
class Form:
    """What a program's text depends on besides the network.

    Attributes:
        lanes: numbers side by side.
        across: what they are.
        rule: the optimizer's name in the engine.
        decays: whether weights decay, apart from the gradient.
        penalises: whether there is an l1 or l2.
        clips_value, clips_norm: whether gradients are validation small.
        differs: whether lanes look at different rows of the data in no order, so that each fetches its own.
        single: whether every batch is a single row.
        counts: whether rows count differently.
        missing: whether targets are missing.
        validates: whether there are rows to validate on.
        validation_counts, validation_missing: as above, of those.
        judges: whether the best parameters are kept and patience is watched.
        norms: whether gradient norms are recorded.
        scheduled: whether learning rates change; else each lane has its own.
        shows: whether gradients and updates are kept to be looked at.
    """

    lanes: int
    across: Across
    rule: str
    decays: bool = False
    penalises: bool = False
    clips_value: bool = False
    clips_norm: bool = False
    differs: bool = False
    single: bool = False
    counts: bool = False
    missing: bool = False
    validates: bool = False
    validation_counts: bool = False
    validation_missing: bool = False
    judges: bool = True
    norms: bool = True
    scheduled: bool = True
    shows: bool = False


def unsupported_reason(chain: Chain, optimizer: AnyOptimizer | None = None) -> str | None:
    """Why a network cannot be written out, as the end of a sentence; None if nothing is in the way.

    Example:
        >>> from chainrule.core.chain import build
        >>> from chainrule.core.losses import loss
        >>> import numpy as np
        >>> unsupported_reason(build(100, [Dense(2)], loss("squared_error"), np.dtype("float64")))
        'it has 202 parameters, more than 100'
    """
    if (there := support.unsupported_reason(chain, optimizer)) is not None:
        return there
    if chain not in _reasons:
        _reasons[chain] = _unsupported_reason(chain)
    return _reasons[chain]


_reasons: WeakKeyDictionary[Chain, str | None] = WeakKeyDictionary()


def _unsupported_reason(chain: Chain) -> str | None:
    """What stands in the way besides what stops every compiled engine."""
    for l, layer in enumerate(chain.layers, start=1):
        if not isinstance(layer, Dense):
            return f"layer {l} is a {type(layer).__name__}"
        if not all(is_builtin(row) for row in rows_of(layer.activation)):
            return f"the activation of layer {l} is a user's own"
    reasons = {
        f"the loss {chain.loss.name} is a user's own": not is_builtin(chain.loss),
        "nothing in it is trained": not maths.free_entries(chain).any(),
        f"it has {chain.size} parameters, more than {MOST_PARAMETERS}": chain.size > MOST_PARAMETERS,
    }
    return next((reason for reason, stands in reasons.items() if stands), None)


def description(chain: Chain) -> tuple[Any, ...]:
    """All of a chain that the text depends on: equal descriptions have equal programs."""
    layers = tuple(
        (
            layer.units, layer.bias, layer.trainable, None if layer.mask is None else layer.mask.tobytes(),
            tuple((row.name, *row.parameters.values()) for row in rows_of(layer.activation)),
        )
        for layer in chain.layers if isinstance(layer, Dense)
    )  # fmt: skip
    return chain.inputs, layers, chain.loss.name, *chain.loss.parameters.values(), chain.dtype.name


# -------------------------------------------------------------------------------- the program
@dataclass(frozen=True)
class Unrolled:
    """A network's training written out.

    A group's memory is a table of ``width`` rows of ``form.lanes`` numbers: at ``parameters`` all parameters in the
    chain's order, at ``entered`` those that the epoch began with, at ``best`` those of the best epoch; then moments,
    gradients and updates of what is trained; settings, numbers the optimizer keeps, and ``STATE``.

    Attributes:
        chain: the network.
        form: what else the text depends on.
    """

    chain: Chain
    form: Form

    @cached_property
    def free(self) -> list[int]:
        """Places in the chain's flat vector of what is trained."""
        return [k for k, there in enumerate(maths.free_entries(self.chain)) if there]

    @property
    def moments(self) -> tuple[str, ...]:
        """Names of the optimizer's moments in ``Optimizer.start()``."""
        return MOMENTS[self.form.rule]

    @property
    def shared(self) -> Shared:
        """What all parameters share at an update."""
        return SHARED[self.form.rule]

    @property
    def settings(self) -> tuple[str, ...]:
        """Names of the numbers that stay: the optimizer's, and a constant learning rate and weight decay."""
        rate = () if self.form.scheduled else ("eta",)
        return (*self.shared.settings, *rate, *(("decay",) if self.form.decays else ()))

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each part of a group's memory begins, in rows of the table."""
        size, free = self.chain.size, len(self.free)
        shown = free if self.form.shows else 0
        sizes = {
            "parameters": size, "epoch_start": size, "best": size, "m": free * (len(self.moments) > 0),
            "v": free * (len(self.moments) > 1), "gradient": shown, "update": shown, "settings": len(self.settings),
            "kept": len(self.shared.kept), "state": len(STATE), "end": 0,
        }  # fmt: skip
        begin, places = 0, {}
        for name, count in sizes.items():
            places[name] = begin
            begin += count
        return places

    @property
    def width(self) -> int:
        """Rows of a group's memory."""
        return self.places["end"]
