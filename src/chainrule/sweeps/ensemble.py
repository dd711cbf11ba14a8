"""Training many copies of one network: side by side in lanes where that can be, else one by one.

Copies differ in the parameters they begin with, their optimizer, and the seed of their shuffles. Each ends as ``fit``
would have left it had it been trained alone.
"""

import time
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from chainrule.core.arrays import Array
from chainrule.engine.cost import COSTS
from chainrule.engine.unrolled import program
from chainrule.sweeps.lanes import shared_rule, train_in_lanes
from chainrule.sweeps.one_by_one import train_one_by_one
from chainrule.sweeps.trained import Copy, TrainedCopies
from chainrule.training import Call, History
from chainrule.training.progress import ProgressBar
from chainrule.training.stepwise import check_call

COMPILING = 2.0
"""Seconds that a program may have to be compiled for; work that the reference does sooner is left to it."""


def train_copies(call: Call, copies: Sequence[Copy]) -> TrainedCopies:
    """Train each copy as ``fit`` would; the call's model itself is left alone.

    Args:
        call: whose chain it is, rows, and the settings of all copies; optimizer and seed are the copies' own.
        copies: what to train.

    Raises:
        InputError: as for ``fit``; nothing was begun.

    Ctrl-C ends it; what was done until then is kept.
    """
    settings = call.settings
    for optimizer in {type(copy.optimizer): copy.optimizer for copy in copies}.values():
        check_call(replace(call, settings=replace(settings, optimizer=optimizer)))
    vectors = np.array([copy.vector for copy in copies]).reshape(len(copies), call.model.chain.size)
    trained = TrainedCopies.untrained(call.model, vectors, settings.epochs)
    lanes, alone = _share_out(call, copies)
    with ProgressBar(len(copies) * settings.epochs, settings.progress) as bar:
        together = _Together(settings.seed)

        def show(epochs: int, losses: Array) -> None:
            together.add(epochs, losses)
            bar.show(together)

        try:
            for group in lanes:
                train_in_lanes(call, copies, group, trained, show)
            train_one_by_one(call, copies, alone, trained, show)
        except KeyboardInterrupt:
            pass
    trained.stopped = [reason or "interrupted" for reason in trained.stopped]
    trained.seconds = time.perf_counter() - trained.begun
    return trained


class _Together(History):
    """What a progress bar shows: epochs of all copies together, and the lowest loss."""

    done = 0

    @property
    def epochs(self) -> int:
        """Those of all copies."""
        return self.done

    def add(self, epochs: int, losses: Array) -> None:
        """So many epochs more of some copies, which ended with these losses."""
        self.done += epochs
        finite = losses[np.isfinite(losses)]
        self.losses = [float(finite.min(initial=self.losses[0] if self.losses else np.inf))]


def _share_out(call: Call, copies: Sequence[Copy]) -> tuple[list[list[int]], list[int]]:
    """Which copies go side by side, by their optimizer's rule, and which alone: by the work ahead, not by the clock."""
    settings, chain = call.settings, call.model.chain
    everyone = list(range(len(copies)))
    if (
        settings.engine == "reference"
        or settings.callbacks
        or program.unsupported_reason(chain) is not None
        or not copies
    ):
        return [], everyone
    work = COSTS["reference"].training(chain, len(call.data.x), call.batch_size, settings.epochs)
    if settings.engine == "auto" and work * len(copies) < COMPILING:
        return [], everyone
    groups: dict[str, list[int]] = {}
    rules: dict[object, str] = {}
    for k, copy in enumerate(copies):
        if copy.optimizer not in rules:
            rules[copy.optimizer] = shared_rule(chain, copy.optimizer)
        groups.setdefault(rules[copy.optimizer], []).append(k)
    alone = groups.pop("", [])
    return list(groups.values()), alone
