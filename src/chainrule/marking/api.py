"""``check_backprop`` and ``check_step``: mark a learner's gradients, or their updated parameters."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from chainrule.errors import InputError
from chainrule.marking.calls import call, inputs_to_try, mark_answers
from chainrule.marking.evidence import Case, Evidence
from chainrule.marking.marker import mark, mark_sequence
from chainrule.marking.mistake import Mistake
from chainrule.marking.reading import Layout, is_single_precision, read_arrays
from chainrule.marking.request import Rows, parse_request
from chainrule.marking.result import Marking
from chainrule.marking.tolerance import measure_response
from chainrule.marking.updates import case_of_sequence, case_of_update, cases_of_updates


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
    """Mark gradients that a learner's backpropagation computed, and name the mistake if there is one.

    The gradients are compared with the right ones, then with those of a backward pass that makes one mistake of the
    catalogue, or two or three of them together.

    Args:
        net: a network with the learner's architecture, parameters and loss.
        x: inputs (N, inputs).
        t: targets (N, outputs).
        gradients: arrays by parameter name, ``{"W1": ..., "b1": ...}``, each with its parameter's shape. If some are
            missing, the others are marked. Or a function ``gradients(parameters, x, t)`` that returns such a dict: it
            is also called with other parameters and rows, and is right only if it is right for each.
        loss: the learner's loss for ``x`` and ``t``. Losses differ by constants (2, N, outputs). Without ``loss``,
            gradients that are off by such a constant count as another convention; with it, as a mistake.
        learning_rate: eta of the learner's update. It is needed to recognise weights that are updated before they are
            used.
        digits: number of decimals of the parameters and gradients, if they were copied from printed output.
        layout: ``"out, in"`` if the learner's weights have shape (units, inputs).
        mistakes: further mistakes to look for (``chainrule.extend.Mistake``).

    Returns:
        A ``Marking``: true if there is no mistake.

    Raises:
        InputError: an argument cannot be used; the given loss shows that the forward passes differ; or the function
            failed on ``x`` and ``t``.

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

    References:
        Brown and Burton 1978, Diagnostic models for procedural bugs in basic mathematical skills, Cognitive Science
        2(2): a learner's answer is compared with those of wrong procedures.
    """
    request = parse_request(
        net, x, t, learning_rate=learning_rate, loss=loss, digits=digits, layout=layout, mistakes=mistakes
    )
    if callable(gradients):
        inputs = inputs_to_try(request.forward)
        answers = [call(one, gradients, layout) for one in inputs]
        return mark_answers(inputs, answers, request.catalogue, layout=layout, loss=request.loss)
    given = read_arrays(request.forward, gradients, layout=layout)
    response = measure_response(request.forward, request.digits, noise=request.half_digit)
    case = Case(request.forward, given, response)
    return mark(Evidence((case,), request.catalogue, is_single_precision(gradients), request.loss))


def check_step(
    net: Any,
    x: Any,
    t: Any,
    *,
    after: Mapping[str, Any] | Sequence[Mapping[str, Any]],
    learning_rate: float,
    rows: Rows = "together",
    loss: float | None = None,
    digits: int | None = None,
    layout: Layout = "in, out",
    mistakes: Sequence[Mistake] = (),
) -> Marking:
    """Mark one step of gradient descent by the parameters that a learner's code arrived at.

    Gradient descent changes a parameter p by ``-eta dE/dp``, so the learner's gradient is ``(before - after)/eta``. The
    subtraction loses digits; the comparison allows for that.

    Args:
        net: a network with the learner's architecture and loss, and the parameters before the step.
        x: inputs (N, inputs).
        t: targets (N, outputs).
        after: the parameters after the step, arrays by name; some may be missing. With ``rows="one by one"`` either
            the parameters after the last row, or a list with those after each row, which shows more mistakes.
        learning_rate: eta.
        rows: ``"together"`` if the step makes one update from all rows, ``"one by one"`` if it makes one after each
            row, in their order.
        loss: the learner's loss for ``x`` and ``t``; decides whether a constant factor is a mistake, as in
            ``check_backprop``.
        digits: number of decimals of the parameters, if they were copied from printed output.
        layout: ``"out, in"`` if the learner's weights have shape (units, inputs).
        mistakes: further mistakes to look for (``chainrule.extend.Mistake``).

    Returns:
        A ``Marking``: true if there is no mistake.

    Raises:
        InputError: an argument cannot be used.

    Example:
        >>> import chainrule as cr
        >>> net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
        >>> net.set_parameters({"W1": [[1.0]], "b1": [0.0]})
        >>> check_step(net, [[3.0]], [[1.0]], after={"W1": [[2.2]], "b1": [0.4]}, learning_rate=0.1).codes
        ('sign-flipped',)
    """
    if rows not in ("together", "one by one"):
        raise InputError(f"rows must be 'together' or 'one by one', got {rows!r}.")
    if rows == "together" and not isinstance(after, Mapping):
        raise InputError("after must be a dict of arrays; a list of them goes with rows='one by one'.")
    request = parse_request(
        net, x, t, learning_rate=learning_rate, loss=loss, digits=digits, layout=layout, mistakes=mistakes, is_step=True
    )
    if not isinstance(after, Mapping):
        cases = cases_of_updates(request, after)
        return mark(Evidence(cases, request.catalogue, all(map(is_single_precision, after)), request.loss))
    given, single = read_arrays(request.forward, after, layout=layout, what="after"), is_single_precision(after)
    if rows == "one by one":
        return mark_sequence(Evidence((case_of_sequence(request, given),), request.catalogue, single))
    case = case_of_update(request.forward, given, digits=request.digits, half_digit=request.half_digit)
    unmoved = not any(value.any() for value in case.given.values())
    return mark(Evidence((case,), request.catalogue, single, request.loss, is_unmoved=unmoved))
