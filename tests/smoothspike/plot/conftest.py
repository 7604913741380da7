import matplotlib
import pytest
from matplotlib import pyplot as plt


@pytest.fixture(autouse=True)
def figures():
    """Draw without a screen, and leave no figure open."""
    with matplotlib.rc_context({"backend": "Agg"}):
        yield
    plt.close("all")
