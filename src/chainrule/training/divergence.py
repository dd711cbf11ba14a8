"""Divergence: the first layer whose numbers are no longer finite, named."""

from collections.abc import Sequence

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.chain import Chain, Pass
from chainrule.core.layers import Record
from chainrule.errors import DivergenceError


def check_finite(chain: Chain, done: Pass, gradient: Array, epoch: int, number: int) -> None:
    """Name the first layer whose values left the finite numbers, going up, then coming down.

    Raises:
        DivergenceError: they did.
    """
    if np.isfinite(done.loss) and np.isfinite(gradient).all():
        return
    check_values(done.records, done.loss, epoch, number)
    for l in range(len(chain.layers), 0, -1):
        back = done.backs[l - 1]
        if not all(np.isfinite(values).all() for values in (back.delta, *back.gradients.values())):
            raise _diverged(f"the gradients of layer {l}", l, epoch, number)
    raise _diverged("the penalties l1 and l2", 0, epoch, number)


def check_values(records: Sequence[Record], loss: float, epoch: int, number: int) -> None:
    """Name the first layer whose values left the finite numbers, or the loss.

    Raises:
        DivergenceError: they did.
    """
    for l, record in enumerate(records, start=1):
        if not np.isfinite(record["z"]).all() or not np.isfinite(record["a"]).all():
            raise _diverged(f"the values of layer {l}", l, epoch, number)
    if not np.isfinite(loss):
        raise _diverged("the loss", 0, epoch, number)


def check_update(chain: Chain, after: Array, epoch: int, number: int) -> None:
    """Name the first layer whose parameters the update would take out of the finite numbers.

    Raises:
        DivergenceError: it would.
    """
    if not np.isfinite(after).all():
        layer = next(slot.layer for slot in chain.slots if not np.isfinite(slot.view(after)).all())
        raise _diverged(f"the parameters of layer {layer}", layer, epoch, number)


def _diverged(where: str, layer: int, epoch: int, number: int) -> DivergenceError:
    return DivergenceError(
        f"training diverged in epoch {epoch} (update {number}): {where} left the finite numbers. "
        "A smaller learning rate, scaled inputs and targets, or clip_norm usually mend this.",
        epoch=epoch,
        layer=layer,
    )
