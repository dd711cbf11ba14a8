"""What to show of a derivation, and in which order: its lines, paths and rows. Every rendering uses the same choice."""

from collections.abc import Iterator
from dataclasses import dataclass

from chainrule.explain.derivation import Contribution, Derivation
from chainrule.explain.expression import Expression, Leaf, Number, Product
from chainrule.explain.paths import Path, Paths
from chainrule.explain.tree import Line

MOST_ROWS = 12
"""How many rows of a batch are listed before the rest are summed."""

_MOST_REASONS = 3


def lines(tree: Line) -> Iterator[tuple[int, Line]]:
    """(depth, line) in order, each quantity unfolded where it first comes."""
    unfolded: set[Leaf] = set()

    def walk(line: Line, depth: int) -> Iterator[tuple[int, Line]]:
        if line.quantity not in unfolded:
            unfolded.add(line.quantity)
            yield depth, line
            for child in line.children:
                yield from walk(child, depth + 1)

    yield from walk(tree, 0)


@dataclass(frozen=True)
class ShownPaths:
    """The paths as a reader wants them.

    Attributes:
        heading: how many there are.
        listed: those that are not 0.
        smaller: how many others are summed, and their sum and share; None if there are none.
        zero: how many are 0.
        reasons: factors that are 0 on those: a single one where it is common to all.
        more_reasons: whether there are others.
    """

    heading: str
    listed: tuple[Path, ...]
    smaller: tuple[int, float, float | None] | None
    zero: int
    reasons: tuple[Expression, ...]
    more_reasons: bool

    @property
    def zero_text(self) -> str:
        """``2 paths are 0``, or that all are."""
        paths = f"{self.zero:,} path{'s' if self.zero > 1 else ''}"
        return f"{'' if self.listed else 'all '}{paths} {'are' if self.zero > 1 else 'is'} 0" if self.zero else ""


def shown_paths(paths: Paths) -> ShownPaths:
    """The nonzero paths, the others summed or said to be 0, with the reason."""
    listed = tuple(path for path in paths.listed if path.value != 0)
    zeros = [path for path in paths.listed if path.value == 0]
    hidden = paths.count - len(paths.listed)
    zero = len(zeros) + (hidden if zeros else 0)  # the largest are listed: after a 0 there are only zeros
    whole = paths.rest + sum(path.value for path in paths.listed)
    smaller = None if zeros or not hidden else (hidden, paths.rest, paths.rest / whole if whole else None)
    causes = [[factor for factor in path.factors if getattr(factor, "value", 1.0) == 0] for path in zeros]
    common = (
        next((factor for factor in causes[0] if all(factor in cause for cause in causes)), None) if causes else None
    )
    reasons = (common,) if common is not None else tuple(dict.fromkeys(cause[0] for cause in causes if cause))
    heading = {0: "no path to the loss", 1: "1 path to the loss"}.get(paths.count, f"{paths.count:,} paths to the loss")
    return ShownPaths(heading, listed, smaller, zero, reasons[:_MOST_REASONS], len(reasons) > _MOST_REASONS)


def path_product(path: Path) -> Expression:
    """A path's factors as one product."""
    return Product(path.factors) if len(path.factors) > 1 else path.factors[0] if path.factors else Number(1.0)


def percent(share: float | None) -> str:
    """``12.3 %``; without a minus sign where it rounds to nothing."""
    if share is None:
        return ""
    return f"{round(100 * share, 1) + 0.0:.1f} %"


def shown_rows(derivation: Derivation) -> tuple[list[Contribution], tuple[int, float] | None]:
    """The rows with the largest parts in their order, and how many others there are with their sum."""
    largest = sorted(derivation.contributions, key=lambda c: -abs(c.value))[:MOST_ROWS]
    hidden = len(derivation.contributions) - len(largest)
    rest = derivation.value - sum(c.value for c in largest)
    return sorted(largest, key=lambda c: c.row), (hidden, rest) if hidden else None
