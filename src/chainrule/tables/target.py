"""What a network predicts: from a table's column to targets ``t``, and from outputs ``y`` back to words."""

from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import FormatError, InputError, TableError
from chainrule.tables import checked_data as checked
from chainrule.tables.class_probabilities import class_probabilities
from chainrule.tables.scaling import Scaling, finite_numbers
from chainrule.tables.smoothing import NO_SMOOTHING, Smoothing
from chainrule.tables.table import LONGEST_NAME, Column, Kind, closest, is_number, label_of, spellings

Task = Literal["regression", "binary", "multiclass"]

_ASKED = (*get_args(Task), "classification")
_MOST_CLASSES = 1000


@dataclass(frozen=True)
class Target:
    """The column to predict and how it meets the network's outputs.

    | task | targets ``t`` | outputs ``y`` are |
    |---|---|---|
    | regression | (N, 1): standardised numbers | standardised numbers |
    | binary | (N, 1): 0 for the first class, 1 for the second | logits of the second class |
    | multiclass | (N, K): 1 for the row's class, else 0 | logits, one per class |

    Args:
        name: the column's name.
        task: ``"regression"``, ``"binary"`` or ``"multiclass"``.
        classes: in the order of the outputs: sorted by text, or by size where they are numbers; none in regression.
        scaling: from the column's unit to targets, in regression only.
        smoothing: of the targets that the network was trained on, undone in probabilities; for classes only.

    Example:
        >>> sex = Column("sex", "category", np.array(["male", "female", "male"], dtype=object))
        >>> target = Target.learn(sex)
        >>> target.task, target.classes
        ('binary', ('female', 'male'))
        >>> target.encode(sex).tolist()
        [[1.0], [0.0], [1.0]]
        >>> predicted = target.decode(np.array([[0.0], [-2.0]]))
        >>> predicted["prediction"].tolist(), predicted["probability of male"].round(2).tolist()
        (['female', 'female'], [0.5, 0.12])
    """

    name: str
    task: Task
    classes: tuple[str, ...] = ()
    scaling: Scaling | None = None
    smoothing: Smoothing = NO_SMOOTHING

    @classmethod
    def learn(cls, column: Column, task: str | None = None) -> "Target":
        """Learn from the training rows; rows whose target is missing are passed over.

        Args:
            column: the target's values in the training rows.
            task: ``"regression"``, ``"binary"``, ``"multiclass"``, or ``"classification"`` for either of the
                latter; by default text and booleans are classes, and so are numbers that are two different
                whole ones; other numbers are predicted as numbers.

        Raises:
            InputError: there is no such task.
            TableError: the column has no value, the same value everywhere, or does not suit the task.
        """
        if task is not None and task not in _ASKED:
            raise InputError(f"There is no task '{task}'.{closest(task, _ASKED)} Use one of {', '.join(_ASKED)}.")
        if column.kind == "date":
            raise TableError(
                f"The target '{column.name}' holds dates: predict a number instead, for instance "
                "SELECT date_diff('day', ...)."
            )
        if column.missing.all():
            raise TableError(f"The target '{column.name}' has no value in any row: choose another column.")
        if task is None:
            task = "classification" if _looks_like_classes(column) else "regression"
        if task == "regression":
            return cls(column.name, "regression", (), _learn_scaling(column))
        classes = _learn_classes(column)
        if task == "binary" and len(classes) != 2:
            raise TableError(
                f"A binary target has two classes, '{column.name}' has {len(classes)}: ask for 'multiclass'."
            )
        if task == "classification":
            task = "binary" if len(classes) == 2 else "multiclass"
        return cls(column.name, cast("Task", task), classes)

    @staticmethod
    def present(column: Column) -> NDArray[np.bool_]:
        """(N,) true where the target has a value: the rows one can learn from or be judged by."""
        return ~column.missing

    @property
    def kind(self) -> Kind:
        """What the column held in training: classes are numbers or booleans if they are spelled as such.

        Text whose every cell is a number would have been read as numbers, so the classes alone decide.
        """
        if self.task == "regression" or all(map(_is_label, self.classes)):
            return "number"
        return "boolean" if self.classes == ("false", "true") else "category"

    @property
    def outputs(self) -> int:
        """The number of outputs the network needs."""
        return len(self.classes) if self.task == "multiclass" else 1

    def texts(self, column: Column) -> NDArray[Any]:
        """Each row's class as a text (N,), one never seen in training too; ``None`` where it is missing."""
        return spellings(column) if self.kind == "category" else column.texts()

    def labels(self, column: Column) -> NDArray[Any]:
        """Each row's class, spelled as in ``classes``.

        Args:
            column: (N,) values of the target, none missing.

        Returns:
            (N,) texts.

        Raises:
            TableError: a value is missing, or a class was never seen in training.
        """
        self._refuse_missing(column)
        labels = self.texts(column)
        unseen = [label for label in dict.fromkeys(labels.tolist()) if label not in self.classes]
        if unseen:
            row = int(np.flatnonzero(labels == unseen[0])[0])
            raise TableError(
                f"Column '{self.name}', row {column.row_number(row)}: the class '{unseen[0]:.60}' was never "
                f"seen in training, where the classes were {', '.join(self.classes)[:200]}: leave such rows out."
            )
        return labels

    def encode(self, column: Column) -> NDArray[np.float64]:
        """The targets ``t``.

        Args:
            column: (N,) values of the target, none missing.

        Returns:
            (N, outputs), see the table above.

        Raises:
            TableError: a value is missing, infinite, text where numbers were, or a class never seen in training.
        """
        if self.scaling is not None:
            values = finite_numbers(column)
            self._refuse_missing(column)
            return self.scaling.apply(values)[:, np.newaxis]
        labels = self.labels(column).tolist()
        place = {label: k for k, label in enumerate(self.classes)}
        codes = np.fromiter(map(place.__getitem__, labels), np.int64, len(labels))
        if self.task == "binary":
            return codes[:, np.newaxis].astype(np.float64)
        return np.eye(len(self.classes))[codes]

    def probabilities(self, y: NDArray[np.floating]) -> NDArray[np.float64]:
        """The probability of each class: ``class_probabilities`` with the smoothing of training undone.

        Args:
            y: (N, outputs) logits.

        Returns:
            (N, K), each row adds up to 1.

        Raises:
            InputError: the target has no classes, or ``y`` is of another shape or not finite.
        """
        if not self.classes:
            raise InputError(f"The target '{self.name}' is a number and has no classes: use decode.")
        return self.smoothing.undo(class_probabilities(self._checked(y)))

    def decode(self, y: NDArray[np.floating]) -> dict[str, NDArray[Any]]:
        """The columns of a table of predictions.

        Args:
            y: (N, outputs) outputs of the network: scaled numbers in regression, otherwise logits.

        Returns:
            ``{"prediction": (N,) numbers in the target's unit}`` in regression, otherwise
            ``{"prediction": (N,) classes, "probability of A": (N,) numbers, ...}``.

        Raises:
            InputError: ``y`` is of another shape or not finite.
        """
        if self.scaling is not None:
            return {"prediction": self.scaling.undo(self._checked(y)[:, 0])}
        probabilities = self.probabilities(y)
        prediction = np.array(self.classes, dtype=object)[probabilities.argmax(axis=1)]
        columns = {f"probability of {name}": probabilities[:, k] for k, name in enumerate(self.classes)}
        return {"prediction": prediction, **columns}

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a model file: texts, numbers, lists and records only."""
        fields = {
            "name": self.name,
            "task": self.task,
            "classes": list(self.classes),
            "scaling": None if self.scaling is None else self.scaling.to_dict(),
        }
        return fields | ({"smoothing": self.smoothing.to_dict()} if self.smoothing.share else {})

    @classmethod
    def from_dict(cls, value: object, where: str = "target") -> "Target":
        """The inverse of ``to_dict``.

        Args:
            value: what ``to_dict`` gave, perhaps by way of JSON.
            where: how error messages call it.

        Raises:
            FormatError: a field is missing, unknown, of a wrong type or out of bounds; the message names it.
        """
        smoothed = isinstance(value, dict) and "smoothing" in value  # files of networks trained without have none
        fields = checked.record(value, where, ("name", "task", "classes", "scaling", *["smoothing"] * smoothed))
        name = checked.text(fields["name"], f"{where}.name")
        task = cast("Task", checked.choice(fields["task"], f"{where}.task", get_args(Task)))
        classes = checked.distinct_texts(fields["classes"], f"{where}.classes")
        fits = {"regression": not classes, "binary": len(classes) == 2, "multiclass": len(classes) >= 2}
        if not fits[task] or len(classes) > _MOST_CLASSES:
            raise FormatError(f"{where}.classes must suit the task '{task}', got {len(classes)} classes.")
        if task == "regression":
            if smoothed:
                raise FormatError(f"{where}.smoothing must be absent, since the task '{task}' has no classes.")
            return cls(name, task, (), Scaling.from_dict(fields["scaling"], f"{where}.scaling"))
        if fields["scaling"] is not None:
            raise FormatError(f"{where}.scaling must be null, since the task '{task}' has classes.")
        if not smoothed:
            return cls(name, task, classes)
        return cls(name, task, classes, None, Smoothing.from_dict(fields["smoothing"], f"{where}.smoothing"))

    def _refuse_missing(self, column: Column) -> None:
        missing = np.flatnonzero(column.missing)
        if missing.size:
            raise TableError(
                f"Column '{self.name}', row {column.row_number(int(missing[0]))}: the target is missing: "
                "select the rows where Target.present is true first."
            )

    def _checked(self, y: NDArray[np.floating]) -> NDArray[np.float64]:
        y = np.asarray(y, dtype=np.float64)
        if y.ndim != 2 or y.shape[1] != self.outputs:
            raise InputError(
                f"The outputs for target '{self.name}' must have shape (N, {self.outputs}), got {y.shape}: "
                "give the network that many outputs."
            )
        if not np.isfinite(y).all():
            raise InputError(f"The outputs for target '{self.name}' are not finite: the network has diverged.")
        return y


def _is_label(text: str) -> bool:
    """Whether the text is what a number is called: ``2`` but neither ``02`` nor ``2.0``."""
    return is_number(text) and label_of(float(text)) == text


def _looks_like_classes(column: Column) -> bool:
    """Text, booleans, and numbers that are two different whole ones."""
    if column.kind != "number":
        return True
    distinct = np.unique(column.values[~column.missing])
    return len(distinct) == 2 and bool(np.all(distinct == np.floor(distinct)))


def _learn_scaling(column: Column) -> Scaling:
    if column.kind == "category":
        raise TableError(f"Regression needs numbers, the target '{column.name}' is text: ask for 'classification'.")
    present = finite_numbers(column)[~column.missing]
    if present.min() == present.max():
        raise TableError(
            f"The target '{column.name}' is {present[0]:g} in every row: there is nothing to learn, "
            "choose another column or more rows."
        )
    return Scaling.learn(present)


def _learn_classes(column: Column) -> tuple[str, ...]:
    if column.kind == "category":
        values = set(column.values[~column.missing].tolist())
    else:
        values = set(finite_numbers(column)[~column.missing].tolist())
    if not 2 <= len(values) <= _MOST_CLASSES:
        raise TableError(
            f"A target needs 2 to {_MOST_CLASSES} classes, '{column.name}' has {len(values)}: choose another "
            "column, or 'regression' for numbers."
        )
    # Numbers in order of size (9 before 10), text in order of the alphabet.
    ordered = np.array(sorted(values), dtype=object if column.kind == "category" else np.float64)
    classes = tuple(Column(column.name, column.kind, ordered).texts().tolist())
    if max(map(len, classes)) > LONGEST_NAME or "" in classes:
        raise TableError(f"A class of '{column.name}' must have 1 to {LONGEST_NAME} characters: shorten it.")
    return classes
