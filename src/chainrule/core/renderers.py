"""The functions that draw or write results: one table, so that results import no renderer and no higher package.

A result is plain data. ``history.plot()`` or ``print(diagnosis)`` looks here for the function that does it, by the
result's class and the kind of output, and imports that function's module only then: a program that never plots never
imports a plotting library.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

RENDERERS: dict[str, dict[str, str]] = {
    "History": {
        "plot": "chainrule.plots.history:plot_history",
        "diagnose": "chainrule.diagnosis.api:diagnose_history",
    },
    "Derivation": {
        "text": "chainrule.explain.render.derivation_text:derivation_text",
        "latex": "chainrule.explain.render.latex:derivation_latex",
        "html": "chainrule.explain.render.derivation_html:derivation_html",
    },
    "Step": {
        "text": "chainrule.explain.render.step_text:step_text",
        "html": "chainrule.explain.render.step_html:step_html",
    },
    "Steps": {"html": "chainrule.explain.render.step_html:step_html"},
    "Network": {"plot": "chainrule.plots.network:plot_network"},
    "Diagnosis": {
        "text": "chainrule.diagnosis.report:text",
        "html": "chainrule.diagnosis.report:html",
        "headline": "chainrule.diagnosis.headline:headline",
        "plot": "chainrule.plots.diagnosis:plot_diagnosis",
    },
    "Finding": {
        "text": "chainrule.diagnosis.report:finding_text",
    },
    "Sweep": {"plot": "chainrule.plots.sweep:plot_sweep"},
    "LearningRateTest": {"plot": "chainrule.plots.sweep:plot_learning_rates"},
    "Marking": {
        "text": "chainrule.marking.render:text",
        "html": "chainrule.marking.render:html",
    },
}
"""For each class of results: the ways to show it, and for each the function that does it, as ``module:function``."""


def renderer(result: object, way: str) -> Callable[..., Any]:
    """The function that shows a result in one way; the result is its first argument.

    Args:
        result: an instance of a class in the table, or of one derived from it.
        way: such as "text", "html" or "plot".

    Example:
        >>> from chainrule.training import History
        >>> renderer(History(seed=0), "plot").__name__
        'plot_history'
    """
    ways = next(RENDERERS[kind.__name__] for kind in type(result).__mro__ if kind.__name__ in RENDERERS)
    module, function = ways[way].split(":")
    return getattr(import_module(module), function)
