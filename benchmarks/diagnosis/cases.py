"""Every case of the benchmark, from seeds fixed here; and the search that makes sure that each is what it is called.

A case's generator is seeded by part, kind, code, number and attempt. The first attempt that passes all checks is the
case. ``cases.json`` keeps which attempt that was, so that a run need not search again; ``--search`` does so.
"""

import json
from collections import Counter
from dataclasses import asdict, dataclass, field, replace
from functools import reduce
from operator import and_
from pathlib import Path

import numpy as np
from bases import Needs, draw, healthy, sound
from facts import constant, dead, facts, gradient_norms, saturated
from faults import CODES, FAULTS, bound_of_conflicts
from setups import Outcome, Setup, clearly_better, train
from truth import ALSO_TRUE, PAIRS, also_true, is_falling

SEEDS = {"tuning": 20_250_601, "held": 20_250_602}
"""The parts; the rules may be tuned on the first, and are judged on the second."""

SINGLES, PAIRED, HEALTHY = 11, 50, 100
"""Of each part: runs of each code, runs with two faults, healthy runs."""

MOST_ATTEMPTS = 100
KEPT = Path(__file__).with_name("cases.json")
_KINDS = ("single", "pair", "healthy")


@dataclass
class Case:
    """One run of the benchmark.

    Attributes:
        part, kind, name, number: which: "tuning" or "held"; "single", "pair" or "healthy"; code, pair or "".
        attempt: which draw it is.
        rejected: why earlier draws were not taken, counted.
        facts: what was measured on it, for ``truth.py``.
        shortfall, control: of the run, and of the same run without the fault.
    """

    part: str
    kind: str
    name: str
    number: int
    attempt: int = -1
    rejected: dict[str, int] = field(default_factory=dict)
    facts: list[str] = field(default_factory=list)
    shortfall: float = 0.0
    control: float = 0.0

    @property
    def key(self) -> str:
        """Its name for people."""
        return "/".join(part for part in (self.part, self.kind, self.name, str(self.number)) if part)

    @property
    def planted(self) -> tuple[str, ...]:
        """The codes."""
        return tuple(self.name.split(" + ")) if self.name else ()

    @property
    def true(self) -> frozenset[str]:
        """All codes that hold."""
        return frozenset(self.planted) | also_true(self.planted, self.facts)

    def seed(self, *more: int) -> list[int]:
        """Of a generator."""
        place = 0 if not self.planted else CODES.index(self.planted[0])
        return [SEEDS[self.part], _KINDS.index(self.kind), place, self.number, self.attempt, *more]

    def base(self) -> Setup:
        """The run without the fault."""
        wanted = [FAULTS[code].needs for code in self.planted] or [Needs()]
        needs = reduce(and_, wanted)
        assert needs.possible, self.name
        return draw(np.random.default_rng(self.seed()), needs)

    def planted_in(self, setup: Setup, codes: tuple[str, ...]) -> Setup | None:
        """The run with some of its faults."""
        for code in codes:
            spoilt = FAULTS[code].plant(np.random.default_rng(self.seed(1 + self.planted.index(code))), setup)
            if spoilt is None:
                return None
            setup = spoilt
        return setup

    def setup(self) -> Setup:
        """The run as a diagnosis is shown it."""
        made = self.planted_in(self.base(), self.planted)
        assert made is not None
        return made


def all_cases(part: str) -> list[Case]:
    """Of a part, not yet searched, in an order of which every beginning holds all kinds."""
    singles = [Case(part, "single", code, number) for number in range(SINGLES) for code in CODES]
    pairs = [Case(part, "pair", " + ".join(PAIRS[number % len(PAIRS)]), number) for number in range(PAIRED)]
    healthy = [Case(part, "healthy", "", number) for number in range(HEALTHY)]
    kinds = [(k / len(kind), case) for kind in (singles, pairs, healthy) for k, case in enumerate(kind)]
    return [case for _, case in sorted(kinds, key=lambda pair: pair[0])]


# -------------------------------------------------------------------------------- the search
def search(case: Case) -> Case:
    """The case at its first attempt that is what it is called."""
    rejected: Counter[str] = Counter()
    for attempt in range(MOST_ATTEMPTS):
        tried = replace(case, attempt=attempt)
        why = _try_healthy(tried) if case.kind == "healthy" else _try_spoilt(tried)
        if not why:
            return replace(tried, rejected=dict(rejected))
        rejected[why] += 1
    raise RuntimeError(f"no {case.key} in {MOST_ATTEMPTS} attempts: {dict(rejected)}")


def _try_healthy(case: Case) -> str:
    """Why it is not; empty if it is."""
    outcome, why = healthy(case.base())
    case.shortfall = case.control = outcome.shortfall
    return f"not healthy: {why}" if why else ""


