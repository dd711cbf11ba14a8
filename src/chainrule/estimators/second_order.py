"""``solver="levenberg-marquardt"`` and the library's other optimizers that take all rows at once."""

from typing import Any

import numpy as np

from chainrule.estimators.batches import Rows
from chainrule.optimizers import LevenbergMarquardt, SecondOrderOptimizer
from chainrule.optimizers import optimizer as find_optimizer


def second_order_optimizer(estimator: Any) -> SecondOrderOptimizer | None:
    """An optimizer that takes all rows at once and is run by ``Network.fit``, or None."""
    if estimator.optimizer is None:
        return LevenbergMarquardt() if estimator.solver == "levenberg-marquardt" else None
    optimizer = find_optimizer(estimator.optimizer)
    return optimizer if isinstance(optimizer, SecondOrderOptimizer) else None


def fit_second_order(estimator: Any, optimizer: SecondOrderOptimizer, rows: Rows, validation: Rows | None) -> None:
    """Train an estimator's network by ``Network.fit``."""
    held = patience = None
    if validation is not None:
        held = tuple(part for part in (validation.x, validation.t, validation.weights) if part is not None)
        patience = max(1, int(min(estimator.n_iter_no_change, estimator.max_iter)))
    weight = len(rows.t) if rows.weights is None else float(rows.weights.sum())
    history = estimator.network_.fit(
        rows.x, rows.t, weights=rows.weights, epochs=estimator.max_iter, optimizer=optimizer, seed=0,
        l2=float(estimator.alpha) / weight,  # `Network.fit` does not divide the penalty by the rows
        validation=held, patience=patience, time_limit=estimator.time_limit, progress=estimator.progress is True,
        engine=estimator.engine, threads=estimator.threads,
    )  # fmt: skip
    estimator.history_, estimator.n_iter_ = history, history.epochs
    estimator.t_ += history.epochs * len(rows.x)
    estimator.loss_curve_ = [*estimator.loss_curve_, *history.losses]
    estimator.loss_ = history.losses[-1] if history.losses else np.nan
    estimator.best_loss_ = min(history.losses, default=np.inf)
