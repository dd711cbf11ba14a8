"""A derivative checked in another way: finite differences and, for small networks, computer algebra on the formula."""

from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.format import number
from chainrule.core.layers import Record, Run
from chainrule.core.model import Model
from chainrule.explain.names import Wanted
from chainrule.explain.symbolic import symbolic_derivative
from chainrule.training import Data
from chainrule.verify.gradients import Probe, judge, judge_parameter, sides_of

SMALL = 60
"""Largest number of edges (weights of all layers times rows) up to which computer algebra is used."""


@dataclass(frozen=True)
class CrossCheck:
    """The derivative by other means.

    Attributes:
        value: the one to be proved.
        difference: by finite differences in float64.
        error: relative, between the two.
        verdict: ``"right"``, ``"kink"`` (a value lies on a kink: either side's derivative is as good) or ``"wrong"``.
        symbolic: by SymPy's derivative of the whole network's formula; None where the network is too large for it.
        symbolic_error: relative.
    """

    value: float
    difference: float
    error: float
    verdict: str
    symbolic: float | None
    symbolic_error: float | None

    def text(self) -> str:
        """Two lines: each way, its value, how far apart."""
        apart = f"relative error {number(self.error, 2)}: {self.verdict}"
        lines = ["proof:", f"  by finite differences: {number(self.difference, 10)}, {apart}"]
        if self.symbolic is not None:
            error = number(self.symbolic_error or 0.0, 2)
            lines.append(f"  by computer algebra:   {number(self.symbolic, 10)}, relative error {error}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)


def cross_check(model: Model, data: Data, wanted: Wanted, row: int, value: float) -> CrossCheck:
    """Find the derivative anew; a row's own quantity is moved on that row alone."""
    if not wanted.is_parameter:
        data = Data(data.x[[row]], data.t[[row]], None)
    difference, error, verdict = _by_differences(model, data, wanted, value)
    symbolic = None
    if _edges(model) * len(data.x) <= SMALL:
        symbolic = symbolic_derivative(model, data, wanted)
    apart = None if symbolic is None else abs(symbolic - value) / max(abs(symbolic), abs(value), 1e-300)
    return CrossCheck(value, difference, error, verdict, symbolic, 0.0 if symbolic == value else apart)


def _edges(model: Model) -> int:
    units = model.chain.units
    return sum(below * here for below, here in pairwise(units))


def _by_differences(model: Model, data: Data, wanted: Wanted, value: float) -> tuple[float, float, str]:
    probe = Probe(model, data, training=False, seed=None)
    if wanted.is_parameter:
        slot = next(s for s in model.chain.slots if s.layer == wanted.layer and s.key == wanted.key)
        k = slot.start + int(np.ravel_multi_index(wanted.index, slot.shape) if slot.shape else 0)
        return judge_parameter(probe, k, value)
    records = maths.forward(probe.chain, probe.parameters, probe.x, Run(state=probe.state))
    l, j = wanted.layer, wanted.index[0]
    start = probe.x if l == 0 else records[l - 1][wanted.key]

    def loss_at(moved: float) -> tuple[float, bytes]:
        values = start.copy()
        values[0, j] = moved
        above = _from(probe, l, wanted.key, values)
        y = above[-1]["a"] if above else values
        return maths.batch_loss(probe.chain, y, probe.t), sides_of(
            probe.chain, records[: l - 1 if l else 0] + above, y - probe.t
        )

    return judge(loss_at, float(start[0, j]), value, probe.magnitude)


def _from(probe: Probe, l: int, key: str, values: Array) -> list[Record]:
    """The records from layer ``l`` up, its net input or activation given."""
    records: list[Record] = []
    a = values
    if l:
        a = probe.chain.layers[l - 1].activation.value(values) if key == "z" else values
        records.append({"z": values, "a": a})
    run = Run(state=probe.state)
    for m, (layer, state) in enumerate(zip(probe.chain.layers[l:], probe.state[l:], strict=True), start=l + 1):
        records.append(layer.forward(probe.parameters.of_layer(m), a, state, run))
        a = records[-1]["a"]
    return records
