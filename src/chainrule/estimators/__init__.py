"""Estimators for scikit-learn: drop-in replacements of its networks, with more."""

from chainrule.estimators.classifier import MLPClassifier
from chainrule.estimators.divergence import FitError
from chainrule.estimators.regressor import MLPRegressor
from chainrule.estimators.tabular import TabularClassifier, TabularRegressor

__all__ = ["FitError", "MLPClassifier", "MLPRegressor", "TabularClassifier", "TabularRegressor"]
