"""``check_loss``: tests every claim that a row of the table of losses makes."""

from collections.abc import Callable

import numpy as np

from chainrule.core.activations import activation
from chainrule.core.arrays import Array
from chainrule.core.format import number, numbers
from chainrule.core.losses import ElementwiseLoss, Loss, RowLoss
from chainrule.errors import InputError
from chainrule.verify.elementwise_losses import elementwise_tests
from chainrule.verify.loss_points import middle_outputs, middle_targets, target_ends
from chainrule.verify.precision import best_difference
from chainrule.verify.proof import Finding, Proof, Test, first_failure, prove, same, worst
from chainrule.verify.row_losses import row_tests

_ROWS, _OUTPUTS = 20, 3


def check_loss(row: Loss, *, two_step: Loss | None = None) -> Proof:
    """Prove a row of the table of losses, or one of your own.

    Outputs are taken where the formula is real: anywhere, above 0, or between 0 and 1.

    Of every loss:
        difference, second_difference: derivatives by the outputs equal centred differences of value and derivative.
        rows_independent: a row's loss does not depend on the other rows.
        missing_targets: a NaN takes its output (of a ``RowLoss``: its row) out, as if it were not there.
        target_range: targets outside are refused, those at its ends accepted; so are rows that miss all their targets
            and, except for a ``RowLoss``, rows that miss some.
        link, link_derivative: of a fused loss, ``row(z, t) = two_step(link(z), t)``, and so do derivatives.

    Of an ``ElementwiseLoss`` also:
        derivative_formula, second_derivative_formula: are what SymPy derives from ``formula`` by y, to 25 digits.
        value, derivative, second_derivative: equal the formulas up to 1e4 and down to the smallest outputs (relative
            error 1e-12, plus what rounding y and t does), and with ``_float32`` in that dtype (1e-5).
        finite: no overflow or warning there, nor at outputs of exactly 0 and 1.
        pure: shape and dtype are kept, arguments are left alone.
        reduction: the terms of a row are added up, or averaged.
        kinks: at each declared kink the derivative jumps, and its value there lies between both sides.
        no_other_kinks, no_other_curvature_jumps: the first and second derivative jump nowhere else.

    Of a ``RowLoss`` also:
        value, derivative, second_derivative: equal what SymPy derives from ``formula`` for rows of three outputs;
        finite, pure: as above.

    Args:
        row: the loss.
        two_step: for a fused loss, the one that acts on its link's activations; its ``unfused`` unless given.

    Example:
        >>> from chainrule.core.losses import loss
        >>> check_loss(loss("huber", delta=0.5)).passed
        True
    """
    return prove(f"loss {row.name}", loss_tests(row, two_step))


def loss_tests(row: Loss, two_step: Loss | None = None) -> dict[str, Test]:
    """The tests of ``check_loss`` by the names of their claims, none of them run yet."""
    tests: dict[str, Test] = {}
    if isinstance(row, ElementwiseLoss):
        tests |= elementwise_tests(row)
    if isinstance(row, RowLoss):
        tests |= row_tests(row)
    pair = two_step or row.unfused
    if row.is_fused and pair is not None:
        tests |= {"link": lambda: _link(row, pair), "link_derivative": lambda: _link_derivative(row, pair)}
    return tests | _common_tests(row)


def _common_tests(row: Loss) -> dict[str, Test]:
    return {
        "difference": lambda: _first_difference(row, *_points(row)),
        "second_difference": lambda: _second_difference(row, *_points(row)),
        "rows_independent": lambda: _rows_independent(row, *_points(row)),
        "missing_targets": lambda: _missing_targets(row, *_points(row)),
        "target_range": lambda: _target_range(row),
    }


def _points(row: Loss) -> tuple[Array, Array, Array]:
    """Outputs, targets, and a direction along which a step leaves every output where the loss is defined."""
    y, t = middle_outputs(row, (_ROWS, _OUTPUTS)), middle_targets(row, (_ROWS, _OUTPUTS))
    return y, t, 1e-2 * np.abs(y) * np.random.default_rng(2).normal(size=y.shape)


def _place(n: int, k: int = -1) -> str:
    return f"row {n}" if k < 0 else f"row {n}, output {k}"


def _first_difference(row: Loss, y: Array, t: Array, v: Array) -> Finding:
    return _difference(lambda s: row.value(y + s * v, t), (row.derivative(y, t) * v).sum(axis=1))


def _second_difference(row: Loss, y: Array, t: Array, v: Array) -> Finding:
    return _difference(lambda s: row.derivative(y + s * v, t), row.second_derivative_product(y, t, v))


