"""How fast is chainrule beside its peers? One run of all works, their goals, tables and pictures.

    pip install . && pip install torch jax scikit-learn   # peers are optional, each of them; so is a C compiler
    python benchmarks/speed                     # everything: about half an hour, on a machine that does nothing else
    python benchmarks/speed --only digits wide  # some works; the results of the others are kept
    python benchmarks/speed --quick --only small --peers chainrule numpy   # seconds: is the suite itself in order?

Prints the tables, and writes them with all numbers and two pictures; a quick run writes only where ``--output`` says.
Ends with an error if a contestant's results differ from those of our reference.
"""

import argparse
import os
import sys
from pathlib import Path

import prediction
import scaling
import starts_and_memory
from contestants import CONTESTANTS
from environment import environment
from measure import race
from report import report
from results import Results, read
from works import BY_NAME, find

HERE = Path(__file__).resolve().parent
OTHERS = ("predict", "start", "memory", "scaling")
IMAGES = HERE.parent.parent / "docs" / "images"


def arguments() -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=[*BY_NAME, *OTHERS], help="the works to do; all unless given")
    parser.add_argument("--peers", nargs="+", choices=list(CONTESTANTS), help="who takes part in training; all")
    parser.add_argument("--threads", nargs="+", type=int, help="thread counts; those of each work")
    parser.add_argument("--rounds", type=int, default=9, help="turns of each contestant")
    parser.add_argument("--quick", action="store_true", help="one round of small works")
    parser.add_argument("--output", type=Path, help="the folder to write to, pictures too")
    return parser.parse_args()


def main() -> None:
    """Measure, then write."""
    told = arguments()
    rounds = 1 if told.quick else told.rounds
    wanted = told.only or [*BY_NAME, *OTHERS]
    results = Results(environment(), rounds)
    for name in wanted:
        if name in BY_NAME:
            run_races(results, f"quick {name}" if told.quick else name, told)
    run_others(results, wanted, told)
    write(results, told.output, keep=not told.quick)


def run_races(results: Results, name: str, told: argparse.Namespace) -> None:
    """One work at each of its thread counts."""
    work = find(name)
    names = [contestant for contestant in work.contestants if not told.peers or contestant in told.peers]
    for threads in told.threads or work.threads:
        results.races.append(race(work, threads, results.rounds, names, tell))


def run_others(results: Results, wanted: list[str], told: argparse.Namespace) -> None:
    """What is not a race."""
    rounds = results.rounds
    threads = told.threads or sorted({1, min(2, os.cpu_count() or 1)})
    parts = {
        "predict": lambda: prediction.predictions(rounds, threads, tell),
        "start": lambda: starts_and_memory.starts(min(rounds, 5), tell),
        "memory": lambda: starts_and_memory.memory(min(rounds, 3), tell),
    }
    for name, part in parts.items():
        if name in wanted:
            results.rows += part()
    if "scaling" in wanted:
        results.lines += scaling.lines(rounds, tell)


def write(results: Results, output: Path | None, *, keep: bool) -> None:
    """Print the tables; write files unless it was a quick run that was not told where."""
    folder, images = (output, output) if output else (HERE, IMAGES)
    if keep and (folder / "results.json").exists():
        results = results.with_kept(read(folder / "results.json"))
    text = report(results)
    print(text)
    if not keep and output is None:
        return
    from draw import draw_ratios, draw_scaling

    folder.mkdir(parents=True, exist_ok=True)
    results.write(folder / "results.json")
    (folder / "results.md").write_text(text)
    draw_ratios(results.races, images / "speed.png")
    if results.lines:
        draw_scaling(results.lines, images / "speed-scaling.png")


def tell(text: str) -> None:
    """Where we are, on standard error."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
