import hashlib
import io
import json
import marshal
import os
import pickle
import random
import re
import struct
import subprocess
import sys
import tracemalloc
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import safetensors
import safetensors.numpy
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import chainrule
from chainrule.errors import FormatError, InputError
from chainrule.files.container import MAX_ARRAYS, MAX_HEADER, read_container, write_container

ARRAYS = {"W1": np.array([[1.0, -2.0, 0.5]]), "b1": np.array(0.25, "float32"), "mask": np.array([True, False])}
METADATA = {"format": "chainrule", "sha256": "0" * 64, "version": "1", "description": '{"inputs":1}'}


def header(metadata=METADATA, /, **entries):
    return json.dumps({"__metadata__": metadata, **entries}, separators=(",", ":"))


def entry(dtype: object = "F64", shape: object = (1,), offsets: object = (0, 8)):
    return {"dtype": dtype, "shape": shape, "data_offsets": offsets}


def sealed(text, data=b""):
    """A file with this header and data, and with the right checksum if the header has a place for it."""
    text = text.encode() if isinstance(text, str) else text
    file = struct.pack("<Q", len(text)) + text + data
    place = re.search(rb'(?<="sha256":")[0-9a-f]{64}', file)
    if place is None:
        return file
    before, after = file[: place.start()], file[place.end() :]
    return before + hashlib.sha256(before + b"0" * 64 + after).hexdigest().encode() + after


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    return tmp_path_factory.mktemp("container") / "model.safetensors"


@pytest.fixture
def model(path):
    """The bytes of a small model file."""
    write_container(path, ARRAYS, {"inputs": 1})
    return path.read_bytes()


def refusal(path, content):
    """The message with which a file of these bytes is refused."""
    path.write_bytes(content)
    with pytest.raises(FormatError) as caught:
        read_container(path)
    assert str(path) in str(caught.value)
    return str(caught.value).replace(str(path), "FILE")


# ---- what is written is read


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20).filter(
    lambda name: name.isprintable() and name != "__metadata__"
)
ANY_ARRAY = hnp.arrays(
    st.sampled_from(["<f8", ">f8", "<f4", ">f4", "<i8", ">i8", "?"]),
    hnp.array_shapes(min_dims=0, max_dims=4, min_side=0, max_side=4),
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.floats(allow_nan=False, allow_infinity=False) | NAMES,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=10,
)


@settings(max_examples=60)
@given(st.dictionaries(NAMES, ANY_ARRAY, max_size=5), st.dictionaries(NAMES, JSON, max_size=4))
def test_every_array_and_description_comes_back_and_the_safetensors_library_agrees(path, arrays, description):
    write_container(path, arrays, description)
    found, found_description = read_container(path)
    library = safetensors.numpy.load(path.read_bytes())
    assert found_description == description
    assert found.keys() == library.keys() == arrays.keys()
    for name, array in arrays.items():
        for other in (found[name], library[name]):
            assert other.dtype == array.dtype.newbyteorder("=")
            assert other.shape == array.shape
            assert other.tobytes() == array.astype(other.dtype).tobytes()


def test_the_safetensors_library_opens_the_file_and_shows_the_metadata(path, model):
    with safetensors.safe_open(path, "np") as file:
        metadata = file.metadata()
        assert set(file.keys()) == set(ARRAYS)
    assert metadata.pop("sha256") in model.decode("latin-1")
    assert metadata == {"format": "chainrule", "version": "1", "description": '{"inputs":1}'}


def test_the_checksum_covers_the_whole_file_with_its_own_digits_as_zeros(model):
    with_zeros = model[:56] + b"0" * 64 + model[120:]
    assert model[56:120].decode() == hashlib.sha256(with_zeros).hexdigest()


def test_equal_content_gives_equal_bytes(path):
    W, b = np.arange(6.0).reshape(2, 3), np.ones(3)
    write_container(path, {"W": W, "b": b}, {"x": 1, "y": [2]})
    first = path.read_bytes()
    write_container(path, {"b": b[::-1], "W": np.asfortranarray(W).astype(">f8")}, {"y": (2,), "x": 1})
    assert path.read_bytes() == first


def test_every_array_starts_at_a_multiple_of_its_items_size(path):
    write_container(path, {"a": np.ones(3, bool), "b": np.ones(3, "float32"), "c": np.ones(3)}, {"odd": "length"})
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    starts = {n: e["data_offsets"][0] for n, e in json.loads(content[8 : 8 + length]).items() if n != "__metadata__"}
    assert length % 8 == 0
    assert starts == {"c": 0, "b": 24, "a": 36}


