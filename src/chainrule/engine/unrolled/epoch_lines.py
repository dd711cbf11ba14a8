"""The lines of an epoch in a program: its start, its batches, then validation, the best parameters, patience."""

from chainrule.engine.unrolled.memory import Job
from chainrule.engine.unrolled.page import KIT, MEMORY, TILES, Page, as_tuple
from chainrule.engine.unrolled.pass_lines import fetch, loss, row, up


def epoch_begins(page: Page) -> None:
    """Its parameters are kept, its rows shuffled."""
    form = page.form
    page.section("an epoch begins")
    page.put("if batch == 0:")
    page.depth += 1
    page.store("epoch_start", page.names)
    page.put("loss = zero")
    if form.across == "one" or form.differs:
        page.use(KIT, "shuffle")
        orders, group = ("LANES", " + group*(8*LANES)") if form.across == "copies" else ("1", "")
        page.put(f"if job[{Job.STREAMS}] != 0:")
        page.put(f"    shuffle(order, rows, {orders}, job[{Job.RANDOM_FUNCTION}], words(job[{Job.STREAMS}]{group}))")
    page.depth -= 1


def batch(page: Page) -> None:
    """Loss and gradients of a batch."""
    form = page.form
    if form.scheduled and form.across == "copies":
        page.use(KIT, "gather")
        page.put("eta = gather(etas, eta_starts, group*LANES, 1, update - first_update)")
    elif form.scheduled:
        page.put("eta = spread(memory, etas[update - first_update])")
    if form.single:
        page.section("a batch: a single row")
        page.put("k = batch", "count = 1")
        row(page)
    else:
        page.section("a batch")
        page.put("begin = batch*size", "count = min(size, rows - begin)", "E = zero")
        if form.counts:
            page.put("weight = zero", "standing = rows/(1.0*count)")
        elif (outputs := page.divisor()) != "count":
            page.put(f"part = 1.0/({outputs})")
        else:
            page.put("part = 1.0/count")
        page.use(TILES, "zero_tile")
        page.put(f"{as_tuple([f'd{name}' for name in page.free])} = zero_tile(memory, {len(page.free)}, 1)")
        step = ", LANES" if form.across == "rows" else ""
        page.put(f"for k in range(begin, begin + count{step}):")
        page.depth += 1
        row(page)
        page.depth -= 1
        if form.across == "rows":
            page.use(KIT, "together")
            page.put("# the lanes' rows together", "E = together(memory, E)")
            page.put(*(["weight = together(memory, weight)"] if form.counts else []))
            page.put(*(f"d{name} = together(memory, d{name})" for name in page.free))
        if not form.counts:
            page.put("E = E*part")
    if form.across != "copies":
        page.use(KIT, "every")
        page.put("if not every(E - E == 0.0):  # not finite: before anything is changed")
        page.put("    stopped = zero + 2.0", "    break")
    page.put("loss = loss + E" if form.counts else "loss = fma(E, count/(1.0*rows), loss)")


def epoch_ends(page: Page) -> None:
    """Is all still finite; validation; the best parameters; patience."""
    form = page.form
    page.use(KIT, "finite", "some")
    page.use(MEMORY, "store")
    page.section("an epoch ends")
    page.put("if batch == batches:")
    page.depth += 1
    page.put("batch = 0", f"fine = finite({as_tuple([*page.free, 'loss'])})")
    if form.across == "copies":
        page.use(KIT, "every")
        page.put("stopped = select(stopped == 0.0, select(fine, zero, 2.0), stopped)", "alive = stopped < 2.0")
        page.put("if not every(alive):  # a copy that diverged keeps what it began this epoch with")
        page.use(KIT, "select_tile")
        now, before = as_tuple(page.names), page.tile("epoch_start", page.names)
        page.put(f"    {now} = select_tile(alive, {now}, {before})")
        page.put("    loss = select(alive, loss, loss - loss + zero/zero)")
    else:
        page.put("if not some(fine):", "    stopped = zero + 2.0", "    update = update - 1", "    break")
    page.put("store(losses, record, loss)")
    if form.norms:
        page.put("store(norms, record, norm)")
    if form.validates:
        validation(page)
    if form.judges:
        judge(page)
    page.put("record = record + LANES", "done = done + 1")
    page.put("if not some(stopped == 0.0):", "    break")
    page.depth -= 1


def validation(page: Page) -> None:
    """The loss of the rows set aside."""
    form = page.form
    page.put("validation = zero")
    page.put(f"for k in range(0, validation_rows, {'LANES' if form.across == 'rows' else '1'}):")
    page.depth += 1
    for line in fetch(page, validation=True):
        page.put(line)
    up(page)
    loss(page, form.validation_missing, form.validation_counts, validation=True)
    page.depth -= 1
    if form.across == "rows":
        page.use(KIT, "together")
        page.put("validation = together(memory, validation)")
    if not form.validation_counts:
        page.put("validation = validation/(1.0*validation_rows)")
    if form.across == "copies":
        page.put("validation = select(alive, validation, loss)")
    page.put("store(validation_losses, record, validation)")


def judge(page: Page) -> None:
    """The best parameters are kept; patience is watched."""
    form, places, lanes = page.form, page.program.places, page.form.lanes
    page.use(KIT, "keep")
    if form.validates:
        page.store("parameters", page.names)
    kept = "parameters" if form.validates else "epoch_start"
    page.put(
        f"judged, now = {'validation' if form.validates else 'loss'}, spread(memory, job[{Job.EPOCH}] + done)",
        "better = (judged < patience_reference - min_delta) & (stopped == 0.0)",
        "patience_reference = select(better, judged, patience_reference)",
        "last_improved = select(better, now, last_improved)",
        "better = (judged < best) & (stopped == 0.0)",
        "if some(better):",
        f"    keep(memory, {places[kept] * lanes}, {places['best'] * lanes}, {page.chain.size}, LANES, better)",
        "    best, best_epoch = select(better, judged, best), select(better, now, best_epoch)",
        "stopped = select((stopped == 0.0) & (now - last_improved >= patience), zero + 1.0, stopped)",
    )
