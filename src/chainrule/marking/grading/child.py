"""What runs in the learner's process: it sets limits, runs the file, and calls the function on each input.

It is called as ``python child.py`` in an empty folder. The task is read as JSON from standard input, the answers are
written as JSON to standard output. Where the system can fork, the learner's file runs in a second process, which cannot
write to that output; on Linux, where it is allowed, in a process namespace of its own, so that it sees no other process
and all that it started ends with it. This file imports nothing of chainrule, so that the learner's file finds a plain
interpreter with NumPy.
"""

import json
import os
import select
import sys
import traceback
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_LONGEST_ERROR = 500
"""How many characters of an error message are passed on."""

_NEW_USERS, _NEW_PROCESSES, _DIE_WITH_PARENT, _KILL = 0x10000000, 0x20000000, 1, 9
"""Linux: CLONE_NEWUSER, CLONE_NEWPID, PR_SET_PDEATHSIG, SIGKILL."""


def main() -> None:
    """Read the task, answer it, write the answers."""
    task = json.loads(sys.stdin.buffer.read())
    output = os.dup(1)
    _silence()
    reply = _answer_in_fork(task, output) if hasattr(os, "fork") else _encode(answer_task(task))
    _write(output, reply)


def _silence() -> None:
    """Point standard input, output and error to nothing."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):
        os.dup2(nothing, descriptor)


# -------------------------------------------------------------------------------- the second process
def _answer_in_fork(task: dict[str, Any], output: int) -> bytes:
    """The answers of a forked process; if it ends without any, an error."""
    _new_process_namespace()
    source, sink = os.pipe()
    process = os.fork()
    if process == 0:
        try:
            os.close(source)
            os.close(output)
            _call_system("prctl", _DIE_WITH_PARENT, _KILL)
            _write(sink, _encode(answer_task(task)))
        finally:
            os._exit(0)
    os.close(sink)
    reply, status = _receive(source, process, task["largest"])
    if len(reply) > task["largest"]:
        return _encode({"error": "gave more numbers than any network of this size has."})
    if reply:
        return reply
    code = os.waitstatus_to_exitcode(status)
    return _encode({"error": f"ended without an answer (exit code {code}): too much memory, time, or a crash."})


def _receive(source: int, process: int, most: int) -> tuple[bytes, int]:
    """What is written until the process ends, even if others keep the pipe open, and the exit status."""
    found, ended, status = bytearray(), False, 0
    while True:
        ready, _, _ = select.select([source], [], [], 0 if ended else 0.02)
        piece = os.read(source, 1 << 16) if ready else b""
        found += piece
        if len(found) > most:
            os.kill(process, _KILL)
        if (ended and not piece) or len(found) > most:
            return bytes(found), status
        if not ended and not piece:
            done, status = os.waitpid(process, 0 if ready else os.WNOHANG)
            ended = done == process


def _new_process_namespace() -> None:
    """Linux, where it is allowed: the next fork sees no process but its own, and these end with it."""
    user, group = os.getuid(), os.getgid()
    if not user:
        _call_system("unshare", _NEW_PROCESSES)
        return
    if _call_system("unshare", _NEW_USERS | _NEW_PROCESSES):
        for name, text in (("setgroups", "deny"), ("uid_map", f"{user} {user} 1"), ("gid_map", f"{group} {group} 1")):
            try:
                Path(f"/proc/self/{name}").write_text(text, encoding="ascii")
            except OSError:
                continue


def _call_system(name: str, *arguments: int) -> bool:
    """Call a function of the C library; whether it exists and succeeded."""
    try:
        import ctypes  # noqa: PLC0415 - an interpreter may be built without it

        return getattr(ctypes.CDLL(None), name)(*arguments) == 0
    except (ImportError, OSError, AttributeError, TypeError):
        return False


def _write(descriptor: int, data: bytes) -> None:
    while data:
        data = data[os.write(descriptor, data) :]


def _encode(reply: dict[str, Any]) -> bytes:
    return json.dumps(reply).encode("ascii")


# -------------------------------------------------------------------------------- the learner's function
def answer_task(task: dict[str, Any]) -> dict[str, Any]:
    """The answers to a task, or the error that came before the first one."""
    _limit(task["seconds"], task["megabytes"])
    try:
        kind, function = _function(task["source"], task["file"], task["function"])
    except BaseException as error:  # noqa: BLE001 - their file may raise anything, SystemExit too
        return {"error": _error_text(error, task["file"])}
    return {"kind": kind, "answers": [_answer(kind, function, one, task["file"]) for one in task["inputs"]]}


def _limit(seconds: int, megabytes: int) -> None:
    """Limit processor time, memory and file sizes; Windows has no such limits, there only the parent's clock counts."""
    try:
        import resource  # noqa: PLC0415 - only where there is one
    except ImportError:
        return
    for what, most in (
        (resource.RLIMIT_CPU, seconds + 1),
        (resource.RLIMIT_AS, megabytes * 2**20),
        (resource.RLIMIT_FSIZE, 32 * 2**20),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.setrlimit(what, (most, most))
        except (ValueError, OSError):  # macOS does not limit memory
            continue


def _function(source: str, file: str, name: str) -> tuple[str, Any]:
    """The kind and the function: the one of that name, or without a name ``gradients``, else ``step``."""
    module = types.ModuleType("submission")
    module.__file__ = file
    sys.modules["submission"] = module
    sys.path.append(str(Path(file).parent))  # at the end, so that a file called numpy.py spoils no other
    exec(compile(source.encode("latin-1"), file, "exec"), module.__dict__)  # noqa: S102 - what this process is for
    for wanted in (name,) if name else ("gradients", "step"):
        function = getattr(module, wanted, None)
        if callable(function):
            return "step" if wanted == "step" else "gradients", function
    raise AttributeError(f"the file defines no function {name or 'gradients(parameters, x, t)'}")


def _answer(kind: str, function: Any, one: dict[str, Any], file: str) -> dict[str, Any]:
    """One call: the arrays it returned, as lists, or the error it raised."""
    import numpy as np  # noqa: PLC0415 - after the limits are set

    parameters = {name: np.array(value) for name, value in one["parameters"].items()}
    arguments = [parameters, np.array(one["x"]), np.array(one["t"])]
    try:
        given = function(*arguments, one["learning_rate"]) if kind == "step" else function(*arguments)
        if kind == "step" and given is None:
            given = parameters  # updated in place
        values = {name: _numbers(name, value) for name, value in _arrays(kind, given).items()}
    except BaseException as error:  # noqa: BLE001 - as above
        return {"error": _error_text(error, file)}
    return {"values": values}


def _arrays(kind: str, given: Any) -> Mapping[Any, Any]:
    if not isinstance(given, Mapping):
        raise TypeError(f"{kind} returned {type(given).__name__}, not a dict of arrays by parameter name")
    return given


def _numbers(name: Any, value: Any) -> Any:
    """An array as nested lists; text and complex numbers are refused, though NumPy would convert them."""
    import numpy as np  # noqa: PLC0415 - as above

    if not isinstance(name, str):
        raise TypeError(f"the name {name!r} of a parameter is not a string")
    array = np.asarray(value)
    if array.dtype.kind == "O":
        return np.array([float(one) for one in array.ravel()]).reshape(array.shape).tolist()
    if array.dtype.kind not in "biuf":
        raise TypeError(f"{name} is not an array of real numbers but of {array.dtype}")
    return array.astype(float).tolist()


def _error_text(error: BaseException, file: str) -> str:
    """The error and the line of the learner's file where it was raised."""
    try:
        lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
        where = f" (line {lines[-1]})" if lines else ""
        return f"{type(error).__name__}: {str(error)[:_LONGEST_ERROR]}{where}"
    except BaseException:  # noqa: BLE001 - an error whose text cannot be made is one too
        return "an error without a printable message"


if __name__ == "__main__":
    main()
