"""Why training fails, proved: a run is measured, rules state suspicions, re-runs show which of them are causes.

The way of a call through this room, with the file of each step::

    cr.diagnose(net, x, t, ...)   history.diagnose()
                    |                                 api.py
                    v
    Case: the call as data                            case.py
                    |
                    v
    TrainingRun: a copy of the network trained,       runs.py
    losses by epoch, snapshots of the parameters
                    |
                    v
    Measurements: what is measured of a run, when     measurements.py
    it is first used. It reads:
      Score: the final loss as a share of the         score.py, constant_answer.py
      best constant answer's loss
      LearningRate: the verdict on the rate           learning_rate.py, stability.py, regimes.py,
                                                      next_losses.py, curvature.py
      dead units, gradients by layer, the first       dead_units.py, gradient_flow.py,
      overflow (by repeating single updates)          overflow.py, replay.py
                    |
                    v
    Rule: measure, then judge; may state a            rule.py (the types), rules/ (one rule a file),
    Suspicion with Remedies to try                    remedies.py (remedies that several rules use)
                    |
                    v
    Trial: the run repeated from the same seed        reruns.py
    with one remedy alone
                    |
                    v
    Finding: a cause, or ruled out                    confirm.py
                    |
                    v
    Diagnosis: outcome, findings with their proofs    outcome.py, result.py
                    |
                    v
    text, HTML, one sentence, pictures                report.py, headline.py, ../plots/diagnosis.py
                                                      with health.py and landscape.py

Imports run downward in this list, except that results find what shows them by name, in ``core/renderers.py``. Beside
the way stand ``watch.py``, a callback that warns during ``fit``, and ``progress.py``, a bar that counts the runs.

To add a rule, write ``rules/my_cause.py`` with a ``RULE`` and add it to the tuple in ``rules/__init__.py``. Tests then
demand a page ``docs/findings/my-cause.md``, a line in ``docs/findings/index.md``, and a planted fault in
``tests/diagnosis/test_rules.py``. Nothing else names rules: how a suspicion ranks beside others, and how its proof is
judged, are fields of ``Suspicion``.
"""

from chainrule.diagnosis.api import diagnose, diagnose_case, diagnose_history
from chainrule.diagnosis.curvature import Curvature, curvature
from chainrule.diagnosis.learning_rate import LearningRate
from chainrule.diagnosis.result import Diagnosis, Finding, Rerun
from chainrule.diagnosis.rule import Remedy, Rule, Suspicion
from chainrule.diagnosis.watch import DiagnosisWarning, Watch

Proof = Rerun
"""The former name."""

__all__ = [
    "Curvature",
    "Diagnosis",
    "DiagnosisWarning",
    "Finding",
    "LearningRate",
    "Proof",
    "Remedy",
    "Rerun",
    "Rule",
    "Suspicion",
    "Watch",
    "curvature",
    "diagnose",
    "diagnose_case",
    "diagnose_history",
]
