"""An activation and its derivative as lines of NumPy."""

from chainrule.core.activations import IDENTITY, Activation, ElementwiseActivation, RowActivation
from chainrule.core.unitwise import UnitwiseActivation
from chainrule.interchange.source.components import constants, row_formula
from chainrule.interchange.source.listing import Line


def activation_lines(l: int, row: Activation) -> list[Line]:
    """``a = phi(z)``."""
    z, a = f"z{l}", f"a{l}"
    if row is IDENTITY:
        return [Line(f"{a} = {z}", f"{a} = {z}: identity")]
    if isinstance(row, UnitwiseActivation):
        return _by_unit(a, z, row, "", f"{a}[n, j] = phi_j({z}[n, j]): each unit's own")
    formula = f"exp({z}[k])/sum over j of exp({z}[j]), by row"
    if isinstance(row, ElementwiseActivation):
        formula = row_formula(row.formula, f"{row.name}({z})", z=z)
    return [Line(f"{a} = {row.name}({z}{constants(row)})", f"{a} = {formula}")]


def _by_unit(name: str, z: str, row: UnitwiseActivation, prime: str, comment: str) -> list[Line]:
    """A column for each unit by its own function."""
    columns = []
    for j, own in enumerate(row.rows):
        column = f"{z}[:, {j}]"
        whole = f"np.ones_like({column})" if prime else column
        columns.append(whole if own is IDENTITY else f"{own.name}{prime}({column}{constants(own)})")
    return [Line(f"{name} = np.column_stack([", comment), *(Line(f"    {column},") for column in columns), Line("])")]


def delta_lines(l: int, row: Activation) -> list[Line]:
    """``delta = dE/dz`` from ``da = dE/da`` and the activation's derivative."""
    z, a, da, delta = f"z{l}", f"a{l}", f"da{l}", f"delta{l}"
    if row is IDENTITY:
        return [Line(f"{delta} = {da}", f"{delta} = dE/d{z} = dE/d{a}, as d{a}/d{z} = 1")]
    if isinstance(row, RowActivation):
        how = f"{delta}[j] = sum over k of dE/d{a}[k] d{a}[k]/d{z}[j], d{a}[k]/d{z}[j] = {a}[k] ([k = j] - {a}[j])"
        return [Line(f"{delta} = {row.name}_pull_back({a}, {da})", how)]
    slope = f"da{l}_dz{l}"
    if isinstance(row, UnitwiseActivation):
        first = _by_unit(slope, z, row, "_prime", f"d{a}/d{z} by unit: phi_j'({z}[n, j])")
    else:
        assert isinstance(row, ElementwiseActivation)
        prime = f"{row.name}'({z})"
        formula = row_formula(row.derivative_formula, prime, z=z, a=a)
        how = prime if formula == prime else f"{prime} = {formula}"
        first = [Line(f"{slope} = {row.name}_prime({z}{constants(row)})", f"d{a}/d{z} = {how}")]
    return [*first, Line(f"{delta} = {da} * {slope}", f"{delta} = dE/d{z} = dE/d{a} d{a}/d{z}")]
