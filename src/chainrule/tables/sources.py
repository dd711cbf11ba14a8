"""What a path leads to: which format its ending names, and whether the first bytes agree.

A file is looked at before DuckDB opens it, because a wrong file is explained best by what it is: a zip
archive called ``.csv`` is no "malformed line 1".
"""

import csv
import gzip
import re
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Literal, cast

from chainrule.errors import TableError
from chainrule.tables.table import closest, is_number

Format = Literal["csv", "tsv", "parquet", "json", "jsonl"]

_FORMATS: dict[str, Format] = {
    ".csv": "csv",
    ".tsv": "tsv",
    ".parquet": "parquet",
    ".json": "json",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
}

# First bytes of files that are no tables, with what to do about them.
_SIGNATURES = {
    b"\x80\x02": "a Python pickle, which could run code: save the table as CSV or Parquet",
    b"\x80\x03": "a Python pickle, which could run code: save the table as CSV or Parquet",
    b"\x80\x04": "a Python pickle, which could run code: save the table as CSV or Parquet",
    b"\x80\x05": "a Python pickle, which could run code: save the table as CSV or Parquet",
    b"PK\x03\x04": "a zip archive (also .xlsx and .npz are such): save the table as CSV or Parquet",
    b"\x89HDF": "an HDF5 file: save the table as CSV or Parquet",
    b"\x93NUMPY": "a NumPy array file: save the table as CSV or Parquet",
    b"SQLite format 3": "an SQLite database: save the table as CSV or Parquet",
    b"\xd0\xcf\x11\xe0": "an old Excel file: save the sheet as CSV",
    b"\x1f\x8b": "compressed by gzip: give it the ending .gz after the other, as in table.csv.gz",
    b"\xff\xfe": "text in UTF-16: save it as UTF-8",
    b"\xfe\xff": "text in UTF-16: save it as UTF-8",
    b"PAR1": "a Parquet file: give it the ending .parquet",
}
_SIGNATURE_BYTES = 4096


@dataclass(frozen=True)
class Source:
    """A file that looks like a table."""

    path: Path
    format: Format
    compressed: bool


@dataclass(frozen=True)
class Header:
    """The first line of a CSV or TSV file."""

    names: list[str]
    delimiter: str


def format_of(path: Path) -> tuple[Format, bool]:
    """The format that the ending names, and whether ``.gz`` follows it.

    Raises:
        TableError: the ending names no format.
    """
    endings = [ending.lower() for ending in path.suffixes[-2:]]
    compressed = endings[-1:] == [".gz"]
    ending = "".join((endings[:-1] if compressed else endings)[-1:])
    if ending not in _FORMATS or (compressed and ending == ".parquet"):
        raise TableError(
            f"The ending of '{path.name}' names no table format.{closest(ending, _FORMATS)} Use "
            f"{', '.join(_FORMATS)}, or .gz after any but .parquet; from Excel save as CSV."
        )
    return _FORMATS[ending], compressed


def names_a_table(path: Path) -> bool:
    """Whether the ending names a format, as that of ``with spaces.csv`` does and that of a query does not."""
    try:
        format_of(path)
    except TableError:
        return False
    return True


def open_source(path: Path) -> Source:
    """The file behind ``path``, after a look at its ending and its first bytes.

    Raises:
        TableError: there is no such file, it cannot be read, it is empty, or it is no table.
    """
    format_, compressed = format_of(path)
    source = Source(path, format_, compressed)
    with _explained(path):
        _check_place(path)
        with _opened(source) as file:
            beginning = file.read(_SIGNATURE_BYTES)
    _check_beginning(source, beginning)
    return source


def _check_place(path: Path) -> None:
    if path.is_dir():
        raise TableError(
            f"'{path}' is a folder: name a file in it, or read several by a pattern such as FROM '{path}/*.csv'."
        )
    if not path.exists():
        raise TableError(f"There is no file '{path}': check the name and the folder it is looked for in.")


def read_header(source: Source) -> Header:
    """The column names of a CSV or TSV file, and what stands between them.

    Raises:
        TableError: the header is blank, holds numbers, or names a column twice.
    """
    with _explained(source.path), _opened(source) as file:
        first = next(file).decode("utf-8-sig")
        unquoted = re.sub('"[^"]*"', "", first)
        delimiter = "\t" if source.format == "tsv" else max(",;\t|", key=unquoted.count)
        names = next(csv.reader([first], delimiter=delimiter, strict=True), [])
    names = [name.strip() or f"column {i}" for i, name in enumerate(names, start=1)]
    if not names or not first.strip():
        raise TableError(f"The first line of '{source.path}' is blank: begin the file with the columns' names.")
    counted = [[str(i + start) for i in range(len(names))] for start in (0, 1)]
    if all(map(is_number, names)) and names not in counted:
        raise TableError(
            f"The first line of '{source.path}' holds numbers ({', '.join(names[:3])}, ...) where the columns' "
            "names are expected: put a line of names above it."
        )
    return Header(names, delimiter)


def _check_beginning(source: Source, beginning: bytes) -> None:
    if not beginning.strip():
        raise TableError(f"'{source.path}' is empty: a table needs a line of names and at least one row.")
    if source.format == "parquet":
        if not beginning.startswith(b"PAR1"):
            raise TableError(f"'{source.path}' is no Parquet file: check how it was written, or its ending.")
        return
    for signature, remedy in _SIGNATURES.items():
        if beginning.startswith(signature):
            raise TableError(f"'{source.path}' is not {source.format} but {remedy}.")
    if b"\0" in beginning:
        raise TableError(f"'{source.path}' is not {source.format} but binary data: save the table as CSV.")


def _opened(source: Source) -> IO[bytes]:
    """The file, decompressed as it is read."""
    return cast("IO[bytes]", gzip.open(source.path) if source.compressed else source.path.open("rb"))


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """What goes wrong in reading a file becomes a TableError."""
    try:
        yield
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise TableError(
            f"'{path}' is damaged or not compressed by gzip: compress it again, or drop the ending .gz."
        ) from None
    except UnicodeDecodeError:
        raise TableError(f"'{path}' is not text in UTF-8: save it as UTF-8 (in Excel, 'CSV UTF-8').") from None
    except csv.Error as error:
        raise TableError(
            f"The first line of '{path}' is no header ({error}): name all columns on one line, separated by commas."
        ) from None
    except OSError as error:
        raise TableError(f"'{path}' cannot be read ({error.strerror}): check its name and permissions.") from None
