"""Estimators in scikit-learn's manner: a drop-in for its networks, with what its users ask for."""

from chainrule.estimators.classifier import MLPClassifier
from chainrule.estimators.regressor import MLPRegressor
from chainrule.estimators.tabular import TabularClassifier, TabularRegressor
from chainrule.estimators.training import FitError

__all__ = ["FitError", "MLPClassifier", "MLPRegressor", "TabularClassifier", "TabularRegressor"]
