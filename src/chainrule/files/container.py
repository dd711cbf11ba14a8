"""The container that model files are kept in: a safetensors file with a checksum over every byte.

    length   8 bytes, little-endian: how long the header is
    header   JSON: {"__metadata__": {...}, name: {"dtype": ..., "shape": ..., "data_offsets": ...}, ...}
    data     the arrays' bytes: little-endian, C order, one after the other without gaps

Any safetensors reader opens it. ``__metadata__`` holds ``format`` ("chainrule"), ``sha256``, ``version`` ("1")
and ``description``, a JSON text that this file does not interpret. The checksum is the SHA-256 of the whole file with
its own 64 digits read as zeros; it finds damage, it does not prove who wrote the file.

A file is data, never code, and it may come from an attacker: reading opens that one file, runs nothing, imports
nothing, and compares what the file claims with the bytes it has before any array is made.

The header is written here and not by the safetensors library, whose ``__metadata__`` comes in random order:
equal content must give equal bytes. Tests compare the two.

References:
    The safetensors format, https://huggingface.co/docs/safetensors/index#format
"""

import hashlib
import math
import os
import re
import stat
from collections.abc import Mapping
from pathlib import Path
from reprlib import repr as brief
from typing import Any

import numpy as np

from chainrule.errors import FormatError, InputError
from chainrule.files.atomic import write_atomically
from chainrule.files.json_strict import parse_json, to_json

VERSION = "1"
MAX_HEADER = 1 << 20  # bytes; a hundredth of what the safetensors library allows, enough for MAX_ARRAYS
MAX_ARRAYS = 10_000
MAX_NAME = 200  # characters
MAX_RANK = 64  # NumPy's own bound

_DTYPES = {"F64": np.dtype("<f8"), "F32": np.dtype("<f4"), "I64": np.dtype("<i8"), "BOOL": np.dtype("?")}
_CODES = {dtype: code for code, dtype in _DTYPES.items()}

# Every file has this after its first 8 bytes, and then the checksum: so the checksum stands at a fixed place.
_OPENING = b'{"__metadata__":{"format":"chainrule","sha256":"'
_NO_CHECKSUM = b"0" * 64

_REMEDY = "take the file from where it came once more, or save the network again"

# What a file that is no safetensors file looks like from its first bytes.
_LOOKS = [
    (rb"PK(\x03\x04|\x05\x06|\x07\x08)", "a zip archive (as .npz, .keras and PyTorch files are)"),
    (rb"\x80[\x01-\x05]|\(?([dl]p?\d*\n|[ci]\w[\w.]*\n)", "a Python pickle (as joblib files are)"),
    (rb"\x78[\x01\x5e\x9c\xda]", "zlib-compressed (as joblib files are)"),
    (rb"\x1f\x8b", "gzip-compressed"),
    (rb"BZh", "bzip2-compressed"),
    (rb"\xfd7zXZ\x00|\x5d\x00\x00", "xz- or lzma-compressed"),
    (rb"\x28\xb5\x2f\xfd|\x04\x22\x4d\x18", "zstd- or lz4-compressed"),
    (rb"\x89HDF\r\n\x1a\n", "an HDF5 file (as Keras .h5 files are)"),
    (rb"\x93NUMPY", "a NumPy .npy file"),
    (rb".[\x0c-\x0f]\r\n|[\xe3c]\x00\x00\x00", "compiled Python code (.pyc or marshal)"),
    (rb"\x08[\x01-\x1f][\x12\x1a\x22\x3a\x42]", "an ONNX model"),
    (rb"....TFL3", "a TensorFlow Lite model"),
    (rb"GGUF", "a GGUF model"),
    (rb"version https://git-lfs", "a Git LFS pointer (fetch the file itself with `git lfs pull`)"),
    (rb"\s*<", "HTML or XML (a web page saved in place of the file?)"),
    (rb"\s*[{\[]", "JSON text"),
]
_LONGEST_LOOK = 64


def write_container(
    path: str | os.PathLike[str], arrays: Mapping[str, np.ndarray], description: Mapping[str, Any]
) -> None:
    """Write arrays and their description to a file, which is replaced whole or left as it was.

    Equal content gives equal bytes, whatever the order of the mappings and the layout of the arrays.

    Args:
        path: the file to write.
        arrays: by name (printable text), arrays of any shape: float64, float32, int64 or bool.
        description: what JSON can hold: text keys, lists, strings, finite numbers, booleans, None.

    Raises:
        InputError: a name, a dtype or the description cannot be written; nothing was touched.
        OSError: the file cannot be written; the old file is intact.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "model.safetensors")
        ...     write_container(file, {"W1": np.array([[1.0, 2.0]])}, {"inputs": 1})
        ...     file.read_bytes()[8:42]
        b'{"__metadata__":{"format":"chainru'
    """
    if not isinstance(description, Mapping):
        raise InputError(f"the description must be a mapping, got {type(description).__name__}: wrap it in a dict")
    if len(arrays) > MAX_ARRAYS:
        raise InputError(f"a model file holds at most {MAX_ARRAYS} arrays, got {len(arrays)}")
    kept = {name: _little_endian(name, array) for name, array in arrays.items()}
    # Wide items first, so that every array begins at a multiple of its item's size: readers may map it.
    kept = dict(sorted(kept.items(), key=lambda item: (-item[1].itemsize, item[0])))
    header = _header(kept, to_json(dict(description), "the description"))
    pieces = [array.tobytes() for array in kept.values()]
    header = _with_checksum(header, _checksum(header, pieces))
    write_atomically(path, [len(header).to_bytes(8, "little"), header, *pieces])


