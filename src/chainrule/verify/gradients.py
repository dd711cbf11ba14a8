"""Gradients compared with centred finite differences, parameter by parameter; kinks are distinguished from mistakes.

For each parameter ``p`` the loss is taken at ``p + h`` and ``p - h`` in float64 and
``(E(p + h) - E(p - h))/(2 h)``, once refined by halving ``h`` (Richardson: the error falls from h^2 to h^4), is
compared with the gradient. ``h`` is chosen for each value among a few sizes by the smaller of two estimated errors,
rounding (falls with h) and truncation (grows with h).

Between ``p - h`` and ``p + h`` a net input may cross a kink of its activation (0 for ReLU), or an output one of the
loss; the difference is then taken on a smaller ``h`` that crosses none. Where a value lies on the kink itself no ``h``
helps: the verdict is then "kink" if each row's part of the gradient can be that of one of the row's two sides, or
between them, or if the gradient follows from what each activation declares its derivative to be on the kink.

References: Ridders 1982, Advances in Engineering Software 4(2); Nocedal & Wright 2006, section 8.1.
"""

from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.activations import Activation, ElementwiseActivation
from chainrule.core.arrays import Array
from chainrule.core.chain import Chain, Pass
from chainrule.core.layers import Record, Run
from chainrule.core.losses import ElementwiseLoss
from chainrule.core.model import Model
from chainrule.core.unitwise import UnitwiseActivation
from chainrule.training.data import Data
from chainrule.verify.gradient_report import Checked, GradientCheck
from chainrule.verify.tangents import straightened

TOLERANCE = 1e-6
"""Largest relative error of a gradient that counts as right."""

STEPS = (1e-2, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-10)
"""Sizes of h that are tried, relative to max(1, |p|), until rounding takes over; the last ones are for large inputs."""

KINK_STEP = 1e-6
"""The size of h by which the slopes on both sides of a kink are measured."""

_EPS = float(np.finfo(np.float64).eps)


LossAt = Callable[[float], tuple[Array | float, bytes]]


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
        exact = model.as_float64()
        self.chain, self.parameters, self.state = exact.chain, exact.parameters, exact.state
        self.vector = self.parameters.vector
        self.x, self.t, self.weights = data.as_float64()
        self.training, self.seed = training, seed

    def _run(self) -> Run:
        rng = None if self.seed is None else np.random.default_rng(self.seed)
        return Run(self.training, self.state, rng)

    @cached_property
    def _base(self) -> Pass:
        return maths.forward_backward(self.chain, self.parameters, self.x, self.t, self._run(), self.weights)

    def gradient(self) -> Array:
        """By backpropagation."""
        return self._base.gradient

    @cached_property
    def magnitude(self) -> float:
        """What E's rounding is relative to: |v dE/dv| over all the values v that E is made of.

        E itself may be far smaller: log(y) near y = 1 is tiny, but is rounded as y is.
        """
        done = self._base
        da = [*(back.da_in for back in done.backs[1:]), done.dy]
        pairs = [(self.vector, done.gradient)]
        for record, back, da_here in zip(done.records, done.backs, da, strict=True):
            pairs += [(record["z"], back.delta), (record["a"], da_here)]
        return float(sum(np.abs(value * derivative).sum() for value, derivative in pairs))

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
        records = self._base.records
        sides = sides_of(self.chain, records, records[-1]["a"] - self.t)
        return *straightened(self.chain, records, self.t), np.frombuffer(sides, np.int8) == 0


def sides_of(chain: Chain, records: Sequence[Record], residual: Array) -> bytes:
    """The side of every kink that a pass's values lie on, as a key; ``residual`` is ``y - t``."""
    sides = [_sides(kinks(layer.activation), record["z"]) for layer, record in zip(chain.layers, records, strict=True)]
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
    found = judge(lambda value: probe.at(k, value), p, gradient, probe.magnitude)
    if found[2] == "wrong":
        straight = judge(lambda value: probe.at_straightened(k, value), p, gradient, probe.magnitude)
        difference, error, verdict = straight
        if verdict == "right":
            return difference, error, "kink"
    return found


def judge(loss_at: LossAt, p: float, gradient: float, magnitude: float = 0.0) -> tuple[float, float, str]:
    """(difference, relative error, verdict) for a gradient at ``p``.

    ``loss_at`` gives E, as one number or as the parts of it that each row makes up, and the sides of all kinks;
    ``magnitude`` is the size of the numbers that E is made of, by which it is rounded.
    """
    scale = max(1.0, abs(p))
    _, here = loss_at(p)
    best: tuple[float, float] | None = None
    for step in STEPS:
        h = step * scale
        points = {offset: loss_at(p + offset * h) for offset in (-1.0, -0.5, 0.5, 1.0)}
        if any(sides != here for _, sides in points.values()):
            continue
        losses = {offset: float(np.sum(loss)) for offset, (loss, _) in points.items()}
        difference, truncation, rounding = _centred(losses, h, magnitude)
        if best is None or truncation + rounding < best[1]:
            best = difference, truncation + rounding
        if rounding > best[1]:
            break  # it only grows from here
    if best is None:
        return _on_a_kink(loss_at, p, KINK_STEP * scale, gradient, magnitude)
    difference, uncertainty = best
    error = _relative(gradient, difference, uncertainty)
    return difference, error, "right" if error <= TOLERANCE else "wrong"


def _centred(loss: dict[float, float], h: float, magnitude: float) -> tuple[float, float, float]:
    """The refined centred difference and what may be wrong with it: truncation seen in refining, and rounding of E."""
    wide = (loss[1.0] - loss[-1.0]) / (2 * h)
    narrow = (loss[0.5] - loss[-0.5]) / h
    rounding = 4 * _EPS * (max(map(abs, loss.values())) + magnitude) / h
    return (4 * narrow - wide) / 3, abs(narrow - wide) / 3, rounding


def _relative(gradient: float, difference: float, uncertainty: float) -> float:
    """The distance relative to the larger of both, or to the size at which the difference's own uncertainty counts."""
    if not np.isfinite(gradient):
        return float("inf")
    distance = abs(gradient - difference)
    return distance / max(abs(gradient), abs(difference), uncertainty / TOLERANCE) if distance else 0.0


def _on_a_kink(loss_at: LossAt, p: float, h: float, gradient: float, magnitude: float) -> tuple[float, float, str]:
    """Both one-sided differences (second order, three points) of each row; what rows give must lie between them."""
    at = np.array([np.atleast_1d(loss_at(p + k * h)[0]) for k in (-2, -1, 0, 1, 2)])
    left = (3 * at[2] - 4 * at[1] + at[0]) / (2 * h)
    right = (-3 * at[2] + 4 * at[3] - at[4]) / (2 * h)
    rounding = 16 * _EPS * (np.abs(at).max(axis=0).sum() + magnitude) / h
    slack = TOLERANCE * np.abs([left, right]).sum() + rounding
    nearer = min((float(left.sum()), float(right.sum())), key=lambda side: abs(side - gradient))
    inside = np.minimum(left, right).sum() - slack <= gradient <= np.maximum(left, right).sum() + slack
    return nearer, _relative(gradient, nearer, float(slack)), "kink" if inside else "wrong"
