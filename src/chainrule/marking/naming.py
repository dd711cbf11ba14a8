"""A mistake of an explanation as the learner reads it: explanation, equation, numbers and confidence."""

from collections.abc import Mapping, Sequence

from chainrule.core.arrays import Array
from chainrule.marking.backward import run_backward
from chainrule.marking.confidence import GradientsOf, confidences
from chainrule.marking.evidence import Case
from chainrule.marking.forward_context import ForwardContext
from chainrule.marking.hypothesis import Hypothesis
from chainrule.marking.instance import MistakeInstance, changes_of
from chainrule.marking.quantity import WrongQuantity, is_gradient, most_wrong_gradient, wrong_quantities
from chainrule.marking.result import Confidence, Equation, NamedMistake


def name_mistakes(
    case: Case,
    h: Hypothesis,
    found: Sequence[Hypothesis],
    nearest: tuple[str, float],
    gradients_of: GradientsOf,
    unit: float,
) -> tuple[NamedMistake, ...]:
    """All mistakes, conventions and kinks of a hypothesis, in its order.

    Args:
        case: the learner's gradients, in units of the network's loss.
        h: the hypothesis.
        found: all explanations, of which it is one.
        nearest: the single mistake that comes nearest without fitting, and its distance.
        gradients_of: gives a recipe's gradients.
        unit: the constant by which the learner's loss is a multiple of the network's: gradients are shown times it.
    """
    right = gradients_of(())
    quantities = wrong_quantities(case.forward, h, run_backward(case.forward, changes_of(h.recipe)))
    sure = confidences(case, h, found, nearest, gradients_of)
    return tuple(
        name_mistake(instance, case.forward, _shown(case, instance, quantity, right, unit), confidence)
        for instance, quantity, confidence in zip(h.recipe, quantities, sure, strict=True)
    )


def name_mistake(
    instance: MistakeInstance, forward: ForwardContext, numbers: WrongQuantity, confidence: Confidence
) -> NamedMistake:
    """One mistake, with the placeholders of its catalogue entry filled in."""
    m, l = instance.mistake, instance.made_at
    phi = forward.chain.layers[l - 1].activation.name if l else "phi"
    words = {"l": str(l), "k": str(l - 1), "v": instance.label, "phi": phi}
    equation = Equation(
        _filled(m.right, words), _filled(m.wrong, words), _latex(m.right_latex, words), _latex(m.wrong_latex, words)
    )
    explanation = _filled(m.explanation, words)
    return NamedMistake(m.code, instance.layer, instance.label, explanation, equation, *numbers, confidence)


def _shown(
    case: Case, instance: MistakeInstance, quantity: WrongQuantity, right: Mapping[str, Array], unit: float
) -> WrongQuantity:
    """The numbers beside a mistake, gradients in the learner's units; a whole gradient if no single pass has it."""
    if quantity.name and instance.mistake.kind == "mistake" and not quantity.differs:
        return most_wrong_gradient(case.given, right)
    if is_gradient(instance):
        return WrongQuantity(quantity.name, unit * quantity.yours, unit * quantity.right)
    return quantity


def _filled(template: str, words: Mapping[str, str]) -> str:
    for key, word in words.items():
        template = template.replace("{" + key + "}", word)
    return template


def _latex(template: str, words: Mapping[str, str]) -> str:
    """Braces stay, so that an index of two digits is one index."""
    for key, word in words.items():
        template = template.replace("{" + key + "}", "{" + word + "}")
    return template
