"""``coefs_`` and ``intercepts_``: a network's weights as scikit-learn names them."""

from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.layers import Dense
from chainrule.errors import InputError
from chainrule.network import Network


def link_weights(estimator: Any, *, anew: bool = False) -> None:
    """Make ``coefs_`` and ``intercepts_`` views of the network's numbers.

    Args:
        estimator: with a ``network_``.
        anew: whether to discard arrays that the user assigned; otherwise they are written into the network first.

    Raises:
        InputError: what was put there is of another shape.
    """
    for name, views in _views(estimator.network_).items():
        present = None if anew else vars(estimator).get(name)
        for k, (view, found) in enumerate(zip(views, present or views, strict=True)):
            if found is not view and not np.shares_memory(found, view):
                if np.shape(found) != view.shape:
                    raise InputError(f"{name}[{k}] must have shape {view.shape}, got {np.shape(found)}.")
                view[...] = found
        setattr(estimator, name, views)


def _views(network: Network) -> dict[str, list[Array]]:
    parameters = network.parameters
    dense = [l for l, layer in enumerate(network.layers, start=1) if isinstance(layer, Dense)]
    return {
        "coefs_": [parameters[f"W{l}"] for l in dense],
        "intercepts_": [parameters[f"b{l}"] for l in dense if f"b{l}" in parameters],
    }
