"""``TabularClassifier`` and ``TabularRegressor``: a table as it is, the best defaults, nothing to tune."""

from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from chainrule.core.arrays import Array
from chainrule.errors import InputError
from chainrule.estimators.ensemble import BaseTabular, column_of, encoder_of
from chainrule.estimators.parameters import ANYTHING, FRACTION, documented, parameter, with_plain_numbers
from chainrule.tables import Scaling
from chainrule.tables.class_probabilities import class_probabilities


@documented()
@dataclass(eq=False, repr=False)
class TabularClassifier(ClassifierMixin, BaseTabular):
    """Classes from a table as it is: numbers, categories, booleans, dates and missing cells.

    Several networks are trained, each judged by rows of its own; their probabilities are averaged.

    Args:
        {parameters}

    Attributes:
        classes_: the labels, in the order of ``predict_proba``'s columns.
        encoder_: how the table's columns become inputs.
        networks_: the trained networks, from encoded inputs to logits of the smoothed labels.
        smoothing_: how labels were smoothed, and how that is undone.
        histories_: of their training.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"size": [1.0, 2.0, None, 9.0, 8.0, 7.5], "kind": list("aaabbb")})
        >>> model = TabularClassifier(epochs=100, members=1, random_state=0).fit(table, ["low"] * 3 + ["high"] * 3)
        >>> [str(label) for label in model.predict(table)]
        ['low', 'low', 'low', 'high', 'high', 'high']

    References:
        Holzmüller, Grinsztajn & Steinwart 2024, Better by Default, NeurIPS (arXiv 2407.04491).
    """

    _: KW_ONLY
    activation: Any = parameter("selu", ANYTHING, "of the hidden layers.")
    learning_rate: float = parameter(0.01, FRACTION, "the highest of the schedule's.")
    dropout: float = parameter(0.15, ANYTHING, "share of each hidden layer's units dropped in training.")
    label_smoothing: float = parameter(
        0.1,
        ANYTHING,
        "share of each row's target spread over the classes in training; undone in ``predict_proba``.",
    )

    @with_plain_numbers
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on a table and its labels.

        Args:
            X: a DataFrame or an array of N rows.
            y: labels (N,).
            sample_weight: how much each row counts (N,).

        Raises:
            InputError, TableError: an argument cannot be used (both are a ``ValueError``).
        """
        self._check()
        if y is None:
            raise InputError("requires y to be passed, but the target y is None.")
        table = self._table(X, reset=True)
        y = column_of(y, None)
        check_consistent_length(y, np.zeros(table.rows))
        check_classification_targets(y)
        weights, counted = self._weights(sample_weight, y)
        table, y = table.select(counted), y[counted]
        self.classes_ = unique_labels(y)
        codes, classes = np.searchsorted(self.classes_, y), len(self.classes_)
        self.encoder_ = encoder_of(table, weights)
        if classes == 1:
            self.networks_, self.histories_ = [], []
            return self
        t = codes[:, np.newaxis].astype(np.float64) if classes == 2 else np.eye(classes)[codes]
        self._train("binary" if classes == 2 else "multiclass", self.encoder_.encode(table), t, codes, weights)
        return self

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class (N, classes): the mean of the networks', their label smoothing undone.

        With ``sample_weight`` they are the probabilities among rows drawn as often as their weights say: to weigh rare
        classes up makes them as much more probable.
        """
        check_is_fitted(self)
        table = self._table(X, reset=False)
        if not self.networks_:
            return np.ones((table.rows, 1))
        x = self.encoder_.encode(table)
        learned = np.mean([class_probabilities(network.forward(x)) for network in self.networks_], axis=0)
        return self.smoothing_.undo(learned)

    def predict(self, X: Any) -> Array:
        """The likeliest label of each row (N,)."""
        check_is_fitted(self)
        return self.classes_.take(self.predict_proba(X).argmax(axis=1))


@documented()
@dataclass(eq=False, repr=False)
class TabularRegressor(RegressorMixin, BaseTabular):
    """Numbers from a table as it is: numbers, categories, booleans, dates and missing cells.

    Several networks are trained on the standardised target, each judged by rows of its own; their predictions are
    averaged and kept within the range of the targets seen.

    Args:
        {parameters}

    Attributes:
        encoder_: how the table's columns become inputs.
        target_scaling_, target_range_: of the targets seen.
        networks_: the trained networks, from encoded inputs to the scaled target.
        histories_: of their training.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"size": np.linspace(0, 1, 60), "kind": list("ab") * 30})
        >>> price = 3 * table["size"] + (table["kind"] == "a")
        >>> TabularRegressor(epochs=60, members=1, random_state=0).fit(table, price).score(table, price) > 0.9
        True

    References:
        Holzmüller, Grinsztajn & Steinwart 2024, Better by Default, NeurIPS (arXiv 2407.04491).
    """

    @with_plain_numbers
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Train on a table and its targets.

        Args:
            X: a DataFrame or an array of N rows.
            y: targets (N,).
            sample_weight: how much each row counts (N,).

        Raises:
            InputError, TableError: an argument cannot be used (both are a ``ValueError``).
        """
        self._check()
        if y is None:
            raise InputError("requires y to be passed, but the target y is None.")
        table = self._table(X, reset=True)
        y = column_of(y, np.float64)
        check_consistent_length(y, np.zeros(table.rows))
        weights, counted = self._weights(sample_weight, y)
        table, y = table.select(counted), y[counted]
        self.encoder_ = encoder_of(table, weights)
        self.target_range_ = (float(y.min()), float(y.max()))
        self.target_scaling_ = Scaling.learn(y, weights)
        t = self.target_scaling_.apply(y)[:, np.newaxis]
        self._train("regression", self.encoder_.encode(table), t, None, weights)
        return self

    def predict(self, X: Any) -> Array:
        """The prediction of each row (N,): the mean of the networks'."""
        check_is_fitted(self)
        x = self.encoder_.encode(self._table(X, reset=False))
        y = np.mean([network.forward(x)[:, 0] for network in self.networks_], axis=0)
        return np.clip(self.target_scaling_.undo(y), *self.target_range_)
