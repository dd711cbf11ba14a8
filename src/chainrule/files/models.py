"""Networks as data: a description (JSON) and arrays, and back, from closed tables of components.

A file can name components, never bring code: each name is looked up among the library's tables and the extensions the
caller hands in. What a file claims is checked against the arrays it holds before anything of that size is made.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from chainrule import chain as maths
from chainrule.activations import ACTIVATIONS, Activation
from chainrule.arrays import Array, shape_text
from chainrule.chain import Chain
from chainrule.components import look_up
from chainrule.errors import FormatError, InputError, UnknownComponentError
from chainrule.files.container import read_container, write_container
from chainrule.initializers import INITIALIZERS, Initializer
from chainrule.layers import LAYERS, Layer
from chainrule.losses import LOSSES, Loss
from chainrule.model import Model
from chainrule.parameters import Parameters
from chainrule.unitwise import UnitwiseActivation, unitwise

SCHEMA = "chainrule/network"
VERSION = 1
MAX_LAYERS = 1000

Packed = tuple[dict[str, Array], dict[str, Any]]
"""A network as arrays and a description."""


def save(model: Model, path: str | Path, metadata: Mapping[str, Any]) -> None:
    """Write a model file; ``metadata`` is kept with it as it is (JSON data)."""
    arrays, description = pack(model)
    write_container(path, arrays, {"network": description, "metadata": dict(metadata)})


def load(path: str | Path, extensions: Sequence[Any] = ()) -> tuple[Model, dict[str, Any]]:
    """The model and the metadata that ``save`` wrote.

    Raises:
        FormatError: not a model file, damaged, or its parts do not fit each other.
        UnknownComponentError: it names a component that is in no table.
    """
    arrays, description = read_container(path)
    _only_keys(description, {"network", "metadata"}, "the description")
    metadata = _typed(description["metadata"], dict, "metadata")
    return unpack((arrays, _typed(description["network"], dict, "network")), extensions), metadata


# -------------------------------------------------------------------------------- network to data
def pack(model: Model) -> Packed:
    """Parameters by name, running statistics as ``state.mean2``, masks as ``mask1``; and the description."""
    chain = model.chain
    arrays = dict(model.parameters)
    for l, (layer, state) in enumerate(zip(chain.layers, model.state, strict=True), start=1):
        arrays |= {f"state.{key}{l}": value for key, value in state.items()}
        mask = layer.options().get("mask")
        if mask is not None:
            arrays[f"mask{l}"] = mask > 0
    return arrays, {
        "schema": SCHEMA,
        "version": VERSION,
        "inputs": chain.inputs,
        "dtype": chain.dtype.name,
        "loss": _component(chain.loss),
        "layers": [_layer(layer) for layer in chain.layers],
    }


def _layer(layer: Layer) -> dict[str, Any]:
    options = {key: _option(value) for key, value in layer.options().items()}
    return {"kind": type(layer).__name__, "options": options}


def _option(value: Any) -> Any:
    if isinstance(value, Activation | Initializer):
        return _component(value)
    return True if isinstance(value, np.ndarray) else value  # a mask: its numbers are among the arrays


def _component(row: Activation | Loss | Initializer) -> dict[str, Any]:
    if isinstance(row, UnitwiseActivation):
        return {"name": row.name, "rows": [_component(unit) for unit in row.rows]}
    return {"name": row.name, "parameters": dict(row.parameters)}


def own_components(chain: Chain) -> list[Any]:
    """The components that are not the library's, which a reader must bring along."""
    tables: list[Mapping[str, Any]] = [ACTIVATIONS, LOSSES, INITIALIZERS]
    rows: list[Any] = [chain.loss]
    kinds: list[Any] = [type(layer) for layer in chain.layers if type(layer) not in LAYERS.values()]
    for layer in chain.layers:
        for value in layer.options().values():
            rows += value.rows if isinstance(value, UnitwiseActivation) else [value]
    named = [row for row in rows if isinstance(row, Activation | Loss | Initializer)]
    return kinds + [row for row in named if not any(row.name in table for table in tables)]


