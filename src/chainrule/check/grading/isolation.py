"""A learner's file run in a process of its own, within limits of time and memory.

What this is: a guard against endless loops, runaway memory, crashes, and one submission spoiling the next. Each runs in
a fresh interpreter, in an empty temporary folder, without the caller's environment, with its output thrown away.

What this is not: a sandbox. The process runs as the same user. It can read that user's files, use the network, and
write where the user may. Run the files of strangers in a container or a virtual machine.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from chainrule.check.marking.situation import Situation
from chainrule.errors import ChainruleError

_LARGEST = 32 * 2**20
"""Bytes of answers that are read at most."""


class SubmissionError(ChainruleError):
    """A learner's file could not be run to its end: it raised, took too long, or gave nothing that can be read."""


@dataclass(frozen=True)
class Limits:
    """What a submission may use.

    Attributes:
        seconds: of the clock, and of the processor where the system can limit it.
        megabytes: of memory, where the system can limit it (Linux).
    """

    seconds: int = 10
    megabytes: int = 2048


def run_file(file: Path, tried: Sequence[Situation], function: str, limits: Limits) -> tuple[str, list[Any]]:
    """Call the file's function on each input, in another process.

    Returns:
        ``"gradients"`` or ``"step"``, and for each input its arrays by name, or the error it raised.

    Raises:
        SubmissionError: the file could not be run, or not to its end.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        task = {
            "file": str(file.resolve()),
            "function": function,
            "seconds": limits.seconds,
            "megabytes": limits.megabytes,
            "inputs": [_as_data(s) for s in tried],
        }
        (folder / "task.json").write_text(json.dumps(task), encoding="utf-8")
        _run(folder, limits)
        return _read(folder / "answers.json")


def _as_data(s: Situation) -> dict[str, Any]:
    parameters = {name: value.tolist() for name, value in s.parameters.items()}
    return {"parameters": parameters, "x": s.x.tolist(), "t": s.t.tolist(), "learning_rate": s.learning_rate}


def _run(folder: Path, limits: Limits) -> None:
    """Start the process, wait as long as it may take, end it and what it started."""
    command = [sys.executable, "-I", str(Path(__file__).with_name("child.py")), str(folder)]
    process = subprocess.Popen(  # noqa: S603 - the interpreter itself, with a fixed script
        command,
        cwd=folder,
        env=_environment(),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        code = process.wait(limits.seconds)
    except subprocess.TimeoutExpired:
        raise SubmissionError(f"took longer than {limits.seconds} seconds.") from None
    finally:
        _end(process)
    if code and not (folder / "answers.json").exists():
        raise SubmissionError(f"ended without an answer (exit code {code}): too much memory, time, or a crash.")


def _end(process: "subprocess.Popen[bytes]") -> None:
    """The process and, where the system has sessions, all that it started."""
    if hasattr(os, "killpg"):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _environment() -> dict[str, str]:
    """No secrets: only what an interpreter needs to start, and one thread for linear algebra, which saves memory."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT", "TEMP", "TMP", "LANG") if name in os.environ}
    return kept | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "PYTHONDONTWRITEBYTECODE": "1"}


def _read(path: Path) -> tuple[str, list[Any]]:
    """The answers, which a learner's code may have tampered with: plain data, of bounded size."""
    try:
        if path.stat().st_size > _LARGEST:
            raise SubmissionError("gave more numbers than any network of this size has.")
        found = json.loads(path.read_text(encoding="utf-8"))
        if "error" in found:
            raise SubmissionError(str(found["error"]))
        return str(found["kind"]), [_answer(one) for one in found["answers"]]
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        raise SubmissionError("ended without an answer that can be read.") from None


def _answer(one: dict[str, Any]) -> Any:
    if "error" in one:
        return SubmissionError(str(one["error"]))
    return {str(name): np.array(value, dtype=np.float64) for name, value in one["values"].items()}
