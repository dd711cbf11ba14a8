"""A network too small for its task: even a handful of rows cannot be fitted to nothing.

The test of overfitting a tiny batch: Karpathy 2019, A recipe for training neural networks; CS231n notes, section
"sanity checks".
"""

from dataclasses import dataclass, replace

import numpy as np

from chainrule.core.initializers import suited_to
from chainrule.core.layers import Dense
from chainrule.diagnosis.case import Case
from chainrule.diagnosis.measurements import Readings
from chainrule.diagnosis.result import Remedy, Rule, Suspicion
from chainrule.diagnosis.runs import run
from chainrule.optimizers import Adam
from chainrule.training import Data

TINY = 16
TINY_EPOCHS = 400
UNFITTED = 0.08
UNFITTED_TINY = 0.02
SMALL_UNITS = 8


@dataclass(frozen=True)
class Measured:
    """What is left, and of a tiny batch.

    Attributes:
        left: of the whole run.
        tiny_rows: how many rows were tried alone.
        tiny_left: what was left of them after training on them alone.
        hidden: units of the hidden layers.
    """

    left: float
    tiny_rows: int
    tiny_left: float
    hidden: list[int]


def measure(r: Readings) -> Measured | None:
    """For runs that ended in good order and leave much."""
    if r.ran.error is not None or r.left < UNFITTED or not r.hidden:
        return None
    rows = min(TINY, r.case.rows)
    chosen = np.linspace(0, r.case.rows - 1, rows).astype(int)
    w = r.case.data.weights
    data = Data(r.case.data.x[chosen], r.case.data.t[chosen], None if w is None else w[chosen])
    settings = replace(
        r.case.settings, epochs=TINY_EPOCHS, batch_size=None, optimizer=Adam(0.03), l1=0.0, l2=0.0, patience=None,
        clip_norm=None, clip_value=None,
    )  # fmt: skip
    tiny = replace(r.case, data=data, held=None, settings=settings, original_t=r.case.truth[chosen])
    ran = run(tiny)
    left = 10.0 if ran.error is not None else r.yard.left(tiny, ran.kept)
    return Measured(r.left, rows, left, [r.case.chain.units[l] for l in r.hidden])


def judge(m: Measured, r: Readings) -> Suspicion | None:
    """A tiny batch resists, or the network is small and most of the loss is left."""
    all_rows = m.tiny_rows == r.case.rows
    if not (m.tiny_left > UNFITTED_TINY or (max(m.hidden) <= SMALL_UNITS and m.left > 0.1 and not all_rows)):
        return None
    alone = f"trained on {m.tiny_rows} rows alone the network leaves {m.tiny_left:.1%}"
    also = f", and even {alone}:" if m.tiny_left > UNFITTED_TINY else f"; {alone}, but for all rows"
    told = (
        f"The run leaves {m.left:.0%} of {r.yard.training.unit}{also} {', '.join(map(str, m.hidden))} hidden unit"
        f"{'s' * (max(m.hidden) > 1)} may be too few for these targets. Give it more units."
    )
    wider = [max(8 * units, 32) for units in m.hidden]
    wide = f"hidden layers of {', '.join(map(str, wider))} units"
    deep = f"hidden layers of {', '.join(map(str, [*wider, 32]))} units"
    tried = (
        Remedy(wide, {"net": wide}, lambda case: _wider(case, r.hidden, wider, wide)),
        Remedy(deep, {"net": deep}, lambda case: _wider(case, r.hidden, wider, deep, more=32)),
    )
    return Suspicion("underfitting", "warning", "rule of thumb", dict(vars(m)), told, tried, order=60)


def _wider(case: Case, hidden: list[int], units: list[int], text: str, more: int = 0) -> Case:
    """Hidden layers of other widths, drawn afresh, and perhaps one more on top of them."""
    layers = list(case.chain.layers)
    for l, count in zip(hidden, units, strict=True):
        layer = layers[l - 1]
        assert isinstance(layer, Dense)
        layers[l - 1] = _of_width(layer, count)
    if more:
        last = layers[hidden[-1] - 1]
        assert isinstance(last, Dense)
        layers.insert(hidden[-1], _of_width(last, more))
    return case.with_layers(text, tuple(layers), keep=False)


def _of_width(layer: Dense, units: int) -> Dense:
    return Dense(units, layer.activation, bias=layer.bias, init=suited_to(layer.activation))


RULE = Rule("underfitting", "Karpathy 2019", measure, judge)
