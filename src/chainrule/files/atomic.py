"""Atomic writes: a file is replaced whole or not at all.

A reader, a crash or a power cut never sees half a file, because the bytes go to a temporary file beside the
target, are forced to the disk, and only then take the target's name, which the system does in one step:

    write(temporary) -> fsync(temporary) -> replace(temporary, target) -> fsync(folder)

Each arrow matters: without the first the new name may point at bytes that never reached the disk, without the
last the new name itself may be lost. What remains after a kill is the old file or the new one, at worst with
a ``.chainrule-*.tmp`` beside it that may be deleted.

References:
    T. S. Pillai et al., "All File Systems Are Not Created Equal: On the Complexity of Crafting
    Crash-Consistent Applications", OSDI 2014.
"""

import contextlib
import errno
import os
import secrets
import shutil
from collections.abc import Iterable
from pathlib import Path

# What a platform or file system answers if it cannot fsync a folder: Windows will not open one, some network
# file systems will not sync one. PostgreSQL's fsync_fname_ext passes over the same four.
_CANNOT_SYNC_FOLDERS = {errno.EACCES, errno.EISDIR, errno.EBADF, errno.EINVAL}


def write_atomically(path: str | os.PathLike[str], pieces: Iterable[bytes]) -> None:
    """Make the file ``path`` hold ``pieces``, one after the other, or leave it as it was.

    A file that stood there keeps its permissions; a symbolic link stays a link, and the file it leads to is
    replaced.

    Args:
        path: the file to write; its folder must exist.
        pieces: the bytes to write.

    Raises:
        OSError: the disk is full, the folder is missing or may not be written, ... The old file is intact and
            no temporary file is left. (If only the last step fails, the fsync of the folder, the new file is
            already in place, but may not survive a power cut.)

    Example:
        >>> import tempfile
        >>> folder = Path(tempfile.mkdtemp())
        >>> write_atomically(folder / "notes.txt", [b"one, ", b"two"])
        >>> (folder / "notes.txt").read_bytes()
        b'one, two'
        >>> shutil.rmtree(folder)
    """
    target = Path(os.path.realpath(path))
    temporary = target.with_name(f".chainrule-{secrets.token_hex(8)}.tmp")
    try:
        _write_through(temporary, pieces, like=target)
        temporary.replace(target)
    except BaseException as error:  # an interrupt too must not leave the temporary file
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.filename2 is None:
            error.filename = os.fspath(path)  # the name the caller knows, not the temporary one
        raise
    _sync_folder(target.parent)


def _write_through(temporary: Path, pieces: Iterable[bytes], *, like: Path) -> None:
    """Write a new file down to the disk, with the permissions of ``like`` if that exists."""
    with temporary.open("xb") as file:
        for piece in pieces:
            file.write(piece)
        if like.exists():
            shutil.copymode(like, temporary)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Force the folder's list of names to the disk, where the platform can."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    except OSError as error:
        if error.errno not in _CANNOT_SYNC_FOLDERS:
            raise
