"""Dead units: which update and which row switched a unit off for good, and how far it is from coming back.

A unit of ReLU that is off on every row has slope 0 on every row: no row changes its weights any more. One update moves
the net input of row m by ``-eta/N sum_n delta[n, j] (a_n a_m + 1)``: the row n with the largest part in the fall killed
it.
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
from chainrule.diagnosis.measurements import Readings
from chainrule.diagnosis.replay import updates

MOST_TRACED = 8
NEAREST = 3


@dataclass(frozen=True)
class Death:
    """One dead unit.

    Attributes:
        unit: such as ``"a1[3]"``.
        update, epoch: after which it was off on every row and stayed so; -1 if it began like this, None if not traced.
        row: the row with the largest part in it; None where that is unknown.
        margin: how far below 0 its largest net input lies.
        nearest_rows: the rows whose net inputs are nearest to 0: those that would switch it on first.
        revivable: whether anything can: layers below that still learn can move what it sees; the first layer's
            inputs never move.
    """

    unit: str
    update: int | None
    epoch: int | None
    row: int | None
    margin: float
    nearest_rows: tuple[int, ...]
    revivable: bool

    @property
    def told(self) -> dict[str, Any]:
        """As evidence."""
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
    """Where a unit is off: value and slope both 0."""
    if not isinstance(phi, ElementwiseActivation) or not phi.kinks:
        return np.zeros(z.shape, bool)
    return (phi.derivative(z) == 0) & (phi.value(z) == 0)


def dead_by_layer(r: Readings, done: Pass) -> dict[int, list[int]]:
    """Hidden units that are off on every row."""
    found = {l: np.flatnonzero(off(r.activation(l), done.records[l - 1]["z"]).all(axis=0)).tolist() for l in r.hidden}
    return {l: units for l, units in found.items() if units}


def blind_rows(r: Readings, done: Pass) -> dict[int, list[int]]:
    """Rows on which all units of a hidden layer are off: nothing flows below it there."""
    found = {l: np.flatnonzero(off(r.activation(l), done.records[l - 1]["z"]).all(axis=1)).tolist() for l in r.hidden}
    return {l: rows for l, rows in found.items() if rows}


def trace_deaths(r: Readings) -> list[Death]:
    """The dead units of the run's end, each with what killed it."""
    dead = dead_by_layer(r, r.end)
    units = [(l, j) for l, found in dead.items() for j in found][:MOST_TRACED]
    killed = _killings(r, units)
    deaths = []
    for l, j in units:
        z = r.end.records[l - 1]["z"][:, j]
        order = np.argsort(-z, kind="stable")[:NEAREST]
        update, epoch, row = killed.get((l, j), (None, None, None))
        below_learns = any(not _all_dead(r, k, dead) for k in r.dense if k < l)
        deaths.append(
            Death(f"a{l}[{j}]", update, epoch, row, float(-z.max()), tuple(order.tolist()), l > 1 and below_learns)
        )
    return deaths


def _all_dead(r: Readings, l: int, dead: dict[int, list[int]]) -> bool:
    return len(dead.get(l, ())) == r.case.chain.units[l]


def _killings(r: Readings, units: list[tuple[int, int]]) -> dict[tuple[int, int], tuple[int, int, int | None]]:
    """By unit: (update, epoch, row)."""
    begun = dead_by_layer(r, r.start)
    found: dict[tuple[int, int], tuple[int, int, int | None]] = {
        (l, j): (-1, -1, None) for l, j in units if j in begun.get(l, ())
    }
    wanted = [unit for unit in units if unit not in found]
    if not wanted or len(r.rows.x) != r.case.rows:
        return found
    last_alive = _last_alive(r, wanted)
    until = max(last for _, last in last_alive.values()) + 1
    since = min(first for first, _ in last_alive.values())
    alive = dict.fromkeys(wanted, True)
    before = r.case.copy_of_model()
    for update, model, _ in updates(r.case, until):
        if update is None:
            break
        if update.epoch >= since:
            records = _records(r, model)
            for unit in wanted:
                l, j = unit
                now = not off(r.activation(l), records[l - 1]["z"][:, [j]]).all()
                if alive[unit] and not now:
                    found[unit] = (update.number, update.epoch, _killer(r, before, update.rows, l, j))
                alive[unit] = now
        before.parameters.vector[...] = model.parameters.vector
        before.state = model.state
    return found


def _last_alive(r: Readings, units: list[tuple[int, int]]) -> dict[tuple[int, int], tuple[int, int]]:
    """By unit, the epochs between which it died: after the last snapshot that saw it alive, up to the next."""
    bracket: dict[tuple[int, int], tuple[int, int]] = dict.fromkeys(units, (0, r.ran.history.epochs - 1))
    snapshots = r.ran.snapshots
    for k, snapshot in enumerate(snapshots[:-1]):
        dead = dead_by_layer(r, r.pass_at(snapshot))
        for l, j in units:
            if j not in dead.get(l, ()):
                bracket[l, j] = (snapshot.epoch + 1, snapshots[k + 1].epoch)
    return bracket


def _records(r: Readings, model: Model) -> list[dict[str, Array]]:
    with np.errstate(all="ignore"):
        return maths.forward(model.chain, model.parameters, r.case.data.x, Run(state=model.state))


def _killer(r: Readings, before: Model, rows: Array, l: int, j: int) -> int | None:
    """The row of the batch whose gradient lowered the unit's net inputs most."""
    data = r.case.data
    run = Run(state=before.state)
    with np.errstate(all="ignore"):
        done = maths.forward_backward(before.chain, before.parameters, data.x[rows], data.t[rows], run)
    a, delta = done.records[l - 1]["a_in"], done.backs[l - 1].delta[:, j]
    fall = delta * (a @ a.mean(axis=0) + 1)
    return int(rows[int(np.argmax(fall))]) if fall.max() > 0 else None
