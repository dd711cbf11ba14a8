"""How well mistakes in hand-written backpropagation are named: a confusion matrix, pairs, right answers, times.

    python benchmarks/marking.py                      everything, about a quarter of an hour
    python benchmarks/marking.py --part singles --networks 50

Singles: every entry of the catalogue is made in random networks (1 to 4 layers, every activation, many losses, 1 to 16
rows, free wiring, shared and absent biases, normalisation and dropout layers), where it changes the gradients by more
than 1e-7 of their size. Right: right gradients, half of them computed in float32. Pairs: every two entries that can be
made together, where no single mistake gives the same gradients. Times: the median of several markings.
"""

import argparse
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np

import chainrule as cr
from chainrule.core.activations import ACTIVATIONS
from chainrule.marking import CATALOGUE, Marking, check_backprop
from chainrule.marking.backward import run_backward
from chainrule.marking.distance import distance, floor_of
from chainrule.marking.forward_context import ForwardContext, run_forward
from chainrule.marking.instance import MistakeInstance, all_instances, changes_of, compose

VISIBLE = 1e-7
CODES = tuple(dict.fromkeys(mistake.code for mistake in CATALOGUE))
ETA = 0.1

_OUTPUTS = {  # output activation -> losses that suit it
    "softmax": ("categorical_cross_entropy", "squared_error", "mean_squared_error"),
    "sigmoid": ("binary_cross_entropy", "squared_error", "half_squared_error", "mean_squared_error"),
    "exponential": ("poisson", "squared_error"),
    "identity": (
        "squared_error", "half_squared_error", "mean_squared_error", "absolute_error", "huber", "quantile", "log_cosh",
        "poisson_from_logits", "binary_cross_entropy_from_logits", "categorical_cross_entropy_from_logits",
    ),
}  # fmt: skip
_ANY = ("squared_error", "half_squared_error", "mean_squared_error", "huber", "log_cosh")


# -------------------------------------------------------------------------------- random networks
def random_network(rng: np.random.Generator, code: str = "") -> tuple[cr.Network, np.ndarray, np.ndarray]:
    """A network, inputs and targets; for a code that needs a special place, one that is likely to have it."""
    outputs = int(rng.integers(2, 5)) if code.startswith("softmax") else int(rng.integers(1, 5))
    outputs = 1 if code == "target-broadcast" else outputs
    last, loss = _head(rng, code)
    if last == "softmax" or loss.startswith("categorical"):
        outputs = max(outputs, 2)
    inputs, same = int(rng.integers(1, 5)), bool(rng.random() < 0.4)
    layers: list[cr.Layer] = []
    width = inputs
    for _ in range(int(rng.integers(0, 4))):
        width, made = _hidden(rng, width, same, code)
        layers += made
    layers = layers[: 4 - 1]
    width = _width(inputs, layers)
    if same and loss != "categorical_cross_entropy" and code != "target-broadcast":
        outputs = max(width, 2) if last == "softmax" else width
    layers.append(cr.Dense(outputs, last, bias=_bias(rng), mask=_mask(rng, width, outputs, code)))
    net = cr.Network(inputs, layers, loss=loss, seed=int(rng.integers(2**31)))
    rows = int(rng.integers(1, 17))
    rows = max(rows, 2) if code in ("target-broadcast", "last-row-only", "first-row-only", "not-reset") else rows
    x = rng.normal(size=(rows, inputs))
    for name, value in net.parameters.items():
        net.parameters[name][...] = value + (0.4 if name[0] == "b" else 0.2) * rng.normal(size=value.shape)
    if code == "dead-kink":
        x[0] = 0.0
        if "b1" in net.parameters:
            net.parameters["b1"][...] = 0.0
    return net, x, _targets(rng, loss, rows, outputs)


