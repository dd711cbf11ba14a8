"""A network of which nothing can be trained: every layer that has parameters is frozen.

A layer with ``trainable=False`` keeps its parameters; Yosinski, Clune, Bengio & Lipson 2014, How transferable are
features in deep neural networks?, freeze some layers and train the others.
"""

from chainrule.diagnosis import remedies
from chainrule.diagnosis.measurements import Readings
from chainrule.diagnosis.result import Rule, Suspicion


def measure(r: Readings) -> list[int] | None:
    """The frozen layers, if all that have parameters are."""
    chain = r.case.chain
    layers = sorted({slot.layer for slot in chain.slots})
    return layers if layers and not any(chain.layers[l - 1].trainable for l in layers) else None


def judge(frozen: list[int], _: Readings) -> Suspicion:
    """Certain."""
    told = (
        f"No update changes anything: layer{'s' * (len(frozen) > 1)} {', '.join(map(str, frozen))}, all that have "
        "parameters, have trainable=False. Let at least the last one be trained."
    )
    remedy = remedies.trainable(frozen)
    return Suspicion("frozen-layers", "error", "structural", {"layers": frozen}, told, (remedy,), order=5)


RULE = Rule("frozen-layers", "Yosinski et al. 2014", measure, judge)
