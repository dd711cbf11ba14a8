"""Grading: learners' files are run, each in a process of its own and within limits, and their gradients marked.

``grade`` marks the files; ``isolation`` starts a process for each, in which ``child`` runs; ``table`` writes the
result; ``spec`` reads a network written as text.
"""

from chainrule.marking.grading.grade import Graded, grade
from chainrule.marking.grading.isolation import Limits
from chainrule.marking.grading.spec import network_of
from chainrule.marking.grading.table import write_csv, write_html

__all__ = ["Graded", "Limits", "grade", "network_of", "write_csv", "write_html"]