# -------------------------------------------------------------------------------- data to network
def unpack(packed: Packed, extensions: Sequence[Any] = ()) -> Model:
    """The network that ``pack`` took apart; every claim is checked, so that a file can be handed in as it is."""
    arrays, description = packed
    _only_keys(description, {"schema", "version", "inputs", "dtype", "loss", "layers"}, "network")
    if description["schema"] != SCHEMA or description["version"] != VERSION:
        raise FormatError(
            f"this file holds {description['schema']!r} version {description['version']!r}; "
            f"this release reads {SCHEMA!r} version {VERSION}: install a later one."
        )
    if description["dtype"] not in ("float64", "float32"):
        raise FormatError(f"dtype must be 'float64' or 'float32', found {description['dtype']!r}.")
    inputs = _typed(description["inputs"], int, "inputs")
    layers = _typed(description["layers"], list, "layers")
    if inputs < 1 or not 1 <= len(layers) <= MAX_LAYERS:
        raise FormatError(
            f"a network has at least one input and 1 to {MAX_LAYERS} layers, found {inputs}, {len(layers)}."
        )
    loss = _read_component(description["loss"], "loss", _table(LOSSES, Loss, extensions), Loss)
    built = [_read_layer(layer, l, arrays, extensions) for l, layer in enumerate(layers, start=1)]
    try:
        chain = maths.build(inputs, built, loss, np.dtype(description["dtype"]))
    except InputError as error:
        raise FormatError(f"the layers do not fit each other: {error}") from None
    return _fill(chain, arrays)


def _fill(chain: Chain, arrays: Mapping[str, Array]) -> Model:
    """The chain with its numbers; names and shapes must be exactly those it needs."""
    wanted: dict[str, tuple[int, ...]] = {slot.name: slot.shape for slot in chain.slots}
    masked = [f"mask{l}" for l, layer in enumerate(chain.layers, start=1) if layer.options().get("mask") is not None]
    for name, shape in wanted.items():
        _check_array(name, arrays, shape, chain.dtype)
    state = maths.initial_state(chain)  # only now: the shapes it takes are those of arrays that are there
    for l, kept in enumerate(state, start=1):
        for key, start in kept.items():
            _check_array(f"state.{key}{l}", arrays, start.shape, chain.dtype)
            kept[key] = arrays[f"state.{key}{l}"]
            wanted[f"state.{key}{l}"] = start.shape
    extra = sorted(set(arrays) - set(wanted) - set(masked))
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


def _read_layer(data: Any, l: int, arrays: Mapping[str, Array], extensions: Sequence[Any]) -> Layer:
    where = f"layer {l}"
    _only_keys(_typed(data, dict, where), {"kind", "options"}, where)
    own = {kind.__name__: kind for kind in extensions if isinstance(kind, type)}
    kind: Any = look_up("layer", _typed(data["kind"], str, where), {**LAYERS, **own}, type)
    options = dict(_typed(data["options"], dict, f"options of {where}"))
    if options.get("mask") is not None:
        options["mask"] = arrays[f"mask{l}"] if f"mask{l}" in arrays else _refuse(f"mask{l} is missing from the file.")
    for key in ("activation", "init", "bias_init"):
        if key not in options:
            continue
        if key == "activation":
            options[key] = _read_activation(options[key], f"{where}, {key}", extensions)
        else:
            table = _table(INITIALIZERS, Initializer, extensions)
            options[key] = _read_component(options[key], f"{where}, {key}", table, Initializer)
    try:
        return kind(**options)
    except TypeError:
        raise FormatError(f"{where}: {data['kind']} does not take the options {', '.join(options)}.") from None
    except UnknownComponentError:
        raise
    except InputError as error:
        raise FormatError(f"{where}: {error}") from None


def _read_activation(data: Any, where: str, extensions: Sequence[Any]) -> Activation:
    table = _table(ACTIVATIONS, Activation, extensions)
    if isinstance(data, dict) and data.get("name") == "unitwise":
        _only_keys(data, {"name", "rows"}, where)
        rows = [_read_component(row, where, table, Activation) for row in _typed(data["rows"], list, where)]
        return unitwise(rows) if rows else _refuse(f"{where}: no units.")
    return _read_component(data, where, table, Activation)


def _read_component(data: Any, where: str, table: Mapping[str, Any], kind: type) -> Any:
    _only_keys(_typed(data, dict, where), {"name", "parameters"}, where)
    row = look_up(kind.__name__.lower(), _typed(data["name"], str, where), table, kind)
    parameters = _typed(data["parameters"], dict, where)
    try:
        return row.with_parameters(**parameters) if parameters != dict(row.parameters) else row
    except InputError as error:
        raise FormatError(f"{where}: {error}") from None


def _table(table: Mapping[str, Any], kind: type, extensions: Sequence[Any]) -> dict[str, Any]:
    return {**table, **{row.name: row for row in extensions if isinstance(row, kind)}}


def _only_keys(data: Mapping[str, Any], keys: set[str], where: str) -> None:
    if set(data) != keys:
        odd = min(set(data) ^ keys)
        raise FormatError(f"{where}: {odd!r} is {'unknown' if odd in data else 'missing'}.")


def _typed(value: Any, kind: type, where: str) -> Any:
    if not isinstance(value, kind) or isinstance(value, bool):
        raise FormatError(f"{where} must be of type {kind.__name__}, found {type(value).__name__}.")
    return value


def _refuse(message: str) -> NoReturn:
    raise FormatError(message)
