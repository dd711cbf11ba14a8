"""exercises: what is asked can be worked out from the sheet, and every answer is the network's own."""

import json
import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import chainrule as cr
from chainrule.errors import InputError
from chainrule.exercises import exercises
from chainrule.exercises.drawing import KINDS
from chainrule.exercises.exercise import Exercise
from tests.strategies import cases

X = [[1.0, 2.004], [0.5, -1.0]]
T = [[1.0], [0.0]]


def network(hidden="sigmoid", last="sigmoid", loss="squared_error", outputs=1):
    net = cr.Network(2, [cr.Dense(3, hidden), cr.Dense(outputs, last)], loss=loss, seed=0)
    net.parameters.vector[...] = np.random.default_rng(1).normal(size=net.parameters.vector.size)
    return net


def rounded(net, sheet):
    """The network that the sheet is about, made from the numbers it prints."""
    data = sheet.to_dict()
    twin = net.astype("float64")
    twin.set_parameters(data["parameters"])
    return twin, np.array(data["x"]), np.array(data["t"])


def of_kind(sheet, kind):
    return [exercise for exercise in sheet.exercises if exercise.kind == kind]


def true_value(exercise, net, x, t):
    """The answer, worked out anew by the network's own passes from the question's words."""
    on = re.search(r"on row (\d+)", exercise.question)
    n = int(on.group(1)) if on else 0
    rows = slice(None) if exercise.kind == "batch gradient" else [n]
    trace, gradients = net.trace(x[rows], t[rows]), net.gradients(x[rows], t[rows])
    name = re.search(r"`(?:dE/d)?([A-Za-z]+\d+)(?:\[([\d, ]+)\])?`", exercise.question)
    index = tuple(int(k) for k in name.group(2).split(",")) if name and name.group(2) else ()
    if exercise.kind in ("net input", "activation", "delta"):
        return trace[name.group(1)][0][index]
    if exercise.kind in ("gradient", "batch gradient", "sign"):
        return gradients[name.group(1)][index]
    if exercise.kind == "loss":
        return float(trace["E"])
    rate = float(re.search(r"learning rate ([\d.]+)", exercise.question).group(1))
    if exercise.kind == "update":
        return net.parameters[name.group(1)][index] - rate * gradients[name.group(1)][index]
    return rate * sum((g**2).sum() for g in gradients.values())


# -------------------------------------------------------------------------------- answers are true
@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(
    "net",
    [
        network(),
        network("relu", "identity", outputs=2),
        network("tanh", "softmax", "categorical_cross_entropy", 3),
        network("leaky_relu", "identity", "categorical_cross_entropy_from_logits", 3),
        network("gelu", "exponential", "poisson"),
    ],
    ids=lambda net: f"{net.layers[0].activation.name}, {net.loss_function.name}",
)
def test_every_number_is_that_of_the_rounded_network(net, seed):
    sheet = exercises(net, 18, seed=seed)
    twin, x, t = rounded(net, sheet)
    for exercise in sheet.exercises:
        if exercise.value is not None:
            wanted = true_value(exercise, twin, x, t)
            np.testing.assert_allclose(exercise.value, wanted, rtol=1e-9, atol=1e-12)
            assert f"{exercise.value + 0.0:.4g}" in exercise.answer


@settings(max_examples=20)
@given(cases(), st.integers(0, 1000))
def test_any_small_network_can_be_asked_about(case, seed):
    t = np.nan_to_num(case.t)
    sheet = exercises(case.net, 2, seed=seed, x=case.x, t=t)
    assert len(sheet) == 2
    assert sheet.answers_markdown()


def test_the_worked_lines_end_in_the_answer():
    for exercise in exercises(network(), 20, seed=3).exercises:
        if exercise.kind in ("net input", "activation", "loss", "update", "batch gradient"):
            assert exercise.value is not None
            assert exercise.working[-1].endswith(f"= {exercise.value + 0.0:.4g}")


# -------------------------------------------------------------------------------- questions
def test_a_sheet_has_every_kind_that_fits():
    sheet = exercises(network("relu", "identity", outputs=2), 22, seed=0)
    assert {exercise.kind for exercise in sheet.exercises} == set(KINDS)
    assert len({exercise.question for exercise in sheet.exercises}) == 22


def test_one_choice_is_right_and_the_wrong_ones_name_their_mistake():
    for seed in range(8):
        for exercise in of_kind(exercises(network("tanh"), 22, seed=seed), "gradient"):
            right = [choice for choice in exercise.choices if choice.right]
            assert len(right) == 1
            assert exercise.value is not None
            assert right[0].text == f"{exercise.value + 0.0:.4g}"
            assert len({choice.text for choice in exercise.choices}) == len(exercise.choices) >= 3
            assert all(choice.why and choice.mistake for choice in exercise.choices if not choice.right)


