"""The loss and its derivative by the outputs as lines of NumPy: mean over rows, row weights, missing targets."""

from chainrule.core.chain import Chain
from chainrule.core.losses import ElementwiseLoss
from chainrule.interchange.source.components import constants, function_name, row_formula
from chainrule.interchange.source.listing import Line


def loss_lines(chain: Chain, *, weighted: bool, missing: bool) -> list[Line]:
    """``e`` of each row and ``E``, from ``y`` and ``targets``."""
    loss = chain.loss
    call = f"{function_name(loss)}(y, targets{constants(loss)})"
    lines = [Line("N = len(a0)", "rows")]
    if missing:
        lines += [
            Line("present = ~np.isnan(targets)", "a missing target (NaN) neither costs nor teaches"),
            Line("targets = np.where(present, targets, 0)"),
        ]
        if _averages(chain):
            lines.append(Line("K = np.maximum(present.sum(axis=1, keepdims=True), 1)", "outputs that have a target"))
    e = call
    about = "the row's loss"
    if isinstance(loss, ElementwiseLoss):
        term = row_formula(loss.formula, call, y="y", t="t")
        about = f"{'mean' if loss.reduction == 'mean' else 'sum'} over outputs of {term}"
        terms = f"np.where(present, {call}, 0)" if missing else call
        e = f"{terms}.sum(axis=1){_divided(chain, '/ K[:, 0]' if missing else f'/ {chain.outputs}')}"
    lines.append(Line(f"e = {e}", f"e[n] = {about}"))
    if not weighted and not missing:
        return [*lines, Line("E = e.mean()", "E = mean over rows of e")]
    counted = "row_weights" if weighted else "1.0"
    if missing:
        counted = f"np.where(present.any(axis=1), {counted}, 0.0)"
    return [
        *lines,
        Line(f"counted = {counted}", "how much each row counts"),
        Line("share = counted / (counted.sum() or 1.0)", "share[n] = counted[n]/sum of counted"),
        Line("E = (share * e).sum()", "E = sum over rows of share e"),
    ]


def _averages(chain: Chain) -> bool:
    """Whether the loss is a mean over several outputs."""
    return isinstance(chain.loss, ElementwiseLoss) and chain.loss.reduction == "mean" and chain.outputs > 1


def _divided(chain: Chain, by: str) -> str:
    return f" {by}" if _averages(chain) else ""


def output_lines(chain: Chain, top: int, *, shares: bool, missing: bool, batches: bool) -> list[Line]:
    """``da{top} = dE/dy``, where backpropagation begins; in batches, scaled by how much their rows count."""
    loss = chain.loss
    call = f"{function_name(loss)}_prime(y, targets{constants(loss)})"
    slope = call
    formula = "softmax(y)[k] sum(t) - t[k]"
    if isinstance(loss, ElementwiseLoss):
        formula = row_formula(loss.derivative_formula, call, y="y", t="t")
        slope = f"np.where(present, {call}, 0)" if missing else call
    over = "K" if missing else str(chain.outputs)
    by_outputs = _divided(chain, f"/ {over}")
    de_dy = Line(f"de_dy = {slope}{by_outputs}", f"de/dy = {formula}{by_outputs.replace(' ', '')}")
    if not shares:
        return [de_dy, Line(f"da{top} = de_dy / N", f"dE/dy = dE/da{top} = de/dy 1/N")]
    if not batches:
        return [de_dy, Line(f"da{top} = share[:, None] * de_dy", f"dE/dy = dE/da{top} = share de/dy")]
    standing = Line("standing = counted.mean() / mean_count", "how much this batch's rows count beside all rows")
    da = Line(f"da{top} = standing * share[:, None] * de_dy", f"dE/dy = dE/da{top}, of the loss of all rows")
    return [de_dy, standing, da]
