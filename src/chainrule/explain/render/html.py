"""Building blocks of every HTML page part: its style, lines of formulas, bars, a whole page around it.

The parts contain no script and load nothing. Text and background are the host's, so that they suit a light page and a
dark notebook alike; each layer's colour is one that can be read on both. A long formula scrolls in its own box.
"""

from collections.abc import Iterable, Sequence

from chainrule.explain.expression import Number
from chainrule.explain.notation import LAYER_COLOURS
from chainrule.explain.render.mathml import MathWriter, printable

_COLOURS = ("#0e87a8", "#a8720a", "#b04fc0", "#35883a", "#4a76e0", "#d04a3e")
"""Of layers 1 to 6, as in text: cyan, yellow, magenta, green, blue, red."""
assert len(_COLOURS) == LAYER_COLOURS

_STYLE = """
.chainrule{color:inherit;background:transparent;font:inherit;line-height:1.5;max-width:70em;margin:.5em 0}
.chainrule *{box-sizing:border-box}
.chainrule math{font-size:1.1em;math-style:normal}
.chainrule h3{font-size:1em;font-weight:600;margin:1.2em 0 .4em}
.chainrule h3::first-letter,.chainrule .title::first-letter{text-transform:uppercase}
.chainrule p{margin:.3em 0}
.chainrule .title{font-size:1.2em;padding-bottom:.2em}
.chainrule details>summary{cursor:pointer;list-style:none}
.chainrule details>summary::-webkit-details-marker{display:none}
.chainrule .line{display:flex;flex-wrap:wrap;align-items:center;gap:.1em .8em;
 padding:.25em 0 .25em 1.3em;position:relative}
.chainrule summary.line::before{content:"";position:absolute;left:.25em;top:calc(50% - .3em);
 border:.3em solid transparent;border-left:.45em solid;opacity:.6}
.chainrule details[open]>summary.line::before{transform:rotate(90deg);transform-origin:25% 50%}
.chainrule summary.line:hover{background:rgba(128,128,128,.12)}
.chainrule summary:focus-visible{outline:2px solid #4a76e0}
.chainrule .below{margin-left:.55em;padding-left:.7em;border-left:1px solid rgba(128,128,128,.35)}
.chainrule .scroll{display:inline-block;vertical-align:middle;max-width:100%;padding:.1em 0;
 overflow-x:auto;overflow-y:hidden;scrollbar-width:thin}
.chainrule .numbers{opacity:.85}
.chainrule .value{font-weight:600;white-space:nowrap}
.chainrule .note,.chainrule .shape{font-size:.9em;opacity:.8;font-style:italic}
.chainrule .shape{font-style:normal;white-space:nowrap}
.chainrule table{border-collapse:collapse;width:100%;table-layout:fixed;color:inherit;background:transparent}
.chainrule tr{background:transparent!important}
.chainrule th,.chainrule td{padding:.25em .5em;text-align:left;color:inherit;
 border-bottom:1px solid rgba(128,128,128,.25)}
.chainrule th{font-weight:600;font-size:.9em;opacity:.8}
.chainrule .figure{width:7.5em;text-align:right;white-space:nowrap}
.chainrule .share{width:9em}
.chainrule .bar{position:relative;height:.9em;background:rgba(128,128,128,.15)}
.chainrule .bar i{position:absolute;top:0;bottom:0;background:#4a76e0}
.chainrule .bar i.less{background:#d04a3e}
.chainrule .tick{color:#35883a;font-weight:700}
.chainrule .cross{color:#d04a3e;font-weight:700}
.chainrule .wide{overflow-x:auto}
.chainrule .wide table{table-layout:auto}
@media(max-width:600px){
.chainrule .below{margin-left:.3em;padding-left:.3em}
.chainrule th,.chainrule td{padding:.25em .3em}
.chainrule .paths thead{display:none}
.chainrule .paths tr{display:flex;flex-wrap:wrap;align-items:center;border-bottom:1px solid rgba(128,128,128,.25)}
.chainrule .paths td{border:0;width:auto;flex:0 0 auto}
.chainrule .paths td:first-child{flex:0 0 100%;min-width:0}
.chainrule .paths .share{flex:1 1 8em}
.chainrule .wide .figure{width:auto}
.chainrule .wide .share{display:none}
}
"""


def part(inside: str) -> str:
    """A page part with its style, which reaches nothing else."""
    colours = "".join(f".chainrule .l{l}{{color:{colour}}}" for l, colour in enumerate(_COLOURS, start=1))
    return f'<div class="chainrule"><style>{_STYLE.strip()}{colours}</style>{inside}</div>'


def page(title: str, inside: str) -> str:
    """A whole page around a part: light or dark as the reader's system is."""
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{printable(title)}</title>"
        "<style>:root{color-scheme:light dark}body{font-family:system-ui,sans-serif;margin:1em}</style>"
        f"</head><body>{inside}</body></html>"
    )


def box(formula: str, kind: str = "") -> str:
    """A formula in a box of its own, which scrolls where the formula is too long."""
    return f'<span class="scroll{" " + kind if kind else ""}">{formula}</span>'


def equation(left: str, right: str) -> str:
    """``left = right``, two formulas as one."""
    return box(left.removesuffix("</math>") + "<mo>=</mo>" + right.removeprefix("<math>"))


def equals(formula: str, kind: str = "") -> str:
    """``= formula``, to stand after another."""
    return box(formula.replace("<math>", "<math><mo>=</mo>", 1), kind)


def value(number: float, digits: int = 6) -> str:
    """A number as a formula."""
    return f"<math>{MathWriter(digits=digits).write(Number(number))}</math>"


def table(kind: str, header: Sequence[tuple[str, str]], rows: Iterable[Sequence[str]]) -> str:
    """A table: ``paths`` puts its cells below one another on a narrow page, ``wide`` scrolls.

    Each column has its class; cells are HTML already.
    """
    kinds = [f' class="{kind}"' if kind else "" for _, kind in header]
    head = "".join(f"<th{kind}>{printable(words)}</th>" for kind, (words, _) in zip(kinds, header, strict=True))
    body = "".join(
        "<tr>" + "".join(f"<td{kind}>{cell}</td>" for kind, cell in zip(kinds, row, strict=True)) + "</tr>"
        for row in rows
    )
    return f'<div class="{kind}"><table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></div>'


def bar(share: float, largest: float) -> str:
    """A share as a bar: from the middle to the right, or to the left where it is negative."""
    width = 50 * min(abs(share) / largest, 1.0) if largest else 0.0
    left = 50 - width if share < 0 else 50
    less = ' class="less"' if share < 0 else ""
    return f'<div class="bar"><i{less} style="left:{left:.1f}%;width:{width:.1f}%"></i></div>'


def heading(words: str) -> str:
    """The heading of a part."""
    return f"<h3>{printable(words)}</h3>"
