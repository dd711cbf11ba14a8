"""Questions whose answer is a judgement: which way, which path, which units."""

import numpy as np

from chainrule.core.activations import ElementwiseActivation
from chainrule.exercises.exercise import Choice, Exercise
from chainrule.exercises.setting import Setting, entry, told
from chainrule.explain.render.text import plain
from chainrule.explain.summary import path_product, percent


def sign(setting: Setting, rng: np.random.Generator) -> Exercise | None:
    """Whether a larger parameter means a larger loss."""
    slots = setting.model.chain.slots
    if not slots:
        return None
    slot = slots[int(rng.integers(len(slots)))]
    name, _ = entry(rng, slot.name, slot.shape)
    n = int(rng.integers(setting.rows))
    value = setting.derive(name, n).value
    outcomes = {
        "E rises": (value > 0, f"so it would if dE/d{name} were positive"),
        "E falls": (value < 0, f"so it would if dE/d{name} were negative"),
        "E stays as it is": (value == 0, f"so it would if dE/d{name} were 0"),
    }
    flipped = "E falls" if value > 0 else "E rises" if value < 0 else ""
    choices = tuple(
        Choice(text, right, "" if right else why, "sign-flipped" if text == flipped else "")
        for text, (right, why) in outcomes.items()
    )
    answer = next(choice.text for choice in choices if choice.right)
    question = f"`{name}` is made a little larger. What happens to E {setting.which(n)}?"
    answer = f"{answer}, as `dE/d{name} = {told(value)}`."
    return Exercise("sign", "Which way", question, answer, tuple(setting.tree(name, n)), None, choices)


def path(setting: Setting, rng: np.random.Generator) -> Exercise | None:
    """Which path most of a derivative comes through."""
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
            f"{told(path.value)}, which is {percent(path.share)} of the whole",
        )
        for path in shown
    )
    question = (
        f"Several paths lead from `{name}` to the loss {setting.which(n)}. Which has the largest product, in size?"
    )
    answer = f"The path with the product `{plain(path_product(listed[0]))}`."
    working = tuple(
        f"{plain(path_product(path))} = {plain(path_product(path), digits=4, numeric=True)} = {told(path.value)}"
        for path in listed
    )
    return Exercise("path", "Which path", question, answer, working, None, choices)


def dead_units(setting: Setting, rng: np.random.Generator) -> Exercise | None:
    """Which units of a layer pass nothing back."""
    n = int(rng.integers(setting.rows))
    row = setting.run(n)
    layers = [l for l in setting.dense if _has_kinks(setting, l)]
    if not layers:
        return None
    l = int(rng.choice(layers))
    slopes = np.diag(row.slopes[l - 1])
    dead = [f"unit {j}" for j, slope in enumerate(slopes) if slope == 0]
    question = f"Which units of layer {l} are dead {setting.which(n)}: which pass nothing back, as their slope is 0?"
    answer = f"{', '.join(dead).capitalize()}." if dead else "None: every slope is other than 0."
    values = [told(float(row.z(l, j).value or 0.0)) for j in range(len(slopes))]
    working = tuple(
        f"z{l}[{j}] = {z}, {row.activation_of(l, j).name}'(z{l}[{j}]) = {told(slope)}"
        for j, (z, slope) in enumerate(zip(values, slopes, strict=True))
    )
    return Exercise("dead units", "Dead units", question, answer, working)


def _has_kinks(setting: Setting, l: int) -> bool:
    """Whether a layer's slope can be exactly 0."""
    phi = setting.model.chain.layers[l - 1].activation
    return isinstance(phi, ElementwiseActivation) and bool(phi.kinks)