def test_distractors_are_what_the_mistakes_give():
    found = {}
    net = network("tanh")
    for seed in range(14):
        sheet = exercises(net, 22, seed=seed, x=X, t=T)
        twin, x, t = rounded(net, sheet)
        for exercise in of_kind(sheet, "gradient"):
            g = true_value(exercise, twin, x, t)
            for choice in exercise.choices:
                found.setdefault(choice.mistake, []).append(float(choice.text) / g)
    np.testing.assert_allclose(found["sign-flipped"], -1, rtol=2e-3)
    np.testing.assert_allclose(found["factor"], 0.5, rtol=2e-3)
    assert set(found) >= {
        "",
        "missing-activation-derivative",
        "derivative-at-activation",
        "weight-in-place-of-input",
        "net-input-in-place-of-activation",
    }


def test_missing_weights_are_offered_below_another_layer():
    net = cr.Network(2, [cr.Dense(2, "tanh"), cr.Dense(2)], loss="half_squared_error", seed=0)
    codes = {
        c.mistake for seed in range(12) for e in of_kind(exercises(net, 15, seed=seed), "gradient") for c in e.choices
    }
    assert {"missing-weights", "factor"} <= codes


def test_the_largest_path_is_the_right_choice():
    sheets = [exercises(network("tanh", outputs=2, last="identity"), 15, seed=seed) for seed in range(6)]
    found = [exercise for sheet in sheets for exercise in of_kind(sheet, "path")]
    assert found
    for exercise in found:
        sizes = {choice.right: abs(float(choice.why.split(",")[0])) for choice in exercise.choices}
        assert sizes[True] == max(abs(float(choice.why.split(",")[0])) for choice in exercise.choices)


def test_the_sign_question_is_answered_by_the_gradient():
    for seed in range(6):
        sheet = exercises(network(), 15, seed=seed)
        twin, x, t = rounded(network(), sheet)
        for exercise in of_kind(sheet, "sign"):
            g = true_value(exercise, twin, x, t)
            right = next(choice.text for choice in exercise.choices if choice.right)
            assert right == ("E rises" if g > 0 else "E falls" if g < 0 else "E does not change")


def test_dead_units_are_those_without_slope():
    net = cr.Network(1, [cr.Dense(3, "relu"), cr.Dense(1)], loss="squared_error", seed=0)
    net.set_parameters({"W1": [[1.0, -1.0, 2.0]], "b1": [0.0, 0.0, -5.0]})
    (exercise,) = of_kind(exercises(net, 9, x=[[1.0]], t=[[1.0]]), "dead units")
    assert exercise.answer == "Unit 1, unit 2."
    net.set_parameters({"b1": [0.0, 9.0, 9.0]})
    (exercise,) = of_kind(exercises(net, 9, x=[[1.0]], t=[[1.0]]), "dead units")
    assert exercise.answer.startswith("None")


# -------------------------------------------------------------------------------- the numbers
def test_numbers_are_rounded_to_two_decimals_and_the_network_stays_as_it_is():
    net = network()
    before = net.parameters.vector.copy()
    data = exercises(net, 5, x=X, t=T).to_dict()
    numbers = np.concatenate([np.ravel(v) for v in [*data["parameters"].values(), data["x"], data["t"]]])
    assert np.array_equal(numbers, np.round(numbers, 2))
    assert data["x"][0] == [1.0, 2.0]
    assert np.array_equal(net.parameters.vector, before)
    json.dumps(data)
    assert (data["schema"], data["version"]) == ("chainrule/exercises", 1)


def test_the_same_seed_gives_the_same_sheet():
    assert exercises(network(), 12, seed=4).markdown() == exercises(network(), 12, seed=4).markdown()
    assert exercises(network(), 12, seed=4).markdown() != exercises(network(), 12, seed=5).markdown()
    drawn = exercises(network(), 4, seed=None)
    assert drawn.markdown() == exercises(network(), 4, seed=drawn.seed).markdown()


@pytest.mark.parametrize(
    ("loss", "last", "fits"),
    [
        ("binary_cross_entropy", "sigmoid", lambda t: np.isin(t, (0, 1)).all()),
        ("poisson", "exponential", lambda t: (t >= 0).all() and (t == np.round(t)).all()),
        ("categorical_cross_entropy", "softmax", lambda t: (t.sum(axis=1) == 1).all()),
        ("huber", "identity", lambda t: ((t >= 0) & (t <= 1)).all()),
    ],
)
def test_targets_are_drawn_that_the_loss_is_meant_for(loss, last, fits):
    net = network(last=last, loss=loss, outputs=2)
    assert fits(np.array(exercises(net, 2).to_dict()["t"]))


