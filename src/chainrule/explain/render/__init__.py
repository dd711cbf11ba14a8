"""Derivations and steps, rendered as text, LaTeX, MathML and HTML."""
