"""What is done to layers stands in tables: each lists every layer of the library, or the test says why it does not."""

import pytest

import chainrule as cr
from chainrule.core.layers import LAYERS, Scale
from chainrule.core.layers.visit import entry_of
from chainrule.engine import support
from chainrule.engine.runtime.plan import LAYER_OPS
from chainrule.errors import InputError
from chainrule.explain.edges import EDGES
from chainrule.explain.layer_equations import LAYER_EQUATIONS
from chainrule.explain.layer_formulas import LAYER_FORMULAS
from chainrule.explain.parameters import PARAMETERS
from chainrule.explain.symbolic import NET_INPUTS
from chainrule.interchange.pytorch import TORCH_LINES
from chainrule.interchange.source.layers import LAYER_SOURCES
from chainrule.marking.parameter_roles import PARAMETER_ROLES
from chainrule.plots.layout import LAYER_NAMES

TABLES = {
    "formulas": LAYER_FORMULAS,
    "matrix equations": LAYER_EQUATIONS,
    "edges of a derivation": EDGES,
    "parameters of a derivation": PARAMETERS,
    "proofs by computer algebra": NET_INPUTS,
    "NumPy": LAYER_SOURCES,
    "PyTorch": TORCH_LINES,
    "marking": PARAMETER_ROLES,
    "pictures": LAYER_NAMES,
    "kernels": LAYER_OPS,
}

LEFT_OUT = {("kernels", Scale): "it has no kernel; engine='auto' takes the reference engine"}
"""By table and layer, why it is not supported."""


@pytest.mark.parametrize("table", TABLES)
def test_every_table_covers_every_layer(table):
    left_out = {layer for name, layer in LEFT_OUT if name == table}
    assert set(TABLES[table]) == set(LAYERS.values()) - left_out


def test_what_the_engine_says_it_compiles_is_what_it_has_kernels_for():
    assert set(support.COMPILED) == set(LAYER_OPS)


def test_the_parameters_of_each_layer_are_those_its_tables_name():
    for kind, layer in {"Dense": cr.Dense(2), "LayerNorm": cr.LayerNorm(), "BatchNorm": cr.BatchNorm(),
                        "Scale": cr.Scale(), "Dropout": cr.Dropout(0.5)}.items():  # fmt: skip
        shapes = set(layer.parameter_shapes(3))
        roles = PARAMETER_ROLES[LAYERS[kind]]
        assert set(PARAMETERS[LAYERS[kind]]) == shapes
        assert {roles.weights, roles.bias} - {None} == shapes


def test_a_layer_that_is_in_no_table_is_named_with_what_it_cannot_do():
    with pytest.raises(InputError, match=r"Scale\(start=1\.0\) cannot be compiled: only Dense, .* can"):
        entry_of(LAYER_OPS, cr.Scale(), "be compiled")
