"""The search for changes of order, on trials whose events are given functions of the place."""

from types import SimpleNamespace

import numpy as np
import pytest

from smoothspike.landscape.causes import cause_of
from smoothspike.landscape.history import LayerHistory
from smoothspike.landscape.lines import Rows
from smoothspike.landscape.margins import Grazing
from smoothspike.landscape.search import Intervals, changes_between
from smoothspike.landscape.watch import Watch

DURATION = 3.0
ORDERS = Watch(False, True, "smooth", "impossible")


class Given:
    """One neuron, with one spike and one arrival at given functions of the place; `room` is how far it is from more."""

    def __init__(self, spike, arrival, room=None, watch=ORDERS):
        self.functions, self.room = (spike, arrival), room
        self.line = SimpleNamespace(plane=SimpleNamespace(network=SimpleNamespace(duration=DURATION)), span=2.0)
        self.watches = (watch,)
        self.count = 0

    def rows(self, places, samples):
        self.count += len(places)
        spike, arrival = (f(places)[:, None, None] for f in self.functions)
        moves = [(f(places + 1e-6) - f(places - 1e-6)) / 2e-6 for f in self.functions]
        inside = spike < DURATION
        first = np.where(inside, 1.0, spike - DURATION)[..., 0]
        below = np.zeros((len(places), 1, 0))
        both = [np.where(inside, spike, np.inf), np.where(inside, moves[0][:, None, None], 0.0)]
        rates = np.where(inside, 0.0, moves[0][:, None, None])[..., 0]
        sources = np.zeros((len(places), 1), int)
        far = np.full_like(spike, np.inf)
        own = LayerHistory(both[0], arrival, sources, first, Grazing(below, far))
        change = LayerHistory(both[1], moves[1][:, None, None], sources, rates, Grazing(below, np.zeros_like(spike)))
        return Rows(places, samples, spike[:, 0, 0], moves[0], (own,), (change,))


def _changes(given):
    places = np.linspace(-1, 1, 33)
    rows = given.rows(places, np.zeros(33, int))
    return changes_between(given, Intervals(rows[:-1], rows[1:], np.zeros(32, int)))


def _found(given):
    return np.sort(_changes(given).left.place)


def test_a_change_of_order_is_found_to_rounding():
    given = Given(lambda x: 1 + 0.5 * np.sin(x - 0.123456789), lambda x: np.ones_like(x))
    assert _found(given) == pytest.approx([0.123456789], abs=1e-13)
    assert given.count < 150


@pytest.mark.parametrize("gap", [1e-2, 1e-3, 1e-4])
def test_two_changes_that_undo_one_another_within_a_step_are_found(gap):
    given = Given(lambda x: 1 + (x - 0.3) * (x - 0.3 - gap), lambda x: np.ones_like(x))
    assert _found(given) == pytest.approx([0.3, 0.3 + gap], abs=1e-11)


def test_a_pair_that_comes_close_without_changing_places_is_no_event():
    assert _found(Given(lambda x: 1 + (x - 0.3) ** 2 + 1e-7, lambda x: np.ones_like(x))).size == 0


def test_orders_that_do_not_matter_are_not_searched():
    given = Given(lambda x: 1 + 0.5 * x, np.ones_like, watch=ORDERS._replace(orders=False))
    assert _found(given).size == 0


def test_a_spike_leaves_the_trial_where_it_reaches_its_end():
    changes = _changes(Given(lambda x: 3 + 0.2 * (x - 0.4) + 0.1 * (x - 0.4) ** 3, np.ones_like))
    assert changes.left.place == pytest.approx([0.4], abs=1e-13)
    cause = cause_of(changes.left[0].history, changes.right[0].history, (ORDERS,), DURATION)
    assert cause is not None
    assert (cause.kind, cause.neuron, cause.spike, cause.source) == ("trial end", 0, 0, None)


def test_a_spike_time_that_jumps_without_a_change_of_order_is_found():
    changes = _changes(Given(lambda x: np.where(x < 0.2, 1.4, 1.5), np.ones_like))
    assert changes.left.place == pytest.approx([0.2], abs=1e-12)
    cause = cause_of(changes.left[0].history, changes.right[0].history, (ORDERS,), DURATION)
    assert cause is not None
    assert (cause.kind, cause.time) == ("disappearance", 1.4)


def test_the_cause_of_a_change_of_order_names_both_that_change_places():
    changes = _changes(Given(lambda x: 1 + 0.5 * x, np.ones_like))
    cause = cause_of(changes.left[0].history, changes.right[0].history, (ORDERS,), DURATION)
    assert cause is not None
    assert (cause.kind, cause.neuron, cause.spike, cause.source) == ("order", 0, 0, 0)
    assert cause.time == pytest.approx(1.0)


def _recurrent(spikes):
    """The history of two neurons that send their spikes to both of them."""
    own = np.array(spikes)[:, None]
    far = Grazing(np.zeros((2, 0)), np.full((2, 1), np.inf))
    return (LayerHistory(own, own.reshape(1, 2), np.arange(2), np.full(2, 0.5), far),)


@pytest.mark.parametrize(
    ("before", "after", "kind", "neuron", "source"),
    [
        ((np.inf, np.inf), (1.5, np.inf), "appearance", 0, None),  # its own spike comes to it, too
        ((1.5, np.inf), (np.inf, 1.5 + 1e-12), "order", 0, 1),  # each neuron inhibits the other
        ((1.5, 2.0), (1.5 + 1e-12, 1.5), "order", 1, 0),  # one inhibits the other
    ],
)
def test_causes_in_recurrent_populations(before, after, kind, neuron, source):
    watch = ORDERS._replace(arrivals="renumbers", grazing="margins")
    cause = cause_of(_recurrent(before), _recurrent(after), (watch,), DURATION)
    assert cause is not None
    assert (cause.kind, cause.neuron, cause.source) == (kind, neuron, source)
