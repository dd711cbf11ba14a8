"""Machine code: made once, kept, found again, and never trusted when damaged."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import chainrule as cr
from chainrule.engine.compiler import kernel_cache
from chainrule.engine.compiler.interrupts import uninterrupted
from chainrule.engine.compiler.target import space

FIT = """
import sys, numpy as np, chainrule as cr
net = cr.Network(3, [cr.Dense(2, "relu")], loss="squared_error", seed=0)
x = np.ones((4, 3))
net.fit(x, x[:, :2], epochs=3, batch_size=2, engine="compiled", threads=1, seed=0)
print("numba" in sys.modules, net.parameters.vector.tobytes().hex())
"""


def fit_in_a_process(folder):
    ran = subprocess.run(
        [sys.executable, "-W", "error", "-c", FIT], capture_output=True, text=True, check=True, timeout=300,
        env={"CHAINRULE_CACHE": str(folder), "PYTHONPATH": str(Path(cr.__file__).parents[1]), "PATH": ""},
    )  # fmt: skip
    return ran.stdout.split()


def test_a_second_process_finds_the_code_and_never_fetches_numba(tmp_path):
    assert fit_in_a_process(tmp_path)[0] == "True"
    files = sorted(tmp_path.iterdir())
    assert files
    numba, bits = fit_in_a_process(tmp_path)
    assert numba == "False"
    assert sorted(tmp_path.iterdir()) == files
    files[0].write_bytes(files[0].read_bytes()[:-100])  # damaged: made anew
    assert fit_in_a_process(tmp_path) == ["True", bits]
    assert fit_in_a_process(tmp_path) == ["False", bits]


def test_code_lives_as_long_as_the_process_where_nothing_can_be_written(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way of a folder")
    monkeypatch.setenv("CHAINRULE_CACHE", str(tmp_path / "file" / "folder"))
    monkeypatch.setattr(kernel_cache, "_addresses", {})
    assert kernel_cache.kernel("products:biases", space("float64")) != 0
    assert not kernel_cache.cached("products:up", space("float64"))


@pytest.mark.parametrize(
    ("platform", "environment", "wanted"),
    [
        ("linux", {"CHAINRULE_CACHE": "here"}, "here"),
        ("linux", {"XDG_CACHE_HOME": "kept"}, "kept/chainrule"),
        ("linux", {}, "home/.cache/chainrule"),
        ("darwin", {}, "home/Library/Caches/chainrule"),
        ("win32", {"LOCALAPPDATA": "local"}, "local/chainrule/kernels"),
    ],
)
def test_code_is_kept_in_a_folder_of_the_users_own(platform, environment, wanted, monkeypatch):
    for name in ("CHAINRULE_CACHE", "XDG_CACHE_HOME", "LOCALAPPDATA"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setattr(Path, "home", lambda: Path("home"))
    assert kernel_cache.folder() == Path(wanted)


def test_somebody_who_waits_long_is_told_what_is_being_compiled(monkeypatch, capsys):
    monkeypatch.setattr(kernel_cache, "PATIENCE", 0.0)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    with kernel_cache._announced("a kernel"):
        kernel_cache.threading.Event().wait(0.2)
    assert "compiling a kernel, kept for later runs" in capsys.readouterr().err


def test_ctrl_c_waits_until_a_kernel_is_compiled():
    done = []

    def compile_something():
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
            done.append(True)

    with pytest.raises(KeyboardInterrupt):
        compile_something()
    assert done
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_who_ignores_ctrl_c_goes_on_ignoring_it():
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with uninterrupted():
            signal.raise_signal(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)


def test_places_in_panels_are_all_different_and_within_the_padding():
    for dtype in ("float32", "float64"):
        for columns in (1, 3, 16, 17, 64, 70, 129):
            places = space(dtype).places(5, columns)
            assert len(np.unique(places)) == places.size
            assert places.max() < 5 * space(dtype).padded(columns)
