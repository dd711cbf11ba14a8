"""scikit-learn's ``MLPClassifier`` and ``MLPRegressor``, whose ``fit`` runs its private loop over contiguous slices."""

import warnings
from dataclasses import dataclass

import numpy as np
from records import Array, Task, Trainer
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier, MLPRegressor


def trainer(task: Task) -> Trainer:
    """An estimator that begins where the others do."""
    warnings.simplefilter("ignore", ConvergenceWarning)
    return Estimator(task)


@dataclass
class Estimator:
    """One ``fit`` with penalty, momentum, shuffling and early stopping turned off."""

    task: Task
    epochs: int = 0

    def begin(self, epochs: int) -> None:
        """A fresh estimator that has seen one step, which made its arrays, and was then given the first parameters."""
        work = self.task.work
        make = MLPClassifier if work.output == "softmax" else MLPRegressor
        self.t = self.task.labels if work.output == "softmax" else self.task.t
        self.model = make(
            hidden_layer_sizes=work.sizes[1:-1],
            activation=work.hidden,
            solver=work.optimizer,
            alpha=0.0,
            batch_size=work.batch,
            learning_rate_init=work.learning_rate,
            momentum=0.0,
            nesterovs_momentum=False,
            shuffle=False,
            max_iter=epochs,
            n_iter_no_change=epochs + 1,
            warm_start=True,
        )
        classes = {"classes": np.arange(work.sizes[-1])} if work.output == "softmax" else {}
        self.model.partial_fit(self.task.x[: work.batch], self.t[: work.batch], **classes)
        self.model.coefs_ = [array.copy() for array in self.task.parameters[::2]]
        self.model.intercepts_ = [array.copy() for array in self.task.parameters[1::2]]
        self.model.n_iter_ = self.model.t_ = 0

    def train(self) -> None:
        """``fit``, with all its checks of the data, once for all epochs."""
        self.model.fit(self.task.x, self.t)

    def parameters(self) -> list[Array]:
        """After training."""
        pairs = zip(self.model.coefs_, self.model.intercepts_, strict=True)
        return [array for pair in pairs for array in pair]
