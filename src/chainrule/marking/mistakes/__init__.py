"""The catalogue: every mistake that is looked for, a row each, in files by the place at which it is made."""

from chainrule.marking.mistake import Mistake
from chainrule.marking.mistakes.biases import BIASES
from chainrule.marking.mistakes.down import DOWN
from chainrule.marking.mistakes.rows import ROWS
from chainrule.marking.mistakes.scale import FACTOR, SCALE, SIGN
from chainrule.marking.mistakes.slopes import SLOPES
from chainrule.marking.mistakes.starts import STARTS
from chainrule.marking.mistakes.weights import WEIGHTS

CATALOGUE: tuple[Mistake, ...] = (*SCALE, *STARTS, *ROWS, *SLOPES, *WEIGHTS, *BIASES, *DOWN)
"""Every mistake; of two that give the same numbers the earlier one is named first."""

__all__ = ["CATALOGUE", "FACTOR", "SIGN"]
