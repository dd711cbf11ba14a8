"""The parameters that ``MLPClassifier`` and ``MLPRegressor`` share."""

from collections.abc import Sequence
from dataclasses import KW_ONLY, dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator

from chainrule.core.activations import ACTIVATIONS, Activation
from chainrule.core.layers import Layer
from chainrule.engine.choose import ENGINES
from chainrule.estimators.build import NAMES, NORMS
from chainrule.estimators.parameters import (
    ANYTHING,
    BELOW_ONE,
    BOOLEAN,
    CALLABLE,
    NONE,
    NOT_NEGATIVE,
    POSITIVE,
    Constraint,
    instance,
    is_a,
    list_of,
    one_of,
    parameter,
    real,
    whole,
)
from chainrule.network import Network
from chainrule.optimizers import AnyOptimizer

SIZES = Constraint("an array-like or an int", lambda v: is_a(v, Integral) or hasattr(v, "__iter__"))
AN_ACTIVATION = one_of([*NAMES, *ACTIVATIONS]) | instance(Activation, "a user-defined activation")
EVEN_INFINITE = Constraint("inf", lambda v: is_a(v, Real) and v == float("inf"))
VERBOSITY = Constraint("an int or a bool", lambda v: isinstance(v, Integral | bool | np.bool_))


ATTRIBUTES = """
network_: the trained ``Network``: trace, explain, diagnose, plot and save it.
coefs_, intercepts_: the weights and biases of each dense layer: views of the network's.
loss_, loss_curve_, best_loss_: the last epoch's loss, each epoch's, and the lowest.
validation_scores_, best_validation_score_: of the rows set aside; None without.
n_iter_, t_: epochs of the last fit; rows seen in all.
n_layers_, n_outputs_, out_activation_, n_features_in_, feature_names_in_: as in scikit-learn.
history_: the run's ``History``: ``history_.plot()``.
"""
"""The documentation of what fitting leaves."""


