"""``check_object``: our parameters go into the learner's object, its step is run, its parameters are read back."""

import copy
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from chainrule.core.arrays import Array, shape_text
from chainrule.core.model import Model
from chainrule.errors import InputError
from chainrule.marking.api import Layout, check_step
from chainrule.marking.mistake import Mistake
from chainrule.marking.result import Marking

Paths = str | Sequence["Paths"]
"""Where a parameter lies: one attribute, or one for each unit, or one for each number."""


def check_object(
    obj: Any,
    net: Any,
    x: Any,
    t: Any,
    *,
    parameters: Mapping[str, Paths],
    step: Callable[[Any], object],
    learning_rate: float,
    rows: Literal["together", "one by one"] = "together",
    layout: Layout | None = None,
    loss: float | None = None,
    mistakes: Sequence[Mistake] = (),
) -> Marking:
    """Mark a learner's object without touching its code: set its parameters, run its step, read them back.

    The object is copied first, so it keeps its own parameters.

    Args:
        obj: the learner's network.
        net: a network of the same architecture; its parameters are handed over.
        x: inputs (N, inputs), as ``step`` uses them.
        t: targets (N, outputs).
        parameters: for each of our parameters where it lies in the object: ``"weights1"``, ``"layers[0].w"``; one
            for each unit, ``["h1.weights", "h2.weights"]``; or, for W, one for each number, ``[["w1", "w2"], ...]`` as
            rows of inputs and columns of units.
        step: makes one update, called with the copied object: ``lambda o: o.train(x, t)``.
        learning_rate: eta of that update.
        rows: whether the step makes one update from all rows, or one after each row.
        layout: ``"out, in"`` if weights are (units, inputs); None tells from the shapes.
        loss: see ``check_backprop``.
        mistakes: see ``check_backprop``.

    Returns:
        A ``Marking``.

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
    model = getattr(net, "model", net)
    if not isinstance(model, Model):
        raise InputError(f"net must be a chainrule.Network, got {type(net).__name__}.")
    if not isinstance(parameters, Mapping) or not parameters:
        raise InputError("parameters must say where each parameter lies in your object, such as {'W1': 'weights1'}.")
    mine = _copied(obj)
    ours = {name: model.parameters[name] for name in parameters}
    places = {name: _Place(mine, name, where) for name, where in parameters.items()}
    turned = layout == "out, in" if layout else any(places[name].is_transposed(ours[name]) for name in places)
    for name, place in places.items():
        place.write(ours[name].T if turned and ours[name].ndim == 2 and place.whole else ours[name])
    before = _as_written(model, places, turned=turned)
    try:
        step(mine)
    except Exception as error:
        raise InputError(f"your step raised {type(error).__name__}: {error}") from error
    after = {name: place.read(turned=turned) for name, place in places.items()}
    return check_step(before, x, t, after=after, learning_rate=learning_rate, rows=rows, loss=loss, mistakes=mistakes)


def _as_written(model: Model, places: "Mapping[str, _Place]", *, turned: bool) -> Model:
    """The model with the numbers that the object holds: in float32 they are not quite the network's."""
    parameters = model.parameters.with_vector(model.parameters.vector.astype(np.float64))
    for name, place in places.items():
        written = place.read(turned=turned)
        parameters[name][...] = written.reshape(parameters[name].shape) if written.ndim else written
    return Model(model.chain, parameters, model.state)


def _copied(obj: Any) -> Any:
    try:
        return copy.deepcopy(obj)
    except Exception as error:
        raise InputError(f"your object cannot be copied ({error}): hand over one that can.") from error


