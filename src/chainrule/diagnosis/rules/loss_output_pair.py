"""A loss and a last activation that do not belong together.

Bishop 1995, Neural Networks for Pattern Recognition, chapter 6: each loss is the likelihood of one kind of target, and
belongs with the activation that gives its mean. Squared error through a sigmoid or softmax multiplies the error by a
slope that is nearly 0 just where the answer is most wrong; a cross-entropy needs probabilities; logits must not pass
through a sigmoid or softmax twice; and a softmax of one unit is always 1.
"""

from dataclasses import dataclass

import numpy as np

from chainrule.core.activations import SIGMOID, SOFTMAX
from chainrule.core.activations import activation as find_activation
from chainrule.core.builtin import computes_like
from chainrule.core.losses import loss as find_loss
from chainrule.diagnosis.case import Case
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.remedies import with_activation
from chainrule.diagnosis.rule import Remedy, Rule, Suspicion

BINARY, CATEGORICAL = "binary_cross_entropy", "categorical_cross_entropy"


@dataclass(frozen=True)
class Pair:
    """What does not fit, and what would.

    Attributes:
        kind: "slope", "not a probability", "twice" or "one unit".
        loss, activation: as they are.
        wanted: the fused loss for an output without activation.
    """

    kind: str
    loss: str
    activation: str
    wanted: str


def measure(run: Measurements) -> Pair | None:
    """The pair, if it is one of those that do not fit."""
    phi = run.output_activation
    if phi is None:
        return None
    loss, wanted = run.case.chain.loss, _wanted(run.case.data.t)
    squashed = any(computes_like(phi, row) for row in (SIGMOID, SOFTMAX))
    measures_distance = loss.distance and loss.best_constant != "quantile"
    unfit = {"independent": not _within(phi.range), "exclusive": not computes_like(phi, SOFTMAX)}
    kinds = {  # the first that holds
        "one unit": (computes_like(phi, SOFTMAX) and run.case.chain.outputs == 1, wanted or ""),
        "twice": (squashed and loss.link in ("sigmoid", "softmax"), loss.name),
        "not a probability": (
            not loss.is_fused and unfit.get(loss.probabilities or "", False),
            f"{CATEGORICAL if loss.probabilities == 'exclusive' else BINARY}_from_logits",
        ),
        "slope": (squashed and measures_distance and wanted is not None, wanted or ""),
    }
    for kind, (holds, instead) in kinds.items():
        if holds:
            return Pair(kind, loss.name, phi.name, instead)
    return None


def _within(span: tuple[float, float]) -> bool:
    return span[0] >= 0 and span[1] <= 1


def _wanted(t: np.ndarray) -> str | None:
    """The fused loss for targets that are labels; None for others."""
    if not np.isin(t[~np.isnan(t)], (0.0, 1.0)).all():
        return None
    one_each = t.shape[1] > 1 and (np.nansum(t, axis=1) == 1).all()
    return f"{CATEGORICAL}_from_logits" if one_each else f"{BINARY}_from_logits"


def judge(pair: Pair, run: Measurements) -> Suspicion | None:
    """Always a suspicion."""
    explanation = _EXPLANATIONS[pair.kind].format(p=pair)
    last = len(run.case.chain.layers)
    if pair.wanted:
        explanation += f" Leave layer {last} without an activation and train on {pair.wanted}."
        text = f"activation 'identity' in layer {last} and loss '{pair.wanted}'"
        remedy = Remedy(text, {"net": text, "loss": pair.wanted}, lambda case: _paired(case, pair, text))
    else:
        text = f"activation 'identity' in layer {last}"
        explanation += f" Leave layer {last} without an activation."
        remedy = Remedy(text, {"net": text}, lambda case: _linear(case, text))
    evidence = {"loss": pair.loss, "activation": pair.activation, "kind": pair.kind, "layer": last}
    severity = "warning" if pair.kind == "slope" else "error"
    return Suspicion("loss-output-pair", severity, "structural", evidence, explanation, (remedy,), order=10, factor=0.8)


def _linear(case: Case, text: str) -> Case:
    layers = (*case.chain.layers[:-1], with_activation(case.chain.layers[-1], "identity"))
    return case.with_layers(text, layers)


def _paired(case: Case, pair: Pair, text: str) -> Case:
    """The outputs are read back as probabilities, unless the loss always took logits."""
    layers = (*case.chain.layers[:-1], with_activation(case.chain.layers[-1], "identity"))
    new = find_loss(pair.wanted)
    link = find_activation(new.link)
    decode = None if pair.kind == "twice" else link.value
    return case.with_layers(text, layers, loss=new, decode=decode)


_EXPLANATIONS = {
    "slope": "{p.loss} through {p.activation} multiplies every error by the activation's slope, which is nearly "
    "0 where "
    "the answer is most wrong: learning is slowest where it is needed most.",
    "not a probability": "{p.loss} takes the logarithm of the outputs, which must be probabilities, but {p.activation} "
    "gives values outside of 0 to 1, or that do not add up to 1.",
    "twice": "{p.loss} applies its own activation to the outputs, and the last layer applies {p.activation} before it: "
    "the outputs are squashed twice, so that even a sure answer counts as unsure.",
    "one unit": "A softmax of a single unit is always 1, whatever the input: nothing can be learned.",
}

RULE = Rule("loss-output-pair", "Bishop 1995, chapter 6", measure, judge)
