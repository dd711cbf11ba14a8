"""``check_backprop`` and ``check_step``: the doors at which a learner's gradients or updated parameters come in."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.inputs import as_inputs, as_targets
from chainrule.core.layers.checks import check_number
from chainrule.core.lookup import plain_number
from chainrule.core.model import Model
from chainrule.errors import ChainruleError, InputError
from chainrule.marking.counterexample import drawn
from chainrule.marking.evidence import Case, Evidence, is_single_precision, loss_constant, read
from chainrule.marking.forward_context import Situation, situation
from chainrule.marking.marker import mark
from chainrule.marking.mistake import Mistake
from chainrule.marking.mistakes import CATALOGUE
from chainrule.marking.mistakes.rows import FIRST_ROW, LAST_ROW
from chainrule.marking.result import Marking
from chainrule.marking.sequence import mark_sequence
from chainrule.marking.tolerance import response

Layout = Literal["in, out", "out, in"]
_DRAWS = 3
"""How many other inputs a learner's function is tried on."""


def check_backprop(
    net: Any,
    x: Any,
    t: Any,
    *,
    gradients: Mapping[str, Any] | Callable[..., Mapping[str, Any]],
    loss: float | None = None,
    learning_rate: float | None = None,
    digits: int | None = None,
    layout: Layout = "in, out",
    mistakes: Sequence[Mistake] = (),
) -> Marking:
    """Mark gradients that somebody computed by hand, and name the mistake if there is one.

    They are compared with the right ones and with those of every wrong backward pass of the catalogue, alone, in
    pairs, and three together.

    Args:
        net: a network of the same architecture, with the same parameters and the loss that is meant.
        x: inputs (N, inputs).
        t: targets (N, outputs).
        gradients: arrays by parameter name, ``{"W1": ..., "b1": ...}``, or some of them, of which alone the marking
            then speaks; or a function ``gradients(parameters, x, t)`` that gives them all: it is then tried on other
            parameters and rows too, and is right in part if it gives nothing for some.
        loss: what the learner's code gives as the loss of ``x`` and ``t``. Without it, gradients that are off by a
            constant that losses differ by (2, N, outputs) are a convention; with it, they are a mistake.
        learning_rate: of the learner's update; needed to recognise weights that are updated before they are used.
        digits: decimals to which parameters and gradients were printed, if they come from print.
        layout: ``"out, in"`` if the learner's weights are (units, inputs).
        mistakes: of one's own, looked for besides those of the catalogue; see ``chainrule.extend.Mistake``.

    Returns:
        A ``Marking``: truthy if there is no mistake.

    Raises:
        InputError: an argument cannot be used; or the losses show that the forward passes differ.

    Example:
        >>> import chainrule as cr
        >>> net = cr.Network(2, [cr.Dense(2, "sigmoid"), cr.Dense(1, "sigmoid")], loss="squared_error", seed=0)
        >>> x, t = [[0.0, 1.0], [1.0, 1.0]], [[0.0], [1.0]]
        >>> mine = net.gradients(x, t)
        >>> check_backprop(net, x, t, gradients=mine).verdict
        'right'
        >>> mine["b1"] = 0 * mine["b1"]
        >>> print(check_backprop(net, x, t, gradients=mine).mistakes[0])
        bias-not-updated at layer 1
    """
    s, digits = _situation(net, x, t, learning_rate), plain_number(digits)
    catalogue = (*CATALOGUE, *mistakes)
    noise = _printed(digits, 1.0)
    constant = None if loss is None else loss_constant(s, loss)
    if callable(gradients):
        tried = inputs_to_try(s)
        answers = [_called(one, gradients, layout) for one in tried]
        return mark_calls(tried, answers, catalogue, layout=layout, loss=constant)
    given = read(s, gradients, layout=layout)
    case = Case(s, given, response(s, digits, noise=noise))
    return mark(Evidence((case,), catalogue, is_single_precision(gradients), constant))


