"""The rules of other tools, as ``AutoTrainer``, ``UMLAUT`` and CS231n describe them, each mapped onto our codes.

| tool | its rule | our code |
|---|---|---|
| AutoTrainer | first over last layer's gradient below 1e-3, first below 1e-4, in most epochs | vanishing-gradient |
| AutoTrainer | first over last above 70, or a gradient or loss that is not finite | exploding-gradient |
| AutoTrainer | at least 70 % of a hidden layer's gradients are zero, in most epochs | dead-units |
| AutoTrainer | accuracy falls by 0.03 or more in 20 % of the epochs | learning-rate-too-large |
| AutoTrainer | accuracy gains less than 0.01 an epoch and ends below 0.6 | learning-rate-too-small |
| UMLAUT | cross-entropy on an output without softmax or sigmoid | loss-output-pair |
| UMLAUT | hidden layers without an activation | linear-network |
| UMLAUT | inputs outside -1 to 1 | unscaled-inputs |
| UMLAUT | a loss that is not finite | non-finite |
| UMLAUT | a rate above 0.01 | learning-rate-too-large |
| UMLAUT | a rate below 1e-7 | learning-rate-too-small |
| UMLAUT | the validation loss ends 10 % above its lowest | overfitting |
| thresholds | a loss that is not finite | non-finite |
| thresholds | the first loss is more than twice ln K, or the targets' variance | unscaled-inputs |
| thresholds | update over weights above 1e-2 at the median epoch | learning-rate-too-large |
| thresholds | update over weights below 1e-4 at the median epoch | learning-rate-too-small |
| thresholds | 40 % of a layer's ReLUs off on all rows in the end | dead-units |
| thresholds | half of a layer's values saturated in the end | saturated-units |
| thresholds | more than a tenth of the loss left on 20 rows | underfitting |
| thresholds | the last validation loss is twice the training loss | overfitting |

The order is each tool's own; its first code counts as its first finding. AutoTrainer knows accuracy alone: for
regression it is given R^2. It acts only on training in trouble, so nothing is said of a run above 0.6 in the end but
for a number that is not finite or oscillation. UMLAUT's rule on dropout has no use here.
"""

from collections.abc import Callable

import numpy as np
from watching import Watched, finite


def auto_trainer(seen: Watched) -> list[str]:
    """Zhang, Zhai, Ma & Shen 2021, ICSE."""
    readings = seen.readings
    codes = []
    accuracies = np.array([one.accuracy for one in readings])
    trouble = not len(accuracies) or accuracies[-1] <= 0.6
    norms = [one.norms for one in readings if finite(one.norms)]
    if trouble and _mostly([n[0] < 1e-3 * n[-1] and n[0] < 1e-4 for n in norms]):
        codes.append("vanishing-gradient")
    if seen.diverged or len(norms) < len(readings) or (trouble and _mostly([n[0] > 70 * n[-1] for n in norms])):
        codes.append("exploding-gradient")
    if trouble and _mostly([one.zeros >= 0.7 for one in readings]):
        codes.append("dead-units")
    if len(accuracies) > 1 and (np.diff(accuracies) <= -0.03).mean() >= 0.2:
        codes.append("learning-rate-too-large")
    if len(accuracies) > 1 and accuracies[-1] < 0.6 and accuracies[-1] - accuracies[-2] < 0.01:
        codes.append("learning-rate-too-small")
    return codes


def umlaut(seen: Watched) -> list[str]:
    """Schoop, Huang & Hartmann 2021, CHI."""
    setup, codes = seen.setup, []
    crossed = setup.loss in ("binary_cross_entropy", "categorical_cross_entropy")
    if crossed and setup.output not in ("softmax", "sigmoid"):
        codes.append("loss-output-pair")
    if any(layer.activation == "identity" for layer in setup.hidden):
        codes.append("linear-network")
    if np.abs(setup.x).max() > 1:
        codes.append("unscaled-inputs")
    if seen.diverged:
        codes.append("non-finite")
    if setup.rate > 0.01:
        codes.append("learning-rate-too-large")
    if setup.rate < 1e-7:
        codes.append("learning-rate-too-small")
    held = seen.validation_losses
    if held and held[-1] > 1.1 * min(held):
        codes.append("overfitting")
    return codes


def thresholds(seen: Watched) -> list[str]:
    """Karpathy, Stanford CS231n, "Neural networks 3"."""
    codes = ["non-finite"] if seen.diverged else []
    ratios = [one.ratio for one in seen.readings]
    if seen.losses and seen.losses[0] > 2 * _chance(seen):
        codes.append("unscaled-inputs")
    if ratios and np.median(ratios) > 1e-2:
        codes.append("learning-rate-too-large")
    if ratios and np.median(ratios) < 1e-4:
        codes.append("learning-rate-too-small")
    if seen.readings and seen.readings[-1].dead >= 0.4:
        codes.append("dead-units")
    if seen.readings and seen.readings[-1].flat >= 0.5:
        codes.append("saturated-units")
    if seen.small_batch > 0.1:
        codes.append("underfitting")
    if seen.validation_losses and seen.validation_losses[-1] > 2 * seen.losses[-1]:
        codes.append("overfitting")
    return codes


def _chance(seen: Watched) -> float:
    """The loss to be expected of a network that knows nothing."""
    setup = seen.setup
    if "entropy" in setup.loss:
        return float(np.log(max(setup.outputs, 2)))
    variance = float(setup.t.var(axis=0).sum())
    return variance / (setup.outputs if setup.loss == "mean_squared_error" else 1)


def _mostly(held: list[bool]) -> bool:
    """In more than half of what was seen."""
    return bool(held) and bool(np.mean(held) > 0.5)


RIVALS: dict[str, Callable[[Watched], list[str]]] = {
    "AutoTrainer": auto_trainer,
    "UMLAUT": umlaut,
    "thresholds": thresholds,
}
