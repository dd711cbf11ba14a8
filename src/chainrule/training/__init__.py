"""Training: calls, a plain generator of updates, and the loop that judges them."""

from chainrule.training.call import Call, parse_call, parse_data, parse_settings
from chainrule.training.data import Data, split
from chainrule.training.evaluation import evaluate
from chainrule.training.fit import fit
from chainrule.training.history import History
from chainrule.training.run import Event
from chainrule.training.settings import EVENTS, Callbacks, Settings
from chainrule.training.stepwise import training, training_by_engine
from chainrule.training.update import Update

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
    "parse_call",
    "parse_data",
    "parse_settings",
    "split",
    "training",
    "training_by_engine",
]
