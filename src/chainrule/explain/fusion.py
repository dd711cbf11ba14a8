"""Why an output activation and the loss that belongs to it leave ``y - t``: the two derivatives cancel."""

from chainrule.activations import Activation
from chainrule.explain.expression import Expression, Hadamard, Number, Over, Partial, Product, Quotient, Sum, Symbol
from chainrule.explain.row import activation_of
from chainrule.explain.sheet import Equation, Section
from chainrule.model import Model

_PAIRS = {
    ("sigmoid", "binary_cross_entropy"): "the y (1 - y) below the fraction is the sigmoid's own derivative",
    ("softmax", "categorical_cross_entropy"): "the y below the fraction is a factor of the softmax's Jacobian",
    ("exponential", "poisson"): "the y below the fraction is the exponential's own derivative",
}
_FUSED = {
    "sigmoid": ("binary_cross_entropy", "sigmoid(y) - t"),
    "softmax": ("categorical_cross_entropy", "softmax(y) - t"),
    "exponential": ("poisson", "exponential(y) - t"),
}


def fused(model: Model) -> Section | None:
    """The last delta in its simple form, step by step; None where the pair does not simplify."""
    top, loss = len(model.chain.layers), model.chain.loss
    row: Activation = activation_of(model.chain.layers[-1])
    y, t, rows, delta = Symbol("y"), Symbol("t"), Symbol("N"), Symbol("delta", top)
    difference = Sum((y, Product((Number(-1.0), t))))
    shape = ("N", str(model.chain.outputs))
    if loss.link in _FUSED:
        name, simple = _FUSED[loss.link]
        note = (
            f"{loss.name} is {loss.link} and {name} in one: its derivative by the net input is {simple}. In two steps "
            f"the {loss.link}'s derivative would multiply a fraction that has it below: 0 times infinity where an "
            "output rounds to 0 or 1. In one step nothing is divided."
        )
        return Section(f"why {loss.link} and its cross-entropy fuse" if loss.link != "exponential" else
                       "why the exponential and its loss fuse", (), note)
    why = _PAIRS.get((row.name, loss.name))
    if why is None:
        return None
    lines: list[Equation] = [Equation(delta, step, shape=shape) for step in _steps(row.name, y, t, rows)]
    lines.append(Equation(None, Quotient(difference, rows), shape=shape, note=why))
    note = "Put dE/dy into the last delta: the fraction cancels, and what is left is the error itself."
    if row.name == "softmax":
        note += " The targets of a row are taken to add up to 1."
    lines = [lines[0], *(Equation(None, line.right, shape=line.shape, note=line.note) for line in lines[1:])]
    return Section(f"the last delta in one step: {row.name} with {loss.name}", tuple(lines), note)


def _steps(name: str, y: Symbol, t: Symbol, rows: Symbol) -> tuple[Expression, ...]:
    """From ``dE/dy phi'(z)`` to ``(y - t)/N``."""
    one_less = Sum((Number(1.0), Product((Number(-1.0), y))))
    difference = Sum((y, Product((Number(-1.0), t))))
    down = Partial(Symbol("E"), y)
    match name:
        case "sigmoid":
            slope = Hadamard((y, one_less))
            return Hadamard((down, y, one_less)), Hadamard((Quotient(difference, Product((rows, slope))), y, one_less))
        case "exponential":
            return Hadamard((down, y)), Hadamard((Quotient(difference, Product((rows, y))), y))
    pulled = Sum((down, Product((Number(-1.0), Over("sum", "units", Hadamard((down, y)))))))
    minus = Product((Number(-1.0), Quotient(t, Product((rows, y)))))
    summed = Quotient(Over("sum", "units", t), rows)
    return Hadamard((y, pulled)), Hadamard((y, Sum((minus, summed)))), Quotient(Sum((Product((Number(-1.0), t)), Hadamard((y, Over("sum", "units", t))))), rows)
