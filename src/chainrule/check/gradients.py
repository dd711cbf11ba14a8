"""Gradients held against centred finite differences, one parameter at a time, with kinks told apart from mistakes.

For each parameter ``p`` the loss is taken at ``p + h`` and ``p - h`` in float64 and
``(E(p + h) - E(p - h))/(2 h)``, once refined by halving ``h`` (Richardson: the error falls from h^2 to h^4), stands
beside the gradient. ``h`` is chosen for each value among a few sizes by the smaller of two estimated errors, rounding
(falls with h) and truncation (grows with h).

Between ``p - h`` and ``p + h`` a net input may cross a kink of its activation (0 for ReLU), or an output one of the
loss; the difference is then taken on a smaller ``h`` that crosses none. Where a value lies on the kink itself no ``h``
helps: the gradient must then be that of one of the two sides, or between them, and the verdict is "kink".

References: Ridders 1982, Advances in Engineering Software 4(2); Nocedal & Wright 2006, section 8.1.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from chainrule import chain as maths
from chainrule.activations import Activation, ElementwiseActivation
from chainrule.arrays import Array
from chainrule.chain import Chain
from chainrule.layers import Dense, Record, Run
from chainrule.layers.normalization import Normalization
from chainrule.losses import ElementwiseLoss
from chainrule.model import Model
from chainrule.parameters import Parameters
from chainrule.show import html_table, number, text_table
from chainrule.training.fit import Data
from chainrule.unitwise import UnitwiseActivation

TOLERANCE = 1e-6
"""Largest relative error of a gradient that counts as right."""

STEPS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6)
"""Sizes of h that are tried, relative to max(1, |p|)."""

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True)
class Checked:
    """One parameter's gradient beside its difference.

    Attributes:
        name: such as ``"W1"``.
        index: which number of it, such as ``(0, 1)``; ``()`` for a shared bias.
        gradient: by backpropagation.
        difference: by finite differences; on a kink the nearer side's.
        error: relative: the distance over the larger of both, or over the scale below which rounding hides them.
        verdict: ``"right"``, ``"kink"`` or ``"wrong"``.
    """

    name: str
    index: tuple[int, ...]
    gradient: float
    difference: float
    error: float
    verdict: str

    @property
    def label(self) -> str:
        """``"W1[0, 1]"``."""
        return f"{self.name}[{', '.join(map(str, self.index))}]" if self.index else self.name


@dataclass(frozen=True)
class GradientCheck:
    """The report of a gradient check: truthy if every gradient is right (or on a kink).

    Attributes:
        entries: every parameter, in the order of ``parameters.vector``.
    """

    entries: tuple[Checked, ...]

    @property
    def passed(self) -> bool:
        """Whether no gradient is wrong."""
        return not self.wrong

    def __bool__(self) -> bool:
        return self.passed

    @property
    def wrong(self) -> tuple[Checked, ...]:
        """The gradients that differ, the largest error first."""
        return tuple(sorted((e for e in self.entries if e.verdict == "wrong"), key=lambda e: -e.error))

    @property
    def kinks(self) -> tuple[Checked, ...]:
        """The gradients taken on a kink, where both sides' are as good."""
        return tuple(e for e in self.entries if e.verdict == "kink")

    @property
    def largest_error(self) -> float:
        """The largest relative error away from kinks; 0 if there is none."""
        return max((e.error for e in self.entries if e.verdict != "kink"), default=0.0)

    def _rows(self) -> list[list[str]]:
        told = [*self.wrong, *self.kinks, *sorted(self.entries, key=lambda e: -e.error)]
        rows = list(dict.fromkeys(told))[: max(5, len(self.wrong))]
        return [
            [e.label, number(e.gradient, 10), number(e.difference, 10), number(e.error, 2), e.verdict] for e in rows
        ]

    def __str__(self) -> str:
        counts = f"{len(self.entries)} gradients checked, {len(self.wrong)} wrong, {len(self.kinks)} on a kink"
        return f"{counts}, largest relative error {number(self.largest_error, 2)}\n" + text_table(_HEADER, self._rows())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(_HEADER, self._rows(), caption=str(self).splitlines()[0])

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "schema": "chainrule/gradient-check",
            "version": 1,
            "passed": self.passed,
            "entries": [asdict(entry) | {"index": list(entry.index)} for entry in self.entries],
        }


LossAt = Callable[[float], tuple[float, bytes]]

_HEADER = ["parameter", "gradient", "difference", "relative error", "verdict"]


def check_gradients(
    model: Model,
    data: Data,
    *,
    training: bool = False,
    seed: int | None = None,
    gradient: Array | None = None,
    only: str | None = None,
) -> GradientCheck:
    """Hold the gradients (or those given, as a flat vector) against finite differences, in float64.

    ``only`` names a single parameter, such as ``"W1[0, 1]"``: the rest is then left unchecked.
    """
    probe = Probe(model, data, training, seed)
    mine = probe.gradient() if gradient is None else np.asarray(gradient, dtype=np.float64)
    entries = []
    for slot in probe.chain.slots:
        for k in range(slot.start, slot.stop):
            if only not in (None, slot.label(k - slot.start)):
                continue
            index = tuple(int(i) for i in np.unravel_index(k - slot.start, slot.shape)) if slot.shape else ()
            entries.append(Checked(slot.name, index, float(mine[k]), *_judge_one(probe, k, float(mine[k]))))
    return GradientCheck(tuple(entries))


