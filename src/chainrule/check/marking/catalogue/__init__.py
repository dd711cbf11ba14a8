"""The catalogue: every mistake that is looked for, a row each, in files by the place at which it is made."""

from chainrule.check.marking.catalogue.biases import BIASES
from chainrule.check.marking.catalogue.down import DOWN
from chainrule.check.marking.catalogue.rows import ROWS
from chainrule.check.marking.catalogue.scale import FACTOR, SCALE, SIGN
from chainrule.check.marking.catalogue.slopes import SLOPES
from chainrule.check.marking.catalogue.starts import STARTS
from chainrule.check.marking.catalogue.weights import WEIGHTS
from chainrule.check.marking.mistake import Mistake

CATALOGUE: tuple[Mistake, ...] = (*SCALE, *STARTS, *ROWS, *SLOPES, *WEIGHTS, *BIASES, *DOWN)
"""Every mistake; of two that give the same numbers the earlier one is named first."""

__all__ = ["CATALOGUE", "FACTOR", "SIGN"]
