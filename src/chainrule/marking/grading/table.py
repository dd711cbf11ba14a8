"""The grades as a table: CSV for a spreadsheet, HTML to read."""

import csv
import io
from collections.abc import Sequence
from pathlib import Path

from chainrule.core.format import html_table
from chainrule.marking.grading.grade import Graded, counts

HEADER = ["file", "verdict", "mistakes", "layers", "summary"]


def rows_of(graded: Sequence[Graded]) -> list[list[str]]:
    """A row of cells for each submission, in the order of ``HEADER``."""
    return [[one.file, one.verdict, *_mistakes(one), one.summary] for one in graded]


def _mistakes(one: Graded) -> tuple[str, str]:
    if one.marking is None:
        return "", ""
    layers = ["all" if m.layer is None else str(m.layer) for m in one.marking.mistakes]
    return " ".join(one.marking.codes), " ".join(dict.fromkeys(layers))


def csv_text(graded: Sequence[Graded]) -> str:
    """A line for each submission; cells that a spreadsheet would read as formulas get an apostrophe in front."""
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(HEADER)
    writer.writerows([_harmless(cell) for cell in row] for row in rows_of(graded))
    return text.getvalue()


def write_csv(path: Path, graded: Sequence[Graded]) -> None:
    """Write the table as CSV, for a spreadsheet."""
    path.write_bytes(csv_text(graded).encode())


def _harmless(cell: str) -> str:
    return "'" + cell if cell[:1] in ("=", "+", "-", "@", "\t", "\r") else cell


def html_text(graded: Sequence[Graded]) -> str:
    """A page: how often each mistake was made, then every submission."""
    counted = [[code, str(number)] for code, number in counts(graded).most_common()]
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Marking</title><body>'
        + html_table(["mistake or verdict", "submissions"], counted, caption=f"{len(graded)} submissions")
        + "<p></p>"
        + html_table(HEADER, rows_of(graded))
        + "</body></html>"
    )


def write_html(path: Path, graded: Sequence[Graded]) -> None:
    """Write the table as an HTML page, to read."""
    path.write_bytes(html_text(graded).encode())
