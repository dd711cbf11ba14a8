"""From the learner's numbers to a marking: search for what explains them, then report it."""

import numpy as np

from chainrule.marking.evidence import Evidence
from chainrule.marking.explanations import find_explanations
from chainrule.marking.report import report
from chainrule.marking.result import Marking
from chainrule.marking.sequence import SequenceSearch


def mark(evidence: Evidence) -> Marking:
    """Mark gradients, each of one backward pass."""
    compared = evidence.in_units_of_our_loss()
    with np.errstate(all="ignore"):  # a wrong backward pass may overflow: it then fits nothing
        return report(evidence, compared.cases, find_explanations(compared))


def mark_sequence(evidence: Evidence) -> Marking:
    """Mark the whole change that one update after each row made: the single case of the evidence."""
    with np.errstate(all="ignore"):  # as above
        search = SequenceSearch(evidence.cases[0], evidence.catalogue)
        found = search.find_explanations(single_precision=evidence.single_precision)
        return report(evidence, evidence.cases, found, gradients_of=search.total_change)