def _head(rng: np.random.Generator, code: str) -> tuple[str, str]:
    if code == "softmax-derivative-twice":
        pairs = [("softmax", "categorical_cross_entropy"), ("identity", "categorical_cross_entropy_from_logits")]
        return pairs[rng.integers(2)]
    if code == "sigmoid-derivative-twice":
        pairs = [("sigmoid", "binary_cross_entropy"), ("identity", "binary_cross_entropy_from_logits")]
        return pairs[rng.integers(2)]
    if code == "softmax-diagonal-only":
        return "softmax", str(rng.choice(_OUTPUTS["softmax"]))
    last = str(rng.choice(["identity", "sigmoid", "exponential", "softmax", *_elementwise()]))
    return last, str(rng.choice(_OUTPUTS.get(last, _ANY)))


def _elementwise() -> list[str]:
    return [name for name in ACTIVATIONS if name != "softmax"]


def _hidden(rng: np.random.Generator, below: int, same: bool, code: str) -> tuple[int, list[cr.Layer]]:
    units = below if same else int(rng.integers(1, 6))
    phi = str(rng.choice(["relu", "leaky_relu"] if code == "dead-kink" else _elementwise()))
    made: list[cr.Layer] = [cr.Dense(units, phi, bias=_bias(rng), mask=_mask(rng, below, units, code))]
    normal = 0.8 if code in ("statistics-as-constants", "input-not-standardised") else 0.1
    if rng.random() < normal and units > 2:
        made.append(cr.LayerNorm() if rng.random() < 0.7 else cr.BatchNorm())
    elif rng.random() < 0.07:
        made.append(cr.Dropout(0.5))
    return units, made


def _width(inputs: int, layers: Sequence[cr.Layer]) -> int:
    for layer in layers:
        inputs = layer.units_out(inputs)
    return inputs


def _bias(rng: np.random.Generator) -> str | None:
    return str(rng.choice(["per-unit", "shared"], p=[0.88, 0.12])) if rng.random() < 0.92 else None


def _mask(rng: np.random.Generator, below: int, units: int, code: str) -> np.ndarray | None:
    if rng.random() > (0.8 if code == "mask-ignored" else 0.1):
        return None
    mask = (rng.random((below, units)) < 0.7).astype(float)
    return mask if mask.any(axis=0).all() else None


def _targets(rng: np.random.Generator, loss: str, rows: int, outputs: int) -> np.ndarray:
    if loss.startswith("categorical"):
        return np.eye(outputs)[rng.integers(0, outputs, rows)]
    if loss.startswith("binary"):
        return rng.integers(0, 2, (rows, outputs)).astype(float)
    if loss.startswith("poisson"):
        return rng.poisson(2.0, (rows, outputs)).astype(float)
    return rng.normal(size=(rows, outputs))


# -------------------------------------------------------------------------------- trials
@np.errstate(all="ignore")
def mistaken(
    rng: np.random.Generator, codes: Sequence[str]
) -> tuple[cr.Network, ForwardContext, tuple[MistakeInstance, ...], dict[str, np.ndarray]] | None:
    """A network in which these mistakes are made and each of them shows; None if none was found in many draws."""
    for attempt in range(300):
        net, x, t = random_network(rng, codes[attempt % len(codes)])
        s = run_forward(net.model, x, t, ETA)
        instances = all_instances(s, CATALOGUE)
        by_code = [[instance for instance in instances if instance.mistake.code == code] for code in codes]
        if not all(by_code):
            continue
        chosen = tuple(options[rng.integers(len(options))] for options in by_code)
        if not compose(chosen) or len({instance.identity for instance in chosen}) < len(chosen):
            continue
        if len(chosen) > 1 and chosen[0].variant_id == chosen[1].variant_id:
            continue
        g = run_backward(s, changes_of(chosen)).gradients
        simpler = [()] if len(chosen) == 1 else [(), *((instance,) for instance in instances)]
        if all(np.isfinite(value).all() for value in g.values()) and _shows(s, g, simpler):
            return net, s, chosen, g
    return None


def _shows(s: ForwardContext, g: dict[str, np.ndarray], simpler: Sequence[tuple[MistakeInstance, ...]]) -> bool:
    """Whether no simpler recipe gives these gradients."""
    floor = floor_of(run_backward(s, {}).gradients)
    return all(distance(g, run_backward(s, changes_of(instances)).gradients, floor) > VISIBLE for instances in simpler)


