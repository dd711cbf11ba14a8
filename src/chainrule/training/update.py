"""``Update``: one change of the parameters, as every way of training hands it out."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from chainrule.core.arrays import Array
from chainrule.core.parameters import Parameters
from chainrule.optimizers.schedules import Memory


@dataclass(frozen=True)
class Update:
    """One change of the parameters, just made.

    Attributes:
        epoch, number: which one, both from 0.
        rows: the batch's row numbers.
        loss: E of the batch, before the update.
        learning_rate: eta.
        gradients: by name, of the batch's part in E over all rows, after penalties and clipping.
        updates: by name, what was subtracted from the parameters.
        parameters: by name, after the update: live views.
        ends_epoch: whether it was the epoch's last.
        details: numbers of a second-order optimizer's step, by name.
    """

    epoch: int
    number: int
    rows: Array
    loss: float
    learning_rate: float
    gradients: Parameters
    updates: Parameters
    parameters: Parameters
    ends_epoch: bool
    details: Mapping[str, float] = field(default_factory=dict)


@dataclass
class ScheduleState:
    """What the learning rate's schedule remembers of the losses; who measures the losses moves it on."""

    memory: Memory = field(default_factory=Memory)
