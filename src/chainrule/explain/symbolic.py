"""The whole network as one formula for SymPy, and its derivative by one quantity."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.activations import Activation, RowActivation
from chainrule.core.arrays import Array
from chainrule.core.layers import BatchNorm, Dense, Dropout, Layer, LayerNorm, Record, Run, Scale
from chainrule.core.losses import ElementwiseLoss, Loss
from chainrule.core.model import Model
from chainrule.core.unitwise import UnitwiseActivation
from chainrule.explain.names import Wanted
from chainrule.training import Data
from chainrule.verify.formulas import functions_of, multiprecision, read

_DIGITS = 40


def symbolic_derivative(model: Model, data: Data, wanted: Wanted) -> float | None:
    """``dE/dquantity`` by SymPy's derivative of E's formula, evaluated with 40 digits; None for user-defined layers."""
    import sympy  # noqa: PLC0415 - imported only for a proof

    if not all(type(layer) in NET_INPUTS for layer in model.chain.layers):
        return None
    v = sympy.Symbol("v", real=True)
    shares = maths.row_shares(data.t, data.weights)
    slope: Any = sympy.Integer(0)
    at = _value(model, data, wanted)
    for n in range(len(data.x)):
        if np.isnan(data.t[n]).all():
            continue
        e = _row_loss(model, data.x[n], data.t[n], wanted, _Moved(v, at))
        share = sympy.Rational(1, len(data.x)) if shares is None else _exact(shares[n])
        slope += share * sympy.diff(e, v)
    found = _number(slope, v, at)
    return float(found) if found is not None else None


class _Moved(NamedTuple):
    """The wanted quantity: the symbol in its place, and the value at which the derivative is taken."""

    symbol: Any
    at: float

    def now(self, expression: Any) -> Any:
        """An expression's value there, as SymPy's number."""
        import sympy  # noqa: PLC0415 - fetched only by those who want a proof

        return sympy.Float(str(_number(expression, self.symbol, self.at)), _DIGITS)


def _number(expression: Any, symbol: Any, at: float) -> Any:
    """An expression's value at one point with 40 digits; None where it has no finite real value.

    What an expression repeats is computed once: a formula of softmaxes within softmaxes, walked term by term, would
    take minutes.
    """
    import sympy  # noqa: PLC0415 - fetched only by those who want a proof

    mp = multiprecision(_DIGITS)
    function = sympy.lambdify([symbol], expression, functions_of(mp), cse=True)
    try:
        found = mp.mpmathify(function(mp.mpf(at)))
    except ZeroDivisionError:
        return None
    return found if isinstance(found, mp.mpf) and mp.isfinite(found) else None


def _row_loss(model: Model, x: Array, t: Array, wanted: Wanted, moved: _Moved) -> Any:
    """The loss of one row as a formula in the wanted quantity's symbol."""
    v = moved.symbol
    a: list[Any] = [_exact(value) for value in x]
    _put(a, wanted, "a", 0, v)
    for l, layer in enumerate(model.chain.layers, start=1):
        p = {key: _exact_array(value) for key, value in model.parameters.of_layer(l).items()}
        if wanted.layer == l and wanted.is_parameter:
            p[wanted.key][wanted.index] = v
        z = NET_INPUTS[type(layer)](layer, p, a, model.state[l - 1])
        _put(z, wanted, "z", l, v)
        a = _activations(layer.activation, z, moved)
        _put(a, wanted, "a", l, v)
    return _loss(model.chain.loss, a, t, moved)


def _put(values: list[Any], wanted: Wanted, key: str, l: int, v: Any) -> None:
    if wanted.key == key and wanted.layer == l:
        values[wanted.index[0]] = v


def _value(model: Model, data: Data, wanted: Wanted) -> float:
    """What the wanted quantity is now."""
    if wanted.is_parameter:
        return float(model.parameters.of_layer(wanted.layer)[wanted.key][wanted.index])
    if wanted.layer == 0:
        return float(data.x[0, wanted.index[0]])
    records = maths.forward(model.chain, model.parameters, data.x, Run(state=model.state))
    return float(records[wanted.layer - 1][wanted.key][0, wanted.index[0]])


def _exact(value: Any) -> Any:
    import sympy  # noqa: PLC0415 - imported only for a proof

    return sympy.Rational(float(value))


def _exact_array(values: Array) -> Any:
    exact = np.empty(values.shape, dtype=object)
    for index in np.ndindex(values.shape):
        exact[index] = _exact(values[index])
    return exact


# -------------------------------------------------------------------------------- layers
def _dense(layer: Dense, p: dict[str, Any], a: list[Any], state: Record) -> list[Any]:
    del state
    b = p.get("b")
    mask = layer.mask if layer.mask is not None else np.ones(p["W"].shape)
    return [sum((a[i] * p["W"][i, j] for i in range(len(a)) if mask[i, j]), _bias(b, j)) for j in range(layer.units)]


