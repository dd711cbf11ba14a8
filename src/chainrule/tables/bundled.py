"""A table that comes with the package, to try things on."""

from importlib.resources import files
from pathlib import Path


def penguins_path() -> Path:
    """The Palmer penguins: 344 rows, 8 columns, some cells missing.

    Species, island, bill length and depth (mm), flipper length (mm), body mass (g), sex and year of 344
    penguins of three species, measured near Palmer Station, Antarctica, from 2007 to 2009.

    Example:
        >>> penguins_path().name
        'penguins.csv'

    References:
        Gorman, Williams & Fraser (2014), Ecological sexual dimorphism and environmental variability within a
        community of Antarctic penguins (genus *Pygoscelis*), PLoS ONE 9(3): e90081.
        Horst, Hill & Gorman (2020), palmerpenguins: Palmer Archipelago (Antarctica) penguin data,
        doi:10.5281/zenodo.3960218. Dedicated to the public domain (CC0 1.0).
    """
    return Path(str(files("chainrule.tables") / "penguins.csv"))
