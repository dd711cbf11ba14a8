"""What else is true of a run with a planted fault, and which faults are planted together. Decided before any tuning.

A diagnosis that names a code of this table beside the planted one is not wrong, but gets nothing for it either: recall
and "first" count the planted codes alone. ``always`` holds by construction; any other word is a fact measured on the
run, independently of the code that is judged:

| fact | holds if |
|---|---|
| diverged | the run left the finite numbers |
| dead | half of the units of some ReLU layer are 0 on every row, before or after training |
| saturated | half of the phi'(z) of a sigmoid or tanh layer are below phi'(0)/20, before or after training |
| constant | no output varies over the rows by more than 5 % of its targets' standard deviation, after training |
| vanished | the first layer's gradient is below a thousandth of the last's, before or after training |
| falling | three times the epochs are clearly better (by the criterion of the faults) |
| one softmax | the last layer is a softmax of one unit |
"""

from setups import Setup, clearly_better, train

ALSO_TRUE: dict[str, dict[str, str]] = {
    "learning-rate-too-large": {
        "non-finite": "diverged", "dead-units": "dead", "saturated-units": "saturated", "constant-output": "constant",
    },
    "learning-rate-too-small": {"too-early-stop": "always", "constant-output": "constant"},
    "dead-units": {"constant-output": "constant", "vanishing-gradient": "vanished"},
    "saturated-units": {
        "constant-output": "constant", "vanishing-gradient": "vanished", "too-early-stop": "falling",
    },
    "unscaled-inputs": {
        "learning-rate-too-large": "always", "non-finite": "diverged", "dead-units": "dead",
        "saturated-units": "saturated", "constant-output": "constant", "too-early-stop": "falling",
    },
    "unscaled-targets": {
        "learning-rate-too-large": "always", "learning-rate-too-small": "falling", "too-early-stop": "falling",
        "non-finite": "diverged", "dead-units": "dead", "saturated-units": "saturated", "constant-output": "constant",
    },
    "vanishing-gradient": {
        "constant-output": "constant", "too-early-stop": "falling", "saturated-units": "saturated",
    },
    "exploding-gradient": {
        "learning-rate-too-large": "always", "non-finite": "diverged", "dead-units": "dead",
        "constant-output": "constant",
    },
    "symmetric-start": {
        "constant-output": "constant", "dead-units": "dead", "vanishing-gradient": "vanished",
    },
    "output-range": {"constant-output": "constant", "dead-units": "dead", "saturated-units": "saturated"},
    "loss-output-pair": {
        "constant-output": "constant", "output-range": "one softmax", "non-finite": "diverged",
        "too-early-stop": "falling",
    },
    "linear-network": {"underfitting": "always"},
    "constant-output": {"underfitting": "always", "dead-units": "dead", "vanishing-gradient": "vanished"},
    "local-minimum": {"saturated-units": "saturated"},
    "overfitting": {},
    "underfitting": {"constant-output": "constant", "dead-units": "dead", "saturated-units": "saturated"},
    "ordered-data": {},
    "non-finite": {"unscaled-inputs": "always", "unscaled-targets": "always", "exploding-gradient": "always"},
    "too-early-stop": {},
    "duplicate-or-conflicting-rows": {},
}  # fmt: skip
"""By planted code, the other codes that are true of the run, each with the fact on which it depends."""

PAIRS = (
    ("learning-rate-too-large", "linear-network"),
    ("learning-rate-too-large", "output-range"),
    ("learning-rate-too-large", "duplicate-or-conflicting-rows"),
    ("learning-rate-too-small", "linear-network"),
    ("learning-rate-too-small", "output-range"),
    ("learning-rate-too-small", "duplicate-or-conflicting-rows"),
    ("unscaled-inputs", "linear-network"),
    ("unscaled-inputs", "output-range"),
    ("unscaled-inputs", "duplicate-or-conflicting-rows"),
    ("unscaled-inputs", "symmetric-start"),
    ("unscaled-inputs", "loss-output-pair"),
    ("unscaled-targets", "linear-network"),
    ("unscaled-targets", "symmetric-start"),
    ("unscaled-targets", "duplicate-or-conflicting-rows"),
    ("too-early-stop", "output-range"),
    ("too-early-stop", "linear-network"),
    ("too-early-stop", "duplicate-or-conflicting-rows"),
    ("symmetric-start", "output-range"),
    ("symmetric-start", "duplicate-or-conflicting-rows"),
    ("saturated-units", "duplicate-or-conflicting-rows"),
    ("dead-units", "duplicate-or-conflicting-rows"),
    ("linear-network", "output-range"),
    ("linear-network", "duplicate-or-conflicting-rows"),
    ("ordered-data", "linear-network"),
    ("ordered-data", "output-range"),
)
"""Faults planted together, in this order; neither brings the other with it, and each hurts by itself."""


def also_true(planted: tuple[str, ...], facts: list[str]) -> frozenset[str]:
    """The codes that hold beside the planted ones."""
    held = {"always", *facts}
    found = {code for one in planted for code, fact in ALSO_TRUE[one].items() if fact in held}
    return frozenset(found - set(planted))


def is_falling(setup: Setup, shortfall: float) -> bool:
    """The fact of that name: it takes a run of three times the length."""
    from dataclasses import replace

    return clearly_better(train(replace(setup, epochs=3 * setup.epochs)).shortfall, shortfall)
