"""Remedies that several rules propose: another rate, other activations, new random weights."""

from dataclasses import fields, replace
from typing import Any

import numpy as np

from chainrule.core.activations import activation as find_activation
from chainrule.core.arrays import Array
from chainrule.core.format import number
from chainrule.core.initializers import suited_to
from chainrule.core.layers import Dense
from chainrule.diagnosis.case import Case
from chainrule.diagnosis.rule import Remedy
from chainrule.optimizers import Optimizer
from chainrule.optimizers.schedules import Schedule


def rate(optimizer: Optimizer, now: float, wanted: float) -> Remedy:
    """The same optimizer with another rate; all rates of a schedule are multiplied by ``wanted/now``."""
    wanted = float(f"{wanted:.3g}")
    name = type(optimizer).__name__
    if not isinstance(optimizer.learning_rate, Schedule):
        new = replace(optimizer, learning_rate=wanted)
        text = f"optimizer={name}({number(wanted)}) instead of {name}({number(now)})"
        return Remedy(text, {"optimizer": new}, lambda case: case.with_rate(text, wanted))
    schedule = _scaled(optimizer.schedule, wanted / now)
    text = f"the schedule's rates times {number(wanted / now, 3)}"
    return Remedy(
        text, {"optimizer": replace(optimizer, learning_rate=schedule)}, lambda c: c.with_rate(text, schedule)
    )


def _scaled(schedule: Schedule, factor: float) -> Any:
    """The same schedule, every rate times a factor."""
    known = {field.name: getattr(schedule, field.name) for field in fields(schedule)}
    for key in ("eta", "final", "lowest"):
        if isinstance(known.get(key), int | float):
            known[key] = known[key] * factor
    then = known.get("then")
    if then is not None:
        known["then"] = _scaled(then, factor) if isinstance(then, Schedule) else then * factor
    return type(schedule)(**known)


def settings(text: str, **changed: Any) -> Remedy:
    """Other arguments of ``fit``."""
    return Remedy(text, changed, lambda case: case.with_settings(text, **changed))


def vector(text: str, new: Array) -> Remedy:
    """The same network from other parameters."""
    return Remedy(text, {"net": "other first parameters"}, lambda case: case.with_vector(text, new))


def activations(text: str, changed: dict[int, str], *, keep: bool = True) -> Remedy:
    """Other activations in some layers (numbers from 1); without ``keep`` their weights are drawn to suit them."""

    def change(case: Case) -> Case:
        layers = list(case.chain.layers)
        for l, name in changed.items():
            layers[l - 1] = with_activation(layers[l - 1], name)
        return case.with_layers(text, tuple(layers), keep=keep)

    return Remedy(text, {"net": text}, change)


def trainable(layers: list[int]) -> Remedy:
    """Some layers (numbers from 1) trained too."""
    text = f"layer{'s' * (len(layers) > 1)} {', '.join(map(str, layers))} trainable"

    def change(case: Case) -> Case:
        changed = list(case.chain.layers)
        for l in layers:
            changed[l - 1] = type(changed[l - 1])(**(changed[l - 1].options() | {"trainable": True}))
        return case.with_layers(text, tuple(changed))

    return Remedy(text, {"net": text}, change)


def with_activation(layer: Any, name: str) -> Any:
    """A layer with another activation, its weights drawn to suit it."""
    if isinstance(layer, Dense):
        row = find_activation(name)
        kept = {k: v for k, v in layer.options().items() if k in ("bias", "mask", "trainable")}
        return Dense(layer.units, row, init=suited_to(row), **kept)
    return layer.with_activation(name)


def redrawn(case: Case, layers: list[int]) -> Array:
    """The parameters, those of some layers drawn afresh as suits their activations, biases 0."""
    new = case.model.parameters.with_vector(case.model.parameters.vector.copy())
    rng = np.random.default_rng([case.settings.seed, 1])
    for l in layers:
        layer = case.chain.layers[l - 1]
        if not isinstance(layer, Dense):
            continue
        W = new[f"W{l}"]
        W[...] = layer.wired(suited_to(layer.activation)(rng, W.shape, W.dtype))
        if f"b{l}" in new:
            new[f"b{l}"][...] = 0
    return new.vector
