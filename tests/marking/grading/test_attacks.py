"""A folder of submissions that do their worst: every file gets its row in bounded time, and no wrong one is right."""

import os
import sys
import time

import pytest

from chainrule.marking.grading import Limits, grade, network_of
from chainrule.marking.grading.table import csv_text, html_text

REFERENCE = "2 -> 2 sigmoid -> 1 sigmoid, squared_error"
RIGHT = """
import numpy as np

def right(p, x, t):
    h = 1 / (1 + np.exp(-(x @ p["W1"] + p["b1"])))
    y = 1 / (1 + np.exp(-(h @ p["W2"] + p["b2"])))
    d2 = 2 * (y - t) * y * (1 - y) / len(x)
    d1 = d2 @ p["W2"].T * h * (1 - h)
    return {"W1": x.T @ d1, "b1": d1.sum(axis=0), "W2": h.T @ d2, "b2": d2.sum(axis=0)}

gradients = right
"""
WRONG = RIGHT.replace("2 * (y - t)", "-2 * (y - t)")


def spoiled(answer, before=""):
    """Right gradients g of which something else is returned; what comes before runs once."""
    return f"""{RIGHT}
import json
import os
calls = [0]
{before}

def gradients(p, x, t):
    calls[0] += 1
    g = right(p, x, t)
    {answer}
"""


def forged(payload):
    """Bytes written wherever the answers may go, then an end without any."""
    return f"""
import os
for descriptor in range(3, 32):
    try:
        os.write(descriptor, {payload!r})
    except OSError:
        pass
os._exit(0)
"""


