"""A weight is swept through the disappearance of a spike: spike times move on smoothly, those of the LIF jump."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import smoothspike as ss

T, STEPS, CAPACITY = 4.0, 10_000, 16
# Neighbouring weights move a spike by rounding errors, 2e-16 times a sensitivity of up to a few hundred.
NEIGHBOURS = 1e-13
# Between neighbouring steps the slope changes by the second derivative; 2 % for its own change on the way.
SLACK = 1.02

# The model, the times of the inputs, their weights in units of the swept one, and where the sweep begins and ends.
SWEEPS = {
    "QIF": (ss.models.qif, [0.5], [1.0], (3.5, 2.0)),
    "QIF, second spike": (ss.models.qif, [0.0, 0.2, 2.0], [1.0, 2.0, 1.0], (5.0, 2.5)),
    "QIF (delta)": (ss.models.qif_delta, [0.5, 2.0], [1.0, 0.5], (1.4, 0.6)),
    "theta": (lambda: ss.models.theta_neuron(tau_m=2.0), [0.5], [1.0], (0.5, -3.0)),
}


def spike_times(model, input_times, ratios, count):
    """The first spikes, pseudospikes among them, and the number of ordinary ones, as functions of the weight."""
    neuron = ss.Neuron(model, allow_discontinuous=True)
    inputs = ss.Spikes(input_times, np.arange(len(input_times)))

    def run(weight):
        net = ss.FeedForward(neuron, (len(ratios), 1), T, weights=[weight * jnp.array([ratios])])
        record = net(inputs, capacity=CAPACITY)
        return record.spike_times(count)[0], record.spikes[-1].num_events

    return run


def neighbours_around_the_loss(run, high, low):
    """The two neighbouring numbers between which a spike disappears."""

    def counts(weight):
        return run(weight)[1]

    lost = int(counts(jnp.array(high))) - 1
    assert counts(jnp.array(low)) == lost >= 0
    while not low == np.nextafter(high, low):
        middle = (low + high) / 2
        middle = np.nextafter(high, low) if middle in (low, high) else middle
        low, high = (middle, high) if counts(jnp.array(middle)) <= lost else (low, middle)
    return high, low


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=pytest.mark.slow if name == "QIF, second spike" else ()) for name in SWEEPS]
)
def test_spike_leaves_through_the_trial_end(name, figures, float64):
    declare, times, ratios, (high, low) = SWEEPS[name]
    run = spike_times(declare(), times, ratios, 4)
    last = int(run(jnp.array(high))[1]) - 1  # the spike that disappears

    def swept(weight):
        return run(weight)[0][last]

    def slope(weight):
        return jax.jvp(swept, (weight,), (jnp.ones_like(weight),))

    def all_of(weight):
        (time, first), (_, second) = jax.jvp(slope, (weight,), (jnp.ones_like(weight),))
        return time, first, second, run(weight)[1]

    weights = np.linspace(high, low, STEPS)
    time, first, second, counts = map(np.asarray, eqx.filter_jit(jax.vmap(all_of))(weights))
    (crossing,) = np.flatnonzero(np.diff(counts))
    assert time[crossing] <= T < time[crossing + 1]
    step = abs(weights[1] - weights[0])
    steepest = np.maximum(np.abs(first[1:]), np.abs(first[:-1]))
    most_bent = np.maximum(np.abs(second[1:]), np.abs(second[:-1]))
    assert (np.abs(np.diff(time)) <= SLACK * step * steepest + NEIGHBOURS).all()
    assert (np.abs(np.diff(first)) <= SLACK * step * most_bent + NEIGHBOURS).all()
    above, below = neighbours_around_the_loss(eqx.filter_jit(run), high, low)
    (time_above, slope_above), (time_below, slope_below) = (slope(jnp.array(weight)) for weight in (above, below))
    assert abs(time_above - time_below) <= NEIGHBOURS
    assert abs(slope_above - slope_below) <= NEIGHBOURS * max(1, abs(float(second[crossing])))
    figures(
        f"sweep, {name}: {STEPS} weights; where the spike leaves the trial, neighbouring numbers move it by "
        f"{abs(time_above - time_below):.0e} and its slope {slope_above:.3f} by {abs(slope_above - slope_below):.0e}"
    )


def network(neuron, recurrent):
    """A neuron that loses its spike and one that sees it, connected as two layers or recurrently."""
    inputs = ss.Spikes([0.5, 1.0], [0, 1])

    def run(weight):
        if recurrent:
            net = ss.Recurrent(
                neuron, 2, 2, T, recurrent_weights=[[0.0, 0.0], [2.0, 0.0]],
                input_weights=weight * jnp.array([[1.0, 0.0], [0.0, 0.5]]),
            )  # fmt: skip
            record = net(inputs, capacity=CAPACITY)
            return record.spike_times(2)[1], record.spikes[0].counts(2)[0]
        net = ss.FeedForward(neuron, (2, 1, 1), T, weights=[weight * jnp.array([[1.0, 0.0]]), [[2.0]]])
        record = net(inputs, capacity=CAPACITY)
        return record.spike_times(2)[0], record.spikes[0].num_events

    return run


@pytest.mark.parametrize("recurrent", [False, True], ids=["layers", "recurrent"])
@pytest.mark.parametrize("name", ["QIF", "QIF (delta)", "theta"])
def test_neurons_that_see_the_spike_move_on_continuously(name, recurrent, float64):
    declare, *_, (high, low) = SWEEPS[name]
    run = eqx.filter_jit(network(ss.Neuron(declare()), recurrent))  # compiled in two ways it may round in two
    above, below = neighbours_around_the_loss(run, high, low)
    before, after = (run(jnp.array(weight)) for weight in (above, below))
    np.testing.assert_allclose(before[0], after[0], rtol=0, atol=NEIGHBOURS)
    assert before[1] == after[1] + 1


@pytest.mark.parametrize("tau_s", [0.5, 1.0])
def test_spike_of_the_lif_jumps(tau_s, figures, float64):
    run = spike_times(ss.models.lif(tau_s=tau_s), [0.5], [1.0], 1)
    run = eqx.filter_jit(run)
    above, below = neighbours_around_the_loss(run, 4.5 if tau_s == 0.5 else 3.0, 2.0)
    before, after = (float(run(jnp.array(weight))[0][0]) for weight in (above, below))
    assert before < T / 2  # in the middle of the trial
    assert after > T
    figures(f"sweep, LIF with tau_s = {tau_s}: neighbouring numbers move the spike from {before:.2f} to {after:.2f}")
    # The jump is the model's: the potential's maximum passes the threshold there.
    largest = above * {0.5: 0.25, 1.0: np.exp(-1)}[tau_s]
    assert abs(largest - 1) < NEIGHBOURS
