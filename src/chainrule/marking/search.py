"""Which recipe gives these numbers: the backward pass with every mistake tried at every place, from the top down.

A mistake at layer l changes the gradients of layer l and of those below, never those above. So the search goes down
layer by layer and keeps only what fits so far: of all pairs of mistakes only those are carried to the next layer
whose numbers in this one are right. Mistakes are counted by what was done: the same mistake at several layers is one.

A factor common to all gradients is not tried but solved for, at the first array that has one, and must then fit the
rest. Factors that losses differ by (2, N, K and their products) are a convention unless the loss is known to agree;
any other factor is named only when no two mistakes explain the numbers.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.layers import Record
from chainrule.marking import backward
from chainrule.marking.backward import Place
from chainrule.marking.constants import all_constants, constants
from chainrule.marking.forward_context import Site, Situation
from chainrule.marking.hypothesis import Hypothesis, agrees, comparable, factor_slip, free_factor, simplest
from chainrule.marking.mistake import Mistake, Slip, slips_in
from chainrule.marking.mistakes import FACTOR, SIGN
from chainrule.marking.tolerance import Tolerance

MOST = 3
"""How many mistakes together are looked for."""

WORK = 60_000
"""How many gradients of one layer are compared at most before the search ends."""


_NO_OTHER = 1e-6
"""A ratio this near to a known factor is no factor of its own."""


@dataclass(frozen=True, eq=False)
class Question:
    """What the search is asked.

    Attributes:
        s: the forward pass.
        given: by name, the learner's gradients; parameters that are not there are not compared.
        tolerance: how far they may be off.
        catalogue: the mistakes to look for.
        loss_agrees: whether the learner's loss is known to be this one; a factor is then a mistake.
        several: whether other inputs will be held against what is found: of a factor that may be 2 or the number of
            rows, each is then a hypothesis of its own.
    """

    s: Situation
    given: Mapping[str, Array]
    tolerance: Tolerance
    catalogue: Sequence[Mistake]
    loss_agrees: bool = False
    several: bool = False


@dataclass(frozen=True, eq=False)
class _Scale:
    """The factor of all gradients as far as it is known."""

    value: float
    slips: tuple[Slip, ...]
    unexplained: bool = False


Stage = tuple[int, bool]
"""How many different mistakes may be made, and whether an unexplained factor counts besides."""

RIGHT: Sequence[Stage] = ((0, False),)
SINGLE: Sequence[Stage] = (*RIGHT, (1, False))
PAIRS: Sequence[Stage] = (*SINGLE, (2, False))
RARE: Sequence[Stage] = ((0, True), (1, True), (MOST, False))
ALL: Sequence[Stage] = (*PAIRS, *RARE)


def search(
    question: Question,
    accept: Callable[[Hypothesis], bool] = lambda h: True,  # noqa: ARG005
    stages: Sequence[Stage] = ALL,
) -> list[Hypothesis]:
    """The simplest sets of mistakes that give the numbers; the first is the likeliest, none if nothing fits.

    Of two sets neither of which is simpler than the other in both the kinds of mistakes and the places, both are kept.
    ``accept`` says whether a set also fits what else is known; the stages are tried in turn until one finds something.
    """
    tree = _Tree(question)
    found: list[Hypothesis] = []
    for most, unexplained in stages:
        found = [h for h in tree.hypotheses(most, unexplained) if accept(h)]
        if found:
            break
    return simplest(found)


@dataclass(frozen=True, eq=False)
class _State:
    """What has been assumed on the way down: mistakes, and the factor of all gradients once one is known."""

    slips: tuple[Slip, ...]
    scale: _Scale | None = None

    def with_slips(self, more: tuple[Slip, ...]) -> "_State":
        """With more mistakes."""
        return _State(self.slips + more, self.scale) if more else self


class _Tree:
    """The search's walk down the layers."""

    def __init__(self, question: Question) -> None:
        self.q = question
        self.s = question.s
        self.options = slips_in(self.s, [m for m in question.catalogue if m.place not in ("sign", "factor")])
        self.work = WORK
        self.most = 0
        self.unexplained = False
        self.known = _known_scales(question)

    def hypotheses(self, most: int, unexplained: bool) -> list[Hypothesis]:
        """All that fit with at most so many different mistakes (an unexplained factor counts besides)."""
        self.most, self.unexplained = most, unexplained
        found = []
        for dy, slips in self._tops():
            found += [self._finished(state) for state in self._descend(self.s.top, dy, _State(slips))]
        return [h for h in found if not unexplained or any(slip.mistake is FACTOR for slip in h.slips)]

    def _tops(self) -> Iterator[tuple[Array, tuple[Slip, ...]]]:
        """Every dE/dy to begin with."""
        for first in self._options("start", 0, ()):
            dy = backward.start(self.s, _change(first))
            for second in self._options("rows", 0, first):
                yield backward.rows(self.s, dy, _change(second)), first + second

    def _finished(self, state: _State) -> Hypothesis:
        slips, scale = state.slips, state.scale
        if scale is None:
            return Hypothesis(slips)
        convention = [slip for slip in scale.slips if slip.mistake is FACTOR and not scale.unexplained]
        if self.q.loss_agrees or not convention:
            return Hypothesis(scale.slips + slips)
        return Hypothesis(tuple(slip for slip in scale.slips if slip not in convention) + slips, convention[0])

    # ------------------------------------------------------------------ what may be done at a place
    def _options(self, place: Place, l: int, slips: tuple[Slip, ...]) -> Iterator[tuple[Slip, ...]]:
        """The right way first (no slip), then each mistake that the budget allows."""
        yield ()
        done = {slip.what for slip in slips if slip.mistake.kind == "mistake"}
        for slip in self.options.get((place, l), ()):
            if slip.mistake.kind == "kink" or slip.what in done or len(done) < self.most:
                yield (slip,)

    def _affordable(self, slips: tuple[Slip, ...], scale: _Scale | None) -> bool:
        """Whether this many mistakes may be made; an unexplained factor has a place of its own in the order."""
        paid = () if scale is None else tuple(slip for slip in scale.slips if self._costs(slip, scale))
        done = {slip.what for slip in slips + paid if slip.mistake.kind == "mistake"}
        return len(done) <= self.most

    def _costs(self, slip: Slip, scale: _Scale) -> bool:
        return slip.mistake is not FACTOR or (self.q.loss_agrees and not scale.unexplained)

    # ------------------------------------------------------------------ one layer, and the ones below
    def _descend(self, at: Site, da: Array, state: _State) -> Iterator[_State]:
        """All ways to go on from ``da`` at this layer that fit the numbers from here down."""
        plain = backward.delta(at, da, None)
        for bent in self._options("delta", at.l, state.slips):
            d = backward.delta(at, da, _change(bent))
            if bent and _same(d, plain):
                continue  # a mistake that changes nothing here explains nothing
            for own, after in self._own_gradients(at, d, da, state.with_slips(bent)):
                if at.l == 1:
                    yield after
                    continue
                for lower, turned in self._ways_down(at, d, own, after):
                    yield from self._descend(self.s.sites[at.l - 2], lower, turned)

    def _ways_down(self, at: Site, d: Array, own: Record, state: _State) -> Iterator[tuple[Array, _State]]:
        """What the layer below is given. Updated weights depend on the factor of all gradients: it is fixed here."""
        straight = backward.down(at, d, own, None)
        yield straight, state
        for turned in self._options("down", at.l, state.slips):
            change = _change(turned)
            if change is None:
                continue
            once, twice = change(at, d, own), change(at, d, _times(2.0, own))
            scales = [state.scale] if state.scale is not None or _same(once, twice) else self.known
            for scale in scales:
                lower = once if scale is None else change(at, d, _times(scale.value, own))
                if not _same(lower, straight):
                    yield lower, _State(state.slips + turned, scale)

    def _own_gradients(self, at: Site, d: Array, da: Array, state: _State) -> Iterator[tuple[Record, _State]]:
        """This layer's gradients, made in every way that fits."""
        others = backward.fixed(at, d)
        for W, weighed in self._weights(at, d, da, state):
            for b, biased in self._bias(at, d, da, weighed):
                own = others | W | b
                for scaled in self._options("update", at.l, biased.slips):
                    mutant = backward.update(at, own, _change(scaled))
                    for fitting in self._scaled(at, mutant, biased.with_slips(scaled)):
                        yield backward.in_shape(at, mutant), fitting

    def _weights(self, at: Site, d: Array, da: Array, state: _State) -> Iterator[tuple[Record, _State]]:
        """The ways to make dW whose numbers are the given ones up to a factor."""
        key = at.weights_key
        if key is None:
            yield {}, state
            return
        plain = backward.weights(at, backward.input_of(at, None), d, da, None)
        if at.name(key) not in self.q.given:
            yield {key: plain}, state
            return
        for fed in self._options("input", at.l, state.slips):
            source = backward.input_of(at, _change(fed))
            for wrong in self._options("weights", at.l, state.slips + fed):
                value = backward.weights(at, source, d, da, _change(wrong))
                changed = not (fed or wrong) or not _same(value, plain)
                if changed and self._is_proportional(at.name(key), value, state.scale):
                    yield {key: value}, state.with_slips(fed + wrong)

    def _bias(self, at: Site, d: Array, da: Array, state: _State) -> Iterator[tuple[Record, _State]]:
        """The ways to make db whose numbers are the given ones up to a factor."""
        key = at.bias_key
        if key is None:
            yield {}, state
            return
        plain = np.asarray(backward.bias(at, d, da, None))
        if at.name(key) not in self.q.given:
            yield {key: plain}, state
            return
        for wrong in self._options("bias", at.l, state.slips):
            value = np.asarray(backward.bias(at, d, da, _change(wrong)))
            changed = not wrong or not _same(value, plain)
            if changed and self._is_proportional(at.name(key), value, state.scale):
                yield {key: value}, state.with_slips(wrong)

    # ------------------------------------------------------------------ does it fit
    def _is_proportional(self, name: str, mutant: Array, scale: _Scale | None) -> bool:
        """Whether a gradient is the given one up to a factor: most mutants end here."""
        self.work -= 1
        given = self.q.given[name]
        if self.work < 0 or not comparable(given, mutant):
            return False
        ratio = _ratio(given, mutant)
        size = float(np.abs(mutant).max(initial=0.0)) * max(abs(ratio), 1.0 if scale is None else abs(scale.value))
        allowed = float(np.max(self.q.tolerance.allowed(name, size)))
        return float(np.abs(given - ratio * mutant).max(initial=0.0)) <= allowed * max(given.size, 1) ** 0.5

    def _scaled(self, at: Site, mutant: Record, state: _State) -> Iterator[_State]:
        """With the factor that makes all this layer's gradients the given ones; none if there is no such factor."""
        pairs = [(at.name(key), value) for key, value in mutant.items() if at.name(key) in self.q.given]
        scales = [state.scale]
        for name, value in pairs:
            scales = [known for scale in scales for known in self._scales(name, value, scale)]
        for scale in scales:
            if self._affordable(state.slips, scale):
                yield _State(state.slips, scale)

    def _scales(self, name: str, mutant: Array, scale: _Scale | None) -> Iterator[_Scale | None]:
        """The factors with which a mutant fits: 1 alone if it does, else a known one, else the ratio itself."""
        given, tolerance = self.q.given[name], self.q.tolerance
        if scale is not None:
            if agrees(given, mutant, scale.value, tolerance, name):
                yield scale
            return
        size = float(np.abs(mutant).max(initial=0.0))
        if size <= np.max(tolerance.absolute[name]):
            if agrees(given, mutant, 1.0, tolerance, name):
                yield None
            return
        ratio = _ratio(given, mutant)
        rounded = float(np.max(tolerance.allowed(name, size * abs(ratio)))) / size
        for known in self.known:
            near = abs(known.value - ratio) <= 4 * rounded + 1e-12
            if near and agrees(given, mutant, known.value, tolerance, name):
                yield known
                if known.value == 1 and not known.slips:
                    return
        if self._may_be_free(ratio, rounded) and agrees(given, mutant, ratio, tolerance, name):
            yield _Scale(ratio, (free_factor(ratio),), unexplained=True)

    def _may_be_free(self, ratio: float, rounded: float) -> bool:
        """Whether a ratio may be a factor of its own; a known factor that does not fit is not bent until it does."""
        if not self.unexplained or sum(np.count_nonzero(value) for value in self.q.given.values()) < 3:
            return False  # one number gives the ratio, and others must confirm it
        known = any(abs(known.value - ratio) <= _NO_OTHER * abs(ratio) for known in self.known)
        return not known and abs(ratio) > 10 * rounded


