"""The result of checking a row: a list of claims, each with the point of its largest error."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import html_table, number, text_table


class Finding(NamedTuple):
    """What the test of one claim found.

    Attributes:
        passed: whether the claim holds at every point tried.
        where: the worst point.
        found, wanted: what stood there and what should.
    """

    passed: bool
    where: str = ""
    found: str = ""
    wanted: str = ""


Test = Callable[[], Finding]
"""One claim put to the test."""


@dataclass(frozen=True)
class Claim:
    """One claim about a row, tested.

    Attributes:
        name: such as ``"derivative_formula"``; the check function's docstring lists what each claims.
        passed: whether it holds at every point tried.
        where: the worst point, such as ``"z = -3"``.
        found, wanted: what stood there and what should, as text.
    """

    name: str
    passed: bool
    where: str
    found: str
    wanted: str

    @property
    def detail(self) -> str:
        """``"at z = -3: found 0.5, wanted 0.25"``."""
        place = f"at {self.where}: " if self.where else ""
        return f"{place}found {self.found}, wanted {self.wanted}" if self.wanted else place + self.found


@dataclass(frozen=True)
class Proof:
    """The report of a check: truthy if every claim holds.

    Attributes:
        subject: what was checked, such as ``"activation sigmoid"``.
        claims: in the order in which they were tested.
    """

    subject: str
    claims: tuple[Claim, ...]

    @property
    def passed(self) -> bool:
        """Whether every claim holds."""
        return not self.failed

    @property
    def failed(self) -> tuple[Claim, ...]:
        """The claims that do not hold."""
        return tuple(claim for claim in self.claims if not claim.passed)

    def __bool__(self) -> bool:
        return self.passed

    def __getitem__(self, name: str) -> Claim:
        for claim in self.claims:
            if claim.name == name:
                return claim
        raise KeyError(f"no claim {name!r} about {self.subject}: there are {', '.join(c.name for c in self.claims)}.")

    def _headline(self) -> str:
        return f"{self.subject}: {len(self.claims)} claims, {len(self.failed)} refuted"

    def _rows(self) -> list[list[str]]:
        return [[c.name, "holds" if c.passed else "FAILS", c.where, c.found, c.wanted] for c in self.claims]

    def __str__(self) -> str:
        return self._headline() + "\n" + text_table(_HEADER, self._rows())

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(_HEADER, self._rows(), caption=self._headline())

    def to_dict(self) -> dict[str, Any]:
        """Plain data, ready for JSON."""
        return {
            "schema": "chainrule/proof",
            "version": 1,
            "subject": self.subject,
            "passed": self.passed,
            "claims": [asdict(claim) for claim in self.claims],
        }


_HEADER = ["claim", "verdict", "worst point", "found", "wanted"]


def prove(subject: str, tests: Mapping[str, Test]) -> Proof:
    """Put every claim to the test; a test that raises refutes its claim and does not end the others."""
    return Proof(subject, tuple(Claim(name, *_run(test)) for name, test in tests.items()))


def _run(test: Test) -> Finding:
    try:
        return test()
    except Exception as error:  # noqa: BLE001 - the rows are other people's code and may raise anything
        return Finding(False, "", f"{type(error).__name__}: {error}", "no error")


def worst(found: Array, wanted: Array, allowed: Array | float, where: Callable[..., str]) -> Finding:
    """Hold ``found`` against ``wanted``, entry by entry; ``where(*index)`` names the entry that is furthest off.

    The distance counts in units of what is allowed; a NaN or infinity where a number is wanted is furthest of all.
    """
    if found.shape != wanted.shape:
        return same("the shape", found.shape, wanted.shape)
    if not found.size:
        return Finding(False, "", "no point to compare", "at least one")
    found, wanted = found.astype(np.float64), wanted.astype(np.float64)
    with np.errstate(all="ignore"):
        off = np.where(np.isfinite(found), np.abs(found - wanted) / allowed, np.inf)
    off = np.where(found == wanted, 0.0, off)
    index = np.unravel_index(int(np.argmax(off)), off.shape)
    place = where(*(int(i) for i in index))
    return Finding(bool(off[index] <= 1), place, number(found[index], 17), number(wanted[index], 17))


def same(where: str, found: object, wanted: object) -> Finding:
    """Two things that must be equal."""
    return Finding(found == wanted, where, str(found), str(wanted))


def first_failure(findings: Mapping[str, Finding], passing: str) -> Finding:
    """Several findings as one: the first that failed, its name before its place; else a passed one with ``passing``."""
    for name, finding in findings.items():
        if not finding.passed:
            return finding._replace(where=f"{name}, {finding.where}" if finding.where else name)
    return Finding(True, "", passing)
