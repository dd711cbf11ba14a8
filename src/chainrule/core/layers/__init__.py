"""Layers, one in each file: declaration, forward, backward, second order."""

from chainrule.core.layers.base import Back, BackDot, Layer, Record, Run
from chainrule.core.layers.batch_norm import BatchNorm
from chainrule.core.layers.dense import Dense
from chainrule.core.layers.dropout import Dropout
from chainrule.core.layers.layer_norm import LayerNorm
from chainrule.core.layers.scale import Scale

LAYERS: dict[str, type[Layer]] = {kind.__name__: kind for kind in (Dense, Dropout, LayerNorm, BatchNorm, Scale)}
"""The table: every layer of the library by its name."""

__all__ = ["LAYERS", "Back", "BackDot", "BatchNorm", "Dense", "Dropout", "Layer", "LayerNorm", "Record", "Run", "Scale"]
