"""The fully connected layer, with free wiring by a mask: ``z = a_in W + b``, ``a = phi(z)``."""

from dataclasses import dataclass
from typing import Any, ClassVar, Literal, final

import numpy as np

from chainrule.core.activations import Activation
from chainrule.core.activations import activation as find_activation
from chainrule.core.arrays import Array, shape_text
from chainrule.core.initializers import Initializer, initializer, suited_to
from chainrule.core.layers.base import Back, BackDot, Layer, Record, Run
from chainrule.core.layers.checks import as_numbers, check_units
from chainrule.errors import InputError

Bias = Literal["per-unit", "shared"] | None


@final
@dataclass(frozen=True, eq=False, init=False, repr=False)
class Dense(Layer):
    """``units`` neurons that each see every activation of the layer below.

    ``z[n, j] = sum_i a_in[n, i] W[i, j] + b[j]`` and ``a = phi(z)``.

    Args:
        units: how many neurons.
        activation: a name of the table of activations, or a user-defined row.
        bias: ``"per-unit"`` (shape (units,)), ``"shared"`` (one number for the layer, shape ()) or None.
        init: how the weights are drawn: a name or an initialiser; ``"auto"`` suits the activation.
        bias_init: how the biases are drawn.
        mask: (units_in, units) of 0 and 1: a weight where the mask is 0 does not exist (it is 0 and stays 0).
        trainable: whether ``fit`` changes the parameters.

    Raises:
        InputError, UnknownComponentError: an argument cannot be used.

    Example:
        >>> Dense(3, "relu").parameter_shapes(2)
        {'W': (2, 3), 'b': (3,)}

    References:
        Rumelhart, Hinton & Williams 1986, Nature 323, 533-536.
    """

    units: int
    activation: Activation
    bias: Bias
    init: Initializer
    bias_init: Initializer
    mask: Array | None
    decayed: ClassVar[tuple[str, ...]] = ("W",)

    def __init__(
        self,
        units: int,
        activation: str | Activation = "identity",
        *,
        bias: Bias = "per-unit",
        init: str | Initializer = "auto",
        bias_init: str | Initializer = "zeros",
        mask: Any = None,
        trainable: bool = True,
    ) -> None:
        row = find_activation(activation)
        if bias not in ("per-unit", "shared", None):
            raise InputError(f"bias must be 'per-unit', 'shared' or None, got {bias!r}.")
        put = object.__setattr__  # the dataclass is frozen: this is where it is made
        put(self, "units", check_units(units))
        put(self, "activation", row)
        put(self, "bias", bias)
        put(self, "init", suited_to(row) if init == "auto" else initializer(init))
        put(self, "bias_init", initializer(bias_init))
        put(self, "mask", None if mask is None else _check_mask(mask, self.units))
        put(self, "trainable", bool(trainable))

    def units_out(self, units_in: int) -> int:
        """Its own number of units; a mask must fit the layer below."""
        if self.mask is not None and self.mask.shape != (units_in, self.units):
            raise InputError(
                f"mask must have shape ({units_in}, {self.units}) (units below, units here), "
                f"got {shape_text(self.mask.shape)}."
            )
        return self.units

    def parameter_shapes(self, units_in: int) -> dict[str, tuple[int, ...]]:
        """``W`` (units_in, units) and, unless absent, ``b`` (units,) or ()."""
        shapes: dict[str, tuple[int, ...]] = {"W": (units_in, self.units)}
        if self.bias is not None:
            shapes["b"] = (self.units,) if self.bias == "per-unit" else ()
        return shapes

    def initial_parameters(self, units_in: int, rng: np.random.Generator, dtype: np.dtype[Any]) -> Record:
        """Weights drawn by ``init``, 0 where the mask is 0; biases by ``bias_init``."""
        shapes = self.parameter_shapes(units_in)
        drawn = {"W": self.wired(self.init(rng, shapes["W"], dtype))}
        if "b" in shapes:
            drawn["b"] = self.bias_init(rng, shapes["b"], dtype)
        return drawn

    def free(self, key: str, shape: tuple[int, ...]) -> Array:
        """All entries if trainable, but weights that do not exist."""
        everything = super().free(key, shape)
        return everything & (self.mask > 0) if key == "W" and self.mask is not None else everything

    def effective(self, p: Record) -> Record:
        """Weights that do not exist are 0."""
        return p | {"W": self.wired(p["W"])}

    # ------------------------------------------------------------------ forward and backward
    def forward(self, p: Record, a_in: Array, state: Record, run: Run) -> Record:
        """``z = a_in W + b`` and ``a = phi(z)``."""
        del state, run
        z = a_in @ self.wired(p["W"])
        if self.bias is not None:
            z = z + p["b"]
        return {"a_in": a_in, "z": z, "a": self.activation.value(z)}

    def backward(self, p: Record, record: Record, da: Array) -> Back:
        """``delta = da phi'(z)``; ``dW = a_in' delta``; ``db = sum_n delta``; ``da_in = delta W'``."""
        delta = self.activation.pull_back(record["z"], record["a"], da)
        return Back(delta, self._gradients(record["a_in"].T @ delta, delta), delta @ self.wired(p["W"]).T)

    def wired(self, W: Array) -> Array:
        """The weights that exist: 0 where the mask is 0, whatever was written there."""
        return W if self.mask is None else W * self.mask.astype(W.dtype)

    def _gradients(self, dW: Array, delta: Array) -> Record:
        """The gradients, with none for a weight that does not exist, and the bias's summed as it is shared."""
        gradients = {"W": self.wired(dW)}
        if self.bias is not None:
            gradients["b"] = delta.sum(axis=0) if self.bias == "per-unit" else delta.sum()
        return gradients

    def gradients_by_row(self, record: Record, back: Back) -> Record:
        """``dW[n] = a_in[n]' delta[n]`` and ``db[n] = delta[n]``, summed over the units of a shared bias."""
        gradients = {"W": self.wired(record["a_in"][:, :, None] * back.delta[:, None, :])}
        if self.bias is not None:
            gradients["b"] = back.delta if self.bias == "per-unit" else back.delta.sum(axis=1)
        return gradients

    # ------------------------------------------------------------------ second order
    def forward_dot(self, p: Record, p_dot: Record, record: Record, a_in_dot: Array) -> Record:
        """``z_dot = a_in_dot W + a_in W_dot + b_dot``; ``a_dot = J z_dot``."""
        z_dot = a_in_dot @ self.wired(p["W"]) + record["a_in"] @ self.wired(p_dot["W"])
        if self.bias is not None:
            z_dot = z_dot + p_dot["b"]
        return {"a_in": a_in_dot, "z": z_dot, "a": self.activation.push_forward(record["z"], record["a"], z_dot)}

    def backward_dot(
        self, p: Record, p_dot: Record, record: Record, dot: Record, da: Array, back: Back, da_dot: Array
    ) -> BackDot:
        """``dW_dot = a_in_dot' delta + a_in' delta_dot``; ``da_in_dot = delta_dot W' + delta W_dot'``."""
        delta_dot = self.activation.pull_back_dot(record["z"], record["a"], da, dot["z"], da_dot)
        dW_dot = dot["a_in"].T @ back.delta + record["a_in"].T @ delta_dot
        da_in_dot = delta_dot @ self.wired(p["W"]).T + back.delta @ self.wired(p_dot["W"]).T
        return BackDot(self._gradients(dW_dot, delta_dot), da_in_dot)

    # ------------------------------------------------------------------ how it is shown and kept
    def formulas(self, l: int) -> dict[str, str]:
        """The alphabet's equations at layer ``l``."""
        bias = "" if self.bias is None else f" + b{l}"
        return {
            "z": f"a{l - 1} W{l}{bias}",
            "a": f"{self.activation.name}(z{l})",
            "delta": f"da{l} {self.activation.name}'(z{l})",
            "dW": f"a{l - 1}' delta{l}",
            "db": f"sum over rows of delta{l}" if self.bias == "per-unit" else f"sum over rows and units of delta{l}",
            "da_in": f"delta{l} W{l}'",
        }

    def options(self) -> dict[str, Any]:
        """Its constructor's arguments."""
        return {
            "units": self.units,
            "activation": self.activation,
            "bias": self.bias,
            "init": self.init,
            "bias_init": self.bias_init,
            "mask": self.mask,
            "trainable": self.trainable,
        }


def _check_mask(mask: Any, units: int) -> Array:
    """A (units_in, units) array of 0 and 1: a copy, so that wiring cannot change once it is made."""
    array = np.array(as_numbers("mask", mask, np.dtype("float64")))
    if array.ndim != 2 or array.shape[1] != units:
        hint = ": did you pass the transpose?" if array.ndim == 2 and array.shape[0] == units else "."
        raise InputError(f"mask must have shape (units below, {units}), got {shape_text(array.shape)}{hint}")
    if not np.isin(array, (0.0, 1.0)).all():
        found = array[~np.isin(array, (0.0, 1.0))][0]
        raise InputError(f"mask must hold only 0 (no weight) and 1 (a weight), found {found:g}.")
    array.flags.writeable = False
    return array
