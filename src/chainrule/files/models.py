"""Model files: networks are written, and read back with components from fixed tables only.

A file can name components, never bring code: each name is looked up among the library's tables and the extensions the
caller hands in. What a file claims is checked against the arrays it holds before anything of that size is made, and a
description that the library would not have written in just these words is refused.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from reprlib import repr as brief
from typing import Any, NoReturn

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.activations import Activation
from chainrule.core.arrays import Array, shape_text
from chainrule.core.builtin import TABLES
from chainrule.core.chain import Chain
from chainrule.core.initializers import Initializer
from chainrule.core.layers import LAYERS, Layer
from chainrule.core.lookup import look_up
from chainrule.core.losses import Loss
from chainrule.core.model import Model
from chainrule.core.parameters import Parameters
from chainrule.core.unitwise import UnitwiseActivation, unitwise
from chainrule.errors import FormatError, InputError, UnknownComponentError
from chainrule.files.container import MAX_NAME, read_container, write_container
from chainrule.files.json_strict import to_json
from chainrule.files.packing import SCHEMA, VERSION, Packed, pack, packed_layer

MAX_LAYERS = 1000
_LONGEST = 300  # characters that an error repeats of a file


def save(model: Model, path: str | Path, metadata: Mapping[str, Any]) -> None:
    """Write a model file; ``metadata`` is kept with it as it is (JSON data).

    Raises:
        InputError: a number is not finite, or two different components have the same name; nothing was written.
    """
    arrays, description = pack(model)
    write_container(path, arrays, {"network": description, "metadata": dict(metadata)})


def load(path: str | Path, extensions: Sequence[Any] = ()) -> tuple[Model, dict[str, Any]]:
    """The model and the metadata that ``save`` wrote.

    Raises:
        FormatError: not a model file, damaged, or its parts do not fit each other.
        UnknownComponentError: it names a component that is in no table.
    """
    arrays, description = read_container(path)
    try:
        _only_keys(description, {"network", "metadata"}, "the description")
        metadata = _typed(description["metadata"], dict, "metadata")
        return unpack((arrays, _typed(description["network"], dict, "network")), extensions), metadata
    except FormatError as error:
        raise FormatError(f"{path}: {error}") from None
    except UnknownComponentError as error:
        raise UnknownComponentError(
            f"{path}: {error} One of your own is handed to load(..., extensions=[...])."
        ) from None


def unpack(packed: Packed, extensions: Sequence[Any] = ()) -> Model:
    """The network that ``pack`` took apart; every claim is checked, so that a file can be handed in as it is."""
    arrays, description = packed
    _only_keys(description, {"schema", "version", "inputs", "dtype", "loss", "layers"}, "network")
    schema, version = description["schema"], description["version"]
    if schema != SCHEMA or type(version) is not int or version != VERSION:
        raise FormatError(
            f"this file holds {brief(schema)} version {brief(version)}; "
            f"this release reads {SCHEMA!r} version {VERSION}: install a later one."
        )
    if description["dtype"] not in ("float64", "float32"):
        raise FormatError(f"dtype must be 'float64' or 'float32', found {brief(description['dtype'])}.")
    inputs = _typed(description["inputs"], int, "inputs")
    layers = _typed(description["layers"], list, "layers")
    if inputs < 1 or not 1 <= len(layers) <= MAX_LAYERS:
        raise FormatError(
            f"a network has at least one input and 1 to {MAX_LAYERS} layers, found {inputs}, {len(layers)}."
        )
    loss = _read_row(description["loss"], "loss", Loss, extensions)
    built = [_read_layer(layer, l, arrays, extensions) for l, layer in enumerate(layers, start=1)]
    try:
        chain = maths.build(inputs, built, loss, np.dtype(description["dtype"]))
    except InputError as error:
        raise FormatError(f"the layers do not fit each other: {error}") from None
    _check_unitwise(chain)
    return _fill(chain, arrays)


# -------------------------------------------------------------------------------- arrays
def _fill(chain: Chain, arrays: Mapping[str, Array]) -> Model:
    """The chain with its numbers; names and shapes must be exactly those it needs."""
    wanted = {slot.name for slot in chain.slots}
    masked = {f"mask{l}" for l, layer in enumerate(chain.layers, start=1) if layer.options().get("mask") is not None}
    for slot in chain.slots:
        _check_array(slot.name, arrays, slot.shape, chain.dtype)
    state = maths.initial_state(chain)  # only now: the shapes it takes are those of arrays that are there
    for l, kept in enumerate(state, start=1):
        for key, start in kept.items():
            name = f"state.{key}{l}"
            _check_array(name, arrays, start.shape, chain.dtype)
            if key == "variance" and (arrays[name] < 0).any():
                raise FormatError(f"{name} holds a negative number, which no variance is.")
            kept[key] = arrays[name]
            wanted.add(name)
    extra = sorted(set(arrays) - wanted - masked)
    if extra:
        raise FormatError(f"the file holds {extra[0]!r}, which its network does not have.")
    parameters = Parameters(chain.slots, np.zeros(chain.size, chain.dtype))
    parameters.update({slot.name: arrays[slot.name] for slot in chain.slots})
    return Model(chain, parameters, state)


def _check_array(name: str, arrays: Mapping[str, Array], shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
    if name not in arrays:
        raise FormatError(f"{name} is missing from the file.")
    found = arrays[name]
    if found.shape != shape or found.dtype != dtype:
        raise FormatError(
            f"{name} must be {dtype.name} of shape {shape_text(shape)}, "
            f"found {found.dtype.name} of shape {shape_text(found.shape)}."
        )
    if not np.isfinite(found).all():
        raise FormatError(f"{name} holds a number that is not finite.")


# -------------------------------------------------------------------------------- components
def _read_layer(data: Any, l: int, arrays: Mapping[str, Array], extensions: Sequence[Any]) -> Layer:
    where = f"layer {l}"
    _only_keys(_typed(data, dict, where), {"kind", "options"}, where)
    own = {kind.__name__: kind for kind in extensions if isinstance(kind, type) and issubclass(kind, Layer)}
    kind: Any = look_up("layer", _name(data["kind"], where), {**LAYERS, **own}, type)
    options = _typed(data["options"], dict, f"options of {where}")
    read = {key: _read_option(key, value, l, arrays, extensions) for key, value in options.items()}
    try:
        layer = kind(**read)
    except TypeError:
        named = ", ".join(options)[:_LONGEST]
        raise FormatError(f"{where}: {data['kind']} does not take the options {named}.") from None
    except UnknownComponentError:
        raise
    except InputError as error:
        raise FormatError(f"{where}: {str(error)[:_LONGEST]}") from None
    _refuse_other_words(where, packed_layer(layer)["options"], options)
    return layer


def _read_option(key: str, value: Any, l: int, arrays: Mapping[str, Array], extensions: Sequence[Any]) -> Any:
    """A layer's argument: a mask by its array, a component by its name, anything else as it is."""
    where = f"layer {l}, {key[:MAX_NAME]}"
    if key == "mask" and value is not None:
        return arrays[f"mask{l}"] if f"mask{l}" in arrays else _refuse(f"mask{l} is missing from the file.")
    if not isinstance(value, dict):
        return value if value is None or key not in ("activation", "init", "bias_init") else _typed(value, dict, where)
    if key.endswith("init"):
        return _read_row(value, where, Initializer, extensions)
    return _read_activation(value, where, extensions)


