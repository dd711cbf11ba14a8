"""Each layer's forward and backward pass as lines of NumPy, every quantity by its name in the alphabet."""

from chainrule.core.activations import Activation, ElementwiseActivation, RowActivation
from chainrule.core.layers import BatchNorm, Dense, Dropout, Layer
from chainrule.core.layers.normalization import Normalization
from chainrule.core.unitwise import UnitwiseActivation
from chainrule.explain.row import activation_of
from chainrule.interchange.source.components import constants, rows_of, told
from chainrule.interchange.source.listing import Line


# -------------------------------------------------------------------------------- values go up
def forward_lines(l: int, layer: Layer, *, training: bool) -> list[Line]:
    """From ``a{l-1}`` to ``a{l}``."""
    below = f"a{l - 1}"
    if isinstance(layer, Dropout):
        if not training or not layer.rate:
            return [Line(f"a{l} = {below}", "dropout passes everything on" if layer.rate else "")]
        return [
            Line(
                f"drawn{l} = dropping.integers(2**16, size={below}.shape, dtype=np.uint16)", "sixteen random bits each"
            ),
            Line(
                f"mask{l} = (drawn{l} >= {layer.rate!r} * 2**16 - 0.5) / (1 - {layer.rate!r})",
                f"mask{l} = 0 with probability {layer.rate:g}, else 1/(1 - {layer.rate:g})",
            ),
            Line(f"a{l} = {below} * mask{l}", f"a{l} = {below} mask{l}"),
        ]
    if isinstance(layer, Dense):
        bias = "" if layer.bias is None else f" + b{l}"
        units = "" if layer.bias is None else f" + b{l}" if layer.bias == "shared" else f" + b{l}[j]"
        lines = [
            Line(f"z{l} = {below} @ W{l}{bias}", f"z{l}[n, j] = sum over i of {below}[n, i] W{l}[i, j]{units}"),
        ]
    else:
        assert isinstance(layer, Normalization)
        lines = _standardised(l, layer, training=training)
    return [*lines, *_activation_lines(l, activation_of(layer))]


def _standardised(l: int, layer: Normalization, *, training: bool) -> list[Line]:
    """``xhat``, and ``z`` from it."""
    below = f"a{l - 1}"
    mean, variance = f"mean{l}", f"variance{l}"
    lines = []
    if isinstance(layer, BatchNorm) and not training:
        mean, variance = f"running_mean{l}", f"running_variance{l}"
    else:
        over = f"mean(axis={layer.axis}, keepdims=True)"
        lines += [
            Line(f"{mean} = {below}.{over}", f"{mean} = mean over {layer.axis_name} of {below}"),
            Line(
                f"{variance} = (({below} - {mean}) ** 2).{over}",
                f"{variance} = mean over {layer.axis_name} of ({below} - {mean})^2",
            ),
        ]
    return [
        *lines,
        Line(f"s{l} = np.sqrt({variance} + {layer.epsilon!r})", f"s{l} = sqrt({variance} + {layer.epsilon:g})"),
        Line(f"xhat{l} = ({below} - {mean}) / s{l}", f"xhat{l} = ({below} - {mean})/s{l}"),
        Line(f"z{l} = gamma{l} * xhat{l} + beta{l}", f"z{l} = gamma{l} xhat{l} + beta{l}"),
    ]


def _activation_lines(l: int, row: Activation) -> list[Line]:
    """``a = phi(z)``."""
    z, a = f"z{l}", f"a{l}"
    if row.name == "identity":
        return [Line(f"{a} = {z}", f"{a} = {z}: identity")]
    if isinstance(row, UnitwiseActivation):
        return _by_unit(a, z, row, "", f"{a}[n, j] = phi_j({z}[n, j]): each unit's own")
    formula = f"exp({z}[k])/sum over j of exp({z}[j]), by row"
    if isinstance(row, ElementwiseActivation):
        formula = told(row.formula, f"{row.name}({z})", z=z)
    return [Line(f"{a} = {row.name}({z}{constants(row)})", f"{a} = {formula}")]


