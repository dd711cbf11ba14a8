"""Units of ReLU that are off on every row: their slope is 0 everywhere, so no row can change their weights.

Maas, Hannun & Ng 2013, ICML (leaky units); Lu, Shin, Su & Karniadakis 2020, Dying ReLU and initialization.
"""

from dataclasses import dataclass

from chainrule.diagnosis import remedies
from chainrule.diagnosis.dead_units import Death, blind_rows, dead_by_layer, trace_deaths
from chainrule.diagnosis.measurements import Readings
from chainrule.diagnosis.result import Remedy, Rule, Suspicion

MOST_TOLD = 4


@dataclass(frozen=True)
class Measured:
    """Who is off.

    Attributes:
        dead: by layer, the units that are off on every row in the end.
        begun: the same before training.
        blind: by layer, the rows on which the whole layer is off.
        deaths: each dead unit's story.
    """

    dead: dict[int, list[int]]
    begun: dict[int, list[int]]
    blind: dict[int, list[int]]
    deaths: list[Death]


def measure(r: Readings) -> Measured | None:
    """For networks with units that can be off."""
    dead, blind = dead_by_layer(r, r.end), blind_rows(r, r.end)
    if not dead and not blind:
        return None
    return Measured(dead, dead_by_layer(r, r.start), blind, trace_deaths(r))


def judge(m: Measured, r: Readings) -> Suspicion | None:
    """Dead units, or rows that a whole layer is blind to."""
    units = r.case.chain.units
    evidence = {
        "dead": m.dead, "dead_from_the_start": m.begun, "rows_on_which_a_layer_is_off": m.blind,
        "deaths": [death.told for death in m.deaths],
    }  # fmt: skip
    if not m.dead:
        l, rows = next(iter(m.blind.items()))
        many = f"{len(rows)} of {len(r.rows.x)} rows (row {rows[0]}{' first' if len(rows) > 1 else ''})"
        told = (
            f"On {many} every unit of layer {l} is off, so these rows teach the layers up to {l} nothing. The "
            "other rows "
            "do."
        )
        return Suspicion("dead-units", "note", "exact", evidence, told, _leaky(r, [l]), order=31)
    count = {l: f"{len(found)} of {units[l]} units of layer {l}" for l, found in m.dead.items()}
    stories = ". ".join(str(death) for death in m.deaths[:MOST_TOLD])
    more = sum(map(len, m.dead.values())) - MOST_TOLD
    told = (
        f"{' and '.join(count.values())} {'are' if sum(map(len, m.dead.values())) > 1 else 'is'} off on every "
        "row: with "
        f"slope 0 everywhere no gradient reaches their weights. {stories}{f'; and {more} more' if more > 0 else ''}."
    )
    tried = [*_leaky(r, list(m.dead)), *_redraw(r, m)]
    begun_dead = any(len(found) >= 0.5 * units[l] for l, found in m.begun.items())
    whole = any(len(found) == units[l] for l, found in m.dead.items())
    if m.begun:
        tried.reverse()
    return Suspicion(
        "dead-units",
        "error" if whole else "warning",
        "exact",
        evidence,
        told,
        tuple(tried),
        order=30 if begun_dead else 44,
    )


def _leaky(r: Readings, layers: list[int]) -> tuple[Remedy, ...]:
    del r
    text = f"activation 'leaky_relu' in layer{'s' * (len(layers) > 1)} {', '.join(map(str, layers))}"
    return (remedies.activations(text, dict.fromkeys(layers, "leaky_relu")),)


def _redraw(r: Readings, m: Measured) -> list[Remedy]:
    """Weights and biases of the layers that begin with dead units, drawn afresh."""
    if not m.begun:
        return []
    layers = sorted(m.begun)
    text = f"weights of layers {', '.join(map(str, layers))} drawn afresh, biases 0"
    return [remedies.vector(text, remedies.redrawn(r.case, layers))]


RULE = Rule("dead-units", "Maas, Hannun & Ng 2013; Lu et al. 2020", measure, judge)
