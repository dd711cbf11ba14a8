"""Label smoothing and its undoing: what a network learns by, and what it then believes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from chainrule.tables import checked_data as checked


@dataclass(frozen=True)
class Smoothing:
    """Targets moved towards all K classes alike, ``q = (1 - s) t + s/K``, and probabilities moved back.

    A network trained on ``q`` learns ``(1 - s) p + s/K`` where the classes' probabilities are ``p``: of a class of 1 %
    among two it would say 5.9 % with ``s = 0.1``. So ``p = (q - s/K)/(1 - s)``. Where that is too small, also below 0,
    as a network's outputs are never exact, it is ``1/(rows + K)``: more rows are needed to know that a class is rarer
    (the rule of succession), though never more than the ``s/K`` that training gave it. The likeliest class stays the
    likeliest.

    Args:
        share: ``s``, from 0 to below 1.
        rows: how many rows taught.

    Example:
        >>> smoothing = Smoothing(0.1, rows=1000)
        >>> smoothing.apply(np.array([[1.0, 0.0]]))
        array([[0.95, 0.05]])
        >>> smoothing.undo(np.array([[0.95, 0.05], [0.9, 0.1]])).round(4)
        array([[0.999 , 0.001 ],
               [0.9444, 0.0556]])

    References:
        Szegedy et al. 2016, Rethinking the Inception architecture, CVPR, section 7; Laplace 1774 for the rule of
        succession.
    """

    share: float = 0.0
    rows: int = 0

    def apply(self, t: NDArray[np.floating]) -> NDArray[np.floating]:
        """Targets to train on, from (N, K) shares of classes or (N, 1) shares of the second of two."""
        return (1 - self.share) * t + self.share / max(t.shape[1], 2) if self.share else t

    def least(self, classes: int) -> float:
        """The smallest probability of so many classes, before they are made to add up to 1."""
        return min(1 / (self.rows + classes), self.share / classes)

    def undo(self, q: NDArray[np.floating]) -> NDArray[np.float64]:
        """Probabilities (N, K) of the classes as they are, from those that a network has learned.

        Each row adds up to 1.
        """
        if not self.share:
            return np.asarray(q, np.float64)
        classes = q.shape[1]
        p = np.maximum((np.asarray(q, np.float64) - self.share / classes) / (1 - self.share), self.least(classes))
        return p / p.sum(axis=1, keepdims=True)

    def to_dict(self) -> dict[str, float]:
        """Plain data for a model file."""
        return {"share": self.share, "rows": self.rows}

    @classmethod
    def from_dict(cls, value: object, where: str) -> "Smoothing":
        """The inverse of ``to_dict``.

        Raises:
            FormatError: a field is missing, unknown, of a wrong type or out of bounds; the message names it.
        """
        fields = checked.record(value, where, ("share", "rows"))
        share = checked.number(fields["share"], f"{where}.share", 0.0, np.nextafter(1.0, 0.0))
        return cls(share, int(checked.number(fields["rows"], f"{where}.rows", 1, 2**53)))


NO_SMOOTHING = Smoothing()
"""Targets as they are."""
