"""A network as code that does not need this library: NumPy and PyTorch."""

from chainrule.interchange.python import to_python
from chainrule.interchange.pytorch import to_pytorch

__all__ = ["to_python", "to_pytorch"]
