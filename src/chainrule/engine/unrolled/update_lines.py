"""The lines of an update in a program: penalties, clipping, the optimizer's rule."""

from chainrule.engine.unrolled.page import FUNCTIONS, KIT, OPTIMIZERS, Page, as_tuple
from chainrule.engine.unrolled.update_rules import SAME_FUNCTION


def update(page: Page) -> None:
    """Penalties, clipping, the optimizer's rule."""
    form = page.form
    gradients = [f"d{name}" for name in page.free]
    if form.penalises:
        page.use(FUNCTIONS, "sign")
        page.section("penalties")
        page.put(*(f"d{w} = fma(l2, {w}, fma(l1, sign({w}), d{w}))" for w in page.free if w in page.decayed))
    if form.clips_value:
        page.use(FUNCTIONS, "clip")
        page.section("no entry too large")
        page.put(*(f"{g} = clip({g}, -clip_value, clip_value)" for g in gradients))
    if form.clips_norm:
        page.use(KIT, "norm_of")
        page.section("no gradient too long")
        page.put(f"norm = norm_of({as_tuple(gradients)})")
        page.put("factor = select(norm > clip_norm, clip_norm/norm, zero + 1.0)", "norm = norm*factor")
        page.put(*(f"{g} = {g}*factor" for g in gradients))
    elif form.norms:
        page.use(KIT, "norm_of")
        page.put("if batch == batches - 1:", f"    norm = norm_of({as_tuple(gradients)})")
    page.section("the update")
    if form.shows:
        page.store("gradient", gradients)
    if form.across != "copies":
        page.put("if apply == 0:", "    break")
    rule(page)


def rule(page: Page) -> None:
    """Each parameter's step, and the parameter without it."""
    form, shared = page.form, page.program.shared
    if form.rule == "sgd" and not form.decays and not form.shows:
        page.put(*(f"{w} = fma(-eta, d{w}, {w})" for w in page.free))
        return
    twin = SAME_FUNCTION.get(form.rule, form.rule)
    page.use(OPTIMIZERS, twin)
    if "exp" in "".join(shared.lines):
        page.use(FUNCTIONS, "exp")
    page.put(*shared.lines)
    page.put(f"q = {as_tuple([*shared.q, *['zero'] * (8 - len(shared.q))])}")
    count = len(page.program.moments)
    for w in page.free:
        m, v = f"m_{w}" if count > 0 else "_", f"v_{w}" if count > 1 else "_"
        given = [f"m_{w}" if count > 0 else "zero", f"v_{w}" if count > 1 else "zero"]
        page.put(f"step_{w}, {m}, {v} = {twin}(d{w}, {', '.join(given)}, q)")
        if form.decays and w in page.decayed:
            page.put(f"step_{w} = fma(eta*decay, {w}, step_{w})")
    if form.shows:
        page.store("update", [f"step_{w}" for w in page.free])
    page.put(*(f"{w} = {w} - step_{w}" for w in page.free))
