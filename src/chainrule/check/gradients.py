"""Gradients held against centred finite differences, one parameter at a time, with kinks told apart from mistakes.

For each parameter ``p`` the loss is taken at ``p + h`` and ``p - h`` in float64 and
``(E(p + h) - E(p - h))/(2 h)``, once refined by halving ``h`` (Richardson: the error falls from h^2 to h^4), stands
beside the gradient. ``h`` is chosen for each value among a few sizes by the smaller of two estimated errors, rounding
(falls with h) and truncation (grows with h).

Between ``p - h`` and ``p + h`` a net input may cross a kink of its activation (0 for ReLU), or an output one of the
loss; the difference is then taken on a smaller ``h`` that crosses none. Where a value lies on the kink itself no ``h``
helps: the verdict is then "kink" if each row's part of the gradient can be that of one of the row's two sides, or
between them, or if the gradient follows from what each activation declares its derivative to be on the kink.

References: Ridders 1982, Advances in Engineering Software 4(2); Nocedal & Wright 2006, section 8.1.
"""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import numpy as np

from chainrule import chain as maths
from chainrule.activations import Activation, ElementwiseActivation
from chainrule.arrays import Array
from chainrule.chain import Chain
from chainrule.check.tangents import straightened
from chainrule.layers import Dense, Record, Run
from chainrule.layers.normalization import Normalization
from chainrule.losses import ElementwiseLoss
from chainrule.model import Model
from chainrule.parameters import Parameters
from chainrule.show import html_table, number, plain, text_table
from chainrule.training.fit import Data
from chainrule.unitwise import UnitwiseActivation

TOLERANCE = 1e-6
"""Largest relative error of a gradient that counts as right."""

STEPS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)
"""Sizes of h that are tried, relative to max(1, |p|), until rounding takes over; the last ones are for large inputs."""

KINK_STEP = 1e-6
"""The size of h by which the slopes on both sides of a kink are measured."""

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
            "entries": [
                asdict(e) | {name: plain(getattr(e, name)) for name in ("index", "gradient", "difference", "error")}
                for e in self.entries
            ],
        }


LossAt = Callable[[float], tuple[Array | float, bytes]]

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
            entries.append(Checked(slot.name, index, float(mine[k]), *judge_parameter(probe, k, float(mine[k]))))
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

    def at(self, k: int, value: float) -> tuple[Array, bytes]:
        """Each row's part of E with parameter ``k`` at ``value``, and the sides of all kinks as a key."""
        return self._at(self.chain, lambda y: self.chain.loss.value(y, self.t), k, value)

    def at_straightened(self, k: int, value: float) -> tuple[Array, bytes]:
        """The same where what lies on a kink goes on along the tangent there, and so has no sides."""
        chain, losses, on = self._straightened
        rows, sides = self._at(chain, losses, k, value)
        return rows, np.where(on, 0, np.frombuffer(sides, np.int8)).tobytes()

    def _at(self, chain: Chain, losses: Callable[[Array], Array], k: int, value: float) -> tuple[Array, bytes]:
        kept = self.vector[k]
        self.vector[k] = value
        try:
            records = maths.forward(chain, self.parameters, self.x, self._run())
            y = records[-1]["a"]
            shares = maths.row_shares(self.t, self.weights)
            rows = losses(y) * (1 / len(y) if shares is None else shares)
            return rows, sides_of(self.chain, records, y - self.t)
        finally:
            self.vector[k] = kept

    @cached_property
    def _straightened(self) -> tuple[Chain, Callable[[Array], Array], Array]:
        """The chain and rows' losses without the kinks that values lie on, and which entries of the key those are."""
        records = maths.forward(self.chain, self.parameters, self.x, self._run())
        sides = sides_of(self.chain, records, records[-1]["a"] - self.t)
        return *straightened(self.chain, records, self.t), np.frombuffer(sides, np.int8) == 0


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


def judge_parameter(probe: Probe, k: int, gradient: float) -> tuple[float, float, str]:
    """(difference, relative error, verdict) for the gradient by parameter ``k``."""
    p = float(probe.vector[k])
    found = judge(lambda value: probe.at(k, value), p, gradient)
    if found[2] == "wrong":
        difference, error, verdict = judge(lambda value: probe.at_straightened(k, value), p, gradient)
        if verdict == "right":
            return difference, error, "kink"
    return found


def judge(loss_at: LossAt, p: float, gradient: float) -> tuple[float, float, str]:
    """(difference, relative error, verdict) for a gradient at ``p``.

    ``loss_at`` gives E, as one number or as the parts of it that each row makes up, and the sides of all kinks.
    """
    scale = max(1.0, abs(p))
    _, here = loss_at(p)
    best: tuple[float, float] | None = None
    for step in STEPS:
        h = step * scale
        points = {offset: loss_at(p + offset * h) for offset in (-1.0, -0.5, 0.5, 1.0)}
        if any(sides != here for _, sides in points.values()):
            continue
        difference, truncation, rounding = _centred({k: float(np.sum(loss)) for k, (loss, _) in points.items()}, h)
        if best is None or truncation + rounding < best[1]:
            best = difference, truncation + rounding
        if rounding > best[1]:
            break  # it only grows from here
    if best is None:
        return _on_a_kink(loss_at, p, KINK_STEP * scale, gradient)
    difference, uncertainty = best
    error = _relative(gradient, difference, uncertainty)
    return difference, error, "right" if error <= TOLERANCE else "wrong"


def _centred(loss: dict[float, float], h: float) -> tuple[float, float, float]:
    """The refined centred difference and what may be wrong with it: truncation seen in refining, and rounding of E."""
    wide = (loss[1.0] - loss[-1.0]) / (2 * h)
    narrow = (loss[0.5] - loss[-0.5]) / h
    rounding = 4 * _EPS * max(map(abs, loss.values())) / h
    return (4 * narrow - wide) / 3, abs(narrow - wide) / 3, rounding


def _relative(gradient: float, difference: float, uncertainty: float) -> float:
    """The distance relative to the larger of both, or to the size at which the difference's own uncertainty counts."""
    if not np.isfinite(gradient):
        return float("inf")
    distance = abs(gradient - difference)
    return distance / max(abs(gradient), abs(difference), uncertainty / TOLERANCE) if distance else 0.0


def _on_a_kink(loss_at: LossAt, p: float, h: float, gradient: float) -> tuple[float, float, str]:
    """Both one-sided differences (second order, three points) of each row; what rows give must lie between them."""
    at = np.array([np.atleast_1d(loss_at(p + k * h)[0]) for k in (-2, -1, 0, 1, 2)])
    left = (3 * at[2] - 4 * at[1] + at[0]) / (2 * h)
    right = (-3 * at[2] + 4 * at[3] - at[4]) / (2 * h)
    slack = TOLERANCE * np.abs([left, right]).sum() + 16 * _EPS * np.abs(at).max(axis=0).sum() / h
    nearer = min((float(left.sum()), float(right.sum())), key=lambda side: abs(side - gradient))
    inside = np.minimum(left, right).sum() - slack <= gradient <= np.maximum(left, right).sum() + slack
    return nearer, _relative(gradient, nearer, float(slack)), "kink" if inside else "wrong"