class Probe:
    """The loss as a function of one parameter, in float64, with the side of every kink that its values lie on."""

    def __init__(self, model: Model, data: Data, training: bool, seed: int | None) -> None:
        chain = model.chain
        self.chain = maths.build(chain.inputs, chain.layers, chain.loss, np.dtype(np.float64))
        self.vector = model.parameters.vector.astype(np.float64)
        self.parameters = Parameters(self.chain.slots, self.vector)
        self.x, self.t = data.x.astype(np.float64), data.t.astype(np.float64)
        self.weights = None if data.weights is None else data.weights.astype(np.float64)
        self.state = tuple({key: value.astype(np.float64) for key, value in s.items()} for s in model.state)
        self.training, self.seed = training, seed

    def _run(self) -> Run:
        rng = None if self.seed is None else np.random.default_rng(self.seed)
        return Run(self.training, self.state, rng)

    def gradient(self) -> Array:
        """By backpropagation."""
        done = maths.forward_backward(self.chain, self.parameters, self.x, self.t, self._run(), self.weights)
        return done.gradient

    def at(self, k: int, value: float) -> tuple[float, bytes]:
        """E with parameter ``k`` at ``value``, and the sides of all kinks as a key."""
        kept = self.vector[k]
        self.vector[k] = value
        try:
            records = maths.forward(self.chain, self.parameters, self.x, self._run())
            y = records[-1]["a"]
            return maths.batch_loss(self.chain, y, self.t, self.weights), sides_of(self.chain, records, y - self.t)
        finally:
            self.vector[k] = kept


def sides_of(chain: Chain, records: Sequence[Record], residual: Array) -> bytes:
    """The side of every kink that a pass's values lie on, as a key; ``residual`` is ``y - t``."""
    sides = [
        _sides(kinks(layer.activation), record["z"])
        for layer, record in zip(chain.layers, records, strict=True)
        if isinstance(layer, Dense | Normalization)
    ]
    if isinstance(chain.loss, ElementwiseLoss):
        sides.append(_sides([chain.loss.kinks(**chain.loss.parameters)], residual))
    return b"".join(sides)


def kinks(activation: Activation) -> list[tuple[float, ...]]:
    """The kinks of each unit's activation; one entry where all units share it."""
    if isinstance(activation, UnitwiseActivation):
        return [row.kinks for row in activation.rows]
    return [activation.kinks] if isinstance(activation, ElementwiseActivation) else [()]


def _sides(kinks_by_unit: list[tuple[float, ...]], values: Array) -> bytes:
    """-1, 0 or 1 for each value and each kink: below, on, above; 0 where the value is missing."""
    columns = [values] if len(kinks_by_unit) == 1 else [values[:, j : j + 1] for j in range(len(kinks_by_unit))]
    pairs = [(column, kink) for column, points in zip(columns, kinks_by_unit, strict=True) for kink in points]
    return b"".join(np.sign(np.nan_to_num(column - kink)).astype(np.int8).tobytes() for column, kink in pairs)


def _judge_one(probe: Probe, k: int, gradient: float) -> tuple[float, float, str]:
    return judge(lambda value: probe.at(k, value), float(probe.vector[k]), gradient)


def judge(loss_at: LossAt, p: float, gradient: float) -> tuple[float, float, str]:
    """(difference, relative error, verdict) for a gradient at ``p``; ``loss_at`` gives E and the sides of all kinks."""
    scale = max(1.0, abs(p))
    centre, here = loss_at(p)
    candidates = []
    for step in STEPS:
        h = step * scale
        points = {offset: loss_at(p + offset * h) for offset in (-1.0, -0.5, 0.5, 1.0)}
        if all(sides == here for _, sides in points.values()):
            candidates.append(_centred(points, h, centre))
    if candidates:
        difference, uncertainty = min(candidates, key=lambda c: c[1])
        error = _relative(gradient, difference, uncertainty)
        return difference, error, "right" if error <= TOLERANCE else "wrong"
    return _on_a_kink(loss_at, p, scale, gradient)


def _centred(points: dict[float, tuple[float, bytes]], h: float, centre: float) -> tuple[float, float]:
    """The refined centred difference and its uncertainty: truncation seen in refining, and rounding of E."""
    wide = (points[1.0][0] - points[-1.0][0]) / (2 * h)
    narrow = (points[0.5][0] - points[-0.5][0]) / h
    rounding = 4 * _EPS * max(abs(centre), abs(points[1.0][0]), abs(points[-1.0][0])) / h
    return (4 * narrow - wide) / 3, abs(narrow - wide) / 3 + rounding


def _relative(gradient: float, difference: float, uncertainty: float) -> float:
    """The distance relative to the larger of both, or to the size at which the difference's own uncertainty counts."""
    distance = abs(gradient - difference)
    return distance / max(abs(gradient), abs(difference), uncertainty / TOLERANCE) if distance else 0.0


def _on_a_kink(loss: LossAt, p: float, scale: float, gradient: float) -> tuple[float, float, str]:
    """Both one-sided differences (second order, three points); the gradient must lie between them."""
    h = STEPS[-1] * scale
    at = [loss(p + k * h)[0] for k in (-2, -1, 0, 1, 2)]
    left = (3 * at[2] - 4 * at[1] + at[0]) / (2 * h)
    right = (-3 * at[2] + 4 * at[3] - at[4]) / (2 * h)
    slack = 1e-3 * max(abs(left), abs(right)) + 16 * _EPS * max(map(abs, at)) / h
    nearer = min((left, right), key=lambda side: abs(side - gradient))
    inside = min(left, right) - slack <= gradient <= max(left, right) + slack
    return nearer, _relative(gradient, nearer, slack), "kink" if inside else "wrong"
