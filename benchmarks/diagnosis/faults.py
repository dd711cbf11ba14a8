"""The faults, a function each: what it asks of the healthy run it is planted in, and how it is planted.

A function takes a generator and a setup and hands back the setup with the fault, or None if this one cannot have it.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import numpy as np
from bases import Needs
from datasets import BY_NAME, SETS
from setups import Hidden, Setup, clearly_better, train

import chainrule as cr

NONLINEAR = frozenset(one.name for one in SETS if one.nonlinear)
RECTIFIERS = frozenset({"relu", "leaky_relu", "elu", "softplus", "silu"})
LABELS = frozenset({"binary", "classes"})


@dataclass(frozen=True)
class Fault:
    """One way to spoil a run.

    Attributes:
        code: by which a diagnosis names it.
        plant: see above.
        needs: of the run.
    """

    code: str
    plant: Callable[[np.random.Generator, Setup], Setup | None]
    needs: Needs = field(default_factory=Needs)


# -------------------------------------------------------------------------------- the learning rate
def rate_too_large(rng: np.random.Generator, setup: Setup) -> Setup:
    """Far too large, or raised by steps of 1.5 until it just hurts (the cycle of period two is found there)."""
    if rng.random() < 0.5:
        return setup.with_rate(setup.rate * 10 ** rng.uniform(0.8, 2.5))
    sound, spoilt = train(setup).shortfall, setup
    for _ in range(9):
        spoilt = spoilt.with_rate(spoilt.rate * 1.5)
        if clearly_better(sound, train(spoilt).shortfall):
            break
    return spoilt


def rate_too_small(rng: np.random.Generator, setup: Setup) -> Setup:
    """By a factor of 50 to 25,000."""
    return setup.with_rate(setup.rate / 10 ** rng.uniform(1.7, 4.4))


# -------------------------------------------------------------------------------- units
def dead_units(rng: np.random.Generator, setup: Setup) -> Setup:
    """A ReLU layer of which all or nearly all units are off on every row: by their biases or by their weights."""
    l = int(rng.integers(len(setup.hidden)))
    layer, way = setup.hidden[l], int(rng.integers(3))
    if way == 0:
        spoilt = replace(layer, bias_init=cr.initializer("constant", value=-float(rng.uniform(8, 20))))
        return replace(setup, hidden=_replaced(setup.hidden, l, spoilt))
    if way == 1:
        off = rng.random(layer.units) < rng.uniform(0.85, 1.0)
        off[0] = True
        return replace(setup, patches={f"b{l + 1}": np.where(off, -float(rng.uniform(10, 40)), 0.0)})
    below = cr.initializer("uniform", low=-0.8, high=-0.05)  # on inputs or activations that are all positive
    x = setup.x - setup.x.min(axis=0) + 0.1 if l == 0 else setup.x
    validation = setup.validation
    if l == 0 and validation is not None:
        validation = (np.maximum(validation[0] - setup.x.min(axis=0) + 0.1, 0), validation[1])
    return replace(setup, x=x, validation=validation, hidden=_replaced(setup.hidden, l, replace(layer, init=below)))


def saturated_units(rng: np.random.Generator, setup: Setup) -> Setup:
    """Sigmoids or tanhs whose weights or biases start so large that they are flat on nearly every row."""
    l = int(rng.integers(len(setup.hidden)))
    layer = setup.hidden[l]
    if rng.random() < 0.5:
        wide = cr.initializer("normal", std=float(10 ** rng.uniform(1, 2)))
        return replace(setup, hidden=_replaced(setup.hidden, l, replace(layer, init=wide)))
    signs = rng.choice([-1.0, 1.0], layer.units)
    return replace(setup, patches={f"b{l + 1}": signs * rng.uniform(12, 40, layer.units)})


def symmetric_start(rng: np.random.Generator, setup: Setup) -> Setup:
    """Every weight of every layer the same number, so that the units of a layer stay alike."""
    same = cr.initializer("constant", value=float(rng.choice([0.0, 0.1, 0.3, 0.5])))
    hidden = tuple(replace(layer, init=same) for layer in setup.hidden)
    return replace(setup, hidden=hidden, output_init=same)


# -------------------------------------------------------------------------------- the data's scale
def unscaled_inputs(rng: np.random.Generator, setup: Setup) -> Setup | None:
    """Raw columns of real data, or columns stretched and shifted; half of the time with a rate that bears them."""
    if setup.validation is not None:
        return None
    if BY_NAME[setup.data].mixed and np.ptp(setup.x_raw.std(axis=0)) > 5:
        x = setup.x_raw
    else:
        stretch = 10 ** rng.uniform(0.5, 3, setup.x.shape[1])
        x = (setup.x + rng.uniform(-1, 3, setup.x.shape[1])) * stretch
    spoilt = replace(setup, x=x)
    if rng.random() < 0.5:
        return spoilt
    for _ in range(7):
        outcome = train(spoilt)
        if not outcome.diverged and outcome.shortfall < 1.2:
            return spoilt
        spoilt = spoilt.with_rate(spoilt.rate / 10)
    return None


def unscaled_targets(rng: np.random.Generator, setup: Setup) -> Setup:
    """Targets in the thousands, say."""
    size, shift = 10 ** rng.uniform(1.7, 4), rng.uniform(0, 5)
    t = (setup.t + shift) * size
    held = None if setup.validation is None else (setup.validation[0], (setup.validation[1] + shift) * size)
    return replace(setup, t=t, validation=held)


# -------------------------------------------------------------------------------- depth
def vanishing_gradient(rng: np.random.Generator, setup: Setup) -> Setup:
    """A deep stack of sigmoids, or of tanhs with tiny weights."""
    if rng.random() < 0.6:
        return replace(setup, hidden=tuple(Hidden(layer.units, "sigmoid") for layer in setup.hidden))
    tiny = cr.initializer("normal", std=float(rng.uniform(0.01, 0.08)))
    hidden = tuple(Hidden(layer.units, "tanh", init=tiny) for layer in setup.hidden)
    return replace(setup, hidden=hidden, output_init=tiny)


def exploding_gradient(rng: np.random.Generator, setup: Setup) -> Setup:
    """A deep stack that does not saturate, whose weights start several times too large."""
    gain = rng.uniform(2.5, 6)
    below = [setup.x.shape[1], *(layer.units for layer in setup.hidden)]
    hidden = tuple(
        replace(layer, init=cr.initializer("normal", std=float(gain * np.sqrt(2 / below[l]))))
        for l, layer in enumerate(setup.hidden)
    )
    return replace(setup, hidden=hidden)


# -------------------------------------------------------------------------------- structure
def output_range(rng: np.random.Generator, setup: Setup) -> Setup:
    """A last activation that cannot give the standardised targets, negative or above 1."""
    return replace(setup, output=str(rng.choice(["relu", "sigmoid", "tanh", "softplus", "exponential"])))


def loss_output_pair(rng: np.random.Generator, setup: Setup) -> Setup:
    """Output and loss that do not belong together."""
    softmax_on_one = ("softmax", "binary_cross_entropy")
    ways = {
        "binary": [
            ("sigmoid", "binary_cross_entropy_from_logits"), softmax_on_one, ("sigmoid", "squared_error"),
            ("sigmoid", "mean_squared_error"), ("identity", "binary_cross_entropy"), ("softmax", "squared_error"),
        ],
        "classes": [
            ("softmax", "categorical_cross_entropy_from_logits"), ("softmax", "squared_error"),
            ("softmax", "mean_squared_error"), ("identity", "categorical_cross_entropy"),
        ],
    }[setup.task]  # fmt: skip
    output, loss = ways[rng.integers(len(ways))]
    return replace(setup, output=output, loss=loss)


def linear_network(_: np.random.Generator, setup: Setup) -> Setup:
    """Layers without an activation between."""
    return replace(setup, hidden=tuple(Hidden(layer.units, "identity") for layer in setup.hidden))


def underfitting(rng: np.random.Generator, setup: Setup) -> Setup:
    """One hidden layer of one or two units, where many more are needed."""
    return replace(setup, hidden=(Hidden(int(rng.integers(1, 3)), setup.hidden[0].activation),))


def constant_output(rng: np.random.Generator, setup: Setup) -> Setup | None:
    """A penalty on the weights so strong that only the last bias is left, below what makes it diverge."""
    way = str(rng.choice(["l2", "l1", "weight_decay"]))
    most = 0.5 / setup.rate if type(setup.optimizer) is cr.SGD else np.inf
    if way == "weight_decay":
        if not hasattr(setup.optimizer, "weight_decay"):
            return None
        return replace(setup, optimizer=replace(setup.optimizer, weight_decay=float(min(rng.uniform(2, 20), most))))
    strength = rng.uniform(2, 20) if way == "l2" else rng.uniform(1, 5)
    return replace(setup, fit={**setup.fit, way: float(min(strength, most))})


# -------------------------------------------------------------------------------- rows
def ordered_data(rng: np.random.Generator, setup: Setup) -> Setup:
    """Small batches of rows sorted by their targets, not shuffled; at a rate that shuffled rows bear well."""
    order = np.argsort(setup.t @ np.arange(1, setup.outputs + 1), kind="stable")
    fit = {**setup.fit, "shuffle": False}
    del rng
    return replace(setup, x=setup.x[order], t=setup.t[order], x_raw=setup.x_raw[order], fit=fit)


def conflicting_rows(rng: np.random.Generator, setup: Setup) -> Setup:
    """A part of the rows stands there again with the targets of other rows."""
    count = int(rng.uniform(0.5, 1.0) * len(setup.x))
    rows = rng.permutation(len(setup.x))[:count]
    t = setup.t[np.roll(rows, 1)]
    if setup.task != "regression":  # another class for certain
        t = 1 - setup.t[rows] if setup.task == "binary" else np.roll(setup.t[rows], int(rng.integers(1, t.shape[1])), 1)
    parts = ((setup.x, setup.x[rows]), (setup.t, t), (setup.x_raw, setup.x_raw[rows]))
    x, t, x_raw = (np.concatenate(pair) for pair in parts)
    order = rng.permutation(len(x))
    return replace(setup, x=x[order], t=t[order], x_raw=x_raw[order])


def bound_of_conflicts(setup: Setup) -> float:
    """The shortfall that no function can beat: what rows with equal inputs differ by."""
    _, group = np.unique(setup.x, axis=0, return_inverse=True)
    counts = np.bincount(group)[:, None]
    means = np.stack([np.bincount(group, column) for column in setup.t.T], axis=1) / counts
    return float(((setup.t - means[group]) ** 2).sum() / ((setup.t - setup.t.mean(axis=0)) ** 2).sum())


# -------------------------------------------------------------------------------- the run
def non_finite(rng: np.random.Generator, setup: Setup) -> Setup:
    """A cell that is broken, or exponentials that overflow in the first pass."""
    way = int(rng.integers(3))
    if way == 0:
        x = setup.x.copy()
        x[rng.integers(len(x)), rng.integers(x.shape[1])] = float(rng.choice([-1, 1])) * 10 ** rng.uniform(160, 300)
        return replace(setup, x=x)
    if way == 1 and setup.task == "regression":
        t = setup.t.copy()
        t[rng.integers(len(t)), 0] = 10 ** rng.uniform(160, 300)
        return replace(setup, t=t)
    l = int(rng.integers(len(setup.hidden)))
    wide = Hidden(
        setup.hidden[l].units, "exponential", init=cr.initializer("normal", std=float(rng.uniform(400, 3000)))
    )
    return replace(setup, hidden=_replaced(setup.hidden, l, wide))


def too_early_stop(rng: np.random.Generator, setup: Setup) -> Setup:
    """A small part of the epochs, or a patience that gives up at the first slow epoch."""
    if rng.random() < 0.7:
        return replace(setup, epochs=max(int(setup.epochs / rng.uniform(15, 80)), 2))
    return replace(
        setup, fit={**setup.fit, "patience": int(rng.integers(1, 4)), "min_delta": float(rng.uniform(0.01, 0.05))}
    )


def overfitting(rng: np.random.Generator, setup: Setup) -> Setup | None:
    """Few rows, many units, many epochs."""
    if setup.validation is None:
        return None
    rows = rng.permutation(len(setup.x))[: int(rng.integers(14, 32))]
    hidden = tuple(Hidden(int(rng.choice([48, 64])), layer.activation) for layer in setup.hidden)
    epochs = max(setup.epochs * 3, 1500 if setup.batch_size is None else 400)
    x, t, x_raw = setup.x[rows], setup.t[rows], setup.x_raw[rows]
    return replace(setup, x=x, t=t, x_raw=x_raw, hidden=hidden, epochs=epochs)


def local_minimum(rng: np.random.Generator, setup: Setup) -> Setup | None:
    """Another start of a small network: at rest, with no way down, while the sound start ends clearly lower."""
    sound = train(setup).shortfall
    for _ in range(6):
        spoilt = replace(setup, net_seed=int(rng.integers(20_000, 1_000_000)))
        outcome = train(spoilt)
        if clearly_better(sound, outcome.shortfall) and at_rest(spoilt, outcome.net):
            return spoilt
    return None


def at_rest(setup: Setup, net: cr.Network) -> bool:
    """Whether the gradient is less than a twentieth of that at the start, and no direction curves down."""
    now = np.concatenate([g.ravel() for g in net.gradients(setup.x, setup.t).values()])
    start = np.concatenate([g.ravel() for g in setup.network().gradients(setup.x, setup.t).values()])
    curves = np.linalg.eigvalsh(net.hessian(setup.x, setup.t))
    return bool(np.linalg.norm(now) < 0.05 * np.linalg.norm(start) and curves[0] > -1e-3 * curves[-1])


def _replaced(hidden: tuple[Hidden, ...], l: int, layer: Hidden) -> tuple[Hidden, ...]:
    return (*hidden[:l], layer, *hidden[l + 1 :])


# -------------------------------------------------------------------------------- the table
_LEARNT = Needs(validation=frozenset({False}))
_REGRESSION = Needs(tasks=frozenset({"regression"}), validation=frozenset({False}))
_TOY = frozenset({"waves", "surface"})

FAULTS = {
    one.code: one
    for one in (
        Fault("learning-rate-too-large", rate_too_large, _LEARNT),
        Fault("learning-rate-too-small", rate_too_small),
        Fault("dead-units", dead_units, Needs(activations=frozenset({"relu"}))),
        Fault("saturated-units", saturated_units, Needs(activations=frozenset({"tanh", "sigmoid"}))),
        Fault("unscaled-inputs", unscaled_inputs, _LEARNT),
        Fault("unscaled-targets", unscaled_targets, _REGRESSION),
        Fault("vanishing-gradient", vanishing_gradient, Needs(
            activations=frozenset({"tanh", "relu", "elu", "leaky_relu", "silu"}), depths=frozenset({5, 6, 7, 8}),
            units=frozenset({8, 12, 16}), validation=frozenset({False}))),
        Fault("exploding-gradient", exploding_gradient, Needs(
            activations=frozenset({"relu", "leaky_relu", "elu"}), depths=frozenset({4, 5, 6, 7}),
            units=frozenset({8, 12, 16}), validation=frozenset({False}))),
        Fault("symmetric-start", symmetric_start, _LEARNT),
        Fault("output-range", output_range, _REGRESSION),
        Fault("loss-output-pair", loss_output_pair, Needs(tasks=LABELS, validation=frozenset({False}))),
        Fault("linear-network", linear_network, Needs(data=NONLINEAR)),
        Fault("constant-output", constant_output),
        Fault("local-minimum", local_minimum, Needs(
            data=_TOY, activations=frozenset({"tanh", "sigmoid"}), depths=frozenset({1}),
            units=frozenset({3, 4}), batches=frozenset({"full"}), validation=frozenset({False}),
            optimizers=frozenset({"adam", "nadam"}), length=4)),
        Fault("overfitting", overfitting, Needs(
            validation=frozenset({True}), depths=frozenset({1, 2}), units=frozenset({24, 32}))),
        Fault("underfitting", underfitting, Needs(
            data=frozenset({"surface", "bowl", "circles", "squares", "spirals", "digits"}),
            validation=frozenset({False}))),
        Fault("ordered-data", ordered_data, Needs(batches=frozenset({"small"}), validation=frozenset({False}))),
        Fault("non-finite", non_finite, _LEARNT),
        Fault("too-early-stop", too_early_stop),
        Fault("duplicate-or-conflicting-rows", conflicting_rows, _LEARNT),
    )
}  # fmt: skip
CODES = tuple(FAULTS)
