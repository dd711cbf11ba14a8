"""The optimizers as functions of lanes: ``name(g, m, v, q)`` gives ``(update, m, v)``, as ``Optimizer.update`` does.

Each is the twin of the optimizer of that name in ``chainrule.optimizers``: ``g`` is the gradient, ``m`` and ``v`` are
the first and the second of its moments (one that an optimizer does not have is handed through), ``q`` what all
parameters share at one update. That is computed once before, in float64, by ``name_scalars(s, eta, count, kept)``:
``s`` are the settings, ``count`` is the number of the update from 1, ``kept`` a number that persists between updates.
It hands back the eight numbers of ``q`` and, ninth, the new ``kept``.

The settings ``s`` are those of the optimizer's class in its order, but for the learning rate and the weight decay, as
``optimizer_spec`` gives them: ``s[0] = momentum`` of SGD, ``s[0], s[1], s[2] = beta1, beta2, epsilon`` of Adam.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from numba import njit

from chainrule.engine.lanes.functions import maximum, minimum, sign
from chainrule.engine.lanes.polynomials import lane_function
from chainrule.engine.lanes.simd import fma, select, sqrt
from chainrule.engine.optimizer_spec import MOMENTS, optimizer_spec
from chainrule.optimizers import Optimizer

scalar_function = njit(error_model="numpy")
"""Decorates what is computed once for each update."""

Settings = tuple[float, float, float, float, float, float, float, float]
Nine = tuple[float, float, float, float, float, float, float, float, float]


# -------------------------------------------------------------------------------- sgd
@scalar_function
def sgd_scalars(s: Settings, eta: float, count: float, kept: float) -> Nine:
    """``q = eta, momentum``; for all three kinds of SGD."""
    return eta, s[0], 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, kept


@lane_function
def sgd(g: Any, m: Any, v: Any, q: Settings) -> Any:
    """``eta g``."""
    return g * q[0], m, v


@lane_function
def sgd_momentum(g: Any, m: Any, v: Any, q: Settings) -> Any:
    """``velocity = momentum velocity + g``; ``eta velocity``."""
    m = fma(m, q[1], g)
    return m * q[0], m, v


@lane_function
def sgd_nesterov(g: Any, m: Any, v: Any, q: Settings) -> Any:
    """``velocity = momentum velocity + g``; ``eta (g + momentum velocity)``."""
    m = fma(m, q[1], g)
    return fma(m, q[1], g) * q[0], m, v


# -------------------------------------------------------------------------------- rmsprop, adagrad, adadelta
@scalar_function
def rmsprop_scalars(s: Settings, eta: float, count: float, kept: float) -> Nine:
    """``q = eta, rho, 1 - rho, epsilon``; also of Adadelta."""
    return eta, s[0], 1.0 - s[0], s[1], 0.0, 0.0, 0.0, 0.0, kept


@lane_function
def rmsprop(g: Any, m: Any, v: Any, q: Settings) -> Any:
    """``m = rho m + (1 - rho) g^2``; ``eta g/(sqrt(m) + epsilon)``."""
    m = fma(m, q[1], g * g * q[2])
    return g * q[0] / (sqrt(m) + q[3]), m, v


@scalar_function
def adagrad_scalars(s: Settings, eta: float, count: float, kept: float) -> Nine:
    """``q = eta, epsilon``."""
    return eta, s[0], 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, kept


@lane_function
def adagrad(g: Any, m: Any, v: Any, q: Settings) -> Any:
    """``m = m + g^2``; ``eta g/(sqrt(m) + epsilon)``."""
    m = fma(g, g, m)
    return g * q[0] / (sqrt(m) + q[1]), m, v


@lane_function
def adadelta(g: Any, m: Any, v: Any, q: Settings) -> Any:
    """``m = rho m + (1 - rho) g^2``; ``step = sqrt(v + epsilon)/sqrt(m + epsilon) g``; v likewise of ``step^2``."""
    m = fma(m, q[1], g * g * q[2])
    step = sqrt(v + q[3]) / sqrt(m + q[3]) * g
    return step * q[0], m, fma(v, q[1], step * step * q[2])


# -------------------------------------------------------------------------------- adam, nadam
@scalar_function
def adam_scalars(s: Settings, eta: float, count: float, kept: float) -> Nine:
    """``q = eta/(1 - beta1^count), 1/(1 - beta2^count), epsilon, beta1, 1 - beta1, beta2, 1 - beta2``."""
    first, second, at = s[0], s[1], float(count)
    return (
        eta / (1.0 - first**at), 1.0 / (1.0 - second**at), s[2], first, 1.0 - first, second, 1.0 - second, 0.0, kept,
    )  # fmt: skip


@lane_function
def adam(g: Any, m: Any, v: Any, q: Settings) -> Any:
    """``m = beta1 m + (1 - beta1) g``, ``v`` likewise of ``g^2``; ``eta m_hat/(sqrt(v_hat) + epsilon)``."""
    m = fma(m, q[3], g * q[4])
    v = fma(v, q[5], g * g * q[6])
    return m * q[0] / (sqrt(v * q[1]) + q[2]), m, v


@scalar_function
def nadam_scalars(s: Settings, eta: float, count: float, kept: float) -> Nine:
    """Adam's, with the two weights of m and g in place of the first; ``kept`` is the product of all mu.

    ``q = eta mu_next/(1 - product mu_next), 1/(1 - beta2^count), epsilon, beta1, 1 - beta1, beta2, 1 - beta2,
    eta (1 - mu)/(1 - product)``.
    """
    first, second, decay, at = s[0], s[1], s[3], float(count)
    mu = first * (1.0 - 0.96 ** (at * decay) / 2.0)
    mu_next = first * (1.0 - 0.96 ** ((at + 1.0) * decay) / 2.0)
    product = kept * mu
    return (
        eta * mu_next / (1.0 - product * mu_next), 1.0 / (1.0 - second**at), s[2], first, 1.0 - first, second,
        1.0 - second, eta * (1.0 - mu) / (1.0 - product), product,
    )  # fmt: skip


@lane_function
def nadam(g: Any, m: Any, v: Any, q: Settings) -> Any:
    """Adam's moments; ``eta (mu_next m/(1 - product mu_next) + (1 - mu) g/(1 - product))/(sqrt(v_hat) + epsilon)``."""
    m = fma(m, q[3], g * q[4])
    v = fma(v, q[5], g * g * q[6])
    return fma(m, q[0], g * q[7]) / (sqrt(v * q[1]) + q[2]), m, v


