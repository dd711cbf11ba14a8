"""Targets: the task that a column sets, and the way to numbers and back."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from chainrule.errors import FormatError, InputError, TableError
from chainrule.tables import Column, Target

NAN = math.nan


def column(kind, *values, name="t"):
    dtype = object if kind == "category" else np.float64
    return Column(name, kind, np.array([*values, None], dtype=object)[:-1].astype(dtype))


def learned(kind, *values, task=None):
    return Target.learn(column(kind, *values), task)


# The task


@pytest.mark.parametrize(
    ("kind", "values", "task", "expected"),
    [
        ("number", (1.5, 2.0), None, "regression"),
        ("number", (1.0, 2.0, 3.0), None, "regression"),
        ("number", (0.0, 1.0, NAN), None, "binary"),
        ("number", (-1.0, 1.0, 1.0), None, "binary"),
        ("number", (0.0, 1.0), "regression", "regression"),
        ("number", (1.0, 2.0, 3.0), "classification", "multiclass"),
        ("number", (1.0, 2.5), "classification", "binary"),
        ("boolean", (0.0, 1.0), None, "binary"),
        ("boolean", (0.0, 1.0), "regression", "regression"),
        ("category", ("a", "b", None), None, "binary"),
        ("category", ("a", "b", "c"), None, "multiclass"),
        ("category", ("a", "b"), "multiclass", "multiclass"),
        ("category", ("a", "b"), "binary", "binary"),
        ("category", ("a", "b", "b"), "classification", "binary"),
    ],
)
def test_the_column_chooses_the_task_unless_one_is_asked_for(kind, values, task, expected):
    assert learned(kind, *values, task=task).task == expected


@pytest.mark.parametrize(
    ("kind", "values", "task", "message"),
    [
        ("number", (2.0, 2.0, NAN), None, "'t' is 2 in every row: there is nothing to learn"),
        ("number", (NAN, NAN), None, "'t' has no value in any row"),
        ("category", (None,), "classification", "'t' has no value in any row"),
        ("category", ("a", "a"), None, "needs 2 to 1000 classes, 't' has 1"),
        ("number", (1.0,), "classification", "needs 2 to 1000 classes, 't' has 1"),
        ("number", tuple(map(float, range(1001))), "classification", "'t' has 1001"),
        ("category", ("a", "b"), "regression", "Regression needs numbers, the target 't' is text"),
        ("category", ("a", "b", "c"), "binary", "'t' has 3: ask for 'multiclass'"),
        ("category", ("a", "x" * 1001), None, "1 to 1000 characters"),
        ("category", ("a", ""), None, "1 to 1000 characters"),
        ("date", (1.0, 2.0), None, "'t' holds dates: predict a number"),
        ("number", (1.0, math.inf, 0.5), None, r"row 2: numbers must be finite"),
        ("number", (1.0, math.inf), "classification", r"row 2: numbers must be finite"),
    ],
)
def test_a_column_that_cannot_be_predicted_is_refused(kind, values, task, message):
    with pytest.raises(TableError, match=message):
        learned(kind, *values, task=task)


def test_an_unknown_task_is_answered_with_the_known_ones():
    with pytest.raises(InputError, match=r"no task 'regresion'\. Did you mean 'regression'\? Use one of"):
        learned("number", 1.0, 2.0, task="regresion")


def test_text_classes_are_sorted_by_text_and_numbers_by_size():
    assert learned("category", "b", "c", "a").classes == ("a", "b", "c")
    assert learned("number", 10.0, 9.0, 9.5, task="classification").classes == ("9", "9.5", "10")
    assert learned("boolean", 1.0, 0.0).classes == ("false", "true")


def test_present_rows_are_those_with_a_value():
    assert Target.present(column("category", "a", None)).tolist() == [True, False]
    assert Target.present(column("number", NAN, 1.0)).tolist() == [False, True]


# There


def test_numbers_are_standardised_and_come_back_in_their_unit():
    target = learned("number", 10.0, 30.0, NAN, task="regression")
    assert target.outputs == 1
    assert target.encode(column("number", 10.0, 20.0, 50.0)).tolist() == [[-1.0], [0.0], [3.0]]
    assert target.decode(np.array([[-1.0], [3.0]]))["prediction"].tolist() == [10.0, 50.0]


def test_the_second_of_two_classes_is_one():
    target = learned("category", "no", "yes")
    assert target.outputs == 1
    assert target.encode(column("category", "yes", "no")).tolist() == [[1.0], [0.0]]


def test_several_classes_are_one_hot():
    target = learned("category", "b", "a", "c")
    assert target.outputs == 3
    assert target.encode(column("category", "c", "a")).tolist() == [[0, 0, 1], [1, 0, 0]]


def test_numbers_are_classes_by_the_text_that_names_them():
    assert learned("category", "1", "A1").labels(column("number", 1.0)).tolist() == ["1"]
    assert learned("number", 1.0, 2.0).labels(column("category", "2", "1")).tolist() == ["2", "1"]


def test_a_class_never_seen_is_refused_with_its_row():
    with pytest.raises(TableError, match=r"Column 't', row 2: the class 'c' was never seen .* classes were a, b"):
        learned("category", "a", "b").encode(column("category", "a", "c"))


def test_a_missing_target_is_refused_with_its_row():
    with pytest.raises(TableError, match=r"row 2: the target is missing: .*Target\.present"):
        learned("category", "a", "b").encode(column("category", "a", None))
    with pytest.raises(TableError, match=r"row 1: the target is missing"):
        learned("number", 1.5, 2.0).encode(column("number", NAN, 1.0))


def test_text_where_numbers_were_is_refused():
    with pytest.raises(TableError, match=r"row 2: a number is needed, got the text 'high'"):
        learned("number", 1.5, 2.0).encode(column("category", "1", "high"))


# And back


def test_a_binary_logit_becomes_two_probabilities_and_a_class():
    columns = learned("category", "no", "yes").decode(np.array([[math.log(3)], [-math.log(3)]]))
    assert list(columns) == ["prediction", "probability of no", "probability of yes"]
    assert columns["prediction"].tolist() == ["yes", "no"]
    np.testing.assert_allclose(columns["probability of yes"], [0.75, 0.25])


def test_several_logits_become_probabilities_by_softmax():
    columns = learned("category", "a", "b", "c").decode(np.log([[1.0, 2.0, 1.0]]))
    assert columns["prediction"].tolist() == ["b"]
    np.testing.assert_allclose([columns[f"probability of {name}"][0] for name in "abc"], [0.25, 0.5, 0.25])


@given(y=arrays(np.float64, (4, 3), elements=st.floats(-1e300, 1e300)))
def test_probabilities_are_finite_and_add_up_to_one(y):
    target = learned("category", "a", "b", "c")
    p = target.probabilities(y)
    assert ((p >= 0) & (p <= 1)).all()
    np.testing.assert_allclose(p.sum(axis=1), 1)
    p = learned("boolean", 0.0, 1.0).probabilities(y[:, :1])
    np.testing.assert_allclose(p.sum(axis=1), 1)


@given(values=st.lists(st.floats(-1e9, 1e9), min_size=3, max_size=10, unique=True))
def test_decoding_the_targets_gives_the_numbers_back(values):
    t = column("number", *values)
    target = Target.learn(t, "regression")
    back = target.decode(target.encode(t))["prediction"]
    np.testing.assert_allclose(back, values, rtol=1e-9, atol=1e-6)


@pytest.mark.parametrize("y", [np.zeros((2, 2)), np.zeros(2), np.array([[NAN]]), np.array([[math.inf]])])
def test_outputs_of_another_shape_or_not_finite_are_refused(y):
    for target in (learned("number", 1.0, 2.5), learned("category", "a", "b")):
        with pytest.raises(InputError, match=r"must have shape|not finite"):
            target.decode(y)


def test_a_number_has_no_probabilities():
    with pytest.raises(InputError, match="has no classes"):
        learned("number", 1.0, 2.5).probabilities(np.zeros((1, 1)))


# Model files

TARGETS = [
    learned("number", 1.5, 2.0),
    learned("category", "a", "b"),
    learned("category", "a", "b", "c"),
    learned("category", "a", "b", task="multiclass"),
]


@pytest.mark.parametrize("target", TARGETS)
def test_a_target_survives_a_model_file(target):
    assert Target.from_dict(json.loads(json.dumps(target.to_dict()))) == target


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": 5}, "target.name must be a text"),
        ({"task": "clustering"}, "target.task must be one of regression, binary, multiclass"),
        ({"task": None}, "target.task"),
        ({"task": "multiclass", "classes": ["a"], "scaling": None}, "target.classes must suit"),
        ({"task": "binary"}, "target.classes must suit the task 'binary', got 0"),
        ({"task": "multiclass", "classes": [str(k) for k in range(1001)]}, "got 1001"),
        ({"classes": ["a", "b"]}, "target.classes must suit the task 'regression'"),
        ({"classes": "ab"}, "target.classes must be a list"),
        ({"task": "binary", "classes": ["a", "a"]}, "target.classes must be .* without repetition"),
        ({"task": "binary", "classes": ["a", "b"]}, "target.scaling must be null"),
        ({"scaling": None}, "target.scaling must be a record"),
        ({"scaling": {"mean": 0.0, "scale": NAN, "limit": None}}, "target.scaling.scale must be a number"),
        ({"extra": 1}, "target must be a record of the fields"),
    ],
)
def test_a_wrong_field_of_a_file_is_named(change, field):
    with pytest.raises(FormatError, match=field):
        Target.from_dict(TARGETS[0].to_dict() | change)


@pytest.mark.parametrize("value", [None, [], "target", {}])
def test_no_record_at_all_is_refused(value):
    with pytest.raises(FormatError, match="target must be a record"):
        Target.from_dict(value)
