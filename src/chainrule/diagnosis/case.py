"""A call of ``fit`` as data: what is trained, on which rows, how. Remedies change it; nothing here changes the user's.

A case also knows how its outputs are to be read in the units of the call it came from, so that runs with other targets
or another loss can be compared with the first.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, fields, replace
from typing import Any, Self

import numpy as np

from chainrule.core import chain as maths
from chainrule.core.arrays import Array
from chainrule.core.chain import Chain
from chainrule.core.layers import Layer
from chainrule.core.losses import Loss
from chainrule.core.model import Model
from chainrule.core.seeds import streams
from chainrule.optimizers import Optimizer
from chainrule.optimizers.schedules import Clock, Memory
from chainrule.training import Call, Data, History, Settings
from chainrule.training import fit as train

Decode = Callable[[Array], Array]
"""From a case's outputs to those of the call it came from."""


def _as_they_are(y: Array) -> Array:
    return y


@dataclass(frozen=True, eq=False)
class Case:
    """One call of ``fit``: as it was made, or with a remedy applied.

    Attributes:
        model: the network before training; it is never changed.
        data: the rows to train on.
        held: the rows to validate on, or None.
        settings: all other arguments.
        changes: what remedies changed so far, in words.
        decode: from outputs to those of the original call.
        original_t, original_held_t: the targets in the units of the original call, where a remedy changed them.
        face: the ``Network`` it came from, if any.
    """

    model: Model
    data: Data
    held: Data | None
    settings: Settings
    changes: tuple[str, ...] = ()
    decode: Decode = field(default=_as_they_are, repr=False)
    face: Any = field(default=None, repr=False)
    original_t: Array | None = field(default=None, repr=False)
    original_held_t: Array | None = field(default=None, repr=False)

    @property
    def truth(self) -> Array:
        """The targets in the units of the original call (N, outputs)."""
        return self.data.t if self.original_t is None else self.original_t

    @property
    def held_truth(self) -> Array | None:
        """The same of the rows to validate on."""
        return None if self.held is None else self.held.t if self.original_held_t is None else self.original_held_t

    @property
    def chain(self) -> Chain:
        """What the network is made of."""
        return self.model.chain

    @property
    def optimizer(self) -> Optimizer:
        """The rule and its learning rate."""
        return self.settings.rule

    @property
    def rows(self) -> int:
        """How many rows are trained on."""
        return len(self.data.x)

    @property
    def batch_size(self) -> int:
        """Rows an update."""
        return min(self.settings.batch_size or self.rows, self.rows)

    @property
    def full_batch(self) -> bool:
        """Whether every update sees all rows."""
        return self.batch_size == self.rows

    @property
    def updates_per_epoch(self) -> int:
        """How many updates an epoch has."""
        return -(-self.rows // self.batch_size)

    def learning_rate(self, epoch: int) -> float:
        """The rate that the schedule sets for the first update of an epoch, if no loss has any say in it."""
        return self._rate(epoch * self.updates_per_epoch)

    @property
    def highest_rate(self) -> float:
        """The highest that the schedule sets, if no loss has any say in it; of a long run, among a few hundred."""
        updates = self.settings.epochs * self.updates_per_epoch
        return max(self._rate(int(update)) for update in np.linspace(0, updates - 1, min(updates, 300)))

    def _rate(self, update: int) -> float:
        per, epochs = self.updates_per_epoch, self.settings.epochs
        return float(self.optimizer.schedule.rate(Clock.at(update, per, epochs), Memory()))

    # ------------------------------------------------------------------ changes
    def _changed(self, told: str, **parts: Any) -> Self:
        return replace(self, changes=(*self.changes, told), **parts)

    def with_settings(self, told: str, **settings: Any) -> Self:
        """Other arguments of ``fit``."""
        return self._changed(told, settings=replace(self.settings, **settings))

    def with_rate(self, told: str, rate: Any) -> Self:
        """The same optimizer with another learning rate."""
        return self.with_settings(told, optimizer=replace(self.optimizer, learning_rate=rate))

    def with_vector(self, told: str, vector: Array) -> Self:
        """The same network from other parameters."""
        return self._changed(told, model=self.model.with_vector(vector))

    def with_inputs(self, told: str, x: Array, held_x: Array | None) -> Self:
        """The same rows with other inputs."""
        held = None if self.held is None or held_x is None else self.held._replace(x=held_x)
        return self._changed(told, data=self.data._replace(x=x), held=held)

    def with_targets(self, told: str, t: Array, held_t: Array | None, decode: Decode | None = None) -> Self:
        """The same rows with other targets; ``decode`` turns outputs for them into outputs for the targets before.

        Without ``decode`` they are what is true from now on.
        """
        held = None if self.held is None or held_t is None else self.held._replace(t=held_t)
        parts: dict[str, Any] = {"data": self.data._replace(t=t), "held": held}
        if decode is None:
            return self._changed(told, **parts, original_t=None, original_held_t=None)
        former = self.decode
        return self._changed(
            told,
            **parts,
            original_t=self.truth,
            original_held_t=self.held_truth,
            decode=lambda y: former(decode(y)),
        )

    def with_rows(self, told: str, rows: Array) -> Self:
        """Only some of the rows."""
        w = self.data.weights
        data = Data(self.data.x[rows], self.data.t[rows], None if w is None else w[rows])
        kept = None if self.original_t is None else self.original_t[rows]
        return self._changed(told, data=data, original_t=kept)

    def with_layers(
        self,
        told: str,
        layers: tuple[Layer, ...],
        *,
        loss: Loss | None = None,
        decode: Decode | None = None,
        keep: bool = True,
    ) -> Self:
        """Other layers, or another loss; parameters whose name and shape stay keep their numbers if ``keep``.

        The others are drawn from the seed of the run.
        """
        chain = maths.build(self.chain.inputs, layers, loss or self.chain.loss, self.chain.dtype)
        parameters = maths.initial_parameters(chain, streams(self.settings.seed).initial)
        state = maths.initial_state(chain)
        if keep:
            for name, value in parameters.items():
                old = self.model.parameters.get(name)
                if old is not None and old.shape == value.shape:
                    value[...] = old
        former = self.decode
        both = former if decode is None else (lambda y: former(decode(y)))
        return self._changed(told, model=Model(chain, parameters, state), decode=both)

    def fresh(self, seed: int) -> Array:
        """Parameters drawn as the layers draw them, from another seed; as one flat vector."""
        return maths.initial_parameters(self.chain, streams(seed).initial).vector

    # ------------------------------------------------------------------ what a user does with it
    def call(self, model: Model) -> Call:
        """The call of ``fit`` that trains a model, a copy of this case's, in place."""
        return Call(model, self.data, self.held, self.settings)

    def copy_of_model(self) -> Model:
        """The network before training, to be trained."""
        return self.model.copy()

    @property
    def net(self) -> Any:
        """A network of its own, as it was before training: the user's, changed by the remedies."""
        model = self.copy_of_model()
        if self.face is None:
            return model
        twin = self.face.copy()
        twin.model = model
        return twin

    @property
    def x(self) -> Array:
        """The inputs (N, inputs)."""
        return self.data.x

    @property
    def t(self) -> Array:
        """The targets (N, outputs)."""
        return self.data.t

    @property
    def arguments(self) -> dict[str, Any]:
        """The other arguments of ``fit``, those at their usual values left out."""
        names = (
            "optimizer", "epochs", "batch_size", "seed", "shuffle", "patience", "min_delta", "l1", "l2", "clip_norm",
            "clip_value",
        )  # fmt: skip
        usual = {field.name: field.default for field in fields(Settings)}
        always = ("optimizer", "epochs", "seed")
        told = {
            name: value for name in names if (value := getattr(self.settings, name)) != usual[name] or name in always
        }
        if self.data.weights is not None:
            told["weights"] = self.data.weights
        if self.held is not None:
            told["validation"] = tuple(part for part in self.held if part is not None)
        return told

    def fit(self) -> tuple[Any, History]:
        """Make the call: the trained network and the history of its training.

        Raises:
            DivergenceError: as ``Network.fit``.
        """
        net = self.net
        history = train(self.call(getattr(net, "model", net)))
        return net, history

    def __str__(self) -> str:
        told = ", ".join(f"{name}={_short(value)}" for name, value in self.arguments.items())
        changed = f"  # {'; '.join(self.changes)}" if self.changes else ""
        return f"net.fit(x, t, {told}){changed}"

    __repr__ = __str__


def original(call: Call) -> Case:
    """The call as it was made; callbacks, clock and bar have no part in a diagnosis."""
    quiet = replace(call.settings, callbacks={}, time_limit=None, progress=False)
    validation = None if call.validation is None else call.validation.copy()
    return Case(call.model.copy(), call.data.copy(), validation, quiet, face=call.net)


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return "(" + ", ".join(_short(part) for part in value) + ")"
    return "..." if isinstance(value, np.ndarray) else repr(value)
