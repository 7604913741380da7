from typing import Any

import numpy as np
import pytest
from matplotlib import pyplot as plt

from smoothspike import plot

learning_curve: Any = plot.learning_curve  # matplotlib types what artists hold too loosely to be checked

HISTORY = [
    {"epoch": 1, "loss": 2.0, "accuracy": 0.2, "accuracy_without_pseudospikes": 0.0, "seconds": 3.0},
    {"epoch": 2, "loss": 0.5, "accuracy": 0.7, "accuracy_without_pseudospikes": 0.4, "seconds": 3.0},
    {"epoch": 3, "loss": 0.1, "accuracy": 1.0},
]


def test_losses_left_and_accuracies_right():
    ax = learning_curve(HISTORY)
    left, right = ax.figure.axes
    assert ax is left
    assert ax.get_yscale() == "log"
    (loss,) = left.get_lines()
    np.testing.assert_array_equal(loss.get_data(), [[1, 2, 3], [2.0, 0.5, 0.1]])
    accuracy, without = right.get_lines()
    np.testing.assert_allclose(accuracy.get_ydata(), [20, 70, 100])
    np.testing.assert_allclose(without.get_ydata(), [0, 40, np.nan])
    assert accuracy.get_linestyle() != without.get_linestyle()  # not by colour alone
    legend = right.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["accuracy", "accuracy without pseudospikes"]
    ax.figure.draw_without_rendering()


def test_a_loss_that_is_not_positive_has_a_linear_axis():
    ax = learning_curve([{"loss": 1.0}, {"loss": -1.0}])
    assert ax.get_yscale() == "linear"
    assert len(ax.figure.axes) == 1
    np.testing.assert_array_equal(ax.get_lines()[0].get_xdata(), [0, 1])


def test_accuracies_alone_are_on_the_left():
    figure, given = plt.subplots()
    ax = learning_curve([{"accuracy": 0.5}, {"accuracy": 0.9}], ax=given)
    assert ax is given
    assert figure.axes == [given]
    assert ax.get_ylabel() == "accuracy (%)"


def test_several_losses_have_a_legend():
    ax = learning_curve([{"loss": 1.0, "validation_loss": 2.0}, {"loss": 0.5, "validation_loss": 1.0}])
    legend = ax.get_legend()
    assert legend is not None
    assert [text.get_text() for text in legend.get_texts()] == ["loss", "validation loss"]


@pytest.mark.parametrize("history", [[], [{"epoch": 1, "seconds": 2.0}]])
def test_nothing_to_draw(history):
    with pytest.raises(ValueError, match="no row has a 'loss' or an 'accuracy'"):
        learning_curve(history)
