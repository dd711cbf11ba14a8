"""An optimizer as the engine sees it: the name of its compiled rule, its settings and moments. Compiles nothing."""

from dataclasses import dataclass, fields

from chainrule.optimizers import OPTIMIZERS, SGD, Optimizer

MOMENTS = {
    "sgd": (),
    "sgd_momentum": ("velocity",),
    "sgd_nesterov": ("velocity",),
    "rmsprop": ("second_moment",),
    "adagrad": ("squares",),
    "adadelta": ("second_moment", "squared_steps"),
    "adam": ("first_moment", "second_moment"),
    "adamw": ("first_moment", "second_moment"),
    "nadam": ("first_moment", "second_moment"),
    "rprop": ("step", "previous"),
    "lion": ("momentum",),
}
"""By twin, the names in ``Optimizer.start()`` of the moments that its function calls m and v."""


@dataclass(frozen=True)
class OptimizerSpec:
    """An optimizer as kernels know it.

    Attributes:
        name: of its twin in ``chainrule.engine.lanes.optimizers.COMPILED_OPTIMIZERS``.
        settings: its settings in its class's order, but for learning rate and weight decay, then zeros.
        moments: names in ``Optimizer.start()``.
    """

    name: str
    settings: tuple[float, ...]
    moments: tuple[str, ...]


def optimizer_spec(optimizer: Optimizer) -> OptimizerSpec:
    """The rule of one of the library's optimizers.

    Example:
        >>> optimizer_spec(SGD(momentum=0.9))
        OptimizerSpec(name='sgd_momentum', settings=(0.9, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0), moments=('velocity',))
    """
    name = next(name for name, kind in OPTIMIZERS.items() if kind is type(optimizer))
    if isinstance(optimizer, SGD) and optimizer.momentum:
        name = "sgd_nesterov" if optimizer.nesterov else "sgd_momentum"
    names = [field.name for field in fields(optimizer) if field.name not in ("learning_rate", "weight_decay")]
    settings = [float(getattr(optimizer, key)) for key in names]
    return OptimizerSpec(name, tuple((settings + [0.0] * 8)[:8]), MOMENTS[name])
