"""What is learned about one column, and how it becomes columns of the network's input.

A feature is learned from training rows only: a median or a list of categories taken from test rows would
let the test leak into the training.
"""

from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, Protocol, cast

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import TableError
from chainrule.tables import checked_data as checked
from chainrule.tables.scaling import LARGEST, Scaling, finite_numbers
from chainrule.tables.table import LONGEST_NAME, Column, Kind, spellings

NumberKind = Literal["number", "boolean", "date"]
Scale = Callable[[NDArray[np.float64]], Scaling]
"""Learns a scaling from (N,) finite numbers."""

# More categories than this, and more than half of the cells different: such a column names rows, not groups of rows.
_IDENTIFIER_CATEGORIES = 50


class Feature(Protocol):
    """One column as the network sees it."""

    @property
    def name(self) -> str:
        """The column's name."""
        ...

    @property
    def kind(self) -> Kind:
        """What the column held in training, and what its cells are read as from then on."""
        ...

    @property
    def names(self) -> list[str]:
        """The names of the inputs it becomes."""
        ...

    def encode(self, column: Column, out: NDArray[np.float64]) -> None:
        """Write the column into ``out``, which is (N, len(names)) and zero."""
        ...

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a model file."""
        ...


@dataclass(frozen=True)
class Dropped:
    """A column that is left out, and why."""

    name: str
    reason: str


@dataclass(frozen=True)
class NumberFeature:
    """Numbers, dates or booleans: one scaled input, and perhaps one that says where a cell was missing.

    Args:
        name: the column's name.
        kind: what the column held in training.
        fill: stands for a missing cell, in the column's unit.
        scaling: from the column's unit to the input.
        indicator: whether cells were missing in training; then a second input is 1 where one is.
    """

    name: str
    kind: NumberKind
    fill: float
    scaling: Scaling
    indicator: bool

    @classmethod
    def learn(cls, column: Column, scale: Scale = Scaling.learn) -> "NumberFeature | Dropped":
        """What stands for a missing cell, and the scaling of the training rows after that is filled in."""
        values, missing = finite_numbers(column), column.missing
        present, indicator = values[~missing], bool(missing.any())
        if not present.size:
            return Dropped(column.name, "no cell of the training rows has a value")
        if not indicator and present.min() == present.max():
            return Dropped(column.name, "all training rows have the same value")
        kind = cast("NumberKind", column.kind)
        if kind == "boolean":
            # 0 and 1 become -1 and +1; a missing one lies between them, at 0.
            return cls(column.name, kind, 0.5, Scaling(0.5, 0.5), indicator)
        fill = float(np.median(present))
        return cls(column.name, kind, fill, scale(np.where(missing, fill, values)), indicator)

    @property
    def names(self) -> list[str]:
        """``["age"]`` or ``["age", "age is missing"]``."""
        return [self.name, f"{self.name} is missing"] if self.indicator else [self.name]

    def encode(self, column: Column, out: NDArray[np.float64]) -> None:
        """Write the column into ``out``, which is (N, len(names)) and zero.

        Raises:
            TableError: the column holds text, infinite numbers, dates for numbers, or the other way round.
        """
        values, missing = finite_numbers(column), column.missing
        # Booleans written as 0 and 1 are still booleans, but words that were taken for true and false are no numbers.
        word = column.kind == "boolean" and column.inferred
        odd = column.kind != self.kind and ("date" in (column.kind, self.kind) or word)
        if odd and not missing.all():  # a column without a single value has no kind of its own
            raise TableError(
                f"Column '{self.name}' was a {self.kind} in training and is a {column.kind} here: "
                "give it the same form as in the training table."
            )
        if self.kind == "boolean" and column.kind == "number":
            self._refuse_other_than_0_and_1(column)
        out[:, 0] = self.scaling.apply(np.where(missing, self.fill, values))
        if self.indicator:
            out[:, 1] = missing

    def _refuse_other_than_0_and_1(self, column: Column) -> None:
        wrong = np.flatnonzero(~(column.missing | np.isin(column.values, (0.0, 1.0))))
        if wrong.size:
            row = int(wrong[0])
            raise TableError(
                f"Column '{self.name}', row {column.row_number(row)}: true, false, 1 or 0 is needed as in "
                f"training, got {column.values[row]:g}: correct the cell or leave it empty."
            )

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a model file."""
        return {
            "kind": self.kind,
            "name": self.name,
            "fill": self.fill,
            "scaling": self.scaling.to_dict(),
            "indicator": self.indicator,
        }

    @classmethod
    def from_dict(cls, value: dict[str, Any], where: str) -> "NumberFeature":
        """The inverse of ``to_dict``; FormatError names the wrong field."""
        fields = checked.record(value, where, ("kind", "name", "fill", "scaling", "indicator"))
        return cls(
            name=checked.text(fields["name"], f"{where}.name"),
            kind=fields["kind"],
            fill=checked.number(fields["fill"], f"{where}.fill", -LARGEST, LARGEST),
            scaling=Scaling.from_dict(fields["scaling"], f"{where}.scaling"),
            indicator=checked.flag(fields["indicator"], f"{where}.indicator"),
        )


