"""Small neural networks you can understand: every derivative shown, proven, and trained by hand.

>>> import chainrule as cr
>>> net = cr.Network(2, [cr.Dense(2, "sigmoid"), cr.Dense(1, "sigmoid")], loss="squared_error", seed=0)
>>> history = net.fit([[0.0, 1.0], [1.0, 0.0]], [[0.0], [1.0]], epochs=10, optimizer=cr.SGD(0.5))
>>> history.epochs
10
"""

from typing import TYPE_CHECKING, Any

from chainrule.core.activations import Activation, activation
from chainrule.core.initializers import Initializer, initializer
from chainrule.core.layers import BatchNorm, Dense, Dropout, Layer, LayerNorm, Scale
from chainrule.core.losses import Loss, loss
from chainrule.core.parameters import Parameters
from chainrule.errors import (
    ChainruleError,
    CompileError,
    DivergenceError,
    FormatError,
    InputError,
    TableError,
    UnknownComponentError,
    UnknownNameError,
)
from chainrule.exercises import exercises
from chainrule.network import Network, load
from chainrule.neuron import Neuron
from chainrule.optimizers import (
    LBFGS,
    SGD,
    Adadelta,
    Adagrad,
    Adam,
    AdamW,
    LevenbergMarquardt,
    Lion,
    NAdam,
    Optimizer,
    RMSprop,
    Rprop,
    SecondOrderOptimizer,
    optimizer,
    schedules,
)
from chainrule.sweeps import LearningRateTest, Sweep, learning_rate_test, sweep
from chainrule.trace import Trace
from chainrule.training import History, Update
from chainrule.verify.gradients import GradientCheck

if TYPE_CHECKING:
    from chainrule.diagnosis import Diagnosis, Finding, curvature, diagnose
    from chainrule.marking import Marking, check_backprop, check_object, check_step

__version__ = "0.1.0"

__all__ = [
    "LBFGS",
    "SGD",
    "Activation",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "BatchNorm",
    "ChainruleError",
    "CompileError",
    "Dense",
    "Diagnosis",
    "DivergenceError",
    "Dropout",
    "Finding",
    "FormatError",
    "GradientCheck",
    "History",
    "Initializer",
    "InputError",
    "Layer",
    "LayerNorm",
    "LearningRateTest",
    "LevenbergMarquardt",
    "Lion",
    "Loss",
    "Marking",
    "NAdam",
    "Network",
    "Neuron",
    "Optimizer",
    "Parameters",
    "RMSprop",
    "Rprop",
    "Scale",
    "SecondOrderOptimizer",
    "Sweep",
    "TableError",
    "Trace",
    "UnknownComponentError",
    "UnknownNameError",
    "Update",
    "activation",
    "check_backprop",
    "check_object",
    "check_step",
    "curvature",
    "diagnose",
    "exercises",
    "initializer",
    "learning_rate_test",
    "load",
    "loss",
    "optimizer",
    "schedules",
    "sweep",
]


def __dir__() -> list[str]:
    """What Tab offers: the public names, those imported late among them."""
    return sorted({*__all__, "__version__", "__doc__"})


def __getattr__(name: str) -> Any:
    """The catalogue of mistakes, and the rules of a diagnosis, are imported when they are first used."""
    if name in ("Marking", "check_backprop", "check_object", "check_step"):
        from chainrule import marking  # noqa: PLC0415 - as the docstring says

        return getattr(marking, name)
    if name in ("Diagnosis", "Finding", "curvature", "diagnose"):
        import importlib  # noqa: PLC0415 - as the docstring says

        return getattr(importlib.import_module("chainrule.diagnosis"), name)
    raise AttributeError(f"module 'chainrule' has no attribute {name!r}")
