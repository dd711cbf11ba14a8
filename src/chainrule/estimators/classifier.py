"""``MLPClassifier``: scikit-learn's, and what its users ask for."""

from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.metrics import accuracy_score
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import column_or_1d
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import type_of_target, unique_labels
from sklearn.utils.validation import check_is_fitted, validate_data

from chainrule.core.arrays import Array
from chainrule.core.layers import Dense
from chainrule.core.losses import Loss
from chainrule.core.losses import loss as find_loss
from chainrule.errors import InputError
from chainrule.estimators._base import BaseMLP
from chainrule.estimators.batches import Rows
from chainrule.estimators.build import Output
from chainrule.estimators.inputs import dtypes_of
from chainrule.estimators.mlp_parameters import ATTRIBUTES
from chainrule.estimators.parameters import ANYTHING, BELOW_ONE, NONE, documented, instance, one_of, parameter
from chainrule.estimators.solvers import goes_by_batches
from chainrule.estimators.temperature import fitted_temperature, with_temperature
from chainrule.tables.smoothing import NO_SMOOTHING, Smoothing
from chainrule.tables.weights import effective_rows


@documented(ATTRIBUTES)
@dataclass(eq=False, repr=False)
class MLPClassifier(ClassifierMixin, BaseMLP):
    """A network that classifies rows: scikit-learn's, with more.

    Changing the import from ``sklearn.neural_network`` changes nothing but the speed: same parameters, same attributes
    and, with the same seed, the same losses. It minimises ``E_b = (sum_n w_n e_n + alpha/2 sum W^2)/sum_n w_n`` over
    batches b, where ``e_n`` is a row's log loss.

    Args:
        {parameters}

    Attributes:
        {attributes}
        classes_: the labels in the order of the columns of ``predict_proba``.
        temperature_: what logits are divided by; 1 without calibration.

    Example:
        >>> x, y = [[0.0, 0.0], [1.0, 1.0], [0.1, 0.2], [0.9, 0.7]], ["low", "high", "low", "high"]
        >>> model = MLPClassifier(hidden_layer_sizes=(5,), solver="lbfgs", random_state=1).fit(x, y)
        >>> [str(label) for label in model.predict([[0.2, 0.1], [0.8, 0.9]])]
        ['low', 'high']

    References:
        Glorot & Bengio 2010, AISTATS; Kingma & Ba 2015, ICLR; Hinton 1989, Artificial Intelligence 40.
    """

    _: KW_ONLY
    loss: str | Loss = parameter("log_loss", ANYTHING, '``"log_loss"``, or a loss of the library on the probabilities.')
    class_weight: str | Mapping[Any, float] | None = parameter(
        None,
        NONE | one_of(["balanced"]) | instance(Mapping, "a dict from class to weight"),
        '``"balanced"``, or a dict from class to weight; multiplies the rows\' weights. Probabilities are then those '
        "among rows drawn as often as their weights say: balanced, each class as often as any other.",
    )
    label_smoothing: float = parameter(
        0.0,
        BELOW_ONE,
        "share of each row's target spread evenly over the classes in training (Szegedy et al. 2016, CVPR); undone in "
        "``predict_proba``.",
    )
    calibration: str | None = parameter(
        None,
        NONE | one_of(["temperature"]),
        '``"temperature"`` divides the logits by the number that suits the rows set aside best.',
    )

    _smoothing = NO_SMOOTHING

    # ------------------------------------------------------------------ fitting
    def fit(self, X: Any, y: Any, sample_weight: Any = None, *, validation_data: Any = None) -> Self:
        """Train on rows and their labels.

        Args:
            X: inputs (N, features), dense or sparse.
            y: labels (N,), or 0 and 1 for each of several labels (N, labels).
            sample_weight: how much each row counts (N,).
            validation_data: ``(X, y)`` or ``(X, y, sample_weight)``: judged by as ``early_stopping`` judges by the
                rows it sets aside; the best epoch's weights are put back.

        Raises:
            InputError: an argument or a parameter cannot be used (a ``ValueError``).
            FitError: training left the finite numbers (a ``ValueError`` too).
        """
        return self._fit(X, y, sample_weight, validation_data)

    @available_if(goes_by_batches)
    def partial_fit(self, X: Any, y: Any, sample_weight: Any = None, classes: Any = None) -> Self:
        """One epoch over the rows, going on from where the last call stopped.

        Args:
            X: inputs (N, features).
            y: labels, as for ``fit``.
            sample_weight: how much each row counts (N,).
            classes: all labels that will ever come, needed in the first call.

        Raises:
            InputError: as for ``fit``; ``classes`` is missing in the first call, or another than then.
        """
        return self._fit(X, y, sample_weight, incremental=True, classes=classes)

    def _learn_classes(self, y: Any, classes: Any, *, incremental: bool) -> None:
        """The labels that will ever come, from the first of several calls."""
        if not incremental:
            return
        if not hasattr(self, "classes_"):
            if classes is None:
                raise InputError("classes must be passed on the first call to partial_fit.")
            self.classes_ = unique_labels(classes)
            several = type_of_target(y).startswith("multilabel")
            self._label_binarizer = LabelBinarizer().fit(y if several else classes)
        elif classes is not None and not np.array_equal(self.classes_, unique_labels(classes)):
            raise InputError(
                f"`classes={classes!r}` is not the same as on last call to partial_fit, was: {self.classes_!r}"
            )

    def _check_data(self, X: Any, y: Any, *, reset: bool, incremental: bool, name: str = "`y`") -> tuple[Any, Array]:
        X, y = validate_data(
            self, X, y, accept_sparse=["csr", "csc"], multi_output=True, dtype=dtypes_of(self), reset=reset
        )
        if y.ndim == 2 and y.shape[1] == 1:
            y = column_or_1d(y, warn=True)
        if not hasattr(self, "classes_") or (not self.warm_start and not incremental):
            self._label_binarizer = LabelBinarizer().fit(y)
            self.classes_ = self._label_binarizer.classes_
        else:
            self._check_classes(y, name, all_of_them=self.warm_start and not incremental)
        t = self._label_binarizer.transform(y)
        return X, np.asarray(t.toarray() if hasattr(t, "toarray") else t, X.dtype)

    def _check_classes(self, y: Any, name: str, *, all_of_them: bool) -> None:
        """Refuse labels that the network has no output for; in a fit that goes on, also that one of them is gone."""
        several = self._label_binarizer.y_type_.startswith("multilabel")
        if type_of_target(y).startswith("multilabel") != several:
            raise InputError(
                f"{name} must have {'a column of 0 and 1 for each label' if several else 'one label a row'}, "
                "as in the previous call to fit."
            )
        classes = unique_labels(y)
        found, known = set(classes.tolist()), set(self.classes_.tolist())
        if all_of_them and found != known:
            raise InputError(
                f"warm_start can only be used where {name} has the same classes as in the previous call to fit. "
                f"Previously got {self.classes_}, {name} has {classes}"
            )
        if unknown := [label for label in classes.tolist() if label not in known]:
            raise InputError(
                f"{name} has classes not in `self.classes_`: {unknown} are unknown, the classes are {self.classes_}. "
                "Leave those rows out, or fit anew with all classes."
            )

    def _output(self) -> Output:
        multiclass = self._label_binarizer.y_type_ == "multiclass"
        link = "softmax" if multiclass else "sigmoid"
        name = "softmax" if multiclass else "logistic"
        if isinstance(self.loss, str) and self.loss == "log_loss":
            row = find_loss(("categorical" if multiclass else "binary") + "_cross_entropy_from_logits")
        else:
            row = find_loss(self.loss)
        fused = row.link != "identity"
        return Output([Dense(self.n_outputs_, "identity" if fused else link)], row, 1.0, name)

    def _row_weights(self, t: Array, weights: Array | None) -> Array | None:
        """Times the weight of the row's class."""
        if self.class_weight is None:
            return weights
        if self._label_binarizer.y_type_.startswith("multilabel"):
            raise InputError("class_weight needs one label a row: weigh rows by sample_weight instead.")
        classes = self._classes_of(t)
        if isinstance(self.class_weight, str):
            counts = np.bincount(classes, minlength=len(self.classes_))
            by_class = len(t) / (len(self.classes_) * np.maximum(counts, 1))
        else:
            unknown = set(self.class_weight) - set(self.classes_.tolist())
            if unknown:
                raise InputError(f"class_weight names {unknown}, but the classes are {self.classes_.tolist()}.")
            by_class = np.array([float(self.class_weight.get(label, 1.0)) for label in self.classes_.tolist()])
        by_row = by_class[classes].astype(t.dtype)
        return by_row if weights is None else weights * by_row

    def _smooth_targets(self, t: Array, weights: Array | None, *, incremental: bool) -> Array:
        """Each target moved towards all classes alike."""
        before = self._smoothing.rows if incremental else 0
        self._smoothing = Smoothing(float(self.label_smoothing), before + effective_rows(weights, len(t)))
        return self._training_targets(t)

    def _training_targets(self, t: Array) -> Array:
        """Targets with the smoothing that the network learns by."""
        if self._label_binarizer.y_type_ == "multiclass":
            return self._smoothing.apply(t).astype(t.dtype)
        return np.column_stack([self._smoothing.apply(t[:, [k]]) for k in range(t.shape[1])]).astype(t.dtype)

    def _classes_of(self, y: Array) -> Array:
        """The number of the likeliest class of each row."""
        return (y[:, 0] > 0.5).astype(int) if y.shape[1] == 1 else y.argmax(axis=1)

    def _stratifies(self) -> bool:
        return self.n_outputs_ == 1

    def _validation_score(self, validation: Rows) -> float:
        t, weights = validation.t, validation.weights
        y = self._apply_link(self._network_outputs(validation.x))
        if not np.isfinite(y).all():
            return np.nan
        if self._label_binarizer.y_type_.startswith("multilabel"):
            return float(accuracy_score(t > 0.5, y > 0.5, sample_weight=weights))
        return float(np.average(self._classes_of(y) == self._classes_of(t), weights=weights))

    def _check_calibration(self, validation: Rows | None) -> None:
        """Refuse to calibrate where there is nothing to do it by."""
        if self.calibration is None:
            return
        if validation is None:
            raise InputError("calibration needs rows set aside: early_stopping=True, or fit(..., validation_data=).")
        if self._label_binarizer.y_type_.startswith("multilabel"):
            raise InputError("calibration needs one label a row.")

    def _calibrate(self, validation: Rows | None) -> None:
        """Find the temperature by the rows set aside."""
        self.temperature_ = 1.0
        if self.calibration is not None and validation is not None:
            learned = self._unsmoothed(self._apply_link(self._network_outputs(validation.x)))
            self.temperature_ = fitted_temperature(learned, validation.t, validation.weights)

    # ------------------------------------------------------------------ predicting
    def _unsmoothed(self, y: Array) -> Array:
        """Probabilities (N, outputs) with the smoothing of labels undone."""
        if not self._smoothing.share:
            return y
        if self._label_binarizer.y_type_ == "multiclass":
            return self._smoothing.undo(y).astype(y.dtype)
        columns = [self._smoothing.undo(np.column_stack([1 - y[:, k], y[:, k]]))[:, 1] for k in range(y.shape[1])]
        return np.column_stack(columns).astype(y.dtype)

    def _probabilities(self, X: Any) -> Array:
        y = self._unsmoothed(self._outputs(X))
        return y if self.temperature_ == 1.0 else with_temperature(y, self.temperature_)

    def predict(self, X: Any) -> Array:
        """The likeliest label of each row (N,), or 0 and 1 for each of several labels (N, labels)."""
        check_is_fitted(self)
        if self._label_binarizer.y_type_.startswith("multilabel") or len(self.classes_) < 2:
            y = self._outputs(X)
            labels: Any = self._label_binarizer.inverse_transform(y.ravel() if self.n_outputs_ == 1 else y)
            return labels
        y = self._outputs(X, linked=False)  # the likeliest class has the largest logit
        fused = self.network_.loss_function.link != "identity"
        return self.classes_.take(self._classes_of(y + 0.5 if fused and y.shape[1] == 1 else y))

    def predict_proba(self, X: Any) -> Array:
        """The probability of each class (N, classes), in the order of ``classes_``; of each of several labels."""
        y = self._probabilities(X)
        return np.column_stack([1 - y[:, 0], y[:, 0]]) if self.n_outputs_ == 1 else y

    def predict_log_proba(self, X: Any) -> Array:
        """The logarithms of ``predict_proba``."""
        with np.errstate(divide="ignore"):
            return np.log(self.predict_proba(X))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