@dataclass(frozen=True, eq=False)
class _Place:
    """Where one parameter lies in the learner's object."""

    obj: Any
    name: str
    where: Paths

    @property
    def whole(self) -> bool:
        """Whether one attribute holds it all."""
        return isinstance(self.where, str)

    def is_transposed(self, ours: Array) -> bool:
        """Whether the attribute has our shape the other way round, which only that of a matrix can show."""
        if not isinstance(self.where, str) or ours.ndim != 2 or ours.shape[0] == ours.shape[1]:
            return False
        return np.shape(_get(self.obj, self.where)) == ours.shape[::-1]

    def write(self, value: Array) -> None:
        """Put a value there, in the shape and of the type that is there."""
        self._write(self.where, value)

    def _write(self, where: Paths, value: Array) -> None:
        if isinstance(where, str):
            _set(self.obj, where, _in_kind(self.name, _get(self.obj, where), value))
            return
        parts = list(where)
        axis = -1 if all(isinstance(part, str) for part in parts) else 0  # units are columns; rows of numbers are rows
        if not value.ndim or value.shape[axis] != len(parts):
            raise InputError(f"{self.name} has shape {shape_text(value.shape)}, but {len(parts)} places were given.")
        for k, part in enumerate(parts):
            self._write(part, np.take(value, k, axis=axis))

    def read(self, *, turned: bool) -> Array:
        """What stands there now, matrices turned to our layout."""
        value = self._read(self.where)
        return value.T if turned and value.ndim == 2 and self.whole else value

    def _read(self, where: Paths) -> Array:
        if isinstance(where, str):
            return np.array(_get(self.obj, where))
        axis = -1 if all(isinstance(part, str) for part in where) else 0
        return np.stack([np.asarray(self._read(part)) for part in where], axis=axis)


def _in_kind(name: str, there: Any, value: Array) -> Any:
    """A value in the shape, dtype and type of what stands in its place: array, list or number."""
    shape = np.shape(there)
    if shape == () and value.size > 1:
        if np.ptp(value) > 0:
            raise InputError(
                f"your object has one number for {name}, whose {value.size} numbers differ: give the network the same "
                f"for all units, net.parameters[{name!r}] = ..., or declare the layer with bias='shared'."
            )
        value = value.ravel()[0]
    if int(np.prod(shape)) != np.size(value):
        raise InputError(f"{name} has shape {shape_text(value.shape)}, but {shape_text(shape)} stands in your object.")
    fitted = np.array(value).reshape(shape)
    if isinstance(there, np.ndarray):
        return fitted.astype(there.dtype if there.dtype.kind == "f" else np.float64)
    return fitted.tolist()


_STEP = re.compile(r"\.?([A-Za-z_]\w*)|\[(-?\d+|'[^']*'|\"[^\"]*\")\]")


def _steps(path: str) -> list[str | int]:
    """``"layers[0].w"`` as ["layers", 0, "w"]; names of attributes have a dot before them."""
    found: list[str | int] = []
    at = 0
    while at < len(path):
        match = _STEP.match(path, at)
        if match is None:
            raise InputError(
                f"{path!r} is no place: write it as after the object, such as 'weights1' or 'layers[0].w'."
            )
        name, index = match.groups()
        found.append("." + name if name else index[1:-1] if index[0] in "'\"" else int(index))
        at = match.end()
    return found


def _get(obj: Any, path: str) -> Any:
    for step in _steps(path):
        obj = _one(obj, step, path)
    return obj


def _one(obj: Any, step: str | int, path: str) -> Any:
    try:
        return getattr(obj, step[1:]) if isinstance(step, str) and step.startswith(".") else obj[step]
    except (AttributeError, KeyError, IndexError, TypeError):
        has = ", ".join(name for name in vars(obj) if not name.startswith("_")) if hasattr(obj, "__dict__") else ""
        told = f": it has {has}" if has else ""
        raise InputError(f"your object has no {path!r} (at {str(step).lstrip('.')!r}){told}.") from None


def _set(obj: Any, path: str, value: Any) -> None:
    *way, last = _steps(path)
    for step in way:
        obj = _one(obj, step, path)
    if isinstance(last, str) and last.startswith("."):
        setattr(obj, last[1:], value)
    else:
        obj[last] = value
