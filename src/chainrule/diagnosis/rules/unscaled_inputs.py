"""Inputs of very different sizes, or far from 0: the loss is curved far more in one direction than in another.

The curvature of a first layer is proportional to the moments of its inputs, ``x' x/N`` (with a column of ones for the
bias): their condition number says how many times as many steps the flattest direction takes as the steepest. LeCun,
Bottou, Orr & Müller 1998, Efficient BackProp, section 4.3.
"""

from dataclasses import dataclass

import numpy as np

from chainrule.core.arrays import Array
from chainrule.core.format import number
from chainrule.core.layers import BatchNorm, LayerNorm
from chainrule.diagnosis.case import Case
from chainrule.diagnosis.measurements import Measurements
from chainrule.diagnosis.rule import Remedy, Rule, Suspicion

LARGE, SMALL = 10.0, 0.05  # root mean square of a column
SPREAD = 30.0  # between the columns' sizes
FAR = 5.0  # mean over standard deviation


@dataclass(frozen=True)
class InputScales:
    """By column, and the conditioning before and after standardising.

    Attributes:
        mean, deviation, size: of each column; ``size`` is the root mean square.
        before, after: condition number of the moments of the inputs and a one.
        rate_before, rate_after: ``2/lambda_max`` of one linear neuron with squared error.
    """

    mean: Array
    deviation: Array
    size: Array
    before: float
    after: float
    rate_before: float
    rate_after: float


def measure(run: Measurements) -> InputScales | None:
    """The columns' moments; None if the first layer normalises them."""
    if isinstance(run.case.chain.layers[0], BatchNorm | LayerNorm):
        return None
    x = run.case.data.x.astype(np.float64)
    with np.errstate(all="ignore"):
        mean, deviation = x.mean(axis=0), x.std(axis=0)
        size = np.sqrt((x**2).mean(axis=0))
        if not np.isfinite(size).all():
            return None
        before, rate_before = _conditioning(x)
        after, rate_after = _conditioning(standard(x, mean, deviation))
    return InputScales(mean, deviation, size, before, after, rate_before, rate_after)


def standard(x: Array, mean: Array, deviation: Array) -> Array:
    """Columns of mean 0 and standard deviation 1; constant ones are only shifted."""
    return (x - mean) / np.where(deviation > 0, deviation, 1.0)


def _conditioning(x: Array) -> tuple[float, float]:
    moments = np.column_stack([x, np.ones(len(x))])
    values = np.linalg.eigvalsh(2 * moments.T @ moments / len(x))
    curved = values[values > 1e-12 * values[-1]]
    return float(values[-1] / curved[0]), float(2 / values[-1])


def judge(found: InputScales, _: Measurements) -> Suspicion | None:
    """A column far larger or smaller than 1, or than the others, or far from 0."""
    varies = found.deviation > 1e-12 * np.maximum(found.size, 1e-300)
    if not varies.any():
        return None
    size, far = found.size[varies], np.abs(found.mean[varies]) / found.deviation[varies]
    wrong = size.max() > LARGE or size.max() < SMALL or size.max() / size.min() > SPREAD or far.max() > FAR
    usual = SMALL <= size.max() <= LARGE
    if not wrong or (usual and found.before < 2 * found.after):
        return None
    k = (
        int(np.argmax(found.size))
        if size.max() > LARGE or size.max() / size.min() > SPREAD
        else int(np.argmin(found.size))
    )
    named = [
        {"column": f"x[{i}]", "mean": found.mean[i], "deviation": found.deviation[i]}
        for i in np.argsort(-found.size)[:5].tolist()
    ]
    explanation = (
        f"The inputs are not scaled: x[{k}] has mean {number(found.mean[k], 3)} and standard deviation "
        f"{number(found.deviation[k], 3)}. The condition number of the inputs is {number(found.before, 3)}; "
        f"standardised it is {number(found.after, 3)}, and the critical rate of a linear neuron goes from "
        f"{number(found.rate_before, 3)} to {number(found.rate_after, 3)}. Standardise each column: subtract its mean, "
        "divide by its standard deviation."
    )
    evidence = {
        "columns": named, "condition_number": found.before, "condition_number_standardised": found.after,
        "critical_rate_of_a_linear_neuron": found.rate_before, "critical_rate_standardised": found.rate_after,
    }  # fmt: skip
    text = "x standardised by column"
    remedy = Remedy(text, {"x": "(x - x.mean(0)) / x.std(0)"}, lambda case: _standardised(case, text))
    return Suspicion("unscaled-inputs", "warning", "structural", evidence, explanation, (remedy,), order=20)


def _standardised(case: Case, text: str) -> Case:
    x = case.data.x
    mean, deviation = x.mean(axis=0), x.std(axis=0)
    validation = None if case.validation is None else standard(case.validation.x, mean, deviation).astype(x.dtype)
    return case.with_inputs(text, standard(x, mean, deviation).astype(x.dtype), validation)


RULE = Rule("unscaled-inputs", "LeCun et al. 1998, section 4.3", measure, judge)
