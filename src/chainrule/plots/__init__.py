"""Pictures of histories and networks. Importing this room imports Matplotlib; the rest of the library does without."""

from chainrule.plots.history import plot_history
from chainrule.plots.network import plot_network

__all__ = ["plot_history", "plot_network"]
