"""Wrong values of a weight's gradient, each from a typical mistake: the wrong answers of multiple choice.

The codes are those of the catalogue in ``chainrule.marking``, which finds the same mistakes in a learner's own numbers.
"""

from collections.abc import Iterator

import numpy as np

from chainrule.core.activations import IDENTITY, ElementwiseActivation
from chainrule.core.builtin import computes_like
from chainrule.core.losses import MEAN_SQUARED, SQUARED
from chainrule.exercises.exercise import Choice
from chainrule.exercises.setting import Setting, short
from chainrule.explain.row import RowPass

_APART = 0.02
"""Two answers must differ by more than this share, or rounding by hand could not decide between them."""


def wrong_gradients(setting: Setting, row: RowPass, l: int, i: int, j: int) -> Iterator[tuple[str, float, str]]:
    """Code, wrong value and explanation of each mistake for ``dE/dW_l[i, j]`` on one row."""
    a_in, z = float(row.a(l - 1, i).value or 0.0), float(row.z(l, j).value or 0.0)
    delta, da = float(row.delta(l, j).value or 0.0), row.da(l, j)
    g, below = delta * a_in, "x" if l == 1 else f"a{l - 1}"
    yield "sign-flipped", -g, "the sign is wrong, as with t - y instead of y - t"
    if any(computes_like(setting.model.chain.loss, loss) for loss in (SQUARED, MEAN_SQUARED)):
        yield "factor", g / 2, "the 2 of the square's derivative is forgotten"
    else:
        yield "factor", 2 * g, "a factor 2 too many: this loss has none"
    phi = row.activation_of(l, j)
    if isinstance(phi, ElementwiseActivation) and not computes_like(phi, IDENTITY):
        slope_at_a = float(phi.derivative(phi.value(np.array([z])))[0])
        yield "missing-activation-derivative", da * a_in, f"{phi.name}'(z{l}[{j}]) is left out"
        yield "derivative-at-activation", da * slope_at_a * a_in, f"{phi.name}' is taken at a{l}[{j}], not at z{l}[{j}]"
    w = float(setting.model.parameters.of_layer(l)["W"][i, j])
    yield (
        "weight-in-place-of-input",
        delta * w,
        f"delta{l}[{j}] is multiplied by the weight, not by its input {below}[{i}]",
    )
    if l > 1:
        z_in = float(row.z(l - 1, i).value or 0.0)
        yield "net-input-in-place-of-activation", delta * z_in, f"z{l - 1}[{i}] is used instead of a{l - 1}[{i}]"
    if l < row.top and row.done.backs[l].delta.shape == row.done.backs[l - 1].delta.shape:
        loose = float(row.done.backs[l].delta[0].sum()) * (delta / da if da else 0.0) * a_in
        yield "missing-weights", loose, f"the weights W{l + 1} are left out on the way down"


def gradient_choices(
    setting: Setting, row: RowPass, l: int, i: int, j: int, rng: np.random.Generator
) -> tuple[Choice, ...]:
    """The right value and up to three wrong ones, in random order; none if there are fewer than two wrong ones."""
    right = float(row.delta(l, j).value or 0.0) * float(row.a(l - 1, i).value or 0.0)
    wrong = list(wrong_gradients(setting, row, l, i, j))
    kept, values = [Choice(short(right), True)], [right]
    for k in rng.permutation(len(wrong)):
        code, value, why = wrong[k]
        if len(kept) < 4 and all(abs(value - other) > _APART * max(abs(value), abs(other)) for other in values):
            kept.append(Choice(short(value), False, why, code))
            values.append(value)
    return tuple(kept[k] for k in rng.permutation(len(kept))) if len(kept) > 2 else ()