def _try_spoilt(case: Case) -> str:
    """Why it is not what it is called; empty if it is."""
    base = case.base()
    control, why = sound(base)
    if why:
        return "no sound run to plant it in"
    spoilt = case.planted_in(base, case.planted)
    if spoilt is None:
        return "cannot be planted"
    outcome = train(spoilt)
    case.shortfall, case.control = outcome.shortfall, control.shortfall
    for code in case.planted if len(case.planted) > 1 else ():
        single = case.planted_in(base, (code,))
        if single is None or not clearly_better(control.shortfall, train(single).shortfall):
            return "one of two does not hurt by itself"
    if why := does_not_hurt(case, base, control, spoilt, outcome):
        return why
    for code in case.planted:
        if code in CONSTRUCTION and not CONSTRUCTION[code](base, spoilt, outcome):
            return "not by construction"
    case.facts = facts(spoilt, outcome)
    if any("falling" in ALSO_TRUE[code].values() for code in case.planted) and is_falling(spoilt, outcome.shortfall):
        case.facts.append("falling")
    return ""


def does_not_hurt(case: Case, base: Setup, control: Outcome, spoilt: Setup, outcome: Outcome) -> str:
    """The criterion: without the fault the shortfall is at most half and at least 0.1 lower; empty if so.

    Overfitting is judged on validation rows: the last loss is 1.5 times the lowest, and 1.5 times the last loss of the
    same run on all rows.
    """
    if case.planted == ("overfitting",):
        whole = train(replace(spoilt, x=base.x, t=base.t, x_raw=base.x_raw))
        if whole.diverged or outcome.diverged or outcome.validation_rises < 1.5:
            return "does not hurt"
        hurts = outcome.history.validation_losses[-1] >= 1.5 * whole.history.validation_losses[-1]
        return "" if hurts else "does not hurt"
    return "" if clearly_better(control.shortfall, outcome.shortfall) else "does not hurt"


# -------------------------------------------------------------------------------- by construction
def _gradient_grew(base: Setup, spoilt: Setup, _: Outcome) -> bool:
    """30 times that of the sound run, at the start."""
    sound, now = gradient_norms(base.network(), base), gradient_norms(spoilt.network(), spoilt)
    return bool(not np.isfinite(now).all() or now.max() > 30 * sound.max())


def _gradient_shrank(base: Setup, spoilt: Setup, _: Outcome) -> bool:
    """A hundredth of the last layer's at the first, at the start, and not in the sound run."""
    sound, now = gradient_norms(base.network(), base), gradient_norms(spoilt.network(), spoilt)
    return bool(now[0] < 0.01 * now[-1] and now[0] / now[-1] < 0.1 * sound[0] / sound[-1])


def _no_start_is_better(_: Setup, spoilt: Setup, outcome: Outcome) -> bool:
    """Too few units, not a bad start."""
    others = (train(replace(spoilt, net_seed=spoilt.net_seed + k)).shortfall for k in (10_000, 20_000))
    return not any(clearly_better(other, outcome.shortfall) for other in others)


def _a_hundred_times_smaller(_: Setup, spoilt: Setup, outcome: Outcome) -> bool:
    """A rate of a hundredth is no cure: the overflow is in the first pass."""
    return outcome.diverged and not outcome.history.losses and train(spoilt.with_rate(spoilt.rate / 100)).diverged


def _starts_dead(base: Setup, spoilt: Setup, _: Outcome) -> bool:
    """Before training, and without the fault not."""
    return dead(spoilt.network(), spoilt) and not dead(base.network(), base)


def _starts_saturated(_: Setup, spoilt: Setup, __: Outcome) -> bool:
    """Before training."""
    return saturated(spoilt.network(), spoilt)


def _ends_constant(_: Setup, spoilt: Setup, outcome: Outcome) -> bool:
    """After training."""
    return constant(outcome.net, spoilt)


def _rests(_: Setup, spoilt: Setup, outcome: Outcome) -> bool:
    """Three times the epochs are no way out; that the gradient is small and nothing curves down was seen to before."""
    return not is_falling(spoilt, outcome.shortfall)


def _conflicts_bound_it(_: Setup, spoilt: Setup, __: Outcome) -> bool:
    """No function gets below a tenth."""
    return bound_of_conflicts(spoilt) >= 0.1


CONSTRUCTION = {
    "dead-units": _starts_dead,
    "saturated-units": _starts_saturated,
    "vanishing-gradient": _gradient_shrank,
    "exploding-gradient": _gradient_grew,
    "constant-output": _ends_constant,
    "underfitting": _no_start_is_better,
    "non-finite": _a_hundred_times_smaller,
    "local-minimum": _rests,
    "duplicate-or-conflicting-rows": _conflicts_bound_it,
}
"""By code, what must hold beside the control."""


# -------------------------------------------------------------------------------- keeping
def read() -> dict[str, Case]:
    """The cases that were found before."""
    if not KEPT.exists():
        return {}
    return {case.key: case for case in (Case(**fields) for fields in json.loads(KEPT.read_text()))}


def write(cases: dict[str, Case]) -> None:
    """Keep them, one a line."""
    lines = [json.dumps({name: _short(value) for name, value in asdict(case).items()}) for case in cases.values()]
    KEPT.write_text("[\n" + ",\n".join(lines) + "\n]\n")


def _short(value: object) -> object:
    return round(value, 4) if isinstance(value, float) else value
