"""Model files and checkpoints: data only, never code."""

from chainrule.files.models import load, save, unpack
from chainrule.files.packing import own_components, pack

__all__ = ["load", "own_components", "pack", "save", "unpack"]