def test_an_array_read_owns_aligned_writable_memory(path, model):
    for array in read_container(path)[0].values():
        assert array.flags.owndata
        assert array.flags.writeable
        assert array.flags.aligned
        assert array.flags.c_contiguous


def test_the_bits_of_a_nan_survive(path):
    nan = np.array([0x7FF8_0000_0000_BEEF], "u8").view("f8")
    write_container(path, {"x": nan}, {})
    assert read_container(path)[0]["x"].tobytes() == nan.tobytes()


# ---- what cannot be written


@pytest.mark.parametrize(
    ("arrays", "description", "fault"),
    [
        ({"": np.ones(1)}, {}, "cannot be named ''"),
        ({1: np.ones(1)}, {}, "cannot be named 1"),
        ({"__metadata__": np.ones(1)}, {}, "cannot be named '__metadata__'"),
        ({"a\n": np.ones(1)}, {}, "cannot be named"),
        ({"\ud800": np.ones(1)}, {}, "cannot be named"),
        ({"a" * 201: np.ones(1)}, {}, "cannot be named"),
        ({"W": np.ones(1, "float16")}, {}, "W must be .* got dtype float16"),
        ({"W": np.array([None])}, {}, "W must be .* got dtype object"),
        ({"W": np.array(["x"])}, {}, "W must be .* got dtype <U1"),
        ({"W": np.ones(1, "complex128")}, {}, "W must be .* got dtype complex128"),
        ({"W": [1.0]}, {}, "W must be .* got list"),
        ({}, ["a list"], "the description must be a mapping, got list"),
        ({}, {"x": float("nan")}, "the description cannot be written"),
        ({}, {"x": {1: 2}}, "the description has the key 1"),
        ({}, {"x": "x" * MAX_HEADER}, "1048576 are allowed"),
        ({str(n): np.ones(1) for n in range(MAX_ARRAYS + 1)}, {}, "at most 10000 arrays, got 10001"),
        ({str(n): np.ones((1,) * 20) for n in range(9_000)}, {}, "the header holds more than 100000 values"),
    ],
    ids=range(17),
)
def test_what_a_model_file_cannot_hold_is_refused_before_anything_is_touched(path, model, arrays, description, fault):
    with pytest.raises(InputError, match=fault):
        write_container(path, arrays, description)
    assert path.read_bytes() == model
    assert list(path.parent.iterdir()) == [path]


def test_a_write_that_fails_leaves_the_old_file(path, model, monkeypatch):
    def fail(*args):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(OSError, match="No space left"):
        write_container(path, ARRAYS, {"inputs": 2})
    assert path.read_bytes() == model
    assert list(path.parent.iterdir()) == [path]


# ---- damage


def test_every_truncation_is_detected(path, model):
    for length in range(len(model)):
        assert "FILE" in refusal(path, model[:length])


def test_a_truncated_file_is_called_truncated(path, model):
    description = {"x": "x" * 476}  # a header of 640 bytes: the file begins like a pickle of protocol 2
    write_container(path, {}, description)
    content = path.read_bytes()
    assert content[:2] == b"\x80\x02"
    assert read_container(path) == ({}, description)
    for length in (0, 1, 2, 7, 8, 9, 100, len(content) - 1):
        assert "truncated" in refusal(path, content[:length])


