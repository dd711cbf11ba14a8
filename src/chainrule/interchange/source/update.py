"""The update as lines of NumPy: learning rate, penalties, clipping, and the optimizer's equations as a function."""

from collections.abc import Sequence

import numpy as np

from chainrule.core.parameters import Slot
from chainrule.errors import InputError
from chainrule.explain.equations import constants_of, equations_of, names_in, numpy_code
from chainrule.interchange.source.listing import Line
from chainrule.optimizers import Optimizer
from chainrule.optimizers.schedules import (
    Clock,
    Constant,
    Cosine,
    CosLog,
    Exponential,
    Memory,
    OneCycle,
    Schedule,
    Step,
    WarmUp,
    as_schedule,
)
from chainrule.training import Settings


# -------------------------------------------------------------------------------- the learning rate
def rate_lines(schedule: Schedule) -> list[Line]:
    """``eta`` of an update from ``epoch``, ``progress`` (0 to 1), ``count`` (from 1) and ``updates``.

    Raises:
        InputError: the rate depends on losses, or on code of a user's own.

    Example:
        >>> rate_lines(Step(0.1, every=2, factor=0.5))[0].code
        'eta = 0.1 * 0.5 ** (epoch // 2)'
    """
    match schedule:
        case Constant(eta):
            formula = repr(float(eta))
        case Step(eta, every, factor):
            formula = f"{eta!r} * {factor!r} ** (epoch // {every!r})"
        case Exponential(eta, factor):
            formula = f"{eta!r} * {factor!r} ** epoch"
        case Cosine(eta, final):
            formula = _wave(repr(eta), repr(final) if final else "", "progress")
        case OneCycle(eta, rise, start_factor, final_factor):
            return [
                Line(f"start, top, end = {eta / start_factor!r}, {eta!r}, {eta / final_factor!r}"),
                Line(f"rising = {_wave('start', 'top', f'progress / {rise!r}')}"),
                Line(f"falling = {_wave('top', 'end', f'(progress - {rise!r}) / (1 - {rise!r})')}"),
                Line(f"eta = rising if progress < {rise!r} else falling", "the learning rate"),
            ]
        case CosLog(eta, waves):
            return [
                Line(f"phase = np.log2(1 + {2**waves - 1!r} * (count - 0.5) / updates)", f"of {waves} waves"),
                Line(f"eta = {eta!r} * (1 - np.cos(2 * np.pi * phase)) / 2", "the learning rate"),
            ]
        case WarmUp(then, updates):
            return [
                *rate_lines(as_schedule(then)),
                Line(f"eta = eta * min(1.0, count / {updates!r})", "held down at first"),
            ]
        case _:
            raise InputError(
                f"the schedule {schedule!r} cannot be written out as a formula of the time: choose a number, or "
                "Step, Exponential, Cosine, OneCycle, CosLog or WarmUp."
            )
    return [Line(f"eta = {formula}", "the learning rate")]


def _wave(first: str, last: str, progress: str) -> str:
    """Half a cosine wave from one rate to another; to 0 if the second is empty."""
    inner = progress if progress.isidentifier() else f"({progress})"
    wave = f"(1 + np.cos(np.pi * {inner})) / 2"
    return f"{last} + ({first} - {last}) * {wave}" if last else f"{first} * {wave}"


def is_constant(optimizer: Optimizer) -> bool:
    """Whether the learning rate is one number."""
    return isinstance(optimizer.schedule, Constant)


# -------------------------------------------------------------------------------- the optimizer
def is_plain(optimizer: Optimizer) -> bool:
    """Whether the update is just ``eta g``, which needs no function."""
    return [tuple(equation) for equation in equations_of(optimizer)] == [("update", "eta*g")]


def function_name(optimizer: Optimizer) -> str:
    """What the optimizer's function is called."""
    return type(optimizer).__name__.lower()


def _known(optimizer: Optimizer) -> list[str]:
    """What the equations need besides gradient, moments and constants."""
    used = set().union(*(names_in(equation.formula) for equation in equations_of(optimizer)))
    return [name for name in ("eta", "count") if name in used]