def check_step(
    net: Any,
    x: Any,
    t: Any,
    *,
    after: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    learning_rate: float,
    rows: Literal["together", "one by one"] = "together",
    loss: float | None = None,
    digits: int | None = None,
    layout: Layout = "in, out",
    mistakes: Sequence[Mistake] = (),
) -> Marking:
    """Mark an update: the parameters that somebody's code made of ``net.parameters`` in one step.

    Plain gradient descent changes a parameter by ``-eta dE/dp``, so the learner's gradient is
    ``(before - after)/eta``; that subtraction loses digits, which the comparison allows for.

    Args:
        net: a network of the same architecture, with the parameters as they were before.
        x: inputs (N, inputs).
        t: targets (N, outputs).
        after: arrays by parameter name, or some of them, after the update. With ``rows="one by one"`` either those
            after all rows, or a list of them, one after each row (which tells more).
        learning_rate: eta.
        rows: ``"together"`` for one update from all rows; ``"one by one"`` for one after each row, in their order.
        loss: see ``check_backprop``.
        digits: decimals to which the parameters before the update are known, if they come from print.
        layout: see ``check_backprop``.
        mistakes: see ``check_backprop``.

    Returns:
        A ``Marking``.

    Raises:
        InputError: an argument cannot be used.

    Example:
        >>> import chainrule as cr
        >>> net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
        >>> net.set_parameters({"W1": [[1.0]], "b1": [0.0]})
        >>> check_step(net, [[3.0]], [[1.0]], after={"W1": [[2.2]], "b1": [0.4]}, learning_rate=0.1).codes
        ('sign-flipped',)
    """
    eta = check_number("learning_rate", learning_rate, 0.0, np.inf, low_open=True)
    s, digits = _situation(net, x, t, eta), plain_number(digits)
    catalogue = (*CATALOGUE, *mistakes)
    constant = None if loss is None else loss_constant(s, loss)
    if rows not in ("together", "one by one"):
        raise InputError(f"rows must be 'together' or 'one by one', got {rows!r}.")
    if rows == "together":
        if not isinstance(after, Mapping):
            raise InputError("after must be a dict of arrays; a list of them goes with rows='one by one'.")
        case = _step(s, dict(s.parameters), read(s, after, layout=layout, what="after"), eta, digits)
        return mark(Evidence((case,), catalogue, is_single_precision(after), constant, _still(case)))
    if isinstance(after, Mapping):
        given = read(s, after, layout=layout, what="after")
        return mark_sequence(s, given, catalogue, digits, single=is_single_precision(after))
    cases = _steps(s, after, eta, digits, layout)
    return mark(Evidence(cases, catalogue, all(map(is_single_precision, after)), constant))


def _situation(net: Any, x: Any, t: Any, learning_rate: float | None) -> Situation:
    """The forward pass of what the user holds."""
    model = getattr(net, "model", net)
    if not isinstance(model, Model):
        raise InputError(f"net must be a chainrule.Network, got {type(net).__name__}.")
    if learning_rate is not None:
        learning_rate = check_number("learning_rate", learning_rate, 0.0, np.inf, low_open=True)
    inputs = as_inputs(model.chain, x)
    return situation(model, inputs, as_targets(model.chain, t, len(inputs)), learning_rate)


def _printed(digits: int | None, by: float) -> float:
    """Half a unit of the last printed decimal, divided by what the numbers are divided by."""
    if digits is None:
        return 0.0
    if isinstance(digits, bool) or not isinstance(digits, int) or not 0 <= digits <= 17:
        raise InputError(f"digits must be a whole number of decimals from 0 to 17, got {digits!r}.")
    return 0.5 * 10.0**-digits / by


# -------------------------------------------------------------------------------- updates
def _step(
    s: Situation, before: Mapping[str, Array], after: Mapping[str, Array], eta: float, digits: int | None
) -> Case:
    """The gradients behind an update, and how uncertain the subtraction leaves them."""
    given: dict[str, Array] = {}
    subtracted: dict[str, Array | float] = {}
    for name, value in after.items():
        old = before[name] if value.shape == before[name].shape else _matching(before[name], value)
        given[name] = (old - value) / eta
        subtracted[name] = (np.abs(old) + np.abs(value)) / eta
    return Case(s, given, response(s, digits, noise=_printed(digits, eta), subtracted=subtracted))


def _matching(old: Array, new: Array) -> Array:
    """The old values in the shape of the new: transposed, or the one bias that all units share.

    Raises:
        InputError: one number was given for biases that were not all equal before the update.
    """
    if new.ndim == 0:
        if np.ptp(old) > 0:
            raise InputError(
                "after holds one bias for units whose biases differ before the update: give the units of your network "
                "the same bias, or declare the layer with bias='shared'."
            )
        return old.ravel()[0]
    return old.T


def _still(case: Case) -> tuple[str, ...]:
    if any(value.any() for value in case.given.values()):
        return ()
    return ("The parameters after the update are those before it: was the update made, and on a copy?",)


def _steps(s: Situation, after: Sequence[Any], eta: float, digits: int | None, layout: Layout) -> tuple[Case, ...]:
    """One case for each row: its gradients at the parameters that the learner's earlier updates left."""
    if len(after) != s.rows:
        raise InputError(f"after must hold the parameters after each of the {s.rows} rows, got {len(after)}.")
    cases = []
    parameters = s.parameters.with_vector(s.parameters.vector.copy())
    for n, made in enumerate(after):
        here = s.elsewhere(parameters.vector.copy(), s.x[n : n + 1], s.t[n : n + 1])
        given = read(here, made, layout=layout, what=f"after[{n}]")
        if n and set(given) != set(cases[0].given):
            raise InputError(f"after[{n}] must name the same parameters as after[0].")
        cases.append(_step(here, dict(here.parameters), given, eta, digits))
        for name, value in given.items():
            parameters[name][...] = value if value.shape == parameters[name].shape or not value.ndim else value.T
    return tuple(cases)


