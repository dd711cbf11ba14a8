"""ReLU units that are off on every row: their slope is 0 everywhere, so no row can change their weights.

Maas, Hannun & Ng 2013, ICML (leaky units); Lu, Shin, Su & Karniadakis 2020, Dying ReLU and initialization.
"""

from dataclasses import dataclass

from chainrule.diagnosis import remedies
from chainrule.diagnosis.dead_units import DeadUnit, blind_rows, dead_by_layer, trace_dead_units
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.rule import Remedy, Rule, Suspicion

MOST_SHOWN = 4


@dataclass(frozen=True)
class DeadUnits:
    """Which units are off.

    Attributes:
        dead: by layer, the units that are off on every row at the end.
        dead_at_start: the same before training.
        blind: by layer, the rows on which the whole layer is off.
        traced: for each dead unit when and how it died.
    """

    dead: dict[int, list[int]]
    dead_at_start: dict[int, list[int]]
    blind: dict[int, list[int]]
    traced: list[DeadUnit]


def measure(run: Measurements) -> DeadUnits | None:
    """For networks with units that can be off."""
    dead, blind = dead_by_layer(run, run.end), blind_rows(run, run.end)
    if not dead and not blind:
        return None
    return DeadUnits(dead, dead_by_layer(run, run.start), blind, trace_dead_units(run))


def judge(found: DeadUnits, run: Measurements) -> Suspicion | None:
    """Dead units, or rows on which a whole layer is off."""
    units = run.case.chain.units
    evidence = {
        "dead": found.dead, "dead_from_the_start": found.dead_at_start, "rows_on_which_a_layer_is_off": found.blind,
        "deaths": [unit.to_dict() for unit in found.traced],
    }  # fmt: skip
    if not found.dead:
        l, rows = next(iter(found.blind.items()))
        many = f"{len(rows)} of {len(run.rows.x)} rows (row {rows[0]}{' first' if len(rows) > 1 else ''})"
        explanation = (
            f"On {many} every unit of layer {l} is off, so these rows do not train the layers up to {l}. The other "
            "rows do."
        )
        return Suspicion("dead-units", "note", "exact", evidence, explanation, (_leaky([l]),), order=31)
    count = sum(map(len, found.dead.values()))
    where = " and ".join(f"{len(dead)} of {units[l]} units of layer {l}" for l, dead in found.dead.items())
    stories = ". ".join(str(unit) for unit in found.traced[:MOST_SHOWN])
    more = f"; and {count - MOST_SHOWN} more" if count > MOST_SHOWN else ""
    explanation = (
        f"{where} {'are' if count > 1 else 'is'} off on every row: with slope 0 everywhere no gradient reaches their "
        f"weights. {stories}{more}."
    )
    tried = [_leaky(list(found.dead)), *_redraw(run, found)]
    if found.dead_at_start:
        tried.reverse()
    mostly_from_the_start = any(len(dead) >= 0.5 * units[l] for l, dead in found.dead_at_start.items())
    whole_layer = any(len(dead) == units[l] for l, dead in found.dead.items())
    return Suspicion(
        "dead-units", "error" if whole_layer else "warning", "exact", evidence, explanation, tuple(tried),
        order=30 if mostly_from_the_start else 44,
    )  # fmt: skip


def _leaky(layers: list[int]) -> Remedy:
    text = f"activation 'leaky_relu' in layer{'s' * (len(layers) > 1)} {', '.join(map(str, layers))}"
    return remedies.activations(text, dict.fromkeys(layers, "leaky_relu"))


def _redraw(run: Measurements, found: DeadUnits) -> list[Remedy]:
    """New random weights for the layers that begin with dead units."""
    if not found.dead_at_start:
        return []
    layers = sorted(found.dead_at_start)
    text = f"weights of layers {', '.join(map(str, layers))} drawn afresh, biases 0"
    return [remedies.vector(text, remedies.redrawn(run.case, layers))]


RULE = Rule("dead-units", "Maas, Hannun & Ng 2013; Lu et al. 2020", measure, judge)
