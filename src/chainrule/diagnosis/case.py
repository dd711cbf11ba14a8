"""A call of ``fit`` as data: what is trained, on which rows, how. Remedies make changed copies of it.

The user's network and arrays are never changed. A case also knows how to convert its outputs to the units of the
original call, so that runs with other targets or another loss can be compared with the first.
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
        validation: the rows to validate on, or None.
        settings: all other arguments.
        changes: a description of each change that remedies made so far.
        decode: from outputs to those of the original call.
        original_t, original_validation_t: the targets in the units of the original call, where a remedy changed them.
        face: the user's ``Network``, if the call came from one.
    """

    model: Model
    data: Data
    validation: Data | None
    settings: Settings
    changes: tuple[str, ...] = ()
    decode: Decode = field(default=_as_they_are, repr=False)
    face: Any = field(default=None, repr=False)
    original_t: Array | None = field(default=None, repr=False)
    original_validation_t: Array | None = field(default=None, repr=False)

    @property
    def truth(self) -> Array:
        """The targets in the units of the original call (N, outputs)."""
        return self.data.t if self.original_t is None else self.original_t

    @property
    def validation_truth(self) -> Array | None:
        """The same of the rows to validate on."""
        return (
            None
            if self.validation is None
            else self.validation.t
            if self.original_validation_t is None
            else self.original_validation_t
        )

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
        """The rate that the schedule sets for the first update of an epoch, as far as it does not depend on losses."""
        return self._rate(epoch * self.updates_per_epoch)

    @property
    def highest_rate(self) -> float:
        """The highest rate that the schedule sets, as far as it does not depend on losses; sampled in long runs."""
        updates = self.settings.epochs * self.updates_per_epoch
        return max(self._rate(int(update)) for update in np.linspace(0, updates - 1, min(updates, 300)))

    def _rate(self, update: int) -> float:
        per, epochs = self.updates_per_epoch, self.settings.epochs
        return float(self.optimizer.schedule.rate(Clock.at(update, per, epochs), Memory()))

    # ------------------------------------------------------------------ changes
    def _changed(self, change: str, **parts: Any) -> Self:
        return replace(self, changes=(*self.changes, change), **parts)

    def with_settings(self, change: str, **settings: Any) -> Self:
        """Other arguments of ``fit``."""
        return self._changed(change, settings=replace(self.settings, **settings))

    def with_rate(self, change: str, rate: Any) -> Self:
        """The same optimizer with another learning rate."""
        return self.with_settings(change, optimizer=replace(self.optimizer, learning_rate=rate))

    def with_vector(self, change: str, vector: Array) -> Self:
        """The same network from other parameters."""
        return self._changed(change, model=self.model.with_vector(vector))

    def with_inputs(self, change: str, x: Array, validation_x: Array | None) -> Self:
        """The same rows with other inputs."""
        validation = None
        if self.validation is not None and validation_x is not None:
            validation = self.validation._replace(x=validation_x)
        return self._changed(change, data=self.data._replace(x=x), validation=validation)

    def with_targets(self, change: str, t: Array, validation_t: Array | None, decode: Decode | None = None) -> Self:
        """The same rows with other targets.

        Args:
            change: what is changed, in words.
            t: the new targets (N, outputs).
            validation_t: those of the validation rows, or None.
            decode: from outputs in the units of ``t`` to outputs in the units before. None means that runs are judged
                by the new targets from now on.
        """
        validation = None
        if self.validation is not None and validation_t is not None:
            validation = self.validation._replace(t=validation_t)
        parts: dict[str, Any] = {"data": self.data._replace(t=t), "validation": validation}
        if decode is None:
            return self._changed(change, **parts, original_t=None, original_validation_t=None)
        former = self.decode
        return self._changed(
            change,
            **parts,
            original_t=self.truth,
            original_validation_t=self.validation_truth,
            decode=lambda y: former(decode(y)),
        )

    def with_rows(self, change: str, rows: Array) -> Self:
        """Only some of the rows."""
        w = self.data.weights
        data = Data(self.data.x[rows], self.data.t[rows], None if w is None else w[rows])
        original_t = None if self.original_t is None else self.original_t[rows]
        return self._changed(change, data=data, original_t=original_t)

    def with_layers(
        self,
        change: str,
        layers: tuple[Layer, ...],
        *,
        loss: Loss | None = None,
        decode: Decode | None = None,
        keep: bool = True,
    ) -> Self:
        """Other layers, or another loss.

        Args:
            change: what is changed, in words.
            layers: the new layers.
            loss: the new loss; None leaves it as it is.
            decode: from the new outputs to outputs in the units before.
            keep: whether parameters whose name and shape stay keep their values; all others are drawn from the seed of
                the run.
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
        combined = former if decode is None else (lambda y: former(decode(y)))
        return self._changed(change, model=Model(chain, parameters, state), decode=combined)

    def fresh(self, seed: int) -> Array:
        """Parameters drawn as the layers draw them, from another seed; as one flat vector."""
        return maths.initial_parameters(self.chain, streams(seed).initial).vector

    # ------------------------------------------------------------------ for users: the changed call, and making it
    def call(self, model: Model) -> Call:
        """The call of ``fit`` that trains a model, a copy of this case's, in place."""
        return Call(model, self.data, self.validation, self.settings)

    def copy_of_model(self) -> Model:
        """The network before training, to be trained."""
        return self.model.copy()

    @property
    def net(self) -> Any:
        """A new network as it was before training: the user's, with the changes of the remedies."""
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
        """The other arguments of ``fit``, without those at their default values."""
        names = (
            "optimizer", "epochs", "batch_size", "seed", "shuffle", "patience", "min_delta", "l1", "l2", "clip_norm",
            "clip_value",
        )  # fmt: skip
        usual = {field.name: field.default for field in fields(Settings)}
        always = ("optimizer", "epochs", "seed")
        shown = {
            name: value for name in names if (value := getattr(self.settings, name)) != usual[name] or name in always
        }
        if self.data.weights is not None:
            shown["weights"] = self.data.weights
        if self.validation is not None:
            shown["validation"] = tuple(part for part in self.validation if part is not None)
        return shown

    def fit(self) -> tuple[Any, History]:
        """Make the call: the trained network and the history of its training.

        Raises:
            DivergenceError: as ``Network.fit``.
        """
        net = self.net
        history = train(self.call(getattr(net, "model", net)))
        return net, history

    def __str__(self) -> str:
        arguments = ", ".join(f"{name}={_short(value)}" for name, value in self.arguments.items())
        changed = f"  # {'; '.join(self.changes)}" if self.changes else ""
        return f"net.fit(x, t, {arguments}){changed}"

    __repr__ = __str__


def original(call: Call) -> Case:
    """The call as it was made, without what has no part in a diagnosis: callbacks, time limit, progress bar."""
    quiet = replace(call.settings, callbacks={}, time_limit=None, progress=False)
    validation = None if call.validation is None else call.validation.copy()
    return Case(call.model.copy(), call.data.copy(), validation, quiet, face=call.net)


def _short(value: Any) -> str:
    if isinstance(value, tuple):
        return "(" + ", ".join(_short(part) for part in value) + ")"
    return "..." if isinstance(value, np.ndarray) else repr(value)
