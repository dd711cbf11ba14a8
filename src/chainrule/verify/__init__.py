"""Proofs: gradients against finite differences, rows of the tables against their formulas."""
