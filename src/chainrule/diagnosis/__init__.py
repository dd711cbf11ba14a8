"""Why training fails, proved: measures of a run, rules that judge them, re-runs that tell causes from bystanders."""

from chainrule.diagnosis.api import diagnose, diagnose_case, diagnose_history
from chainrule.diagnosis.curvature import Curvature, curvature
from chainrule.diagnosis.learning_rate import LearningRate
from chainrule.diagnosis.result import Diagnosis, Finding, Proof, Remedy, Rule, Suspicion
from chainrule.diagnosis.watch import DiagnosisWarning, Watch

__all__ = [
    "Curvature",
    "Diagnosis",
    "DiagnosisWarning",
    "Finding",
    "LearningRate",
    "Proof",
    "Remedy",
    "Rule",
    "Suspicion",
    "Watch",
    "curvature",
    "diagnose",
    "diagnose_case",
    "diagnose_history",
]
