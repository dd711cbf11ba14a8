"""Optimizers, one rule in each file, and learning-rate schedules."""

from chainrule.core.lookup import look_up
from chainrule.errors import InputError
from chainrule.optimizers.adadelta import Adadelta
from chainrule.optimizers.adagrad import Adagrad
from chainrule.optimizers.adam import Adam, AdamW
from chainrule.optimizers.base import Moments, Optimizer
from chainrule.optimizers.lbfgs import LBFGS
from chainrule.optimizers.levenberg_marquardt import LevenbergMarquardt
from chainrule.optimizers.lion import Lion
from chainrule.optimizers.nadam import NAdam
from chainrule.optimizers.rmsprop import RMSprop
from chainrule.optimizers.rprop import Rprop
from chainrule.optimizers.second_order import SecondOrderOptimizer
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
"""The table: every optimizer of the library that makes one update of one gradient, by its name."""

SECOND_ORDER_OPTIMIZERS: dict[str, type[SecondOrderOptimizer]] = {
    "lbfgs": LBFGS,
    "levenberg_marquardt": LevenbergMarquardt,
}
"""The table beside it: those that look at the loss of all rows in several places before they step."""

AnyOptimizer = Optimizer | SecondOrderOptimizer


def optimizer(given: str | AnyOptimizer | type[AnyOptimizer]) -> AnyOptimizer:
    """An optimizer, or the one of that name with its default settings.

    Example:
        >>> optimizer("sgd")
        SGD(learning_rate=0.01, momentum=0.0, nesterov=False, weight_decay=0.0)
    """
    if isinstance(given, AnyOptimizer):
        return given
    if isinstance(given, type) and issubclass(given, AnyOptimizer):
        return given()
    kinds: dict[str, type[AnyOptimizer]] = {**OPTIMIZERS, **SECOND_ORDER_OPTIMIZERS}
    return look_up("optimizer", given, kinds, type)()


def first_order(given: str | AnyOptimizer | type[AnyOptimizer], task: str) -> Optimizer:
    """An optimizer that makes one update of one gradient, for tasks that are about such updates.

    Args:
        given: as for ``optimizer``.
        task: what it is for, as the message names it.

    Raises:
        InputError: it is one of second order.

    Example:
        >>> first_order(LBFGS(), "explain_step")
        Traceback (most recent call last):
        chainrule.errors.InputError: explain_step needs an optimizer that makes one update of one gradient, such as \
        SGD() or Adam(); LBFGS looks at the loss in several places before it steps.
    """
    found = optimizer(given)
    if isinstance(found, SecondOrderOptimizer):
        raise InputError(
            f"{task} needs an optimizer that makes one update of one gradient, such as SGD() or Adam(); "
            f"{type(found).__name__} looks at the loss in several places before it steps."
        )
    return found


__all__ = [
    "LBFGS",
    "OPTIMIZERS",
    "SECOND_ORDER_OPTIMIZERS",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "AnyOptimizer",
    "LevenbergMarquardt",
    "Lion",
    "Moments",
    "NAdam",
    "Optimizer",
    "RMSprop",
    "Rprop",
    "SecondOrderOptimizer",
    "first_order",
    "optimizer",
]
