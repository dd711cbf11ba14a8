"""The lines of one row's pass in a program: reading the row, forward pass, loss, backward pass, gradients."""

from collections.abc import Iterator, Sequence

from chainrule.core.activations import Activation
from chainrule.core.losses import ElementwiseLoss
from chainrule.engine.unrolled.page import (
    ACTIVATIONS,
    FUNCTIONS,
    KIT,
    LOSSES,
    MEMORY,
    Page,
    constants,
    sum_lines,
    unit_activations,
)


def row(page: Page) -> None:
    """One row: up, loss, down, gradients."""
    form = page.form
    for line in fetch(page, validation=False):
        page.put(line)
    page.put("# up")
    up(page)
    page.put("# loss")
    loss(page, form.missing, form.counts, validation=False)
    page.put("# down")
    down(page)
    page.put("# gradients")
    gradients(page)


def fetch(page: Page, *, validation: bool) -> Iterator[str]:
    """A row's inputs and targets, and how much it counts."""
    form, inputs, outputs = page.form, page.chain.inputs, page.chain.outputs
    x, t, counts = ("validation_x", "validation_t", "validation_counts") if validation else ("x", "t", "counts")
    counted = form.validation_counts if validation else form.counts
    many = [(f"x_{i}", x, inputs, i) for i in range(inputs)] + [(f"t_{k}", t, outputs, k) for k in range(outputs)]
    many += [("c", counts, 1, 0)] if counted else []
    if form.across == "rows":
        page.use(KIT, "first_lanes")
        left = "validation_rows - k" if validation else "begin + count - k"
        yield f"here = first_lanes(memory, {left})"
    if form.across == "rows" and (validation or not form.differs):
        page.use(MEMORY, "load")
        columns = "validation_columns" if validation else "columns"
        for name, of, _, i in many:
            yield f"{name} = load({of}, {f'{i}*{columns} + ' if i else ''}k)"
    elif form.differs and not validation:
        page.use(KIT, "gather")
        place = "k*LANES" if form.across == "copies" else "k"
        for name, of, step, i in many:
            yield f"{name} = gather({of}, order, {place}, {step}, {i})"
    else:
        page.use(MEMORY, "number")
        if form.across == "one" and not validation:
            yield "n = order[k]"
        n = "n" if form.across == "one" and not validation else "k"
        for name, of, step, i in many:
            place = n if step == 1 else f"{step}*{n}" + (f" + {i}" if i else "")
            yield f"{name} = spread(memory, number({of}, {place}))"


def up(page: Page) -> None:
    """Each layer's net inputs, activations and slopes."""
    for l, layer in enumerate(page.dense, start=1):
        wires = page.wires(l)
        for j in range(layer.units):
            bias = {"per-unit": f"b{l}_{j}", "shared": f"b{l}", None: ""}[layer.bias]
            products = [(page.activation_name(l - 1, i), f"W{l}_{i}_{j}") for i, k in wires if k == j]
            page.put(*sum_lines(bias or ("" if products else "zero"), products, f"z{l}_{j}"))
        if layer.activation.name == "softmax":
            softmax_up(page, l, layer.units)
            continue
        for j, row in enumerate(unit_activations(layer.activation, layer.units)):
            activation(page, l, j, row)


def activation(page: Page, l: int, j: int, row: Activation) -> None:
    """A unit's activation and its slope."""
    if row.name == "identity":
        page.put(f"a{l}_{j} = z{l}_{j}")
        return
    page.use(ACTIVATIONS, row.name)
    page.put(f"a{l}_{j}, s{l}_{j} = {row.name}(z{l}_{j}, {constants(row.parameters)})")


def largest(page: Page, name: str, of: Sequence[str]) -> None:
    """The largest of several numbers."""
    page.use(FUNCTIONS, "maximum")
    page.put(f"{name} = {of[0]}", *(f"{name} = maximum({name}, {other})" for other in of[1:]))


def softmax_up(page: Page, l: int, units: int) -> None:
    """Softmax of a layer, from the largest net input down."""
    page.use(FUNCTIONS, "exp_of_negative")
    largest(page, "top", [f"z{l}_{j}" for j in range(units)])
    page.put(*(f"h_{j} = exp_of_negative(z{l}_{j} - top)" for j in range(units)))
    page.put(f"r = 1.0/({' + '.join(f'h_{j}' for j in range(units))})")
    page.put(*(f"a{l}_{j} = h_{j}*r" for j in range(units)))


def loss(page: Page, missing: bool, counted: bool, *, validation: bool) -> None:
    """A row's loss joins the batch's; its derivatives by the outputs."""
    form, outputs = page.form, page.chain.outputs
    here = form.across == "rows"
    if missing or here:
        for k in range(outputs):
            there = " & ".join((["here"] if here else []) + ([f"(t_{k} == t_{k})"] if missing else []))
            page.put(f"there_{k} = {there}")
            page.put(*([f"t_{k} = select(there_{k}, t_{k}, 0.0)"] if missing else []))
    if isinstance(page.chain.loss, ElementwiseLoss):
        e = elementwise(page, missing or here)
    else:
        e = cross_entropy(page, missing or here)
    if page.is_mean and missing:
        page.use(FUNCTIONS, "maximum")
        ones = " + ".join(f"select(there_{k}, zero + 1.0, 0.0)" for k in range(outputs))
        page.put(f"r = 1.0/maximum({ones}, 1.0)")
        e = f"({e})*r" if outputs > 1 else f"{e}*r"
        page.put(*(f"de_{k} = de_{k}*r" for k in range(outputs)))
    if counted and here:
        page.put("c = select(here, c, 0.0)")
    by_hand = validation or counted or form.single  # else ``part`` divides the whole batch's sum
    mean = f"*{1 / outputs!r}" if page.is_mean and not missing and by_hand else ""
    e = f"({e}){mean}" if mean else e
    total = "validation" if validation else "E"
    if validation or not form.single:
        page.put(f"{total} = fma(c, {e}, {total})" if counted else f"{total} = {total} + {e}")
        page.put(*(["weight = weight + c"] if counted and not validation else []))
    else:
        page.put(f"E, weight = c*({e}), c" if counted else f"E = {e}")
    if counted and not validation:
        page.put(f"part = c*({'rows' if form.single else 'standing'}{mean})")


