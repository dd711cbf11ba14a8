"""A callback that watches a running fit and warns once of each thing that goes wrong.

A reading that comes and goes is noise: three in a row raise a warning, nine clear ones lower it again. It reads one
epoch at a time, cheaply: losses, the last update, what one pass over some of the rows shows.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.activations import ElementwiseActivation
from chainrule.core.format import number
from chainrule.core.inputs import as_inputs
from chainrule.core.layers import Dense, Run
from chainrule.diagnosis.dead_units import off
from chainrule.diagnosis.gradient_flow import FLAT, saturates, slopes
from chainrule.training import Event

if TYPE_CHECKING:
    from chainrule.core.arrays import Array

RAISE, CLEAR = 3, 9
MOST_ROWS = 256
RISE = 1.5  # times the lowest loss so far
LOUD_STEP = 0.3  # an update so large, relative to the weights, tears them away
SHARE = 0.5
MEMORY = 6


class DiagnosisWarning(UserWarning):
    """Something goes wrong in a running fit; ``history.diagnose()`` looks for the cause."""


@dataclass
class Alarm:
    """One thing that is watched.

    Attributes:
        code: as in a diagnosis.
        bad, good: readings in a row.
        raised: the epoch in which it was raised; None while it is not.
        said: whether it has been said.
    """

    code: str
    bad: int = 0
    good: int = 0
    raised: int | None = None
    said: bool = False

    def read(self, wrong: str, epoch: int) -> str:
        """One more reading, empty if all is well; what to say now, if anything."""
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
    """``fit(..., callbacks={"epoch": Watch(x)})``: warns of a learning rate too large, dead and saturated units.

    Args:
        x: inputs to look at the units with; without them only losses and updates are watched.
        tell: what to do with a warning; a ``DiagnosisWarning`` unless given.

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
        """Read the epoch that has just ended."""
        epoch = event.history.epochs - 1
        readings = {"learning-rate-too-large": self._restless(event)}
        if self._x is not None:
            readings |= self._units(event)
        for code, wrong in readings.items():
            if said := self.alarms[code].read(wrong, epoch):
                self._tell(f"{code}: {said} (epoch {epoch}; history.diagnose() looks for the cause)")

    def _restless(self, event: Event) -> str:
        """A loss far above the lowest so far, or that goes up and down in turn without falling."""
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
        """Which units are off on every row, and how much of a layer is flat."""
        chain = event.model.chain
        if self._rows is None:
            rows: Array = as_inputs(chain, self._x)
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
