"""What only a process of its own can show: signals, pipes, terminals. Slow, so one for each claim."""

import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from chainrule.tables import write_table

posix = pytest.mark.skipif(os.name != "posix", reason="signals and pipes are those of POSIX")

LONG = ("fit", "t.csv", "--target", "y", "--hidden", "4", "--epochs", "1000000")


@pytest.fixture
def start(tmp_path):
    """Start ``python -m chainrule`` in a folder with a table."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=400)
    write_table({"x": x, "y": x**2}, tmp_path / "t.csv")

    def popen(*arguments, **options):
        options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
        return subprocess.Popen([sys.executable, "-m", "chainrule", *arguments], cwd=tmp_path, **options)

    return popen


def test_an_error_is_one_line_and_exit_code_2(start, tmp_path):
    out, err = (ran := start("fit", "t.csv", "--target", "z")).communicate(timeout=60)
    assert (ran.returncode, out) == (2, b"")
    assert err.replace(b"\r", b"") == b"error: The table has no column 'z'. Its columns are: x, y.\n"
    assert [path.name for path in tmp_path.iterdir()] == ["t.csv"]


@pytest.fixture
def compiled(start):
    """Long runs train with machine code: it is there already, so that training starts at once."""
    ran = start(*LONG, "--patience", "1", "--out", "warm.safetensors")
    ran.communicate(timeout=300)
    assert ran.returncode == 0


@posix
@pytest.mark.usefixtures("compiled")
def test_ctrl_c_ends_training_and_keeps_judges_and_saves_the_model(start, tmp_path):
    ran = start(*LONG)
    said = b" "
    while said and b"becomes" not in said:  # printed just before training
        said = ran.stdout.readline()
    time.sleep(3)  # on a terminal there would be a bar by now; nothing of it must go into a pipe
    ran.send_signal(signal.SIGINT)
    out, err = ran.communicate(timeout=60)
    assert (ran.returncode, err) == (0, b"")
    assert b"(interrupted, what was trained is kept)" in out
    assert b"RMSE" in out
    assert b"saved t.safetensors" in out
    assert (tmp_path / "t.safetensors").exists()


@posix
def test_a_reader_that_goes_away_does_not_cost_the_model(start, tmp_path):
    ran = start("fit", "t.csv", "--target", "y", "--hidden", "4", "--epochs", "2")
    ran.stdout.readline()
    ran.stdout.close()  # as `head -1` does
    with ran.stderr as errors:
        assert errors.read() == b""
    assert ran.wait(timeout=60) == 0
    assert (tmp_path / "t.safetensors").exists()


def test_names_that_the_terminal_cannot_spell_are_no_error(start, tmp_path):
    write_table({"длина": np.arange(20.0), "y": np.arange(20.0)}, tmp_path / "u.csv")
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    ran = start("fit", "u.csv", "--target", "y", "--epochs", "1", env=environment)
    out, err = ran.communicate(timeout=60)
    assert (ran.returncode, err) == (0, b"")
    assert rb"\u0434" in out


@posix
@pytest.mark.usefixtures("compiled")
def test_long_work_shows_a_bar_on_a_terminal(start):
    pty = pytest.importorskip("pty")
    ours, theirs = pty.openpty()
    ran = start(*LONG, stdout=subprocess.DEVNULL, stderr=theirs, env={**os.environ, "TERM": "xterm", "COLUMNS": "90"})
    os.close(theirs)
    seen = b""
    while b"validation 0." not in seen:
        seen += os.read(ours, 4096)
    ran.send_signal(signal.SIGINT)
    assert ran.wait(timeout=60) == 0
    os.close(ours)
    assert b"training" in seen
    assert b"epochs" in seen
