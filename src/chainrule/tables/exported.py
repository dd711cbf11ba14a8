"""The probabilities of classes as source code, to put behind an exported network."""

from textwrap import dedent

from chainrule.tables.target import Target

_PYTHON = '''

CLASSES = {classes}


def probabilities(x, parameters=PARAMETERS):
    """The probability of each of CLASSES (N, {K}), for rows x as the table's encoder makes them."""
    y = predict(x, parameters)
{logits}    e = np.exp(y - y.max(axis=1, keepdims=True))
    p = e / e.sum(axis=1, keepdims=True)
{undo}    return p
'''

_PYTORCH = '''

CLASSES = {classes}


def probabilities(network, x):
    """The probability of each of CLASSES (N, {K}), for rows x as the table's encoder makes them."""
    y = network(x)
{logits}    p = torch.softmax(y, dim=1)
{undo}    return p
'''


def probability_lines(target: Target, to: str) -> str:
    """A function ``probabilities`` to put behind an exported network; nothing where there are no classes.

    Args:
        target: of the model.
        to: ``"python"`` or ``"pytorch"``.
    """
    if not target.classes:
        return ""
    python, K, s = to == "python", len(target.classes), target.smoothing.share
    pair = (
        "y = np.column_stack([np.zeros(len(y)), y[:, 0]])" if python else "y = torch.cat([0 * y, y], dim=1)"
    ) + "  # a binary logit stands for the pair (0, y)"
    least, p = repr(target.smoothing.least(K)), f"(p - {s!r} / {K}) / (1 - {s!r})"
    undo = f"""\
        # label smoothing undone: the network has learned (1 - s) p + s/K, with s = {s!r} and K = {K}
        p = {f"np.maximum({p}, {least})" if python else f"torch.clamp({p}, min={least})"}
        p = p / p.sum({"axis=1, keepdims=True" if python else "dim=1, keepdim=True"})
    """
    return (_PYTHON if python else _PYTORCH).format(
        classes=list(target.classes),
        K=K,
        logits=f"    {pair}\n" if target.outputs == 1 else "",
        undo="".join(f"    {line}\n" for line in dedent(undo).splitlines() if line.strip()) if s else "",
    )
