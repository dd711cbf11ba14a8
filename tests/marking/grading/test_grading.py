"""Learners' files run in a process of their own, within limits, and marked."""

import csv
import json
import sys

import numpy as np
import pytest

from chainrule.errors import InputError, UnknownComponentError
from chainrule.marking.grading import Limits, child, grade, network_of, write_csv, write_html
from chainrule.marking.grading.grade import counts

REFERENCE = "2 -> 2 sigmoid -> 1 sigmoid, squared_error"

RIGHT = """
import numpy as np

def sigmoid(z):
    return 1 / (1 + np.exp(-z))

def gradients(p, x, t):
    h = sigmoid(x @ p["W1"] + p["b1"])
    y = sigmoid(h @ p["W2"] + p["b2"])
    d2 = 2 * (y - t) * y * (1 - y) / len(x)
    d1 = d2 @ p["W2"].T * h * (1 - h)
    return {"W1": x.T @ d1, "b1": d1.sum(axis=0), "W2": h.T @ d2, "b2": d2.sum(axis=0)}
"""

STEP = """
from right import sigmoid

def step(p, x, t, eta):
    h = sigmoid(x @ p["W1"] + p["b1"])
    y = sigmoid(h @ p["W2"] + p["b2"])
    d2 = 2 * (y - t) * y * (1 - y) / len(x)
    p["W2"] -= eta * h.T @ d2
    p["b2"] -= eta * d2.sum(axis=0)
    d1 = d2 @ p["W2"].T * h * (1 - h)
    p["W1"] -= eta * x.T @ d1
    p["b1"] -= eta * d1.sum(axis=0)
"""

FILES = {
    "right": RIGHT,
    "missing": RIGHT.replace(" * h * (1 - h)", ""),
    "updated": STEP,
    "raises": "def gradients(p, x, t):\n    return 1 / 0\n",
    "nothing": "x = 1\n",
    "leaves": "raise SystemExit(3)\n",
    "crashes": "import os\nos._exit(7)\n",
    "garbage": "import os, pathlib\npathlib.Path('answers.json').write_text('[' * 100000)\nos._exit(0)\n",
    "greedy": "import numpy as np\nx = np.ones(2**34)\n",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("submissions")
    for name, code in FILES.items():
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def graded(folder):
    files = [folder / f"{name}.py" for name in FILES]
    return {one.file.removesuffix(".py"): one for one in grade(files, network_of(REFERENCE), limits=Limits(60, 2048))}


def test_a_right_file_is_right(graded):
    assert graded["right"].verdict == "right"


def test_a_mistake_is_named(graded):
    assert graded["missing"].marking.codes == ("missing-activation-derivative",)


def test_a_step_in_place_is_marked_too(graded):
    assert graded["updated"].marking.codes == ("weights-updated-before-use",)


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("raises", "ZeroDivisionError: division by zero (line 2)"),
        ("nothing", "defines no function gradients"),
        ("leaves", "SystemExit: 3"),
        ("crashes", "exit code 7"),
        ("garbage", "can be read|exit"),
    ],
)
def test_a_file_that_cannot_be_run_is_told_and_stops_no_other(graded, name, told):
    assert graded[name].verdict == "not run"
    assert any(part in graded[name].error for part in told.split("|")), graded[name].error
    assert graded[name].summary == graded[name].error


@pytest.mark.skipif(sys.platform != "linux", reason="memory is limited on Linux only")
def test_a_file_that_takes_too_much_memory_is_stopped(graded):
    assert graded["greedy"].verdict == "not run"
    assert "Memory" in graded["greedy"].error or "memory" in graded["greedy"].error


def test_an_endless_loop_is_stopped(tmp_path):
    (tmp_path / "loop.py").write_text("while True:\n    pass\n", encoding="utf-8")
    (one,) = grade([tmp_path / "loop.py"], network_of(REFERENCE), limits=Limits(1, 2048))
    assert one.verdict == "not run"
    assert "1 seconds" in one.error or "exit" in one.error


def test_a_function_may_have_another_name(tmp_path):
    (tmp_path / "mine.py").write_text(RIGHT.replace("def gradients", "def backprop"), encoding="utf-8")
    (one,) = grade([tmp_path / "mine.py"], network_of(REFERENCE), function="backprop")
    assert one.verdict == "right"


