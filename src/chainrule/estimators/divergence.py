"""Training that left the finite numbers."""

from typing import Any

import numpy as np

from chainrule.errors import DivergenceError


class FitError(DivergenceError, ValueError):
    """Training left the finite numbers; a ``ValueError`` too, as scikit-learn raises one."""


def refuse_divergence(estimator: Any, *, validated: bool) -> None:
    """Refuse to hand out a network that diverged and that no earlier epoch could be put in place of.

    Args:
        estimator: after training.
        validated: whether the best epoch has been put back, so that the last loss says nothing.

    Raises:
        FitError: its weights, or its loss, are not finite.
    """
    finite = np.isfinite(estimator.network_.parameters.vector).all()
    if not finite or not (validated or np.isfinite(estimator.loss_)):
        raise FitError(
            "Solver produced non-finite parameter weights. The input data may contain large values and need to be "
            "preprocessed.",
            history=getattr(estimator, "history_", None),
            epoch=estimator.n_iter_ - 1,
        )
