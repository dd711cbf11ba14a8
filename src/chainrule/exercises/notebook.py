"""A Jupyter notebook as plain data in nbformat 4.5, the content of an ``.ipynb`` file.

References:
    https://nbformat.readthedocs.io/en/latest/format_description.html
"""

from collections.abc import Sequence
from typing import Any


def markdown_cell(name: str, text: str) -> dict[str, Any]:
    """A cell of text; ``name`` is its id, unique in the notebook."""
    return {"cell_type": "markdown", "id": name, "metadata": {}, "source": text}


def code_cell(name: str, code: str) -> dict[str, Any]:
    """A cell of code that has not been run; ``name`` is its id, unique in the notebook."""
    return {
        "cell_type": "code",
        "execution_count": None,
        "id": name,
        "metadata": {},
        "outputs": [],
        "source": code,
    }


def notebook(cells: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The notebook of these cells, for a Python kernel."""
    return {
        "cells": list(cells),
        "metadata": {
            "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
            "language_info": {"name": "python"},
        },
        "nbformat": 4,
        "nbformat_minor": 5,
    }