def named_sets(marking: Marking) -> list[set[tuple[str, int | None]]]:
    """Every explanation the marking names, the first first."""
    sets = [marking.mistakes + marking.conventions + marking.kinks, *marking.equivalents, *marking.alternatives]
    return [{(named.code, named.layer) for named in one} for one in sets]


@np.errstate(all="ignore")
def mark_mistaken(net: cr.Network, s: ForwardContext, g: dict[str, np.ndarray]) -> Marking:
    """As a learner would have it marked who knows the loss and learning rate."""
    return check_backprop(net, s.x, s.t, gradients=g, learning_rate=ETA, loss=net.loss(s.x, s.t))


def singles(networks: int, seed: int = 0, codes: Sequence[str] = CODES) -> dict[str, Counter[str]]:
    """By code, what was named: the code itself (first, or among several), another code, right, unknown."""
    matrix: dict[str, Counter[str]] = {}
    for code in codes:
        rng = np.random.default_rng([seed, CODES.index(code)])
        matrix[code] = Counter()
        for _ in range(networks):
            made = mistaken(rng, [code])
            if made is None:
                matrix[code]["(not drawn)"] += 1
                continue
            net, s, instances, g = made
            marking = mark_mistaken(net, s, g)
            truth = {(instance.mistake.code, instance.layer) for instance in instances}
            sets = named_sets(marking)
            first = "+".join(sorted({c for c, _ in sets[0]})) or marking.verdict
            if truth == sets[0]:
                matrix[code][code] += 1
            elif truth in sets:
                matrix[code]["(among several)"] += 1
            else:
                matrix[code][first if first != code else "(its layer wrong)"] += 1
            if marking.correct and code != "dead-kink":
                matrix[code]["(CALLED CORRECT)"] += 1
    return matrix


def right(count: int, seed: int = 1) -> Counter[str]:
    """Verdicts on right gradients: float64 in another order of summation, and float32."""
    verdicts: Counter[str] = Counter()
    rng = np.random.default_rng(seed)
    while sum(verdicts.values()) < count:
        net, x, t = random_network(rng)
        single = sum(verdicts.values()) % 2
        given = net.astype("float32").gradients(x, t) if single else _another_order(net, x, t, rng)
        if not all(np.isfinite(value).all() for value in given.values()):
            continue
        verdicts[check_backprop(net, x, t, gradients=given).verdict] += 1
    return verdicts


