"""Layers in a row without an activation between them are one layer: ``(x W1) W2 = x (W1 W2)``.

Goodfellow, Bengio & Courville 2016, Deep Learning, section 6.1.
"""

import numpy as np

from chainrule.core.activations import IDENTITY
from chainrule.core.builtin import computes_like
from chainrule.core.layers import Dense, Dropout
from chainrule.diagnosis import remedies
from chainrule.diagnosis.measurements import Readings
from chainrule.diagnosis.result import Rule, Suspicion


def measure(r: Readings) -> list[int] | None:
    """The hidden layers that are linear, with a linear map above them."""
    layers = r.case.chain.layers
    linear = []
    for l in r.hidden:
        layer = layers[l - 1]
        assert isinstance(layer, Dense)
        k = l
        while isinstance(layers[k], Dropout):
            k += 1
        if computes_like(layer.activation, IDENTITY) and isinstance(layers[k], Dense):
            linear.append(l)
    return linear or None


def judge(linear: list[int], r: Readings) -> Suspicion | None:
    """Each of them collapses with the next."""
    everything = len(linear) == len(r.hidden)
    product = np.linalg.multi_dot([r.case.model.parameters[f"W{l}"] for l in r.dense]) if everything else None
    names = ", ".join(map(str, linear))
    told = (
        f"Layer{'s' * (len(linear) > 1)} {names} ha{'ve' if len(linear) > 1 else 's'} no activation, so "
        + (
            "the whole network is one linear map of its inputs, whatever its weights: it can draw only straight lines. "
            if everything
            else "they and the layers after them are one linear map each. "
        )
        + "Put an activation such as tanh or relu between them."
    )
    evidence = {"layers": linear, "whole_network_linear": everything}
    if product is not None and product.size <= 12:
        evidence["product_of_the_weights"] = product
    tried = tuple(
        remedies.activations(
            f"activation '{name}' in layer{'s' * (len(linear) > 1)} {names}", dict.fromkeys(linear, name)
        )
        for name in ("tanh", "relu")
    )
    return Suspicion("linear-network", "warning", "structural", evidence, told, tried, order=24)


RULE = Rule("linear-network", "Goodfellow, Bengio & Courville 2016, section 6.1", measure, judge)
