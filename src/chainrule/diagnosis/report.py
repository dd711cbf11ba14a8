"""A diagnosis as text for the terminal and as HTML for the notebook."""

from collections.abc import Iterator
from html import escape

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import number
from chainrule.diagnosis.headline import headline, of_what, share, trials, verdict
from chainrule.diagnosis.result import Diagnosis, Finding, Rerun
from chainrule.diagnosis.score import LOST
from chainrule.explain.render.html import heading, part


def text(d: Diagnosis) -> str:
    """The causes with their proofs, the learning rate, and what is ruled out."""
    lines = [headline(d), f"  {_run(d)}"]
    for finding in d.findings:
        lines += ["", finding_text(finding)]
    lines += ["", str(d.learning_rate)]
    if d.ruled_out:
        lines += ["", "looked at, not the cause:"]
        lines += [f"  {line}" for finding in d.ruled_out for line in _aside(finding)]
    return "\n".join(lines)


def _run(d: Diagnosis) -> str:
    losses = d.measurements.losses
    if not losses.size:
        return "the run reached inf or NaN before an epoch was finished"
    ended = f"{len(losses)} epochs, loss {number(losses[0])} to {number(losses[-1])}"
    if d.measurements.training.error is not None:
        return f"{ended}, then it reached inf or NaN"
    if d.measurements.training.history.restored:
        ended += f"; kept at its best, epoch {d.measurements.training.history.best_epoch}"
    validation = d.remaining.validation
    also = "" if validation is None else f", {_percent(validation)} on the validation rows"
    return f"{ended}: {_percent(d.remaining.training)} of {of_what(d.measurements.score.training)}{also}"


def _percent(value: float) -> str:
    return f"{LOST:.0%} or more" if value > 0.999 * LOST else f"{value:.1%}"


def finding_text(finding: Finding) -> str:
    """Title, explanation, remedy, proof."""
    lines = [f"{finding.code} ({finding.severity}, {finding.certainty})", f"  {finding.explanation}"]
    if finding.remedy is not None:
        lines.append(f"  remedy: {finding.remedy.text}")
    if finding.proof is not None:
        lines.append(f"  proof: {_proof(finding)}")
    return "\n".join(lines)


def _proof(finding: Finding) -> str:
    proof = finding.proof
    assert proof is not None
    return (
        f"from the same seed with only that changed the run ends at {share(proof.after)} instead of "
        f"{share(proof.before)} of {proof.whole}; that closes {proof.share:.0%} of the gap"
    )


def _aside(finding: Finding) -> Iterator[str]:
    yield f"{finding.code}: {finding.verdict}"
    yield f"  {finding.explanation}"
    if finding.proof is not None:
        yield (
            f"  tried: {finding.proof.changed}; it ends at {share(finding.proof.after)} instead of "
            f"{share(finding.proof.before)}"
        )


def html(d: Diagnosis) -> str:
    """The same for a notebook, each finding with its two loss curves; no script, nothing loaded."""
    parts = [f'<div class="title">{escape(verdict(d))}</div>']
    if d.outcome == "not explained" and (tried := trials(d)):
        parts.append(f"<p>{escape(tried)}</p>")
    parts.append(f"<p>{escape(_run(d))}</p>")
    for finding in d.findings:
        parts += _finding_html(finding)
    parts += [heading("learning rate"), _rate_table(d)]
    if d.ruled_out:
        asides = "".join(_aside_html(finding) for finding in d.ruled_out)
        count = len(d.ruled_out)
        parts.append(
            f'<details><summary class="line">Looked at, not the cause: {count}</summary>'
            f'<div class="below">{asides}</div></details>'
        )
    return part("".join(parts))


def _finding_html(finding: Finding) -> Iterator[str]:
    yield heading(f"{finding.code} ({finding.severity}, {finding.certainty})")
    yield f"<p>{escape(finding.explanation)}</p>"
    if finding.remedy is not None:
        yield f"<p><strong>Remedy:</strong> {escape(finding.remedy.text)}</p>"
    if finding.proof is not None:
        yield f"<p><strong>Proof:</strong> {escape(_proof(finding))}.</p>{_curves(finding.proof)}"


def _rate_table(d: Diagnosis) -> str:
    """The verdict on the learning rate, line by line."""
    first, *lines = str(d.learning_rate).split("\n")
    rest = "<br>".join(escape(line.strip()) for line in lines)
    return f"<p><strong>{escape(first)}</strong><br>{rest}</p>"


def _aside_html(finding: Finding) -> str:
    title, *rest = _aside(finding)
    lines = "<br>".join(escape(line.strip()) for line in rest)
    return f"<p><strong>{escape(title)}</strong><br>{lines}</p>"


_WIDTH, _HEIGHT, _POINTS = 440, 120, 220
_COLOURS = ("#d04a3e", "#4a76e0")


def _curves(proof: Rerun) -> str:
    """Both loss curves as a small picture, logarithmic if they span much."""
    curves = [_thinned(curve) for curve in (proof.baseline, proof.remedied)]
    values = np.concatenate([y[np.isfinite(y)] for _, y in curves])
    if not values.size:
        return ""
    log = values.min() > 0 and values.max() > 20 * values.min()
    low, high = (np.log10(v) if log else v for v in (values.min(), values.max()))
    last = max(float(x[-1]) for x, _ in curves) or 1.0
    lines = []
    for (x, y), colour in zip(curves, _COLOURS, strict=True):
        with np.errstate(all="ignore"):
            height = (np.log10(y) if log else y) - low
        good = np.isfinite(height)
        down = (1 - height[good] / ((high - low) or 1)) * (_HEIGHT - 8) + 4
        points = " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(x[good] / last * (_WIDTH - 8) + 4, down, strict=True))
        lines.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="1.5"/>')
    named = (
        f'<span style="color:{_COLOURS[0]}">as it was</span>, '
        f'<span style="color:{_COLOURS[1]}">{escape(proof.changed)}</span>'
    )
    scale = f"loss by epoch, {number(values.min(), 3)} to {number(values.max(), 3)}{', logarithmic' if log else ''}"
    return (
        f'<svg viewBox="0 0 {_WIDTH} {_HEIGHT}" style="max-width:{_WIDTH}px;width:100%" role="img">'
        f"<title>{escape(scale)}</title>{''.join(lines)}</svg>"
        f'<div class="note">{named}: {escape(scale)}</div>'
    )


def _thinned(curve: Array) -> tuple[Array, Array]:
    """Epochs and losses of at most ``_POINTS`` epochs, the last among them; one NaN if no epoch was finished."""
    if not len(curve):
        return np.zeros(1), np.full(1, np.nan)
    chosen = np.unique(np.linspace(0, len(curve) - 1, _POINTS).astype(int))
    return chosen.astype(float), curve[chosen]