# -------------------------------------------------------------------------------- functions
def inputs_to_try(s: Situation) -> list[Situation]:
    """The given input first, then drawn parameters and rows, more rows in every second."""
    more = 2 if s.rows == 1 else 1
    rows = [s.rows + more * (draw % 2) for draw in range(_DRAWS)]
    draws = [drawn(s, np.random.default_rng(draw), n, parameters=True) for draw, n in enumerate(rows)]
    return [s, *draws]


def mark_calls(
    tried: Sequence[Situation],
    answers: Sequence[Any],
    catalogue: Sequence[Mistake],
    *,
    layout: Layout = "in, out",
    loss: str | None = None,
    updated: bool = False,
) -> Marking:
    """Mark what a function gave for each of the inputs; what it could not do on drawn ones is told, not raised.

    Args:
        tried: the inputs.
        answers: for each, a dict of arrays, or the exception that was raised.
        catalogue: the mistakes to look for.
        layout: see ``check_backprop``.
        loss: by which constant the learner's loss is ours, if known.
        updated: whether the arrays are updated parameters and not gradients.

    Raises:
        InputError: nothing usable came for the first input.
    """
    cases: list[Case] = []
    singles: list[bool] = []
    failures: list[str] = []
    notes: list[str] = []
    for s, answer in zip(tried, answers, strict=True):
        try:
            case = _case_of(s, answer, layout, updated=updated)
            _check_names(case, cases[:1])
        except InputError as error:
            if not cases:
                raise
            one_row = s.rows > 1 == tried[0].rows
            (notes if one_row else failures).append(
                f"On drawn parameters and {s.rows} row{'' if s.rows == 1 else 's'}: {error}"
                + (" It was marked for one row, like the given input." if one_row else "")
            )
        else:
            cases.append(case)
            singles.append(is_single_precision(answer))
    evidence = Evidence(
        tuple(cases), catalogue, all(singles), loss, (*failures, *notes), tuple(failures), asked_for_all=True
    )
    marking = mark(evidence)
    return marking if tried[0].rows > 1 else _of_one_row(evidence, marking)


def _of_one_row(evidence: Evidence, marking: Marking) -> Marking:
    """A function that was given one row may be written for one: that it reads no other row is then told, not marked.

    What several rows do not explain, one row may; but what is right for one row only is not right.
    """
    reads_one = bool(set(marking.codes) & {FIRST_ROW.code, LAST_ROW.code})
    if not reads_one and marking.verdict != "unknown":
        return marking
    told = "Of several rows your function reads one only." if reads_one else "Several rows do not fit what was found."
    told += " It was marked for one row, like the given input."
    cases = tuple(case for case in evidence.cases if case.s.rows == 1)
    again = mark(replace(evidence, cases=cases, notes=(*evidence.notes, told)))
    return again if reads_one or again.mistakes else marking


def _check_names(case: Case, first: Sequence[Case]) -> None:
    """Every call must give the same parameters."""
    for before in first:
        if set(case.given) != set(before.given):
            raise InputError(f"your function gave {', '.join(case.given)}, at first {', '.join(before.given)}.")


def _case_of(s: Situation, answer: Any, layout: Layout, *, updated: bool) -> Case:
    if isinstance(answer, BaseException):
        name = type(answer).__name__
        told = answer if isinstance(answer, ChainruleError) else f"{name}: {answer}" if str(answer) else name
        raise InputError(f"your function raised {told}") from answer
    given = read(s, answer, layout=layout, what="what your function returned")
    if updated:
        assert s.learning_rate is not None
        return _step(s, dict(s.parameters), given, s.learning_rate, None)
    return Case(s, given, response(s))


def _called(s: Situation, function: Callable[..., Mapping[str, Any]], layout: Layout) -> Any:
    """One call of the learner's function, on copies: its answer, or what it raised."""
    parameters = s.parameters.copy()
    if layout == "out, in":
        parameters = {name: v.T if name.startswith("W") else v for name, v in parameters.items()}
    try:
        answer = function(parameters, s.x.copy(), s.t.copy())
        return {name: _kept(value) for name, value in answer.items()} if isinstance(answer, Mapping) else answer
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the function is the learner's; it may end the program
        return error


def _kept(value: Any) -> Any:
    """A copy, as a function may fill the same arrays at every call."""
    return np.array(value) if hasattr(value, "__array__") else copy.deepcopy(value)
