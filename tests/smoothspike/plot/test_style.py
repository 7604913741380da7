from itertools import pairwise

import matplotlib
from matplotlib import colors
from matplotlib import pyplot as plt

from smoothspike.plot import COLORS, lighter, paper_style


def test_settings_are_restored():
    before = dict(matplotlib.rcParams)
    with paper_style():
        assert matplotlib.rcParams["axes.linewidth"] == 0.6
        _, ax = plt.subplots()
        assert not ax.spines["right"].get_visible()
    assert dict(matplotlib.rcParams) == before


def test_neighbouring_colours_differ_in_lightness_or_hue():
    assert len(set(COLORS)) == len(COLORS)
    rgb = [colors.to_rgb(color) for color in COLORS]
    assert all(sum(abs(a - b) for a, b in zip(x, y, strict=True)) > 0.5 for x, y in pairwise(rgb))


def test_lighter():
    assert lighter("#0072B2", 0.0) == "#0072b2"
    assert lighter("black", 0.5) == "#808080"
