"""A step as aligned text."""

from collections.abc import Iterable

from chainrule.core.format import text_table
from chainrule.explain.step import Step
from chainrule.explain.step_sections import Section, sections


def step_text(step: Step) -> str:
    """The sections under each other, numbered."""
    texts = [_section_text(number, section) for number, section in enumerate(sections(step), start=1)]
    return "\n\n".join([headline(step), *texts])


def headline(step: Step) -> str:
    """Which step it is."""
    rows = f"row {step.rows[0]}" if len(step.rows) == 1 else f"{len(step.rows):,} rows together"
    return (
        f"Training step {step.count} on {rows}: {type(step.optimizer).__name__}, learning rate {step.learning_rate:g}"
    )


def _section_text(number: int, section: Section) -> str:
    note = [f"({section.note})"] if section.note else []
    return "\n".join(
        [f"{number}. {section.title}", *indented([*section.about, text_table(section.header, section.rows), *note])]
    )


def indented(blocks: Iterable[str]) -> list[str]:
    """Each line set in by two spaces."""
    return [f"  {line}".rstrip() for block in blocks for line in block.splitlines()]
