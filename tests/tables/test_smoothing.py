"""Label smoothing: what it makes of targets, and what undoing it makes of what a network has learned."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chainrule.errors import FormatError
from chainrule.tables import Target
from chainrule.tables.smoothing import NO_SMOOTHING, Smoothing

shares, rows = st.floats(0.001, 0.9), st.integers(1, 10**6)


@st.composite
def probabilities(draw):
    """Of 2 to 5 classes in some rows, each row adding up to 1."""
    classes, seed = draw(st.integers(2, 5)), draw(st.integers(0, 2**32 - 1))
    return np.random.default_rng(seed).dirichlet(np.full(classes, draw(st.sampled_from([0.05, 0.3, 1.0, 5.0]))), 20)


@given(p=probabilities(), share=shares, taught=rows)
def test_what_smoothing_makes_of_probabilities_is_undone(p, share, taught):
    smoothing = Smoothing(share, taught)
    least = smoothing.least(p.shape[1])
    undone = smoothing.undo(smoothing.apply(p))
    np.testing.assert_allclose(
        undone, np.maximum(p, least) / np.maximum(p, least).sum(axis=1, keepdims=True), atol=1e-9
    )
    assert np.abs(undone - p).max() <= p.shape[1] * least + 1e-9


@given(q=probabilities(), share=shares, taught=rows)
def test_whatever_was_learned_becomes_probabilities_and_the_likeliest_class_stays(q, share, taught):
    """Also where a network is surer than smoothed labels are, so that the inverse would be negative."""
    p = Smoothing(share, taught).undo(q)
    assert ((p > 0) & (p < 1)).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)
    np.testing.assert_array_equal(p.argmax(axis=1), q.argmax(axis=1))


@given(q=probabilities())
def test_without_smoothing_nothing_changes(q):
    np.testing.assert_array_equal(NO_SMOOTHING.undo(q), q)
    np.testing.assert_array_equal(NO_SMOOTHING.apply(q), q)


def test_a_column_of_one_of_two_classes_is_smoothed_as_the_pair_is():
    t = np.array([[1.0], [0.0]])
    pair = Smoothing(0.2).apply(np.column_stack([1 - t, t]))
    np.testing.assert_allclose(Smoothing(0.2).apply(t), pair[:, 1:])


def test_a_target_keeps_its_smoothing_in_the_file_and_older_files_have_none():
    target = Target("kind", "binary", ("a", "b"), None, Smoothing(0.1, 500))
    assert Target.from_dict(target.to_dict()) == target
    plain = replace(target, smoothing=NO_SMOOTHING)
    assert "smoothing" not in plain.to_dict()
    assert Target.from_dict(plain.to_dict()) == plain
    learned, undone = plain.probabilities(np.array([[-2.5]])), target.probabilities(np.array([[-2.5]]))
    np.testing.assert_allclose(undone, (learned - 0.05) / 0.9)


@pytest.mark.parametrize(
    "wrong",
    [{"share": 1.0, "rows": 5}, {"share": -0.1, "rows": 5}, {"share": 0.1, "rows": 0}, {"share": 0.1}, None, {}, "0.1"],
    ids=str,
)
def test_a_file_with_another_smoothing_is_refused(wrong):
    fields = Target("kind", "binary", ("a", "b")).to_dict() | {"smoothing": wrong}
    with pytest.raises(FormatError, match=r"target\.smoothing"):
        Target.from_dict(fields)


def test_numbers_have_no_smoothing():
    scaling = {"mean": 0.0, "scale": 1.0, "limit": None}
    fields = {"name": "price", "task": "regression", "classes": [], "scaling": scaling}
    with pytest.raises(FormatError, match=r"target\.smoothing must be absent"):
        Target.from_dict(fields | {"smoothing": {"share": 0.1, "rows": 5}})
