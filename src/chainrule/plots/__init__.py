"""Pictures of histories and networks. Importing this package imports Matplotlib, which the rest does not need."""

from chainrule.plots.history import plot_history
from chainrule.plots.network import plot_network

__all__ = ["plot_history", "plot_network"]
