"""Training and test rows."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import InputError, TableError
from chainrule.tables import split_rows

FRACTIONS = st.floats(0, 1, exclude_min=True, exclude_max=True)


@given(rows=st.integers(2, 60), fraction=FRACTIONS, seed=st.integers(0, 2**32))
def test_every_row_is_on_exactly_one_side_and_no_side_is_empty(rows, fraction, seed):
    train, test = split_rows(rows, fraction, seed)
    assert sorted([*train, *test]) == list(range(rows))
    assert len(train) >= 1
    assert len(test) == min(max(round(rows * fraction), 1), rows - 1)


@given(
    groups=st.lists(st.sampled_from(["a", "b", "c", None]), min_size=2, max_size=60),
    fraction=FRACTIONS,
    seed=st.integers(0, 9),
)
def test_classes_are_shared_out_in_the_same_ratio_and_each_is_trained_on(groups, fraction, seed):
    train, test = split_rows(len(groups), fraction, seed, groups)
    assert sorted([*train, *test]) == list(range(len(groups)))
    assert len(train) >= 1
    assert len(test) >= 1
    if len(set(groups)) == len(groups):
        return  # single rows cannot be shared out
    labels = np.array(groups, dtype=object)
    asked = min(max(round(len(groups) * fraction), 1), len(groups) - 1)
    for group in set(groups):
        of_group = np.equal(labels, group).astype(bool)
        share = of_group[test].sum()
        assert of_group[train].sum() >= 1
        assert share <= of_group.sum() * asked / len(groups) + 1
        assert share >= min(np.floor(of_group.sum() * asked / len(groups) - 1e-9), of_group.sum() - 1)


def test_the_same_seed_gives_the_same_rows_and_another_one_others():
    first, again, other = (split_rows(1000, 0.3, seed)[1].tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other


def test_stratified_rows_are_chosen_by_chance_too():
    groups = ["a", "b"] * 500
    first, again, other = (split_rows(1000, 0.3, seed, groups)[1].tolist() for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert first != sorted(first)


def test_a_rare_class_is_tested_in_proportion():
    groups = np.array(["common"] * 90 + ["rare"] * 10)
    train, test = split_rows(100, 0.2, 0, groups)
    assert (groups[test] == "rare").sum() == 2
    assert (groups[train] == "rare").sum() == 8


def test_classes_of_a_single_row_each_are_still_split():
    train, test = split_rows(4, 0.25, 0, ["a", "b", "c", "d"])
    assert (len(train), len(test)) == (3, 1)


@pytest.mark.parametrize("fraction", [0, 1, -0.1, 1.5, float("nan")])
def test_a_fraction_outside_0_and_1_is_refused(fraction):
    with pytest.raises(InputError, match="between 0 and 1"):
        split_rows(10, fraction, 0)


def test_too_few_rows_are_refused():
    with pytest.raises(TableError, match="At least two rows"):
        split_rows(1, 0.5, 0)


def test_groups_of_another_length_are_refused():
    with pytest.raises(InputError, match="each of the 3 rows, got 2"):
        split_rows(3, 0.5, 0, ["a", "b"])
