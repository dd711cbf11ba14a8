"""Questions whose answer is not a number: which direction, which path, which units."""

import numpy as np

from chainrule.core.activations import ElementwiseActivation
from chainrule.exercises.exercise import Choice, Exercise
from chainrule.exercises.setting import Setting, entry, short
from chainrule.explain.render.text import plain
from chainrule.explain.summary import path_product, percent


def sign(setting: Setting, rng: np.random.Generator) -> Exercise | None:
    """Whether the loss rises or falls if a parameter is increased."""
    slots = setting.model.chain.slots
    if not slots:
        return None
    slot = slots[int(rng.integers(len(slots)))]
    name, _ = entry(rng, slot.name, slot.shape)
    n = int(rng.integers(setting.rows))
    value = setting.derive(name, n).value
    outcomes = {
        "E rises": (value > 0, f"that would be so if dE/d{name} were positive"),
        "E falls": (value < 0, f"that would be so if dE/d{name} were negative"),
        "E does not change": (value == 0, f"that would be so if dE/d{name} were 0"),
    }
    flipped = "E falls" if value > 0 else "E rises" if value < 0 else ""
    choices = tuple(
        Choice(text, right, "" if right else why, "sign-flipped" if text == flipped else "")
        for text, (right, why) in outcomes.items()
    )
    answer = next(choice.text for choice in choices if choice.right)
    question = f"`{name}` is increased a little. What happens to E {setting.which(n)}?"
    answer = f"{answer}, because `dE/d{name} = {short(value)}`."
    return Exercise("sign", "Which direction", question, answer, tuple(setting.tree(name, n)), None, choices)


def path(setting: Setting, rng: np.random.Generator) -> Exercise | None:
    """Which path contributes most to a derivative."""
    slots = [slot for slot in setting.model.chain.slots if slot.key == "W"]
    if not slots:
        return None
    slot = slots[int(rng.integers(len(slots)))]
    name, _ = entry(rng, slot.name, slot.shape)
    n = int(rng.integers(setting.rows))
    paths = setting.derive(name, n).paths
    listed = [path for path in paths.listed if path.value][:4]
    if len(listed) < 2 or abs(listed[1].value) > 0.95 * abs(listed[0].value):
        return None
    shown = [listed[k] for k in rng.permutation(len(listed))]
    choices = tuple(
        Choice(
            f"`{plain(path_product(path))}`",
            path is listed[0],
            f"{short(path.value)}, which is {percent(path.share)} of the derivative",
        )
        for path in shown
    )
    question = (
        f"Several paths lead from `{name}` to the loss {setting.which(n)}. Which has the largest product, sign ignored?"
    )
    answer = f"The path with the product `{plain(path_product(listed[0]))}`."
    working = tuple(
        f"{plain(path_product(path))} = {plain(path_product(path), digits=4, numeric=True)} = {short(path.value)}"
        for path in listed
    )
    return Exercise("path", "Which path", question, answer, working, None, choices)


def dead_units(setting: Setting, rng: np.random.Generator) -> Exercise | None:
    """Which units of a layer are dead: their slope is 0, so no gradient passes through them."""
    n = int(rng.integers(setting.rows))
    row = setting.run(n)
    layers = [l for l in setting.dense if _has_kinks(setting, l)]
    if not layers:
        return None
    l = int(rng.choice(layers))
    slopes = np.diag(row.slopes[l - 1])
    dead = [f"unit {j}" for j, slope in enumerate(slopes) if slope == 0]
    question = (
        f"Which units of layer {l} are dead {setting.which(n)}: have slope 0, so that no gradient passes through them?"
    )
    answer = f"{', '.join(dead).capitalize()}." if dead else "None: no slope is 0."
    values = [short(float(row.z(l, j).value or 0.0)) for j in range(len(slopes))]
    working = tuple(
        f"z{l}[{j}] = {z}, {row.activation_of(l, j).name}'(z{l}[{j}]) = {short(slope)}"
        for j, (z, slope) in enumerate(zip(values, slopes, strict=True))
    )
    return Exercise("dead units", "Dead units", question, answer, working)


def _has_kinks(setting: Setting, l: int) -> bool:
    """Whether a layer's slope can be exactly 0."""
    phi = setting.model.chain.layers[l - 1].activation
    return isinstance(phi, ElementwiseActivation) and bool(phi.kinks)