def elementwise(page: Page, selected: bool) -> str:
    """The terms of all outputs and their derivatives; their sum."""
    loss, l = page.chain.loss, len(page.dense)
    twin = "squared_error" if loss.name == "mean_squared_error" else loss.name
    page.use(LOSSES, twin)
    for k in range(page.chain.outputs):
        page.put(f"e_{k}, de_{k} = {twin}({page.activation_name(l, k)}, t_{k}, {constants(loss.parameters)})")
        if selected:
            page.put(f"e_{k}, de_{k} = select(there_{k}, e_{k}, 0.0), select(there_{k}, de_{k}, 0.0)")
    return " + ".join(f"e_{k}" for k in range(page.chain.outputs))


def cross_entropy(page: Page, selected: bool) -> str:
    """Softmax and cross-entropy fused; at the likeliest class the derivative comes from the others."""
    y, K = [page.activation_name(len(page.dense), k) for k in range(page.chain.outputs)], page.chain.outputs
    page.use(FUNCTIONS, "exp_of_negative", "log1p")
    largest(page, "top", y)
    for k in range(K):
        earlier = "".join(f" & ({y[j]} < top)" for j in range(k))
        page.put(f"is_top_{k} = ({y[k]} == top){earlier}")
    page.put(*(f"h_{k} = select(is_top_{k}, 0.0, exp_of_negative({y[k]} - top))" for k in range(K)))
    page.put(f"others = {' + '.join(f'h_{k}' for k in range(K))}")
    page.put(f"sum_t = {' + '.join(f't_{k}' for k in range(K))}")
    page.put(f"e_0 = {' + '.join(f't_{k}*(top - {y[k]})' for k in range(K))} + sum_t*log1p(others)")
    page.put("share = sum_t/(1.0 + others)")
    for k in range(K):
        rest = " + ".join(f"t_{j}" for j in range(K) if j != k) or "zero"
        page.put(f"de_{k} = select(is_top_{k}, ({rest}) - share*others, share*h_{k} - t_{k})")
    if selected:
        page.put("e_0 = select(there_0, e_0, 0.0)")
        page.put(*(f"de_{k} = select(there_{k}, de_{k}, 0.0)" for k in range(K)))
    return "e_0"


def output_factor(page: Page) -> str:
    """What an output's derivative is multiplied by to be that of E; empty for 1."""
    form = page.form
    if form.counts or not form.single:
        return "part"
    return repr(1 / page.chain.outputs) if page.is_mean and not form.missing else ""


def down(page: Page) -> None:
    """``delta`` and ``da`` of each layer down to the lowest that is trained."""
    part, top = output_factor(page), len(page.dense)
    for l in range(top, page.trained[0] - 1, -1):
        layer = page.dense[l - 1]
        wires = [] if l == top else page.wires(l + 1)
        for i in range(layer.units):
            products = [(f"delta{l + 1}_{j}", f"W{l + 1}_{k}_{j}") for k, j in wires if k == i]
            if l < top:
                page.put(*sum_lines("" if products else "zero", products, f"da{l}_{i}"))
        if layer.activation.name == "softmax":
            softmax_down(page, l, layer.units, part if l == top else "")
            continue
        for i, row in enumerate(unit_activations(layer.activation, layer.units)):
            from_above = f"de_{i}" if l == top else f"da{l}_{i}"
            factors = ([] if row.name == "identity" else [f"s{l}_{i}"]) + ([part] if l == top and part else [])
            factor = f"({'*'.join(factors)})" if len(factors) > 1 else "".join(factors)
            page.put(f"delta{l}_{i} = {from_above}*{factor}" if factor else f"delta{l}_{i} = {from_above}")


def softmax_down(page: Page, l: int, units: int, part: str) -> None:
    """The deltas of a softmax layer: its Jacobian times what comes from above."""
    from_above = [f"de_{i}" if l == len(page.dense) else f"da{l}_{i}" for i in range(units)]
    page.put(*sum_lines("", [(f"a{l}_{i}", from_above[i]) for i in range(units)], "dot"))
    factor = f"*{part}" if part else ""
    page.put(*(f"delta{l}_{i} = a{l}_{i}*({from_above[i]} - dot){factor}" for i in range(units)))


def gradients(page: Page) -> None:
    """``dW`` and ``db``, added to those of the batch's earlier rows."""
    for l in page.trained:
        layer = page.dense[l - 1]
        for i, j in page.wires(l):
            name, a, delta = f"dW{l}_{i}_{j}", page.activation_name(l - 1, i), f"delta{l}_{j}"
            page.put(f"{name} = {a}*{delta}" if page.form.single else f"{name} = fma({a}, {delta}, {name})")
        if layer.bias is None:
            continue
        if layer.bias == "per-unit":
            sums = {f"db{l}_{j}": f"delta{l}_{j}" for j in range(layer.units)}
        else:
            sums = {f"db{l}": " + ".join(f"delta{l}_{j}" for j in range(layer.units))}
        for name, summand in sums.items():
            page.put(f"{name} = {summand}" if page.form.single else f"{name} = {name} + {summand}")
