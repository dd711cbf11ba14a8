"""Each layer's forward and backward pass as lines of NumPy, every quantity by its name in the alphabet."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

from chainrule.core.layers import BatchNorm, Dense, Dropout, Layer, LayerNorm, Scale
from chainrule.core.layers.visit import entry_of
from chainrule.interchange.source.activations import activation_lines, delta_lines
from chainrule.interchange.source.listing import Line


class LayerSource(NamedTuple):
    """One layer's lines.

    Attributes:
        forward: ``(l, layer, training)`` to those from ``a{l-1}`` to ``z{l}``, or to ``a{l}`` if it has no net inputs.
        gradients: ``(l, layer)`` to those of its parameters' gradients from ``delta{l}``.
        down: ``(l, layer)`` to those of ``da{l-1}`` from ``delta{l}``, or from ``da{l}`` if it has no net inputs.
        state: ``(l, layer)`` to those that move its state on after a training pass.
        has_net_inputs: whether ``a{l} = phi(z{l})``.
    """

    forward: Callable[..., list[Line]]
    gradients: Callable[..., list[Line]]
    down: Callable[..., list[Line]]
    state: Callable[..., list[Line]] = lambda l, layer: []  # noqa: ARG005 - most have no state
    has_net_inputs: bool = True


def forward_lines(l: int, layer: Layer, *, training: bool) -> list[Line]:
    """From ``a{l-1}`` to ``a{l}``."""
    source = _source_of(layer)
    lines = source.forward(l, layer, training=training)
    return [*lines, *activation_lines(l, layer.activation)] if source.has_net_inputs else lines


def backward_lines(l: int, layer: Layer, *, down: bool) -> list[Line]:
    """From ``da{l}`` to the layer's gradients and, if ``down``, ``da{l-1}``."""
    source = _source_of(layer)
    lines = delta_lines(l, layer.activation) if source.has_net_inputs else []
    if layer.trainable:
        lines += source.gradients(l, layer)
    return lines + source.down(l, layer) * down


def state_lines(l: int, layer: Layer) -> list[Line]:
    """After a training pass."""
    return _source_of(layer).state(l, layer)


def _source_of(layer: Layer) -> LayerSource:
    return entry_of(LAYER_SOURCES, layer, "be written as NumPy")


# -------------------------------------------------------------------------------- dense layers
def _dense(l: int, layer: Dense, *, training: bool) -> list[Line]:
    del training
    below = f"a{l - 1}"
    bias = "" if layer.bias is None else f" + b{l}"
    units = "" if layer.bias is None else f" + b{l}" if layer.bias == "shared" else f" + b{l}[j]"
    return [Line(f"z{l} = {below} @ W{l}{bias}", f"z{l}[n, j] = sum over i of {below}[n, i] W{l}[i, j]{units}")]


def _dense_gradients(l: int, layer: Dense) -> list[Line]:
    product = f"a{l - 1}.T @ delta{l}"
    wired = f"({product}) * wired{l}" if layer.mask is not None else product
    note = "" if layer.mask is None else ", 0 where there is no weight"
    formula = f"dE/dW{l}[i, j] = sum over n of delta{l}[n, j] a{l - 1}[n, i]{note}"
    lines = [Line(f"dW{l} = {wired}", formula)]
    if layer.bias == "per-unit":
        lines.append(Line(f"db{l} = delta{l}.sum(axis=0)", f"dE/db{l}[j] = sum over n of delta{l}[n, j]"))
    if layer.bias == "shared":
        lines.append(
            Line(f"db{l} = delta{l}.sum()", f"dE/db{l} = sum over n and j of delta{l}[n, j]: one bias for all")
        )
    return lines


def _dense_down(l: int, layer: Dense) -> list[Line]:
    del layer
    below = f"a{l - 1}"
    return [Line(f"d{below} = delta{l} @ W{l}.T", f"dE/d{below}[n, i] = sum over j of delta{l}[n, j] W{l}[i, j]")]


# -------------------------------------------------------------------------------- dropout
def _dropout(l: int, layer: Dropout, *, training: bool) -> list[Line]:
    below = f"a{l - 1}"
    if not training or not layer.rate:
        return [Line(f"a{l} = {below}", "dropout passes everything on" if layer.rate else "")]
    return [
        Line(f"drawn{l} = dropping.integers(2**16, size={below}.shape, dtype=np.uint16)", "sixteen random bits each"),
        Line(
            f"mask{l} = (drawn{l} >= {layer.rate!r} * 2**16 - 0.5) / (1 - {layer.rate!r})",
            f"mask{l} = 0 with probability {layer.rate:g}, else 1/(1 - {layer.rate:g})",
        ),
        Line(f"a{l} = {below} * mask{l}", f"a{l} = {below} mask{l}"),
    ]


def _dropout_down(l: int, layer: Dropout) -> list[Line]:
    dropped = f" * mask{l}" if layer.rate else ""
    return [Line(f"da{l - 1} = da{l}{dropped}", f"dE/da{l - 1} = dE/da{l}{dropped.replace(' *', '')}")]


