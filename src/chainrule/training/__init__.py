"""Training: a plain generator of updates, and the loop that judges them."""

from chainrule.training.call import Call, Data
from chainrule.training.fit import Event, evaluate, fit, split
from chainrule.training.history import History
from chainrule.training.reference import Update, training
from chainrule.training.settings import EVENTS, Callbacks, Settings

__all__ = [
    "EVENTS",
    "Call",
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
