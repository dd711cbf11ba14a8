"""Grading: learners' files run in a process of their own, within limits, and their gradients marked.

``isolation`` starts the process and ``child`` is what runs in it; ``grade`` marks a file or a folder of them; ``table``
writes the result; ``spec`` reads a network written as text.
"""

from chainrule.marking.grading.grade import Graded, grade
from chainrule.marking.grading.isolation import Limits
from chainrule.marking.grading.spec import network_of
from chainrule.marking.grading.table import write_csv, write_html

__all__ = ["Graded", "Limits", "grade", "network_of", "write_csv", "write_html"]
