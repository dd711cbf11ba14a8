"""From logits to the probability of each class: in NumPy, and as source code to put behind an exported network."""

from collections.abc import Sequence
from textwrap import dedent

import numpy as np
from numpy.typing import NDArray

from chainrule.tables.smoothing import Smoothing

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


def class_probabilities(y: NDArray[np.floating]) -> NDArray[np.float64]:
    """The probability of each class: the sigmoid of a binary logit, the softmax of several.

    ``p_k = exp(y_k) / sum_j exp(y_j)``; a binary logit stands for the pair ``(0, y)``.

    Args:
        y: (N, 1) binary logits of the second class, or (N, K) logits, one per class.

    Returns:
        (N, K), each row adds up to 1.
    """
    y = np.asarray(y, dtype=np.float64)
    if y.shape[1] == 1:
        y = np.hstack([np.zeros_like(y), y])
    # Less the largest, no exponential overflows; the probabilities stay the same.
    powers = np.exp(y - y.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


def probability_source(classes: Sequence[str], logits: int, smoothing: Smoothing, to: str) -> str:
    """A function ``probabilities`` to put behind an exported network; nothing where there are no classes.

    Args:
        classes: in the order of the logits.
        logits: outputs of the network: 1 for two classes, or one for each class.
        smoothing: of the targets that it was trained on, undone in the probabilities.
        to: ``"python"`` or ``"pytorch"``.
    """
    if not classes:
        return ""
    python, K, s = to == "python", len(classes), smoothing.share
    pair = (
        "y = np.column_stack([np.zeros(len(y)), y[:, 0]])" if python else "y = torch.cat([0 * y, y], dim=1)"
    ) + "  # a binary logit stands for the pair (0, y)"
    least, p = repr(smoothing.least(K)), f"(p - {s!r} / {K}) / (1 - {s!r})"
    undo = f"""\
        # label smoothing undone: the network has learned (1 - s) p + s/K, with s = {s!r} and K = {K}
        p = {f"np.maximum({p}, {least})" if python else f"torch.clamp({p}, min={least})"}
        p = p / p.sum({"axis=1, keepdims=True" if python else "dim=1, keepdim=True"})
    """
    return (_PYTHON if python else _PYTORCH).format(
        classes=list(classes),
        K=K,
        logits=f"    {pair}\n" if logits == 1 else "",
        undo="".join(f"    {line}\n" for line in dedent(undo).splitlines() if line.strip()) if s else "",
    )
