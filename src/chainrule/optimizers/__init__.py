"""Optimizers, one rule a file, and learning-rate schedules."""

from chainrule.components import look_up
from chainrule.optimizers.adadelta import Adadelta
from chainrule.optimizers.adagrad import Adagrad
from chainrule.optimizers.adam import Adam, AdamW
from chainrule.optimizers.base import Moments, Optimizer
from chainrule.optimizers.lion import Lion
from chainrule.optimizers.nadam import NAdam
from chainrule.optimizers.rmsprop import RMSprop
from chainrule.optimizers.rprop import Rprop
from chainrule.optimizers.sgd import SGD

OPTIMIZERS: dict[str, type[Optimizer]] = {
    "sgd": SGD,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
    "adam": Adam,
    "adamw": AdamW,
    "nadam": NAdam,
    "rprop": Rprop,
    "lion": Lion,
}
"""The table: every optimizer of the library by its name."""


def optimizer(given: str | Optimizer | type[Optimizer]) -> Optimizer:
    """An optimizer, or the one of that name with its default settings.

    Example:
        >>> optimizer("sgd")
        SGD(learning_rate=0.01, momentum=0.0, nesterov=False, weight_decay=0.0)
    """
    if isinstance(given, Optimizer):
        return given
    if isinstance(given, type) and issubclass(given, Optimizer):
        return given()
    return look_up("optimizer", given, {name: kind() for name, kind in OPTIMIZERS.items()}, Optimizer)


__all__ = [
    "OPTIMIZERS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Lion",
    "Moments",
    "NAdam",
    "Optimizer",
    "RMSprop",
    "Rprop",
    "optimizer",
]
