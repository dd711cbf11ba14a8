"""``check_object``: set the parameters of a learner's object, run its step, read the parameters back."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from chainrule.core.model import Model, model_of
from chainrule.errors import InputError
from chainrule.marking.api import check_step
from chainrule.marking.locations import Location, Paths
from chainrule.marking.mistake import Mistake
from chainrule.marking.reading import Layout
from chainrule.marking.request import Rows
from chainrule.marking.result import Marking


def check_object(
    obj: Any,
    net: Any,
    x: Any,
    t: Any,
    *,
    parameters: Mapping[str, Paths],
    step: Callable[[Any], object],
    learning_rate: float,
    rows: Rows = "together",
    layout: Layout | None = None,
    loss: float | None = None,
    mistakes: Sequence[Mistake] = (),
) -> Marking:
    """Mark a learner's object without changing its code: set its parameters, run its step, read them back.

    A copy of the object is used, so the object itself keeps its parameters. The learner's gradient of a parameter p is
    ``(before - after)/eta``, as in ``check_step``.

    Args:
        obj: the learner's network.
        net: a network with the same architecture and loss; the object gets its parameters.
        x: inputs (N, inputs), the ones that ``step`` uses.
        t: targets (N, outputs), the ones that ``step`` uses.
        parameters: for each parameter of ``net``, where the object stores it: one attribute, ``"weights1"`` or
            ``"layers[0].w"``; one for each unit, ``["h1.weights", "h2.weights"]``; or, for W, one for each number,
            ``[["w1", "w2"], ...]``, a row for each input and a column for each unit.
        step: makes one update of the object it is called with: ``lambda o: o.train(x, t)``.
        learning_rate: eta of that update.
        rows: ``"together"`` if the step makes one update from all rows, ``"one by one"`` if it makes one after each
            row, in their order.
        layout: ``"out, in"`` if the object's weights have shape (units, inputs); None to decide by the shapes.
        loss: the learner's loss for ``x`` and ``t``; decides whether a constant factor is a mistake, as in
            ``check_backprop``.
        mistakes: further mistakes to look for (``chainrule.extend.Mistake``).

    Returns:
        A ``Marking``: true if there is no mistake.

    Raises:
        InputError: no such attribute, a shape that does not fit, or the step raised an error.

    Example:
        >>> import chainrule as cr, numpy as np
        >>> class Mine:
        ...     def __init__(self):
        ...         self.w, self.b = np.zeros((2, 1)), np.zeros(1)
        ...     def step(self, x, t):
        ...         delta = 2 * (x @ self.w + self.b - t) / len(x)
        ...         self.w -= 0.1 * x.T @ delta
        ...         self.b += 0.1 * delta.sum(axis=0)
        >>> net = cr.Network(2, [cr.Dense(1)], loss="squared_error", seed=0)
        >>> x, t = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([[1.0], [0.0]])
        >>> where = {"W1": "w", "b1": "b"}
        >>> marking = check_object(Mine(), net, x, t, parameters=where, step=lambda o: o.step(x, t), learning_rate=0.1)
        >>> marking.verdict, [str(mistake) for mistake in marking.mistakes]
        ('one mistake', ['sign-flipped at layer 1'])
    """
    model = model_of(net)
    if not isinstance(parameters, Mapping) or not parameters:
        raise InputError(
            "parameters must say where each parameter is stored in your object, such as {'W1': 'weights1'}."
        )
    mine = _copied(obj)
    ours = {name: model.parameters[name] for name in parameters}
    places = {name: Location(mine, name, where) for name, where in parameters.items()}
    transposed = layout == "out, in" if layout else any(places[name].is_transposed(ours[name]) for name in places)
    for name, place in places.items():
        place.write(ours[name].T if transposed and ours[name].ndim == 2 and place.whole else ours[name])
    before = _as_written(model, places, transposed=transposed)
    try:
        step(mine)
    except Exception as error:
        raise InputError(f"your step raised {type(error).__name__}: {error}") from error
    after = {name: place.read(transposed=transposed) for name, place in places.items()}
    return check_step(before, x, t, after=after, learning_rate=learning_rate, rows=rows, loss=loss, mistakes=mistakes)


def _as_written(model: Model, places: Mapping[str, Location], *, transposed: bool) -> Model:
    """The model with the numbers that the object stores: in float32 they are not quite the network's."""
    stored = model.with_vector(model.parameters.vector.astype(np.float64))
    for name, place in places.items():
        written = place.read(transposed=transposed)
        parameter = stored.parameters[name]
        parameter[...] = written.reshape(parameter.shape) if written.ndim else written
    return stored


def _copied(obj: Any) -> Any:
    try:
        return copy.deepcopy(obj)
    except Exception as error:
        raise InputError(f"your object cannot be copied ({error}): hand over one that can.") from error
