"""``MLPClassifier``: scikit-learn's, and what its users ask for."""

from collections.abc import Mapping, Sequence
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
from chainrule.core.layers import Dense, Layer
from chainrule.core.losses import Loss
from chainrule.core.losses import loss as find_loss
from chainrule.errors import InputError
from chainrule.estimators.batches import Rows
from chainrule.estimators.multilayer import Multilayer, Output
from chainrule.estimators.temperature import fitted_temperature, with_temperature
from chainrule.network import Network
from chainrule.optimizers import AnyOptimizer
from chainrule.tables.smoothing import NO_SMOOTHING, Smoothing
from chainrule.tables.weights import effective_rows


class MLPClassifier(ClassifierMixin, Multilayer):
    """A network that tells classes apart: scikit-learn's, with more.

    Changing the import from ``sklearn.neural_network`` changes nothing but the speed: same parameters, same attributes
    and, with the same seed, the same losses. It minimises ``E_b = (sum_n w_n e_n + alpha/2 sum W^2)/sum_n w_n`` over
    batches b, where ``e_n`` is a row's log loss.

    Args:
        hidden_layer_sizes: units of each hidden layer.
        activation: of the hidden layers: ``"identity"``, ``"logistic"``, ``"tanh"``, ``"relu"``, any other of the
            library or of one's own, or a list with one for each hidden layer.
        solver: ``"adam"``, ``"sgd"``, ``"lbfgs"`` (SciPy's), or ``"levenberg-marquardt"``.
        alpha: the penalty ``alpha/2 sum W^2``, divided by the rows of the batch.
        batch_size: rows of a batch; ``"auto"`` is 200, or all rows if there are fewer.
        learning_rate: with ``solver="sgd"``: ``"constant"``, ``"invscaling"`` or ``"adaptive"``.
        learning_rate_init: the learning rate, at first.
        power_t: exponent of ``"invscaling"``: ``learning_rate_init/(t + 1)^power_t`` after t rows.
        max_iter: most epochs (iterations of a solver without batches).
        shuffle: whether each epoch goes through the rows in a new order.
        random_state: seed, or a NumPy RandomState, of all draws.
        tol: by how much a loss must fall, or a score rise, to count as better.
        verbose: whether to print a line each epoch.
        warm_start: whether ``fit`` goes on from the last one's weights.
        momentum, nesterovs_momentum: of ``solver="sgd"``.
        early_stopping: whether to set rows aside, judge by them and put the best epoch's weights back.
        validation_fraction: the share of rows set aside.
        beta_1, beta_2, epsilon: of ``solver="adam"``; epsilon has the place it has in scikit-learn.
        n_iter_no_change: epochs without a better one after which to stop.
        max_fun: most evaluations of ``solver="lbfgs"``.
        loss: ``"log_loss"``, or a loss of the library on the probabilities.
        hidden_layers: layers such as ``[Dense(32, "mish"), LayerNorm(), Dropout(0.2)]`` in place of
            ``hidden_layer_sizes`` and ``activation``; the output layer is added.
        network: a whole untrained (or trained) ``Network``; a copy of it is trained, with its own loss.
        optimizer: one of the library's, such as ``AdamW(Cosine(0.01))``, in place of ``solver``.
        dropout: share of each hidden layer's units dropped in training.
        norm: ``"layer"`` or ``"batch"`` normalises each hidden layer before its activation.
        clip_norm, clip_value: longest gradient, and largest entry of it.
        class_weight: ``"balanced"``, or a dict from class to weight; multiplies the rows' weights. Probabilities are
            then those among rows drawn as often as their weights say: balanced, each class as often as any other.
        label_smoothing: share of each row's target spread evenly over the classes in training (Szegedy et al. 2016,
            CVPR); undone in ``predict_proba``.
        monitor: what rows set aside are judged by: ``"score"`` or ``"loss"``.
        time_limit: seconds after which to stop.
        callbacks: a function or several, called with the estimator after each epoch; True stops training.
        progress: whether to show a bar.
        restarts: how many beginnings to try; the best is kept, by validation score, or else by loss.
        scale_inputs: whether to bring each input to mean 0 and standard deviation 1.
        calibration: ``"temperature"`` divides the logits by the number that suits the rows set aside best.
        dtype: what it computes in; ``"auto"`` is float32 for float32 inputs, else float64.
        engine: ``"reference"``, ``"compiled"`` or ``"auto"``, as for ``Network.fit``; ``"auto"`` compiles from a
            tenth of a second's work on.
        threads: as for ``Network.fit``.

    Attributes:
        network_: the trained ``Network``: trace, explain, diagnose, plot and save it.
        coefs_, intercepts_: the weights and biases of each dense layer: views of the network's.
        loss_, loss_curve_, best_loss_: the last epoch's loss, each epoch's, and the lowest.
        validation_scores_, best_validation_score_: of the rows set aside; None without.
        n_iter_, t_: epochs of the last fit; rows seen in all.
        n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_: as in scikit-learn.
        history_: the run's ``History``: ``history_.plot()``.
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

    def __init__(
        self,
        hidden_layer_sizes: Any = (100,),
        activation: Any = "relu",
        *,
        solver: str = "adam",
        alpha: float = 0.0001,
        batch_size: int | str = "auto",
        learning_rate: str = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: Any = None,
        tol: float = 1e-4,
        verbose: Any = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        loss: str | Loss = "log_loss",
        hidden_layers: Sequence[Layer] | None = None,
        network: Network | None = None,
        optimizer: str | AnyOptimizer | None = None,
        dropout: float = 0.0,
        norm: str | None = None,
        clip_norm: float | None = None,
        clip_value: float | None = None,
        class_weight: str | Mapping[Any, float] | None = None,
        label_smoothing: float = 0.0,
        monitor: str = "score",
        time_limit: float | None = None,
        callbacks: Any = None,
        progress: bool | None = None,
        restarts: int = 1,
        scale_inputs: bool = False,
        calibration: str | None = None,
        dtype: str = "auto",
        engine: str = "auto",
        threads: int | None = None,
    ) -> None:
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.solver = solver
        self.alpha = alpha
        self.batch_size = batch_size
        self.learning_rate = learning_rate
        self.learning_rate_init = learning_rate_init
        self.power_t = power_t
        self.max_iter = max_iter
        self.shuffle = shuffle
        self.random_state = random_state
        self.tol = tol
        self.verbose = verbose
        self.warm_start = warm_start
        self.momentum = momentum
        self.nesterovs_momentum = nesterovs_momentum
        self.early_stopping = early_stopping
        self.validation_fraction = validation_fraction
        self.beta_1 = beta_1
        self.beta_2 = beta_2
        self.epsilon = epsilon
        self.n_iter_no_change = n_iter_no_change
        self.max_fun = max_fun
        self.loss = loss
        self.hidden_layers = hidden_layers
        self.network = network
        self.optimizer = optimizer
        self.dropout = dropout
        self.norm = norm
        self.clip_norm = clip_norm
        self.clip_value = clip_value
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.monitor = monitor
        self.time_limit = time_limit
        self.callbacks = callbacks
        self.progress = progress
        self.restarts = restarts
        self.scale_inputs = scale_inputs
        self.calibration = calibration
        self.dtype = dtype
        self.engine = engine
        self.threads = threads

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

    @available_if(lambda self: self._check_solver())
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

    def _expect(self, y: Any, classes: Any, *, incremental: bool) -> None:
        """The labels that will ever come, as the first of several calls tells them."""
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

    def _validated(self, X: Any, y: Any, *, reset: bool, incremental: bool, name: str = "`y`") -> tuple[Any, Array]:
        X, y = validate_data(
            self, X, y, accept_sparse=["csr", "csc"], multi_output=True, dtype=self._dtypes(), reset=reset
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

    def _smoothed(self, t: Array, weights: Array | None, *, incremental: bool) -> Array:
        """Each target moved towards all classes alike."""
        before = self._smoothing.rows if incremental else 0
        self._smoothing = Smoothing(float(self.label_smoothing), before + effective_rows(weights, len(t)))
        return self._as_taught(t)

    def _as_taught(self, t: Array) -> Array:
        """Targets with the smoothing that the network learns by."""
        if self._label_binarizer.y_type_ == "multiclass":
            return self._smoothing.apply(t).astype(t.dtype)
        return np.column_stack([self._smoothing.apply(t[:, [k]]) for k in range(t.shape[1])]).astype(t.dtype)

    def _classes_of(self, y: Array) -> Array:
        """The number of the likeliest class of each row."""
        return (y[:, 0] > 0.5).astype(int) if y.shape[1] == 1 else y.argmax(axis=1)

    def _stratifies(self) -> bool:
        return self.n_outputs_ == 1

    def _validation_score(self, x: Any, t: Array, weights: Array | None) -> float:
        y = self._linked(self._raw(x))
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
            learned = self._unsmoothed(self._linked(self._raw(validation.x)))
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
