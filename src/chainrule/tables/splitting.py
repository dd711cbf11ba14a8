"""Which rows to learn from and which to be judged by."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from chainrule.core.lookup import plain_number
from chainrule.core.seeds import chosen_seed
from chainrule.errors import InputError, TableError


def split_rows(
    rows: int, fraction: float, seed: int, groups: ArrayLike | None = None
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Part ``rows`` rows by chance into training and test rows.

    Args:
        rows: the number of rows N.
        fraction: the share of test rows, between 0 and 1; at least one row is on either side.
        seed: the same seed gives the same parts.
        groups: (N,) each row's class; then every class is shared out in the same ratio (the parts are
            *stratified*), and keeps at least one training row.

    Returns:
        The indices of the training rows and of the test rows, each shuffled.

    Raises:
        InputError: ``fraction`` is not between 0 and 1, or ``groups`` has another length.
        TableError: there are fewer than two rows.

    Example:
        >>> train, test = split_rows(6, 1 / 3, seed=0, groups=["a", "a", "a", "b", "b", "b"])
        >>> sorted(train.tolist() + test.tolist())
        [0, 1, 2, 3, 4, 5]
        >>> len(test), {row // 3 for row in test.tolist()}
        (2, {0, 1})
    """
    rows, fraction, seed = plain_number(rows), plain_number(fraction), chosen_seed(seed)
    if not 0 < fraction < 1:
        raise InputError(f"The fraction of test rows must lie between 0 and 1, got {fraction}: 0.25 is usual.")
    if rows < 2:
        raise TableError(f"At least two rows are needed to train and to test, got {rows}: add rows.")
    order = np.random.default_rng(seed).permutation(rows)
    tests = min(max(round(rows * fraction), 1), rows - 1)
    if groups is None:
        return order[tests:], order[:tests]
    codes = _codes(np.asarray(groups, dtype=object))
    if len(codes) != rows:
        raise InputError(f"groups must name a class for each of the {rows} rows, got {len(codes)}.")
    shares = _shares(np.bincount(codes), tests)
    if not shares.any():
        # Every class has a single row: none can be on both sides.
        return order[tests:], order[:tests]
    # The place of each shuffled row within its class: 0 for the first of its class, 1 for the next, ...
    by_class = np.argsort(codes[order], kind="stable")
    counts = np.bincount(codes)
    place = np.empty(rows, dtype=np.int64)
    place[by_class] = np.arange(rows) - np.repeat(np.cumsum(counts) - counts, counts)
    is_test = place < shares[codes[order]]
    return order[~is_test], order[is_test]


def _codes(groups: NDArray[Any]) -> NDArray[np.int64]:
    """A number from 0 for each label, in the order the labels are first met."""
    labels = groups.tolist()
    codes = {label: code for code, label in enumerate(dict.fromkeys(labels))}
    return np.fromiter(map(codes.__getitem__, labels), np.int64, len(labels))


def _shares(counts: NDArray[np.int64], tests: int) -> NDArray[np.int64]:
    """How many test rows each class gives: the whole part of its share, then by largest remainder."""
    exact = counts * (tests / counts.sum())
    shares = np.floor(exact).astype(np.int64)
    last = np.argsort(shares - exact, kind="stable")[: tests - shares.sum()]
    shares[last] += 1
    return np.minimum(shares, counts - 1)
