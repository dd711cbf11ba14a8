"""The catalogue: every mistake that is looked for, in files by the place of the backward pass at which it is made.

============  ===============================================  ======================
file          places                                           what is computed there
============  ===============================================  ======================
``starts``    ``start``                                        dE/dy
``rows``      ``rows``                                         which rows count
``slopes``    ``delta``                                        delta = phi'(z) da
``weights``   ``input``, ``weights``                           dW = a' delta
``biases``    ``bias``                                         db = sum_n delta
``down``      ``down``                                         da = delta W'
``scale``     ``sign``, ``factor`` (and ``update``, ``down``)  signs and sizes
============  ===============================================  ======================

To add a mistake, write a ``Mistake`` in the file of its place and put it into the tuple at the end of that file.
Nothing else has to change: the search, the report, the tests' random networks and the benchmark read the catalogue.
Of two mistakes that give the same numbers the earlier one is named first.
"""

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
