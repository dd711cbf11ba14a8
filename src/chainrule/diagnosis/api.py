"""``diagnose``: from the arguments of ``fit`` to a diagnosis."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from chainrule.diagnosis.case import Case, original
from chainrule.diagnosis.confirm import confirm, suspected
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.outcome import outcome, remaining
from chainrule.diagnosis.progress import Bar
from chainrule.diagnosis.reruns import Rerunner
from chainrule.diagnosis.result import Diagnosis
from chainrule.diagnosis.rule import Rule
from chainrule.diagnosis.rules import RULES
from chainrule.diagnosis.runs import train_with_snapshots
from chainrule.diagnosis.score import score_for
from chainrule.engine.choose import choose
from chainrule.errors import InputError
from chainrule.optimizers import Optimizer, first_order
from chainrule.training import History, parse_call

RUNS = 12
"""About how many runs a diagnosis makes; the engine is chosen for all of them together."""


def diagnose(
    net: Any,
    x: Any,
    t: Any,
    *,
    epochs: int = 100,
    batch_size: int | None = None,
    optimizer: str | Optimizer = "sgd",
    shuffle: bool = True,
    seed: int | None = 0,
    validation: Any = None,
    prove: bool = True,
    patience: int | None = None,
    min_delta: float = 0.0,
    weights: Any = None,
    class_weight: Any = None,
    l1: float = 0.0,
    l2: float = 0.0,
    clip_norm: float | None = None,
    clip_value: float | None = None,
    engine: str = "auto",
    threads: int | None = None,
    progress: bool | None = None,
    rules: Sequence[Rule] = (),
) -> Diagnosis:
    """Find out why a training run fails, and prove it by running it again with the cause removed.

    The network is not changed: a copy is trained and measured, and each suspicion is tested by the same run from the
    same seed with only the suspected cause changed. The arguments are those of ``Network.fit``.

    Args:
        net: the network, as it is before training.
        x: inputs (N, inputs).
        t: targets (N, outputs).
        epochs: as for ``fit``.
        batch_size: as for ``fit``.
        optimizer: as for ``fit``; of first order, such as ``SGD(0.1)``.
        shuffle: as for ``fit``.
        seed: as for ``fit``; 0 unless given, so that a diagnosis can be repeated.
        validation: as for ``fit``; overfitting can be seen only with it.
        prove: whether to make the re-runs; without them the findings are suspicions.
        patience: as for ``fit``.
        min_delta: as for ``fit``.
        weights: as for ``fit``.
        class_weight: as for ``fit``.
        l1: as for ``fit``.
        l2: as for ``fit``.
        clip_norm: as for ``fit``.
        clip_value: as for ``fit``.
        engine: as for ``fit``; ``"auto"`` chooses once, for all the runs together.
        threads: as for ``fit``.
        progress: whether to show a bar; None shows one on a terminal once a second has passed.
        rules: your own rules, in addition to those of the library; see ``chainrule.extend.Rule``.

    Returns:
        A ``Diagnosis``: it prints as text, shows in a notebook, and is plain data by ``to_dict()``.

    Raises:
        InputError: an argument cannot be used, as for ``fit``.

    Example:
        >>> import chainrule as cr
        >>> net = cr.Network(1, [cr.Dense(1)], loss="squared_error", seed=0)
        >>> x, t = [[1.0], [2.0], [3.0]], [10.0, 20.0, 30.0]
        >>> diagnosis = diagnose(net, x, t, optimizer=cr.SGD(0.5), epochs=100)
        >>> diagnosis.codes
        ('learning-rate-too-large',)
        >>> diagnosis.learning_rate.regime, round(diagnosis.learning_rate.critical_rate, 4)
        ('diverging', 0.1803)
    """
    call = parse_call(
        net, x, t, weights=weights, class_weight=class_weight, validation=validation, epochs=epochs,
        batch_size=batch_size, optimizer=first_order(optimizer, "diagnose"), shuffle=shuffle, seed=seed,
        patience=patience, min_delta=min_delta, l1=l1, l2=l2, clip_norm=clip_norm, clip_value=clip_value,
        engine=engine, threads=threads,
    )  # fmt: skip
    return diagnose_case(original(call), with_proofs=prove, progress=progress, rules=rules)


def diagnose_case(
    case: Case, *, with_proofs: bool = True, progress: bool | None = None, rules: Sequence[Rule] = ()
) -> Diagnosis:
    """``diagnose`` for a call that has been checked.

    Raises:
        InputError: no epoch to diagnose, or an optimizer of second order: its steps follow no learning rate.
    """
    if case.settings.epochs < 1:
        raise InputError("a diagnosis needs at least one epoch.")
    first_order(case.settings.optimizer, "diagnose")
    case = _with_engine(case)
    score = score_for(case)
    table = (*RULES, *rules)
    with Bar(progress) as bar:
        measurements = Measurements(train_with_snapshots(case), score)
        bar.tick()
        if with_proofs:
            findings, ruled_out = confirm(measurements, table, Rerunner(score, bar.tick))
        else:
            findings, ruled_out = suspected(measurements, table), []
        rate = measurements.learning_rate
        left = remaining(measurements)
    found = outcome(findings, left, proved=with_proofs)
    return Diagnosis(found, tuple(findings), tuple(ruled_out), left, rate, with_proofs, case, measurements)


def diagnose_history(
    history: History, *, with_proofs: bool = True, progress: bool | None = None, rules: Sequence[Rule] = ()
) -> Diagnosis:
    """``diagnose`` for the call that a history comes from, from the parameters it began with.

    Raises:
        InputError: the history does not know its call, or no epoch was asked for.
    """
    if history.call is None:
        raise InputError(
            "this history does not know the call it comes from (it went through a file, or was made by hand): "
            "use chainrule.diagnose with the arguments of fit."
        )
    call = history.call
    call.check_unchanged()
    return diagnose_case(original(call), with_proofs=with_proofs, progress=progress, rules=rules)


def _with_engine(case: Case) -> Case:
    """One engine for all runs, chosen for the work of them all."""
    settings = case.settings
    chosen = choose(
        settings.engine, case.chain, settings.optimizer, rows=case.rows, batch=case.batch_size,
        epochs=settings.epochs * RUNS,
    )  # fmt: skip
    return replace(case, settings=replace(settings, engine=chosen))
