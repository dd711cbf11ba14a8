"""Showing a case to ``chainrule.diagnose`` and to the rules of other tools."""

import time

from cases import Case
from rivals import RIVALS
from score import Verdict
from setups import Setup
from watching import watch

import chainrule as cr

OURS = "chainrule"
UNPROVED = "chainrule, without proofs"


def ours(case: Case, setup: Setup, *, prove: bool = True, engine: str = "compiled") -> Verdict:
    """What ``diagnose`` says; an error that it raises counts as a diagnosis without findings, and is printed."""
    begun = time.perf_counter()
    try:
        arguments = setup.arguments()
        found = cr.diagnose(setup.network(), setup.x, setup.t, prove=prove, progress=False, engine=engine, **arguments)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is the result of this case
        return Verdict(case, (), time.perf_counter() - begun, failed=f"{type(error).__name__}: {error}")
    seconds = time.perf_counter() - begun
    aside = tuple(f"{one.code} ({one.verdict})" for one in found.ruled_out)
    return Verdict(case, tuple(one.code for one in found.findings), seconds, aside)


def judge(case: Case, *, rivals: bool = True, unproved: bool = True, engine: str = "compiled") -> dict[str, Verdict]:
    """Each tool's verdict on a case."""
    setup = case.setup()
    verdicts = {OURS: ours(case, setup, engine=engine)}
    if unproved:
        verdicts[UNPROVED] = ours(case, setup, prove=False, engine=engine)
    if rivals:
        seen = watch(setup)
        verdicts |= {name: Verdict(case, tuple(dict.fromkeys(rule(seen)))) for name, rule in RIVALS.items()}
    return verdicts
