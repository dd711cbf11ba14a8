"""Marking somebody's own backpropagation: the mistake is named by comparing with every wrong backward pass.

The catalogue holds mistakes as small changes of the backward pass (``catalogue``, ``mistake``); ``backward`` runs a
pass with any of them; ``search`` finds which give the learner's numbers; ``marker`` tells. The doors are
``check_backprop``, ``check_step`` and ``check_object``.
"""

from chainrule.marking.api import check_backprop, check_step
from chainrule.marking.mistake import Mistake, Variant
from chainrule.marking.mistakes import CATALOGUE
from chainrule.marking.objects import check_object
from chainrule.marking.result import Marking

__all__ = ["CATALOGUE", "Marking", "Mistake", "Variant", "check_backprop", "check_object", "check_step"]
