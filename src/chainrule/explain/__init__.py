"""Derivations as data, then rendered as text, LaTeX and HTML."""

from chainrule.explain.derivation import Derivation, derive

__all__ = ["Derivation", "derive"]
