"""One row's pass as a graph: every unit's net input and activation, joined by the derivatives along each edge."""

from dataclasses import dataclass

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.activations import IDENTITY, Activation, ElementwiseActivation, RowActivation
from chainrule.core.arrays import Array
from chainrule.core.chain import Pass
from chainrule.core.layers import Run
from chainrule.core.model import Model
from chainrule.core.unitwise import UnitwiseActivation, rows_of
from chainrule.explain.edges import edges_of
from chainrule.explain.expression import Leaf, Number, Partial, Slope, Symbol


@dataclass(frozen=True)
class RowPass:
    """A row's values and the derivatives between neighbouring quantities.

    Attributes:
        model: the network.
        done: forward and backward pass of the row alone, so that its E is the row's own loss.
        t: the row's targets (1, outputs).
        edges: for each layer l (list position l - 1), ``dz_l[j]/da_{l-1}[i]`` (units below, units).
        wired: which edges exist.
        slopes: for each layer, ``da_l[k]/dz_l[j]`` (units j, units k); diagonal unless the activation mixes units.
    """

    model: Model
    done: Pass
    t: Array
    edges: list[Array]
    wired: list[Array]
    slopes: list[Array]

    @property
    def top(self) -> int:
        """The number of layers."""
        return len(self.edges)

    def activation_of(self, l: int, j: int) -> Activation:
        """The activation of one unit."""
        return unit_activation(self.model.chain.layers[l - 1].activation, j)

    def mixes(self, l: int) -> bool:
        """Whether layer l's activation mixes its units (softmax)."""
        return isinstance(self.model.chain.layers[l - 1].activation, RowActivation)

    # ------------------------------------------------------------------ quantities with their numbers
    def z(self, l: int, j: int) -> Symbol:
        """``z1[0]``."""
        return Symbol("z", l, (j,), float(self.done.records[l - 1]["z"][0, j]))

    def a(self, l: int, j: int) -> Symbol:
        """``a1[0]``; the input ``x[0]`` below the first layer, the output ``y[0]`` at the last."""
        if l == 0:
            return Symbol("x", None, (j,), float(self.done.records[0]["a_in"][0, j]))
        return Symbol("a", l, (j,), float(self.done.records[l - 1]["a"][0, j]))

    def y(self, k: int) -> Symbol:
        """``y[0]``."""
        return Symbol("y", None, (k,), float(self.done.records[-1]["a"][0, k]))

    def target(self, k: int) -> Symbol:
        """``t[0]``."""
        return Symbol("t", None, (k,), float(self.t[0, k]))

    def delta(self, l: int, j: int) -> Symbol:
        """``delta1[0]``."""
        return Symbol("delta", l, (j,), float(self.done.backs[l - 1].delta[0, j]))

    def loss_slope(self, k: int) -> Partial:
        """``dE/dy[0]``."""
        return Partial(Symbol("E"), Symbol("y", None, (k,)), float(self.done.dy[0, k]))

    def da(self, l: int, k: int) -> float:
        """``dE/da_l[k]``."""
        return float((self.done.dy if l == self.top else self.done.backs[l].da_in)[0, k])

    # ------------------------------------------------------------------ factors of the chain rule
    def edge(self, l: int, i: int, j: int) -> Leaf | Number:
        """The factor from ``a_{l-1}[i]`` to ``z_l[j]``: a weight, or a layer's own derivative; 1 is left out."""
        value = float(self.edges[l - 1][i, j])
        return edges_of(self.model.chain.layers[l - 1]).factor(l, i, j, value)

    def slope(self, l: int, j: int, k: int) -> Leaf | Number:
        """The factor from ``z_l[j]`` to ``a_l[k]``: phi'(z), or a Jacobian's entry; 1 is left out."""
        value = float(self.slopes[l - 1][j, k])
        row = self.activation_of(l, j)
        if row is IDENTITY:
            return Number(1.0)
        if isinstance(row, RowActivation):
            return Partial(Symbol("a", l, (k,)), Symbol("z", l, (j,)), value)
        return Slope(row.name, Symbol("z", l, (j,), self.z(l, j).value), value)


def unit_activation(row: Activation, j: int) -> Activation:
    """The activation of one unit of a layer with activation ``row``."""
    rows = rows_of(row)
    return rows[j] if len(rows) > 1 else row


def run_row(model: Model, x: Array, t: Array) -> RowPass:
    """The pass of one row (1, inputs), with every local derivative."""
    done = maths.forward_backward(model.chain, model.parameters, x, t, Run(state=model.state))
    values, wired, slopes = [], [], []
    for l, (layer, record) in enumerate(zip(model.chain.layers, done.records, strict=True), start=1):
        edges = edges_of(layer)
        values.append(edges.values(layer, model.parameters.of_layer(l), record))
        wired.append(edges.exist(layer, values[-1]))
        slopes.append(_slopes(layer.activation, record["z"], record["a"]))
    return RowPass(model, done, t, values, wired, slopes)


def _slopes(row: Activation, z: Array, a: Array) -> Array:
    """``da[k]/dz[j]``, indexed [j, k]."""
    if isinstance(row, ElementwiseActivation | UnitwiseActivation):
        return np.diag(row.derivative(z)[0])
    units = np.eye(z.shape[1], dtype=z.dtype)
    return np.stack([row.push_forward(z, a, unit[None, :])[0] for unit in units])
