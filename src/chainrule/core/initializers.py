"""Initialisers, one object each (a *row* of the table): how weights W of shape (fan_in, fan_out) are first drawn.

Each row states the mean and the variance its weights are drawn with, as formulas in ``fan_in``, ``fan_out`` and the
row's parameters; ``chainrule.extend.check_initializer`` compares draws with them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from chainrule.core.activations import Activation
from chainrule.core.arrays import Array
from chainrule.core.lookup import check_parameters, look_up


@dataclass(frozen=True, eq=False)
class Initializer:
    """One way to draw weights.

    Attributes:
        name: the name a layer is given, such as ``"he_normal"``.
        mean, variance: of each weight, in SymPy's syntax.
        draw: ``draw(rng, shape, **parameters) -> float64 array``; ``shape`` is (fan_in, fan_out), or that of a bias.
        source: where the rule was published or is defined.
        parameters: constants of the rule and their values.
    """

    name: str
    mean: str
    variance: str
    draw: Callable[..., Array]
    source: str
    parameters: Mapping[str, float] = field(default_factory=dict)

    def __call__(self, rng: np.random.Generator, shape: tuple[int, ...], dtype: np.dtype) -> Array:
        """A fresh array of that shape and dtype."""
        return np.asarray(self.draw(rng, shape, **self.parameters)).astype(dtype)

    def with_parameters(self, **parameters: float) -> "Initializer":
        """The same row with other constants, such as ``normal`` with another ``std``."""
        return replace(self, parameters=check_parameters("initializer", self.name, self.parameters, parameters))


def _fans(shape: tuple[int, ...]) -> tuple[int, int]:
    """(fan_in, fan_out); a bias, which has no inputs of its own, counts as fan_in 1."""
    return (shape[0], shape[1]) if len(shape) == 2 else (1, int(np.prod(shape)))


def _uniform(rng: np.random.Generator, shape: tuple[int, ...], variance: float) -> Array:
    """Uniform between -limit and limit, where limit^2/3 is the variance."""
    limit = np.sqrt(3 * variance)
    return rng.uniform(-limit, limit, shape)


def _normal(rng: np.random.Generator, shape: tuple[int, ...], variance: float) -> Array:
    return rng.normal(0.0, np.sqrt(variance), shape)


def _glorot(shape: tuple[int, ...]) -> float:
    return 2 / sum(_fans(shape))


def _he(shape: tuple[int, ...]) -> float:
    return 2 / _fans(shape)[0]


def _lecun(shape: tuple[int, ...]) -> float:
    return 1 / _fans(shape)[0]


def _orthogonal(rng: np.random.Generator, shape: tuple[int, ...], gain: float) -> Array:
    """The Q of a normal matrix, columns' signs fixed by R's diagonal so that every Q is equally likely."""
    fan_in, fan_out = _fans(shape)
    tall = rng.normal(size=(max(fan_in, fan_out), min(fan_in, fan_out)))
    q, r = np.linalg.qr(tall)
    q = q * np.where(np.diagonal(r) < 0, -1.0, 1.0)
    return (gain * (q if fan_in >= fan_out else q.T)).reshape(shape)


INITIALIZERS: Mapping[str, Initializer] = {
    row.name: row
    for row in (
        Initializer("zeros", "0", "0", lambda rng, shape: np.zeros(shape), "for biases; weights stay alike"),  # noqa: ARG005
        Initializer(
            "constant",
            "value",
            "0",
            lambda rng, shape, value: np.full(shape, value),  # noqa: ARG005
            "for biases, or to show what symmetry does",
            {"value": 0.1},
        ),
        Initializer(
            "uniform",
            "(low + high)/2",
            "(high - low)**2/12",
            lambda rng, shape, low, high: rng.uniform(low, high, shape),
            "between low and high",
            {"low": -0.05, "high": 0.05},
        ),
        Initializer(
            "normal",
            "mean",
            "std**2",
            lambda rng, shape, mean, std: rng.normal(mean, std, shape),
            "with that mean and standard deviation",
            {"mean": 0.0, "std": 0.05},
        ),
        Initializer(
            "glorot_uniform",
            "0",
            "2/(fan_in + fan_out)",
            lambda rng, shape: _uniform(rng, shape, _glorot(shape)),
            "Glorot & Bengio 2010, AISTATS, equation 16",
        ),
        Initializer(
            "glorot_normal",
            "0",
            "2/(fan_in + fan_out)",
            lambda rng, shape: _normal(rng, shape, _glorot(shape)),
            "Glorot & Bengio 2010, AISTATS, equation 12",
        ),
        Initializer(
            "he_uniform",
            "0",
            "2/fan_in",
            lambda rng, shape: _uniform(rng, shape, _he(shape)),
            "He, Zhang, Ren & Sun 2015, ICCV, equation 10",
        ),
        Initializer(
            "he_normal",
            "0",
            "2/fan_in",
            lambda rng, shape: _normal(rng, shape, _he(shape)),
            "He, Zhang, Ren & Sun 2015, ICCV, equation 10",
        ),
        Initializer(
            "lecun_uniform",
            "0",
            "1/fan_in",
            lambda rng, shape: _uniform(rng, shape, _lecun(shape)),
            "LeCun, Bottou, Orr & Müller 1998, Efficient BackProp, section 4.6",
        ),
        Initializer(
            "lecun_normal",
            "0",
            "1/fan_in",
            lambda rng, shape: _normal(rng, shape, _lecun(shape)),
            "LeCun, Bottou, Orr & Müller 1998, Efficient BackProp, section 4.6",
        ),
        Initializer(
            "orthogonal",
            "0",
            "gain**2/Max(fan_in, fan_out)",
            _orthogonal,
            "Saxe, McClelland & Ganguli 2014, ICLR; uniform by Mezzadri 2007",
            {"gain": 1.0},
        ),
    )
}
"""The table: every initialiser of the library by its name."""


def initializer(name: str | Initializer, **parameters: float) -> Initializer:
    """The row of that name, with other constants if some are given.

    Raises:
        UnknownComponentError: no such row; the message lists those there are.
        InputError: no such constant, or it is not a finite number.

    Example:
        >>> initializer("constant", value=0.5)(np.random.default_rng(0), (1, 2), np.dtype("float64"))
        array([[0.5, 0.5]])
    """
    row = look_up("initializer", name, INITIALIZERS, Initializer)
    return row.with_parameters(**parameters) if parameters else row


_SUITED = {
    **dict.fromkeys(("relu", "leaky_relu", "elu", "gelu", "gelu_tanh", "silu", "mish"), "he_normal"),
    "selu": "lecun_normal",
}


def suited_to(activation: Activation) -> Initializer:
    """The initialiser that keeps the signal's size through that activation: He, LeCun (selu), else Glorot uniform."""
    return INITIALIZERS[_SUITED.get(activation.name, "glorot_uniform")]
