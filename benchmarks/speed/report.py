"""The tables, in Markdown: reads the results, measures nothing."""

from collections.abc import Iterable, Sequence
from statistics import median

from contestants import CONTESTANTS
from judge import entry_of, judge_race, judge_rows, ratios, slope
from records import Entry, Judgement, Line, Measurement, Row
from results import Results
from works import BY_NAME, find

METHOD = """Every contestant does the same work: same rows in the same order, same first parameters, same arithmetic.
Before it is timed, its parameters after the work's epochs are held against those of chainrule's reference engine, the
layers' own NumPy; *off* is the distance of the worst array, relative to the distance that training moved it. A
contestant that is too far off ends the run: 1e-9 in float64; in float32 1e-3, or 0.01 with ReLU, where a net input
within rounding of 0 may fall on either side of the kink.

Each has a process of its own, with as many processors as threads, and they take turns, A B C, A B C, with a pause
between; a turn is a run to warm up and then as many as fit 0.2 s, of which the median counts. Tables show medians over
the rounds; *x* is their time over ours, round by round, its median and range. Import and compilation are not in these
times; *ready* says how long they took together with two first runs.

chainrule's time is that of the whole call of `fit` or `sweep`, with its checks of the data and its history. torch has
contiguous slices as batches, class numbers as targets and one call that updates all parameters (*at its best*), or is
written as in its tutorials (*nn and optim*); `torch.compile` has forward, gradients and update in one graph, with the
C++ wrapper. JAX runs all epochs in one jitted scan with donated parameters. The C program is built on the spot by
`cc -O3 -march=native -ffast-math`, for one thread. MKL (through `torch.mm`) and OpenBLAS (through NumPy) do nothing but
a step's matrix products, on the same batches in turn. *The processor's multiply-adds alone* are those of a step on
numbers that stay in registers: a goal that would need less time than these is marked as out of reach here."""


def report(results: Results) -> str:
    """The whole file."""
    told = results.environment
    parts = [
        "# Speed beside the peers",
        f"Measured by `python benchmarks/speed` on {told['processor']} with {told['processors']} processors: "
        + ", ".join(f"{name} {told[name]}" for name in told if name not in ("processor", "processors"))
        + f". Rounds: {results.rounds}.",
        METHOD,
        "## Goals",
        goals_table(judgements(results)) if results.rounds > 1 else "One round is too little to judge by.",
        *(["## Training"] if results.races else []),
        *(part for work in _in_order(results.races) for part in (f"### {find(work).title}", race_table(work, results))),
        *_others(results),
    ]
    return "\n\n".join(parts) + "\n"


def judgements(results: Results) -> list[Judgement]:
    """Of all that was measured."""
    races = [one for race in results.races for one in judge_race(find(race.work), race)]
    return races + judge_rows(results.rows)


def goals_table(judged: Sequence[Judgement]) -> str:
    """A goal a row."""
    words = {True: "yes", False: "**no**", None: "-"}
    rows = [(one.work, one.threads or "-", one.goal, one.text, words[one.met]) for one in judged]
    return table(("work", "threads", "goal", "found", "met"), rows)


def race_table(work: str, results: Results) -> str:
    """A contestant a row, two columns a thread count."""
    races = sorted((race for race in results.races if race.work == work), key=lambda race: race.threads)
    names = list(dict.fromkeys(entry.contestant for race in races for entry in race.entries))
    head = [""]
    for race in races:
        head += [f"{find(work).unit}, {_threads(race.threads)}", "x"]
    rows = []
    for name in names:
        entries = [next(entry for entry in race.entries if entry.contestant == name) for race in races]
        cells = [cell for race, entry in zip(races, entries, strict=True) for cell in _cells(race, entry)]
        rows.append((CONTESTANTS[name].label, *cells, *_asides(entries)))
    return table((*head, "off", "ready"), rows)


def _cells(race: Measurement, entry: Entry) -> tuple[str, str]:
    """Time and ratio."""
    if not entry.seconds:
        return entry.missing, ""
    ours = entry_of(race, "chainrule")
    if ours is None or entry.contestant == "chainrule":
        return duration(median(entry.seconds)), ""
    found = ratios(entry, ours)
    spread = f" ({min(found):.3g} to {max(found):.3g})" if len(found) > 1 else ""
    return duration(median(entry.seconds)), f"{median(found):.3g}{spread}"


def _asides(entries: Iterable[Entry]) -> tuple[str, str]:
    """Distance from the reference, and seconds of preparation: the largest of all thread counts."""
    there = [entry for entry in entries if entry.seconds]
    off = [entry.difference for entry in there if entry.difference is not None]
    ready = [entry.preparation for entry in there]
    return f"{max(off):.1g}" if off else "", f"{max(ready):.1f} s" if ready else ""


def _others(results: Results) -> list[str]:
    """Sections of what was measured beside training."""
    titles = {
        "predict": "Prediction by 784-128-10, float32",
        "start": "From the start of the process to the end of training",
        "memory": "Peak of memory",
    }
    parts = []
    for work, title in titles.items():
        rows = [row for row in results.rows if row.work == work]
        if rows:
            parts += [f"## {title}", rows_table(rows)]
    return parts + (["## How our time grows", slopes_table(results.lines)] if results.lines else [])


def rows_table(rows: Sequence[Row]) -> str:
    """What was done, by whom, and how it compares with ours."""
    ours = {(row.what, row.threads): median(row.values) for row in rows if row.contestant == "chainrule" and row.values}
    cells = []
    for row in sorted(rows, key=lambda row: (row.what, row.threads)):
        what = find(row.what).title if row.what in BY_NAME else row.what
        who = CONTESTANTS[row.contestant].label.partition(",")[0]  # how it trains does not matter here
        if not row.values:
            cells.append((what, _threads(row.threads), who, row.missing, ""))
            continue
        value = median(row.values)
        shown = duration(value) if row.unit == "s" else f"{value / 2**20:.0f} MiB"
        mine = ours.get((row.what, row.threads))
        ratio = f"{value / mine:.3g}" if mine and row.contestant != "chainrule" else ""
        cells.append((what, _threads(row.threads), who, shown, ratio))
    return table(("", "threads", "", "median", "x"), cells)


def slopes_table(lines: Sequence[Line]) -> str:
    """The fitted slope of each line of the log-log picture."""
    rows = []
    for line in lines:
        ends = (
            f"{line.sizes[0]:,} to {line.sizes[-1]:,}",
            f"{duration(line.seconds[0])} to {duration(line.seconds[-1])}",
        )
        rows.append((line.label, *ends, line.per, f"{slope(line.sizes, line.seconds):.2f}"))
    note = "Slopes on log-log axes by least squares over the upper half of the sizes; 1 is linear."
    return table(("", "from, to", "time", "of an", "slope"), rows) + f"\n\n{note}"


def _in_order(races: Sequence[Measurement]) -> list[str]:
    """Each work once, in the order of the table of works."""
    names = list(BY_NAME)
    return sorted({race.work for race in races}, key=lambda name: names.index(name.removeprefix("quick ")))


def _threads(count: int) -> str:
    return "" if not count else f"{count} thread" + "s" * (count > 1)


def duration(seconds: float) -> str:
    """Three digits in the unit that suits."""
    for size, unit in ((1, "s"), (1e-3, "ms"), (1e-6, "us")):
        if seconds >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Of Markdown."""
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(map(str, line)) + " |" for line in lines)