RETURNED = {
    "first only": spoiled("return g if calls[0] == 1 else 1 / 0"),
    "first right": spoiled("return g if calls[0] == 1 else {k: -v for k, v in g.items()}"),
    "one of four": spoiled("return {'b1': g['b1']}"),
    "fewer later": spoiled("return g if calls[0] == 1 else {'b1': g['b1']}"),
    "other later": spoiled("return g if calls[0] != 3 else 7"),
    "exits later": spoiled("return g if calls[0] == 1 else os._exit(0)"),
    "leaves later": spoiled("if calls[0] > 1: raise SystemExit(0)\n    return g"),
    "interrupts later": spoiled("if calls[0] > 1: raise KeyboardInterrupt\n    return g"),
    "generator": spoiled("yield from g.items()"),
    "list": spoiled("return list(g.values())"),
    "nothing": spoiled("return None"),
    "complex": spoiled("return {k: v + 1j for k, v in g.items()}"),
    "text": spoiled("return {k: v.astype(str) for k, v in g.items()}"),
    "none inside": spoiled("g['b1'] = [None, None]; return g"),
    "ragged": spoiled("g['W1'] = [[1.0], [1.0, 2.0]]; return g"),
    "nan": spoiled("g['W1'][0, 0] = float('nan'); return g"),
    "infinite": spoiled("g['W1'] = g['W1'] / 0; return g"),
    "enormous": spoiled("g['W1'] = [[10**400, 0], [0, 0]]; return g"),
    "extra": spoiled("g['W9'] = 1.0; return g"),
    "keys": spoiled("return {k.encode(): v for k, v in g.items()}"),
    "numbers as keys": spoiled("return dict(enumerate(g.values()))"),
    "large": spoiled("g['W1'] = np.zeros((1000, 1000)); return g"),
    "integers": spoiled("return {k: v.astype(int) for k, v in g.items()}"),
    "half": spoiled("return {k: v.astype(np.float16) for k, v in g.items()}"),
    "empty": spoiled("return {}"),
    "dates": spoiled("g['b1'] = np.array(['2020-01-01', '2020-01-02'], dtype='M8[D]'); return g"),
    "deep": spoiled("v = []\n    for _ in range(5000): v = [v]\n    g['b1'] = v; return g"),
    "endless recursion": spoiled("return gradients(p, x, t)"),
    "silent error": spoiled("class E(Exception):\n        def __str__(self): 1 / 0\n    raise E"),
    "loud error": spoiled("raise ValueError('x' * 10**7)"),
    "odd error": spoiled("raise ValueError('\\ud800\\n\\x1b[2J=1')"),
    "changes its input": spoiled("p['W1'] *= 0; return right(p, x, t)"),
}
DONE = {
    "json": spoiled("return {'b1': g['b1']}", 'json.dumps = lambda *a, **k: \'{"kind": "gradients"}\''),
    "json with nothing": spoiled("return {}", "json.dumps = lambda *a, **k: 1 / 0"),
    "numpy": spoiled("return {k: 0 * v for k, v in g.items()}", "np.asarray = lambda *a, **k: 1 / 0"),
    "exits": "import sys\nsys.exit(0)\n",
    "exits at once": "import os\nos._exit(0)\n",
    "interrupts": "raise KeyboardInterrupt\n",
    "crashes": "import ctypes\nctypes.string_at(0)\n",
    "aborts": "import os\nos.abort()\n",
    "bytes": "def gradients(p, x, t):\n    return '\xff'\n",
    "no code": "this is no Python\n",
    "zeros": "x = 1\0\n",
    "loud": WRONG + "import sys\nfor _ in range(500):\n    sys.stdout.write('x' * 10**6)\n",
    "threads": WRONG + "import threading, time\nthreading.Thread(target=lambda: time.sleep(60)).start()\n",
    "recursion of folders": WRONG + "import os\nfor _ in range(1500):\n    os.mkdir('a')\n    os.chdir('a')\n",
    "no folder": WRONG + "import os\nname = os.getcwd()\nos.chdir('/')\nos.rmdir(name)\nos.symlink('/', name)\n",
    "closed folder": WRONG + "import os\nos.mkdir('a')\nos.chmod('a', 0)\nos.chmod('.', 0)\n",
}
SYSTEM = {
    "pipe": WRONG + "import os\nfor name in ('answers.json', 'task.json'):\n    os.mkfifo(name)\n",
    "kills what started it": WRONG + "import os\nif os.getppid() > 1:\n    os.kill(os.getppid(), 9)\n",
    "kills its group": WRONG + "import os\nos.killpg(0, 9)\n",
    "kills that of what started it": WRONG + "import os\nos.killpg(os.getpgid(os.getppid()), 9)\n",
    "forks": WRONG + "import os, time\nfor _ in range(5):\n    if not os.fork():\n        time.sleep(60)\n",
    "answers twice": RIGHT + "import os\nos.fork()\ngradients = lambda p, x, t: {'b1': right(p, x, t)['b1']}\n",
}
FORGED = [
    b"[" * 10**5,
    b"\xff\xfe",
    b"NaN",
    b"[]",
    b'"text"',
    b'{"error": {"a": 1}}',
    b'{"error": "\\ud800"}',
    b'{"kind": 1, "answers": []}',
    b'{"kind": "gradients", "answers": []}',
    b'{"kind": "gradients", "answers": [1, null, [], {}]}',
    b'{"kind": "gradients", "answers": [{"values": []}, {"values": 1}, {"error": 1}, {}]}',
    b'{"kind": "gradients", "answers": ' + str([{"values": {"b1": 10**400}}] * 4).replace("'", '"').encode() + b"}",
    b'{"kind": "gradients", "answers": ' + b"1" * 5000 + b"}",
    b'{"kind": "gradients", "kind": "step", "answers": [{"values": {"b1": {"a": 1}}}, {}, {}, {}]}',
    b"x" * 10**6,
]


def written(folder, files):
    for name, code in files.items():
        (folder / f"{name}.py").write_bytes(code.encode("latin-1") if isinstance(code, str) else code)
    return sorted(folder.glob("*.py"))


def graded(folder, files, seconds=60):
    """The rows of attacks, and of two honest files among them."""
    written(folder, {"a right one": RIGHT, "z wrong one": WRONG} | files)
    found = grade(sorted(folder.glob("*.py")), network_of(REFERENCE), limits=Limits(seconds, 2048))
    rows = {one.file.removesuffix(".py"): one for one in found}
    assert rows.pop("a right one").right
    assert rows.pop("z wrong one").marking.codes == ("sign-flipped",)
    assert all(one.summary for one in rows.values())
    assert not [one.file for one in rows.values() if one.right or one.verdict.startswith("right but")]
    csv_text(found).encode()
    html_text(found).encode()
    return rows


