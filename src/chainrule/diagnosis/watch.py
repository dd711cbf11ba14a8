"""A callback that watches a running fit and warns once of each thing that goes wrong.

It checks each epoch, cheaply: the losses, and one forward pass over some of the rows. One bad check may be noise: an
alarm is raised by three in a row, and lowered by nine good ones.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.activations import ElementwiseActivation
from chainrule.core.format import number
from chainrule.core.inputs import as_inputs
from chainrule.core.layers import Dense, Run
from chainrule.diagnosis.dead_units import off
from chainrule.diagnosis.gradient_flow import FLAT, saturates, slopes
from chainrule.training import Event

RAISE, CLEAR = 3, 9
MOST_ROWS = 256
RISE = 1.5  # times the lowest loss so far
SHARE = 0.5
MEMORY = 6


class DiagnosisWarning(UserWarning):
    """Something goes wrong in a running fit; ``history.diagnose()`` finds the cause."""


@dataclass
class Alarm:
    """One thing that is watched.

    Attributes:
        code: as in a diagnosis.
        bad, good: how many of the last checks in a row were bad, or good.
        raised: the epoch in which it was raised; None while it is not.
        said: whether it has been reported.
    """

    code: str
    bad: int = 0
    good: int = 0
    raised: int | None = None
    said: bool = False

    def read(self, wrong: str, epoch: int) -> str:
        """Take in one more check, empty if all is well; return what to report now, if anything."""
        if wrong:
            self.bad, self.good = self.bad + 1, 0
            if self.bad >= RAISE and self.raised is None:
                self.raised = epoch
                if not self.said:
                    self.said = True
                    return wrong
        else:
            self.good, self.bad = self.good + 1, 0
            if self.good >= CLEAR:
                self.raised = None
        return ""


class Watch:
    """A callback that warns of a learning rate too large and of dead or saturated units.

    Use it as ``fit(..., callbacks={"epoch": Watch(x)})``.

    Args:
        x: inputs (N, inputs) for checking the units; without them only losses are watched.
        tell: called with the text of each warning; None issues a ``DiagnosisWarning``.

    Attributes:
        alarms: by code; ``raised`` is the epoch in which one was raised, None while it is not.

    Example:
        >>> import chainrule as cr
        >>> said = []
        >>> net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
        >>> watch = Watch(tell=said.append)
        >>> history = net.fit(
        ...     [[1.0], [2.0]], [2.0, 4.0], epochs=20, optimizer=cr.SGD(0.39), callbacks={"epoch": watch}
        ... )
        >>> said[0].split(":")[0]
        'learning-rate-too-large'
    """

    def __init__(self, x: Any = None, *, tell: Callable[[str], Any] | None = None) -> None:
        self._x, self._rows = x, None
        self._tell = tell or _warn
        self.alarms = {code: Alarm(code) for code in ("learning-rate-too-large", "dead-units", "saturated-units")}

    def __call__(self, event: Event) -> None:
        """Check the epoch that has just ended."""
        epoch = event.history.epochs - 1
        checks = {"learning-rate-too-large": self._restless(event)}
        if self._x is not None:
            checks |= self._units(event)
        for code, wrong in checks.items():
            if said := self.alarms[code].read(wrong, epoch):
                self._tell(f"{code}: {said} (epoch {epoch}; history.diagnose() looks for the cause)")

    def _restless(self, event: Event) -> str:
        """Whether the loss is far above the lowest so far, or goes up and down without falling; in words."""
        losses = event.history.losses
        now, lowest = losses[-1], min(losses)
        if not np.isfinite(now) or now > RISE * max(lowest, 1e-12) > RISE * 1e-12:
            return f"the loss is {number(now, 4)}, after {number(lowest, 4)} before"
        last = np.array(losses[-MEMORY:])
        steps = np.diff(last)
        if (
            len(last) == MEMORY
            and (steps[1:] * steps[:-1] < 0).all()
            and last[-1] >= 0.98 * last[-3] >= 0.95 * last[-5]
        ):
            return (
                f"the loss goes up and down in turn, {number(last[-2], 4)} and {number(last[-1], 4)}, and does not fall"
            )
        return ""

    def _units(self, event: Event) -> dict[str, str]:
        """Whether half of a layer's units are off on every row, or half of its values saturated; in words."""
        chain = event.model.chain
        if self._rows is None:
            rows = as_inputs(chain, self._x)
            self._rows = rows[np.unique(np.linspace(0, len(rows) - 1, MOST_ROWS).astype(int))]
        with np.errstate(all="ignore"):
            records = maths.forward(chain, event.model.parameters, self._rows, Run(state=event.model.state))
        wrong = {"dead-units": "", "saturated-units": ""}
        for l, (layer, record) in enumerate(zip(chain.layers[:-1], records, strict=False), start=1):
            if not isinstance(layer, Dense):
                continue
            phi, z = layer.activation, record["z"]
            dead = np.flatnonzero(off(phi, z).all(axis=0))
            if dead.size >= SHARE * layer.units:
                wrong["dead-units"] = f"{dead.size} of {layer.units} units of layer {l} are off on every row"
            if isinstance(phi, ElementwiseActivation) and saturates(phi):
                flat = float(np.mean(slopes(phi, z) < FLAT))
                if flat > SHARE:
                    wrong["saturated-units"] = f"{flat:.0%} of layer {l}'s values are where {phi.name} is flat"
        return wrong


def _warn(text: str) -> None:
    warnings.warn(text, DiagnosisWarning, stacklevel=2)
