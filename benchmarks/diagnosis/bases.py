"""Healthy runs drawn by seed, and what it takes for one to count as healthy."""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np
from datasets import BY_NAME, SETS, DataSet, standardised, within_one
from setups import Hidden, Outcome, Setup, better, train, train_on

import chainrule as cr

ACTIVATIONS = ("tanh", "relu", "sigmoid", "leaky_relu", "elu", "softplus", "gelu", "silu", "softsign")
HEADS = {
    "regression": (
        ("identity", "mean_squared_error"), ("identity", "squared_error"), ("identity", "half_squared_error"),
        ("identity", "huber"),
    ),
    "binary": (("sigmoid", "binary_cross_entropy"), ("identity", "binary_cross_entropy_from_logits")),
    "classes": (("softmax", "categorical_cross_entropy"), ("identity", "categorical_cross_entropy_from_logits")),
}  # fmt: skip
RATES = {  # log10 of the rate, from and to
    "sgd": (-1.6, -0.3),
    "momentum": (-2.5, -1.2),
    "nesterov": (-2.5, -1.2),
    "adam": (-2.5, -1.5),
    "nadam": (-2.5, -1.5),
    "rmsprop": (-2.8, -2.0),
    "adagrad": (-1.6, -0.8),
}
OPTIMIZERS = {
    "sgd": cr.SGD(),
    "momentum": cr.SGD(momentum=0.9),
    "nesterov": cr.SGD(momentum=0.9, nesterov=True),
    "adam": cr.Adam(),
    "nadam": cr.NAdam(),
    "rmsprop": cr.RMSprop(),
    "adagrad": cr.Adagrad(),
}
DESCENT = frozenset({"sgd", "momentum", "nesterov"})


@dataclass(frozen=True)
class Needs:
    """What a fault asks of the run that it is planted in; those of two faults are the intersection.

    Attributes:
        data, tasks, activations, optimizers, heads: those allowed.
        depths: numbers of hidden layers allowed.
        batches: "full", "small", both.
        validation: with, without.
        units: the widths of hidden layers allowed.
        length: how many times the usual number of updates.
    """

    data: frozenset[str] = frozenset(BY_NAME)
    tasks: frozenset[str] = frozenset(HEADS)
    activations: frozenset[str] = frozenset(ACTIVATIONS)
    optimizers: frozenset[str] = frozenset(OPTIMIZERS)
    heads: frozenset[str] = frozenset(output for heads in HEADS.values() for output, _ in heads)
    depths: frozenset[int] = frozenset({1, 2, 3})
    batches: frozenset[str] = frozenset({"full", "small"})
    validation: frozenset[bool] = frozenset({True, False})
    units: frozenset[int] = frozenset({6, 8, 12, 16, 24, 32})
    length: int = 1

    def __and__(self, other: "Needs") -> "Needs":
        sets = [one.name for one in fields(self) if one.name != "length"]
        both = {name: getattr(self, name) & getattr(other, name) for name in sets}
        return Needs(**both, length=max(self.length, other.length))

    @property
    def possible(self) -> bool:
        """Whether anything is left."""
        return all(getattr(self, one.name) for one in fields(self)) and bool(self.sets)

    @property
    def sets(self) -> list[DataSet]:
        """The data sets that fit."""
        return [one for one in SETS if one.name in self.data and one.task in self.tasks]