@dataclass(eq=False, repr=False)
class MLPParameters(BaseEstimator):
    """The rows; a subclass adds its own and may give one of these another default."""

    loss: Any = parameter("squared_error", ANYTHING, "what is minimised.")
    hidden_layer_sizes: Any = parameter((100,), SIZES, "units of each hidden layer.")
    activation: Any = parameter(
        "relu",
        AN_ACTIVATION | list_of(AN_ACTIVATION, "a list of them, one a hidden layer"),
        'of the hidden layers: ``"identity"``, ``"logistic"``, ``"tanh"``, ``"relu"``, any other of the library, a '
        "user-defined one, or a list with one for each hidden layer.",
    )
    _: KW_ONLY
    solver: str = parameter(
        "adam",
        one_of(["lbfgs", "sgd", "adam", "levenberg-marquardt"]),
        '``"adam"``, ``"sgd"``, ``"lbfgs"`` (SciPy\'s), or ``"levenberg-marquardt"``.',
    )
    alpha: float = parameter(0.0001, NOT_NEGATIVE, "the penalty ``alpha/2 sum W^2``, divided by the rows of the batch.")
    batch_size: int | str = parameter(
        "auto", one_of(["auto"]) | whole(1), 'rows of a batch; ``"auto"`` is 200, or all rows if there are fewer.'
    )
    learning_rate: str = parameter(
        "constant",
        one_of(["constant", "invscaling", "adaptive"]),
        'with ``solver="sgd"``: ``"constant"``, ``"invscaling"`` or ``"adaptive"``.',
    )
    learning_rate_init: float = parameter(0.001, POSITIVE, "the learning rate, at first.")
    power_t: float = parameter(
        0.5, NOT_NEGATIVE, 'exponent of ``"invscaling"``: ``learning_rate_init/(t + 1)^power_t`` after t rows.'
    )
    max_iter: int = parameter(200, whole(1), "most epochs (iterations of a solver without batches).")
    shuffle: bool = parameter(True, BOOLEAN, "whether each epoch goes through the rows in a new order.")
    random_state: Any = parameter(None, ANYTHING, "seed, or a NumPy RandomState, of all draws.")
    tol: float = parameter(1e-4, NOT_NEGATIVE, "by how much a loss must fall, or a score rise, to count as better.")
    verbose: Any = parameter(False, VERBOSITY, "whether to print a line each epoch.")
    warm_start: bool = parameter(False, BOOLEAN, "whether ``fit`` goes on from the last one's weights.")
    momentum: float = parameter(0.9, real("[0.0, 1.0]", lambda v: 0 <= v <= 1), 'of ``solver="sgd"``.')
    nesterovs_momentum: bool = parameter(True, BOOLEAN, "whether that momentum is Nesterov's.")
    early_stopping: bool = parameter(
        False, BOOLEAN, "whether to set rows aside, judge by them and put the best epoch's weights back."
    )
    validation_fraction: float = parameter(0.1, BELOW_ONE, "the share of rows set aside.")
    beta_1: float = parameter(0.9, BELOW_ONE, 'of ``solver="adam"``: how much of the first moment is kept.')
    beta_2: float = parameter(0.999, BELOW_ONE, "of the second moment.")
    epsilon: float = parameter(1e-8, POSITIVE, 'of ``solver="adam"``; it has the place it has in scikit-learn.')
    n_iter_no_change: float = parameter(
        10, whole(1) | EVEN_INFINITE, "epochs without a better one after which to stop."
    )
    max_fun: int = parameter(15000, whole(1), 'most evaluations of ``solver="lbfgs"``.')
    hidden_layers: Sequence[Layer] | None = parameter(
        None,
        NONE | list_of(instance(Layer, "a layer"), "a list of layers, such as [Dense(8, 'tanh')]"),
        'layers such as ``[Dense(32, "mish"), LayerNorm(), Dropout(0.2)]`` in place of ``hidden_layer_sizes`` and '
        "``activation``; the output layer is added.",
    )
    network: Network | None = parameter(
        None,
        NONE | instance(Network, "a Network"),
        "a whole untrained (or trained) ``Network``; a copy of it is trained, with its own loss.",
    )
    optimizer: str | AnyOptimizer | None = parameter(
        None,
        NONE | instance(AnyOptimizer, "an optimizer, such as AdamW(0.01)") | instance(str, "its name"),
        "one of the library's, such as ``AdamW(Cosine(0.01))``, in place of ``solver``.",
    )
    dropout: float = parameter(0.0, BELOW_ONE, "share of each hidden layer's units dropped in training.")
    norm: str | None = parameter(
        None,
        NONE | one_of(list(NORMS)),
        '``"layer"`` or ``"batch"`` normalises each hidden layer before its activation.',
    )
    clip_norm: float | None = parameter(None, NONE | POSITIVE, "longest gradient: a longer one is shortened to it.")
    clip_value: float | None = parameter(None, NONE | POSITIVE, "largest entry of a gradient.")
    monitor: str = parameter(
        "score", one_of(["score", "loss"]), 'what rows set aside are judged by: ``"score"`` or ``"loss"``.'
    )
    time_limit: float | None = parameter(None, NONE | POSITIVE, "seconds after which to stop.")
    callbacks: Any = parameter(
        None,
        NONE | CALLABLE | list_of(CALLABLE, "a list of callables"),
        "a function or several, called with the estimator after each epoch; True stops training.",
    )
    progress: bool | None = parameter(None, NONE | BOOLEAN, "whether to show a bar.")
    restarts: int = parameter(
        1, whole(1), "how many beginnings to try; the best is kept, by validation score, or else by loss."
    )
    scale_inputs: bool = parameter(False, BOOLEAN, "whether to bring each input to mean 0 and standard deviation 1.")
    dtype: str = parameter(
        "auto",
        one_of(["auto", "float64", "float32"]),
        'what it computes in; ``"auto"`` is float32 for float32 inputs, else float64.',
    )
    engine: str = parameter(
        "auto",
        one_of(ENGINES),
        '``"reference"``, ``"compiled"`` or ``"auto"``, as for ``Network.fit``; ``"auto"`` compiles from a tenth of a '
        "second's work on.",
    )
    threads: int | None = parameter(None, NONE | whole(1), "as for ``Network.fit``.")
