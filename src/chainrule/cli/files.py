"""The files that commands write: where they may be written, and over what.

A file that the user names is written over if its name fits what is written, as a compiler writes its output. Where the
command chooses the name itself, a file there is written over only if the command wrote it.
"""

import io
import os
import tempfile
from collections.abc import Callable, Collection, Iterable
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING

from chainrule.errors import ChainruleError, InputError
from chainrule.files.atomic import write_atomically
from chainrule.tables import load_table_model
from chainrule.tables.reading import files_of, is_query
from chainrule.tables.sources import open_source, read_header

if TYPE_CHECKING:
    from matplotlib.figure import Figure

MODEL_ENDING = ".safetensors"

PREDICTION = "prediction"
"""The first column of a table of predictions."""


def check_can_write(*outputs: Path | None, reading: Iterable[str | Path]) -> None:
    """Fail before long work, not after it, and before a file is lost that the command itself reads.

    Args:
        outputs: the files that the command will write; None is one that was not asked for.
        reading: what it reads: files, and tables as the user named them, queries too.

    Raises:
        InputError: an output is a folder, its folder is missing, nothing can be written there, or it is one of the
            files that are read or another output, by whatever path or link.
        TableError: a query does more than read.
    """
    wanted = [path for path in outputs if path is not None]
    for path in wanted:
        _check_place(path)
    for path in wanted:
        for file in (file for source in reading for file in files_of(source)):
            if _is_same_file(path, file):
                read = "is a file" if path == file else f"is the file {file}"
                raise InputError(
                    f"{path} {read} that this command reads, and would be lost: name another file to write to."
                )
    for first, second in combinations(wanted, 2):
        if _is_same_file(first, second):
            raise InputError(f"{first} and {second} would be written to one file: name two.")


def _check_place(path: Path) -> None:
    folder = path.absolute().parent
    if path.is_dir():
        raise InputError(f"{path} is a folder: name a file in it.")
    if not folder.is_dir():
        raise InputError(f"there is no folder {folder}: make it first.")
    try:
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise InputError(f"nothing can be written in {folder} ({error.strerror}): choose another folder.") from None


def _is_same_file(one: Path, other: Path) -> bool:
    """Whether two paths lead to one file, through links of either kind, or would once it is there."""
    try:
        return one.samefile(other)
    except OSError:  # one of them is not there
        return os.path.normcase(os.path.realpath(one)) == os.path.normcase(os.path.realpath(other))


def check_ending(path: Path | None, endings: Collection[str], what: str) -> None:
    """Refuse to write over a file whose name says that it holds something else.

    Args:
        path: the file to write, or None.
        endings: those of what is written.
        what: is written.

    Raises:
        InputError: there is a file, and its name ends otherwise.
    """
    if path is not None and path.exists() and path.suffix.lower() not in endings:
        raise InputError(
            f"{path} is there already, and its name is not that of {what}: name a file that ends with "
            f"{' or '.join(endings)}, or one that is not there yet."
        )


def check_is_own(path: Path, is_own: Callable[[Path], bool], remedy: str) -> None:
    """Refuse to write over a file that the command does not know as its own, where nobody named it.

    Args:
        path: the file that the command writes unless another is named.
        is_own: whether an existing file is one that the command wrote.
        remedy: what to do.

    Raises:
        InputError: there is another file.
    """
    if path.exists() and not is_own(path):
        raise InputError(f"{path} is there already and is not what this command writes: {remedy}.")


def is_model(path: Path) -> bool:
    """Whether the file is a model that ``chainrule fit`` wrote."""
    try:
        load_table_model(path)
    except (ChainruleError, OSError):
        return False
    return True


def is_prediction(path: Path) -> bool:
    """Whether the file is a table that ``chainrule predict`` wrote."""
    try:
        return read_header(open_source(path)).names[0] == PREDICTION
    except (ChainruleError, OSError):
        return False


def check_model_name(path: Path) -> None:
    """A model is not written over what may be a table."""
    if path.suffix != MODEL_ENDING:
        raise InputError(f"the model file's name must end with {MODEL_ENDING}, got {path.name!r}.")


def beside(table: str, ending: str, otherwise: str) -> Path:
    """A file named after the table, in the folder one stands in; ``otherwise`` for a query."""
    if is_query(table):
        return Path(otherwise)
    name = Path(table).name
    return Path(Path(name.removesuffix(".gz")).stem + ending)


def check_picture_name(path: Path) -> None:
    """Matplotlib must know the ending.

    Raises:
        InputError: it does not.
    """
    from matplotlib.figure import Figure  # noqa: PLC0415

    known = Figure().canvas.get_supported_filetypes()
    if path.suffix[1:].lower() not in known:
        raise InputError(f"the picture's name must end with one of .{', .'.join(known)}, got {path.name!r}.")


def write_picture(figure: "Figure", path: Path, *, title: str | None = None) -> None:
    """Write a picture whole or not at all, a title in its file if one is given."""
    drawn = io.BytesIO()
    figure.savefig(drawn, dpi=150, format=path.suffix[1:].lower(), metadata=title and {"Title": title})
    write_atomically(path, [drawn.getvalue()])