def test_the_table_counts_the_mistakes(graded, tmp_path):
    every = list(graded.values())
    found = counts(every)
    assert found["not run"] == len(every) - 3
    assert found["missing-activation-derivative"] == 1
    write_csv(tmp_path / "marking.csv", every)
    write_html(tmp_path / "marking.html", every)
    with (tmp_path / "marking.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["file"] for row in rows] == [one.file for one in every]
    assert rows[1]["mistakes"] == "missing-activation-derivative"
    assert rows[1]["layers"] == "1"
    page = (tmp_path / "marking.html").read_text(encoding="utf-8")
    assert "weights-updated-before-use" in page
    assert "<script" not in page


def test_a_cell_that_a_spreadsheet_would_run_is_quoted(tmp_path):
    (tmp_path / "=evil().py").write_text("raise ValueError('<script>')\n", encoding="utf-8")
    graded = grade([tmp_path / "=evil().py"], network_of(REFERENCE))
    write_csv(tmp_path / "marking.csv", graded)
    write_html(tmp_path / "marking.html", graded)
    assert "\n'=evil" in (tmp_path / "marking.csv").read_text(encoding="utf-8")
    assert "<script" not in (tmp_path / "marking.html").read_text(encoding="utf-8")


# ---------------------------------------------------------------- networks as text
def test_a_network_is_read_from_text():
    model = network_of("3 -> 4 relu -> 2, mean_squared_error", seed=1)
    assert model.chain.units == (3, 4, 2)
    assert [layer.activation.name for layer in model.chain.layers] == ["relu", "identity"]
    assert model.parameters["b1"].all()
    assert not np.array_equal(
        model.parameters["W1"], network_of("3 -> 4 relu -> 2, mean_squared_error").parameters["W1"]
    )


@pytest.mark.parametrize(
    "text", ["2", "2 -> 1", "2 -> x, huber", "2 -> 0, huber", "-> 1, huber", "2 -> 1 tanh 3, huber"]
)
def test_what_describes_no_network_is_refused(text):
    with pytest.raises(InputError, match="2 -> 3 tanh"):
        network_of(text)


def test_an_unknown_loss_is_refused():
    with pytest.raises(UnknownComponentError, match="nothing"):
        network_of("2 -> 1, nothing")


@pytest.mark.parametrize(
    "reference",
    [
        "2 -> 3 softmax, categorical_cross_entropy",
        "2 -> 2 sigmoid, binary_cross_entropy",
        "2 -> 1 exponential, poisson",
    ],
)
def test_targets_suit_the_loss(tmp_path, reference):
    (tmp_path / "none.py").write_text("def gradients(p, x, t):\n    return {'b1': 0 * p['b1']}\n", encoding="utf-8")
    (one,) = grade([tmp_path / "none.py"], network_of(reference))
    assert one.marking is not None
    assert one.marking.verdict == "one mistake"


# ---------------------------------------------------------------- what runs in the other process
def _answers(tmp_path, monkeypatch, code, function=""):
    monkeypatch.setattr(child, "_limit", lambda seconds, megabytes: None)  # these limits are for another process
    one = {"parameters": {"W1": [[1.0]]}, "x": [[2.0]], "t": [[3.0]], "learning_rate": 0.5}
    task = {"file": str(tmp_path / "mine.py"), "source": code, "function": function, "inputs": [one]}
    monkeypatch.setattr(sys, "path", list(sys.path))
    found = child.answer_task(task | {"seconds": 1, "megabytes": 1})
    sys.modules.pop("submission")
    return json.loads(json.dumps(found))


def test_the_child_answers_with_lists(tmp_path, monkeypatch):
    found = _answers(tmp_path, monkeypatch, "def gradients(p, x, t):\n    return {'W1': x.T @ t}\n")
    assert found == {"kind": "gradients", "answers": [{"values": {"W1": [[6.0]]}}]}


def test_the_child_reads_back_what_a_step_changed_in_place(tmp_path, monkeypatch):
    found = _answers(tmp_path, monkeypatch, "def step(p, x, t, eta):\n    p['W1'] -= eta\n")
    assert found == {"kind": "step", "answers": [{"values": {"W1": [[0.5]]}}]}


def test_the_child_tells_the_line_of_an_error(tmp_path, monkeypatch):
    found = _answers(tmp_path, monkeypatch, "def gradients(p, x, t):\n    return p['b7']\n")
    assert found["answers"] == [{"error": "KeyError: 'b7' (line 2)"}]


def test_the_child_tells_that_a_file_has_no_function(tmp_path, monkeypatch):
    assert "no function mine" in _answers(tmp_path, monkeypatch, "", function="mine")["error"]


def test_the_child_limits_itself(monkeypatch):
    resource = pytest.importorskip("resource")
    asked = {}

    def setrlimit(what, limits):
        if what == resource.RLIMIT_AS:
            raise ValueError("not on this system")
        asked[what] = limits

    monkeypatch.setattr(resource, "setrlimit", setrlimit)
    child._limit(10, 100)
    assert asked[resource.RLIMIT_CPU] == (11, 11)
    assert resource.RLIMIT_FSIZE in asked


def test_the_child_runs_where_nothing_can_be_limited(monkeypatch):
    monkeypatch.setitem(sys.modules, "resource", None)
    child._limit(10, 100)
