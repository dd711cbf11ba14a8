"""``restarts``: several beginnings, of which the best is kept."""

from typing import Any

from sklearn.base import clone
from sklearn.utils import check_random_state

from chainrule.estimators.weights import link_weights


def keep_best_of_restarts(estimator: Any, X: Any, y: Any, sample_weight: Any, validation_data: Any) -> Any:
    """Fit copies and become the best of them by validation score, or by loss where there is none."""
    rng, best = check_random_state(estimator.random_state), None
    for _ in range(estimator.restarts):
        copy: Any = clone(estimator)
        copy.set_params(restarts=1, random_state=int(rng.randint(2**31 - 1)))
        copy.fit(X, y, sample_weight, validation_data=validation_data)
        score = -copy.loss_ if copy.best_validation_score_ is None else copy.best_validation_score_
        if best is None or score > best[0]:
            best = score, copy
    assert best is not None
    parameters = estimator.get_params(deep=False)
    vars(estimator).update(vars(best[1]))
    estimator.set_params(**parameters)
    link_weights(estimator)
    return estimator
