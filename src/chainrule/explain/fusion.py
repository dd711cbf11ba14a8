"""Why some output activations with their matching loss give ``delta = y - t``: the two derivatives cancel."""

from chainrule.core.activations import ACTIVATIONS, IDENTITY
from chainrule.core.builtin import computes_like, is_builtin
from chainrule.core.model import Model
from chainrule.explain.expression import (
    Call,
    Expression,
    Hadamard,
    Number,
    Over,
    Partial,
    Product,
    Quotient,
    Sum,
    Symbol,
)
from chainrule.explain.sheet import Equation, Section

_Y, _T, _N, _ONE, _MINUS = Symbol("y"), Symbol("t"), Symbol("N"), Number(1.0), Number(-1.0)

_CANCELS = {
    "sigmoid": "the y (1 - y) below the fraction is the sigmoid's own derivative",
    "softmax": "the y below the fraction is a factor of the softmax's Jacobian",
    "exponential": "the y below the fraction is the exponential's own derivative",
}
"""What cancels, by the activation that belongs to the loss."""


def fused(model: Model) -> Section | None:
    """The last delta in its simple form, step by step; None where the pair does not simplify."""
    row, loss = model.chain.layers[-1].activation, model.chain.loss
    if not is_builtin(loss) or loss.partner not in _CANCELS:
        return None
    if loss.is_fused:
        return _from_logits(model)
    if not computes_like(row, ACTIVATIONS[loss.partner]):
        return None
    note = "Put dE/dy into the last delta: the fraction cancels, and what is left is the error itself."
    if loss.probabilities == "exclusive":
        note += " The targets of a row are taken to add up to 1."
    title = f"the last delta in one step, {row.name} with {loss.name}"
    steps = (*_steps(loss.partner), _error(_Y))
    return Section(title, _lines(model, _delta(model), steps, _CANCELS[loss.partner]), note)


def _from_logits(model: Model) -> Section:
    """A loss that has its activation in it: one derivative, without a division."""
    loss = model.chain.loss
    assert loss.unfused is not None
    note = (
        f"{loss.name} is {loss.link} and {loss.unfused.name} in one. In two steps the derivative of {loss.link} would "
        "multiply a fraction that cancels it, 0 times infinity where an output rounds to 0 or 1; in one step nothing "
        "is divided by an output."
    )
    exp = Call("exp", (_Y,))
    written_out = {
        "sigmoid": Quotient(_ONE, Sum((_ONE, Call("exp", (Product((_MINUS, _Y)),))))),
        "softmax": Quotient(exp, Over("sum", "units", exp)),
        "exponential": exp,
    }
    steps = (_error(written_out[loss.link]), _error(Call(loss.link, (_Y,))))
    left = _delta(model) if model.chain.layers[-1].activation is IDENTITY else Partial(Symbol("E"), _Y)
    title = f"why {loss.link} and its loss are one"
    return Section(title, _lines(model, left, steps, "prediction minus target"), note)


def _delta(model: Model) -> Symbol:
    return Symbol("delta", len(model.chain.layers))


def _lines(model: Model, left: Expression, steps: tuple[Expression, ...], note: str) -> tuple[Equation, ...]:
    """One quantity, in each step another form of it."""
    shape = ("N", str(model.chain.outputs))
    first, *more, last = steps
    between = (Equation(None, step, shape=shape) for step in more)
    return (Equation(left, first, shape=shape), *between, Equation(None, last, shape=shape, note=note))


def _error(prediction: Expression) -> Expression:
    """``(prediction - t)/N``."""
    return Quotient(Sum((prediction, Product((_MINUS, _T)))), _N)


def _steps(name: str) -> tuple[Expression, ...]:
    """From ``dE/dy phi'(z)`` to a form without the fraction."""
    one_less = Sum((_ONE, Product((_MINUS, _Y))))
    down = Partial(Symbol("E"), _Y)
    match name:
        case "sigmoid":
            below = Product((_N, Hadamard((_Y, one_less))))
            return Hadamard((down, _Y, one_less)), Hadamard((Quotient(_difference(), below), _Y, one_less))
        case "exponential":
            return Hadamard((down, _Y)), Hadamard((Quotient(_difference(), Product((_N, _Y))), _Y))
    pulled = Sum((down, Product((_MINUS, Over("sum", "units", Hadamard((down, _Y)))))))
    summed = Over("sum", "units", _T)
    slope = Sum((Product((_MINUS, Quotient(_T, Product((_N, _Y))))), Quotient(summed, _N)))
    return (
        Hadamard((_Y, pulled)),
        Hadamard((_Y, slope)),
        Quotient(Sum((Hadamard((_Y, summed)), Product((_MINUS, _T)))), _N),
    )


def _difference() -> Sum:
    return Sum((_Y, Product((_MINUS, _T))))
