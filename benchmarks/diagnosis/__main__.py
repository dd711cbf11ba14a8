"""Are the causes of failing training named, and only those? Planted faults and healthy runs, beside other tools' rules.

    python benchmarks/diagnosis                          both parts, about an hour; writes results.md and results.json
    python benchmarks/diagnosis --part tuning            the part the rules may be tuned on, with every miss
    python benchmarks/diagnosis --part tuning --limit 80 --only dead-units
    python benchmarks/diagnosis --quick                  a few runs, a minute; writes nothing
    python benchmarks/diagnosis --search                 search the cases again, about an hour
    python benchmarks/diagnosis/exactness.py             critical rates by bisection, predicted losses

Needs scikit-learn, for its bundled data.
"""

import argparse
import json
import sys
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from importlib import metadata
from multiprocessing import get_context
from pathlib import Path

from threadpoolctl import threadpool_limits

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from cases import SEEDS, Case, all_cases, read, search, write  # noqa: E402 - found by the line above
from faults import CODES  # noqa: E402
from judging import OURS, judge  # noqa: E402
from report import confusion, misses, report  # noqa: E402
from score import Verdict, by_code, summary  # noqa: E402

PACKAGES = ("chainrule", "numpy", "scipy", "scikit-learn")
QUICK = 24


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """Of the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--part", choices=[*SEEDS, "both"], default="both")
    parser.add_argument("--only", nargs="+", choices=[*CODES, "healthy", "pair"], help="these codes or kinds alone")
    parser.add_argument("--limit", type=int, help="at most so many runs of a part, of all kinds")
    parser.add_argument("--quick", action="store_true", help=f"{QUICK} runs of the tuning part; no files")
    parser.add_argument("--search", action="store_true", help="find the cases anew instead of taking those kept")
    parser.add_argument("--jobs", type=int, default=2, help="processes, each with one thread of its own")
    parser.add_argument("--ours", action="store_true", help="leave the other tools out")
    parser.add_argument("--misses", type=Path, help="a file for the misses of the tuning part; printed unless given")
    parser.add_argument("--output", type=Path, help="the folder to write results to; this one, for a whole run")
    return parser.parse_args(given)


def main(given: list[str] | None = None) -> None:
    """Judge, then print and write."""
    options = arguments(given)
    parts = ["tuning"] if options.quick else list(SEEDS) if options.part == "both" else [options.part]
    found = {}
    for part in parts:
        verdicts = judged(chosen(part, options), ours_alone=options.ours, jobs=options.jobs)
        found[part] = verdicts
        if part == "tuning":
            text = misses(verdicts)
            if options.misses:
                options.misses.write_text(text)
            else:
                print(text)
    text = report(found, environment())
    print(text)
    whole = not (options.quick or options.only or options.limit or options.ours) and options.part == "both"
    folder = options.output or (HERE if whole else None)
    if folder:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "results.md").write_text(text)
        (folder / "results.json").write_text(json.dumps(plain(found), indent=1) + "\n")


def chosen(part: str, options: argparse.Namespace) -> list[Case]:
    """The cases to judge: those kept, or searched where they are not."""
    kept = {} if options.search else read()
    wanted = [case for case in all_cases(part) if _is_wanted(case, options.only)]
    wanted = wanted[: QUICK if options.quick else options.limit]
    cases = []
    for case in wanted:
        if case.key not in kept:
            tell(f"searching {case.key}")
            kept[case.key] = search(case)
        cases.append(kept[case.key])
    if options.search:
        write(read() | kept)
    return cases


def _is_wanted(case: Case, only: list[str] | None) -> bool:
    return not only or case.kind in only or bool(set(case.planted) & set(only))


def judged(cases: list[Case], *, ours_alone: bool, jobs: int) -> dict[str, list[Verdict]]:
    """Every tool's verdicts on the cases."""
    found: dict[str, list[Verdict]] = {}
    look = partial(judge, rivals=not ours_alone, unproved=not ours_alone)
    with ProcessPoolExecutor(jobs, get_context("spawn"), threadpool_limits, (1,)) as pool:
        for number, verdicts in enumerate(pool.map(look, cases), start=1):
            for tool, verdict in verdicts.items():
                found.setdefault(tool, []).append(verdict)
            if number % 20 == 0:
                tell(f"{number} of {len(cases)}")
    return found


def environment() -> dict[str, str]:
    """Versions; nothing that names the machine."""
    return {"Python": sys.version.split()[0]} | {package: metadata.version(package) for package in PACKAGES}


def plain(found: dict[str, dict[str, list[Verdict]]]) -> dict[str, object]:
    """All numbers; of the held part no single runs, so that nobody tunes on it."""
    results: dict[str, object] = {"environment": environment(), "seeds": SEEDS}
    for part, verdicts in found.items():
        scores = {tool: {"summary": summary(said), "codes": _counts(said)} for tool, said in verdicts.items()}
        results[part] = scores
        if part == "tuning":
            scores[OURS]["first by planted code"] = confusion(verdicts[OURS])
            scores[OURS]["runs"] = [[v.case.key, v.named, round(v.seconds, 3)] for v in verdicts[OURS]]
    return results


def _counts(said: list[Verdict]) -> dict[str, list[object]]:
    """By code: planted, found, first, named, right, recall, precision."""
    return {
        code: [one.planted, one.found, one.first, one.named, one.right, one.recall, one.precision]
        for code, one in by_code(said).items()
    }


def tell(text: str) -> None:
    """Where we are, on standard error."""
    print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
