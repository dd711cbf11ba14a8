"""One call of ``fit``: the network, rows, rows to validate on, settings; and how arguments become one.

``Network.fit``, ``Network.training``, ``Network.explain_step``, ``Network.to_python``, ``diagnose``, ``sweep`` and
``learning_rate_test`` all parse their arguments here, so that a word means the same everywhere.
"""

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np

from chainrule.core.chain import Chain
from chainrule.core.inputs import as_inputs, as_targets, as_weights
from chainrule.core.lookup import plain_number
from chainrule.core.model import Model, model_of
from chainrule.core.seeds import chosen_seed
from chainrule.errors import InputError
from chainrule.optimizers import AnyOptimizer
from chainrule.optimizers import optimizer as find_optimizer
from chainrule.training.data import Data, split
from chainrule.training.settings import Callbacks, Settings


@dataclass(frozen=True, eq=False)
class Call:
    """One call of ``fit``.

    Attributes:
        model: what to train.
        data: the rows to train on.
        validation: the rows to validate on, if any.
        settings: how to train.
        net: the ``Network`` that the model belongs to, if it belongs to one.
        checksum: of the rows when a snapshot was made; None before.
    """

    model: Model
    data: Data
    validation: Data | None
    settings: Settings
    net: object = None
    checksum: int | None = None

    @property
    def batch_size(self) -> int:
        """Rows of an update: all of them unless a batch size was given."""
        return min(self.settings.batch_size or len(self.data.x), len(self.data.x))

    def snapshot(self) -> Self:
        """The call as it is now, to be made again later: with a copy of the model, and a checksum of the rows.

        The rows stay the caller's own arrays, as they may be large; ``check_unchanged`` notices changes.
        """
        return replace(self, model=self.model.copy(), checksum=self._checksum())

    def _checksum(self) -> int:
        rows = [self.data.checksum(), self.validation.checksum() if self.validation is not None else 0]
        return hash(tuple(rows))

    def check_unchanged(self) -> None:
        """Refuse to go on with rows that are not those of the snapshot any more.

        Raises:
            InputError: an array was changed in place since.
        """
        if self._checksum() != self.checksum:
            raise InputError(
                "x, t, weights or validation have been changed in place since this fit, so it cannot be made again: "
                "use chainrule.diagnose with the rows you mean, or fit on copies."
            )


# -------------------------------------------------------------------------------- from arguments
def parse_call(
    net: Any,
    x: Any,
    t: Any,
    *,
    weights: Any = None,
    class_weight: Any = None,
    validation: Any = None,
    **settings: Any,
) -> Call:
    """A call from arguments as users give them, all of them checked.

    Args:
        net: a ``Network``, or the ``Model`` of one.
        x: inputs (N, inputs).
        t: targets (N, outputs).
        weights: how much each row counts (N,).
        class_weight: "balanced" or a dict from class number to weight; multiplies the rows' weights.
        validation: ``(x, t)``, ``(x, t, weights)``, or the share of rows to set aside.
        settings: see ``parse_settings``.

    Raises:
        InputError: an argument cannot be used.
    """
    model = model_of(net)
    parsed = parse_settings(**settings)
    data = parse_data(model.chain, x, t, weights, class_weight)
    data, validated = _parse_validation(model.chain, data, validation, parsed.seed)
    return Call(model, data, validated, parsed, None if net is model else net)


def parse_settings(
    *,
    optimizer: str | AnyOptimizer = "sgd",
    seed: int | None = None,
    callbacks: Callbacks | None = None,
    **others: Any,
) -> Settings:
    """Settings from arguments as users give them: an optimizer by name, a seed to be drawn, no callbacks."""
    return Settings(optimizer=find_optimizer(optimizer), seed=chosen_seed(seed), callbacks=callbacks or {}, **others)


def parse_data(chain: Chain, x: Any, t: Any, weights: Any = None, class_weight: Any = None) -> Data:
    """Rows as arrays of the shapes and the dtype that a network needs.

    Raises:
        InputError: a shape does not fit, or a number is not finite.
    """
    inputs = as_inputs(chain, x)
    targets = as_targets(chain, t, len(inputs))
    return Data(inputs, targets, as_weights(chain, weights, class_weight, targets))


def _parse_validation(chain: Chain, data: Data, validation: Any, seed: int) -> tuple[Data, Data | None]:
    """The rows to train on and those to validate on."""
    validation = plain_number(validation)
    if validation is None:
        return data, None
    if isinstance(validation, tuple | list) and len(validation) in (2, 3):
        try:
            return data, parse_data(chain, *validation)
        except InputError as error:
            raise InputError(f"validation: {error}") from None
    if isinstance(validation, float) and 0 < validation < 1 and len(data.x) > 1:
        return split(data, validation, seed)
    raise InputError(
        "validation must be (x, t), (x, t, weights) or a share of at least two rows between 0 and 1, "
        f"got {_short(validation)}."
    )


def _short(value: Any) -> str:
    return f"an array of shape {value.shape}" if isinstance(value, np.ndarray) else f"{value!r:.60}"
