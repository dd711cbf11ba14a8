"""When to stop: scikit-learn's rules, epoch by epoch."""

from dataclasses import dataclass, field

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.layers import Record
from chainrule.core.model import Model


@dataclass
class EarlyStopping:
    """How good each epoch was, and how long none has been better.

    Attributes:
        tol: by how much a loss must be lower, or a score higher, to count as better.
        patience: epochs without a better one after which to stop.
        higher_is_better: as for scores.
        best: the best value so far, by however little.
        waited: epochs since one was better by ``tol``.
    """

    tol: float
    patience: float
    higher_is_better: bool
    best: float = field(init=False)
    waited: int = 0
    _kept: tuple[Array, tuple[Record, ...]] | None = field(default=None, init=False, repr=False)

    def __post_init__(self) -> None:
        self.best = -np.inf if self.higher_is_better else np.inf

    def update(self, value: float) -> bool:
        """Count an epoch; whether it is the best so far."""
        sign = 1.0 if self.higher_is_better else -1.0
        # scikit-learn's own comparisons, in its order: a score as good as best + tol is better, a loss as good is not
        worse = value < self.best + self.tol if self.higher_is_better else value > self.best - self.tol
        self.waited = self.waited + 1 if worse else 0
        if sign * value > sign * self.best:
            self.best = value
            return True
        return False

    @property
    def out_of_patience(self) -> bool:
        """Whether too many epochs in a row were no better."""
        return self.waited > self.patience

    def keep(self, model: Model) -> None:
        """Keep the model's numbers as the best."""
        self._kept = model.parameters.vector.copy(), model.state

    def put_back(self, model: Model) -> None:
        """Put the best numbers back, if some were kept."""
        if self._kept is not None:
            model.parameters.vector[...], model.state = self._kept
