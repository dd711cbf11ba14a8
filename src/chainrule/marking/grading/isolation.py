"""A learner's file run in a process of its own, within limits of time and memory.

It guards against endless loops, runaway memory, crashes, and effects of one submission on the next. Each one runs in a
fresh interpreter, in an empty temporary folder, without the caller's environment variables, with its output discarded;
processes that it leaves running are ended. Its answer is treated as text that may contain anything.

It is not a sandbox. The process runs as the same user: it can read that user's files, use the network, and write where
the user may. Run the files of people you do not know in a container or a virtual machine.
"""

import contextlib
import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import numpy as np

from chainrule.errors import ChainruleError
from chainrule.marking.forward_context import ForwardContext

_MARK = "CHAINRULE_SUBMISSION"
"""The environment variable that marks a submission's processes; its value is different for each submission."""

_LETTERS = 64
"""How many characters one number of an answer may take."""

_ROUNDS = 50
"""How often to look for remaining processes: one may start others while it is being ended."""

_LONGEST_LINE = 600
"""How many characters of a submission's text are shown."""


class SubmissionError(ChainruleError):
    """A learner's file could not be run to its end: it raised, took too long, or gave nothing that can be read."""


@dataclass(frozen=True)
class Limits:
    """What a submission may use.

    Attributes:
        seconds: of elapsed time, and of processor time where the system can limit it.
        megabytes: of memory, where the system can limit it (Linux).
    """

    seconds: int = 10
    megabytes: int = 2048


def run_file(
    file: Path, source: bytes, inputs: Sequence[ForwardContext], function: str, limits: Limits
) -> tuple[str, list[Any]]:
    """Call the file's function on each input, in another process.

    Args:
        file: its path; files in the same folder can be imported.
        source: its content.
        inputs: the inputs to call the function on.
        function: the function's name; empty for ``gradients``, else ``step``.
        limits: of time and memory.

    Returns:
        ``"gradients"`` or ``"step"``, and for each input its arrays by name, or the error it raised.

    Raises:
        SubmissionError: the file could not be run, or not to its end.
    """
    numbers = sum(forward.parameters.vector.size for forward in inputs)
    largest = 2**16 + _LETTERS * numbers
    task = {
        "file": str(file.absolute()),
        "source": source.decode("latin-1"),
        "function": function,
        "seconds": limits.seconds,
        "megabytes": limits.megabytes,
        "largest": largest,
        "inputs": [_as_data(forward) for forward in inputs],
    }
    with _empty_folder() as folder, tempfile.TemporaryFile() as request, tempfile.TemporaryFile() as reply_file:
        request.write(json.dumps(task).encode("ascii"))
        request.seek(0)
        code = _run(folder, request, reply_file, limits)
        reply_file.seek(0)
        reply = reply_file.read(largest + 1)
    if not reply:
        raise SubmissionError(f"ended without an answer (exit code {code}): too much memory, time, or a crash.")
    return _read(reply, len(inputs))


def _as_data(forward: ForwardContext) -> dict[str, Any]:
    parameters = {name: value.tolist() for name, value in forward.parameters.items()}
    return {
        "parameters": parameters,
        "x": forward.x.tolist(),
        "t": forward.t.tolist(),
        "learning_rate": forward.learning_rate,
    }


@contextlib.contextmanager
def _empty_folder() -> Iterator[str]:
    """A temporary folder to run in; removed afterwards, as far as its contents allow."""
    folder = tempfile.TemporaryDirectory(prefix="chainrule-", ignore_cleanup_errors=True)
    try:
        yield folder.name
    finally:
        with contextlib.suppress(OSError, RecursionError):
            folder.cleanup()


# -------------------------------------------------------------------------------- the process
def _run(folder: str, request: IO[bytes], reply: IO[bytes], limits: Limits) -> int:
    """Start the process, wait until it ends or its time is over, end it and what it started; its exit code."""
    mark = secrets.token_hex(16)
    process = subprocess.Popen(  # noqa: S603 - the interpreter itself, with a fixed script
        [sys.executable, "-I", str(Path(__file__).with_name("child.py"))],
        cwd=folder,
        env=_environment() | {_MARK: mark},
        stdin=request,
        stdout=reply,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(limits.seconds)
    except subprocess.TimeoutExpired:
        raise SubmissionError(f"took longer than {limits.seconds} seconds.") from None
    finally:
        _end(process, mark)


def _end(process: "subprocess.Popen[bytes]", mark: str) -> None:
    """End the process and, where the system has sessions, all that it started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    with contextlib.suppress(OSError):
        process.kill()
    process.wait()
    for _ in range(_ROUNDS):
        left = _marked(f"{_MARK}={mark}".encode())
        if not left:
            return
        for number in left:
            with contextlib.suppress(OSError):
                os.kill(number, signal.SIGKILL)
        time.sleep(0.01)


def _marked(mark: bytes) -> list[int]:
    """Linux: the processes with this mark in their environment, in any session."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/environ"):
        with contextlib.suppress(OSError):
            if mark in entry.read_bytes():
                found.append(int(entry.parent.name))
    return found


def _environment() -> dict[str, str]:
    """Only what an interpreter needs to start, no secrets; one thread for linear algebra saves memory."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP", "TMP", "LANG") if name in os.environ}
    return kept | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


# -------------------------------------------------------------------------------- the answers
def _read(reply: bytes, count: int) -> tuple[str, list[Any]]:
    """The answers, one for each input; the learner's code may have written the reply itself, so nothing is assumed."""
    try:
        found = json.loads(reply)
    except (ValueError, RecursionError, MemoryError):
        found = None
    if isinstance(found, dict) and isinstance(found.get("error"), str):
        raise _error(found["error"])
    answers = found.get("answers") if isinstance(found, dict) else None
    if not isinstance(found, dict) or found.get("kind") not in ("gradients", "step") or not isinstance(answers, list):
        raise SubmissionError("ended without an answer that can be read.")
    if len(answers) != count:
        raise SubmissionError(f"gave {len(answers)} answers to {count} inputs.")
    return found["kind"], [_answer(one) for one in answers]


def _answer(one: Any) -> Any:
    """The arrays by name, or the error: the one that was raised, or that there are no readable arrays."""
    if isinstance(one, dict) and isinstance(one.get("error"), str):
        return _error(one["error"])
    values = one.get("values") if isinstance(one, dict) else None
    if not isinstance(values, dict):
        return SubmissionError("gave nothing that can be read.")
    try:
        return {name: np.array(value, dtype=np.float64) for name, value in values.items()}
    except (ValueError, TypeError, OverflowError, RecursionError, MemoryError):
        return SubmissionError("gave lists that are not arrays of numbers.")


def _error(text: str) -> SubmissionError:
    return SubmissionError(one_line(text) or "gave an error without a text.")


def one_line(text: str) -> str:
    """An untrusted text as one short line that can be written to any file."""
    written = text[:_LONGEST_LINE].encode("utf-8", "backslashreplace").decode()
    return " ".join("".join(letter if letter.isprintable() else " " for letter in written).split())
