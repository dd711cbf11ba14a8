"""The base classes of activations: their formulas as data, and the four products that layers need."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Self, final

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.lookup import check_parameters


@dataclass(frozen=True, eq=False)
class Activation(ABC):
    """What every activation knows: its name, its formulas, and the four products that layers need.

    The products are Jacobian products, so that elementwise and row-wise activations (softmax) look alike to a layer.
    A dot marks the derivative along a direction (the R-operator of Pearlmutter 1994, Neural Computation 6(1)).

    Attributes:
        name: the name a layer is given, such as ``"sigmoid"``.
        formula: phi in SymPy's syntax.
        source: where the function was published or is defined.
        parameters: constants of the formula and their values, such as ``{"alpha": 0.01}``.
        range: the smallest and the largest value that phi can take or approach; infinite where a parameter sets it.
    """

    name: str
    formula: str
    source: str
    parameters: Mapping[str, float] = field(default_factory=dict, kw_only=True)
    range: tuple[float, float] = field(default=(-np.inf, np.inf), kw_only=True)

    @abstractmethod
    def value(self, z: Array) -> Array:
        """``a = phi(z)``."""

    @abstractmethod
    def pull_back(self, z: Array, a: Array, da: Array) -> Array:
        """``delta = dE/dz`` from ``da = dE/da``: the transposed Jacobian times ``da``."""

    @abstractmethod
    def push_forward(self, z: Array, a: Array, z_dot: Array) -> Array:
        """``a_dot``: the Jacobian times ``z_dot``."""

    @abstractmethod
    def pull_back_dot(self, z: Array, a: Array, da: Array, z_dot: Array, da_dot: Array) -> Array:
        """``delta_dot``: how ``pull_back`` changes when z moves along ``z_dot`` and da along ``da_dot``."""

    def with_parameters(self, **parameters: float) -> Self:
        """The same row with other constants, such as ``leaky_relu`` with another slope."""
        return replace(self, parameters=check_parameters("activation", self.name, self.parameters, parameters))


@final
@dataclass(frozen=True, eq=False)
class ElementwiseActivation(Activation):
    """An activation that acts on each net input alone: its Jacobian is the diagonal phi'(z).

    Attributes:
        derivative_formula, second_derivative_formula: phi' and phi'' in the symbols z and a.
        phi, phi_prime, phi_second: the functions, called as ``phi(z, **parameters)``.
        kinks: the z at which phi' jumps; phi' takes the value that ``phi_prime`` gives there.
        curvature_jumps: the z at which phi'' jumps (phi' does not).
    """

    derivative_formula: str = field(kw_only=True)
    second_derivative_formula: str = field(kw_only=True)
    phi: Callable[..., Array] = field(kw_only=True)
    phi_prime: Callable[..., Array] = field(kw_only=True)
    phi_second: Callable[..., Array] = field(kw_only=True)
    kinks: tuple[float, ...] = field(default=(), kw_only=True)
    curvature_jumps: tuple[float, ...] = field(default=(), kw_only=True)

    def value(self, z: Array) -> Array:
        """``a = phi(z)``."""
        return self.phi(z, **self.parameters)

    def derivative(self, z: Array) -> Array:
        """``phi'(z)``."""
        return self.phi_prime(z, **self.parameters)

    def second_derivative(self, z: Array) -> Array:
        """``phi''(z)``."""
        return self.phi_second(z, **self.parameters)

    def pull_back(self, z: Array, a: Array, da: Array) -> Array:  # noqa: ARG002
        """``delta = da phi'(z)``."""
        return da * self.derivative(z)

    def push_forward(self, z: Array, a: Array, z_dot: Array) -> Array:  # noqa: ARG002
        """``a_dot = phi'(z) z_dot``."""
        return self.derivative(z) * z_dot

    def pull_back_dot(self, z: Array, a: Array, da: Array, z_dot: Array, da_dot: Array) -> Array:  # noqa: ARG002
        """``delta_dot = da_dot phi'(z) + da phi''(z) z_dot``."""
        return da_dot * self.derivative(z) + da * self.second_derivative(z) * z_dot


@final
@dataclass(frozen=True, eq=False)
class RowActivation(Activation):
    """An activation that mixes the units of a row; its Jacobian is a full matrix for each row.

    Its formula gives the value of unit ``k`` out of ``K`` from ``z[0] ... z[K - 1]``; ``Sum(f(z[j]), (j, 0, K - 1))``
    is SymPy's sum.

    Attributes:
        phi: ``phi(z) -> a``.
        jacobian_product: ``(z, a, v) -> J v`` for each row.
        transposed_jacobian_product: ``(z, a, g) -> J' g`` for each row.
        transposed_jacobian_product_dot: ``(z, a, g, z_dot) -> (dJ'/dz . z_dot) g`` for each row.
    """

    phi: Callable[..., Array] = field(kw_only=True)
    jacobian_product: Callable[..., Array] = field(kw_only=True)
    transposed_jacobian_product: Callable[..., Array] = field(kw_only=True)
    transposed_jacobian_product_dot: Callable[..., Array] = field(kw_only=True)

    def value(self, z: Array) -> Array:
        """``a = phi(z)``."""
        return self.phi(z, **self.parameters)

    def jacobian(self, z: Array) -> Array:
        """``J[n, k, j] = da[n, k]/dz[n, j]``, shape (N, K, K)."""
        a = self.value(z)
        units = np.eye(z.shape[1], dtype=z.dtype)
        columns = [self.push_forward(z, a, np.broadcast_to(unit, z.shape)) for unit in units]
        return np.stack(columns, axis=2)

    def pull_back(self, z: Array, a: Array, da: Array) -> Array:
        """``delta = J' da``."""
        return self.transposed_jacobian_product(z, a, da, **self.parameters)

    def push_forward(self, z: Array, a: Array, z_dot: Array) -> Array:
        """``a_dot = J z_dot``."""
        return self.jacobian_product(z, a, z_dot, **self.parameters)

    def pull_back_dot(self, z: Array, a: Array, da: Array, z_dot: Array, da_dot: Array) -> Array:
        """``delta_dot = J' da_dot + J_dot' da``."""
        return self.pull_back(z, a, da_dot) + self.transposed_jacobian_product_dot(z, a, da, z_dot, **self.parameters)
