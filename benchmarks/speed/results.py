"""All that was measured as one record, kept as JSON; a later run of some works replaces theirs."""

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from records import Entry, Line, Measurement, Row


@dataclass
class Results:
    """What the tables and pictures are made from.

    Attributes:
        environment: what it was measured with.
        rounds: turns each contestant had.
        races: measurements of the training works.
        rows: of predictions, starts and memory.
        lines: of scaling.
    """

    environment: dict[str, str]
    rounds: int
    races: list[Measurement] = field(default_factory=list)
    rows: list[Row] = field(default_factory=list)
    lines: list[Line] = field(default_factory=list)

    def with_kept(self, kept: "Results") -> "Results":
        """These results, and of the kept ones what was not measured again; nothing if they are from elsewhere."""
        if (kept.environment, kept.rounds) != (self.environment, self.rounds):
            return self
        races = {(race.work, race.threads): race for race in kept.races + self.races}
        new = {row.work for row in self.rows}
        lines = {line.name: line for line in kept.lines + self.lines}
        rows = [row for row in kept.rows if row.work not in new] + self.rows
        return Results(self.environment, self.rounds, list(races.values()), rows, list(lines.values()))

    def write(self, path: Path) -> None:
        """As JSON, numbers to six digits."""
        path.write_text(json.dumps(rounded(asdict(self)), indent=1) + "\n")


def rounded(value: Any) -> Any:
    """Floats to six significant digits, wherever they are."""
    if isinstance(value, dict):
        return {key: rounded(part) for key, part in value.items()}
    if isinstance(value, list):
        return [rounded(part) for part in value]
    return float(f"{value:.6g}") if isinstance(value, float) else value


def read(path: Path) -> Results:
    """What ``write`` wrote."""
    told = json.loads(path.read_text())
    told["races"] = [
        Measurement(race["work"], race["threads"], [Entry(**entry) for entry in race["entries"]])
        for race in told["races"]
    ]
    told["rows"] = [Row(**row) for row in told["rows"]]
    told["lines"] = [Line(**line) for line in told["lines"]]
    return Results(**told)
