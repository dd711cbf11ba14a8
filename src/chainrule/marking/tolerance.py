"""How far two computations of the same gradient may differ: the effect of rounding, measured for each network.

Code that computes a gradient in another order, or by another formula for the same function, rounds differently. How
much that matters depends on the network: a difference ``y - t`` of nearly equal numbers, or a sum over rows that
cancels, loses digits. So the response is measured: parameters and inputs are moved by a relative ``1e-7`` in random
directions, and the largest change of a gradient, divided by ``1e-7``, is ``kappa``: rounding by ``eps`` changes the
gradient by about ``eps kappa``. A gradient ``M`` may then differ by

    C eps (kappa + (1 + kappa/max|g|) max|M|)

where g is the right gradient: kappa alone covers gradients that vanish, the second term wrong gradients that are larger
than g. A sum that vanishes for every network (over the units of a softmax) does not change when parameters move, so
kappa is at least the largest sum of the terms' sizes, ``|a|' |delta|``. For float64 the relative part is kept between
1e-11 and 1e-8, between rounding (about 1e-14) and the nearest mistake (about 1e-5); for float32 it is at least 2e-6.
Numbers that fit only to 1e-8 (NEAR) are off by more than rounding, but by less than any mistake. Numbers that were
printed with ``d`` decimals are uncertain by half a unit of the last one, ``h = 10^-d/2``; parameters are then also
moved by ``h``, and the resulting change is added. Gradients recovered from an update, ``(before - after)/eta``, have
the rounding of both.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from chainrule.core.activations import ElementwiseActivation
from chainrule.core.arrays import Array
from chainrule.marking.backward import BackwardResult, input_of, run_backward
from chainrule.marking.forward_context import ForwardContext
from chainrule.verify.gradients import kinks

FLOAT64, FLOAT32 = (float(np.finfo(dtype).eps) for dtype in (np.float64, np.float32))

NEAR = 2.0**-40
"""The precision of what agrees but for a small constant, such as an epsilon in a logarithm."""

_MOVE = 1e-7
_DRAWS = 3
_SAFETY = {FLOAT64: 256.0, NEAR: 256.0, FLOAT32: 16.0}
_RELATIVE = {FLOAT64: (1e-11, 1e-8), NEAR: (1e-8, 1e-7), FLOAT32: (2e-6, 1e-3)}


@dataclass(frozen=True, eq=False)
class Tolerance:
    """What is allowed for each parameter's gradient.

    Attributes:
        relative: by name, as a share of the largest number of the computed gradient.
        absolute: by name, added to that, for each number of the array or for all.
    """

    relative: Mapping[str, float]
    absolute: Mapping[str, Array | float]

    def allowed(self, name: str, size: float) -> Array | float:
        """The largest distance from a gradient whose largest number is ``size``."""
        return self.absolute[name] + self.relative[name] * size


@dataclass(frozen=True, eq=False)
class Response:
    """How a network's gradients respond to small changes; the equations are in this module's docstring.

    Attributes:
        kappa: by name, the largest change for a relative change of 1 in parameters and inputs.
        size: by name, the largest number of the right gradient.
        printed: by name, the largest change when parameters move by half a unit of the last printed decimal.
        subtracted: by name, the size of the two numbers of which a given one is the difference: eps times it is added.
        noise: a further uncertainty of all given numbers.
    """

    kappa: Mapping[str, float]
    size: Mapping[str, float]
    printed: Mapping[str, float]
    subtracted: Mapping[str, Array | float]
    noise: float

    def tolerance(self, eps: float) -> Tolerance:
        """The tolerance for numbers computed with this relative rounding."""
        low, high = _RELATIVE[eps]
        relative: dict[str, float] = {}
        absolute: dict[str, Array | float] = {}
        for name, kappa in self.kappa.items():
            size = self.size[name]
            amplified = 1 + kappa / size if size > 0 else 1.0
            share = self.printed[name] / size if size > 0 else 0.0
            relative[name] = min(max(_SAFETY[eps] * eps * amplified, low), high) + 2 * share
            own = 2 * eps * self.subtracted.get(name, 0.0) + self.noise
            absolute[name] = _SAFETY[eps] * eps * kappa + 2 * self.printed[name] + own + 1e-300
        return Tolerance(relative, absolute)

    def divided_by(self, value: float) -> "Response":
        """The response of the same numbers divided by a value."""
        subtracted = {name: size / value for name, size in self.subtracted.items()}
        return replace(self, subtracted=subtracted, noise=self.noise / value)


def measure_response(
    forward: ForwardContext,
    digits: int | None = None,
    *,
    noise: float = 0.0,
    subtracted: Mapping[str, Array | float] | None = None,
) -> Response:
    """Measure how a network's gradients respond to small changes.

    Args:
        forward: the forward pass.
        digits: decimals to which the parameters are known; None if in full.
        noise: the uncertainty of all numbers that will be compared.
        subtracted: by name, the size of the two numbers of which each of these is the difference.
    """
    rng = np.random.default_rng(0)
    right = run_backward(forward, {})
    g = right.gradients
    change, terms = _largest_change(forward, g, rng, _MOVE, 0.0), _sizes_of_terms(forward, right)
    kappa = {name: max(change[name] / _MOVE, terms.get(name, 0.0)) for name in g}
    printed = dict.fromkeys(g, 0.0) if digits is None else _largest_change(forward, g, rng, 0.0, 0.5 * 10.0**-digits)
    size = {name: float(np.abs(value).max(initial=0.0)) for name, value in g.items()}
    return Response(kappa, size, printed, subtracted or {}, noise)


def _sizes_of_terms(forward: ForwardContext, right: BackwardResult) -> dict[str, float]:
    """By name, the largest sum of absolute terms: over the rows, and over the units that share a bias."""
    sizes: dict[str, float] = {}
    for at, d in zip(forward.layers, right.deltas, strict=True):
        if at.weights_key:
            sizes[at.name(at.weights_key)] = float((np.abs(input_of(at, None)).T @ np.abs(d)).max(initial=0.0))
        if at.bias_key:
            sizes[at.name(at.bias_key)] = float(np.abs(d).sum())
    return sizes


def _largest_change(
    forward: ForwardContext, g: Mapping[str, Array], rng: np.random.Generator, relative: float, absolute: float
) -> dict[str, float]:
    """By name, the largest change in a few draws; a draw that crosses a kink says nothing of rounding: skipped."""
    found = dict.fromkeys(g, 0.0)
    here = _sides(forward)
    for _ in range(_DRAWS):
        vector = forward.parameters.vector
        moved = vector * (1 + relative * _signs(rng, vector)) + absolute * rng.uniform(-1, 1, vector.shape)
        other = forward.rerun(moved, forward.x * (1 + relative * _signs(rng, forward.x)), forward.t)
        if _sides(other) == here:
            for name, value in run_backward(other, {}).gradients.items():
                found[name] = max(found[name], float(np.abs(value - g[name]).max(initial=0.0)))
    return found


def _signs(rng: np.random.Generator, like: Array) -> Array:
    return rng.choice([-1.0, 1.0], like.shape)


def _sides(forward: ForwardContext) -> bytes:
    """On which side of each kink every net input lies."""
    sides = [
        (at.z > kink).tobytes()
        for at in forward.layers
        if isinstance(at.activation, ElementwiseActivation)
        for kink in kinks(at.activation)[0]
    ]
    return b"".join(sides)
