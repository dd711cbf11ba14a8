"""Cases from a learner's function: it is called on the given input and on drawn ones, and must be right on each."""

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from chainrule.errors import ChainruleError, InputError
from chainrule.marking.counterexample import draw_inputs
from chainrule.marking.evidence import CallFailure, Case, Evidence
from chainrule.marking.forward_context import ForwardContext
from chainrule.marking.marker import mark
from chainrule.marking.mistake import Mistake
from chainrule.marking.mistakes.rows import FIRST_ROW, LAST_ROW
from chainrule.marking.reading import Layout, is_single_precision, read_arrays
from chainrule.marking.result import Marking
from chainrule.marking.tolerance import measure_response
from chainrule.marking.updates import case_of_update

_DRAWS = 3
"""How many drawn inputs a learner's function is called on besides the given one."""


def inputs_to_try(forward: ForwardContext) -> list[ForwardContext]:
    """The given input first, then drawn parameters and rows; every second draw has another number of rows."""
    more = 2 if forward.rows == 1 else 1
    rows = [forward.rows + more * (draw % 2) for draw in range(_DRAWS)]
    draws = [draw_inputs(forward, np.random.default_rng(draw), n, parameters=True) for draw, n in enumerate(rows)]
    return [forward, *draws]


def call(forward: ForwardContext, function: Callable[..., Mapping[str, Any]], layout: Layout) -> Any:
    """One call of the learner's function on copies: what it returned, or the exception it raised."""
    parameters = forward.parameters.copy()
    if layout == "out, in":
        parameters = {name: v.T if name.startswith("W") else v for name, v in parameters.items()}
    try:
        answer = function(parameters, forward.x.copy(), forward.t.copy())
        return {name: _copied(value) for name, value in answer.items()} if isinstance(answer, Mapping) else answer
    except (Exception, SystemExit) as error:  # noqa: BLE001 - the function is the learner's; it may end the program
        return error


def _copied(value: Any) -> Any:
    """A copy, as a function may fill the same arrays at every call."""
    return np.array(value) if hasattr(value, "__array__") else copy.deepcopy(value)


def mark_answers(
    inputs: Sequence[ForwardContext],
    answers: Sequence[Any],
    catalogue: Sequence[Mistake],
    *,
    layout: Layout = "in, out",
    loss: str | None = None,
    are_updates: bool = False,
) -> Marking:
    """Mark what a function returned for each of several inputs.

    What fails on drawn inputs is reported in the marking; what fails on the first input is raised.

    Args:
        inputs: the given input, then drawn ones.
        answers: for each input a dict of arrays, or the exception that was raised.
        catalogue: the mistakes to look for.
        layout: how the learner stores weights.
        loss: the constant by which the learner's loss is a multiple of the network's, if it is known.
        are_updates: whether the arrays are updated parameters and not gradients.

    Raises:
        InputError: nothing usable came for the first input.
    """
    cases: list[Case] = []
    failures: list[CallFailure] = []
    single = True
    for forward, answer in zip(inputs, answers, strict=True):
        try:
            case = _case(forward, answer, layout, are_updates=are_updates)
            _check_names(case, cases)
        except InputError as error:
            if not cases:
                raise
            failures.append(CallFailure(forward.rows, str(error), is_excused=forward.rows > 1 == inputs[0].rows))
        else:
            cases.append(case)
            single = single and is_single_precision(answer)
    evidence = Evidence(tuple(cases), catalogue, single, loss, asked_for_all=True, failures=tuple(failures))
    marking = mark(evidence)
    return marking if inputs[0].rows > 1 else _allow_for_one_row(evidence, marking)


def _allow_for_one_row(evidence: Evidence, marking: Marking) -> Marking:
    """Mark a function that was given one row on inputs of one row, if it is written for these.

    Reading one row of several is then no mistake. What several rows do not explain, one row may; but a function that is
    right for one row only is not right.
    """
    reads_one = bool(set(marking.codes) & {FIRST_ROW.code, LAST_ROW.code})
    if not reads_one and marking.verdict != "unknown":
        return marking
    cases = tuple(case for case in evidence.cases if case.forward.rows == 1)
    again = mark(replace(evidence, cases=cases, one_row="reads one row" if reads_one else "fits one row"))
    return again if reads_one or again.mistakes else marking


def _check_names(case: Case, earlier: Sequence[Case]) -> None:
    """Every call must give the same parameters."""
    if earlier and set(case.given) != set(earlier[0].given):
        raise InputError(f"your function gave {', '.join(case.given)}, at first {', '.join(earlier[0].given)}.")


def _case(forward: ForwardContext, answer: Any, layout: Layout, *, are_updates: bool) -> Case:
    if isinstance(answer, BaseException):
        name = type(answer).__name__
        text = answer if isinstance(answer, ChainruleError) else f"{name}: {answer}" if str(answer) else name
        raise InputError(f"your function raised {text}") from answer
    given = read_arrays(forward, answer, layout=layout, what="what your function returned")
    return case_of_update(forward, given) if are_updates else Case(forward, given, measure_response(forward))
