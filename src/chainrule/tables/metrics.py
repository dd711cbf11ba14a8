"""How good predictions are, and how good guessing without looking would be.

A number by itself says little: 90% accuracy is poor where 95% of the rows are of one class. So each metric
comes with a baseline that learned nothing from the inputs: the mean, or the shares of the classes.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.errors import InputError


def regression_metrics(t: ArrayLike, prediction: ArrayLike, baseline: float | None = None) -> dict[str, float]:
    """The errors of predicted numbers.

    ``R2 = 1 - sum (t - prediction)^2 / sum (t - baseline)^2``: 1 is perfect, 0 no better than the baseline.

    Args:
        t: (N,) true numbers, in the target's unit.
        prediction: (N,) predicted numbers.
        baseline: what R2 compares with; by default the mean of ``t``, which is the usual definition.
            Give the mean of the training rows to compare with what could have been known.

    Returns:
        ``"R2"`` (NaN when ``t`` never differs from the baseline), ``"MAE"`` and ``"RMSE"``: the mean absolute
        error and the root of the mean squared error, in the target's unit.

    Raises:
        InputError: the arrays are empty or of different lengths.

    Example:
        >>> regression_metrics([1.0, 2.0, 3.0], [1.0, 2.0, 5.0])
        {'R2': -1.0, 'MAE': 0.666..., 'RMSE': 1.154...}
    """
    t, prediction = np.asarray(t, np.float64), np.asarray(prediction, np.float64)
    if t.ndim != 1 or not t.size or t.shape != prediction.shape:
        raise InputError(
            f"True and predicted numbers must be (N,) with at least one row, got {t.shape} and {prediction.shape}."
        )
    squares = float(np.sum((t - prediction) ** 2))
    middle = t.mean() if baseline is None else baseline
    around = float(np.sum((t - middle) ** 2))
    # The mean of equal numbers is off by a rounding error, and so would R2 be, by any amount.
    undefined = around == 0 or np.allclose(t, middle, rtol=1e-12, atol=0.0)
    return {
        "R2": float("nan") if undefined else 1 - squares / around,
        "MAE": float(np.mean(np.abs(t - prediction))),
        "RMSE": float(np.sqrt(squares / len(t))),
    }


def baseline_regression_metrics(t_train: ArrayLike, t_test: ArrayLike) -> dict[str, float]:
    """``regression_metrics`` of always predicting the mean of the training rows.

    Args:
        t_train: true numbers of the training rows, all the baseline knows.
        t_test: (N,) true numbers of the rows to judge by.

    Raises:
        InputError: there are no test rows.

    Example:
        >>> baseline_regression_metrics([2.0, 4.0], [1.0, 5.0])
        {'R2': 0.0, 'MAE': 2.0, 'RMSE': 2.0}
    """
    t_test = np.asarray(t_test, np.float64)
    return regression_metrics(t_test, np.full(t_test.shape, np.asarray(t_train, np.float64).mean()))


def classification_metrics(labels: ArrayLike, probabilities: ArrayLike, classes: Sequence[str]) -> dict[str, float]:
    """How well predicted probabilities meet the true classes.

    Args:
        labels: (N,) true classes, each one of ``classes``.
        probabilities: (N, K) predicted probabilities, in the order of ``classes``; the most probable class
            is the prediction, and of equally probable ones the first.
        classes: the K classes.

    Returns:
        ``"accuracy"``: the share of rows predicted right.
        ``"balanced accuracy"``: the same per true class, then the mean, so that rare classes count as much.
        ``"log loss"``: the mean of ``-ln p`` with ``p`` the probability of the true class (at least 2.2e-16).
        ``"ROC AUC"``, for two classes: the probability that a row of the second class is given a higher
        probability of it than a row of the first (ties count half); NaN when a class is absent.

    Raises:
        InputError: there are no rows, the shapes do not fit, or a label is no class.

    Example:
        >>> classification_metrics(["a", "b", "b"], [[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], ["a", "b"])
        {'accuracy': 0.666..., 'balanced accuracy': 0.75, 'log loss': 0.414..., 'ROC AUC': 1.0}
    """
    codes = _codes(labels, classes)
    p = np.asarray(probabilities, np.float64)
    if not codes.size or p.shape != (len(codes), len(classes)):
        raise InputError(
            f"Probabilities must have shape (N, K) = ({len(codes)}, {len(classes)}) with at least one row, "
            f"got {p.shape}."
        )
    right = p.argmax(axis=1) == codes
    p_true = np.clip(p[np.arange(len(codes)), codes], np.finfo(np.float64).eps, 1.0)
    counts = np.bincount(codes, minlength=len(classes))
    recalls = np.bincount(codes, weights=right, minlength=len(classes))[counts > 0] / counts[counts > 0]
    metrics = {
        "accuracy": float(right.mean()),
        "balanced accuracy": float(recalls.mean()),
        "log loss": float(-np.log(p_true).mean()),
    }
    return metrics | ({"ROC AUC": _area_under_roc(codes, p[:, 1])} if len(classes) == 2 else {})


def baseline_classification_metrics(
    labels_train: ArrayLike, labels_test: ArrayLike, classes: Sequence[str]
) -> dict[str, float]:
    """``classification_metrics`` of giving every row the class shares of the training rows.

    Args:
        labels_train: true classes of the training rows, all the baseline knows.
        labels_test: (N,) true classes of the rows to judge by.
        classes: the K classes.

    Raises:
        InputError: there are no training or no test rows, or a label is no class.

    Example:
        >>> baseline_classification_metrics(["a", "b", "b"], ["a", "b"], ["a", "b"])
        {'accuracy': 0.5, 'balanced accuracy': 0.5, 'log loss': 0.752..., 'ROC AUC': 0.5}
    """
    codes = _codes(labels_train, classes)
    if not codes.size:
        raise InputError("The baseline needs at least one training row, got none.")
    shares = np.bincount(codes, minlength=len(classes)) / len(codes)
    return classification_metrics(labels_test, np.tile(shares, (np.size(labels_test), 1)), classes)


def _codes(labels: ArrayLike, classes: Sequence[str]) -> NDArray[np.int64]:
    """(N,) the place of each label among the classes."""
    texts = np.asarray(labels, dtype=object).tolist()
    place = {label: k for k, label in enumerate(classes)}
    unknown = next((text for text in texts if text not in place), None)
    if unknown is not None:
        raise InputError(f"A true label must be one of the classes {', '.join(classes)}, got '{unknown}'.")
    return np.fromiter(map(place.__getitem__, texts), np.int64, len(texts))


def _area_under_roc(codes: NDArray[np.int64], score: NDArray[np.float64]) -> float:
    """The Mann-Whitney statistic: ``(sum of the positives' ranks - P (P + 1) / 2) / (P (N - P))``."""
    positives = int(codes.sum())
    pairs = positives * (len(codes) - positives)
    if not pairs:
        return float("nan")
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2  # equal scores share the mean of their ranks
    return float((ranks[place][codes == 1].sum() - positives * (positives + 1) / 2) / pairs)
