"""Which optimizer an estimator's parameters mean, and how its rows become batches."""

import warnings
from typing import Any

import numpy as np

from chainrule.estimators.adam import EpsilonHatAdam
from chainrule.estimators.batches import Batching
from chainrule.estimators.early_stopping import EarlyStopping
from chainrule.optimizers import SGD, Optimizer, first_order


def goes_by_batches(estimator: Any) -> bool:
    """Whether an estimator's solver goes by batches, so that it has a ``partial_fit``.

    Raises:
        AttributeError: it does not, for scikit-learn's ``available_if`` to pass on.
    """
    if estimator.solver not in ("sgd", "adam"):
        raise AttributeError(
            f"partial_fit is only available for stochastic optimizers. {estimator.solver} is not stochastic."
        )
    return True


def stochastic_optimizer(estimator: Any) -> Optimizer:
    """The optimizer of an estimator that trains by batches."""
    if estimator.optimizer is not None:
        return first_order(estimator.optimizer, "training by batches")
    rate = float(estimator.learning_rate_init)
    if estimator.solver == "sgd":
        momentum = min(float(estimator.momentum), float(np.nextafter(1, 0)))
        return SGD(rate, momentum, bool(estimator.nesterovs_momentum))
    epsilon = max(float(estimator.epsilon), float(np.finfo(np.float32).tiny))
    return EpsilonHatAdam(rate, float(estimator.beta_1), float(estimator.beta_2), epsilon)


def batching_of(estimator: Any, rows: int, scale: float, rng: np.random.RandomState) -> Batching:
    """How so many rows become batches.

    Args:
        estimator: a fitted one, or one whose network is there.
        rows: their number.
        scale: what the rows' loss is multiplied by when it is reported.
        rng: what the seed of dropout is drawn from.
    """
    if estimator.batch_size == "auto":
        size = min(200, rows)
    else:
        if estimator.batch_size > rows:
            warnings.warn(
                "Got `batch_size` less than 1 or larger than sample size. It is going to be clipped", stacklevel=6
            )
        size = int(np.clip(estimator.batch_size, 1, rows))
    drops = any(layer.draws_random for layer in estimator.network_.layers)
    seed = int(rng.randint(2**31 - 1)) if drops else 0
    return Batching(
        size, float(estimator.alpha), scale, estimator.clip_norm, estimator.clip_value, seed, estimator.threads
    )


def stopping_of(estimator: Any, waited: int, *, validates: bool) -> EarlyStopping:
    """What an estimator stops by, going on from an earlier fit where there was one.

    Args:
        estimator: whose attributes are those of the earlier fit.
        waited: epochs of it without a better one.
        validates: whether rows set aside are judged by, or the training loss.
    """
    higher = validates and estimator.monitor == "score"
    stopping = EarlyStopping(estimator.tol, estimator.n_iter_no_change, higher, waited)
    best = estimator.best_validation_score_
    if not validates:
        stopping.best = np.inf if estimator.best_loss_ is None else estimator.best_loss_
    elif best is not None and np.isfinite(best):
        stopping.best = best if higher else -best
        stopping.keep(estimator.network_.model)
    return stopping