def _difference(function: Callable[[float], Array], found: Array) -> Finding:
    wanted = best_difference(function)
    return worst(found, wanted, 1e-7 * np.abs(wanted).max() + 1e-10, _place)


def _rows_independent(row: Loss, y: Array, t: Array, v: Array) -> Finding:
    del v
    alone = np.concatenate([row.value(y[n : n + 1], t[n : n + 1]) for n in range(len(y))])
    return worst(row.value(y, t), alone, 4 * np.finfo(float).eps * (1 + np.abs(alone)), _place)


def _missing_targets(row: Loss, y: Array, t: Array, v: Array) -> Finding:
    """Rows with missing targets against the same rows without those outputs."""
    cases = {"a whole row": [True] * _OUTPUTS}
    if isinstance(row, ElementwiseLoss):
        cases |= {"the first output": [True, False, False], "two outputs": [True, False, True]}
    findings = {f"{name} missing": _without(row, y, t, v, np.array(gone)) for name, gone in cases.items()}
    return first_failure(findings, "left out")


def _without(row: Loss, y: Array, t: Array, v: Array, gone: Array) -> Finding:
    """The last row keeps all its targets: it must not be touched by the others' missing ones."""
    holes = np.where(gone, np.nan, t)
    holes[-1] = t[-1]
    with np.errstate(all="raise", under="ignore"):
        value, derivative = row.value(y, holes), row.derivative(y, holes)
        product = row.second_derivative_product(y, holes, v)
    wanted_value, wanted_derivative, wanted_product = np.zeros(len(y)), np.zeros_like(y), np.zeros_like(y)
    for rows, kept in ((slice(None, -1), ~gone), (slice(-1, None), np.full(len(gone), True))):
        if kept.any():
            part = y[rows][:, kept], t[rows][:, kept]
            wanted_value[rows] = row.value(*part)
            wanted_derivative[rows, kept] = row.derivative(*part)
            wanted_product[rows, kept] = row.second_derivative_product(*part, v[rows][:, kept])
    return first_failure(
        {
            "value": worst(value, wanted_value, 1e-12 * (1 + np.abs(wanted_value)), _place),
            "derivative": worst(derivative, wanted_derivative, 1e-12 * (1 + np.abs(wanted_derivative)), _place),
            "second derivative": worst(product, wanted_product, 1e-12 * (1 + np.abs(wanted_product)), _place),
        },
        "left out",
    )


def _target_range(row: Loss) -> Finding:
    low, high = row.target_range
    some = middle_targets(row, (1, 1))[0, 0]
    tried = [([low - 1], False), *(([end], True) for end in target_ends(row)), ([high + 1], False)]
    tried += [([some, np.nan], not isinstance(row, RowLoss)), ([np.nan, np.nan], True)]
    findings = {
        f"t = {numbers(np.array(targets))}": same("", _accepts(row, targets), "accepted" if good else "refused")
        for targets, good in tried
        if not np.isinf(targets).any()
    }
    return first_failure(findings, f"from {number(low)} to {number(high)}")


def _accepts(row: Loss, targets: list[float]) -> str:
    try:
        row.check_targets(np.array([targets]))
    except InputError:
        return "refused"
    return "accepted"


# -------------------------------------------------------------------------------- fused losses
def _logits(row: Loss) -> tuple[Array, Array]:
    """Net inputs at which the two-step form still has its digits, and targets."""
    shape = (_ROWS, _OUTPUTS)
    return np.random.default_rng(3).uniform(-6, 6, size=shape), middle_targets(row, shape)


def _link(row: Loss, pair: Loss) -> Finding:
    z, t = _logits(row)
    wanted = pair.value(activation(row.link).value(z), t)
    return worst(row.value(z, t), wanted, 1e-10 * (1 + np.abs(wanted)), _place)


def _link_derivative(row: Loss, pair: Loss) -> Finding:
    """First and second derivative by z: the chain rule through the link gives the fused ones."""
    z, t = _logits(row)
    link = activation(row.link)
    v = np.random.default_rng(4).normal(size=z.shape)
    a = link.value(z)
    da = pair.derivative(a, t)
    da_dot = pair.second_derivative_product(a, t, link.push_forward(z, a, v))
    first, second = link.pull_back(z, a, da), link.pull_back_dot(z, a, da, v, da_dot)
    found, product = row.derivative(z, t), row.second_derivative_product(z, t, v)
    return first_failure(
        {
            "first": worst(found, first, 1e-9 * (1 + np.abs(first).max()), _place),
            "second": worst(product, second, 1e-9 * (1 + np.abs(second).max()), _place),
        },
        f"equal those of {pair.name} after {row.link}",
    )
