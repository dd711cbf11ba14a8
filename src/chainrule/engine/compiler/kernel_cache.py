"""Machine code: compiled once by Numba, kept on disk as object files, loaded by LLVM alone.

A kernel is a Python function of addresses, ``kernel(op, now)``, that touches memory and nothing else: no Python
object, no allocation, no exception. So its machine code is self-contained: once it is on disk, later processes
load it in milliseconds and never import Numba.

The file's name holds a digest of all that the code depends on: the engine's own sources, the versions of Numba and
llvmlite, the processor, the kernel. A file that does not fit is therefore never found, and nothing needs to be
invalidated. Files are written under another name first and then moved, so that no process reads half of one. The
folder is ``$CHAINRULE_CACHE``, or one that only the user can write to (machine code must be trusted); where
none can be written to, kernels live as long as the process.
"""

import ctypes
import gc
import hashlib
import importlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from chainrule.engine.compiler.interrupts import uninterrupted
from chainrule.engine.compiler.target import Space, processor

PATIENCE = 1.0
"""Seconds of compiling before a line says what is being compiled."""

SYMBOL = "chainrule_kernel"

DIGEST = hashlib.sha256().digest_size
"""Bytes at the beginning of a file that show whether the rest is whole."""

SOURCES = ("compiler/object_code.py", "compiler/target.py", "kernels/*.py", "lanes/*.py", "memory.py")
"""The files of the engine that machine code is made from."""

_lock = threading.RLock()
_addresses: dict[tuple[str, Space], int] = {}
_texts: dict[str, int] = {}
_kept: list[Any] = []

if hasattr(os, "register_at_fork"):  # forked while another thread compiles, a child would wait for ever
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def kernel(name: str, space: Space) -> int:
    """The address of a kernel's machine code: from memory, from disk, or compiled now.

    Args:
        name: module and function, such as ``"products:up"``.
        space: the dtype and tiles it is for.
    """
    key = (name, space)
    if key not in _addresses:
        with _lock, uninterrupted():
            if key not in _addresses:
                _addresses[key] = _load(_code(name, space))
    return _addresses[key]


def text_kernel(text: str, what: str) -> int:
    """The address of a kernel that is itself text: a module with a function ``kernel(job)``.

    Args:
        text: the module; ``chainrule.engine.unrolled.program`` writes such.
        what: what it is, for the name of its file.
    """
    digest = _text_digest(text)
    if digest not in _texts:
        with _lock, uninterrupted():
            if digest not in _texts:
                _texts[digest] = _load(_text_code(text, what, digest))
    return _texts[digest]


def own_kernel(make: Callable[[Space], Callable[..., None]], space: Space) -> int:
    """The address of a kernel around a user's function: compiled for this process alone."""
    with _lock, uninterrupted():
        from chainrule.engine.compiler.object_code import object_code  # noqa: PLC0415 - Numba only to compile

        return _load(object_code(make(space), SYMBOL))


def cached(name: str, space: Space) -> bool:
    """Whether a kernel is there without compiling."""
    return (name, space) in _addresses or _file(name, space).exists()


# -------------------------------------------------------------------------------- from disk, or compiled
def _code(name: str, space: Space) -> bytes:
    path = _file(name, space)
    if (kept := _read(path)) is not None:
        return kept
    with _announced(f"{name} for {space.dtype}"):
        from chainrule.engine.compiler.object_code import object_code  # noqa: PLC0415 - Numba only to compile

        module, _, function = name.partition(":")
        factory = importlib.import_module(f"chainrule.engine.kernels.{module}").KERNELS[function]
        code = object_code(factory(space), SYMBOL)
    with suppress(OSError):
        _write(path, code)
    return code


def _text_digest(text: str) -> str:
    return hashlib.sha256(f"{_surroundings()}\n{text}".encode()).hexdigest()[:24]


def _text_code(text: str, what: str, digest: str) -> bytes:
    path = folder() / f"{what}-{digest}.o"
    if (kept := _read(path)) is not None:
        return kept
    with _announced(what):
        from chainrule.engine.compiler.object_code import OneTypeEach, object_code  # noqa: PLC0415 - Numba only to compile

        scope: dict[str, Any] = {"__name__": what}
        exec(compile(text, f"<{what}>", "exec"), scope)  # noqa: S102 - the library's own text, just written
        with _no_garbage():
            code = object_code(scope["kernel"], SYMBOL, OneTypeEach)
    with suppress(OSError):
        _write(path, code)
    return code


def _file(name: str, space: Space) -> Path:
    text = f"{_surroundings()}\n{name}\n{space}"
    return folder() / f"{name.replace(':', '-')}-{space.dtype}-{hashlib.sha256(text.encode()).hexdigest()[:24]}.o"


def folder() -> Path:
    """Where machine code is kept."""
    if chosen := os.environ.get("CHAINRULE_CACHE"):
        return Path(chosen)
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home() / "AppData" / "Local")) / "chainrule" / "kernels"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "chainrule"
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "chainrule"


@cache
def _surroundings() -> str:
    """All that machine code depends on besides the kernel's name."""
    digest = hashlib.sha256()
    engine = Path(__file__).parents[1]
    for source in sorted(path for pattern in SOURCES for path in engine.glob(pattern)):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    versions = [f"{package} {metadata.version(package)}" for package in ("numba", "llvmlite")]
    return "\n".join([digest.hexdigest(), *versions, sys.version, sys.platform, *processor()])


def _read(path: Path) -> bytes | None:
    """The code of a file, if it is there and whole: LLVM would end the process over a damaged one."""
    try:
        content = path.read_bytes()
    except OSError:
        return None
    code = content[DIGEST:]
    return code if hashlib.sha256(code).digest() == content[:DIGEST] else None


def _write(path: Path, code: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(f".{os.getpid()}-{threading.get_ident()}")
    unfinished.write_bytes(hashlib.sha256(code).digest() + code)
    unfinished.replace(path)


# -------------------------------------------------------------------------------- into memory
@cache
def _machine() -> Any:
    import llvmlite.binding as llvm  # noqa: PLC0415 - imported only to run compiled code

    llvm.initialize_native_target()
    llvm.initialize_native_asmprinter()
    name, features = processor()
    machine = llvm.Target.from_default_triple().create_target_machine(cpu=name, features=features, jit=True)
    _kept.append(machine)
    return machine


def _load(code: bytes) -> int:
    import llvmlite.binding as llvm  # noqa: PLC0415 - as above

    loader = llvm.create_mcjit_compiler(llvm.parse_assembly(""), _machine())
    loader.add_object_file(llvm.ObjectFileRef.from_data(code))
    loader.finalize_object()
    _kept.append(loader)
    return loader.get_function_address(SYMBOL)


def callable_at(address: int) -> Callable[[int], Any]:
    """A kernel of one argument (``kernel(job)``) as a function of Python's; others run while it does."""
    return ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(address)


@contextmanager
def _no_garbage() -> Iterator[None]:
    """Nothing is collected while a long function is compiled: its many objects are all needed; a sixth of the time."""
    collecting = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if collecting:
            gc.enable()


# -------------------------------------------------------------------------------- saying what takes so long
@contextmanager
def _announced(what: str) -> Iterator[None]:
    """Say what is being compiled, if it takes over a second and a terminal shows it."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield
        return
    timer = threading.Timer(PATIENCE, lambda: print(f"compiling {what}, kept for later runs", file=sys.stderr))  # noqa: T201
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
