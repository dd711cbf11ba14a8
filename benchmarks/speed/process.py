"""Starts processes: such as wait to be told what to do, and such as are timed from start to end."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from contestants import CONTESTANTS

HERE = Path(__file__).parent
PAUSE = 0.1  # seconds between turns, until the last contestant's threads have stopped spinning


def environment(threads: int) -> dict[str, str]:
    """Ours, with the number of threads told to every library, and without what would choose OpenBLAS's kernels."""
    kept = {key: value for key, value in os.environ.items() if key not in ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")}
    names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS")
    return kept | dict.fromkeys(names, str(threads))


def missing(contestant: str, threads: int) -> str:
    """Why a contestant cannot take part; empty if it can."""
    told = CONTESTANTS[contestant]
    if told.threads and threads not in told.threads:
        return f"{told.threads[0]} thread(s) only"
    found = not told.needs or (shutil.which("cc") if told.needs == "cc" else find_spec(told.needs))
    return "" if found else "not installed"


class Process:
    """A process that is told by lines and answers each with a line of JSON.

    Args:
        arguments: a file of this folder and what it is given.
        name: what an error calls it.
        threads: how many its libraries are told to use.
        descriptors: open files that it shares with us.
    """

    def __init__(self, arguments: Sequence[str], name: str, threads: int, descriptors: Sequence[int] = ()) -> None:
        self.name = name
        self.log = tempfile.TemporaryFile("w+")  # noqa: SIM115 - closed by end()
        self.process = subprocess.Popen(
            command_of(arguments),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            env=environment(threads),
            pass_fds=descriptors,
        )

    def ask(self, line: str) -> Any:
        """One question, one answer.

        Raises:
            RuntimeError: the process ended instead of answering; with what it printed.
        """
        try:
            print(line, file=self.process.stdin, flush=True)
            answer = self.process.stdout.readline()
        except BrokenPipeError:
            answer = ""
        if not answer:
            self.log.seek(0)
            raise RuntimeError(f"{self.name} failed:\n{self.log.read()[-3000:]}")
        return json.loads(answer)

    def end(self) -> None:
        """Let it go."""
        self.process.stdin.close()
        self.process.wait()
        self.log.close()


def command_of(arguments: Sequence[str]) -> list[str]:
    """Our own Python on a file of this folder."""
    return [sys.executable, str(HERE / arguments[0]), *arguments[1:]]


def whole_process(arguments: Sequence[str], threads: int, cache: str = "") -> tuple[float, str]:
    """Seconds from before the interpreter starts until it has ended, and what it printed.

    Args:
        arguments: as for ``Process``.
        threads: as there.
        cache: the folder in which chainrule finds and keeps its machine code; its usual one if empty.

    Raises:
        RuntimeError: it failed; with what it printed.
    """
    environ = environment(threads) | ({"CHAINRULE_CACHE": cache} if cache else {})
    started = time.perf_counter()
    done = subprocess.run(command_of(arguments), capture_output=True, text=True, env=environ, check=False)
    seconds = time.perf_counter() - started
    if done.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed:\n{done.stderr[-3000:]}")
    return seconds, done.stdout