def optimizer_function(optimizer: Optimizer) -> str:
    """The equations as a function from a gradient and moments to the update and the new moments."""
    kept = list(optimizer.start(1, np.dtype(np.float64), 1.0))
    constants = "".join(f", {name}={value!r}" for name, value in constants_of(optimizer).items())
    arguments = ", ".join(["g", "moments", *_known(optimizer)]) + constants
    about = " ".join((type(optimizer).__doc__ or "").split("\n\n")[0].replace("``", "").split())
    lines = [f"def {function_name(optimizer)}({arguments}):", f'    """{about}"""']
    lines += [f'    {name} = moments["{name}"]' for name in kept]
    lines += [f"    {equation.name} = {numpy_code(equation.formula)}" for equation in equations_of(optimizer)]
    pairs = ", ".join(f'"{name}": {name}' for name in kept)
    lines.append(f"    return update, {{{pairs}}}")
    return "\n".join(lines) + "\n"


def moments_lines(settings: Settings, slots: Sequence[Slot]) -> list[Line]:
    """The moments before the first update."""
    if is_plain(settings.rule):
        return []
    updates = Clock.at(0, 1, settings.epochs)
    first = settings.rule.schedule.rate(updates, Memory())
    started = settings.rule.start(1, np.dtype(np.float64), first)
    lines = [Line("moments = {"), *(Line(f'    "{slot.name}": {_start(started, slot.name)},') for slot in slots)]
    return [*lines, Line("}")]


def _start(started: object, name: str) -> str:
    assert isinstance(started, dict)
    parts = []
    for key, value in started.items():
        number = float(np.ravel(value)[0])
        filled = f"np.full_like({name}, {number!r})" if number else f"np.zeros_like({name})"
        parts.append(f'"{key}": {filled if np.ndim(value) else repr(number)}')
    return "{" + ", ".join(parts) + "}"


# -------------------------------------------------------------------------------- one update
def update_lines(settings: Settings, slots: Sequence[Slot], decayed: Sequence[str]) -> list[Line]:
    """Penalties, clipping and the change of each parameter in ``slots``; ``decayed`` names the weights."""
    lines: list[Line] = []
    penalty = _penalty(settings)
    for slot in slots:
        if penalty and slot.name in decayed:
            g, w = f"d{slot.name}", slot.name
            terms = [f"l1 sign({w})"] * bool(settings.l1) + [f"l2 {w}"] * bool(settings.l2)
            lines.append(Line(f"{g} = {g} + {penalty.format(w=w)}", f"d{w} plus the penalties' {' + '.join(terms)}"))
    lines += _clipping(settings, [f"d{slot.name}" for slot in slots])
    if not is_constant(settings.rule):
        lines += rate_lines(settings.rule.schedule)
    for slot in slots:
        lines += _change(settings.rule, slot.name, decays=slot.name in decayed)
    return lines


def _penalty(settings: Settings) -> str:
    parts = [f"{settings.l1!r} * np.sign({{w}})"] * bool(settings.l1) + [f"{settings.l2!r} * {{w}}"] * bool(settings.l2)
    return " + ".join(parts)


def _clipping(settings: Settings, names: list[str]) -> list[Line]:
    lines = []
    if settings.clip_value is not None:
        c = settings.clip_value
        lines += [Line(f"{g} = np.clip({g}, {-c!r}, {c!r})", f"{g} held between {-c:g} and {c:g}") for g in names]
    if settings.clip_norm is not None:
        shrink = f"shrink = min(1.0, {settings.clip_norm!r} / max(length, {settings.clip_norm!r}))"
        lines += [
            Line("squares = ["),
            *(Line(f"    ({g}**2).sum(),") for g in names),
            Line("]"),
            Line("length = np.sqrt(sum(squares))", "of all gradients together"),
            Line(shrink, f"so that it is at most {settings.clip_norm:g}"),
            *(Line(f"{g} = {g} * shrink") for g in names),
        ]
    return lines


def _change(optimizer: Optimizer, name: str, *, decays: bool) -> list[Line]:
    """``parameter = parameter - update``."""
    decay = f" + eta * {optimizer.decay!r} * {name}" if optimizer.decay and decays else ""
    lost = f" - eta {optimizer.decay:g} {name}" if decay else ""
    if is_plain(optimizer):
        update = f"{name} - (eta * d{name}{decay})" if decay else f"{name} - eta * d{name}"
        return [Line(f"{name} = {update}", f"{name} <- {name} - eta dE/d{name}{lost}")]
    arguments = "".join(f", {known}" for known in _known(optimizer))
    call = f'update, moments["{name}"] = {function_name(optimizer)}(d{name}, moments["{name}"]{arguments})'
    taken = f"(update{decay})" if decay else "update"
    return [Line(call), Line(f"{name} = {name} - {taken}", f"and the weights decay:{lost}" if lost else "")]