# -------------------------------------------------------------------------------- rprop, lion
@scalar_function
def rprop_scalars(s: Settings, eta: float, count: float, kept: float) -> Nine:
    """``q = increase, decrease, smallest, largest``."""
    return s[0], s[1], s[2], s[3], 0.0, 0.0, 0.0, 0.0, kept


@lane_function
def rprop(g: Any, m: Any, v: Any, q: Settings) -> Any:
    """``m`` is the step, ``v`` the gradient before: the step grows while its sign stays, shrinks when it turns."""
    turn = sign(g) * sign(v)
    shrunk = select(turn < 0.0, maximum(m * q[1], q[2]), m)
    m = select(turn > 0.0, minimum(m * q[0], q[3]), shrunk)
    v = select(turn < 0.0, 0.0, g)
    return sign(v) * m, m, v


@scalar_function
def lion_scalars(s: Settings, eta: float, count: float, kept: float) -> Nine:
    """``q = eta, beta1, 1 - beta1, beta2, 1 - beta2``."""
    return eta, s[0], 1.0 - s[0], s[1], 1.0 - s[1], 0.0, 0.0, 0.0, kept


@lane_function
def lion(g: Any, m: Any, v: Any, q: Settings) -> Any:
    """``eta sign(beta1 m + (1 - beta1) g)``; then ``m`` by beta2. No fma, as in NumPy: a sign can hang on rounding."""
    update = sign(m * q[1] + g * q[2]) * q[0]
    return update, m * q[3] + g * q[4], v


# -------------------------------------------------------------------------------- the table
@dataclass(frozen=True)
class CompiledOptimizer:
    """One optimizer as kernels use it.

    Attributes:
        moments: the names of m and v in ``Optimizer.start()``, in this order; fewer if the optimizer has fewer.
        scalars: ``(s, eta, count, kept) -> q and the new kept``, 9 numbers.
        update: ``(g, m, v, q) -> (update, m, v)`` on lanes.
        kept: the name of the single number in ``Optimizer.start()`` that persists, if there is one.
    """

    moments: tuple[str, ...]
    scalars: Any
    update: Any
    kept: str | None = None


COMPILED_OPTIMIZERS: Mapping[str, CompiledOptimizer] = {
    name: CompiledOptimizer(MOMENTS[name], scalars, update, "product" if name == "nadam" else None)
    for name, scalars, update in (
        ("sgd", sgd_scalars, sgd),
        ("sgd_momentum", sgd_scalars, sgd_momentum),
        ("sgd_nesterov", sgd_scalars, sgd_nesterov),
        ("rmsprop", rmsprop_scalars, rmsprop),
        ("adagrad", adagrad_scalars, adagrad),
        ("adadelta", rmsprop_scalars, adadelta),
        ("adam", adam_scalars, adam),
        ("adamw", adam_scalars, adam),
        ("nadam", nadam_scalars, nadam),
        ("rprop", rprop_scalars, rprop),
        ("lion", lion_scalars, lion),
    )
}
"""The twin of every optimizer, by the name that ``optimizer_spec`` gives it; SGD has three."""


def compiled_optimizer(optimizer: Optimizer) -> CompiledOptimizer:
    """The twin of one of the library's optimizers."""
    return COMPILED_OPTIMIZERS[optimizer_spec(optimizer).name]
