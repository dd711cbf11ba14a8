"""The notebooks' networks, and small nets with one planted fault."""

import sys
from pathlib import Path

import numpy as np
import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture
def notebooks(monkeypatch):
    """The examples' modules: ``notebooks("hidden_layer_regression")``."""
    monkeypatch.syspath_prepend(str(EXAMPLES))

    def load(name):
        import importlib

        return importlib.import_module(name)

    yield load
    for name in ("hidden_layer_regression", "two_two_one"):
        sys.modules.pop(name, None)


@pytest.fixture
def ring():
    """Two classes, one around the other, standardised: (x, t)."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(80, 2))
    t = (np.linalg.norm(x, axis=1) > 1.1).astype(float)[:, None]
    return (x - x.mean(0)) / x.std(0), t


@pytest.fixture
def wave():
    """A smooth function of two inputs, standardised: (x, t)."""
    rng = np.random.default_rng(1)
    x = rng.uniform(-1, 1, size=(60, 2)) * np.sqrt(3)
    t = np.sin(1.5 * x[:, :1]) + 0.5 * x[:, 1:] ** 2
    return x, (t - t.mean(0)) / t.std(0)
