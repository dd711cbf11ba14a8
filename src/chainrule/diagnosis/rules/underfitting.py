"""A network too small for its task: it cannot even fit a handful of rows.

The test of overfitting a tiny batch: Karpathy 2019, A recipe for training neural networks; CS231n notes, section
"sanity checks".
"""

from dataclasses import dataclass, replace

import numpy as np

from chainrule.core.initializers import suited_to
from chainrule.core.layers import Dense
from chainrule.diagnosis.case import Case
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.rule import Remedy, Rule, Suspicion
from chainrule.diagnosis.runs import train
from chainrule.diagnosis.score import LOST
from chainrule.optimizers import Adam
from chainrule.training import Data

TINY = 16
TINY_EPOCHS = 400
UNFITTED = 0.08
UNFITTED_TINY = 0.02
SMALL_UNITS = 8


@dataclass(frozen=True)
class TinyBatchFit:
    """The remaining loss of the run, and of a run on a few rows alone.

    Attributes:
        remaining_loss: of the run.
        tiny_rows: how many rows were tried alone.
        tiny_loss: the remaining loss after training on them alone.
        hidden: units of the hidden layers.
    """

    remaining_loss: float
    tiny_rows: int
    tiny_loss: float
    hidden: list[int]


def measure(run: Measurements) -> TinyBatchFit | None:
    """For runs that did not diverge and leave much of the loss."""
    if run.training.error is not None or run.remaining_loss < UNFITTED or not run.hidden:
        return None
    rows = min(TINY, run.case.rows)
    chosen = np.linspace(0, run.case.rows - 1, rows).astype(int)
    w = run.case.data.weights
    data = Data(run.case.data.x[chosen], run.case.data.t[chosen], None if w is None else w[chosen])
    settings = replace(
        run.case.settings, epochs=TINY_EPOCHS, batch_size=None, optimizer=Adam(0.03), l1=0.0, l2=0.0, patience=None,
        clip_norm=None, clip_value=None,
    )  # fmt: skip
    tiny = replace(run.case, data=data, validation=None, settings=settings, original_t=run.case.truth[chosen])
    trained = train(tiny)
    left = LOST if trained.error is not None else run.score.remaining_loss(tiny, trained.model)
    return TinyBatchFit(run.remaining_loss, rows, left, [run.case.chain.units[l] for l in run.hidden])


def judge(found: TinyBatchFit, run: Measurements) -> Suspicion | None:
    """A tiny batch cannot be fitted, or the network is small and much of the loss is left."""
    all_rows = found.tiny_rows == run.case.rows
    if not (
        found.tiny_loss > UNFITTED_TINY
        or (max(found.hidden) <= SMALL_UNITS and found.remaining_loss > 0.1 and not all_rows)
    ):
        return None
    alone = f"trained on {found.tiny_rows} rows alone the network leaves {found.tiny_loss:.1%}"
    also = f", and even {alone}:" if found.tiny_loss > UNFITTED_TINY else f"; {alone}, but for all rows"
    explanation = (
        f"The run leaves {found.remaining_loss:.0%} of {run.score.training.unit}{also} "
        f"{', '.join(map(str, found.hidden))} hidden unit{'s' * (max(found.hidden) > 1)} may be too few for these "
        "targets. Give it more units."
    )
    wider = [max(8 * units, 32) for units in found.hidden]
    wide = f"hidden layers of {', '.join(map(str, wider))} units"
    deep = f"hidden layers of {', '.join(map(str, [*wider, 32]))} units"
    tried = (
        Remedy(wide, {"net": wide}, lambda case: _wider(case, run.hidden, wider, wide)),
        Remedy(deep, {"net": deep}, lambda case: _wider(case, run.hidden, wider, deep, more=32)),
    )
    evidence = {
        "left": found.remaining_loss, "tiny_rows": found.tiny_rows, "tiny_left": found.tiny_loss,
        "hidden": found.hidden,
    }  # fmt: skip
    return Suspicion(
        "underfitting", "warning", "rule of thumb", evidence, explanation, tried, order=60, must_generalize=True,
        follows="if suspected at first",
    )  # fmt: skip


def _wider(case: Case, hidden: list[int], units: list[int], text: str, more: int = 0) -> Case:
    """Hidden layers of other widths with new random weights; one more after them if ``more`` is not 0."""
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
