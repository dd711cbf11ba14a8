"""Layers in a row without an activation between them are one layer: ``(x W1) W2 = x (W1 W2)``.

Goodfellow, Bengio & Courville 2016, Deep Learning, section 6.1.
"""

import numpy as np

from chainrule.core.activations import IDENTITY
from chainrule.core.builtin import computes_like
from chainrule.core.layers import Dense, Dropout
from chainrule.diagnosis import remedies
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.rule import Rule, Suspicion


def measure(run: Measurements) -> list[int] | None:
    """The hidden layers that are linear, with a linear map above them."""
    layers = run.case.chain.layers
    linear = []
    for l in run.hidden:
        layer = layers[l - 1]
        assert isinstance(layer, Dense)
        k = l
        while isinstance(layers[k], Dropout):
            k += 1
        if computes_like(layer.activation, IDENTITY) and isinstance(layers[k], Dense):
            linear.append(l)
    return linear or None


def judge(linear: list[int], run: Measurements) -> Suspicion | None:
    """Always a suspicion: each of them is one linear map with the next."""
    everything = len(linear) == len(run.hidden)
    product = np.linalg.multi_dot([run.case.model.parameters[f"W{l}"] for l in run.dense]) if everything else None
    names = ", ".join(map(str, linear))
    explanation = (
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
    return Suspicion("linear-network", "warning", "structural", evidence, explanation, tried, order=24)


RULE = Rule("linear-network", "Goodfellow, Bengio & Courville 2016, section 6.1", measure, judge)