def _bias(b: Any, j: int) -> Any:
    return 0 if b is None else b[()] if b.shape == () else b[j]


def _dropout(layer: Dropout, p: dict[str, Any], a: list[Any], state: Record) -> list[Any]:
    """As in prediction: everything is kept."""
    del layer, p, state
    return list(a)


def _batch_norm(layer: BatchNorm, p: dict[str, Any], a: list[Any], state: Record) -> list[Any]:
    """By the running statistics, as in prediction."""
    import sympy  # noqa: PLC0415 - imported only for a proof

    mean, variance = _exact_array(state["mean"]), _exact_array(state["variance"])
    roots = [sympy.sqrt(value + _exact(layer.epsilon)) for value in variance]
    return _scaled(p, [(value - m) / s for value, m, s in zip(a, mean, roots, strict=True)])


def _layer_norm(layer: LayerNorm, p: dict[str, Any], a: list[Any], state: Record) -> list[Any]:
    import sympy  # noqa: PLC0415 - imported only for a proof

    del state
    m = sum(a) / len(a)
    s = sympy.sqrt(sum((value - m) ** 2 for value in a) / len(a) + _exact(layer.epsilon))
    return _scaled(p, [(value - m) / s for value in a])


def _scaled(p: dict[str, Any], hats: list[Any]) -> list[Any]:
    return [p["gamma"][j] * hat + p["beta"][j] for j, hat in enumerate(hats)]


def _scale(layer: Scale, p: dict[str, Any], a: list[Any], state: Record) -> list[Any]:
    del layer, state
    return [factor * value for factor, value in zip(p["gamma"], a, strict=True)]


NET_INPUTS: Mapping[type[Layer], Callable[..., list[Any]]] = {
    Dense: _dense,
    Dropout: _dropout,
    LayerNorm: _layer_norm,
    BatchNorm: _batch_norm,
    Scale: _scale,
}
"""By layer: ``(layer, exact parameters, formulas of the activations below, state)`` to formulas of its net inputs."""


def _activations(row: Activation, z: list[Any], moved: _Moved) -> list[Any]:
    import sympy  # noqa: PLC0415 - imported only for a proof
    from sympy.parsing.sympy_parser import parse_expr  # noqa: PLC0415 - as above

    if isinstance(row, UnitwiseActivation):
        return [_activations(unit, [value], moved)[0] for unit, value in zip(row.rows, z, strict=True)]
    if isinstance(row, RowActivation):
        base: Any = sympy.IndexedBase("z")
        k, j, units = sympy.symbols("k j K", integer=True)
        formula = parse_expr(row.formula, local_dict={"z": base, "k": k, "j": j, "K": units})
        return [
            _with_entries(formula.subs({k: m, units: len(z)}).doit(), {base[i]: value for i, value in enumerate(z)})
            for m in range(len(z))
        ]
    symbol = sympy.Symbol("z", real=True)
    formula = read(row.formula, {"z": symbol, **row.parameters})
    return [_in_its_piece(formula, {symbol: value}, moved) for value in z]


def _in_its_piece(formula: Any, values: dict[Any, Any], moved: _Moved) -> Any:
    """The formula at these values; of one in pieces the piece that holds (nested pieces would grow)."""
    import sympy  # noqa: PLC0415 - imported only for a proof

    now = {symbol: moved.now(sympy.sympify(value)) for symbol, value in values.items()}
    for pieces in formula.atoms(sympy.Piecewise):
        holds = next(value for value, condition in pieces.args if condition.subs(now) == sympy.true)
        formula = formula.xreplace({pieces: holds})
    return formula.subs(values, simultaneous=True)


def _with_entries(expression: Any, entries: dict[Any, Any]) -> Any:
    return expression.xreplace(entries)


def _loss(loss: Loss, y: list[Any], t: Array, moved: _Moved) -> Any:
    import sympy  # noqa: PLC0415 - imported only for a proof
    from sympy.parsing.sympy_parser import parse_expr  # noqa: PLC0415 - as above

    if isinstance(loss, ElementwiseLoss):
        symbols = sympy.symbols("y t", real=True)
        formula = read(loss.formula, {"y": symbols[0], "t": symbols[1], **loss.parameters})
        there = [k for k in range(len(y)) if not np.isnan(t[k])]
        terms = [_in_its_piece(formula, {symbols[0]: y[k], symbols[1]: _exact(t[k])}, moved) for k in there]
        return sum(terms) / (len(there) if loss.reduction == "mean" else 1)
    bases: list[Any] = [sympy.IndexedBase("y"), sympy.IndexedBase("t")]
    j, units = sympy.symbols("j K", integer=True)
    formula = parse_expr(loss.formula, local_dict={"y": bases[0], "t": bases[1], "j": j, "K": units})
    entries = {bases[0][k]: value for k, value in enumerate(y)} | {bases[1][k]: _exact(t[k]) for k in range(len(y))}
    return _with_entries(formula.subs(units, len(y)).doit(), entries)
