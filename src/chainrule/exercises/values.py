"""Questions whose answer is a number: of the forward pass, of the backward pass, and after a step."""

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.layers import Dense
from chainrule.core.layers.checks import at
from chainrule.core.losses import ElementwiseLoss
from chainrule.exercises.exercise import Exercise
from chainrule.exercises.mistakes import gradient_choices
from chainrule.exercises.setting import Setting, entry, short
from chainrule.explain.expression import Number, Symbol, from_formula
from chainrule.explain.render.text import plain
from chainrule.explain.step import Step
from chainrule.explain.stepping import explain_step
from chainrule.optimizers import SGD
from chainrule.training import parse_call

RATES = (0.1, 0.5, 0.05, 0.2)
"""The learning rates that questions use."""


def _unit(setting: Setting, rng: np.random.Generator) -> tuple[int, int, int] | None:
    """A random row, fully connected layer and unit of it; None if there is no such layer."""
    if not setting.dense:
        return None
    l = int(rng.choice(setting.dense))
    return int(rng.integers(setting.rows)), l, int(rng.integers(setting.model.chain.units[l]))


def _weight(setting: Setting, rng: np.random.Generator) -> tuple[int, int, int, int] | None:
    """A random row, layer and weight that exists, as (n, l, i, j); None if there is none."""
    chosen = _unit(setting, rng)
    if chosen is None:
        return None
    n, l, _ = chosen
    layer = setting.model.chain.layers[l - 1]
    W = setting.model.parameters.of_layer(l)["W"]
    assert isinstance(layer, Dense)
    wired = np.argwhere(np.ones_like(W) if layer.mask is None else layer.mask)
    if not len(wired):
        return None
    i, j = (int(k) for k in wired[rng.integers(len(wired))])
    return n, l, i, j


# -------------------------------------------------------------------------------- forward pass
def net_input(setting: Setting, rng: np.random.Generator) -> Exercise | None:
    """``z_l[j]``."""
    chosen = _unit(setting, rng)
    if chosen is None:
        return None
    n, l, j = chosen
    row = setting.run(n)
    value = float(row.z(l, j).value or 0.0)
    question = f"What is the net input `z{l}[{j}]` {setting.which(n)}?"
    working = tuple(setting.forward(row, l, j))
    return Exercise("net input", "A net input", question, f"`z{l}[{j}] = {short(value)}`", working, value)


def activation(setting: Setting, rng: np.random.Generator) -> Exercise | None:
    """``a_l[j]``."""
    chosen = _unit(setting, rng)
    if chosen is None:
        return None
    n, l, j = chosen
    row = setting.run(n)
    value = float(row.a(l, j).value or 0.0)
    question = f"What is the activation `a{l}[{j}]` {setting.which(n)}?"
    working = (*setting.forward(row, l, j), setting.activation(row, l, j))
    return Exercise("activation", "An activation", question, f"`a{l}[{j}] = {short(value)}`", working, value)


def loss(setting: Setting, rng: np.random.Generator) -> Exercise:
    """The loss of a row."""
    n = int(rng.integers(setting.rows))
    row, rule = setting.run(n), setting.model.chain.loss
    value = row.done.loss
    outputs = range(setting.model.chain.outputs)
    working = [
        f"{plain(row.y(k))} = {short(float(row.y(k).value or 0.0))}, t[{k}] = {short(row.t[0, k])}" for k in outputs
    ]
    if isinstance(rule, ElementwiseLoss):
        constants = {name: Symbol(name, None, (), float(c)) for name, c in rule.parameters.items()}
        for k in outputs:
            term = from_formula(rule.formula, {"y": row.y(k), "t": row.target(k), **constants})
            e = float(rule.term(row.done.records[-1]["a"], row.t, **rule.parameters)[0, k])
            working.append(f"e[{k}] = {plain(term)} = {plain(term, digits=4, numeric=True)} = {short(e)}")
        if len(outputs) > 1:
            working.append(f"E = {rule.reduction} over the outputs = {short(value)}")
    question = f"What is the loss E {setting.which(n)} ({rule.name})?"
    return Exercise("loss", "The loss", question, f"`E = {short(value)}`", tuple(working), value)


# -------------------------------------------------------------------------------- backward pass
def delta(setting: Setting, rng: np.random.Generator) -> Exercise | None:
    """``delta_l[j]``."""
    chosen = _unit(setting, rng)
    if chosen is None:
        return None
    n, l, j = chosen
    name = f"delta{l}[{j}]"
    value = setting.derive(name, n).value
    question = f"What is `{name}`, that is `dE/dz{l}[{j}]`, {setting.which(n)} (E being that row's loss)?"
    return Exercise("delta", "A delta", question, f"`{name} = {short(value)}`", tuple(setting.tree(name, n)), value)


