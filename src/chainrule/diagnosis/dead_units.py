"""Dead units: which update and which row switched a unit off for good, and how far it is from recovering.

A ReLU unit that is off on every row has slope 0 on every row: no row changes its weights any more. One update moves the
net input of row m by ``-eta/N sum_n delta[n, j] (a_n a_m + 1)``: the row n with the largest part in the decrease is
named as the one that switched the unit off.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.activations import ElementwiseActivation
from chainrule.core.arrays import Array
from chainrule.core.chain import Pass
from chainrule.core.layers import Run
from chainrule.core.model import Model
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.replay import updates

MOST_TRACED = 8
NEAREST = 3


@dataclass(frozen=True)
class DeadUnit:
    """One dead unit.

    Attributes:
        unit: such as ``"a1[3]"``.
        update, epoch: after which it was off on every row and stayed so; -1 if it was from the start, None if unknown.
        row: the row with the largest part in that update; None if unknown.
        margin: how far below 0 its largest net input lies.
        nearest_rows: the rows with the largest net inputs.
        revivable: whether it can recover: layers below that still learn can change its inputs; those of the first layer
            never change.
    """

    unit: str
    update: int | None
    epoch: int | None
    row: int | None
    margin: float
    nearest_rows: tuple[int, ...]
    revivable: bool

    def to_dict(self) -> dict[str, Any]:
        """Plain data, for the evidence."""
        return dict(vars(self))

    def __str__(self) -> str:
        if self.update == -1:
            when = "off from the start"
        elif self.update is not None:
            by = "" if self.row is None else f", most by row {self.row}"
            when = f"switched off by update {self.update} (epoch {self.epoch}){by}"
        else:
            when = "off in the end"
        back = "layers below could move what it sees" if self.revivable else "no row can bring it back"
        return f"{self.unit}: {when}; its largest net input is {-self.margin:.3g} (row {self.nearest_rows[0]}); {back}"


def off(phi: object, z: Array) -> Array:
    """Where a unit is off: both value and slope are 0."""
    if not isinstance(phi, ElementwiseActivation) or not phi.kinks:
        return np.zeros(z.shape, bool)
    return (phi.derivative(z) == 0) & (phi.value(z) == 0)


def dead_by_layer(run: Measurements, done: Pass) -> dict[int, list[int]]:
    """By hidden layer, the units that are off on every row."""
    found = {
        l: np.flatnonzero(off(run.activation(l), done.records[l - 1]["z"]).all(axis=0)).tolist() for l in run.hidden
    }
    return {l: units for l, units in found.items() if units}


def blind_rows(run: Measurements, done: Pass) -> dict[int, list[int]]:
    """By hidden layer, the rows on which all its units are off, so that no gradient passes."""
    found = {
        l: np.flatnonzero(off(run.activation(l), done.records[l - 1]["z"]).all(axis=1)).tolist() for l in run.hidden
    }
    return {l: rows for l, rows in found.items() if rows}


def trace_dead_units(run: Measurements) -> list[DeadUnit]:
    """The units that are dead at the end of a run, each with when and how it died."""
    dead = dead_by_layer(run, run.end)
    units = [(l, j) for l, found in dead.items() for j in found][:MOST_TRACED]
    switched_off = _switched_off(run, units)
    traced = []
    for l, j in units:
        z = run.end.records[l - 1]["z"][:, j]
        order = np.argsort(-z, kind="stable")[:NEAREST]
        update, epoch, row = switched_off.get((l, j), (None, None, None))
        below_learns = any(not _all_dead(run, k, dead) for k in run.dense if k < l)
        traced.append(
            DeadUnit(f"a{l}[{j}]", update, epoch, row, float(-z.max()), tuple(order.tolist()), l > 1 and below_learns)
        )
    return traced


def _all_dead(run: Measurements, l: int, dead: dict[int, list[int]]) -> bool:
    return len(dead.get(l, ())) == run.case.chain.units[l]


Unit = tuple[int, int]
"""Layer and number of a unit."""


def _switched_off(run: Measurements, units: list[Unit]) -> dict[Unit, tuple[int, int, int | None]]:
    """By unit: the update and the epoch after which it stayed off, and the row that did most."""
    from_the_start = dead_by_layer(run, run.start)
    found: dict[Unit, tuple[int, int, int | None]] = {
        (l, j): (-1, -1, None) for l, j in units if j in from_the_start.get(l, ())
    }
    wanted = [unit for unit in units if unit not in found]
    if not wanted or len(run.rows.x) != run.case.rows:
        return found
    brackets = _last_alive(run, wanted)
    first, last = min(first for first, _ in brackets.values()), max(last for _, last in brackets.values())
    alive = dict.fromkeys(wanted, True)
    before = run.case.copy_of_model()
    for update, model, _ in updates(run.case, last + 1):
        if update is None:
            break
        if update.epoch >= first:
            records = _records(run, model)
            for unit in wanted:
                l, j = unit
                now = not off(run.activation(l), records[l - 1]["z"][:, [j]]).all()
                if alive[unit] and not now:
                    row = _row_that_switched_it_off(run, before, update.rows, l, j)
                    found[unit] = (update.number, update.epoch, row)
                alive[unit] = now
        before.parameters.vector[...] = model.parameters.vector
        before.state = model.state
    return found


def _last_alive(run: Measurements, units: list[Unit]) -> dict[Unit, tuple[int, int]]:
    """By unit, the first and last epoch in which it can have died, from the snapshots before and after."""
    bracket: dict[Unit, tuple[int, int]] = dict.fromkeys(units, (0, run.training.history.epochs - 1))
    snapshots = run.training.snapshots
    for k, snapshot in enumerate(snapshots[:-1]):
        dead = dead_by_layer(run, run.pass_at(snapshot))
        for l, j in units:
            if j not in dead.get(l, ()):
                bracket[l, j] = (snapshot.epoch + 1, snapshots[k + 1].epoch)
    return bracket


def _records(run: Measurements, model: Model) -> list[dict[str, Array]]:
    with np.errstate(all="ignore"):
        return maths.forward(model.chain, model.parameters, run.case.data.x, Run(state=model.state))


def _row_that_switched_it_off(run: Measurements, before: Model, rows: Array, l: int, j: int) -> int | None:
    """The row of the batch whose gradient lowered the unit's net inputs most; None if none did."""
    data = run.case.data
    mode = Run(state=before.state)
    with np.errstate(all="ignore"):
        done = maths.forward_backward(before.chain, before.parameters, data.x[rows], data.t[rows], mode)
    a, delta = done.records[l - 1]["a_in"], done.backs[l - 1].delta[:, j]
    fall = delta * (a @ a.mean(axis=0) + 1)
    return int(rows[int(np.argmax(fall))]) if fall.max() > 0 else None