def _nothing(l: int, layer: Layer) -> list[Line]:
    del l, layer
    return []


# -------------------------------------------------------------------------------- normalisations
def _layer_norm(l: int, layer: LayerNorm, *, training: bool) -> list[Line]:
    del training
    return [*_statistics(l, layer), *_standardised(l, layer, f"mean{l}", f"variance{l}")]


def _batch_norm(l: int, layer: BatchNorm, *, training: bool) -> list[Line]:
    if training:
        return [*_statistics(l, layer), *_standardised(l, layer, f"mean{l}", f"variance{l}")]
    return _standardised(l, layer, f"running_mean{l}", f"running_variance{l}")


def _statistics(l: int, layer: LayerNorm | BatchNorm) -> list[Line]:
    below, mean, variance = f"a{l - 1}", f"mean{l}", f"variance{l}"
    over = f"mean(axis={layer.axis}, keepdims=True)"
    return [
        Line(f"{mean} = {below}.{over}", f"{mean} = mean over {layer.axis_name} of {below}"),
        Line(
            f"{variance} = (({below} - {mean}) ** 2).{over}",
            f"{variance} = mean over {layer.axis_name} of ({below} - {mean})^2",
        ),
    ]


def _standardised(l: int, layer: LayerNorm | BatchNorm, mean: str, variance: str) -> list[Line]:
    """``xhat``, and ``z`` from it."""
    below = f"a{l - 1}"
    return [
        Line(f"s{l} = np.sqrt({variance} + {layer.epsilon!r})", f"s{l} = sqrt({variance} + {layer.epsilon:g})"),
        Line(f"xhat{l} = ({below} - {mean}) / s{l}", f"xhat{l} = ({below} - {mean})/s{l}"),
        Line(f"z{l} = gamma{l} * xhat{l} + beta{l}", f"z{l} = gamma{l} xhat{l} + beta{l}"),
    ]


def _standardised_gradients(l: int, layer: LayerNorm | BatchNorm) -> list[Line]:
    del layer
    return [
        Line(f"dgamma{l} = (delta{l} * xhat{l}).sum(axis=0)", f"dE/dgamma{l} = sum over rows of delta{l} xhat{l}"),
        Line(f"dbeta{l} = delta{l}.sum(axis=0)", f"dE/dbeta{l} = sum over rows of delta{l}"),
    ]


def _standardised_down(l: int, layer: LayerNorm | BatchNorm) -> list[Line]:
    """``J (delta gamma)``: mean and variance depend on the activations too."""
    over = f"mean(axis={layer.axis}, keepdims=True)"
    m, g, xhat = f"mean over {layer.axis_name}", f"dxhat{l}", f"xhat{l}"
    return [
        Line(f"{g} = delta{l} * gamma{l}", f"dE/d{xhat} = delta{l} gamma{l}"),
        Line(f"{g}_mean = {g}.{over}", f"{m} of {g}: what the mean takes away"),
        Line(f"{g}_along = ({g} * {xhat}).{over}", f"{m} of {g} {xhat}: what the variance takes away"),
        Line(
            f"da{l - 1} = ({g} - {g}_mean - {xhat} * {g}_along) / s{l}",
            f"dE/da{l - 1} = ({g} - {g}_mean - {xhat} {g}_along)/s{l}",
        ),
    ]


def _running(l: int, layer: BatchNorm) -> list[Line]:
    """The running statistics follow the batch's."""
    m = f"{layer.momentum!r}"
    return [
        Line(f"running_{key}{l} = {m} * running_{key}{l} + (1 - {m}) * {key}{l}[0]") for key in ("mean", "variance")
    ]


# -------------------------------------------------------------------------------- scaling
def _scale(l: int, layer: Scale, *, training: bool) -> list[Line]:
    del layer, training
    return [Line(f"z{l} = gamma{l} * a{l - 1}", f"z{l} = gamma{l} a{l - 1}")]


def _scale_gradients(l: int, layer: Scale) -> list[Line]:
    del layer
    formula = f"dE/dgamma{l} = sum over rows of delta{l} a{l - 1}"
    return [Line(f"dgamma{l} = (delta{l} * a{l - 1}).sum(axis=0)", formula)]


def _scale_down(l: int, layer: Scale) -> list[Line]:
    del layer
    return [Line(f"da{l - 1} = gamma{l} * delta{l}", f"dE/da{l - 1} = gamma{l} delta{l}")]


LAYER_SOURCES: Mapping[type[Layer], LayerSource] = {
    Dense: LayerSource(_dense, _dense_gradients, _dense_down),
    Dropout: LayerSource(_dropout, _nothing, _dropout_down, has_net_inputs=False),
    LayerNorm: LayerSource(_layer_norm, _standardised_gradients, _standardised_down),
    BatchNorm: LayerSource(_batch_norm, _standardised_gradients, _standardised_down, state=_running),
    Scale: LayerSource(_scale, _scale_gradients, _scale_down),
}
"""By layer."""
