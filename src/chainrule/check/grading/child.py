"""What runs in the learner's process: limits first, then their file, then their function on each input.

Called as ``python child.py FOLDER``; the folder holds ``task.json``, and ``answers.json`` is written there. It imports
nothing of chainrule, so that the learner's file finds a plain interpreter with NumPy.
"""

import importlib.util
import json
import sys
import traceback
from pathlib import Path
from typing import Any


def main(folder: Path) -> None:
    """Read the task, run the learner's function, write the answers."""
    task = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    _limit(task["seconds"], task["megabytes"])
    try:
        kind, function = _function(Path(task["file"]), task["function"])
    except BaseException as error:  # noqa: BLE001 - their file may raise anything, SystemExit too
        answers: dict[str, Any] = {"error": _told(error, task["file"])}
    else:
        answers = {"kind": kind, "answers": [_answer(kind, function, one, task["file"]) for one in task["inputs"]]}
    (folder / "answers.json").write_text(json.dumps(answers), encoding="utf-8")


def _limit(seconds: int, megabytes: int) -> None:
    """Processor time, memory and the size of files; Windows has no such limits, there the parent's clock is all."""
    try:
        import resource  # noqa: PLC0415 - only where there is one
    except ImportError:
        return
    for what, most in (
        (resource.RLIMIT_CPU, seconds + 1),
        (resource.RLIMIT_AS, megabytes * 2**20),
        (resource.RLIMIT_FSIZE, 32 * 2**20),
    ):
        try:
            resource.setrlimit(what, (most, most))
        except (ValueError, OSError):  # macOS does not limit memory
            continue


def _function(file: Path, name: str) -> tuple[str, Any]:
    """The function of that name; without a name ``gradients``, else ``step``."""
    spec = importlib.util.spec_from_file_location("submission", file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["submission"] = module
    sys.path.insert(0, str(file.parent))
    spec.loader.exec_module(module)
    for wanted in (name,) if name else ("gradients", "step"):
        function = getattr(module, wanted, None)
        if callable(function):
            return "step" if wanted == "step" else "gradients", function
    raise AttributeError(f"the file defines no function {name or 'gradients(parameters, x, t)'}")


def _answer(kind: str, function: Any, one: dict[str, Any], file: str) -> dict[str, Any]:
    """One call: the arrays it gave as lists, or what it raised."""
    import numpy as np  # noqa: PLC0415 - after the limits are set

    parameters = {name: np.array(value) for name, value in one["parameters"].items()}
    arguments = [parameters, np.array(one["x"]), np.array(one["t"])]
    try:
        given = function(*arguments, one["learning_rate"]) if kind == "step" else function(*arguments)
        if kind == "step" and given is None:
            given = parameters  # updated in place
        values = {str(name): np.asarray(value, dtype=float).tolist() for name, value in dict(given).items()}
    except BaseException as error:  # noqa: BLE001 - as above
        return {"error": _told(error, file)}
    return {"values": values}


def _told(error: BaseException, file: str) -> str:
    """The error and the line of the learner's file it comes from."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    where = f" (line {lines[-1]})" if lines else ""
    return f"{type(error).__name__}: {error}{where}"[:500]


if __name__ == "__main__":
    main(Path(sys.argv[1]))
