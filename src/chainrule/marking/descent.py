"""The search from the top layer down: what does not fit is dropped before the layers below are tried.

A mistake at layer l changes the gradients of layer l and of those below, never those above. So the search goes down
layer by layer and keeps only what fits so far: of all pairs of mistakes, only those whose numbers are right in this
layer are carried to the next.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.layers import Record
from chainrule.marking import backward
from chainrule.marking.agreement import comparable
from chainrule.marking.backward import Place
from chainrule.marking.forward_context import ForwardContext, LayerContext
from chainrule.marking.hypothesis import Hypothesis
from chainrule.marking.instance import MistakeInstance, instances_by_place
from chainrule.marking.mistake import Mistake
from chainrule.marking.mistakes import FACTOR
from chainrule.marking.scales import Scale, ScaleFit, known_scales
from chainrule.marking.tolerance import Tolerance

MOST = 3
"""How many mistakes together are looked for."""

WORK = 60_000
"""How many gradients of one layer are compared at most before the search ends."""


@dataclass(frozen=True, eq=False)
class SearchProblem:
    """What is searched.

    Attributes:
        forward: the forward pass.
        given: the learner's gradients by name; parameters that are not there are not compared.
        tolerance: how far they may be off.
        catalogue: the mistakes to look for.
        loss_agrees: whether the learner's loss is known to be this one: a factor is then a mistake.
        several: whether the result will be compared with other inputs too: of a factor that may be 2 or the number of
            rows, each is then a hypothesis of its own.
    """

    forward: ForwardContext
    given: Mapping[str, Array]
    tolerance: Tolerance
    catalogue: Sequence[Mistake]
    loss_agrees: bool = False
    several: bool = False


@dataclass(frozen=True, eq=False)
class _State:
    """What has been assumed on the way down: mistakes, and the factor of all gradients once one is known."""

    instances: tuple[MistakeInstance, ...]
    scale: Scale | None = None

    def with_instances(self, more: tuple[MistakeInstance, ...]) -> "_State":
        """The same state with more mistakes."""
        return _State(self.instances + more, self.scale) if more else self


class Descent:
    """The search's way down the layers.

    Args:
        problem: what is searched.
    """

    def __init__(self, problem: SearchProblem) -> None:
        self.problem = problem
        self.forward = problem.forward
        known = known_scales(self.forward, problem.catalogue, several=problem.several)
        self.fit = ScaleFit(problem.given, problem.tolerance, known)
        within = [mistake for mistake in problem.catalogue if mistake.place not in ("sign", "factor")]
        self.instances = instances_by_place(self.forward, within)
        self.work = WORK
        self.most = 0
        self.free = False

    def hypotheses(self, most: int, *, free: bool) -> list[Hypothesis]:
        """All sets of at most so many different mistakes that fit; with ``free`` those that have a free factor too."""
        self.most, self.free = most, free
        found = []
        for dy, instances in self._starts():
            found += [self._finished(state) for state in self._descend(self.forward.top, dy, _State(instances))]
        return [h for h in found if not free or any(instance.mistake is FACTOR for instance in h.instances)]

    def _starts(self) -> Iterator[tuple[Array, tuple[MistakeInstance, ...]]]:
        """Every dE/dy to begin with."""
        for first in self._options("start", 0, ()):
            dy = backward.start(self.forward, _change(first))
            for second in self._options("rows", 0, first):
                yield backward.rows(self.forward, dy, _change(second)), first + second

    def _finished(self, state: _State) -> Hypothesis:
        """The hypothesis of a way that went down to the first layer."""
        instances, scale = state.instances, state.scale
        if scale is None:
            return Hypothesis(instances)
        factors = [one for one in scale.instances if one.mistake is FACTOR and not scale.is_free]
        if self.problem.loss_agrees or not factors:
            return Hypothesis(scale.instances + instances)
        signs = tuple(one for one in scale.instances if one not in factors)
        return Hypothesis(signs + instances, factors[0])

    # ------------------------------------------------------------------ what may be done at a place
    def _options(
        self, place: Place, l: int, instances: tuple[MistakeInstance, ...]
    ) -> Iterator[tuple[MistakeInstance, ...]]:
        """No mistake first, then each mistake that the budget allows."""
        yield ()
        done = {instance.variant_id for instance in instances if instance.mistake.kind == "mistake"}
        for instance in self.instances.get((place, l), ()):
            if instance.mistake.kind == "kink" or instance.variant_id in done or len(done) < self.most:
                yield (instance,)

    def _is_affordable(self, state: _State) -> bool:
        """Whether this many mistakes may be made; a free factor is not counted among them."""
        scale = state.scale
        counted = () if scale is None else tuple(one for one in scale.instances if self._counts(one, scale))
        done = {one.variant_id for one in state.instances + counted if one.mistake.kind == "mistake"}
        return len(done) <= self.most

    def _counts(self, instance: MistakeInstance, scale: Scale) -> bool:
        return instance.mistake is not FACTOR or (self.problem.loss_agrees and not scale.is_free)

    # ------------------------------------------------------------------ one layer, and the ones below
    def _descend(self, at: LayerContext, da: Array, state: _State) -> Iterator[_State]:
        """All ways to go on from ``da`` at this layer that fit the numbers from here down."""
        plain = backward.delta(at, da, None)
        for mistaken in self._options("delta", at.l, state.instances):
            d = backward.delta(at, da, _change(mistaken))
            if mistaken and _same(d, plain):
                continue  # a mistake that changes nothing here explains nothing
            for own, after in self._own_gradients(at, d, da, state.with_instances(mistaken)):
                if at.l == 1:
                    yield after
                    continue
                for lower, below in self._ways_down(at, d, own, after):
                    yield from self._descend(self.forward.layers[at.l - 2], lower, below)

    def _ways_down(self, at: LayerContext, d: Array, own: Record, state: _State) -> Iterator[tuple[Array, _State]]:
        """What the layer below is given. Updated weights depend on the factor of all gradients: it is fixed here."""
        straight = backward.down(at, d, own, None)
        yield straight, state
        for mistaken in self._options("down", at.l, state.instances):
            change = _change(mistaken)
            if change is None:
                continue
            once, twice = change(at, d, own), change(at, d, _times(2.0, own))
            scales = [state.scale] if state.scale is not None or _same(once, twice) else self.fit.known
            for scale in scales:
                lower = once if scale is None else change(at, d, _times(scale.value, own))
                if not _same(lower, straight):
                    yield lower, _State(state.instances + mistaken, scale)

    def _own_gradients(self, at: LayerContext, d: Array, da: Array, state: _State) -> Iterator[tuple[Record, _State]]:
        """This layer's gradients, computed in every way that fits."""
        others = backward.other_gradients(at, d)
        for W, with_weights in self._weights(at, d, da, state):
            for b, with_bias in self._bias(at, d, da, with_weights):
                own = others | W | b
                for mistaken in self._options("update", at.l, with_bias.instances):
                    computed = backward.update(at, own, _change(mistaken))
                    for fitting in self._scaled(at, computed, with_bias.with_instances(mistaken)):
                        yield backward.in_shape(at, computed), fitting

    def _weights(self, at: LayerContext, d: Array, da: Array, state: _State) -> Iterator[tuple[Record, _State]]:
        """The ways to compute dW that give the learner's numbers up to a factor."""
        key = at.weights_key
        if key is None:
            yield {}, state
            return
        plain = backward.weights(at, backward.input_of(at, None), d, da, None)
        if at.name(key) not in self.problem.given:
            yield {key: plain}, state
            return
        for of_input in self._options("input", at.l, state.instances):
            source = backward.input_of(at, _change(of_input))
            for of_weights in self._options("weights", at.l, state.instances + of_input):
                value = backward.weights(at, source, d, da, _change(of_weights))
                changed = not (of_input or of_weights) or not _same(value, plain)
                if changed and self._is_proportional(at.name(key), value, state.scale):
                    yield {key: value}, state.with_instances(of_input + of_weights)

    def _bias(self, at: LayerContext, d: Array, da: Array, state: _State) -> Iterator[tuple[Record, _State]]:
        """The ways to compute db that give the learner's numbers up to a factor."""
        key = at.bias_key
        if key is None:
            yield {}, state
            return
        plain = np.asarray(backward.bias(at, d, da, None))
        if at.name(key) not in self.problem.given:
            yield {key: plain}, state
            return
        for mistaken in self._options("bias", at.l, state.instances):
            value = np.asarray(backward.bias(at, d, da, _change(mistaken)))
            changed = not mistaken or not _same(value, plain)
            if changed and self._is_proportional(at.name(key), value, state.scale):
                yield {key: value}, state.with_instances(mistaken)

    # ------------------------------------------------------------------ does it fit
    def _is_proportional(self, name: str, computed: Array, scale: Scale | None) -> bool:
        """Whether a gradient is the given one up to a factor; never, once the work is used up."""
        self.work -= 1
        if self.work < 0 or not comparable(self.problem.given[name], computed):
            return False
        return self.fit.is_proportional(name, computed, scale)

    def _scaled(self, at: LayerContext, computed: Record, state: _State) -> Iterator[_State]:
        """With each factor that makes all this layer's gradients the given ones; nothing if there is none."""
        scales = [state.scale]
        for key, value in computed.items():
            name = at.name(key)
            if name in self.problem.given:
                scales = [fit for scale in scales for fit in self.fit.scales(name, value, scale, free=self.free)]
        for scale in scales:
            after = _State(state.instances, scale)
            if self._is_affordable(after):
                yield after


def _times(factor: float, own: Record) -> Record:
    return {key: factor * value for key, value in own.items()}


def _change(mistaken: tuple[MistakeInstance, ...]) -> backward.Change | None:
    """The change of the one mistake, if there is one."""
    return mistaken[0].change if mistaken else None


def _same(one: Array, other: Array) -> bool:
    """Equal up to float64's rounding: what a mistake changed cannot be seen."""
    if one.shape != other.shape:
        return False
    return bool(np.abs(one - other).max(initial=0.0) <= 1e-13 * np.abs(other).max(initial=0.0))
