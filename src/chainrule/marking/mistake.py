"""A mistake as the catalogue declares it, and the variants in which it is made."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

from chainrule.marking.backward import Change, Place


class Variant(NamedTuple):
    """One way to make a mistake.

    Attributes:
        label: such as ``"tanh'(z)"``; empty if there is only one way.
        change: the function that computes the wrong value; its arguments depend on the mistake's place (``Mistake``).
    """

    label: str
    change: Change


@dataclass(frozen=True, eq=False)
class Mistake:
    r"""One entry of the catalogue: a small change of the backward pass, and its explanation for the learner.

    Attributes:
        code: its name, such as ``"missing-activation-derivative"``.
        place: where in the backward pass it is made; see ``chainrule.marking.backward``.
        explanation: what was done, why it is wrong and what to write instead; ``{v}`` is the variant's label, ``{l}``
            the number of the layer at whose place it is made, ``{k}`` the one below, ``{phi}`` its activation.
        right, wrong: the line of mathematics as it is and as it was written, with the same placeholders.
        right_latex, wrong_latex: the same for a notebook.
        variants: a function of the place that returns the ways to make the mistake there, none where it does not
            apply. The place is a ``LayerContext`` ``at`` (with ``at.z``, ``at.a``, ``at.W``, ``at.activation``, and
            ``at.forward`` for the whole pass), or the ``ForwardContext`` ``forward`` if the place belongs to no layer.
        kind: ``"mistake"``, or ``"kink"`` for another choice at a kink, which is no mistake.

    A variant's change takes what its place computes with. Shapes: ``dy`` (N, outputs); ``da`` and ``delta`` (N, units);
    ``source``, what the weights multiply, (N, inputs of the layer); ``gradient`` has its parameter's shape; ``own`` are
    the layer's gradients by key, such as ``own["W"]``.

    ===================================  =====================================
    change                               returns
    ===================================  =====================================
    ``start(forward)``                   ``dy``
    ``rows(forward, dy)``                ``dy``
    ``delta(at, da)``                    ``delta``
    ``input(at)``                        ``source``
    ``weights(at, source, delta, da)``   the weights' gradient
    ``bias(at, delta, da)``              the bias's gradient
    ``update(at, gradient)``             the gradient
    ``down(at, delta, own)``             ``da`` of the layer below
    ``sign(forward, gradient)``          the gradient
    ``factor(forward, gradient)``        the gradient
    ===================================  =====================================

    Example:
        >>> halved = Mistake(
        ...     code="halved-delta", place="delta", explanation="delta{l} is half of what it should be.",
        ...     right="delta{l} = da{l} {phi}'(z{l})", wrong="delta{l} = da{l} {phi}'(z{l})/2",
        ...     right_latex=r"\delta_{l}", wrong_latex=r"\delta_{l}/2",
        ...     variants=lambda at: [Variant("", lambda at, da: da * at.activation.derivative(at.z) / 2)],
        ... )
    """

    code: str
    place: Place
    explanation: str = field(kw_only=True)
    right: str = field(kw_only=True)
    wrong: str = field(kw_only=True)
    right_latex: str = field(kw_only=True)
    wrong_latex: str = field(kw_only=True)
    variants: Callable[[Any], Iterable[Variant]] = field(kw_only=True)
    kind: Literal["mistake", "kink"] = field(default="mistake", kw_only=True)
