"""From the columns of a table to the inputs ``x`` of a network, learned once from the training rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from chainrule.errors import FormatError, InputError, TableError
from chainrule.tables import checked_data as checked
from chainrule.tables.features import Dropped, Feature, Scale, feature_from_dict, learn_feature
from chainrule.tables.scaling import Scaling
from chainrule.tables.table import Table

_MOST_CATEGORIES = 10_000


@dataclass(frozen=True)
class Encoder:
    """How each column becomes inputs of a network.

    Numbers and dates are filled in with the median and scaled, booleans become -1 and +1, text
    becomes one input per category. See ``features.py`` for each in detail.

    Args:
        features: the columns in use, in order.
        dropped: the columns left out, each with the reason.

    Example:
        >>> from chainrule.tables import penguins_path, read_table
        >>> penguins = read_table(penguins_path())
        >>> encoder = Encoder.learn(penguins, ["island", "body_mass_g"])
        >>> encoder.names[:3]
        ['island=Biscoe', 'island=Dream', 'island=Torgersen']
        >>> encoder.names[3:]
        ['body_mass_g', 'body_mass_g is missing']
        >>> encoder.encode(penguins)[:2].round(2)
        array([[ 0.  ,  0.  ,  1.  , -0.56,  0.  ],
               [ 0.  ,  0.  ,  1.  , -0.5 ,  0.  ]])
    """

    features: tuple[Feature, ...]
    dropped: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def learn(
        cls, table: Table, columns: Sequence[str], *, max_categories: int = 50, scale: Scale = Scaling.learn
    ) -> "Encoder":
        """Learn from the training rows.

        Args:
            table: the training rows only, so that nothing of the test rows leaks into training.
            columns: the names of the columns to use as inputs.
            max_categories: how many categories of one column get an input of their own; the rest share one.
            scale: how the scaling of a column of numbers is learned: ``Scaling.learn`` standardises,
                ``Scaling.robust`` keeps wild values from mattering.

        Raises:
            InputError: ``max_categories`` is not from 1 to 10,000.
            TableError: there is no row or no such column, a column is named twice, a number is infinite,
                or no column is left to learn from.
        """
        if not 1 <= max_categories <= _MOST_CATEGORIES:
            raise InputError(f"max_categories must be from 1 to {_MOST_CATEGORIES}, got {max_categories}.")
        if len(columns) != len(set(columns)):
            twice = next(name for name in columns if list(columns).count(name) > 1)
            raise TableError(f"Column '{twice}' is named twice among the inputs: name it once.")
        if not table.rows:
            raise TableError("The training table has no rows: there is nothing to learn from.")
        learned = [learn_feature(table[name], max_categories, scale) for name in columns]
        dropped = {entry.name: entry.reason for entry in learned if isinstance(entry, Dropped)}
        features = tuple(entry for entry in learned if not isinstance(entry, Dropped))
        if not features:
            reasons = "".join(f" '{name}': {reason}." for name, reason in dropped.items())
            raise TableError(f"No column is left as an input: choose columns that vary.{reasons}")
        return cls(features, dropped)

    @property
    def names(self) -> list[str]:
        """The names of the encoded inputs, one per column of ``encode``'s array."""
        return [name for feature in self.features for name in feature.names]

    def encode(self, table: Table) -> NDArray[np.float64]:
        """The inputs for every row of ``table``.

        Args:
            table: any rows that have the columns learned from; other columns are ignored.

        Returns:
            ``x``, (N, inputs), finite whatever was missing or never seen in training.

        Raises:
            TableError: a column is missing, holds text where numbers were, or an infinite number.
        """
        columns = [table[feature.name] for feature in self.features]
        widths = [len(feature.names) for feature in self.features]
        x = np.zeros((table.rows, sum(widths)))
        parts = np.split(x, np.cumsum(widths)[:-1], axis=1)  # views: each feature writes into x itself
        for feature, column, part in zip(self.features, columns, parts, strict=True):
            feature.encode(column, part)
        return x

    def to_dict(self) -> dict[str, Any]:
        """Plain data for a model file: texts, numbers, lists and records only."""
        return {"features": [feature.to_dict() for feature in self.features], "dropped": dict(self.dropped)}

    @classmethod
    def from_dict(cls, value: object, where: str = "encoder") -> "Encoder":
        """The inverse of ``to_dict``.

        Args:
            value: what ``to_dict`` gave, perhaps by way of JSON.
            where: how error messages call it.

        Raises:
            FormatError: a field is missing, unknown, of a wrong type or out of bounds; the message names it.
        """
        fields = checked.record(value, where, ("features", "dropped"))
        entries = checked.items(fields["features"], f"{where}.features")
        features = tuple(feature_from_dict(entry, f"{where}.features[{i}]") for i, entry in enumerate(entries))
        dropped = checked.texts_by_name(fields["dropped"], f"{where}.dropped")
        names = [feature.name for feature in features] + list(dropped)
        if not features or len(names) != len(set(names)):
            raise FormatError(f"{where}.features must be at least one, and name no column twice, got {names!r:.200}.")
        return cls(features, dropped)
