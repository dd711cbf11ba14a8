"""``check_optimizer``: the update rule compared with its equations, which SymPy evaluates one number at a time."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

import numpy as np

from chainrule.core.arrays import Array
from chainrule.errors import ChainruleError
from chainrule.optimizers import Moments, Optimizer
from chainrule.verify.formulas import functions_of, multiprecision, read
from chainrule.verify.proof import Finding, Proof, Test, first_failure, prove, same, worst

_UPDATES = 12
_DIGITS = 50


def check_optimizer(optimizer: Optimizer) -> Proof:
    """Prove an optimizer with the settings it has.

    equations: carried out in order by SymPy over a dozen updates, with gradients that are 0, change sign, are small
        and large, and with a changing learning rate, they give the updates and moments that ``update`` gives; what
        ``start`` does not name starts at 0.
    pure: gradients and old moments are left alone; updates and moments keep dtype (float64, float32) and size.
    rest: a parameter whose gradient is always 0 is never moved, as one that a mask takes away must not be.
    settings: a learning rate that is not positive and finite is refused, and so are other numbers that are negative,
        infinite or NaN.

    Example:
        >>> from chainrule.optimizers import Adam
        >>> check_optimizer(Adam(0.01)).passed
        True
    """
    tests: dict[str, Test] = {
        "equations": lambda: _equations(optimizer),
        "pure": lambda: _pure(optimizer),
        "rest": lambda: _rest(optimizer),
        "settings": lambda: _settings(optimizer),
    }
    return prove(f"optimizer {optimizer!r}", tests)


def _gradients() -> Array:
    """(updates, parameters): random; turning at every update; with zeros; always 0; small; large."""
    rng = np.random.default_rng(0)
    g = rng.normal(size=(_UPDATES, 6))
    g[:, 1] = (-1.0) ** np.arange(_UPDATES)
    g[::3, 2] = 0.0
    g[:, 3] = 0.0
    g[:, 4] *= 1e-9
    g[:, 5] *= 1e4
    return g


def _rates() -> list[float]:
    return [0.1 / (1 + k % 4) for k in range(_UPDATES)]


def _run(optimizer: Optimizer, g: Array) -> list[tuple[Array, Moments]]:
    """Update and new moments for each row of gradients."""
    rates = _rates()
    moments = optimizer.start(g.shape[1], g.dtype, rates[0])
    done = []
    for count, (row, eta) in enumerate(zip(g, rates, strict=True), start=1):
        update, moments = optimizer.update(moments, row, eta, count)
        done.append((update, moments))
    return done


# -------------------------------------------------------------------------------- the equations
class _Equations:
    """The optimizer's equations, read once, carried out for one parameter at a time."""

    def __init__(self, optimizer: Optimizer) -> None:
        import sympy  # noqa: PLC0415 - as above

        self.optimizer, self.mp = optimizer, multiprecision(_DIGITS)
        functions, mp = functions_of(self.mp), self.mp
        names, formulas = zip(*(equation.split("=", 1) for equation in optimizer.equations), strict=True)
        self.names = [name.strip() for name in names]
        start = optimizer.start(1, np.dtype(np.float64), _rates()[0])
        variables = list(dict.fromkeys([*start, *self.names, "g", "eta", "count"]))
        self.symbols = {name: sympy.Symbol(name, real=True) for name in variables}
        settings = {f.name: getattr(optimizer, f.name) for f in fields(optimizer) if f.name != "learning_rate"}
        known = {**settings, **self.symbols}
        self.steps = [
            sympy.lambdify(list(self.symbols.values()), read(formula, known), functions) for formula in formulas
        ]
        self.start = {name: mp.mpf(0) for name in variables}
        self.start |= {name: mp.mpf(float(np.ravel(value)[0])) for name, value in start.items()}

    def run(self, g: Array) -> list[Mapping[str, Any]]:
        """The variables after each update of one parameter with these gradients."""
        now, done = dict(self.start), []
        for count, (gradient, eta) in enumerate(zip(g, _rates(), strict=True), start=1):
            now |= {"g": self.mp.mpf(float(gradient)), "eta": self.mp.mpf(eta), "count": count}
            for name, step in zip(self.names, self.steps, strict=True):
                now[name] = step(*now.values())
            done.append(dict(now))
        return done


def _equations(optimizer: Optimizer) -> Finding:
    g = _gradients()
    equations = _Equations(optimizer)
    wanted = [equations.run(g[:, p]) for p in range(g.shape[1])]
    findings = {}
    for k, (update, moments) in enumerate(_run(optimizer, g)):
        for name, found in {**moments, "update": update}.items():
            theirs = np.array([float(wanted[p][k][name]) for p in range(g.shape[1])])
            findings[f"{name} {k + 1}"] = worst(
                np.broadcast_to(found, theirs.shape), theirs, 1e-10 * np.abs(theirs), lambda p: f"parameter {p}"
            )
    return first_failure(findings, f"{len(optimizer.equations)} equations, {_UPDATES} updates")


# -------------------------------------------------------------------------------- the code
def _pure(optimizer: Optimizer) -> Finding:
    findings = {}
    for dtype in ("float64", "float32"):
        g = _gradients().astype(dtype)
        moments = optimizer.start(g.shape[1], g.dtype, 0.1)
        for count, row in enumerate(g, start=1):
            before, kept = row.copy(), {name: np.array(value) for name, value in moments.items()}
            update, after = optimizer.update(moments, row, 0.1, count)
            changed = [name for name in kept if not np.array_equal(kept[name], moments[name])]
            changed += [] if np.array_equal(before, row) else ["g"]
            found = {"update": f"{update.dtype} {update.shape}"}
            found |= {name: f"{np.asarray(value).dtype} {np.shape(value)}" for name, value in after.items()}
            wanted = {"update": f"{dtype} {row.shape}"} | {n: f"{dtype} {v.shape}" for n, v in kept.items()}
            place = f"{dtype}, update {count}"
            findings[place] = same("", found, wanted)
            findings[f"changed in place, {place}"] = same("", ", ".join(changed) or "nothing", "nothing")
    return first_failure(findings, "dtypes, sizes and arguments kept")


def _rest(optimizer: Optimizer) -> Finding:
    findings = {}
    for dtype in ("float64", "float32"):
        with np.errstate(all="ignore"):
            updates = np.array([update for update, _ in _run(optimizer, np.zeros((_UPDATES, 1), dtype))])
        findings[dtype] = worst(updates, np.zeros_like(updates), 1e-300, lambda k, _: f"update {k + 1} with g = 0")
    return first_failure(findings, "never moved")


def _settings(optimizer: Optimizer) -> Finding:
    """Each number of its settings replaced by ones that make no sense."""
    findings = {}
    for field in fields(optimizer):
        value = getattr(optimizer, field.name)
        if isinstance(value, (int, float)) and not isinstance(value, bool):
            bad = (-1.0, float("nan"), float("inf"), *((0.0,) if field.name == "learning_rate" else ()))
            findings |= {f"{field.name} = {number}": _refused(optimizer, field.name, number) for number in bad}
    return first_failure(findings, f"{len(findings)} senseless settings refused")


def _refused(optimizer: Optimizer, name: str, number: float) -> Finding:
    try:
        replace(optimizer, **{name: number})
    except ChainruleError:
        return Finding(True)
    return Finding(False, "", "accepted", "refused")
