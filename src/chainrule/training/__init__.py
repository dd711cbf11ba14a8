"""Training: a plain generator of updates, and the loop that judges them."""

from chainrule.training.fit import Data, Event, evaluate, fit, split
from chainrule.training.history import History
from chainrule.training.loop import Update, training
from chainrule.training.settings import EVENTS, Callbacks, Settings

__all__ = [
    "EVENTS",
    "Callbacks",
    "Data",
    "Event",
    "History",
    "Settings",
    "Update",
    "evaluate",
    "fit",
    "split",
    "training",
]
