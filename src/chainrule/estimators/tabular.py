"""``TabularClassifier`` and ``TabularRegressor``: a table as it is, the best defaults, nothing to tune."""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, validate_data

from chainrule.arrays import Array
from chainrule.components import is_number
from chainrule.data import Table
from chainrule.errors import InputError
from chainrule.estimators.classifier import MLPClassifier
from chainrule.estimators.frames import table_of
from chainrule.estimators.multilayer import row_weights
from chainrule.estimators.recipe import Columns, CosLog
from chainrule.estimators.regressor import MLPRegressor
from chainrule.layers import Dense, Dropout, Layer
from chainrule.layers.checks import check_count
from chainrule.network import Network
from chainrule.optimizers import AdamW

FEWEST_TO_SET_ASIDE = 50
"""Rows from which some are set aside to choose the best epoch by."""


ROWS_IN_ALL = 2_560_000
"""Rows that a network goes through, all epochs together, where the epochs would otherwise take long."""


class Tabular(BaseEstimator):
    """The part that both share; not for use by itself."""

    hidden_layer_sizes: tuple[int, ...]
    activation: Any
    epochs: int | None
    batch_size: int | None
    learning_rate: float
    dropout: float
    weight_decay: float
    members: int | None
    validation_fraction: float
    time_limit: float | None
    random_state: Any
    engine: str
    threads: int | None
    networks_: list[Network]

    def _check(self) -> None:
        for units in self.hidden_layer_sizes:
            check_count("units of a hidden layer", units)
        for name in ("epochs", "batch_size", "members"):
            if getattr(self, name) is not None:
                check_count(name, getattr(self, name))
        for name in ("learning_rate", "validation_fraction"):
            if not is_number(getattr(self, name)) or not 0 < getattr(self, name) < 1:
                raise InputError(f"{name} must be between 0 and 1, got {getattr(self, name)!r}.")

    def _table(self, X: Any, *, reset: bool) -> Table:
        """The columns of what the user has; their names and number are kept, or compared."""
        frame = hasattr(X, "columns")
        if not frame:  # whatever scikit-learn takes for an array; cells may be missing
            told: dict[str, Any] = {"dtype": None, "ensure_all_finite": "allow-nan", "estimator": self}
            X = check_array(X, **told)
        validate_data(self, X, skip_check_array=True, reset=reset)
        table = table_of(X)
        if reset and table.rows < 2:
            raise InputError(f"n_samples={table.rows}: a table needs at least 2 rows to learn from.")
        return table

    def _weights(self, sample_weight: Any, y: Array) -> tuple[Array | None, Array]:
        """The rows' weights, and which rows have one above 0."""
        weights = row_weights(sample_weight, y.reshape(-1, 1).astype(np.float64) if y.dtype.kind in "biuf" else
                              np.zeros((len(y), 1)))  # fmt: skip
        return weights, np.arange(len(y)) if weights is None else np.flatnonzero(weights)

    def _plan(self, rows: int, *, few: bool) -> dict[str, Any]:
        """The parameters of each member."""
        layers: list[Layer] = []
        for units in self.hidden_layer_sizes:
            layers.append(Dense(units, self.activation))
            if self.dropout and not few:
                layers.append(Dropout(self.dropout))
        epochs = self.epochs or int(np.clip(ROWS_IN_ALL // rows, 16, 128))
        batch = self.batch_size or int(min(max(rows // 20, 16), 256))
        return {
            "hidden_layers": layers,
            "optimizer": AdamW(CosLog(self.learning_rate), beta2=0.95, weight_decay=self.weight_decay),
            "alpha": 0.0, "batch_size": rows if few else min(batch, rows), "max_iter": epochs,
            "n_iter_no_change": np.inf, "tol": 0.0, "engine": self.engine, "threads": self.threads,
        }  # fmt: skip

    def _member_count(self, rows: int) -> int:
        """How many networks: more where each is quick and the rows are few."""
        return self.members or (8 if rows < 2_000 else 4 if rows < 10_000 else 2 if rows < 50_000 else 1)

    def _train(
        self, kind: type, X: Array, y: Array, groups: Array | None, weights: Array | None, more: dict[str, Any]
    ) -> list[Any]:
        """The members, each with a validation part and a beginning of its own."""
        rows = len(X) if weights is None else float(weights.sum())
        few = rows < FEWEST_TO_SET_ASIDE  # then all of them teach, together, in float64
        told = self._plan(len(X), few=few) | more
        X = X if few else X.astype(np.float32)
        rng, members = check_random_state(self.random_state), []
        count = self._member_count(len(X))
        limit = None if self.time_limit is None else self.time_limit / count
        for _ in range(count):
            seed = int(rng.randint(2**31 - 1))
            member = kind(**told, random_state=seed, time_limit=limit)
            if few:
                members.append(member.fit(X, y, sample_weight=weights))
                continue
            train, held = _parts(len(X), self.validation_fraction, groups, seed)
            w, held_w = (None, []) if weights is None else (weights[train], [weights[held]])
            members.append(member.fit(X[train], y[train], w, validation_data=(X[held], y[held], *held_w)))
        for member in members:  # float32 to learn, float64 to tell: a row's prediction hangs on no other row
            member.network_ = member.network_.astype("float64")
            member.set_params(dtype="float64")
        self.networks_ = [member.network_ for member in members]
        return members

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def _column(y: Any, dtype: Any) -> Array:
    """Labels or targets (N,)."""
    told: dict[str, Any] = {"ensure_2d": False, "dtype": dtype, "input_name": "y"}
    return column_or_1d(check_array(y, **told), warn=True)


def _parts(rows: int, share: float, groups: Array | None, seed: int) -> tuple[Array, Array]:
    """Rows to train on and rows set aside; the shares of the classes alike, and the rarest ones always trained on."""
    index, always, by = np.arange(rows), np.zeros(0, int), groups
    if groups is not None:
        counts = np.bincount(groups)
        always = np.flatnonzero(counts[groups] == 1)
        index = np.flatnonzero(counts[groups] > 1)
        classes = int((counts > 1).sum())
        fits = min(round(share * len(index)), len(index) - round(share * len(index))) >= classes
        by = groups[index] if fits else None
    if len(index) < 2:
        return np.arange(rows), np.arange(rows)
    parts: list[Any] = train_test_split(index, test_size=share, stratify=by, random_state=seed)
    train, held = np.concatenate([parts[0], always]), parts[1]
    if groups is not None and by is None:  # a class may have gone to the other side as a whole
        lost = ~np.isin(groups[held], groups[train])
        train = np.concatenate([train, held[lost]])
        held = held if lost.all() else held[~lost]
    return train, held


class TabularClassifier(ClassifierMixin, Tabular):
    """Classes from a table as it is: numbers, categories, booleans, dates and missing cells.

    Several networks are trained, each judged by rows of its own; their probabilities are averaged.

    Args:
        hidden_layer_sizes: units of each hidden layer.
        activation: of the hidden layers.
        epochs: of each network; the best by the rows set aside is kept. None takes 128, fewer from 20,000 rows on, at
            least 16.
        batch_size: rows of a batch; None takes a twentieth of the rows, at least 16 and at most 256.
        learning_rate: the highest of the schedule's.
        dropout: share of each hidden layer's units dropped in training.
        weight_decay: decoupled, of AdamW.
        label_smoothing: share of each row's target spread over the classes.
        members: how many networks; None takes 8 for few rows, 1 for very many.
        validation_fraction: share of the rows that each network is judged by.
        time_limit: seconds for all of them.
        random_state: seed of all draws.
        engine: as for ``Network.fit``.
        threads: as for ``Network.fit``.

    Attributes:
        classes_: the labels, in the order of ``predict_proba``'s columns.
        columns_: how the table's columns become inputs.
        networks_: the trained networks.
        members_: the trained ``MLPClassifier`` of each.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"size": [1.0, 2.0, None, 9.0, 8.0, 7.5], "kind": list("aaabbb")})
        >>> model = TabularClassifier(epochs=100, members=1, random_state=0).fit(table, ["low"] * 3 + ["high"] * 3)
        >>> [str(label) for label in model.predict(table)]
        ['low', 'low', 'low', 'high', 'high', 'high']

    References:
        Holzmüller, Grinsztajn & Steinwart 2024, Better by Default, NeurIPS (arXiv 2407.04491).
    """

    def __init__(
        self,
        hidden_layer_sizes: tuple[int, ...] = (256, 256, 256),
        *,
        activation: Any = "selu",
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float = 0.01,
        dropout: float = 0.15,
        weight_decay: float = 0.01,
        label_smoothing: float = 0.1,
        members: int | None = None,
        validation_fraction: float = 0.2,
        time_limit: float | None = None,
        random_state: Any = None,
        engine: str = "auto",
        threads: int | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.label_smoothing = label_smoothing
        self.members = members
        self.validation_fraction = validation_fraction
        self.time_limit = time_limit
        self.random_state = random_state
        self.engine = engine
        self.threads = threads

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
        y = _column(y, None)
        check_consistent_length(y, np.zeros(table.rows))
        check_classification_targets(y)
        weights, counted = self._weights(sample_weight, y)
        table, y, weights = table.select(counted), y[counted], None if weights is None else weights[counted]
        self.classes_ = unique_labels(y)
        codes = np.searchsorted(self.classes_, y)
        self.columns_ = Columns.learn(table, weights)
        self._only = len(self.classes_) == 1
        if self._only:
            self.members_, self.networks_ = [], []
            return self
        x = self.columns_.encode(table)
        told = {"label_smoothing": self.label_smoothing}
        self.members_ = self._train(MLPClassifier, x, codes, codes, weights, told)
        return self

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class (N, classes): the mean of the networks'."""
        check_is_fitted(self)
        table = self._table(X, reset=False)
        if self._only:
            return np.ones((table.rows, 1))
        x = self.columns_.encode(table)
        return np.asarray(np.mean([member.predict_proba(x) for member in self.members_], axis=0))

    def predict(self, X: Any) -> Array:
        """The likeliest label of each row (N,)."""
        check_is_fitted(self)
        return self.classes_.take(self.predict_proba(X).argmax(axis=1))


class TabularRegressor(RegressorMixin, Tabular):
    """Numbers from a table as it is: numbers, categories, booleans, dates and missing cells.

    Several networks are trained on the standardised target, each judged by rows of its own; their predictions are
    averaged and kept within the range of the targets seen.

    Args:
        hidden_layer_sizes: units of each hidden layer.
        activation: of the hidden layers.
        epochs: of each network; the best by the rows set aside is kept. None takes 128, fewer from 20,000 rows on, at
            least 16.
        batch_size: rows of a batch; None takes a twentieth of the rows, at least 16 and at most 256.
        learning_rate: the highest of the schedule's.
        dropout: share of each hidden layer's units dropped in training.
        weight_decay: decoupled, of AdamW.
        members: how many networks; None takes 8 for few rows, 1 for very many.
        validation_fraction: share of the rows that each network is judged by.
        time_limit: seconds for all of them.
        random_state: seed of all draws.
        engine: as for ``Network.fit``.
        threads: as for ``Network.fit``.

    Attributes:
        columns_: how the table's columns become inputs.
        networks_: the trained networks.
        members_: the trained ``MLPRegressor`` of each.

    Example:
        >>> import pandas as pd
        >>> table = pd.DataFrame({"size": np.linspace(0, 1, 60), "kind": list("ab") * 30})
        >>> price = 3 * table["size"] + (table["kind"] == "a")
        >>> TabularRegressor(epochs=60, members=1, random_state=0).fit(table, price).score(table, price) > 0.9
        True

    References:
        Holzmüller, Grinsztajn & Steinwart 2024, Better by Default, NeurIPS (arXiv 2407.04491).
    """

    def __init__(
        self,
        hidden_layer_sizes: tuple[int, ...] = (256, 256, 256),
        *,
        activation: Any = "mish",
        epochs: int | None = None,
        batch_size: int | None = None,
        learning_rate: float = 0.004,
        dropout: float = 0.0,
        weight_decay: float = 0.01,
        members: int | None = None,
        validation_fraction: float = 0.2,
        time_limit: float | None = None,
        random_state: Any = None,
        engine: str = "auto",
        threads: int | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.epochs = epochs
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.dropout = dropout
        self.weight_decay = weight_decay
        self.members = members
        self.validation_fraction = validation_fraction
        self.time_limit = time_limit
        self.random_state = random_state
        self.engine = engine
        self.threads = threads

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
        y = _column(y, np.float64)
        check_consistent_length(y, np.zeros(table.rows))
        weights, counted = self._weights(sample_weight, y)
        table, y, weights = table.select(counted), y[counted], None if weights is None else weights[counted]
        self.columns_ = Columns.learn(table, weights)
        x = self.columns_.encode(table)
        self._low, self._high = float(y.min()), float(y.max())
        self._middle = float(np.average(y, weights=weights))
        deviation = float(np.sqrt(np.average((y - self._middle) ** 2, weights=weights)))
        self._deviation = deviation if deviation > 0 else 1.0
        t = (y - self._middle) / self._deviation
        self.members_ = self._train(MLPRegressor, x, t, None, weights, {})
        return self

    def predict(self, X: Any) -> Array:
        """The prediction of each row (N,): the mean of the networks'."""
        check_is_fitted(self)
        x = self.columns_.encode(self._table(X, reset=False))
        y = np.mean([member.predict(x) for member in self.members_], axis=0)
        return np.clip(y * self._deviation + self._middle, self._low, self._high)
