"""A network of which nothing can be trained: every layer that has parameters is frozen.

A layer with ``trainable=False`` keeps its parameters; Yosinski, Clune, Bengio & Lipson 2014, How transferable are
features in deep neural networks?, freeze some layers and train the others.
"""

from chainrule.diagnosis import remedies
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.rule import Rule, Suspicion


def measure(run: Measurements) -> list[int] | None:
    """The frozen layers, if all that have parameters are."""
    chain = run.case.chain
    layers = sorted({slot.layer for slot in chain.slots})
    return layers if layers and not any(chain.layers[l - 1].trainable for l in layers) else None


def judge(frozen: list[int], _: Measurements) -> Suspicion:
    """Always a suspicion: nothing can be learned."""
    explanation = (
        f"No update changes anything: layer{'s' * (len(frozen) > 1)} {', '.join(map(str, frozen))}, all that have "
        "parameters, have trainable=False. Let at least the last one be trained."
    )
    remedy = remedies.trainable(frozen)
    return Suspicion("frozen-layers", "error", "structural", {"layers": frozen}, explanation, (remedy,), order=5)


RULE = Rule("frozen-layers", "Yosinski et al. 2014", measure, judge)
