"""What classifier and regressor share: the door, building a network, rows set aside."""

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from numbers import Real
from typing import Any, NamedTuple, Self

import numpy as np
from sklearn.base import clone
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array, check_consistent_length, check_random_state

from chainrule.core.arrays import Array
from chainrule.core.layers import Dense, Layer
from chainrule.core.losses import Loss
from chainrule.errors import InputError
from chainrule.estimators import start
from chainrule.estimators.batches import Rows
from chainrule.estimators.holding import as_rows
from chainrule.estimators.settings import check_settings, hidden_sizes, with_plain_numbers
from chainrule.estimators.training import Trains

STOCHASTIC = ("sgd", "adam")
"""Solvers that go by batches."""


class Output(NamedTuple):
    """What comes behind the hidden layers.

    Attributes:
        layers: the output layer.
        loss: what it is trained by.
        scale: what the rows' loss is multiplied by when it is told.
        name: ``out_activation_``.
    """

    layers: list[Layer]
    loss: Loss
    scale: float
    name: str


class Multilayer(Trains):
    """The part that classifier and regressor share; not for use by itself."""

    # ------------------------------------------------------------------ what each of the two knows
    @abstractmethod
    def _validated(self, X: Any, y: Any, *, reset: bool, incremental: bool, name: str = "`y`") -> tuple[Any, Array]:
        """Inputs and targets (N, targets) as arrays.

        Args:
            X: as the user has them.
            y: as the user has them.
            reset: whether the features are learned anew.
            incremental: whether these are but some of the rows: a batch, or rows to validate on.
            name: what an error calls ``y``.
        """

    @abstractmethod
    def _output(self) -> Output:
        """Output layer and loss, for the targets seen."""

    @abstractmethod
    def _row_weights(self, t: Array, weights: Array | None) -> Array | None:
        """The rows' weights, whatever else counts multiplied in."""

    def _spread_targets(self, t: Array) -> Array:
        """Targets (N, targets) as the loss wants them (N, outputs)."""
        return t

    def _smoothed(self, t: Array, weights: Array | None, *, incremental: bool) -> Array:
        """Targets to train on; only classifiers smooth theirs."""
        del weights, incremental
        return t

    def _as_taught(self, t: Array) -> Array:
        return t

    # ------------------------------------------------------------------ the door
    @with_plain_numbers
    def _fit(
        self,
        X: Any,
        y: Any,
        sample_weight: Any,
        validation_data: Any = None,
        *,
        incremental: bool = False,
        classes: Any = None,
    ) -> Self:
        check_settings(self)
        first = not hasattr(self, "network_") or (not self.warm_start and not incremental)
        if not first:
            self._link()
        elif self.restarts > 1 and not incremental:
            return self._best_of(X, y, sample_weight, validation_data)
        with self._unchanged_if_refused():
            self._expect(y, classes, incremental=incremental)
            rows, validation = self._prepared(
                X, y, sample_weight, validation_data, first=first, incremental=incremental
            )
            self._check_calibration(validation)
        if self._full_batch() is not None:
            self._fit_all_rows(rows, validation)
        elif self.solver == "lbfgs" and self.optimizer is None:
            self._fit_lbfgs(rows)
        else:
            self._fit_stochastic(rows, validation, incremental=incremental)
        self._check_numbers(rows if validation is None else None)
        self._link()
        self._calibrate(validation)
        return self

    @contextmanager
    def _unchanged_if_refused(self) -> Iterator[None]:
        """What was learned of rows that are then refused is forgotten: the estimator is as it was before."""
        before = dict(self.__dict__)
        try:
            yield
        except Exception:
            self.__dict__.clear()
            self.__dict__.update(before)
            raise

    def _expect(self, y: Any, classes: Any, *, incremental: bool) -> None:
        """Only classifiers are told what will come."""

    def _prepared(
        self, X: Any, y: Any, sample_weight: Any, validation_data: Any, *, first: bool, incremental: bool
    ) -> tuple[Rows, Rows | None]:
        """The rows to train on and those to validate on, checked, and a network that takes them."""
        X, t = self._validated(X, y, reset=first, incremental=incremental)
        weights = self._row_weights(t, row_weights(sample_weight, X))
        self._random_state = check_random_state(self.random_state)
        self.n_outputs_ = t.shape[1]
        X = self._scaled_inputs(as_rows(X), learn=first)
        t = self._spread_targets(self._scaled_targets(t, weights, learn=first))
        if first:
            self._begin(X, t)
        elif (self.network_.inputs, self.network_.outputs) != (X.shape[1], t.shape[1]):
            raise InputError(
                f"the network has {self.network_.outputs} outputs, but y needs {t.shape[1]}: fit without warm_start."
            )
        self.network_.loss_function.check_targets(t)
        held = self._validation(validation_data, X, t, weights, incremental=incremental)
        if held is None:
            rows, validation = Rows(X, t, weights), None
        else:
            rows, validation = held
        return Rows(rows.x, self._smoothed(rows.t, rows.weights, incremental=incremental), rows.weights), validation

    def _best_of(self, X: Any, y: Any, sample_weight: Any, validation_data: Any) -> Self:
        """Several beginnings; the best of them by validation score, or by loss where there is none."""
        rng, best = check_random_state(self.random_state), None
        for _ in range(self.restarts):
            other: Any = clone(self)
            other.set_params(restarts=1, random_state=int(rng.randint(2**31 - 1)))
            other._fit(X, y, sample_weight, validation_data)  # noqa: SLF001 - its own kind
            judged = other.best_validation_score_ if other.best_validation_score_ is not None else -other.loss_
            if best is None or judged > best[0]:
                best = judged, other
        assert best is not None
        told = self.get_params(deep=False)
        self.__dict__.update(best[1].__dict__)
        self.set_params(**told)
        self._link()
        return self

    def _begin(self, X: Any, t: Array) -> None:
        """A network of its own, and nothing learned yet."""
        output, dtype = self._output(), X.dtype
        self._scale = output.scale
        self.out_activation_ = output.name
        if self.network is not None:
            net = self.network.astype(dtype.name)
            if (net.inputs, net.outputs) != (X.shape[1], t.shape[1]):
                raise InputError(
                    f"network must have {X.shape[1]} inputs and {t.shape[1]} outputs, "
                    f"got {net.inputs} and {net.outputs}."
                )
            self._scale = 1.0
        elif self.hidden_layers is not None:
            layers = [*self.hidden_layers, *output.layers]
            net = start.network(X.shape[1], layers, output.loss, dtype, self._random_state, None)
        else:
            hidden = start.hidden(hidden_sizes(self), self._activations(), self.dropout, self.norm)
            factor = 2.0 if isinstance(self.activation, str) and self.activation in ("logistic", "sigmoid") else 6.0
            layers = [*hidden, *output.layers]
            net = start.network(X.shape[1], layers, output.loss, dtype, self._random_state, factor)
        given = {name: self.__dict__.get(name) for name in ("coefs_", "intercepts_")}
        of_ones_own = not hasattr(self, "network_") and None not in given.values()  # weights set before any fit
        self.network_ = net
        self.n_layers_ = 1 + sum(isinstance(layer, Dense) for layer in net.layers)
        self.n_iter_ = self.t_ = 0
        self.loss_curve_, self._no_improvement_count = [], 0
        self._link(anew=not of_ones_own)
        if self.early_stopping:
            self.validation_scores_, self.best_validation_score_, self.best_loss_ = [], -np.inf, None
        else:
            self.validation_scores_, self.best_validation_score_, self.best_loss_ = None, None, np.inf
        self._compiled = False
        for name in ("_optimizer", "_ready"):
            self.__dict__.pop(name, None)

    def _activations(self) -> list[Any]:
        sizes = hidden_sizes(self)
        if isinstance(self.activation, str) or not isinstance(self.activation, Sequence):
            return [self.activation] * len(sizes)
        if len(self.activation) != len(sizes):
            raise InputError(
                f"activation must be one name or one for each of the {len(sizes)} hidden layers, "
                f"got {len(self.activation)}."
            )
        return list(self.activation)

    def _scaled_targets(self, t: Array, weights: Array | None, *, learn: bool) -> Array:
        """Only regressors scale theirs."""
        del weights, learn
        return t

    # ------------------------------------------------------------------ validation
    def _validation(
        self, given: Any, X: Any, t: Array, weights: Array | None, *, incremental: bool
    ) -> tuple[Rows, Rows] | None:
        """The rows to train on and those to validate on; None where nothing is validated."""
        if given is not None:
            if not isinstance(given, tuple | list) or len(given) not in (2, 3):
                raise InputError("validation_data must be (X, y) or (X, y, sample_weight).")
            name = "the `y` of validation_data"
            x, own = self._validated(given[0], given[1], reset=False, incremental=True, name=name)
            if own.shape[1] != self.n_outputs_:
                raise InputError(
                    f"{name} must have {self.n_outputs_} columns, as that of the training rows, got {own.shape[1]}."
                )
            w = self._row_weights(own, row_weights(given[2] if len(given) == 3 else None, x))
            own = self._spread_targets(self._scaled_targets(own, w, learn=False))
            self._judges_from_here()
            return Rows(X, t, weights), Rows(self._scaled_inputs(as_rows(x), learn=False), own, w)
        if not self.early_stopping:
            return None
        if incremental:
            raise InputError("partial_fit does not support early_stopping=True")
        stratify = t > 0.5 if self._stratifies() else None
        parts: list[Any] = train_test_split(
            X, t, *([] if weights is None else [weights]), random_state=self._random_state,
            test_size=self.validation_fraction, stratify=stratify,
        )  # fmt: skip
        if parts[1].shape[0] < 2:
            raise InputError(
                "The validation set is too small. Increase 'validation_fraction' or the size of your dataset."
            )
        own, theirs = (None, None) if weights is None else parts[4:]
        return Rows(parts[0], parts[2], own), Rows(parts[1], parts[3], theirs)

    def _judges_from_here(self) -> None:
        """Own validation data work as early stopping's do."""
        if self.validation_scores_ is None:
            self.validation_scores_, self.best_validation_score_, self.best_loss_ = [], -np.inf, None

    def _stratifies(self) -> bool:
        return False

    def _check_calibration(self, validation: Rows | None) -> None:
        """Only classifiers calibrate."""

    def _calibrate(self, validation: Rows | None) -> None:
        """Only classifiers do."""

    def _check_solver(self) -> bool:
        if self.solver not in STOCHASTIC:
            raise AttributeError(
                f"partial_fit is only available for stochastic optimizers. {self.solver} is not stochastic."
            )
        return True


def row_weights(given: Any, X: Any) -> Array | None:
    """How much each row counts.

    Raises:
        InputError: not one number from 0 for each row.
    """
    if given is None:
        return None
    if isinstance(given, Real):
        given = np.full(X.shape[0], float(given), X.dtype)
    weights = check_array(given, ensure_2d=False, dtype=X.dtype, input_name="sample_weight")
    if weights.ndim != 1:
        raise InputError(f"Sample weights must be 1D array or scalar, got {weights.ndim}D array.")
    if len(weights) != X.shape[0]:
        raise InputError(f"sample_weight.shape == {weights.shape}, expected {(X.shape[0],)}!")
    check_consistent_length(weights, X)
    if (weights < 0).any():
        raise InputError("sample_weight must not be negative.")
    if not weights.any():
        raise InputError("Sample weights must contain at least one non-zero number: all are 0, no row would count.")
    return weights