def _by_unit(name: str, z: str, row: UnitwiseActivation, prime: str, comment: str) -> list[Line]:
    """A column for each unit by its own function."""
    columns = []
    for j, own in enumerate(row.rows):
        column = f"{z}[:, {j}]"
        whole = f"np.ones_like({column})" if prime else column
        columns.append(whole if own.name == "identity" else f"{own.name}{prime}({column}{constants(own)})")
    return [Line(f"{name} = np.column_stack([", comment), *(Line(f"    {column},") for column in columns), Line("])")]


# -------------------------------------------------------------------------------- deltas come down
def backward_lines(l: int, layer: Layer, *, down: bool) -> list[Line]:
    """From ``da{l}`` to the layer's gradients and, if asked for, ``da{l-1}``."""
    if isinstance(layer, Dropout):
        dropped = f" * mask{l}" if layer.rate else ""
        return [Line(f"da{l - 1} = da{l}{dropped}", f"dE/da{l - 1} = dE/da{l}{dropped.replace(' *', '')}")] * down
    lines = _delta_lines(l, activation_of(layer))
    if isinstance(layer, Dense):
        return [*lines, *_dense_gradients(l, layer), *_dense_down(l) * down]
    assert isinstance(layer, Normalization)
    if layer.trainable:
        lines += [
            Line(f"dgamma{l} = (delta{l} * xhat{l}).sum(axis=0)", f"dE/dgamma{l} = sum over rows of delta{l} xhat{l}"),
            Line(f"dbeta{l} = delta{l}.sum(axis=0)", f"dE/dbeta{l} = sum over rows of delta{l}"),
        ]
    return [*lines, *_standardised_down(l, layer) * down]


def _delta_lines(l: int, row: Activation) -> list[Line]:
    """``delta = dE/dz`` from ``da = dE/da`` and the activation's derivative."""
    z, a, da, delta = f"z{l}", f"a{l}", f"da{l}", f"delta{l}"
    if row.name == "identity":
        return [Line(f"{delta} = {da}", f"{delta} = dE/d{z} = dE/d{a}, as d{a}/d{z} = 1")]
    if isinstance(row, RowActivation):
        how = f"{delta}[j] = sum over k of dE/d{a}[k] d{a}[k]/d{z}[j], d{a}[k]/d{z}[j] = {a}[k] ([k = j] - {a}[j])"
        return [Line(f"{delta} = {row.name}_pull_back({a}, {da})", how)]
    slope = f"da{l}_dz{l}"
    if isinstance(row, UnitwiseActivation):
        first = _by_unit(slope, z, row, "_prime", f"d{a}/d{z} by unit: phi_j'({z}[n, j])")
    else:
        assert isinstance(row, ElementwiseActivation)
        prime = f"{row.name}'({z})"
        formula = told(row.derivative_formula, prime, z=z, a=a)
        how = prime if formula == prime else f"{prime} = {formula}"
        first = [Line(f"{slope} = {row.name}_prime({z}{constants(row)})", f"d{a}/d{z} = {how}")]
    return [*first, Line(f"{delta} = {da} * {slope}", f"{delta} = dE/d{z} = dE/d{a} d{a}/d{z}")]


def _dense_gradients(l: int, layer: Dense) -> list[Line]:
    if not layer.trainable:
        return []
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


def _dense_down(l: int) -> list[Line]:
    below = f"a{l - 1}"
    return [Line(f"d{below} = delta{l} @ W{l}.T", f"dE/d{below}[n, i] = sum over j of delta{l}[n, j] W{l}[i, j]")]


def _standardised_down(l: int, layer: Normalization) -> list[Line]:
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


def functions_rows(layer: Layer) -> tuple[Activation, ...]:
    """The rows whose functions the lines call."""
    return rows_of(activation_of(layer))