def _read_activation(data: dict[str, Any], where: str, extensions: Sequence[Any]) -> Activation:
    if data.get("name") != "unitwise":
        return _read_row(data, where, Activation, extensions)
    _only_keys(data, {"name", "rows"}, where)
    rows = [_read_row(row, where, Activation, extensions) for row in _typed(data["rows"], list, where)]
    try:
        return unitwise(rows) if rows else _refuse(f"{where}: no units.")
    except InputError as error:
        raise FormatError(f"{where}: {str(error)[:_LONGEST]}") from None


def _read_row(data: Any, where: str, kind: type, extensions: Sequence[Any]) -> Any:
    """The row of that name, with the constants given."""
    _only_keys(_typed(data, dict, where), {"name", "parameters"}, where)
    table = {**TABLES[kind], **{row.name: row for row in extensions if isinstance(row, kind)}}
    row = look_up(kind.__name__.lower(), _name(data["name"], where), table, kind)
    parameters = _typed(data["parameters"], dict, where)
    _only_keys(parameters, set(row.parameters), f"{where}, parameters of {row.name}")
    try:
        return row.with_parameters(**parameters) if parameters != dict(row.parameters) else row
    except InputError as error:
        raise FormatError(f"{where}: {str(error)[:_LONGEST]}") from None


def _check_unitwise(chain: Chain) -> None:
    """An activation for each unit must have as many rows as its layer has units."""
    for l, layer in enumerate(chain.layers, start=1):
        for value in layer.options().values():
            if isinstance(value, UnitwiseActivation) and len(value.rows) != chain.units[l]:
                raise FormatError(f"layer {l} has activations for {len(value.rows)} units, but {chain.units[l]} units.")


# -------------------------------------------------------------------------------- checks
def _refuse_other_words(where: str, written: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    """Options must be written as the library writes them: 3 not as 3.0, true not as "yes", none left out."""
    for key in sorted({*written, *found}):
        if key not in found:
            raise FormatError(f"{where}: the option {key!r} is missing.")
        if to_json([written.get(key)], where) != to_json([found[key]], where):
            raise FormatError(f"{where}: {key} must be written {brief(written.get(key))}, found {brief(found[key])}.")


def _only_keys(data: Mapping[str, Any], keys: set[str], where: str) -> None:
    if set(data) != keys:
        odd = min(set(data) ^ keys)
        raise FormatError(f"{where}: {brief(odd)} is {'unknown' if odd in data else 'missing'}.")


def _name(value: Any, where: str) -> str:
    if len(_typed(value, str, where)) > MAX_NAME:
        raise FormatError(f"{where}: a name has at most {MAX_NAME} characters, found {len(value)}.")
    return value


def _typed(value: Any, kind: type, where: str) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise FormatError(f"{where} must be of type {kind.__name__}, found {type(value).__name__}.")
    return value


def _refuse(message: str) -> NoReturn:
    raise FormatError(message)
