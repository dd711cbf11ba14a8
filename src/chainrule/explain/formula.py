"""The network as formulas: each unit's own, and each output as one nested formula where it is small enough."""

from functools import reduce
from operator import add

from chainrule.core.activations import IDENTITY, Activation, ElementwiseActivation, RowActivation
from chainrule.core.arrays import Array
from chainrule.core.lookup import plain_number
from chainrule.core.losses import ElementwiseLoss
from chainrule.core.model import Model
from chainrule.core.unitwise import rows_of
from chainrule.errors import InputError
from chainrule.explain.expression import Call, Dots, Expression, Number, Quotient, Sum, Symbol, from_formula, total
from chainrule.explain.layer_formulas import LAYER_FORMULAS, equation, unfolded, unit_equations
from chainrule.explain.quantities import Quantities, shortened, shorter
from chainrule.explain.sheet import Equation, Section, Sheet

MOST = 8
"""How many units of a layer, and terms of a sum, are written out; beyond that the middle is left out."""

LARGEST = 60
"""How many quantities one nested formula may name."""

_FEWEST = 3


def formula(model: Model, x: Array | None = None, most: int | None = MOST) -> Sheet:
    """Every unit's formula in order, the outputs as nested formulas, the loss.

    Args:
        model: the network.
        x: one row (1, inputs): the formulas then carry its numbers.
        most: how many units and terms to write out before the middle is left out; None writes out all.

    Raises:
        InputError: more than one row, or ``most`` too small.
    """
    if x is not None and len(x) != 1:
        raise InputError(f"a formula shows the numbers of one row, got {len(x)}: choose one, such as x[0].")
    most = plain_number(most)
    if most is not None and (not isinstance(most, int) or most < _FEWEST):
        raise InputError(f"most must be at least {_FEWEST} (a first, the dots, a last), or None for all, got {most!r}.")
    q = Quantities(model, x, most)
    sections = [_layer(q, l) for l in range(1, len(model.chain.layers) + 1)]
    return Sheet(
        "formula",
        f"a network of {_counted(model.chain.inputs, 'input')} and {_counted(len(sections), 'layer')}, unit by unit",
        (*sections, _nested(q), _loss(q), *functions(model)),
    )


def _layer(q: Quantities, l: int) -> Section:
    """The formulas of a layer's units; a user-defined layer is named and no more."""
    layer = q.model.chain.layers[l - 1]
    formula = LAYER_FORMULAS.get(type(layer))
    if formula is None:
        whole = Call(type(layer).__name__, (Symbol("x") if l == 1 else Symbol("a", l - 1),))
        return Section(f"layer {l}", (Equation(Symbol("a", l), whole, note="a layer of your own"),))
    lines = [*formula.shared(q, l)]
    for j in q.chosen(q.model.chain.units[l]):
        lines += [*unit_equations(q, l, j)] if j is not None else [Equation(Dots(), Dots())]
    return Section(f"layer {l}, {layer!r}", tuple(lines), formula.note(layer))


def _nested(q: Quantities) -> Section:
    """Each output as one formula of inputs and parameters, where that is small enough."""
    chain, top = q.model.chain, len(q.model.chain.layers)
    formulas = [LAYER_FORMULAS.get(type(layer)) for layer in chain.layers]
    plain_layers = all(formula is not None and formula.unfolds for formula in formulas)
    size = reduce(lambda inner, terms: inner * terms + terms, (_terms_of(q, l) for l in range(1, top + 1)), 1)
    if not plain_layers or size > LARGEST:
        why = (
            f"It would name about {size:,} quantities for each output: too many to be read as one formula."
            if plain_layers
            else "Layers that take a mean and a variance of their own make it too long to be read as one formula."
        )
        lines = [Equation(q.output(k), q.kept("a", top, k)) for k in range(min(chain.outputs, 1))]
        return Section("the network as one formula", tuple(lines), why)
    lines = [equation(q.output(k), unfolded(q, top, k)) for k in q.chosen(chain.outputs) if k is not None]
    return Section("the network as one formula", tuple(lines))


def _terms_of(q: Quantities, l: int) -> int:
    """How many terms a unit of layer ``l`` adds up, times the units that an output of it depends on."""
    layer, units = q.model.chain.layers[l - 1], q.model.chain.units
    formula = LAYER_FORMULAS.get(type(layer))
    mixing = units[l] if isinstance(layer.activation, RowActivation) else 1
    return mixing * (formula.terms(units[l - 1]) if formula else 1)


def _loss(q: Quantities) -> Section:
    """A row's loss."""
    loss, outputs = q.model.chain.loss, q.model.chain.outputs
    constants = {name: Number(value) for name, value in loss.parameters.items()}
    y, t = ([Symbol(base, None, (k,)) for k in range(outputs)] for base in ("y", "t"))
    if isinstance(loss, ElementwiseLoss):
        terms = [from_formula(loss.formula, {**constants, "y": y[k], "t": t[k]}) for k in range(outputs)]
        whole = total(*reduce(add, map(_terms, shortened(terms, q.most))))
        if loss.reduction == "mean" and outputs > 1:
            whole = Quotient(whole, Number(float(outputs)))
    else:
        names = {**constants, "K": Number(float(outputs)), "y": tuple(y), "t": tuple(t)}
        whole = shorter(from_formula(loss.formula, names), q.most)
    note = "E is the mean over rows of e; with weights w, the sum of w e over the sum of w."
    return Section(f"the loss of a row, {loss.name}", (Equation(Symbol("e"), whole),), note)


def functions(model: Model) -> tuple[Section, ...]:
    """The activations in use, by their formulas."""
    used: dict[str, Activation] = {}
    for layer in model.chain.layers:
        for one in rows_of(layer.activation):
            used.setdefault(one.name, one)
    lines = []
    for row in used.values():
        z = Symbol("z")
        if isinstance(row, ElementwiseActivation) and row is not IDENTITY:
            constants = {name: Number(value) for name, value in row.parameters.items()}
            own = from_formula(row.formula, {**constants, "z": z})
            if own != Call(row.name, (z,)):
                lines.append(Equation(Call(row.name, (z,)), own))
    return (Section("where", tuple(lines)),) if lines else ()


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' if count > 1 else ''}"


def _terms(expression: Expression) -> tuple[Expression, ...]:
    return expression.terms if isinstance(expression, Sum) else (expression,)
