"""What every layer promises."""

import numpy as np
import pytest

import chainrule as cr
from chainrule.core.layers import LAYERS, Dense, Layer

MADE = [cr.Dense(2, "relu", mask=[[1, 0], [1, 1]]), cr.Dropout(0.5), cr.LayerNorm("tanh"), cr.BatchNorm()]


def test_the_table_holds_every_layer_by_its_class_name():
    layers = (cr.Dense, cr.Dropout, cr.LayerNorm, cr.BatchNorm, cr.Scale)
    assert {layer.__name__: layer for layer in layers} == LAYERS


@pytest.mark.parametrize("layer", MADE, ids=lambda layer: type(layer).__name__)
def test_a_layer_cannot_be_changed_once_made(layer):
    with pytest.raises(AttributeError):
        layer.trainable = False


@pytest.mark.parametrize("layer", MADE, ids=lambda layer: type(layer).__name__)
def test_its_text_names_it_and_what_it_does(layer):
    assert repr(layer).startswith(f"{type(layer).__name__}(")
    assert "\n" not in repr(layer)


def test_a_text_tells_what_is_not_usual():
    assert "trainable=False" in repr(cr.Dense(2, trainable=False))
    assert "trainable" not in repr(cr.Dense(2))
    assert "shared" in repr(cr.Dense(2, bias="shared"))
    assert "bias=None" in repr(cr.Dense(2, bias=None))
    assert "mask" in repr(MADE[0])
    assert "init" not in repr(cr.Dense(2))


def test_layers_are_trainable_unless_told_otherwise():
    assert all(layer.trainable is True for layer in MADE)
    assert cr.Dense(2, trainable=False).trainable is False


def test_without_more_a_layer_is_trained_on_any_batch_and_keeps_no_state():
    layer: Layer = Dense(2)
    assert layer.smallest_batch == 1
    assert layer.initial_state(2, np.dtype("f8")) == {}
    assert layer.next_state({}, {"a": np.ones(1)}) == {}
    p = {"gamma": np.ones(2)}
    assert cr.LayerNorm().effective(p) is p
