"""The README's lines run as they are printed, one after the other, in a folder that was empty before."""

import contextlib
import io
import os
import re
import subprocess
import sys
from pathlib import Path

import matplotlib as mpl
import pytest

README = Path(__file__).parents[1] / "README.md"
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", README.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
INSTALL = re.compile(r"pip install \S+ && (.*)\n")
"""What sets the machine up; what comes after it is run."""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Empty, with a ``chainrule`` of this checkout on the path."""
    tools = tmp_path / "tools"
    tools.mkdir()
    command = tools / "chainrule"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m chainrule "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    monkeypatch.setenv("PATH", str(tools), prepend=os.pathsep)
    monkeypatch.setenv("PYTHONPATH", str(README.parent / "src"))
    empty = tmp_path / "empty"
    empty.mkdir()
    monkeypatch.chdir(empty)
    mpl.use("Agg")
    return empty


@pytest.mark.slow
@pytest.mark.skipif(sys.platform == "win32", reason="the README's shell is a Unix one")
@pytest.mark.filterwarnings("default")
def test_every_line_of_the_readme_runs_in_order(folder):
    names, said = {}, ""
    for language, text in BLOCKS:
        if language == "python":
            with contextlib.redirect_stdout(io.StringIO()) as out:
                exec(compile(text, "README.md", "exec"), names)
            said = out.getvalue()
        elif language == "sh":
            said = _shell(INSTALL.sub(r"\1\n", text))
        else:  # what the block before printed, or its last part
            assert text.strip() in said
    assert {"penguins.csv", "penguins.png", "penguins.safetensors", "training.png", "network.png", "sweep.png"} <= {
        path.name for path in folder.iterdir()
    }


def _shell(text):
    """What a block prints; marking homework with a mistake in it ends with 1."""
    if text.startswith("pytest"):  # the command that has brought us here
        return ""
    done = subprocess.run(["sh", "-e", "-c", text], capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == ("chainrule check" in text), done.stdout + done.stderr
    return done.stdout


def test_the_readme_begins_with_two_commands_for_everything():
    first, second = [text for language, text in BLOCKS if language == "sh"][:2]
    assert INSTALL.fullmatch(first).group(1) == "chainrule demo"
    assert INSTALL.fullmatch(second).group(1) == "pytest -n auto"
