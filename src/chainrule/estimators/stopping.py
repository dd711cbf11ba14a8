"""When to stop: scikit-learn's rules, epoch by epoch."""

from dataclasses import dataclass, field

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.layers import Record
from chainrule.core.model import Model


@dataclass
class Watch:
    """What is judged by, and how long nothing has become better.

    Attributes:
        tol: by how much a loss must be lower, or a score higher, to count as better.
        patience: epochs without a better one after which to stop.
        rises: whether better is higher, as for scores.
        best: the best so far, by however little.
        waited: epochs since one was better by ``tol``.
    """

    tol: float
    patience: float
    rises: bool
    best: float
    waited: int = 0
    kept: tuple[Array, tuple[Record, ...]] | None = field(default=None, repr=False)

    def see(self, value: float) -> bool:
        """Count an epoch; whether it is the best so far."""
        sign = 1.0 if self.rises else -1.0
        # scikit-learn's own comparisons, in its order: a score as good as best + tol is better, a loss as good is not
        worse = value < self.best + self.tol if self.rises else value > self.best - self.tol
        self.waited = self.waited + 1 if worse else 0
        if sign * value > sign * self.best:
            self.best = value
            return True
        return False

    @property
    def over(self) -> bool:
        """Whether patience is over."""
        return self.waited > self.patience

    def keep(self, model: Model) -> None:
        """Keep the model's numbers as the best."""
        self.kept = model.parameters.vector.copy(), model.state

    def put_back(self, model: Model) -> None:
        """Put the best numbers back, if some were kept."""
        if self.kept is not None:
            model.parameters.vector[...], model.state = self.kept


def fresh(*, tol: float, patience: float, rises: bool) -> Watch:
    """A watch that has seen nothing."""
    return Watch(tol, patience, rises, -np.inf if rises else np.inf)