def _another_order(net: cr.Network, x: np.ndarray, t: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """Row by row, in a random order, added up: what a loop does."""
    total = {name: np.zeros_like(value) for name, value in net.parameters.items()}
    for n in rng.permutation(len(x)):
        for name, value in net.gradients(x[n : n + 1], t[n : n + 1]).items():
            total[name] = total[name] + value / len(x)
    return total


def pairs(networks: int, seed: int = 2, every: int = 1) -> tuple[Counter[str], Counter[str]]:
    """Counts of pairs named first, named among several, and not; and which pairs were not."""
    counts: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for number, (one, other) in enumerate(pairs_of_codes()):
        if number % every:
            continue
        rng = np.random.default_rng([seed, number])
        for _ in range(networks):
            made = mistaken(rng, [one, other])
            if made is None:
                counts["not composable"] += networks
                break
            net, s, instances, g = made
            marking = mark_mistaken(net, s, g)
            truth = {(instance.mistake.code, instance.layer) for instance in instances}
            sets = named_sets(marking)
            verdict = "first" if truth == sets[0] else "among several" if truth in sets else "missed"
            counts[verdict] += 1
            if verdict == "missed":
                missed[f"{sorted(truth, key=str)} -> {marking.verdict} {sets[0]}"] += 1
            if marking.correct:
                counts["CALLED CORRECT"] += 1
    return counts, missed


def pairs_of_codes() -> Iterator[tuple[str, str]]:
    """Every two mistakes of the catalogue (kinks are none), also the same one in two variants."""
    return combinations_with_replacement([code for code in CODES if code != "dead-kink"], 2)


# -------------------------------------------------------------------------------- times
def times(repeats: int = 20) -> dict[str, float]:
    """Median seconds of a marking with pairs searched: 2-2-1, and three layers of 32 units."""
    nets = {
        "2-2-1": cr.Network(2, [cr.Dense(2, "sigmoid"), cr.Dense(1, "sigmoid")], loss="squared_error", seed=0),
        "32-32-32-32": cr.Network(32, [cr.Dense(32, "tanh"), cr.Dense(32, "relu"), cr.Dense(32, "sigmoid")], seed=0),
    }
    found = {}
    for name, net in nets.items():
        for kind in ("right", "single", "pair", "unknown"):
            found[f"{name}, {kind}"] = _median_time(net, kind, repeats)
    return found


def _median_time(net: cr.Network, kind: str, repeats: int) -> float:
    rng = np.random.default_rng(0)
    x, t = rng.normal(size=(16, net.inputs)), rng.random((16, net.outputs))
    s = run_forward(net.model, x, t, ETA)
    instances, taken = all_instances(s, CATALOGUE), []
    for _ in range(repeats):
        g = run_backward(s, {}).gradients
        if kind in ("single", "pair"):
            chosen = [instances[k] for k in rng.choice(len(instances), 1 if kind == "single" else 2, replace=False)]
            g = run_backward(s, changes_of(chosen)).gradients if compose(chosen) else g
        elif kind == "unknown":
            g = {name: rng.normal(size=value.shape) for name, value in g.items()}
        begun = time.perf_counter()
        mark_mistaken(net, s, g)
        taken.append(time.perf_counter() - begun)
    return float(np.median(taken))


# -------------------------------------------------------------------------------- picture
def draw(matrix: dict[str, Counter[str]], path: Path) -> None:
    """The confusion matrix: rows what was done, columns what was named."""
    import matplotlib as mpl

    mpl.use("svg")
    from matplotlib import pyplot as plt

    others = sorted({named for counts in matrix.values() for named in counts} - set(CODES))
    columns = [*CODES, *others]
    shares = np.array([[counts[c] / max(sum(counts.values()), 1) for c in columns] for counts in matrix.values()])
    figure, axes = plt.subplots(figsize=(10, 8), layout="constrained")
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    axes.set_xticks(range(len(columns)), columns, rotation=90, fontsize=7)
    axes.set_yticks(range(len(matrix)), list(matrix), fontsize=7)
    axes.set_xlabel("named")
    axes.set_ylabel("made")
    for i, j in np.argwhere(shares > 0):
        colour = "white" if shares[i, j] > 0.5 else "black"
        axes.text(j, i, f"{100 * shares[i, j]:.3g}", ha="center", va="center", fontsize=6, color=colour)
    axes.set_title("Mistakes made and mistakes named, in percent of random networks", fontsize=10)
    figure.savefig(path)
    plt.close(figure)


def main() -> None:
    """Run the parts that are asked for and print their figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=["singles", "right", "pairs", "times"], action="append")
    parser.add_argument("--networks", type=int, default=200)
    parser.add_argument("--pair-networks", type=int, default=20)
    parser.add_argument("--right", type=int, default=2000)
    parser.add_argument("--picture", type=Path, help="file to draw the confusion matrix to, such as marking.svg")
    wanted = parser.parse_args()
    parts = wanted.part or ["singles", "right", "pairs", "times"]
    if "singles" in parts:
        matrix = singles(wanted.networks)
        for code, counts in matrix.items():
            print(f"{code:35} {json.dumps(dict(counts.most_common()))}")
        if wanted.picture:
            draw(matrix, wanted.picture)
    if "right" in parts:
        print("right gradients:", dict(right(wanted.right)))
    if "pairs" in parts:
        counts, missed = pairs(wanted.pair_networks)
        print("pairs:", dict(counts))
        for told, number in missed.most_common(40):
            print(f"  {number} x {told}")
    if "times" in parts:
        for name, seconds in times().items():
            print(f"{name:24} {1000 * seconds:8.1f} ms")


if __name__ == "__main__":
    main()
