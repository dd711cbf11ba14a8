"""Programs written out: a small network's whole training as one function in which every unit is a line.

For a handful of units a loop over units costs more than the units. So the network's own training program is written
as Python source, unit by unit, in the alphabet's names, and compiled: all parameters live in registers from the first
update to the last. The formula one reads, ``z1_0 = fma(x_1, W1_1_0, fma(x_0, W1_0_0, b1_0))``, is the one that runs.

Every value is a register of lanes (``chainrule.engine.lanes.simd``). What the lanes are is the form's business:

* ``"one"``: a single lane, one network, one row after the other;
* ``"copies"``: each lane is a copy of the network with its own parameters, learning rate and settings, so that one
  instruction moves 16 trainings on;
* ``"rows"``: each lane is a row of the batch; all hold the same parameters, and gradients are added across lanes.

Here it is declared what such a program is; ``writer`` writes it, ``sessions`` runs it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
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
from chainrule.optimizers import AnyOptimizer

MOST_PARAMETERS = 100
"""A network with more parameters is not written out: compiling would take too long."""

Across = Literal["one", "copies", "rows"]


# -------------------------------------------------------------------------------- what a program is told
(
    X, T, COUNTS, ROWS, COLUMNS, BATCH, ORDER, MEMORY, STRIDE, FIRST, LAST, LIMITS,
    UPDATE, BATCH_NUMBER, EPOCH, UPDATES, APPLY, ETAS, ETA_STARTS, DONE, FUNCTION, STREAMS,
    LOSSES, NORMS, HELD_LOSSES, RECORDS, HELD_X, HELD_T, HELD_COUNTS, HELD_ROWS, HELD_COLUMNS,
) = range(31)  # fmt: skip
"""Places in a job, an array of 64-bit words."""

JOB_WORDS = 32

L1, L2, CLIP_VALUE, CLIP_NORM, PATIENCE, MIN_DELTA = range(6)
"""Places in the job's limits, float64 numbers."""

STATE = ("loss", "best", "to_beat", "best_epoch", "bettered", "stopped", "E", "weight")
"""Numbers of a lane that outlive a call: the epoch's loss so far; the best loss and its epoch; what patience judges by;
why the lane has stopped (as in ``words``); the last batch's loss, not yet divided by its weight where rows have one."""


# -------------------------------------------------------------------------------- optimizers
@dataclass(frozen=True)
class Shared:
    """What all parameters share at one update of an optimizer: numbers of each lane, and lines that make ``q``.

    Attributes:
        settings: names of numbers that stay, and how they follow from the rule's settings.
        kept: names of numbers that are carried on from update to update, and how they begin.
        lines: what is computed at each update.
        q: what the optimizer's twin is handed.
    """

    settings: tuple[str, ...] = ()
    values: Callable[[Sequence[float]], tuple[float, ...]] = field(default=lambda s: tuple(s)[:0])
    kept: tuple[str, ...] = ()
    start: Callable[[Sequence[float]], tuple[float, ...]] = field(default=lambda s: tuple(s)[:0])
    lines: tuple[str, ...] = ()
    q: tuple[str, ...] = ()


_MEAN = Shared(("rho", "rest", "epsilon"), lambda s: (s[0], 1 - s[0], s[1]), q=("eta", "rho", "rest", "epsilon"))
_MOMENTUM = Shared(("momentum",), lambda s: (s[0],), q=("eta", "momentum"))
_BETAS = ("beta1", "rest1", "beta2", "rest2")
_ADAM = Shared(
    (*_BETAS, "epsilon"),
    lambda s: (s[0], 1 - s[0], s[1], 1 - s[1], s[2]),
    ("filled1", "filled2"),
    lambda s: (0.0, 0.0 * s[0]),
    (
        "filled1 = fma(beta1, filled1, rest1)  # 1 - beta1^count",
        "filled2 = fma(beta2, filled2, rest2)  # 1 - beta2^count",
    ),
    ("eta/filled1", "1.0/filled2", "epsilon", *_BETAS),
)
_NADAM = Shared(
    (*_BETAS, "epsilon", "cooling"),
    lambda s: (s[0], 1 - s[0], s[1], 1 - s[1], s[2], s[3] * math.log(0.96)),
    ("filled2", "updates", "mu_next", "product"),
    lambda s: (0.0, 0.0, s[0] * (1 - 0.96 ** s[3] / 2), 1.0),
    (
        "filled2 = fma(beta2, filled2, rest2)  # 1 - beta2^count",
        "updates = updates + 1.0",
        "mu, mu_next = mu_next, beta1*(1.0 - exp(cooling*(updates + 1.0))*0.5)  # 0.96^(count decay) by exp",
        "product = product*mu",
    ),
    ("eta*mu_next/(1.0 - product*mu_next)", "1.0/filled2", "epsilon", *_BETAS, "eta*(1.0 - mu)/(1.0 - product)"),
)

SHARED = {
    "sgd": Shared(q=("eta",)),
    "sgd_momentum": _MOMENTUM,
    "sgd_nesterov": _MOMENTUM,
    "rmsprop": _MEAN,
    "adagrad": Shared(("epsilon",), lambda s: (s[0],), q=("eta", "epsilon")),
    "adadelta": _MEAN,
    "adam": _ADAM,
    "adamw": _ADAM,
    "nadam": _NADAM,
    "rprop": Shared(
        ("increase", "decrease", "smallest", "largest_step"),
        lambda s: tuple(s[:4]),
        q=("increase", "decrease", "smallest", "largest_step"),
    ),
    "lion": Shared(_BETAS, lambda s: (s[0], 1 - s[0], s[1], 1 - s[1]), q=("eta", *_BETAS)),
}
"""By the name of the optimizer's twin. Powers such as 1 - beta^count are running means of 1: nothing cancels."""

TWIN_OF = {"adamw": "adam"}
"""Twins that share a function."""


# -------------------------------------------------------------------------------- the form
@dataclass(frozen=True)
class Form:
    """What a program's text depends on besides the network.

    Attributes:
        lanes: numbers side by side.
        across: what they are.
        rule: the optimizer's twin.
        decays: whether weights decay, apart from the gradient.
        penalises: whether there is an l1 or l2.
        clips_value, clips_norm: whether gradients are held small.
        differs: whether lanes look at different rows of the data in no order, so that each fetches its own.
        single: whether every batch is a single row.
        counts: whether rows count differently.
        missing: whether targets are missing.
        held: whether there are rows to validate on.
        held_counts, held_missing: as above, of those.
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
    held: bool = False
    held_counts: bool = False
    held_missing: bool = False
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
        source: the program, a Python module with a function ``kernel(job)``.
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
            "parameters": size, "entered": size, "best": size, "m": free * (len(self.moments) > 0),
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

    @cached_property
    def source(self) -> str:
        """The program's text."""
        from chainrule.engine.unrolled.writer import write  # noqa: PLC0415 - it writes down what is declared here

        return write(self)