# -------------------------------------------------------------------------------- drawing
def draw(rng: np.random.Generator, needs: Needs) -> Setup:
    """A run that is likely to be healthy."""
    chosen = needs.sets[rng.integers(len(needs.sets))]
    x_raw, x, t, validation = _rows(rng, chosen, bool(_one_of(rng, needs.validation)))
    heads = [head for head in HEADS[chosen.task] if head[0] in needs.heads]
    output, loss = heads[rng.integers(len(heads))]
    name = str(_one_of(rng, needs.optimizers))
    low, high = RATES[name]
    optimizer = replace(OPTIMIZERS[name], learning_rate=float(10 ** rng.uniform(low, high)))
    batch = None if _one_of(rng, needs.batches) == "full" else int(rng.choice([8, 16, 32]))
    steps = 1 if batch is None else -(-len(x) // batch)
    updates = int(rng.choice([300, 500, 800])) * needs.length
    return Setup(
        data=chosen.name, task=chosen.task, x=x, t=t, x_raw=x_raw, validation=validation, hidden=_hidden(rng, needs),
        output=output, loss=loss, optimizer=optimizer, epochs=max(updates // steps, 20), batch_size=batch,
        net_seed=int(rng.integers(10_000)), seed=int(rng.integers(10_000)), outputs=t.shape[1],
    )  # fmt: skip


def _rows(rng: np.random.Generator, chosen: DataSet, validated: bool) -> tuple:
    """Inputs raw and scaled, targets standardised or one-hot, and perhaps rows to validate on."""
    x_raw, given = chosen.draw(rng)
    order = rng.permutation(len(x_raw))[: int(rng.integers(120, 280))]
    x_raw, given = x_raw[order], given[order]
    x = standardised(x_raw) if rng.random() < 0.75 else within_one(x_raw)
    if chosen.task == "regression":
        t = standardised(given)
    else:
        t = given[:, None].astype(float) if chosen.task == "binary" else np.eye(int(given.max()) + 1)[given]
    if not validated:
        return x_raw, x, t, None
    held = len(x) // 4
    return x_raw[held:], x[held:], t[held:], (x[:held], t[:held])


def _hidden(rng: np.random.Generator, needs: Needs) -> tuple[Hidden, ...]:
    """Hidden layers of one activation; sigmoids only one or two deep, as more of them are a fault."""
    kind, depth = str(_one_of(rng, needs.activations)), int(_one_of(rng, needs.depths))
    depth = min(depth, 2) if kind == "sigmoid" else depth
    units = sorted((int(_one_of(rng, needs.units)) for _ in range(depth)), reverse=True)
    return tuple(Hidden(count, kind) for count in units)


def _one_of(rng: np.random.Generator, allowed: frozenset) -> object:
    """One of a set, the same on every machine."""
    ordered = sorted(allowed)
    return ordered[rng.integers(len(ordered))]


# -------------------------------------------------------------------------------- judging
def sound(setup: Setup) -> tuple[Outcome, str]:
    """The run, and why a fault must not be planted in it: more would be wrong with it than the fault.

    Sound: it gets to what is reachable on its data, its validation loss does not end 1.25 times above its lowest, and
    three times the epochs are not better (by 0.03 of the targets' variance).
    """
    reachable = BY_NAME[setup.data].reachable
    outcome, longer = train_on(setup, 3, reachable)
    if outcome.shortfall > reachable:
        return outcome, "does not get there"
    if outcome.validation_rises > 1.25:
        return outcome, "validation loss rises"
    return outcome, "three times the epochs is better" if better(longer, outcome.shortfall) else ""


def healthy(setup: Setup) -> tuple[Outcome, str]:
    """The run, and the first way in which it is not healthy.

    Healthy: it is sound, and none of these is better: three times the rate, a third of it, another start, inputs that
    are standardised.
    """
    outcome, why = sound(setup)
    for change, other in () if why else _alternatives(setup):
        if better(train(other).shortfall, outcome.shortfall):
            return outcome, f"{change} is better"
    return outcome, why


def _alternatives(setup: Setup) -> Iterator[tuple[str, Setup]]:
    """What might have been better."""
    yield "another start", replace(setup, net_seed=setup.net_seed + 10_000)
    yield "a third of the rate", setup.with_rate(setup.rate / 3)
    yield "three times the rate", setup.with_rate(setup.rate * 3)
    if setup.validation is None:
        yield "standardised inputs", replace(setup, x=standardised(setup.x))
