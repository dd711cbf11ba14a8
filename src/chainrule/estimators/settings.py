"""What an estimator is told, checked when it is fitted; the words are scikit-learn's."""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import wraps
from numbers import Integral, Real
from typing import Any, TypeVar, cast

import numpy as np

from chainrule.core.activations import ACTIVATIONS, Activation
from chainrule.core.layers import Layer
from chainrule.core.lookup import plain_number
from chainrule.engine.dispatch import ENGINES
from chainrule.errors import InputError
from chainrule.estimators.start import NAMES, NORMS
from chainrule.network import Network
from chainrule.optimizers import AnyOptimizer

SOLVERS = ("lbfgs", "sgd", "adam", "levenberg-marquardt")
SCHEDULES = ("constant", "invscaling", "adaptive")

Check = tuple[str, Callable[[Any], bool]]


def _one_of(options: Sequence[str]) -> Check:
    return f"a str among {{{', '.join(map(repr, options))}}}", lambda v: isinstance(v, str) and v in options


def _real(interval: str, fits: Callable[[float], bool]) -> Check:
    return f"a float in the range {interval}", lambda v: _is(v, Real) and not math.isnan(v) and fits(v)


def _whole(least: int) -> Check:
    return f"an int in the range [{least}, inf)", lambda v: _is(v, Integral) and v >= least


def _is(value: Any, kind: type) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool | np.bool_)


def _or(*checks: Check) -> Check:
    return " or ".join(told for told, _ in checks), lambda v: any(fits(v) for _, fits in checks)


def _instance(kind: Any, told: str) -> Check:
    return told, lambda v: isinstance(v, kind)


def _several(each: Check, told: str) -> Check:
    return told, lambda v: isinstance(v, Sequence | np.ndarray) and not isinstance(v, str) and all(map(each[1], v))


NONE: Check = ("None", lambda v: v is None)
BOOLEAN: Check = ("an instance of 'bool'", lambda v: isinstance(v, bool | np.bool_))
POSITIVE = _real("(0.0, inf)", lambda v: v > 0)
NOT_NEGATIVE = _real("[0.0, inf)", lambda v: v >= 0)
BELOW_ONE = _real("[0.0, 1.0)", lambda v: 0 <= v < 1)
FRACTION = _real("(0.0, 1.0)", lambda v: 0 < v < 1)
ACTIVATION = _or(_one_of([*NAMES, *ACTIVATIONS]), _instance(Activation, "an activation of one's own"))
CALLABLE: Check = ("a callable", callable)

CHECKS: Mapping[str, Check] = {
    "hidden_layer_sizes": ("an array-like or an int", lambda v: _is(v, Integral) or hasattr(v, "__iter__")),
    "activation": _or(ACTIVATION, _several(ACTIVATION, "a list of them, one a hidden layer")),
    "solver": _one_of(SOLVERS),
    "alpha": NOT_NEGATIVE,
    "batch_size": _or(_one_of(["auto"]), _whole(1)),
    "learning_rate": _one_of(SCHEDULES),
    "learning_rate_init": POSITIVE,
    "power_t": NOT_NEGATIVE,
    "max_iter": _whole(1),
    "shuffle": BOOLEAN,
    "tol": NOT_NEGATIVE,
    "verbose": ("an int or a bool", lambda v: isinstance(v, Integral | bool | np.bool_)),
    "warm_start": BOOLEAN,
    "momentum": _real("[0.0, 1.0]", lambda v: 0 <= v <= 1),
    "nesterovs_momentum": BOOLEAN,
    "early_stopping": BOOLEAN,
    "validation_fraction": BELOW_ONE,
    "beta_1": BELOW_ONE,
    "beta_2": BELOW_ONE,
    "epsilon": POSITIVE,
    "n_iter_no_change": _or(_whole(1), ("inf", lambda v: _is(v, Real) and v == math.inf)),
    "max_fun": _whole(1),
    "hidden_layers": _or(NONE, _several(_instance(Layer, "a layer"), "a list of layers, such as [Dense(8, 'tanh')]")),
    "network": _or(NONE, _instance(Network, "a Network")),
    "optimizer": _or(NONE, _instance(AnyOptimizer, "an optimizer, such as AdamW(0.01)"), _instance(str, "its name")),
    "dropout": BELOW_ONE,
    "norm": _or(NONE, _one_of(list(NORMS))),
    "clip_norm": _or(NONE, POSITIVE),
    "clip_value": _or(NONE, POSITIVE),
    "class_weight": _or(NONE, _one_of(["balanced"]), _instance(Mapping, "a dict from class to weight")),
    "label_smoothing": BELOW_ONE,
    "output_weights": _or(NONE, _several(NOT_NEGATIVE, "a list of numbers from 0, one for each output")),
    "missing_targets": _one_of(["error", "ignore"]),
    "quantiles": _or(NONE, _several(FRACTION, "a list of numbers between 0 and 1")),
    "monitor": _one_of(["score", "loss"]),
    "time_limit": _or(NONE, POSITIVE),
    "callbacks": _or(NONE, CALLABLE, _several(CALLABLE, "a list of callables")),
    "progress": _or(NONE, BOOLEAN),
    "restarts": _whole(1),
    "scale_inputs": BOOLEAN,
    "scale_target": BOOLEAN,
    "calibration": _or(NONE, _one_of(["temperature"])),
    "dtype": _one_of(["auto", "float64", "float32"]),
    "engine": _one_of(ENGINES),
    "threads": _or(NONE, _whole(1)),
}
"""What each parameter must be, and the function that tells."""


Fit = TypeVar("Fit", bound=Callable[..., Any])


def with_plain_numbers(fit: Fit) -> Fit:
    """A method that reckons with the parameters' numbers as Python's own; afterwards they are as they were told.

    scikit-learn asks that parameters stay the very objects that were passed, so they cannot be made plain for good.
    """

    @wraps(fit)
    def fitted(self: Any, *args: Any, **told: Any) -> Any:
        given = self.get_params(deep=False)
        numbers = {name: value for name, value in given.items() if plain_number(value) is not value}
        vars(self).update({name: plain_number(value) for name, value in numbers.items()})
        try:
            return fit(self, *args, **told)
        finally:
            vars(self).update(numbers)

    return cast("Fit", fitted)


def check_settings(estimator: Any) -> None:
    """Refuse parameters that cannot be used, before anything is changed.

    Raises:
        InputError: one of them is out of its range.
    """
    for name, value in estimator.get_params(deep=False).items():
        told, fits = CHECKS.get(name, ("", lambda v: True))  # noqa: ARG005
        if not fits(value):
            raise InputError(
                f"The {name!r} parameter of {type(estimator).__name__} must be {told}. Got {value!r} instead."
            )
    sizes = hidden_sizes(estimator)
    if any(not _is(size, Integral) or size <= 0 for size in sizes):
        raise InputError(f"hidden_layer_sizes must be > 0, got {sizes}.")


def hidden_sizes(estimator: Any) -> list[int]:
    """The units of each hidden layer."""
    sizes = estimator.hidden_layer_sizes
    return list(sizes) if hasattr(sizes, "__iter__") else [sizes]
