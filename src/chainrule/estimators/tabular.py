"""``TabularClassifier`` and ``TabularRegressor``: a table as it is, the best defaults, nothing to tune."""

import warnings
from functools import partial
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.multiclass import check_classification_targets, unique_labels
from sklearn.utils.validation import check_array, check_consistent_length, check_is_fitted, validate_data

from chainrule.core.arrays import Array
from chainrule.core.layers.checks import check_count
from chainrule.core.lookup import is_number
from chainrule.engine.dispatch import choose
from chainrule.errors import InputError
from chainrule.estimators.frames import table_of
from chainrule.estimators.multilayer import row_weights
from chainrule.estimators.settings import with_plain_numbers
from chainrule.network import Network
from chainrule.tables import Encoder, Scaling, Table, TableConfig
from chainrule.tables.smoothing import NO_SMOOTHING
from chainrule.tables.target import Task, class_probabilities
from chainrule.tables.weights import effective_rows, relative_weights
from chainrule.training import History

FEWEST_TO_SET_ASIDE = 50
"""Rows from which some are set aside to choose the best epoch by."""


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
    label_smoothing = 0.0
    validation_fraction: float
    time_limit: float | None
    random_state: Any
    engine: str
    threads: int | None
    encoder_: Encoder
    networks_: list[Network]
    histories_: list[History]
    smoothing_ = NO_SMOOTHING

    def _check(self) -> None:
        """Refuse what cannot be used before anything is learned; the plan refuses the rest."""
        if self.members is not None:
            check_count("members", self.members)
        for name in ("learning_rate", "validation_fraction"):
            if not is_number(getattr(self, name)) or not 0 < getattr(self, name) < 1:
                raise InputError(f"{name} must be between 0 and 1, got {getattr(self, name)!r}.")
        self._plan(1, few=False)

    def _table(self, X: Any, *, reset: bool) -> Table:
        """The columns of what the user has; their names and number are kept, or compared."""
        frame = hasattr(X, "columns")
        if not frame:  # whatever scikit-learn takes for an array; cells may be missing
            told: dict[str, Any] = {"dtype": None, "ensure_all_finite": "allow-nan", "estimator": self}
            X = check_array(_unmixed(X), **told)
        validate_data(self, X, skip_check_array=True, reset=reset)
        table = table_of(X, None if reset else {feature.name: feature.kind for feature in self.encoder_.features})
        if reset and table.rows < 2:
            raise InputError(f"n_samples={table.rows}: a table needs at least 2 rows to learn from.")
        return table

    def _weights(self, sample_weight: Any, y: Array) -> tuple[Array | None, Array]:
        """Which rows have a weight above 0, and those weights in no unit; None where all of these count alike."""
        weights = row_weights(sample_weight, np.zeros((len(y), 1)))
        if weights is None:
            return None, np.arange(len(y))
        counted = np.flatnonzero(weights)
        return relative_weights(weights[counted]), counted

    def _plan(self, rows: int, *, few: bool) -> TableConfig:
        """How each member is trained."""
        return TableConfig(
            hidden=tuple(self.hidden_layer_sizes),
            activation=self.activation,
            learning_rate=self.learning_rate,
            weight_decay=self.weight_decay,
            dropout=0.0 if few else self.dropout,
            label_smoothing=self.label_smoothing,
            epochs=self.epochs,
            batch_size=rows if few else self.batch_size,
            progress=False,
        )

    def _member_count(self, rows: int) -> int:
        """How many networks: more where each is quick and the rows are few."""
        return self.members or (8 if rows < 2_000 else 4 if rows < 10_000 else 2 if rows < 50_000 else 1)

    def _train(self, task: Task, x: Array, t: Array, groups: Array | None, weights: Array | None) -> None:
        """The members, each with a validation part and a beginning of its own."""
        rows = effective_rows(weights, len(x))
        few = rows < FEWEST_TO_SET_ASIDE  # then all of them teach, together, in float64
        config, count = self._plan(len(x), few=few), self._member_count(len(x))
        x = x if few else x.astype(np.float32)
        self.smoothing_ = config.smoothing(task, rows)
        t = self.smoothing_.apply(t)
        rng, dtype = check_random_state(self.random_state), "float64" if few else "float32"
        seeds = [int(rng.randint(2**31 - 1)) for _ in range(count)]
        networks = [config.network(x.shape[1], task, t.shape[1], seed=seed, dtype=dtype) for seed in seeds]
        batch, epochs = config.pace(len(x))
        engine = choose(  # one for all, for the work of them all
            self.engine, networks[0].model.chain, config.rule(task), rows=len(x), batch=batch, epochs=epochs * count,
            time_limit=self.time_limit,
        )  # fmt: skip
        limit = None if self.time_limit is None else self.time_limit / count
        self.networks_, self.histories_ = [], []
        for seed, network in zip(seeds, networks, strict=True):
            train, held = (slice(None), None) if few else _parts(len(x), self.validation_fraction, groups, seed)
            told = (x, t) if weights is None else (x, t, weights)
            teaching = [part[train] for part in told]
            history = network.fit(
                *teaching[:2],
                weights=None if weights is None else teaching[2],
                validation=None if held is None else tuple(part[held] for part in told),
                seed=seed,
                time_limit=limit,
                engine=engine,
                threads=self.threads,
                **config.settings(task, len(teaching[0])),
            )
            # float32 to learn, float64 to tell: a row's prediction hangs on no other row
            self.networks_.append(network.astype("float64"))
            self.histories_.append(history)
            if history.stopped == "interrupted":
                warnings.warn("Training interrupted by user.", stacklevel=3)
                break

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def _unmixed(X: Any) -> Any:
    """Lists of numbers and texts as objects: NumPy would make texts of the numbers too."""
    if not isinstance(X, list | tuple):
        return X
    try:
        return np.array(X, dtype=object) if np.asarray(X).dtype.kind in "SU" else X
    except ValueError:  # rows of different lengths, which scikit-learn refuses in its own words
        return X


def _column(y: Any, dtype: Any) -> Array:
    """Labels or targets (N,)."""
    told: dict[str, Any] = {"ensure_2d": False, "dtype": dtype, "input_name": "y"}
    return column_or_1d(check_array(y, **told), warn=True)


def _encoder(table: Table, weights: Array | None) -> Encoder:
    """How the columns become inputs, learned from the training rows, weighted if told."""
    return Encoder.learn(table, table.names, scale=partial(Scaling.robust, weights=weights))


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
        label_smoothing: share of each row's target spread over the classes in training; undone in ``predict_proba``.
        members: how many networks; None takes 8 for few rows, 1 for very many.
        validation_fraction: share of the rows that each network is judged by.
        time_limit: seconds for all of them.
        random_state: seed of all draws.
        engine: as for ``Network.fit``.
        threads: as for ``Network.fit``.

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
        y = _column(y, None)
        check_consistent_length(y, np.zeros(table.rows))
        check_classification_targets(y)
        weights, counted = self._weights(sample_weight, y)
        table, y = table.select(counted), y[counted]
        self.classes_ = unique_labels(y)
        codes, classes = np.searchsorted(self.classes_, y), len(self.classes_)
        self.encoder_ = _encoder(table, weights)
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
        y = _column(y, np.float64)
        check_consistent_length(y, np.zeros(table.rows))
        weights, counted = self._weights(sample_weight, y)
        table, y = table.select(counted), y[counted]
        self.encoder_ = _encoder(table, weights)
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
