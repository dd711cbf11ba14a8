"""A network as PyTorch source: a module with the same numbers, the same forward pass and the same loss."""

from typing import Any

import numpy as np

from chainrule.core.activations import Activation
from chainrule.core.chain import Chain
from chainrule.core.layers import BatchNorm, Dense, Dropout, Layer
from chainrule.core.layers.normalization import Normalization
from chainrule.core.model import Model
from chainrule.core.unitwise import UnitwiseActivation
from chainrule.errors import InputError
from chainrule.explain.row import activation_of
from chainrule.interchange import pytorch_rows as torch_rows
from chainrule.interchange.source.components import check_components, rows_of
from chainrule.interchange.source.listing import array_literal

MOST = 5000
"""How many parameters are written into the source; more are handed to the module."""


def to_pytorch(model: Model, dtype: str) -> str:
    """The source.

    Args:
        model: the network.
        dtype: ``"float64"`` or ``"float32"``.

    Raises:
        InputError: no such dtype, or a component of somebody's own.
    """
    if dtype not in ("float64", "float32"):
        raise InputError(f"dtype must be 'float64' or 'float32', got {dtype!r}.")
    chain = model.chain
    check_components(chain)
    inline = chain.size <= MOST
    parts = [_docstring(chain, dtype, inline=inline), "import torch\n", f"DTYPE = torch.{dtype}\n"]
    if inline:
        parts.append(_parameters(model, dtype))
    rows = [row for layer in chain.layers for row in rows_of(activation_of(layer))]
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
        if isinstance(layer, Dense) and layer.mask is not None:
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
        lines += [f"        {line}" for line in _layer_lines(l, layer)]
    return "\n".join([*lines, f"        return a{len(model.chain.layers)}", ""])


def _layer_lines(l: int, layer: Layer) -> list[str]:
    below = f"a{l - 1}"
    if isinstance(layer, Dropout):
        return [f"a{l} = torch.nn.functional.dropout({below}, {layer.rate!r}, self.training)"]
    if isinstance(layer, Dense):
        weights = f"self.W{l}" if layer.mask is None else f"(self.W{l} * self.wired{l})"
        lines = [f"z{l} = {below} @ {weights}{'' if layer.bias is None else f' + self.b{l}'}"]
    else:
        assert isinstance(layer, Normalization)
        lines = _standardised(l, layer)
    return [*lines, f"a{l} = {_activated(f'z{l}', activation_of(layer))}"]


def _standardised(l: int, layer: Normalization) -> list[str]:
    below, axis = f"a{l - 1}", layer.axis
    own = [
        f"mean{l} = {below}.mean(dim={axis}, keepdim=True)",
        f"variance{l} = (({below} - mean{l}) ** 2).mean(dim={axis}, keepdim=True)",
    ]
    if isinstance(layer, BatchNorm):
        m = layer.momentum
        follow = [
            f"self.running_{key}{l} = {m!r} * self.running_{key}{l} + (1 - {m!r}) * {key}{l}[0].detach()"
            for key in ("mean", "variance")
        ]
        running = f"mean{l}, variance{l} = self.running_mean{l}, self.running_variance{l}"
        own = ["if self.training:", *(f"    {line}" for line in [*own, *follow]), "else:", f"    {running}"]
    return [
        *own,
        f"xhat{l} = ({below} - mean{l}) / torch.sqrt(variance{l} + {layer.epsilon!r})",
        f"z{l} = self.gamma{l} * xhat{l} + self.beta{l}",
    ]


def _activated(z: str, row: Activation) -> str:
    if isinstance(row, UnitwiseActivation):
        columns = [torch_rows.activation(f"{z}[:, {j}]", own) for j, own in enumerate(row.rows)]
        return f"torch.stack([{', '.join(columns)}], dim=1)"
    return torch_rows.activation(z, row)
