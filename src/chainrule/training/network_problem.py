"""A network and its rows as the ``Problem`` of a second-order optimizer: loss, gradient, residuals, in float64."""

from collections.abc import Callable, Iterator
from typing import final

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.chain import Chain, Pass
from chainrule.core.layers import Record, Run
from chainrule.core.model import Model
from chainrule.core.parameters import Parameters
from chainrule.optimizers.second_order import Point, Problem, Residuals
from chainrule.training.data import Data

CHUNK = 2**21
"""Numbers of a Jacobian that are kept at once: 16 MiB."""

Compile = Callable[[Model, Data], Callable[[Array], tuple[float, Array]]]


@final
class NetworkProblem(Problem):
    """E of all rows plus ``l2/2 sum W^2`` as a function of the parameters that may change.

    Args:
        model: whose layers and other parameters are used; it is not changed.
        data: all rows.
        l2: the penalty.
        compile_gradients: makes of a model and rows a function that gives loss and gradient at all parameters; None
            leaves them to the layers.
    """

    def __init__(self, model: Model, data: Data, l2: float, compile_gradients: Compile | None = None) -> None:
        self.dtype = model.chain.dtype
        exact = model.as_float64()
        self.chain = exact.chain
        self.x, self.t = data.x.astype(np.float64, copy=False), data.t.astype(np.float64, copy=False)
        self.weights = None if data.weights is None else data.weights.astype(np.float64, copy=False)
        self.run = Run(training=True, state=exact.state)
        self.vector = exact.parameters.vector
        self.compiled = None
        if compile_gradients is not None:
            self.compiled = compile_gradients(exact, Data(self.x, self.t, self.weights))
        self.free = np.flatnonzero(maths.free_entries(self.chain))
        self.curvature = l2 * maths.decayed_entries(self.chain)[self.free].astype(np.float64)
        self.size, self.residuals = len(self.free), self.t.size

    def held(self, p: Array) -> Array:
        """Rounded to the network's dtype."""
        return p.astype(self.dtype).astype(np.float64)

    def parameters(self, p: Array) -> Parameters:
        """All parameters by name, those that may change at ``p``."""
        vector = self.vector.copy()
        vector[self.free] = p
        return Parameters(self.chain.slots, vector)

    def penalty(self, p: Array) -> float:
        """``l2/2 sum W^2`` over the weights that may change."""
        return float(self.curvature @ p**2) / 2

    def value(self, p: Array) -> float:
        """The loss and the penalty, by a forward pass."""
        y = maths.forward(self.chain, self.parameters(p), self.x, self.run)[-1]["a"]
        return maths.batch_loss(self.chain, y, self.t, self.weights) + self.penalty(p)

    def passed(self, p: Array) -> Pass:
        """The forward and backward pass at ``p``."""
        return maths.forward_backward(self.chain, self.parameters(p), self.x, self.t, self.run, self.weights)

    def at(self, p: Array) -> Point:
        """By backpropagation."""
        if self.compiled is None:
            done = self.passed(p)
            loss, gradient = done.loss, done.gradient
        else:
            loss, gradient = self.compiled(self.parameters(p).vector)
        return Point(p, loss + self.penalty(p), gradient[self.free] + self.curvature * p, loss)

    def residual_rows(self, p: Array) -> Iterator[Residuals]:
        """``r = sqrt(w e'') (y - t)``, where ``w`` is a row's share in E: ``E = sum r^2/2``; 0 without a target."""
        parameters, loss = self.parameters(p), self.chain.loss
        shares = maths.row_shares(self.t, self.weights)
        shares = np.full(len(self.t), 1.0 / len(self.t)) if shares is None else shares
        rows = max(1, CHUNK // max(1, self.chain.outputs * self.chain.size))
        for start in range(0, len(self.x), rows):
            x, t, w = (array[start : start + rows] for array in (self.x, self.t, shares))
            records = maths.forward(self.chain, parameters, x, self.run)
            y = records[-1]["a"]
            root = np.sqrt(w[:, None] * loss.second_derivative_product(y, t, np.ones_like(y)))
            r = root * np.where(np.isnan(t), 0.0, y - t)
            J = jacobian(self.chain, parameters, records, root)[..., self.free]
            yield Residuals(r.ravel(), J.reshape(r.size, self.size))


# -------------------------------------------------------------------------------- each row's Jacobian
def jacobian(chain: Chain, parameters: Parameters, records: list[Record], scale: Array) -> Array:
    """``scale[n, k] dy[n, k]/dp``, shape (N, outputs, P): each output's deltas sent down, their rows kept apart.

    Backpropagation begins with ``dE/dy``. Begun with the k-th row of the identity instead, it gives the derivatives of
    ``y_k``; the layers' gradients, before they are summed over rows, are the k-th output's row of each Jacobian. Rows
    must not touch one another, as they do in batch normalisation.
    """
    J = np.zeros((*scale.shape, chain.size))
    moved: dict[int, Record] = {}
    for k in range(chain.outputs):
        da = np.zeros_like(scale)
        da[:, k] = scale[:, k]
        for l in range(len(chain.layers), 0, -1):
            layer, record = chain.layers[l - 1], records[l - 1]
            back = layer.backward(parameters.of_layer(l), record, da)
            by_row = layer.gradients_by_row(record, back)
            if by_row is None:
                moved[l] = moved[l] if l in moved else _activations_by(chain, parameters, records, l)
                by_row = _from_moved(moved[l], da)
            for slot in chain.slots:
                if slot.layer == l:
                    J[:, k, slot.start : slot.stop] = by_row[slot.key].reshape(len(da), -1)
            da = back.da_in
    return J


def _activations_by(chain: Chain, parameters: Parameters, records: list[Record], l: int) -> Record:
    """For a user-defined layer, ``da/dq`` for each of its parameters ``q``, shape (q, N, units), by ``forward_dot``."""
    layer, record = chain.layers[l - 1], records[l - 1]
    below = (len(record["a"]), chain.units[l - 1])
    still, p, moved = np.zeros(below), parameters.of_layer(l), {}
    for key, values in p.items():
        directions = np.eye(values.size).reshape(values.size, *values.shape)
        nothing = {name: np.zeros_like(other) for name, other in p.items()}
        moved[key] = np.stack([layer.forward_dot(p, nothing | {key: v}, record, still)["a"] for v in directions])
    return moved


def _from_moved(moved: Record, da: Array) -> Record:
    """``sum_j da[n, j] da_j/dq``: the chain rule where a layer's activations are known by each of its parameters."""
    return {key: np.einsum("nj,qnj->nq", da, by_q) for key, by_q in moved.items()}
