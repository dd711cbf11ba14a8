"""A step as HTML: its sections fold, wide tables scroll in their own box, no script."""

from collections.abc import Sequence

from chainrule.explain.render.html import page, part
from chainrule.explain.render.mathml import printable
from chainrule.explain.render.step_text import headline
from chainrule.explain.step import Step
from chainrule.explain.step_sections import Section, sections

_TABLE = 'style="table-layout:auto;width:auto;font-variant-numeric:tabular-nums"'


def step_html(steps: Sequence[Step], *, whole_page: bool) -> str:
    """One step, or several under each other; of several only the first is open."""
    parts = [_step_html(step, is_open=step is steps[0], alone=len(steps) == 1) for step in steps]
    inside = part("".join(parts))
    return page(headline(steps[0]), inside) if whole_page else inside


def _step_html(step: Step, *, is_open: bool, alone: bool) -> str:
    body = "".join(_section_html(number, section) for number, section in enumerate(sections(step), start=1))
    title = f'<span class="title">{printable(headline(step))}</span>'
    if alone:
        return f"<p>{title}</p>{body}"
    return _folding(title, body, is_open=is_open)


def _folding(title: str, body: str, *, is_open: bool = True) -> str:
    opened = " open" if is_open else ""
    return f'<details{opened}><summary class="line">{title}</summary><div class="below">{body}</div></details>'


def _section_html(number: int, section: Section) -> str:
    about = "".join(f"<p>{printable(line)}</p>" for line in section.about)
    note = f'<p class="note">{printable(section.note)}</p>' if section.note else ""
    table = f'<div class="scroll">{_table(section)}</div>'
    return _folding(f"<b>{number}. {printable(section.title)}</b>", about + table + note)


def _table(section: Section) -> str:
    """Numbers stay on one line; formulas and arrays, which may be longer than the page is wide, are broken."""
    styles = {"formula": "", "value": ' style="min-width:9em"'}
    kinds = [styles.get(name, ' style="white-space:nowrap"') for name in section.header]
    head = "".join(f'<th style="vertical-align:bottom">{printable(cell)}</th>' for cell in section.header)
    rows = "".join(
        "<tr>" + "".join(f"<td{kind}>{printable(cell)}</td>" for kind, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in section.rows
    )
    return f"<table {_TABLE}><thead><tr>{head}</tr></thead><tbody>{rows}</tbody></table>"
