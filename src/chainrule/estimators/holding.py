"""An estimator's network: its weights as scikit-learn names them, copies, predictions."""

from collections.abc import Sequence
from types import NoneType
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy.sparse
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted, validate_data

from chainrule.core import chain as maths
from chainrule.core.activations import activation as find_activation
from chainrule.core.arrays import Array
from chainrule.core.layers import Dense, Layer, Run
from chainrule.engine import support
from chainrule.engine.dispatch import products, threads_for
from chainrule.errors import InputError
from chainrule.estimators.batches import Descent
from chainrule.estimators.pickling import Packed, packed
from chainrule.network import Network
from chainrule.optimizers import AnyOptimizer

if TYPE_CHECKING:
    from chainrule.engine.runtime.predictor import Predictor

DENSE_BYTES = 2**28
"""Sparse inputs up to this size are made dense: the compiled engine takes them faster than SciPy's products."""

COMPILED_PREDICTION = 200_000
"""Multiply-adds from which a network that was trained by the compiled engine also predicts by it."""


ROWS = {"activation", "loss", "hidden_layers"}
"""Parameters that may hold rows of the library."""


class HoldsNetwork(BaseEstimator):
    """What an estimator has of its network; not for use by itself."""

    # parameters, which each of the two lists in its own __init__
    hidden_layer_sizes: Any
    activation: Any
    solver: str
    alpha: float
    batch_size: Any
    learning_rate: str
    learning_rate_init: float
    power_t: float
    max_iter: int
    shuffle: bool
    random_state: Any
    tol: float
    verbose: Any
    warm_start: bool
    momentum: float
    nesterovs_momentum: bool
    early_stopping: bool
    validation_fraction: float
    beta_1: float
    beta_2: float
    epsilon: float
    n_iter_no_change: float
    max_fun: int
    hidden_layers: Sequence[Layer] | None
    network: Network | None
    optimizer: str | AnyOptimizer | None
    dropout: float
    norm: str | None
    clip_norm: float | None
    clip_value: float | None
    monitor: str
    time_limit: float | None
    callbacks: Any
    progress: bool | None
    restarts: int
    scale_inputs: bool
    dtype: str
    engine: str
    threads: int | None

    # what fitting leaves
    network_: Network
    coefs_: list[Array]
    intercepts_: list[Array]
    best_loss_: float | None
    best_validation_score_: float | None
    validation_scores_: list[float] | None
    _optimizer: Descent
    _compiled: bool
    _scale: float
    _random_state: Any

    # ------------------------------------------------------------------ coefs_ and intercepts_
    def _views(self) -> tuple[list[Array], list[Array]]:
        parameters, layers = self.network_.parameters, self.network_.layers
        dense = [l for l, layer in enumerate(layers, start=1) if isinstance(layer, Dense)]
        return [parameters[f"W{l}"] for l in dense], [parameters[f"b{l}"] for l in dense if f"b{l}" in parameters]

    def _link(self, *, anew: bool = False) -> None:
        """``coefs_`` and ``intercepts_`` view the network's; what somebody put in their place is written into it."""
        views = dict(zip(("coefs_", "intercepts_"), self._views(), strict=True))
        for name, of_network in views.items():
            kept = None if anew else self.__dict__.get(name)
            for k, (view, found) in enumerate(zip(of_network, kept or of_network, strict=True)):
                if found is not view and not np.shares_memory(found, view):
                    if np.shape(found) != view.shape:
                        raise InputError(f"{name}[{k}] must have shape {view.shape}, got {np.shape(found)}.")
                    view[...] = found
            setattr(self, name, of_network)

    def __getstate__(self) -> dict[str, Any]:
        state: Any = super().__getstate__()
        state = {**state}
        if "network_" in state:
            self._link()
            for name in ("coefs_", "intercepts_", "_ready"):
                state.pop(name, None)
        for name in ROWS & set(state):
            if not isinstance(state[name], str | NoneType):
                state[name] = packed(state[name])
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__({k: v.unpacked() if isinstance(v, Packed) else v for k, v in state.items()})
        if "network_" in self.__dict__:
            self._link(anew=True)

    # ------------------------------------------------------------------ scaling
    def _scaled_inputs(self, X: Any, *, learn: bool) -> Any:
        if not self.scale_inputs:
            return X
        if not isinstance(X, np.ndarray):
            raise InputError("scale_inputs=True needs dense inputs: scale sparse ones by MaxAbsScaler before.")
        if learn:
            self.input_mean_ = X.mean(axis=0)
            deviation = X.std(axis=0)
            self.input_scale_ = np.where(deviation > np.finfo(X.dtype).eps * np.abs(self.input_mean_), deviation, 1)
        return ((X - self.input_mean_) / self.input_scale_).astype(X.dtype)

    # ------------------------------------------------------------------ predicting
    def _outputs(self, X: Any, *, linked: bool = True) -> Array:
        """The outputs (N, outputs) of rows as the user has them, through a fused loss's activation unless told."""
        check_is_fitted(self)
        self._link()
        X = validate_data(self, X, accept_sparse=["csr", "csc"], reset=False)
        y = self._raw(self._scaled_inputs(X, learn=False))
        return self._linked(y) if linked else y

    def _linked(self, y: Array) -> Array:
        link = self.network_.loss_function.link
        with np.errstate(all="ignore"):
            return y if link == "identity" else find_activation(link).value(y)

    def _raw(self, X: Any) -> Array:
        """The network's outputs for rows as it takes them."""
        chain = self.network_.model.chain
        if isinstance(X, np.ndarray):
            X = np.ascontiguousarray(X, chain.dtype)
            wanted = self.engine == "compiled" or (self.engine == "auto" and self._compiled)
            if wanted and len(X) * products(chain) >= COMPILED_PREDICTION and support.unsupported_reason(chain) is None:
                return self._predictor().outputs_of(X)
        else:
            X = X.astype(chain.dtype).tocsr()
        with np.errstate(all="ignore"):
            return maths.forward(chain, self.network_.parameters, X, Run(state=self.network_.model.state))[-1]["a"]

    def _predictor(self) -> "Predictor":
        """The network compiled for predicting, made anew when its numbers have changed."""
        from chainrule.engine.runtime.predictor import Predictor  # noqa: PLC0415 - LLVM only where something is compiled

        model = self.network_.model
        ready: Predictor | None = self.__dict__.get("_ready")
        if ready is None or not ready.is_of(model):  # made whole before others see it: they may be predicting
            ready = self._ready = Predictor(model, threads_for(self.threads, 2**40))
        return ready

    def _dtypes(self) -> Any:
        """The dtypes that inputs may have."""
        return (np.float64, np.float32) if self.dtype == "auto" else np.dtype(self.dtype)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = not self.scale_inputs
        return tags


def as_rows(X: Any) -> Any:
    """Sparse inputs as rows that can be chosen, or as an array where that is small."""
    if not scipy.sparse.issparse(X):
        return X
    small = X.shape[0] * X.shape[1] * X.dtype.itemsize <= DENSE_BYTES
    return X.toarray() if small else X.tocsr()
