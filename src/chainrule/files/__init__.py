"""Model files and checkpoints: data only, never code."""

from chainrule.files.models import load, own_components, pack, save, unpack

__all__ = ["load", "own_components", "pack", "save", "unpack"]