def gradient(setting: Setting, rng: np.random.Generator) -> Exercise | None:
    """``dE/dW_l[i, j]``, to be chosen from answers that typical mistakes lead to."""
    chosen = _weight(setting, rng)
    if chosen is None:
        return None
    n, l, i, j = chosen
    choices = gradient_choices(setting, setting.run(n), l, i, j, rng)
    if not choices:
        return None
    name = f"W{l}[{i}, {j}]"
    value = setting.derive(name, n).value
    question = f"Which of these is `dE/d{name}` {setting.which(n)} (E being that row's loss)?"
    answer = f"`dE/d{name} = {short(value)}`"
    return Exercise("gradient", "A gradient", question, answer, tuple(setting.tree(name, n)), value, choices)


def batch_gradient(setting: Setting, rng: np.random.Generator) -> Exercise | None:
    """``dE/dp`` where E is the mean over all rows."""
    slots = setting.model.chain.slots
    if setting.rows < 2 or not slots:
        return None
    slot = slots[int(rng.integers(len(slots)))]
    name, _ = entry(rng, slot.name, slot.shape)
    parts = [setting.derive(name, n).value for n in range(setting.rows)]
    value = float(np.mean(parts))
    added = " + ".join(short(part) if part >= 0 else f"({short(part)})" for part in parts)
    working = [f"row {n}: dE/d{name} = {short(part)}" for n, part in enumerate(parts)]
    working.append(f"dE/d{name} = ({added})/{setting.rows} = {short(value)}")
    question = f"E is now the mean over all rows. What is `dE/d{name}`?"
    answer = f"`dE/d{name} = {short(value)}`: each row contributes its gradient, divided by the number of rows."
    return Exercise("batch gradient", "A gradient over all rows", question, answer, tuple(working), value)


# -------------------------------------------------------------------------------- after a step
def update(setting: Setting, rng: np.random.Generator) -> Exercise | None:
    """A parameter after one step of gradient descent."""
    slots = setting.model.chain.slots
    if not slots:
        return None
    slot = slots[int(rng.integers(len(slots)))]
    name, index = entry(rng, slot.name, slot.shape)
    n, eta = int(rng.integers(setting.rows)), float(rng.choice(RATES))
    before = float(setting.model.parameters[slot.name][index])
    g = setting.derive(name, n).value
    value = before - eta * g
    where = setting.which(n)
    question = f"One step of gradient descent with learning rate {eta:g} is made {where}. What is `{name}` after it?"
    product = f"{eta:g} * {plain(Number(g), digits=4)}"
    step = f"{name} <- {name} - eta dE/d{name} = {short(before)} - {product} = {short(value)}"
    working = (*setting.tree(name, n), step)
    return Exercise("update", "An update", question, f"`{name} = {short(value)}`", working, value)


def loss_fall(setting: Setting, rng: np.random.Generator) -> Exercise | None:
    """By how much a step decreases the loss, to first order."""
    n, eta = int(rng.integers(setting.rows)), float(rng.choice(RATES)) / 10
    if not setting.model.chain.slots or _drops(setting):
        return None
    data = setting.only(n)
    step = explain_step(parse_call(setting.model, *data[:2], weights=data.weights, optimizer=SGD(eta), seed=0))
    assert isinstance(step, Step)
    change = step.change
    squares = float((_gradient(setting, n) ** 2).sum())
    value = eta * squares
    if value == 0:
        return None
    question = (
        f"About how much does E {setting.which(n)} fall in one step of gradient descent with learning rate {eta:g}, "
        "judging by the gradient alone?"
    )
    names = [at(slot.name, index) for slot in setting.model.chain.slots for index in np.ndindex(slot.shape)]
    listed = [f"dE/d{name} = {short(g)}" for name, g in zip(names, _gradient(setting, n), strict=True)]
    working = (
        *listed,
        f"the sum of their squares = {short(squares)}",
        f"fall = eta * sum of squares = {eta:g} * {short(squares)} = {short(value)}",
        f"exactly: E goes from {short(change.before)} to {short(change.after)}, by {short(change.real)};",
        f"to second order, the prediction is {short(change.second_order)}",
    )
    return Exercise("loss fall", "How far the loss falls", question, f"By about `{short(value)}`.", working, value)


def _gradient(setting: Setting, n: int) -> np.ndarray:
    """The gradient of the row's loss by all parameters, 0 for those that training does not change."""
    return setting.run(n).done.gradient * maths.free_entries(setting.model.chain)


def _drops(setting: Setting) -> bool:
    """Whether training computes differently from prediction, so that a step does not have these numbers."""
    return any(layer.changes_in_training for layer in setting.model.chain.layers)
