"""What the plots share: colours and a new figure.

The two hues are blue and vermilion of the palette that people with every common colour vision tell apart (Okabe & Ito
2008, "Color Universal Design"; recommended in Wong 2011, Nature Methods 8, 441).
"""

from typing import Any

import matplotlib.pyplot as plt
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.textpath import TextPath

BLUE = "#0072b2"
VERMILION = "#d55e00"
INK = "#222222"
MUTED = "#666666"
PAPER = "#ffffff"

Colour = tuple[float, float, float]


def new_axes(width: float, height: float, **options: Any) -> Axes:
    """Axes on a figure of their own, ``width`` by ``height`` inches, on white whatever the style in force.

    The figure is made by pyplot, so that notebooks and windows show it; the backend stays the one in use.
    """
    _, ax = plt.subplots(figsize=(width, height), facecolor=PAPER, **options)
    ax.set_facecolor(PAPER)
    return ax


def tint(colour: str, amount: float) -> Colour:
    """The colour mixed with white: 1 is the colour itself, 0 is white; opaque, so that every format can print it."""
    red, green, blue = (1 - amount * (1 - part) for part in to_rgb(colour))
    return red, green, blue


def text_width(text: str, size: float) -> float:
    """How wide a text is, in the unit that ``size`` is given in."""
    return float(TextPath((0, 0), text, size=100).get_extents().width) * size / 100
