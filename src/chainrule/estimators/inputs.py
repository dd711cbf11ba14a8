"""Rows and their weights, as scikit-learn's users have them."""

from numbers import Real
from typing import Any

import numpy as np
import scipy.sparse
from sklearn.model_selection import train_test_split
from sklearn.utils import check_array, check_consistent_length

from chainrule.core.arrays import Array
from chainrule.errors import InputError
from chainrule.estimators.batches import Rows

DENSE_BYTES = 2**28
"""Sparse inputs up to this size are made dense: the compiled engine takes them faster than SciPy's products."""


def dtypes_of(estimator: Any) -> Any:
    """The dtypes that an estimator's inputs may have."""
    return (np.float64, np.float32) if estimator.dtype == "auto" else np.dtype(estimator.dtype)


def as_rows(X: Any) -> Any:
    """Sparse inputs as rows that can be chosen, or as an array where that is small."""
    if not scipy.sparse.issparse(X):
        return X
    small = X.shape[0] * X.shape[1] * X.dtype.itemsize <= DENSE_BYTES
    return X.toarray() if small else X.tocsr()


def scale_inputs(estimator: Any, X: Any, *, learn: bool) -> Any:
    """Inputs of mean 0 and standard deviation 1, if ``scale_inputs`` asks for them.

    Raises:
        InputError: they are sparse.
    """
    if not estimator.scale_inputs:
        return X
    if not isinstance(X, np.ndarray):
        raise InputError("scale_inputs=True needs dense inputs: scale sparse ones by MaxAbsScaler before.")
    if learn:
        estimator.input_mean_ = X.mean(axis=0)
        deviation = X.std(axis=0)
        varies = deviation > np.finfo(X.dtype).eps * np.abs(estimator.input_mean_)
        estimator.input_scale_ = np.where(varies, deviation, 1)
    return ((X - estimator.input_mean_) / estimator.input_scale_).astype(X.dtype)


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


def set_aside(rows: Rows, fraction: float, rng: np.random.RandomState, by_class: bool) -> tuple[Rows, Rows]:
    """Rows to train on and rows to validate on.

    Args:
        rows: all of them.
        fraction: the share to validate on.
        rng: what is drawn from.
        by_class: whether the classes have the same shares in both.

    Raises:
        InputError: fewer than two rows would be set aside.
    """
    parts: list[Any] = train_test_split(
        rows.x, rows.t, *([] if rows.weights is None else [rows.weights]), random_state=rng, test_size=fraction,
        stratify=rows.t > 0.5 if by_class else None,
    )  # fmt: skip
    if parts[1].shape[0] < 2:
        raise InputError("The validation set is too small. Increase 'validation_fraction' or the size of your dataset.")
    training, validation = (None, None) if rows.weights is None else parts[4:]
    return Rows(parts[0], parts[2], training), Rows(parts[1], parts[3], validation)