def read_container(path: str | os.PathLike[str]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read what ``write_container`` wrote, and nothing else.

    Args:
        path: the file to read.

    Returns:
        The arrays by name, each with memory of its own, and the description.

    Raises:
        FormatError: the file is damaged, truncated, of another kind, of a later version, or made to harm.
        OSError: the file is missing or cannot be read.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     file = Path(folder, "model.safetensors")
        ...     write_container(file, {"W1": np.array([[1.0, 2.0]])}, {"inputs": 1})
        ...     read_container(file)
        ({'W1': array([[1., 2.]])}, {'inputs': 1})
    """
    path = Path(path)
    if not stat.S_ISREG(path.stat().st_mode):  # opening a pipe would wait for ever
        raise FormatError(f"{path} is not a regular file, so it holds no model: name the model file itself")
    with path.open("rb") as file:
        size = os.fstat(file.fileno()).st_size
        length = _header_length(file.read(_LONGEST_LOOK), size, path)
        file.seek(8)
        header = file.read(length)
        entries = parse_json(header, f"{path}: the header")
        description = _description(entries, path)
        data = file.read(size - 8 - length)
    checksum = _checksum(header, [data])
    if header != _with_checksum(header, checksum):
        raise FormatError(f"{path}: the checksum does not match: the file was damaged or changed; {_REMEDY}")
    return _arrays(entries, data, path), description


def _is_name(name: Any) -> bool:
    return isinstance(name, str) and 0 < len(name) <= MAX_NAME and name.isprintable() and name != "__metadata__"


def _little_endian(name: str, array: np.ndarray) -> np.ndarray:
    """Check an array and hand it back as it will stand in the file."""
    if not _is_name(name):
        raise InputError(
            f"an array cannot be named {brief(name)}: use 1 to {MAX_NAME} printable characters, not __metadata__"
        )
    dtype = array.dtype.newbyteorder("<") if isinstance(array, np.ndarray) else None
    if dtype not in _CODES:
        found = type(array).__name__ if dtype is None else f"dtype {dtype}"
        raise InputError(f"{name} must be an array of float64, float32, int64 or bool, got {found}: convert it")
    return np.asarray(array, dtype=dtype, order="C")


def _header(arrays: dict[str, np.ndarray], description: str) -> bytes:
    """Write the header, its checksum still zeros, padded so that the data begins at a multiple of 8."""
    entries: dict[str, dict[str, Any]] = {
        "__metadata__": {
            "format": "chainrule",
            "sha256": _NO_CHECKSUM.decode(),
            "version": VERSION,
            "description": description,
        }
    }
    end = 0
    for name, array in arrays.items():
        begin, end = end, end + array.nbytes
        entries[name] = {"dtype": _CODES[array.dtype], "shape": array.shape, "data_offsets": (begin, end)}
    text = to_json(entries, "the header", sort_keys=False).encode("utf-8")
    if len(text) > MAX_HEADER:
        raise InputError(
            f"names, shapes and description take {len(text)} bytes, {MAX_HEADER} are allowed: keep what is "
            "long in an array, not in the description"
        )
    return text.ljust(-(-len(text) // 8) * 8)


def _checksum(header: bytes, pieces: list[bytes]) -> bytes:
    """SHA-256 of the whole file, its own digits read as zeros; 64 hex digits."""
    digest = hashlib.sha256(len(header).to_bytes(8, "little"))
    for piece in (_with_checksum(header, _NO_CHECKSUM), *pieces):
        digest.update(piece)
    return digest.hexdigest().encode()


def _with_checksum(header: bytes, checksum: bytes) -> bytes:
    return _OPENING + checksum + header[len(_OPENING) + len(checksum) :]


def _header_length(start: bytes, size: int, path: Path) -> int:
    """Read the header's length if there may be a header; else say what the file looks like."""
    length = int.from_bytes(start[:8], "little")
    if length <= MAX_HEADER and start[8:9] in (b"{", b""):
        if 8 + length <= size:
            return length
        raise FormatError(
            f"{path} is truncated: its header should end at byte {8 + length}, the file ends at {size}: {_REMEDY}"
        )
    for look, what in _LOOKS:
        if re.match(look, start, re.DOTALL):
            raise FormatError(
                f"{path} is no chainrule model file; it looks like {what}. Model files hold data only, and of "
                "other kinds of file nothing is read or run: open it with the program that wrote it"
            )
    raise FormatError(
        f"{path} is no chainrule model file: it begins with {start[:9]!r}, where the length of a header, at most "
        f"{MAX_HEADER} bytes, and the header should stand: {_REMEDY}"
    )


def _description(entries: Any, path: Path) -> dict[str, Any]:
    """Check ``__metadata__`` and take the description from it."""
    metadata = entries.get("__metadata__") if isinstance(entries, dict) else None
    if not isinstance(metadata, dict) or metadata.get("format") != "chainrule":
        raise FormatError(
            f"{path} is not a model file of chainrule; it looks like a safetensors file of another program: "
            "read it with the safetensors library and set the parameters of a network with it"
        )
    if metadata.get("version") != VERSION:
        raise FormatError(
            f"{path} has version {brief(metadata.get('version'))} of the format, this chainrule reads version "
            f"{VERSION!r}: install a later chainrule"
        )
    if metadata.keys() != {"format", "sha256", "version", "description"}:
        raise FormatError(f"{path}: __metadata__ has the keys {brief(sorted(metadata))}, not those of chainrule")
    if not isinstance(metadata["description"], str):
        raise FormatError(f"{path}: the description must be text, got {brief(metadata['description'])}")
    description = parse_json(metadata["description"].encode("utf-8"), f"{path}: the description")
    if not isinstance(description, dict):
        raise FormatError(f"{path}: the description must be a JSON object, got {brief(description)}")
    return description


def _arrays(entries: dict[str, Any], data: bytes, path: Path) -> dict[str, np.ndarray]:
    """Cut the data into arrays that follow each other from the first byte to the last."""
    if len(entries) - 1 > MAX_ARRAYS:
        raise FormatError(f"{path} claims {len(entries) - 1} arrays, {MAX_ARRAYS} are allowed")
    arrays: dict[str, np.ndarray] = {}
    end = 0
    for name, entry in entries.items():
        if name == "__metadata__":
            continue
        where = f"{path}: array {brief(name)}"
        if not _is_name(name):
            raise FormatError(f"{where}: a name has 1 to {MAX_NAME} printable characters")
        dtype, shape, begin, stop = _layout(entry, where)
        if begin != end:
            fault = "leaves a gap after" if begin > end else "overlaps"
            raise FormatError(f"{where} begins at byte {begin} and {fault} the array before, which ends at {end}")
        if stop > len(data):
            raise FormatError(f"{where} should end at byte {stop}, the data ends at {len(data)}: {_REMEDY}")
        array = np.ndarray(shape, dtype, data, begin)
        if dtype.kind == "b" and array.view(np.uint8).max(initial=0) > 1:
            raise FormatError(f"{where} has truth values other than 0 and 1")
        arrays[name] = array.astype(dtype.newbyteorder("="))  # a copy, in the byte order of this machine
        end = stop
    if end != len(data):
        last = next(reversed(arrays), None)
        raise FormatError(f"{path}: {len(data) - end} bytes belong to no array; the last is {brief(last)}")
    return arrays


def _layout(entry: Any, where: str) -> tuple[np.dtype, tuple[int, ...], int, int]:
    """Check what the header says of one array; no memory is claimed yet."""
    if not isinstance(entry, dict) or entry.keys() != {"dtype", "shape", "data_offsets"}:
        raise FormatError(f"{where} must have dtype, shape and data_offsets, got {brief(entry)}")
    code, shape, offsets = entry["dtype"], entry["shape"], entry["data_offsets"]
    dtype = _DTYPES.get(code) if isinstance(code, str) else None
    if dtype is None:
        raise FormatError(f"{where} has dtype {brief(code)}; known are {', '.join(_DTYPES)}")
    if not _counts(shape) or len(shape) > MAX_RANK:
        raise FormatError(f"{where} has shape {brief(shape)}: at most {MAX_RANK} integers from 0 are allowed")
    if not _counts(offsets) or len(offsets) != 2:
        raise FormatError(f"{where} has data_offsets {brief(offsets)}: two integers from 0 are expected")
    begin, end = offsets
    # Python's integers do not overflow, so a product cannot wrap round to something small.
    if end - begin != math.prod(shape) * dtype.itemsize:
        raise FormatError(f"{where} of shape {brief(shape)} and dtype {code} does not fill bytes {begin} to {end}")
    # Beside a 0 the other sizes take no bytes, yet NumPy's strides must be able to count them.
    if math.prod(n for n in shape if n) * dtype.itemsize > np.iinfo(np.int64).max:
        raise FormatError(f"{where} has shape {brief(shape)}, larger than an array can be")
    return dtype, tuple(shape), begin, end


def _counts(values: Any) -> bool:
    """Whether this is a list of integers from 0 (and a bool is none)."""
    return isinstance(values, list) and all(type(n) is int and n >= 0 for n in values)
