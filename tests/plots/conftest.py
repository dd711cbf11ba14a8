import matplotlib as mpl
import matplotlib.pyplot as plt
import pytest


@pytest.fixture(autouse=True)
def headless():
    """Draw without a screen, and leave no figure behind."""
    mpl.use("Agg")
    yield
    plt.close("all")
