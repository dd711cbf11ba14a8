"""The recipe of the tabular estimators: after RealMLP, as far as it helps without a GPU.

Holzmüller, Grinsztajn & Steinwart 2024, Better by Default, NeurIPS (arXiv 2407.04491).
"""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from chainrule.arrays import Array
from chainrule.data import Encoder, Table
from chainrule.data.features import NumberFeature
from chainrule.optimizers.schedules import Clock, Memory, Schedule


@dataclass(frozen=True)
class CosLog(Schedule):
    """Waves that become longer: ``eta (1 - cos(2 pi log2(1 + (2^waves - 1) progress)))/2``.

    It begins and ends at 0 and touches it in between, ``waves`` waves in all; an epoch in a trough is a good one to
    keep.

    References:
        Holzmüller et al. 2024, arXiv 2407.04491, section 3.
    """

    eta: float
    waves: int = 4

    def rate(self, clock: Clock, memory: Memory) -> float:
        """The wave's height at that update."""
        del memory
        phase = math.log2(1 + (2**self.waves - 1) * (clock.update + 0.5) / max(clock.updates, 1))
        return self.eta * (1 - math.cos(2 * math.pi * phase)) / 2


@dataclass(frozen=True)
class RobustScaling:
    """``(z - median)/spread``, then smoothly clipped to between -3 and 3: ``u/sqrt(1 + (u/3)^2)``.

    The spread is the interquartile range over 1.349 (a normal distribution's in units of its deviation); half the whole
    range where a quarter of the rows share the median's value; 1 where all do. Columns of 0 and 1, and of -1 and 1, are
    left alone.

    Attributes:
        median, spread: (inputs,).
        clipped: (inputs,) which columns are scaled and clipped.
    """

    median: Array
    spread: Array
    clipped: Array

    @classmethod
    def learn(cls, z: Array, encoder: Encoder, weights: Array | None = None) -> "RobustScaling":
        """From the training rows' encoded inputs, weighted if told."""
        numeric: list[bool] = []
        for feature in encoder.features:
            scaled = isinstance(feature, NumberFeature) and feature.kind != "boolean"
            numeric += [scaled, *[False] * (len(feature.names) - 1)]
        clipped = np.array(numeric)
        told: dict[str, Any] = {"method": "inverted_cdf", "weights": weights}
        low, median, high = np.quantile(z, [0.25, 0.5, 0.75], axis=0, **told)
        spread = (high - low) / 1.349
        spread = np.where(spread > 0, spread, (z.max(axis=0) - z.min(axis=0)) / 2)
        return cls(np.where(clipped, median, 0.0), np.where(clipped & (spread > 0), spread, 1.0), clipped)

    def apply(self, z: Array) -> Array:
        """From encoded inputs to the network's."""
        u = (z - self.median) / self.spread
        return np.where(self.clipped, u / np.sqrt(1 + (u / 3) ** 2), u)


@dataclass(frozen=True)
class Columns:
    """From a table to a network's inputs, learned from the training rows."""

    encoder: Encoder
    scaling: RobustScaling

    @classmethod
    def learn(cls, table: Table, weights: Array | None = None) -> "Columns":
        """From the training rows, weighted if told.

        Raises:
            TableError: no column is left to learn from, or a number is infinite.
        """
        encoder = Encoder.learn(table, table.names)
        return cls(encoder, RobustScaling.learn(encoder.encode(table), encoder, weights))

    def encode(self, table: Table) -> Array:
        """The inputs (N, inputs), finite whatever was missing."""
        return self.scaling.apply(self.encoder.encode(table))