def test_layers_that_train_otherwise_than_they_predict_are_told():
    net = cr.Network(2, [cr.Dense(2, "relu"), cr.BatchNorm(), cr.Dropout(0.5), cr.Dense(1)], seed=0)
    sheet = exercises(net, 12, seed=0)
    assert "BatchNorm and Dropout work as in prediction" in sheet.markdown()
    assert not of_kind(sheet, "loss fall")


# -------------------------------------------------------------------------------- as text, notebook and files
def test_questions_and_answers_stand_apart():
    sheet = exercises(network(), 6)
    asked, told = sheet.markdown(), sheet.answers_markdown()
    assert asked == str(sheet) == sheet._repr_markdown_()
    for exercise in sheet.exercises:
        assert exercise.question in asked
        assert exercise.answer not in asked
        assert exercise.answer in told
    both = sheet.markdown(answers=True)
    assert both.startswith(asked.rstrip())
    assert all(exercise.answer in both for exercise in sheet.exercises)
    assert "rounded to 2 decimals" in asked


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        ("categorical_cross_entropy_from_logits", "log(sum over j of exp(y[j]))"),
        ("mean_squared_error", "(t - y)^2`, averaged over the outputs"),
        ("squared_error", "(t - y)^2`, summed over the outputs"),
    ],
)
def test_the_losss_formula_is_told(loss, told):
    assert told in exercises(network(loss=loss, last="identity", outputs=2), 1).markdown()


def test_the_notebook_is_valid_and_folds_its_answers():
    nbformat = pytest.importorskip("nbformat")
    sheet = exercises(network("relu"), 6)
    for answers in (True, False):
        cells = sheet.notebook(answers=answers)
        nbformat.validate(nbformat.from_dict(cells))
        text = json.dumps(cells)
        assert text.count("<details>") == (6 if answers else 0)
        assert all((exercise.answer in [c["source"] for c in cells["cells"]]) is False for exercise in sheet.exercises)


def test_the_notebooks_numbers_are_the_sheets():
    sheet = exercises(network(), 3, x=X, t=T)
    names = {}
    exec(sheet.notebook()["cells"][1]["source"], names)
    assert names["x"].tolist() == sheet.to_dict()["x"]
    assert names["W1"].tolist() == sheet.to_dict()["parameters"]["W1"]


def test_saving_writes_questions_and_answers_to_files_of_their_own(tmp_path):
    sheet = exercises(network(), 3)
    written = sheet.save(tmp_path / "all")
    assert sorted(path.name for path in written) == [
        "exercises-answers.ipynb",
        "exercises-answers.md",
        "exercises.ipynb",
        "exercises.md",
    ]
    assert [path.name for path in sheet.save(tmp_path / "s.md")] == ["s.md", "s-answers.md"]
    assert [path.name for path in sheet.save(str(tmp_path / "s.ipynb"))] == ["s.ipynb", "s-answers.ipynb"]
    assert (tmp_path / "s.md").read_text(encoding="utf-8") == sheet.markdown()
    assert json.loads((tmp_path / "s-answers.ipynb").read_text(encoding="utf-8")) == sheet.notebook()


def test_an_exercise_without_choices_or_working_is_just_its_answer():
    assert Exercise("k", "t", "q", "a", ()).answer_markdown() == "a"


# -------------------------------------------------------------------------------- what is refused
@pytest.mark.parametrize(
    ("keywords", "told"),
    [
        ({"n": 0}, "n must be at least 1"),
        ({"n": 10_000}, "different questions were found for this network, not 10000"),
        ({"n": 2, "t": T}, "without inputs"),
        ({"n": 2, "x": X, "t": [[np.nan], [1.0]]}, "missing"),
        ({"n": 2, "x": [[1.0]]}, "x must have shape"),
    ],
)
def test_what_cannot_be_asked_is_refused(keywords, told):
    with pytest.raises(InputError, match=told):
        exercises(network(), **keywords)


def test_a_network_too_large_for_hands_is_refused():
    with pytest.raises(InputError, match="up to 200 parameters"):
        exercises(cr.Network(30, [cr.Dense(20)], seed=0))


def test_a_network_without_parameters_can_still_be_asked_for_its_loss():
    sheet = exercises(cr.Network(2, [cr.Dropout(0.1)], loss="squared_error", seed=0), 2)
    assert {exercise.kind for exercise in sheet.exercises} == {"loss"}


def test_fully_masked_weights_are_not_asked_about():
    net = cr.Network(1, [cr.Dense(1, mask=[[0]])], loss="squared_error", seed=0)
    assert not of_kind(exercises(net, 5, x=[[1.0]], t=[[1.0]]), "gradient")
