import numpy as np
import pytest
from matplotlib.collections import QuadMesh

import smoothspike as ss
from smoothspike.landscape import Event, Landscape


def _line():
    x = np.linspace(-1, 1, 9)
    events = (
        Event(0.2, "appearance", 0, (0.04, 1.04), (0.4, -np.inf), 0, 0, 0, None, 1.0, True),
        Event(0.6, "trial end", 0, (1.36, 1.36), (1.2, 1.3), 0, 0, 0, None, 3.0, False),
    )
    values, slopes = x**2 + (x > 0.2), 2 * x
    return Landscape((x,), values, slopes[:, None], abs(slopes), values[None], slopes[None, :, None], events, (), 0)


def test_a_line_is_interrupted_at_jumps_and_marks_events_by_kind():
    ax = ss.plot.landscape(_line())
    curve = np.asarray(ax.lines[0].get_xydata())
    assert np.isnan(curve[:, 0]).sum() == 1
    assert [text.get_text() for text in ax.get_legend().get_texts()] == ["appearance", "trial end (kink)"]
    limits = ax.lines[1].get_xydata()
    assert limits == pytest.approx(np.array([[0.2, 0.04], [0.2, 1.04]]))


@pytest.mark.parametrize(("show", "label"), [("slope", "derivative of the loss"), ("gradient norm", "gradient norm")])
def test_gradients_on_a_line(show, label):
    ax = ss.plot.landscape(_line(), show=show)
    assert ax.get_ylabel() == label
    with pytest.raises(ValueError, match="mean loss alone"):
        ss.plot.landscape(_line(), show="gradient norm", sample=0)


def test_a_plane_is_a_map():
    x, y = np.linspace(-1, 1, 5), np.linspace(-2, 2, 7)
    values = x[:, None] ** 2 + y**2
    slopes = np.stack(np.broadcast_arrays(2 * x[:, None], 2 * y), -1)
    scape = Landscape((x, y), values, slopes, np.sqrt(values), values[None], slopes[None], (), (), 0)
    ax = ss.plot.landscape(scape, sample=0)
    assert any(isinstance(each, QuadMesh) for each in ax.collections)
    assert ax.get_xlim() == (-1, 1)
    with pytest.raises(ValueError, match="two slopes"):
        ss.plot.landscape(scape, show="slope")
    with pytest.raises(ValueError, match="one coordinate"):
        scape.curve()
