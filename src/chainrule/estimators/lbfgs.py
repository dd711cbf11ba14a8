"""``solver="lbfgs"``: SciPy's L-BFGS-B on all rows, as in scikit-learn."""

import warnings
from typing import Any, NamedTuple

import numpy as np
import scipy.optimize
from sklearn.exceptions import ConvergenceWarning

from chainrule.core.arrays import Array
from chainrule.core.model import Model
from chainrule.estimators.batches import Batching, CompiledEpochs, Descent, Epochs, Rows, epochs_of
from chainrule.estimators.stochastic import mean_of_batches
from chainrule.optimizers import SGD
from chainrule.training.threads import suitable_threads


def fit_lbfgs(estimator: Any, rows: Rows, scale: float, constants: Array | None) -> bool:
    """Train an estimator's network; whether the compiled engine did it.

    Args:
        estimator: whose fitted attributes are set.
        rows: to train on.
        scale: what the rows' loss is multiplied by when it is reported.
        constants: what each row's loss (N,) is reported with besides, or None.
    """
    count, model = rows.x.shape[0], estimator.network_.model
    batching = Batching(count, float(estimator.alpha), scale, threads=estimator.threads)
    descent = Descent(SGD(1.0), 1.0, {})  # only the loss and its gradient are asked for
    epochs = epochs_of(model, rows, batching, descent, engine=estimator.engine, epochs=estimator.max_iter)
    constant = 0.0 if constants is None else mean_of_batches(constants, rows.weights, np.arange(count), count)
    with suitable_threads(model.chain, count):
        found = minimise(
            model, epochs, constant, max_iter=estimator.max_iter, max_fun=estimator.max_fun, tol=estimator.tol,
            verbose=estimator.verbose,
        )  # fmt: skip
    estimator.loss_, estimator.n_iter_, estimator.loss_curve_ = found.loss, found.iterations, found.curve
    estimator.best_loss_ = min(found.curve, default=found.loss)
    return isinstance(epochs, CompiledEpochs)


class Minimised(NamedTuple):
    """What came of it: the loss, the iterations, and the loss after each of them."""

    loss: float
    iterations: int
    curve: list[float]


def minimise(
    model: Model, epochs: Epochs, constant: float, *, max_iter: int, max_fun: int, tol: float, verbose: Any
) -> Minimised:
    """Minimise ``E`` over the model's parameters, in place.

    Args:
        model: whose parameters.
        epochs: knows ``E`` and its gradient.
        constant: what ``E`` is reported with besides.
        max_iter: most iterations.
        max_fun: most evaluations.
        tol: the largest entry of a gradient that is small enough.
        verbose: whether to print a line an iteration.

    Warns:
        ConvergenceWarning: it stopped for another reason than a small gradient or a loss that falls no more.

    References:
        Byrd, Lu, Nocedal & Zhu 1995, SIAM Journal on Scientific Computing 16(5).
    """
    vector, curve = model.parameters.vector, []

    def objective(p: Array) -> tuple[float, Array]:
        vector[...] = p
        loss, gradient = epochs.loss_and_gradient()
        return loss + constant, gradient.astype(np.float64)

    def after(intermediate_result: Any) -> None:
        curve.append(float(intermediate_result.fun))
        if verbose:
            print(f"Iteration {len(curve)}, loss = {curve[-1]:.8f}")  # noqa: T201 - what verbose asks for

    found = scipy.optimize.minimize(
        objective, vector.astype(np.float64), method="L-BFGS-B", jac=True, callback=after,
        options={"maxfun": max_fun, "maxiter": max_iter, "gtol": tol},
    )  # fmt: skip
    vector[...] = found.x
    if found.status != 0:
        warnings.warn(
            f"lbfgs failed to converge after {found.nit} iteration(s) (status={found.status}):\n{found.message}\n\n"
            f"Increase the number of iterations (max_iter={max_iter}) or scale the data.",
            ConvergenceWarning,
            stacklevel=5,
        )
    # a loss function evaluated to the very end may count one iteration more than it was allowed
    return Minimised(float(found.fun), min(int(found.nit), max_iter), curve)
