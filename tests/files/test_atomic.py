import contextlib
import errno
import os
import shutil
import stat
import subprocess
import sys
import threading
from pathlib import Path

import pytest

import chainrule
from chainrule.files.atomic import write_atomically

POSIX = pytest.mark.skipif(os.name != "posix", reason="needs POSIX files")


class Calls:
    """Watches every call to the system that a save makes, in order, and lets the one numbered `fail_at` fail."""

    def __init__(self, patch, fail_at=-1, error: OSError | type[OSError] = OSError):
        self.names = []
        self.fail_at = fail_at
        self.error = error
        open_file = Path.open
        patch.setattr(Path, "open", self.watched("open file", lambda *args: File(open_file(*args), self)))
        patch.setattr(Path, "replace", self.watched("replace", Path.replace))
        patch.setattr(shutil, "copymode", self.watched("copymode", shutil.copymode))
        patch.setattr(os, "open", self.watched("open folder", os.open))
        patch.setattr(os, "fsync", self.watched("fsync", os.fsync))

    def watched(self, name, call):
        def watching(*args, **options):
            is_folder = name == "fsync" and stat.S_ISDIR(os.fstat(args[0]).st_mode)
            self.names.append("fsync folder" if is_folder else name)
            if len(self.names) - 1 == self.fail_at:
                raise self.error
            return call(*args, **options)

        return watching


class File:
    """An open file whose writes and flushes are watched."""

    def __init__(self, file, calls):
        self.file = file
        self.fileno = file.fileno
        self.write = calls.watched("write", file.write)
        self.flush = calls.watched("flush", file.flush)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.file.close()


def save(target, monkeypatch, **fault):
    """Write b"new" in two pieces, watched; the names of the calls."""
    with monkeypatch.context() as patch:
        calls = Calls(patch, **fault)
        write_atomically(target, [b"n", b"ew"])
    return calls.names


ALL_CALLS = ["open file", "write", "write", "copymode", "flush", "fsync", "replace", "open folder", "fsync folder"]
IDS = [f"{number} {name}" for number, name in enumerate(ALL_CALLS)]


@pytest.fixture
def target(tmp_path):
    path = tmp_path / "model.safetensors"
    path.write_bytes(b"old")
    return path


def test_the_pieces_become_the_file(tmp_path):
    write_atomically(tmp_path / "new", [b"one", b"", b"two"])
    assert (tmp_path / "new").read_bytes() == b"onetwo"
    assert [path.name for path in tmp_path.iterdir()] == ["new"]


def test_the_bytes_reach_the_disk_before_the_name_and_the_name_before_the_return(target, monkeypatch):
    assert save(target, monkeypatch) == ALL_CALLS
    assert target.read_bytes() == b"new"


@pytest.mark.parametrize("code", ["ENOSPC", "EIO", "EACCES", "EROFS", "EDQUOT", "EXDEV", "EINTR"])
@pytest.mark.parametrize("number", range(7), ids=IDS[:7])
def test_a_call_that_fails_is_reported_and_leaves_the_old_file_alone(target, monkeypatch, number, code):
    code = getattr(errno, code)
    with pytest.raises(OSError, match=r"model\.safetensors") as caught:
        save(target, monkeypatch, fail_at=number, error=OSError(code, os.strerror(code)))
    assert caught.value.errno == code
    assert target.read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("number", range(7, 9), ids=IDS[7:])
def test_a_folder_that_fails_to_sync_is_reported_with_the_new_file_in_place(target, monkeypatch, number):
    with pytest.raises(OSError, match="dying"):
        save(target, monkeypatch, fail_at=number, error=OSError(errno.EIO, "the disk is dying"))
    assert target.read_bytes() == b"new"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("code", [errno.EACCES, errno.EINVAL])
@pytest.mark.parametrize("number", range(7, 9), ids=IDS[7:])
def test_a_platform_that_cannot_sync_folders_is_no_error(target, monkeypatch, number, code):
    save(target, monkeypatch, fail_at=number, error=OSError(code, "cannot"))
    assert target.read_bytes() == b"new"


def test_an_interrupt_leaves_the_old_file_and_no_other(target):
    def pieces():
        yield b"new"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(target, pieces())
    assert target.read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]


def test_a_temporary_file_that_cannot_be_removed_does_not_hide_the_fault(target, monkeypatch):
    def fail(*args, **options):
        raise OSError(errno.EROFS, "read-only now")

    Calls(monkeypatch, fail_at=1, error=OSError(errno.EIO, "the disk is dying"))
    monkeypatch.setattr(Path, "unlink", fail)
    with pytest.raises(OSError, match="dying"):
        write_atomically(target, [b"new"])


@POSIX
def test_a_disk_that_is_full_half_way_leaves_the_old_file_and_no_other(target):
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        with pytest.raises(OSError, match=r"model\.safetensors"):
            write_atomically(target, [bytes(60_000)] * 2)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert target.read_bytes() == b"old"
    assert list(target.parent.iterdir()) == [target]


KILL_AT_EACH_CALL = """
import os, signal, sys
from pathlib import Path
from chainrule.files.atomic import write_atomically

def kill_at(number):
    count = 0
    def profile(frame, event, function):
        nonlocal count
        count += event == "c_call"  # whatever calls the system is a call into C
        if count == number:
            os.kill(os.getpid(), signal.SIGKILL)
    return profile

target = Path(sys.argv[1])
status, number = -1, 0
while status != 0:
    number += 1
    target.write_bytes(b"old")
    child = os.fork()
    if child == 0:
        sys.setprofile(kill_at(number))
        write_atomically(target, [b"new"])
        os._exit(0)
    status = os.waitpid(child, 0)[1]
    print(target.read_text())
"""


@POSIX
def test_a_kill_at_any_call_leaves_the_old_file_or_the_new(target):
    run = subprocess.run(
        [sys.executable, "-c", KILL_AT_EACH_CALL, target],
        env={**os.environ, "PYTHONPATH": str(Path(chainrule.__file__).parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    outcomes = run.stdout.split()
    switch = outcomes.index("new")
    assert switch > 10
    assert outcomes == ["old"] * switch + ["new"] * (len(outcomes) - switch)
    assert len(outcomes) > switch + 2


def test_writers_at_the_same_time_never_mix(target):
    contents = [bytes([n]) * 100_000 for n in range(2)]
    target.write_bytes(contents[0])
    writers = [
        threading.Thread(target=lambda content=content: [write_atomically(target, [content]) for _ in range(10)])
        for content in contents
    ]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        with contextlib.suppress(PermissionError):  # Windows, in the moment of replacing
            assert target.read_bytes() in contents
    assert list(target.parent.iterdir()) == [target]


@POSIX
def test_a_file_keeps_its_permissions_and_a_new_one_gets_the_usual(target):
    (target.parent / "usual").touch()
    target.chmod(0o640)
    write_atomically(target, [b"new"])
    write_atomically(target.parent / "other", [b"new"])
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in target.parent.iterdir()}
    assert modes == {"model.safetensors": 0o640, "usual": modes["usual"], "other": modes["usual"]}


@POSIX
def test_a_link_stays_a_link(target):
    link = target.parent / "link"
    link.symlink_to(target)
    write_atomically(link, [b"new"])
    assert link.is_symlink()
    assert target.read_bytes() == b"new"


def test_a_missing_folder_is_reported_by_the_name_the_caller_gave(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"missing.*model'"):
        write_atomically(tmp_path / "missing" / "model", [b"new"])


def test_a_folder_is_not_replaced(tmp_path):
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError, match="folder"):
        write_atomically(tmp_path / "folder", [b"new"])
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]