def test_every_flip_of_a_single_bit_is_detected(path, model):
    for bit in range(8 * len(model)):
        damaged = bytearray(model)
        damaged[bit // 8] ^= 1 << bit % 8
        assert "FILE" in refusal(path, damaged)


def test_damage_to_the_data_is_found_by_the_checksum(path, model):
    assert "checksum does not match" in refusal(path, model[:-1])
    assert "checksum does not match" in refusal(path, model[:-1] + b"\x01")
    assert "checksum does not match" in refusal(path, model + b"\x00")


def test_a_file_rewritten_by_another_program_is_refused(path, model):
    rewritten = safetensors.numpy.save(ARRAYS, {**METADATA})
    assert "checksum does not match" in refusal(path, rewritten)


# ---- headers made to harm


@pytest.mark.parametrize("length", [0, 7, 2**40, 2**63, 2**64 - 1, MAX_HEADER + 1, 10_000])
def test_a_header_length_out_of_bounds_is_refused(path, model, length):
    message = refusal(path, struct.pack("<Q", length) + model[8:])
    assert any(word in message for word in ("truncated", "not JSON", "length of a header"))


def test_a_header_longer_than_allowed_is_refused_though_it_is_there(path):
    text = header().ljust(MAX_HEADER + 1)
    assert "at most 1048576 bytes" in refusal(path, sealed(text))


def repeated(start, unit, end, size=MAX_HEADER - 400):
    return header(x=0).replace('"x":0', start + unit * ((size - len(start + end)) // len(unit)) + end)


HOSTILE = {
    "100k entries": header(**{f"{n:x}": 1 for n in range(90_000)}),
    "40k entries": header(**{f"{n:x}": 1 for n in range(40_000)}),
    "10k entries and one": header(**dict.fromkeys(map(str, range(MAX_ARRAYS + 1)), entry("BOOL", [0], [0, 0]))),
    "deep lists": repeated('"x":', "[", ""),
    "deep objects": repeated('"x":', '{"a":', ""),
    "deep description": header({**METADATA, "description": "[" * 500_000 + "]" * 500_000}),
    "many lists": repeated('"x":[', "[],", "0]"),
    "lists within bounds": repeated('"x":[', "[],", "0]", 149_000),
    "objects within bounds": header(x=[{f"{n:x}": 1} for n in range(40_000)]),
    "quotes": repeated('"x":', '"', ""),
    "strings": repeated('"x":[', '"",', "0]"),
    "escapes": repeated('"x":"', r"\n", '"'),
    "wide text": repeated('"x":"\U0001f600', "a", '"'),
    "wide description": json.dumps({"__metadata__": {**METADATA, "description": "\U0001f600" + "a" * 1_000_000}},
                                   ensure_ascii=False, separators=(",", ":")),
    "long integer": repeated('"x":', "9", ""),
    "long shape": header(W=entry(shape=[1] * 90_000)),
    "duplicate keys": header(W=0, V=0).replace("V", "W"),
    "duplicate metadata": header(W=0).replace("W", "__metadata__"),
    "bad utf-8": header(W=0).encode().replace(b"W", b"\xff"),
    "NaN": header(W=entry(shape=[float("nan")])),
    "infinity": header(W=entry(shape=[1])).replace("[1]", "[1e999]"),
    "trailing text": header() + "{}",
    "NUL": header() + "\0",
}  # fmt: skip


MEASURE = """
import json, os, re, sys, time
from pathlib import Path
from chainrule.errors import FormatError
from chainrule.files.container import read_container

def peak():
    return int(re.search(r"VmHWM:\\s*(\\d+) kB", Path("/proc/self/status").read_text())[1]) // 1024

read_container(sys.argv[1])
for path in sys.argv[2:]:
    if os.fork() == 0:
        before, start = peak(), time.process_time()
        try:
            read_container(path)
        except FormatError as error:
            print(json.dumps([str(error)[:300], time.process_time() - start, peak() - before]), flush=True)
        os._exit(0)
    os.wait()
"""


def run(script, *arguments):
    """What a fresh Python prints, a JSON value a line."""
    environment = {**os.environ, "PYTHONPATH": str(Path(chainrule.__file__).parents[1])}
    command = [sys.executable, "-c", script, *arguments]
    output = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, timeout=60, check=True).stdout
    return [json.loads(line) for line in output.splitlines()]


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux's peak memory of a process")
def test_every_hostile_header_is_refused_at_once_and_within_16_mib(tmp_path):
    write_container(tmp_path / "good", ARRAYS, {})
    for kind, text in HOSTILE.items():
        (tmp_path / kind).write_bytes(sealed(text))
    measured = run(MEASURE, tmp_path / "good", *(tmp_path / kind for kind in HOSTILE))
    assert len(measured) == len(HOSTILE)
    for kind, (message, seconds, mebibytes) in zip(HOSTILE, measured, strict=True):
        assert message.startswith(str(tmp_path / kind))
        assert seconds < 2, kind  # of this process alone, so that a busy machine changes nothing
        assert mebibytes < 16, kind


def test_as_many_arrays_as_allowed_are_read_and_one_more_is_refused(path):
    arrays = {str(n): np.array(n) for n in range(MAX_ARRAYS)}
    write_container(path, arrays, {})
    assert read_container(path)[0] == arrays
    assert "claims 10001 arrays, 10000 are allowed" in refusal(path, sealed(HOSTILE["10k entries and one"]))


@pytest.mark.parametrize(
    ("metadata", "fault"),
    [
        (None, "safetensors file of another program"),
        ("chainrule", "safetensors file of another program"),
        ({}, "safetensors file of another program"),
        ({**METADATA, "format": "pt"}, "safetensors file of another program"),
        ({**METADATA, "version": "2"}, "version '2' of the format.*install a later"),
        ({**METADATA, "version": 1}, "version 1 of the format"),
        ({**METADATA, "safe_mode": "off"}, "has the keys"),
        ({"format": "chainrule", "version": "1"}, "has the keys"),
        ({**METADATA, "sha256": ""}, "checksum"),
        ({**METADATA, "sha256": None}, "checksum"),
        ({**METADATA, "description": {}}, "must be text"),
        ({**METADATA, "description": ""}, "the description is not JSON"),
        ({**METADATA, "description": "[]"}, "must be a JSON object"),
        ({**METADATA, "description": '{"a":NaN}'}, "the description holds NaN"),
        ({**METADATA, "description": '{"a":1,"a":2}'}, "the description has the key 'a' twice"),
        ({**METADATA, "description": r'{"a":"\ud800"}'}, "half a character"),
    ],
    ids=range(16),
)
def test_metadata_that_is_not_ours_is_refused(path, metadata, fault):
    assert re.search(fault, refusal(path, sealed(header(metadata))))


@pytest.mark.parametrize("text", ["[]", "0", "null", '"chainrule"', "{}", "{"])
def test_a_header_that_is_no_object_of_ours_is_refused(path, text):
    assert "FILE" in refusal(path, sealed(text, bytes(100)))


def test_a_plain_safetensors_file_is_recognised(path):
    message = refusal(path, safetensors.numpy.save({"W": np.ones(2)}))
    assert "looks like a safetensors file of another program" in message


BAD_ARRAYS = {
    "shape bomb": (entry(shape=[2**40, 2**10], offsets=[0, 8]), "does not fill"),
    "product wraps to 8 bytes": (entry(shape=[2**61 + 1]), "does not fill"),
    "product wraps to 0 bytes": (entry(shape=[2**32, 2**32], offsets=[0, 0]), "does not fill"),
    "huge beside zero": (entry(shape=[0, 2**40, 2**40], offsets=[0, 0]), "larger than an array can be"),
    "negative dimension": (entry(shape=[-1]), "has shape [-1]"),
    "two negative dimensions": (entry(shape=[-1, -1]), "has shape [-1, -1]"),
    "float dimension": (entry(shape=[1.0]), "has shape [1.0]"),
    "bool dimension": (entry(shape=[True]), "has shape [True]"),
    "text dimension": (entry(shape=["1"]), "has shape ['1']"),
    "null dimension": (entry(shape=[None]), "has shape [None]"),
    "shape is no list": (entry(shape=1), "has shape 1"),
    "rank": (entry(shape=[1] * 65), "at most 64"),
    "unknown dtype": (entry("F128"), "has dtype 'F128'; known are F64, F32, I64, BOOL"),
    "object dtype": (entry("O"), "has dtype 'O'"),
    "numpy dtype": (entry("float64"), "has dtype 'float64'"),
    "dtype is no text": (entry(["F64"]), "has dtype ['F64']"),
    "three offsets": (entry(offsets=[0, 8, 8]), "has data_offsets [0, 8, 8]"),
    "float offsets": (entry(offsets=[0.0, 8]), "has data_offsets [0.0, 8]"),
    "bool offsets": (entry("BOOL", [1], [False, True]), "has data_offsets [False, True]"),
    "negative offsets": (entry(offsets=[-8, 0]), "has data_offsets [-8, 0]"),
    "backward offsets": (entry(offsets=[8, 0]), "does not fill"),
    "gap": (entry(offsets=[1, 9]), "begins at byte 1 and leaves a gap after the array before, which ends at 0"),
    "past the end": (entry(shape=[2], offsets=[0, 16]), "should end at byte 16, the data ends at 8"),
    "far past the end": (entry(shape=[2**50], offsets=[0, 2**53]), "should end at byte 9007199254740992"),
    "one byte for 8": (entry(shape=[8], offsets=[0, 8]), "does not fill bytes 0 to 8"),
    "truth value 2": (entry("BOOL", [8]), "truth values other than 0 and 1"),
    "missing key": ({"dtype": "F64", "shape": [1]}, "must have dtype, shape and data_offsets"),
    "key too many": ({**entry(), "location": "/etc/passwd"}, "must have dtype, shape and data_offsets"),
    "no object": ([1], "must have dtype, shape and data_offsets"),
}  # fmt: skip


@pytest.mark.parametrize(("bad", "fault"), BAD_ARRAYS.values(), ids=BAD_ARRAYS)
def test_an_array_that_does_not_fit_its_bytes_is_refused_by_name_before_memory_is_claimed(path, bad, fault):
    content = sealed(header(W7=bad), b"\x01\x00\x02\x00\x00\x00\x00\x00")
    tracemalloc.start()
    message = refusal(path, content)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert message.startswith("FILE: array 'W7'")
    assert fault in message
    assert peak < 2**20


@pytest.mark.parametrize(
    ("first", "second", "fault"),
    [
        ([0, 8], [0, 8], "array 'b' begins at byte 0 and overlaps the array before, which ends at 8"),
        ([0, 8], [4, 12], "array 'b' begins at byte 4 and overlaps"),
        ([8, 16], [0, 8], "array 'a' begins at byte 8 and leaves a gap"),
        ([0, 8], [9, 17], "array 'b' begins at byte 9 and leaves a gap"),
        ([0, 8], [8, 16], "8 bytes belong to no array; the last is 'b'"),
    ],
)
def test_arrays_that_overlap_or_leave_bytes_over_are_refused_by_name(path, first, second, fault):
    text = header(a=entry(offsets=first), b=entry(offsets=second))
    assert fault in refusal(path, sealed(text, bytes(24)))


def test_bytes_beside_no_array_at_all_are_refused(path):
    assert "8 bytes belong to no array; the last is None" in refusal(path, sealed(header(), bytes(8)))


@pytest.mark.parametrize("name", ["", "a\nb", "\x1b[2J", "x" * 201])
def test_a_name_that_could_not_be_written_is_not_read(path, name):
    message = refusal(path, sealed(header(**{name: entry()}), bytes(8)))
    assert "printable" in message
    assert message.isprintable()


# ---- other formats, and what must not happen


class Payload:
    """Whoever unpickles this creates a file."""

    def __init__(self, sentinel):
        self.sentinel = sentinel

    def __reduce__(self):
        return (exec, (f"open({self.sentinel!r}, 'w').close()",))


def zipped(name, content=b"x", method=zipfile.ZIP_DEFLATED):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as file:
        file.writestr(name, content)
    return buffer.getvalue()


def saved(function, *values):
    buffer = io.BytesIO()
    function(buffer, *values)
    return buffer.getvalue()


def foreign(sentinel):
    """Files of other formats, by what they are called; what runs code creates the sentinel."""
    payload = Payload(sentinel)
    code = marshal.dumps(compile(f"open({sentinel!r}, 'w').close()", "x", "exec"))
    return {
        **{f"pickle {n}": ("pickle", pickle.dumps(payload, protocol=n)) for n in (0, 2, 3, 4, 5)},
        "pickled dict 0": ("pickle", pickle.dumps({"a": payload}, protocol=0)),
        "pickled list 0": ("pickle", pickle.dumps([payload], protocol=0)),
        "pickle 1": ("begins with", b"]q\x00" + pickle.dumps(payload, protocol=1)),
        "joblib": ("zlib", zlib.compress(pickle.dumps(payload))),
        "marshal": ("compiled Python", code),
        "pyc": ("compiled Python", b"\xa7\x0d\x0d\x0a" + bytes(12) + code),
        "npy": ("NumPy .npy", saved(lambda file: np.save(file, np.array([payload]), allow_pickle=True))),
        "npz": ("zip archive", saved(lambda file: np.savez(file, x=np.array([payload])))),
        "zip bomb": ("zip archive", zipped("a", bytes(1_000_000))),
        "zip that climbs": ("zip archive", zipped("../../escaped")),
        "zip to the root": ("zip archive", zipped("/escaped")),
        "zip to a share": ("zip archive", zipped(r"\\host\share\escaped")),
        "zip by lzma": ("zip archive", zipped("a", method=zipfile.ZIP_LZMA)),
        "empty zip": ("zip archive", saved(lambda file: zipfile.ZipFile(file, "w").close())),
        "gzip": ("gzip", b"\x1f\x8b\x08" + bytes(20)),
        "bzip2": ("bzip2", b"BZh91AY&SY" + bytes(20)),
        "xz": ("xz", b"\xfd7zXZ\x00" + bytes(20)),
        "zstd": ("zstd", b"\x28\xb5\x2f\xfd" + b"\x01" * 20),
        "HDF5": ("HDF5", b"\x89HDF\r\n\x1a\n" + bytes(20)),
        "ONNX": ("ONNX", b"\x08\x0a\x12\x07pytorch\x1a\x05" + bytes(20)),
        "TFLite": ("TensorFlow Lite", b"\x1c\x00\x00\x00TFL3" + bytes(20)),
        "GGUF": ("GGUF", b"GGUF\x03\x00\x00\x00\x01" + bytes(20)),
        "Git LFS": ("git lfs pull", b"version https://git-lfs.github.com/spec/v1\n"),
        "web page": ("HTML", b"<!DOCTYPE html><html>"),
        "JSON": ("JSON text", b'{\n  "W1": [1, 2]}'),
        "zeros": ("length of a header", bytes(100)),
        "text": ("length of a header", b"epoch,loss\n1,0.5\n"),
    }


@pytest.mark.parametrize("kind", foreign("unused"))
def test_a_file_of_another_kind_is_named_and_not_run(path, tmp_path, kind):
    sentinel = tmp_path / "sentinel"
    look, content = foreign(str(sentinel))[kind]
    message = refusal(path, content)
    assert look in message
    assert "no chainrule model file" in message
    assert not sentinel.exists()
    assert list(path.parent.iterdir()) == [path]


WATCH = """
import json, sys
from pathlib import Path
from chainrule.errors import FormatError
from chainrule.files.container import read_container

events, watching = [], False
sys.addaudithook(lambda event, args: events.append([event, *map(str, args[:1])]) if watching else None)
for path in map(Path, sys.argv[1:]):
    modules = set(sys.modules)
    events.clear()
    watching = True
    try:
        read_container(path)
    except FormatError:
        pass
    watching = False
    print(json.dumps([events, sorted(set(sys.modules) - modules)]))
"""


def test_reading_opens_that_one_file_and_runs_imports_and_connects_nothing(tmp_path):
    hostile = {
        "class_name": "os.system",
        "config": {"module": "antigravity", "function": "builtins.exec", "safe_mode": False},
        "vocabulary": "/etc/passwd",
        "url": "http://localhost:1/weights",
    }
    write_container(tmp_path / "good", ARRAYS, hostile)
    assert read_container(tmp_path / "good")[1] == hostile
    (tmp_path / "bad").write_bytes((tmp_path / "good").read_bytes()[:-1])
    for kind, (_, content) in foreign(str(tmp_path / "sentinel")).items():
        (tmp_path / kind).write_bytes(content)
    paths = sorted(tmp_path.iterdir())
    assert run(WATCH, *paths) == [[[["open", str(path)]], []] for path in paths]
    assert not (tmp_path / "sentinel").exists()


def test_a_folder_is_no_model_file(tmp_path):
    with pytest.raises(FormatError, match="not a regular file"):
        read_container(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FormatError, match="not a regular file"):
        read_container(tmp_path / "pipe")


def test_a_missing_file_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_container(tmp_path / "missing")


# ---- fuzz


TOKENS = [
    b"0", b"1", b"-1", b"8", b"1e3", b"1e999", b"NaN", b"true", b"null", b'""', b'"W1"', b"[]", b"{}", b"[[", b"]",
    b"{", b"}", b",", b":", b'"', b"\\", b"\xff", b"\x00", b" ", b"18446744073709551616", b'"F32"', b'"__metadata__"',
]  # fmt: skip


def mutated(content, chance):
    """Edit bytes and tokens of header and data, and mend length and checksum: damage that gets far."""
    end = 8 + int.from_bytes(content[:8], "little")
    parts = [bytearray(content[8:end]), bytearray(content[end:])]
    for _ in range(chance.randint(1, 3)):
        part = chance.choice(parts)
        start = chance.randrange(len(part))
        stop = start + chance.choice([0, 1, 1, 1, 2, 8])
        part[start:stop] = chance.choice([bytes([chance.randrange(256)]), chance.choice(TOKENS), b""])
    return sealed(*map(bytes, parts))


def test_fuzzed_files_are_refused_or_mean_what_the_safetensors_library_says(path, model):
    chance = random.Random(0)
    read = 0
    for _ in range(2000):
        content = mutated(model, chance)
        path.write_bytes(content)
        try:
            arrays, description = read_container(path)
        except FormatError:
            continue
        read += 1
        library = safetensors.numpy.load(content)
        assert isinstance(description, dict)
        assert {n: a.tobytes() for n, a in arrays.items()} == {n: a.tobytes() for n, a in library.items()}
    assert read > 30