def test_what_is_returned_is_right_only_for_all_inputs_and_parameters(tmp_path):
    rows = graded(tmp_path, RETURNED)
    assert set(rows) == set(RETURNED)
    assert "ZeroDivisionError" in rows["first only"].summary
    assert rows["one of four"].verdict == "right in part"
    assert rows["one of four"].summary == "right in part: nothing was given for W1, W2, b2"
    assert "b1" in rows["fewer later"].error
    assert "generator" in rows["generator"].error
    assert "complex" in rows["complex"].error
    assert "W9" in rows["extra"].error
    assert rows["nan"].verdict == "unknown"
    assert len(rows["loud error"].summary) < 1000


def test_what_is_done_meanwhile_ends_only_its_own_row(tmp_path):
    rows = graded(tmp_path, DONE)
    assert set(rows) == set(DONE)
    for name in ("loud", "threads", "recursion of folders", "no folder", "closed folder"):
        assert rows[name].marking.codes == ("sign-flipped",), (name, rows[name].summary)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_processes_end_only_their_own_row(tmp_path):
    rows = graded(tmp_path, SYSTEM)
    assert set(rows) == set(SYSTEM)
    assert rows["pipe"].marking.codes == ("sign-flipped",)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes are not forked here")
def test_an_answer_that_is_forged_is_not_run(tmp_path):
    rows = graded(tmp_path, {f"forged {k}": forged(payload) for k, payload in enumerate(FORGED)})
    assert {one.verdict for one in rows.values()} == {"not run"}


def test_what_never_ends_is_ended_in_time(tmp_path):
    sleepers = {
        "sleeps": "import time\ntime.sleep(1000)\n",
        "sleeps later": spoiled("import time; time.sleep(1000 * (calls[0] > 1)); return g"),
        "ignores signals": "import signal, time\nsignal.signal(signal.SIGTERM, signal.SIG_IGN)\ntime.sleep(1000)\n",
        "never computes": "while True:\n    pass\n",
    }
    begun = time.monotonic()
    for name, code in sleepers.items():
        (one,) = grade(written(tmp_path, {"mine": code}), network_of(REFERENCE), limits=Limits(1, 2048))
        assert one.verdict == "not run", name
    assert time.monotonic() - begun < 300  # not 1000 s each; a busy machine starts processes slowly


@pytest.mark.skipif(sys.platform != "linux", reason="only there processes are found by their environment")
def test_what_is_left_running_is_ended(tmp_path):
    sign = tmp_path / "alive"
    left = f"""
import os, time
if not os.fork():
    os.setsid()
    if not os.fork():
        for _ in range(1000):
            with open({str(sign)!r}, "a") as file:
                file.write("x")
            time.sleep(0.01)
    os._exit(0)
while not os.path.exists({str(sign)!r}):
    time.sleep(0.01)
"""
    graded(tmp_path, {"left": WRONG + left})
    size = sign.stat().st_size
    time.sleep(0.2)
    assert sign.stat().st_size == size


def test_a_file_that_writes_over_the_others_changes_no_row(tmp_path):
    over = (
        f"from pathlib import Path\nfor file in Path(__file__).parent.glob('*.py'):\n    file.write_text({RIGHT!r})\n"
    )
    assert graded(tmp_path, {"a overwrites": WRONG + over})["a overwrites"].marking.codes == ("sign-flipped",)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no such files here")
def test_what_is_no_file_of_code_is_told(tmp_path):
    os.mkfifo(tmp_path / "pipe.py")
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "gone.py").symlink_to(tmp_path / "nowhere")
    (tmp_path / "endless.py").symlink_to("/dev/zero")
    rows = graded(tmp_path, {"large": b"#" * (5 * 2**20), "empty": b"", "bad letters": b"x = '\xff'\n"})
    assert {name for name, one in rows.items() if one.verdict == "not run"} == set(rows)
    assert {rows[name].error for name in ("pipe", "folder", "endless")} == {"is not a file."}
    assert "No such file" in rows["gone"].error


@pytest.mark.skipif(sys.platform != "linux", reason="names are text elsewhere")
def test_a_name_that_is_no_text_is_told(tmp_path):
    (tmp_path / os.fsdecode(b"bad\xff.py")).write_text(RIGHT, encoding="utf-8")
    (one,) = grade(list(tmp_path.glob("*.py")), network_of(REFERENCE))
    assert one.right
    assert csv_text([one]).splitlines()[1].startswith("bad\\udcff.py,right")
