"""The numbers that all parameters share at one update of an optimizer, for programs written out."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Shared:
    """What all parameters share at one update of an optimizer: numbers of each lane, and lines that make ``q``.

    Attributes:
        settings: names of numbers that stay, and how they follow from the rule's settings.
        kept: names of numbers that are carried on from update to update, and how they begin.
        lines: what is computed at each update.
        q: what the optimizer's function of lanes takes.
    """

    settings: tuple[str, ...] = ()
    values: Callable[[Sequence[float]], tuple[float, ...]] = field(default=lambda s: tuple(s)[:0])
    kept: tuple[str, ...] = ()
    start: Callable[[Sequence[float]], tuple[float, ...]] = field(default=lambda s: tuple(s)[:0])
    lines: tuple[str, ...] = ()
    q: tuple[str, ...] = ()


_MEAN = Shared(("rho", "rest", "epsilon"), lambda s: (s[0], 1 - s[0], s[1]), q=("eta", "rho", "rest", "epsilon"))
_MOMENTUM = Shared(("momentum",), lambda s: (s[0],), q=("eta", "momentum"))
_BETAS = ("beta1", "rest1", "beta2", "rest2")
_ADAM = Shared(
    (*_BETAS, "epsilon"),
    lambda s: (s[0], 1 - s[0], s[1], 1 - s[1], s[2]),
    ("filled1", "filled2"),
    lambda s: (0.0, 0.0 * s[0]),
    (
        "filled1 = fma(beta1, filled1, rest1)  # 1 - beta1^count",
        "filled2 = fma(beta2, filled2, rest2)  # 1 - beta2^count",
    ),
    ("eta/filled1", "1.0/filled2", "epsilon", *_BETAS),
)
_NADAM = Shared(
    (*_BETAS, "epsilon", "cooling"),
    lambda s: (s[0], 1 - s[0], s[1], 1 - s[1], s[2], s[3] * math.log(0.96)),
    ("filled2", "updates", "mu_next", "product"),
    lambda s: (0.0, 0.0, s[0] * (1 - 0.96 ** s[3] / 2), 1.0),
    (
        "filled2 = fma(beta2, filled2, rest2)  # 1 - beta2^count",
        "updates = updates + 1.0",
        "mu, mu_next = mu_next, beta1*(1.0 - exp(cooling*(updates + 1.0))*0.5)  # 0.96^(count decay) by exp",
        "product = product*mu",
    ),
    ("eta*mu_next/(1.0 - product*mu_next)", "1.0/filled2", "epsilon", *_BETAS, "eta*(1.0 - mu)/(1.0 - product)"),
)

SHARED = {
    "sgd": Shared(q=("eta",)),
    "sgd_momentum": _MOMENTUM,
    "sgd_nesterov": _MOMENTUM,
    "rmsprop": _MEAN,
    "adagrad": Shared(("epsilon",), lambda s: (s[0],), q=("eta", "epsilon")),
    "adadelta": _MEAN,
    "adam": _ADAM,
    "adamw": _ADAM,
    "nadam": _NADAM,
    "rprop": Shared(
        ("increase", "decrease", "smallest", "largest_step"),
        lambda s: tuple(s[:4]),
        q=("increase", "decrease", "smallest", "largest_step"),
    ),
    "lion": Shared(_BETAS, lambda s: (s[0], 1 - s[0], s[1], 1 - s[1]), q=("eta", *_BETAS)),
}
"""By the optimizer's name in the engine. Powers such as 1 - beta^count are running means of 1: nothing cancels."""

SAME_FUNCTION = {"adamw": "adam"}
"""Optimizers that share a function of lanes."""
