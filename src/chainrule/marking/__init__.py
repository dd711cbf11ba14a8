"""Marking: a learner's backpropagation is checked, and the mistake in it named.

A gradient checker says whether gradients are right. Marking compares them with the gradients of every wrong backward
pass of a catalogue too, and the one that gives the learner's numbers is the diagnosis. A learner's gradients go through
the files of this package in this order:

1. **Arguments.** ``api`` has ``check_backprop`` and ``check_step``, ``objects`` has ``check_object`` (``locations``
   finds the parameters in an object). ``request`` checks what they have in common, ``reading`` reads the arrays.
2. **Forward pass.** ``forward_context`` runs the network forward in float64 and keeps all that a backward pass reads.
3. **Evidence.** Gradients become a ``Case``: as they are, recovered from an update (``updates``), or returned by a
   function for the given input and for drawn ones (``calls``). Each case has the tolerance that rounding needs,
   measured on this network (``tolerance``). ``evidence`` holds the cases and what else is known.
4. **Candidates.** ``mistakes`` is the catalogue; ``mistake`` declares its entries. ``instance`` lists every mistake
   that can be made at each layer of this network, and ``backward`` runs the backward pass with any of them.
5. **Search.** ``explanations`` says what is tried in which order. ``search`` finds the simplest sets of mistakes that
   give the numbers, ``descent`` layer by layer from the top, ``scales`` the factor of all gradients, ``epsilon`` a
   small constant in the loss; ``sequence`` searches updates after each row. ``agreement`` compares, ``hypothesis``
   ranks.
6. **Verification.** What explains the first wrong case must give the numbers of all other cases, on other parameters
   and rows, and each of its mistakes must show in the numbers (``visible``). The result is a plain ``SearchResult``.
7. **Report.** ``naming`` turns hypotheses into named mistakes, each with its first wrong number (``quantity``) and
   how sure it is (``confidence``). ``counterexample`` finds an input on which explanations differ, ``unseen``
   mistakes that this input would not show; ``patterns`` describes gradients that nothing explains. ``notes`` has the
   sentences, and ``report`` puts all into a ``Marking`` (``result``), which ``render`` lays out as text or HTML.

``marker`` joins search and report. ``grading`` marks the files of a whole class.

To add a mistake, write one entry in one file of ``mistakes``: its change of the backward pass, its explanation and its
equation. A user-defined mistake needs no change here: pass it as ``check_backprop(..., mistakes=[MINE])``.
"""

from chainrule.marking.api import check_backprop, check_step
from chainrule.marking.mistake import Mistake, Variant
from chainrule.marking.mistakes import CATALOGUE
from chainrule.marking.objects import check_object
from chainrule.marking.result import Marking

__all__ = ["CATALOGUE", "Marking", "Mistake", "Variant", "check_backprop", "check_object", "check_step"]