@dataclass(frozen=True)
class CategoryFeature:
    """Text: one input per category, 1 where the cell names it (one-hot).

    Args:
        name: the column's name.
        categories: those with an input of their own, sorted.
        other: whether training had more; these share one input with categories never seen in training.
            Without it, a category never seen gets no 1 at all.
        indicator: whether cells were missing in training; then missing is a category of its own.
    """

    name: str
    categories: tuple[str, ...]
    other: bool
    indicator: bool

    @classmethod
    def learn(cls, column: Column, max_categories: int) -> "CategoryFeature | Dropped":
        """The most frequent categories of the training rows; of two equally frequent ones the first by text."""
        counts = Counter(column.values.tolist())
        indicator = counts.pop(None, 0) > 0
        if not counts:
            return Dropped(column.name, "no cell of the training rows has a value")
        if not indicator and len(counts) == 1:
            return Dropped(column.name, "all training rows have the same value")
        if len(counts) > max(_IDENTIFIER_CATEGORIES, counts.total() / 2):
            return Dropped(
                column.name,
                f"it names rows rather than groups of them: {len(counts)} different texts in {counts.total()} cells",
            )
        if max(map(len, counts)) > LONGEST_NAME or "" in counts:
            return Dropped(column.name, f"a category must have 1 to {LONGEST_NAME} characters")
        by_frequency = sorted(counts, key=lambda category: (-counts[category], category))
        kept = tuple(sorted(by_frequency[:max_categories]))
        return cls(column.name, kept, len(counts) > len(kept), indicator)

    @property
    def kind(self) -> Kind:
        """``"category"``."""
        return "category"

    @property
    def names(self) -> list[str]:
        """``["sex=female", "sex=male", "sex is other", "sex is missing"]``, the last two where they apply."""
        names = [f"{self.name}={category}" for category in self.categories]
        names += [f"{self.name} is other"] * self.other
        names += [f"{self.name} is missing"] * self.indicator
        return names

    def encode(self, column: Column, out: NDArray[np.float64]) -> None:
        """Write the column into ``out``, which is (N, len(names)) and zero.

        Raises:
            TableError: the column holds dates, or its texts were read as numbers or booleans and so lost.
        """
        nowhere = len(self.categories) + self.other + self.indicator
        unseen = len(self.categories) if self.other else nowhere
        places: defaultdict[str | None, int] = defaultdict(lambda: unseen)
        places.update({category: j for j, category in enumerate(self.categories)})
        places[None] = nowhere - 1 if self.indicator else nowhere
        texts = spellings(column).tolist()
        # map() over a dictionary runs in C and hashes each text once: ten times faster than sorting them.
        place = np.fromiter(map(places.__getitem__, texts), np.int64, len(texts))
        rows = np.flatnonzero(place < nowhere)
        out[rows, place[rows]] = 1.0

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a model file."""
        return {
            "kind": "category",
            "name": self.name,
            "categories": list(self.categories),
            "other": self.other,
            "indicator": self.indicator,
        }

    @classmethod
    def from_dict(cls, value: dict[str, Any], where: str) -> "CategoryFeature":
        """The inverse of ``to_dict``; FormatError names the wrong field."""
        fields = checked.record(value, where, ("kind", "name", "categories", "other", "indicator"))
        return cls(
            name=checked.text(fields["name"], f"{where}.name"),
            categories=checked.distinct_texts(fields["categories"], f"{where}.categories", at_least=1),
            other=checked.flag(fields["other"], f"{where}.other"),
            indicator=checked.flag(fields["indicator"], f"{where}.indicator"),
        )


def learn_feature(column: Column, max_categories: int, scale: Scale = Scaling.learn) -> Feature | Dropped:
    """What the training rows say about a column; numbers are scaled as ``scale`` learns it.

    Raises:
        TableError: a number is infinite.
    """
    if column.kind == "category":
        return CategoryFeature.learn(column, max_categories)
    return NumberFeature.learn(column, scale)


def feature_from_dict(value: object, where: str) -> Feature:
    """The inverse of a feature's ``to_dict``.

    Raises:
        FormatError: a field is missing, unknown or wrong; the message begins with the place it stands.
    """
    kinds = ("number", "boolean", "date", "category")
    kind = checked.choice(value.get("kind") if isinstance(value, dict) else None, f"{where}.kind", kinds)
    fields = cast("dict[str, Any]", value)
    return CategoryFeature.from_dict(fields, where) if kind == "category" else NumberFeature.from_dict(fields, where)
