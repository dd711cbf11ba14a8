"""Several networks on a table, whose predictions are averaged: what the estimators of ``tabular`` share."""

import warnings
from dataclasses import KW_ONLY, dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.model_selection import train_test_split
from sklearn.utils import check_random_state, column_or_1d
from sklearn.utils.validation import check_array, validate_data

from chainrule.core.arrays import Array
from chainrule.engine.choose import choose
from chainrule.errors import InputError
from chainrule.estimators.frames import table_of
from chainrule.estimators.inputs import row_weights
from chainrule.estimators.parameters import ANYTHING, FRACTION, NONE, check_parameters, parameter, whole
from chainrule.network import Network
from chainrule.tables import Encoder, Scaling, Table, TableConfig
from chainrule.tables.smoothing import NO_SMOOTHING
from chainrule.tables.target import Task
from chainrule.tables.weights import effective_rows, relative_weights
from chainrule.training import History

FEWEST_TO_SET_ASIDE = 50
"""Rows from which some are set aside to choose the best epoch by."""


@dataclass(eq=False, repr=False)
class TabularParameters(BaseEstimator):
    """The parameters that both estimators share; ``ANYTHING`` is checked by ``TableConfig`` or ``Network.fit``."""

    hidden_layer_sizes: tuple[int, ...] = parameter((256, 256, 256), ANYTHING, "units of each hidden layer.")
    _: KW_ONLY
    activation: Any = parameter("mish", ANYTHING, "of the hidden layers.")
    epochs: int | None = parameter(
        None,
        ANYTHING,
        "of each network; the best by the rows set aside is kept. None takes 128, fewer from 20,000 rows on, at least "
        "16.",
    )
    batch_size: int | None = parameter(
        None, ANYTHING, "rows of a batch; None takes a twentieth of the rows, at least 16 and at most 256."
    )
    learning_rate: float = parameter(0.004, FRACTION, "the highest of the schedule's.")
    dropout: float = parameter(0.0, ANYTHING, "share of each hidden layer's units dropped in training.")
    weight_decay: float = parameter(0.01, ANYTHING, "decoupled, of AdamW.")
    members: int | None = parameter(
        None, NONE | whole(1), "how many networks; None takes 8 for few rows, 1 for very many."
    )
    validation_fraction: float = parameter(0.2, FRACTION, "share of the rows that each network is judged by.")
    time_limit: float | None = parameter(None, ANYTHING, "seconds for all of them.")
    random_state: Any = parameter(None, ANYTHING, "seed of all draws.")
    engine: str = parameter("auto", ANYTHING, "as for ``Network.fit``.")
    threads: int | None = parameter(None, ANYTHING, "as for ``Network.fit``.")


class BaseTabular(TabularParameters):
    """Not for use by itself."""

    label_smoothing = 0.0  # only classifiers have the parameter
    n_features_in_: int
    feature_names_in_: Array  # where the inputs had names
    encoder_: Encoder
    networks_: list[Network]
    histories_: list[History]
    smoothing_ = NO_SMOOTHING

    def _check(self) -> None:
        """Refuse what cannot be used before anything is learned."""
        check_parameters(self)
        self._config(1, few=False)

    def _table(self, X: Any, *, reset: bool) -> Table:
        """The columns of what the user has; their names and number are kept, or compared."""
        frame = hasattr(X, "columns")
        if not frame:  # whatever scikit-learn takes for an array; cells may be missing
            options: dict[str, Any] = {"dtype": None, "ensure_all_finite": "allow-nan", "estimator": self}
            X = check_array(_unmixed(X), **options)
        validate_data(self, X, skip_check_array=True, reset=reset)
        table = table_of(X, None if reset else {feature.name: feature.kind for feature in self.encoder_.features})
        if reset and table.rows < 2:
            raise InputError(f"n_samples={table.rows}: a table needs at least 2 rows to learn from.")
        return table

    def _weights(self, sample_weight: Any, y: Array) -> tuple[Array | None, Array]:
        """The weights above 0, free of their unit (None: all rows count alike), and the rows that have them."""
        weights = row_weights(sample_weight, np.zeros((len(y), 1)))
        if weights is None:
            return None, np.arange(len(y))
        counted = np.flatnonzero(weights)
        return relative_weights(weights[counted]), counted

    def _config(self, rows: int, *, few: bool) -> TableConfig:
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
        """Train the members, each with validation rows and first weights of its own."""
        rows = effective_rows(weights, len(x))
        few = rows < FEWEST_TO_SET_ASIDE  # then all are trained on, in one batch, in float64
        config, count = self._config(len(x), few=few), self._member_count(len(x))
        x = x if few else x.astype(np.float32)
        self.smoothing_ = config.smoothing(task, rows)
        t = self.smoothing_.apply(t)
        rng, dtype = check_random_state(self.random_state), "float64" if few else "float32"
        seeds = [int(rng.randint(2**31 - 1)) for _ in range(count)]
        networks = [config.network(x.shape[1], task, t.shape[1], seed=seed, dtype=dtype) for seed in seeds]
        batch, epochs = config.pace(len(x))
        engine = choose(  # one for all members, by the work of all
            self.engine, networks[0].model.chain, config.rule(task), rows=len(x), batch=batch, epochs=epochs * count,
            time_limit=self.time_limit,
        )  # fmt: skip
        limit = None if self.time_limit is None else self.time_limit / count
        self.networks_, self.histories_ = [], []
        for seed, network in zip(seeds, networks, strict=True):
            train, validation = (slice(None), None) if few else _parts(len(x), self.validation_fraction, groups, seed)
            parts = (x, t) if weights is None else (x, t, weights)
            training = [part[train] for part in parts]
            history = network.fit(
                *training[:2],
                weights=None if weights is None else training[2],
                validation=None if validation is None else tuple(part[validation] for part in parts),
                seed=seed,
                time_limit=limit,
                engine=engine,
                threads=self.threads,
                **config.settings(task, len(training[0])),
            )
            # float32 to train, float64 to predict: then a row's prediction depends on no other row
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


def column_of(y: Any, dtype: Any) -> Array:
    """Labels or targets (N,)."""
    options: dict[str, Any] = {"ensure_2d": False, "dtype": dtype, "input_name": "y"}
    return column_or_1d(check_array(y, **options), warn=True)


def encoder_of(table: Table, weights: Array | None) -> Encoder:
    """How the columns become inputs, learned from the training rows, weighted if there are weights."""
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
    train, validation = np.concatenate([parts[0], always]), parts[1]
    if groups is not None and by is None:  # a class may have gone to the other side as a whole
        lost = ~np.isin(groups[validation], groups[train])
        train = np.concatenate([train, validation[lost]])
        validation = validation if lost.all() else validation[~lost]
    return train, validation
