"""How the loss curves: the largest and smallest eigenvalue of its Hessian, and the parameters they belong to.

Up to 500 parameters the Hessian is computed whole, exactly; above, its extreme eigenvalues come from the Lanczos
iteration on exact Hessian-vector products, with every new vector made orthogonal to all before it.

References: Pearlmutter 1994, Neural Computation 6(1) (the products); Golub & Van Loan 2013, chapter 10 (Lanczos).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.format import number, plain
from chainrule.core.layers import Run
from chainrule.core.model import Model, model_of
from chainrule.errors import InputError
from chainrule.training import Data, parse_data

WHOLE_UP_TO = 500
"""Parameters up to which the Hessian is computed whole."""

LANCZOS_STEPS = 40
LANCZOS_TOLERANCE = 1e-7
MOST_NAMED = 3
NO_CRITICAL_RATE = "none: the loss curves up in no direction there"
_FLAT = 1e-10  # eigenvalues below this share of the largest are counted as 0


@dataclass(frozen=True, eq=False)
class Curvature:
    """The curvature of the loss at the network's parameters: eigenvalues of its Hessian, ``H v = lambda v``.

    Attributes:
        lambda_max, lambda_min: the largest and the smallest eigenvalue.
        direction: the eigenvector of the largest, one number per parameter.
        names: the parameters' names, such as ``"W1[0, 1]"``.
        eigenvalues: all of them, from the smallest; None if only the extreme ones were computed.
        method: ``"exact"`` or ``"lanczos"``.
    """

    lambda_max: float
    lambda_min: float
    direction: Array
    names: tuple[str, ...] = field(repr=False)
    eigenvalues: Array | None
    method: str

    @property
    def critical_rate(self) -> float:
        """``2/lambda_max``: above this rate plain gradient descent diverges on a parabola of this curvature."""
        return 2 / self.lambda_max if self.lambda_max > 0 else np.inf

    @property
    def smallest_positive(self) -> float | None:
        """The smallest eigenvalue that is not 0; None if not all were computed, or one is negative."""
        if self.eigenvalues is None or self.lambda_min < -_FLAT * max(self.lambda_max, 1e-300) * 100:
            return None
        curved = self.eigenvalues[self.eigenvalues > _FLAT * self.lambda_max]
        return float(curved[0]) if curved.size else None

    @property
    def best_rate(self) -> float | None:
        """``2/(lambda_min + lambda_max)``, the fastest rate on a parabola; None if not all eigenvalues are known."""
        low = self.smallest_positive
        return None if low is None else 2 / (low + self.lambda_max)

    @property
    def condition_number(self) -> float | None:
        """``lambda_max/lambda_min`` over the directions with curvature; None if not all eigenvalues are known."""
        low = self.smallest_positive
        return None if low is None else self.lambda_max / low

    @cached_property
    def shares(self) -> tuple[tuple[str, float], ...]:
        """The parameters that make up most of ``direction``, each with its share of the squared length."""
        share = self.direction**2 / max(float((self.direction**2).sum()), 1e-300)
        order = np.argsort(-share, kind="stable")[:MOST_NAMED]
        return tuple((self.names[k], float(share[k])) for k in order if share[k] >= 0.01)

    @property
    def named(self) -> str:
        """``"99% W1[0, 1], 1% b1[0]"``."""
        return named_shares(self.shares)

    def __str__(self) -> str:
        lines = [
            f"curvature of {len(self.names)} parameters ({self.method})",
            f"  lambda_max     {number(self.lambda_max)}, along {self.named}",
            f"  lambda_min     {number(self.lambda_min)}",
            f"  critical rate  {number(self.critical_rate)} = 2/lambda_max"
            if np.isfinite(self.critical_rate)
            else f"  critical rate  {NO_CRITICAL_RATE}",
        ]
        if self.best_rate is not None and self.condition_number is not None:
            lines.append(f"  best rate      {number(self.best_rate)} = 2/(lambda_min + lambda_max)")
            lines.append(f"  condition      {number(self.condition_number)}")
        return "\n".join(lines)

    __repr__ = __str__

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "schema": "chainrule/curvature",
            "version": 1,
            "lambda_max": plain(self.lambda_max),
            "lambda_min": plain(self.lambda_min),
            "critical_rate": plain(self.critical_rate),
            "best_rate": None if self.best_rate is None else plain(self.best_rate),
            "direction": [[name, share] for name, share in self.shares],
            "eigenvalues": None if self.eigenvalues is None else plain(self.eigenvalues),
            "method": self.method,
        }


def named_shares(shares: tuple[tuple[str, float], ...]) -> str:
    """``"99% W1[0, 1], 1% b1[0]"``."""
    return ", ".join(f"{share:.0%} {name}" for name, share in shares)


def curvature(net: Any, x: Any, t: Any, *, weights: Any = None) -> Curvature:
    """The curvature of a network's loss on some rows, at its current parameters.

    Args:
        net: a network.
        x: inputs (N, inputs).
        t: targets (N, outputs).
        weights: how much each row counts (N,).

    Returns:
        A ``Curvature``: the extreme eigenvalues of the Hessian and the parameters that the largest one belongs to.

    Raises:
        InputError: an argument cannot be used, or the loss is not finite at these parameters.

    Example:
        >>> import chainrule as cr
        >>> net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
        >>> found = curvature(net, [[1.0], [-1.0]], [1.0, 2.0])
        >>> found.lambda_max, found.critical_rate
        (2.0, 1.0)

    References:
        Pearlmutter 1994, Neural Computation 6(1); Golub & Van Loan 2013, Matrix Computations, chapter 10.
    """
    model = model_of(net)
    return curvature_of(model, parse_data(model.chain, x, t, weights))


class Hessian:
    """The Hessian of E at a model's parameters, as a product: ``hessian @ v``, over the parameters that are trained.

    With ``scale`` s it is that of ``S^-1/2 H S^-1/2``: what an optimizer sees that divides each gradient by s.
    """

    def __init__(self, model: Model, data: Data, *, scale: Array | None = None, l2: float = 0.0) -> None:
        exact = model.as_float64()
        chain = self.chain = exact.chain
        self.parameters, self.data = exact.parameters, data.as_float64()
        norm = any(layer.mixes_rows for layer in chain.layers)
        drop = any(layer.draws_random for layer in chain.layers)
        run = Run(training=norm and not drop and len(data.x) > 1, state=exact.state)
        with np.errstate(all="ignore"):
            self.done = maths.forward_backward(chain, self.parameters, self.data.x, self.data.t, run, self.data.weights)
        self.free = maths.free_entries(chain)
        self.l2 = l2 * maths.decayed_entries(chain)
        self.root = None if scale is None else np.sqrt(np.maximum(scale, 1e-300))

    @property
    def gradient(self) -> Array:
        """The gradient of E and the penalty; 0 for parameters that are not trained."""
        return np.where(self.free, self.done.gradient + self.l2 * self.parameters.vector, 0.0)

    @property
    def finite(self) -> bool:
        """Whether loss and gradient are finite."""
        return bool(np.isfinite(self.done.loss) and np.isfinite(self.done.gradient).all())

    def __matmul__(self, v: Array) -> Array:
        """``H v``."""
        v = np.where(self.free, v, 0.0)
        if self.root is not None:
            v = v / self.root
        direction = self.parameters.with_vector(v)
        with np.errstate(all="ignore"):
            product = maths.hessian_vector_product(
                self.chain, self.parameters, self.done, self.data.t, direction, self.data.weights
            )
        product = np.where(self.free, product + self.l2 * v, 0.0)
        return product if self.root is None else product / self.root


def curvature_of(
    model: Model, data: Data, *, scale: Array | None = None, l2: float = 0.0, whole_up_to: int = WHOLE_UP_TO
) -> Curvature:
    """The curvature at a model's parameters; see ``Hessian`` for ``scale``.

    Raises:
        InputError: the loss or its gradient is not finite there.
    """
    hessian = Hessian(model, data, scale=scale, l2=l2)
    if not hessian.finite:
        raise InputError("the loss is not finite at these parameters, so it has no curvature.")
    slots = model.chain.slots
    names = tuple(slot.label(k) for slot in slots for k in range(slot.stop - slot.start))
    free = np.flatnonzero(hessian.free)
    if not free.size:
        return Curvature(0.0, 0.0, np.zeros(model.chain.size), names, None, "exact")
    if free.size <= whole_up_to:
        values, vectors = _whole(hessian, free)
        direction = np.zeros(model.chain.size)
        direction[free] = vectors[:, -1]
        return Curvature(float(values[-1]), float(values[0]), direction, names, values, "exact")
    low, high, direction = lanczos(hessian.__matmul__, model.chain.size, hessian.free)
    return Curvature(high, low, direction, names, None, "lanczos")


def _whole(hessian: Hessian, free: Array) -> tuple[Array, Array]:
    """All eigenvalues and vectors, by a product for each column."""
    H = np.empty((free.size, free.size))
    unit = np.zeros(hessian.chain.size)
    for column, k in enumerate(free):
        unit[k] = 1.0
        H[:, column] = (hessian @ unit)[free]
        unit[k] = 0.0
    return np.linalg.eigh((H + H.T) / 2)


def lanczos(
    product: Callable[[Array], Array], size: int, free: Array, steps: int = LANCZOS_STEPS
) -> tuple[float, float, Array]:
    """(smallest, largest eigenvalue, eigenvector of the largest) of a symmetric product, by Lanczos.

    The start is always the same; new vectors are made orthogonal to all before, twice, as once is not enough.
    """
    rng = np.random.default_rng(0)
    v = np.where(free, rng.normal(size=size), 0.0)
    basis = [v / np.linalg.norm(v)]
    alphas: list[float] = []
    betas: list[float] = []
    before = np.inf
    values, vectors = np.zeros(1), np.ones((1, 1))
    for _ in range(min(steps, int(free.sum()))):
        w = product(basis[-1])
        alphas.append(float(basis[-1] @ w))
        Q = np.array(basis)
        for _ in range(2):
            w = w - Q.T @ (Q @ w)
        T = np.diag(alphas) + np.diag(betas, 1) + np.diag(betas, -1)
        values, vectors = np.linalg.eigh(T)
        beta = float(np.linalg.norm(w))
        scale = max(abs(values[-1]), abs(values[0]), 1e-300)
        if beta <= 1e-12 * scale or abs(values[-1] - before) <= LANCZOS_TOLERANCE * scale:
            break
        before = values[-1]
        betas.append(beta)
        basis.append(w / beta)
    direction = np.array(basis[: len(alphas)]).T @ vectors[:, -1]
    return float(values[0]), float(values[-1]), direction