def _ratio(given: Array, mutant: Array) -> float:
    """The factor that brings the mutant nearest to the given numbers; 0 if the mutant is nothing but zeros."""
    size = float(np.abs(mutant).max(initial=0.0))
    if size == 0:
        return 0.0
    unit = mutant / size  # so that squares do not overflow
    return float((given * unit).sum() / (unit * unit).sum()) / size


def _known_scales(q: Question) -> list[_Scale]:
    """1, -1, then the constants by which losses differ and their negatives; the simplest first."""
    codes = {mistake.code for mistake in q.catalogue}
    flip = Slip(SIGN, "", next(iter(SIGN.variants(q.s))).change, 0)
    scales = []
    named = all_constants(q.s) if q.several else constants(q.s)
    for name, value in named.items():
        factor = () if name == "1" else (factor_slip(q.s, name, alone=q.several),)
        if not factor or FACTOR.code in codes:
            scales.append(_Scale(value, factor))
            if SIGN.code in codes:
                scales.append(_Scale(-value, (flip, *factor)))
    return sorted(scales, key=lambda scale: len(scale.slips))


def _times(factor: float, own: Record) -> Record:
    return {key: factor * value for key, value in own.items()}


def _change(slips: tuple[Slip, ...]) -> backward.Change | None:
    return slips[0].change if slips else None


def _same(one: Array, other: Array) -> bool:
    """Equal up to float64's rounding: what a mistake did cannot be seen."""
    if one.shape != other.shape:
        return False
    return bool(np.abs(one - other).max(initial=0.0) <= 1e-13 * np.abs(other).max(initial=0.0))
