"""For extenders: write an activation, loss, initialiser, optimizer or layer of your own, and prove it.

There is no registry. A component is an object: pass it where its name would go (``Dense(3, MINE)``,
``Network(..., loss=MINE)``, ``fit(optimizer=Mine())``), and to ``chainrule.load(path, extensions=[MINE])`` when a
file names it. Each kind has a check that puts the same claims to the test that the library's own rows must meet:

===================  ======================================================  =====================
to add               make                                                    and prove it with
===================  ======================================================  =====================
an activation        an ``ElementwiseActivation`` or a ``RowActivation``     ``check_activation``
a loss               an ``ElementwiseLoss`` or a ``RowLoss``                 ``check_loss``
an initialiser       an ``Initializer``                                      ``check_initializer``
an optimizer         a frozen dataclass that is an ``Optimizer``             ``check_optimizer``
one of second order  a frozen dataclass that is a ``SecondOrderOptimizer``
a learning rate      a frozen dataclass that is a ``Schedule``
a layer              a frozen dataclass that is a ``Layer``                  ``check_layer``
a mistake            a ``Mistake`` with its ``Variant`` s; pass it as
                     ``check_backprop(..., mistakes=[MINE])``
a way to fail        a ``Rule`` that reads ``Measurements`` and judges them
                     as a ``Suspicion`` with its ``Remedy`` s; pass it as
                     ``diagnose(..., rules=[MINE])``
===================  ======================================================  =====================

An activation is its formulas, in SymPy's syntax, and the functions that compute them:

>>> import numpy as np
>>> SQUAREPLUS = ElementwiseActivation(
...     "squareplus",
...     "(z + sqrt(z**2 + b))/2",
...     "Barron 2021, arXiv 2112.11687",
...     parameters={"b": 4.0},
...     range=(0.0, np.inf),
...     derivative_formula="(1 + z/sqrt(z**2 + b))/2",
...     second_derivative_formula="b/(2*sqrt(z**2 + b)**3)",
...     phi=lambda z, b: (z + np.sqrt(z**2 + b)) / 2,
...     phi_prime=lambda z, b: (1 + z / np.sqrt(z**2 + b)) / 2,
...     phi_second=lambda z, b: b / (2 * np.sqrt(z**2 + b) ** 3),
... )

Its formulas are right. Its functions are not yet good: far below 0 they subtract nearly equal numbers.

>>> proof = check_activation(SQUAREPLUS)
>>> proof["derivative_formula"].passed, proof["second_derivative_formula"].passed
(True, True)
>>> [claim.name for claim in proof.failed]
['value', 'derivative', 'value_float32', 'derivative_float32']
>>> print(proof["value"].detail)
at z = -10000: found 9.999999929277692e-05, wanted 9.9999999000000022e-05

Written as ``b/(2 (sqrt(z^2 + b) - z))`` for negative z, nothing cancels; and ``phi' = phi/sqrt(z^2 + b)``:

>>> from dataclasses import replace
>>> def squareplus(z, b):
...     root = np.sqrt(z**2 + b)
...     return np.where(z > 0, (z + root) / 2, b / (2 * (root + np.abs(z))))
>>> SQUAREPLUS = replace(
...     SQUAREPLUS, phi=squareplus, phi_prime=lambda z, b: squareplus(z, b) / np.sqrt(z**2 + b)
... )
>>> check_activation(SQUAREPLUS).passed
True

From here on it is an activation like any other:

>>> import chainrule as cr
>>> net = cr.Network(1, [cr.Dense(3, SQUAREPLUS), cr.Dense(1)], loss="squared_error", seed=0)
>>> history = net.fit([[-1.0], [0.0], [1.0]], [1.0, 0.0, 1.0], epochs=50, optimizer=cr.Adam(0.1))
>>> bool(history.loss[-1] < history.loss[0]), net.check_gradients([[0.5]], [0.2]).passed
(True, True)
"""

from chainrule.core.activations import Activation, ElementwiseActivation, RowActivation
from chainrule.core.arrays import Array
from chainrule.core.initializers import Initializer
from chainrule.core.layers import Back, BackDot, Layer, Record, Run
from chainrule.core.losses import ElementwiseLoss, Loss, RowLoss
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.rule import Remedy, Rule, Suspicion
from chainrule.marking import Mistake, Variant
from chainrule.optimizers import Moments, Optimizer
from chainrule.optimizers.schedules import Clock, Memory, Schedule
from chainrule.optimizers.second_order import Point, Problem, Residuals, SecondOrderOptimizer, State
from chainrule.verify.activation_rows import check_activation
from chainrule.verify.initializer_rows import check_initializer
from chainrule.verify.layer_rows import check_layer
from chainrule.verify.loss_rows import check_loss
from chainrule.verify.optimizer_rows import check_optimizer
from chainrule.verify.proof import Claim, Proof

Readings = Measurements
"""The former name of ``Measurements``."""

__all__ = [
    "Activation",
    "Array",
    "Back",
    "BackDot",
    "Claim",
    "Clock",
    "ElementwiseActivation",
    "ElementwiseLoss",
    "Initializer",
    "Layer",
    "Loss",
    "Measurements",
    "Memory",
    "Mistake",
    "Moments",
    "Optimizer",
    "Point",
    "Problem",
    "Proof",
    "Readings",
    "Record",
    "Remedy",
    "Residuals",
    "RowActivation",
    "RowLoss",
    "Rule",
    "Run",
    "Schedule",
    "SecondOrderOptimizer",
    "State",
    "Suspicion",
    "Variant",
    "check_activation",
    "check_initializer",
    "check_layer",
    "check_loss",
    "check_optimizer",
]
