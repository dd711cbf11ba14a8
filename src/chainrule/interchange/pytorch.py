"""A network as PyTorch source: a module with the same numbers, the same forward pass and the same loss."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from chainrule.core.chain import Chain
from chainrule.core.layers import BatchNorm, Dense, Dropout, Layer, LayerNorm, Scale
from chainrule.core.layers.visit import entry_of
from chainrule.core.model import Model
from chainrule.core.unitwise import UnitwiseActivation, rows_of
from chainrule.errors import InputError
from chainrule.interchange import pytorch_rows as torch_rows
from chainrule.interchange.source.components import check_components
from chainrule.interchange.source.listing import array_literal

MOST = 5000
"""How many parameters are written into the source; more are handed to the module."""


def to_pytorch(model: Model, dtype: str) -> str:
    """The source.

    Args:
        model: the network.
        dtype: ``"float64"`` or ``"float32"``.

    Raises:
        InputError: no such dtype, or a component of a user's own.
    """
    if dtype not in ("float64", "float32"):
        raise InputError(f"dtype must be 'float64' or 'float32', got {dtype!r}.")
    chain = model.chain
    check_components(chain)
    inline = chain.size <= MOST
    parts = [_docstring(chain, dtype, inline=inline), "import torch\n", f"DTYPE = torch.{dtype}\n"]
    if inline:
        parts.append(_parameters(model, dtype))
    rows = [row for layer in chain.layers for row in rows_of(layer.activation)]
    parts += [f"\n{helper}" for helper in torch_rows.helpers([row.name for row in rows] + [chain.loss.name])]
    parts += ["\n" + _module(model, inline=inline), "\n" + torch_rows.loss_function(chain.loss)]
    return "\n".join(parts)


def _docstring(chain: Chain, dtype: str, *, inline: bool) -> str:
    lines = [f'"""A {"-".join(map(str, chain.units))} network in PyTorch, in {dtype}.', ""]
    lines += [f"layer {l}: {layer!r}" for l, layer in enumerate(chain.layers, start=1)]
    lines += [f"loss: {chain.loss.name}, the mean over rows", ""]
    given = "" if inline else "parameters"
    lines += [
        "Wl is (units below, units), so that z = a W + b; torch.nn.Linear would keep its transpose.",
        "",
        f"    network = Network({given})",
        "    E = loss(network(x), t)",
        "    E.backward()",
        '"""',
        "",
    ]
    return "\n".join(lines)


def _names(model: Model) -> dict[str, tuple[str, Any]]:
    """Each array of the module: whether it learns (``Parameter``) or not (``buffer``), and its numbers."""
    kept: dict[str, tuple[str, Any]] = {}
    for slot in model.chain.slots:
        layer = model.chain.layers[slot.layer - 1]
        value = layer.effective(model.parameters.of_layer(slot.layer))[slot.key]
        kept[slot.name] = ("parameter" if layer.trainable else "buffer", value)
    for l, (layer, state) in enumerate(zip(model.chain.layers, model.state, strict=True), start=1):
        kept |= {f"running_{key}{l}": ("buffer", value) for key, value in state.items()}
        if layer.mask is not None:
            kept[f"wired{l}"] = ("mask", layer.mask)
    return kept


def _parameters(model: Model, dtype: str) -> str:
    lines = []
    for name, (kind, value) in _names(model).items():
        if kind != "mask":
            literal = array_literal(np.asarray(value, dtype)).removeprefix("np.array(")
            lines.append(f'    "{name}": torch.tensor({literal[:-1]}, dtype=DTYPE),')
    return "\n".join(["PARAMETERS = {", *lines, "}", ""])


# -------------------------------------------------------------------------------- the module
def _module(model: Model, *, inline: bool) -> str:
    default = "=PARAMETERS" if inline else ""
    lines = [
        "class Network(torch.nn.Module):",
        f"    def __init__(self, parameters{default}):",
        "        super().__init__()",
    ]
    for name, (kind, value) in _names(model).items():
        if kind == "mask":
            literal = array_literal(value).removeprefix("np.array(")[:-1]
            lines.append(f'        self.register_buffer("{name}", torch.tensor({literal}, dtype=DTYPE))')
        else:
            tensor = f'torch.as_tensor(parameters["{name}"], dtype=DTYPE).clone()'
            learns, stays = f"self.{name} = torch.nn.Parameter({tensor})", f'self.register_buffer("{name}", {tensor})'
            lines.append(f"        {learns if kind == 'parameter' else stays}")
    lines += ["", "    def forward(self, x):", "        a0 = x"]
    for l, layer in enumerate(model.chain.layers, start=1):
        lines += [f"        {line}" for line in entry_of(TORCH_LINES, layer, "be written as PyTorch")(l, layer)]
    return "\n".join([*lines, f"        return a{len(model.chain.layers)}", ""])


def _dense(l: int, layer: Dense) -> list[str]:
    weights = f"self.W{l}" if layer.mask is None else f"(self.W{l} * self.wired{l})"
    bias = "" if layer.bias is None else f" + self.b{l}"
    return [f"z{l} = a{l - 1} @ {weights}{bias}", _activated(l, layer)]


def _dropout(l: int, layer: Dropout) -> list[str]:
    return [f"a{l} = torch.nn.functional.dropout(a{l - 1}, {layer.rate!r}, self.training)"]


def _layer_norm(l: int, layer: LayerNorm) -> list[str]:
    return [*_statistics(l, layer), *_standardised(l, layer)]


def _batch_norm(l: int, layer: BatchNorm) -> list[str]:
    m = layer.momentum
    follow = [
        f"self.running_{key}{l} = {m!r} * self.running_{key}{l} + (1 - {m!r}) * {key}{l}[0].detach()"
        for key in ("mean", "variance")
    ]
    running = f"mean{l}, variance{l} = self.running_mean{l}, self.running_variance{l}"
    own = [f"    {line}" for line in [*_statistics(l, layer), *follow]]
    return ["if self.training:", *own, "else:", f"    {running}", *_standardised(l, layer)]


def _statistics(l: int, layer: LayerNorm | BatchNorm) -> list[str]:
    below, axis = f"a{l - 1}", layer.axis
    return [
        f"mean{l} = {below}.mean(dim={axis}, keepdim=True)",
        f"variance{l} = (({below} - mean{l}) ** 2).mean(dim={axis}, keepdim=True)",
    ]


def _standardised(l: int, layer: LayerNorm | BatchNorm) -> list[str]:
    return [
        f"xhat{l} = (a{l - 1} - mean{l}) / torch.sqrt(variance{l} + {layer.epsilon!r})",
        f"z{l} = self.gamma{l} * xhat{l} + self.beta{l}",
        _activated(l, layer),
    ]


def _scale(l: int, layer: Scale) -> list[str]:
    return [f"z{l} = self.gamma{l} * a{l - 1}", _activated(l, layer)]


def _activated(l: int, layer: Layer) -> str:
    z, row = f"z{l}", layer.activation
    if isinstance(row, UnitwiseActivation):
        columns = [torch_rows.activation(f"{z}[:, {j}]", own) for j, own in enumerate(row.rows)]
        return f"a{l} = torch.stack([{', '.join(columns)}], dim=1)"
    return f"a{l} = {torch_rows.activation(z, row)}"


TORCH_LINES: Mapping[type[Layer], Callable[..., list[str]]] = {
    Dense: _dense,
    Dropout: _dropout,
    LayerNorm: _layer_norm,
    BatchNorm: _batch_norm,
    Scale: _scale,
}
"""By layer: ``(l, layer)`` to the lines of the module's ``forward``."""
