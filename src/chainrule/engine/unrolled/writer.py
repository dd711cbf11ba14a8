"""Writes the programs of ``unrolled.program``: Python source, section by section, a line for every unit."""

import textwrap

from chainrule.engine.unrolled.epoch_lines import batch, epoch_begins, epoch_ends
from chainrule.engine.unrolled.memory import STATE, Job, Limit
from chainrule.engine.unrolled.page import MEMORY, SIMD, SYNC, TILES, WIDTH, Page, import_line
from chainrule.engine.unrolled.program import Unrolled
from chainrule.engine.unrolled.update_lines import update


def write(program: Unrolled) -> str:
    """The program's text: a Python module with a function ``kernel(job)``."""
    page = Page(program)
    kernel(page)
    body = "\n".join(page.lines)
    page.use(MEMORY, "pointer_to")
    imports = "\n".join(import_line(module, sorted(names)) for module, names in sorted(page.used.items()))
    dtype = program.chain.dtype.name
    return (
        f'"""{header(page)}"""\n\nfrom numba import {dtype}\n\n{imports}\n\nLANES = {program.form.lanes}\n'
        f"numbers = pointer_to({dtype}, LANES)\n\n\ndef kernel(job):\n{body}\n"
    )


def header(page: Page) -> str:
    """What a reader has to know."""
    layers = "; ".join(
        f"layer {l}: {layer.units} {'unit' if layer.units == 1 else 'units'}, {layer.activation.name}"
        for l, layer in enumerate(page.dense, start=1)
    )
    lanes = {
        "one": "There is one lane: every value is a plain number.",
        "copies": f"Every value is {page.form.lanes} lanes: as many copies of the network, side by side.",
        "rows": f"Every value is {page.form.lanes} lanes: as many rows of the batch, side by side.",
    }[page.form.across]
    moments = "".join(f"; {kind}_...: its {name}" for kind, name in zip("mv", page.program.moments, strict=False))
    inputs = f"{page.chain.inputs} {'input' if page.chain.inputs == 1 else 'inputs'}"
    what = f"{inputs}; {layers}; loss {page.chain.loss.name}; optimizer {page.form.rule}{moments}. {lanes}"
    alphabet = (
        "z: net input; a: activation; s: its slope phi'(z); e: a row's loss; de: its derivative by an output; "
        "delta: dE/dz; da: dE/da; dW, db: gradients. W1_0_1 is W1[0, 1]; fma(a, b, c) is a b + c; "
        "select(mask, a, b) is a where the mask is true and b elsewhere."
    )
    parts = [textwrap.fill(part, WIDTH) for part in (what, alphabet)]
    return "A network's training written out, unit by unit: this text is what runs.\n\n" + "\n\n".join(parts) + "\n"


def kernel(page: Page) -> None:
    """The function's body."""
    arguments(page)
    page.put("for group in range(first, last):")
    page.depth += 1
    load_group(page)
    page.put("while update < end:")
    page.depth += 1
    epoch_begins(page)
    batch(page)
    update(page)
    page.put("update, batch = update + 1, batch + 1")
    epoch_ends(page)
    page.depth -= 1
    store_group(page)
    page.depth -= 1


def arguments(page: Page) -> None:
    """The job's words by their names."""
    form = page.form
    page.use(MEMORY, "spread")
    page.use(TILES, "load_tile", "store_tile")
    page.use(SIMD, "fma", "select")
    page.use(SYNC, "words", "reals")
    page.put(
        f"x, t, counts = numbers(job[{Job.X}]), numbers(job[{Job.T}]), numbers(job[{Job.COUNTS}])",
        f"rows, columns, size, order = job[{Job.ROWS}], job[{Job.COLUMNS}], job[{Job.BATCH}], words(job[{Job.ORDER}])",
        f"first, last, limits = job[{Job.FIRST}], job[{Job.LAST}], reals(job[{Job.LIMITS}])",
        f"losses, norms = numbers(job[{Job.LOSSES}]), numbers(job[{Job.NORMS}])",
        f"first_update, end = job[{Job.UPDATE}], job[{Job.UPDATE}] + job[{Job.UPDATES}]",
        "batches = (rows + size - 1)//size",
    )
    if form.scheduled:
        page.put(f"etas = {'numbers' if form.across == 'copies' else 'reals'}(job[{Job.LEARNING_RATES}])")
    if form.scheduled and form.across == "copies":
        page.put(f"eta_starts = words(job[{Job.RATE_STARTS}])")
    if form.across != "copies":
        page.put(f"apply = job[{Job.APPLY}]")
    if form.validates:
        page.put(
            f"validation_x, validation_t = numbers(job[{Job.VALIDATION_X}]), numbers(job[{Job.VALIDATION_T}])",
            f"validation_counts = numbers(job[{Job.VALIDATION_COUNTS}])",
            f"validation_losses = numbers(job[{Job.VALIDATION_LOSSES}])",
            f"validation_rows, validation_columns = job[{Job.VALIDATION_ROWS}], job[{Job.VALIDATION_COLUMNS}]",
        )
    if form.penalises:
        page.put(f"l1, l2 = limits[{Limit.L1}], limits[{Limit.L2}]")
    if form.clips_value:
        page.put(f"clip_value = limits[{Limit.CLIP_VALUE}]")
    if form.clips_norm:
        page.put(f"clip_norm = limits[{Limit.CLIP_NORM}]")
    if form.judges:
        page.put(f"patience, min_delta = limits[{Limit.PATIENCE}], limits[{Limit.MIN_DELTA}]")


def load_group(page: Page) -> None:
    """A group's numbers come into registers."""
    page.put(f"memory = numbers(job[{Job.MEMORY}] + group*job[{Job.STRIDE}])")
    page.load("parameters", page.names)
    for kind, names in page.moments().items():
        page.load(kind, names)
    page.load("settings", page.program.settings)
    page.load("kept", page.program.shared.kept)
    page.load("state", STATE)
    page.put(
        "zero, norm = spread(memory, 0.0), spread(memory, 0.0)",
        f"update, batch, done = first_update, job[{Job.BATCH_NUMBER}], 0",
        f"record = group*job[{Job.RECORDS}]*LANES",
    )


def store_group(page: Page) -> None:
    """And back into memory."""
    page.section("the end: back into memory")
    page.store("parameters", page.names)
    for kind, names in page.moments().items():
        page.store(kind, names)
    page.store("kept", page.program.shared.kept)
    page.store("state", STATE)
    if page.form.across != "copies":
        page.put(f"job[{Job.UPDATE}], job[{Job.BATCH_NUMBER}], job[{Job.DONE}] = update, batch, done")
